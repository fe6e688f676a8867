#include "tests/harness/crowd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/http/service.h"

enum { SMALL_WINDOW = 4096, ROUND_MS = 10, EVENTS = 256 };
#define RETRY_SECONDS 0.05
#define DRIP_ROUND_SECONDS 0.05 /* between two looks at who is to drip */

struct client {
    int socket; /* -1: none */
    bool is_connected, is_answered, was_answered;
    double opened, next_drip, may_open;
};

struct crowd {
    struct crowd_spec spec;
    int epoll;
    pthread_t thread;
    atomic_bool ends;
    struct client *clients; /* [spec.n]: the thread's */
    size_t next_to_open;

    pthread_mutex_t lock; /* guards what follows */
    struct crowd_counts counts;
    bool forgets;
};

size_t crowd_raise_descriptor_limit(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return (size_t)limit.rlim_cur;
}

/* --- one client --- */

static void watch(struct crowd *c, struct client *k, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = k};
    epoll_ctl(c->epoll, operation, k->socket, &event);
}

static void hang_up(struct client *k)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(k->socket, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(k->socket);
    k->socket = -1;
}

static void open_one(struct crowd *c, struct client *k, double now)
{
    int window = SMALL_WINDOW;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(c->spec.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    k->may_open = now + RETRY_SECONDS;
    k->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (k->socket < 0)
        return;
    if (!c->spec.reads)
        setsockopt(k->socket, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
    k->is_connected = k->is_answered = false;
    k->opened = now;
    if (connect(k->socket, (struct sockaddr *)&address, sizeof(address)) != 0 &&
        errno != EINPROGRESS) {
        hang_up(k);
        return;
    }
    watch(c, k, EPOLL_CTL_ADD, EPOLLOUT);
    pthread_mutex_lock(&c->lock);
    c->counts.opened++;
    pthread_mutex_unlock(&c->lock);
}

static void on_connected(struct crowd *c, struct client *k, double now)
{
    send(k->socket, c->spec.request, strlen(c->spec.request), MSG_NOSIGNAL);
    k->is_connected = true;
    k->next_drip = now + c->spec.drip_seconds;
    watch(c, k, EPOLL_CTL_MOD, c->spec.reads ? EPOLLIN : EPOLLRDHUP);
    pthread_mutex_lock(&c->lock);
    c->counts.open++;
    if (c->counts.open > c->counts.most)
        c->counts.most = c->counts.open;
    pthread_mutex_unlock(&c->lock);
}

static void on_closed(struct crowd *c, struct client *k, double now)
{
    pthread_mutex_lock(&c->lock);
    if (k->is_connected) {
        c->counts.open--;
        c->counts.cut++;
    }
    pthread_mutex_unlock(&c->lock);
    close(k->socket);
    k->socket = -1;
    k->may_open = c->spec.comes_back ? now + RETRY_SECONDS : 1e300;
}

/* The first bytes of an answer; the rest is dropped. */
static void on_answer(struct crowd *c, struct client *k, const char *text, double now)
{
    k->is_answered = true;
    unsigned long status = strncmp(text, "HTTP/1.1 ", 9) == 0 ? strtoul(text + 9, NULL, 10) : 0;
    pthread_mutex_lock(&c->lock);
    struct crowd_counts *n = &c->counts;
    n->by_status[status < 600 ? status : 0]++;
    n->answered += !k->was_answered;
    k->was_answered = true;
    double seconds = now - k->opened;
    n->quickest = n->quickest == 0 || seconds < n->quickest ? seconds : n->quickest;
    n->slowest = seconds > n->slowest ? seconds : n->slowest;
    pthread_mutex_unlock(&c->lock);
}

static void on_event(struct crowd *c, struct client *k, uint32_t events, double now)
{
    char text[16384];
    if (!k->is_connected && (events & (EPOLLERR | EPOLLHUP)) == 0) {
        on_connected(c, k, now);
        return;
    }
    while (k->is_connected && (events & EPOLLIN)) {
        ssize_t got = recv(k->socket, text, sizeof(text) - 1, MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0)
            break;
        text[got] = '\0';
        if (!k->is_answered)
            on_answer(c, k, text, now);
    }
    on_closed(c, k, now);
}

/* --- all of them --- */

static void open_some(struct crowd *c, double now, double *budget)
{
    for (size_t looked = 0; looked < c->spec.n && *budget >= 1; looked++) {
        struct client *k = &c->clients[c->next_to_open];
        c->next_to_open = (c->next_to_open + 1) % c->spec.n;
        if (k->socket < 0 && now >= k->may_open) {
            open_one(c, k, now);
            *budget -= 1;
        }
    }
}

static void drip(struct crowd *c, double now)
{
    for (size_t i = 0; i < c->spec.n; i++) {
        struct client *k = &c->clients[i];
        if (k->socket >= 0 && k->is_connected && !k->is_answered && now >= k->next_drip) {
            k->next_drip = now + c->spec.drip_seconds;
            send(k->socket, "a", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        }
    }
}

static void forget_answers(struct crowd *c)
{
    pthread_mutex_lock(&c->lock);
    if (c->forgets) {
        for (size_t i = 0; i < c->spec.n; i++)
            c->clients[i].was_answered = false;
        c->counts.answered = 0;
        c->forgets = false;
    }
    pthread_mutex_unlock(&c->lock);
}

static void *run(void *argument)
{
    struct crowd *c = argument;
    struct epoll_event events[EVENTS];
    double last = now_seconds(), budget = 0, last_drip = last;
    while (!atomic_load(&c->ends)) {
        int n = epoll_wait(c->epoll, events, EVENTS, ROUND_MS);
        double now = now_seconds();
        for (int i = 0; i < n; i++)
            on_event(c, events[i].data.ptr, events[i].events, now);
        forget_answers(c);
        budget += (now - last) * c->spec.opens_per_second;
        double most = 0.1 * c->spec.opens_per_second; /* what was not used is not kept for long */
        budget = budget < most ? budget : most;
        last = now;
        open_some(c, now, &budget);
        if (c->spec.drip_seconds > 0 && now - last_drip >= DRIP_ROUND_SECONDS) {
            drip(c, now);
            last_drip = now;
        }
    }
    return NULL;
}

struct crowd *crowd_start(const struct crowd_spec *spec)
{
    struct crowd *c = calloc(1, sizeof(*c));
    assert_non_null(c);
    c->spec = *spec;
    c->clients = calloc(spec->n, sizeof(*c->clients));
    assert_non_null(c->clients);
    for (size_t i = 0; i < spec->n; i++)
        c->clients[i].socket = -1;
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    assert_true(c->epoll >= 0);
    pthread_mutex_init(&c->lock, NULL);
    assert_int_equal(pthread_create(&c->thread, NULL, run, c), 0);
    return c;
}

struct crowd_counts crowd_count(struct crowd *c)
{
    pthread_mutex_lock(&c->lock);
    struct crowd_counts counts = c->counts;
    pthread_mutex_unlock(&c->lock);
    return counts;
}

void crowd_forget_answers(struct crowd *c)
{
    pthread_mutex_lock(&c->lock);
    c->forgets = true;
    pthread_mutex_unlock(&c->lock);
    for (bool waits = true; waits;) {
        pause_briefly();
        pthread_mutex_lock(&c->lock);
        waits = c->forgets;
        pthread_mutex_unlock(&c->lock);
    }
}

void crowd_free(struct crowd *c)
{
    if (!c)
        return;
    atomic_store(&c->ends, true);
    pthread_join(c->thread, NULL);
    for (size_t i = 0; i < c->spec.n; i++) {
        if (c->clients[i].socket >= 0)
            hang_up(&c->clients[i]);
    }
    close(c->epoll);
    pthread_mutex_destroy(&c->lock);
    free(c->clients);
    free(c);
}
