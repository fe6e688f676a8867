/*
 * What one sees of the service from outside while others torment it: how long it takes to answer
 * on a fresh connection, and what the process takes of the machine.
 *
 * Everything here asserts (cmocka).
 */
#ifndef TESTS_HARNESS_PROBE_H
#define TESTS_HARNESS_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "tests/http/service.h"

struct latencies {
    size_t n, refused; /* refused: not answered 200 */
    double p50, p99, max;
};

/* Ask for /healthz again and again for so long, at least so often, each time on a new connection.
 * Seconds from connect to the last byte. */
struct latencies probe_health(uint16_t port, double seconds, size_t at_least);

/* "what: N probes, p50 …" on stderr. */
void latencies_print(const struct latencies *l, const char *what);

uint16_t service_port(const struct service *s);

size_t process_rss_bytes(pid_t pid);
size_t process_descriptors(pid_t pid);
/* Processor time it has used, seconds. */
double process_cpu_seconds(pid_t pid);

#endif
