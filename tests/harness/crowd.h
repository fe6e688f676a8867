/*
 * A crowd of clients that do not behave: a thread of this process that holds many connections to
 * the service at once, each of which sends slowly, or reads nothing, and comes back when it is cut.
 *
 * Everything here asserts (cmocka), but on the crowd's own thread, which only counts.
 */
#ifndef TESTS_HARNESS_CROWD_H
#define TESTS_HARNESS_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crowd;

struct crowd_spec {
    uint16_t port;
    size_t n;
    const char *request;     /* what each sends as soon as it is connected */
    double drip_seconds;     /* then one more byte so often; 0: none */
    bool reads;              /* else nothing is ever taken, and the window is small */
    bool comes_back;         /* when it is cut, or cannot connect */
    double opens_per_second; /* of all together */
};

struct crowd_counts {
    size_t open;     /* connections that stand now */
    size_t most;     /* that stood at once */
    size_t opened;   /* in all */
    size_t cut;      /* closed by the service */
    size_t answered; /* clients that were answered since crowd_forget_answers, once each */
    size_t by_status[600];
    /* From the connection to the answer, of the quickest and of the slowest: seconds. */
    double quickest, slowest;
};

/* Raise the limit of descriptors of this process as far as it goes; how many that is. */
size_t crowd_raise_descriptor_limit(void);

/* spec.request is borrowed until crowd_free. */
struct crowd *crowd_start(const struct crowd_spec *spec);

struct crowd_counts crowd_count(struct crowd *c);
void crowd_forget_answers(struct crowd *c);

/* Hang up all at once (by resets), end the thread. */
void crowd_free(struct crowd *c);

#endif
