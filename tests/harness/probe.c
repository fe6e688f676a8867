#include "tests/harness/probe.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/harness/harness.h"

enum { MAX_PROBES = 100000, PATIENCE_SECONDS = 20 };

uint16_t service_port(const struct service *s)
{
    return (uint16_t)strtoul(strrchr(s->url, ':') + 1, NULL, 10);
}

/* --- latency --- */

/* One question; whether it was answered 200. */
static bool ask(uint16_t port)
{
    static const char request[] =
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    char text[4096];
    size_t n = 0;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(s >= 0);
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    bool ok = connect(s, (struct sockaddr *)&address, sizeof(address)) == 0 &&
              send(s, request, sizeof(request) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(request) - 1;
    for (ssize_t got; ok && n < sizeof(text) && (got = recv(s, text + n, sizeof(text) - n, 0)) > 0;)
        n += (size_t)got;
    close(s);
    return ok && n > 12 && memcmp(text, "HTTP/1.1 200", 12) == 0;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct latencies probe_health(uint16_t port, double seconds, size_t at_least)
{
    struct latencies l = {0};
    double *taken = calloc(MAX_PROBES, sizeof(*taken)), end = now_seconds() + seconds;
    assert_non_null(taken);
    while (l.n < MAX_PROBES && (l.n < at_least || now_seconds() < end)) {
        double start = now_seconds();
        l.refused += !ask(port);
        taken[l.n++] = now_seconds() - start;
        pause_briefly();
    }
    qsort(taken, l.n, sizeof(*taken), compare);
    l.p50 = taken[l.n / 2];
    l.p99 = taken[l.n * 99 / 100];
    l.max = taken[l.n - 1];
    free(taken);
    return l;
}

void latencies_print(const struct latencies *l, const char *what)
{
    print_message(
        "%s: %zu probes of /healthz, p50 %.1f ms, p99 %.1f ms, max %.1f ms, %zu refused\n", what,
        l->n, 1e3 * l->p50, 1e3 * l->p99, 1e3 * l->max, l->refused);
}

/* --- the process --- */

static void read_proc(pid_t pid, const char *name, char *out, size_t size)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(out, 1, size - 1, file);
    fclose(file);
    out[n] = '\0';
}

size_t process_rss_bytes(pid_t pid)
{
    char text[4096];
    read_proc(pid, "status", text, sizeof(text));
    const char *at = strstr(text, "VmRSS:");
    assert_non_null(at);
    return strtoul(at + 6, NULL, 10) * 1024;
}

size_t process_descriptors(pid_t pid)
{
    char path[64];
    size_t n = 0;
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        n += entry->d_name[0] != '.';
    closedir(folder);
    return n;
}

double process_cpu_seconds(pid_t pid)
{
    enum { UTIME = 14, STIME = 15 }; /* proc(5) counts from 1; the state is the third */
    char text[1024];
    double ticks = 0;
    read_proc(pid, "stat", text, sizeof(text));
    char *at = strrchr(text, ')');
    assert_non_null(at);
    at += 2;
    for (int field = 3; field <= STIME; field++) {
        if (field >= UTIME)
            ticks += strtod(at, NULL);
        at = strchr(at, ' ');
        assert_non_null(at);
        at++;
    }
    return ticks / (double)sysconf(_SC_CLK_TCK);
}
