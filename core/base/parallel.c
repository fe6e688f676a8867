/*
 * Design.  One generation counter starts a run: the caller writes the function, adds one and wakes
 * the others; each member runs it and meets the rest at the barrier.  The barrier is
 * sense-reversing: the last to arrive resets the count and adds one to the barrier's generation,
 * which the others watch. Waiting spins for a while (hand-offs inside a training step are
 * microseconds apart) and then sleeps on a condition variable, so that an idle team costs nothing.
 */
#include "core/base/parallel.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/base/float_mode.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

/* About 20 microseconds of spinning: longer than a hand-off, shorter than a time slice. */
enum { SPINS = 4000 };

struct member {
    struct team *team;
    size_t number;
    pthread_t thread;
};

struct team {
    size_t n_members;
    struct member *member;
    team_function function;
    void *context;
    bool ends;

    atomic_uint_fast64_t run;     /* number of the current run; watched by waiting members */
    atomic_uint_fast64_t arrival; /* generation of the barrier */
    atomic_size_t n_arrived;

    pthread_mutex_t lock; /* only guards the sleep: run and arrival change under it */
    pthread_cond_t changed;
};

static void pause_a_little(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Wait until *counter is no longer `old`. */
static void wait_for_change(struct team *t, atomic_uint_fast64_t *counter, uint64_t old)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(counter, memory_order_acquire) != old)
            return;
        pause_a_little();
    }
    pthread_mutex_lock(&t->lock);
    while (atomic_load_explicit(counter, memory_order_acquire) == old)
        pthread_cond_wait(&t->changed, &t->lock);
    pthread_mutex_unlock(&t->lock);
}

static void advance(struct team *t, atomic_uint_fast64_t *counter)
{
    pthread_mutex_lock(&t->lock);
    atomic_fetch_add_explicit(counter, 1, memory_order_release);
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

void team_barrier(struct team *t)
{
    if (t->n_members == 1)
        return;
    uint64_t arrival = atomic_load_explicit(&t->arrival, memory_order_acquire);
    if (atomic_fetch_add_explicit(&t->n_arrived, 1, memory_order_acq_rel) + 1 == t->n_members) {
        atomic_store_explicit(&t->n_arrived, 0, memory_order_relaxed);
        advance(t, &t->arrival);
    } else {
        wait_for_change(t, &t->arrival, arrival);
    }
}

static void *member_main(void *argument)
{
    const struct member *m = argument;
    struct team *t = m->team;
    float_mode_flush();
    for (uint64_t run = 0;; run++) {
        wait_for_change(t, &t->run, run);
        if (t->ends)
            return NULL;
        t->function(t->context, m->number);
        team_barrier(t);
    }
}

void team_run(struct team *t, team_function f, void *context)
{
    t->function = f;
    t->context = context;
    const uint64_t mode = float_mode_flush();
    if (t->n_members > 1)
        advance(t, &t->run);
    f(context, 0);
    team_barrier(t);
    float_mode_restore(mode);
}

/* End members 1 … n_started and release everything. */
static void end(struct team *t, size_t n_started)
{
    t->ends = true;
    advance(t, &t->run);
    for (size_t i = 1; i <= n_started; i++)
        pthread_join(t->member[i].thread, NULL);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    mem_free(t->member);
    mem_free(t);
}

enum status team_create(struct team **out, size_t n_members, struct error *err)
{
    if (n_members == 0 || n_members > LIMIT_THREADS)
        return error_set(err, STATUS_INVALID, "/threads", "'threads' must be 1..%d, got %zu",
                         LIMIT_THREADS, n_members);
    struct team *t = mem_alloc(sizeof *t);
    struct member *members = mem_alloc_array(n_members, sizeof *members);
    if (!t || !members) {
        mem_free(t);
        mem_free(members);
        return error_status(err, STATUS_NO_MEMORY);
    }
    t->n_members = n_members;
    t->member = members;
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->changed, NULL);
    for (size_t i = 1; i < n_members; i++) {
        members[i] = (struct member){.team = t, .number = i};
        const int code = pthread_create(&members[i].thread, NULL, member_main, &members[i]);
        if (code != 0) { /* EAGAIN: no memory for it, or more threads than may be */
            end(t, i - 1);
            return error_set(err, code == EAGAIN ? STATUS_NO_MEMORY : STATUS_INTERNAL, "",
                             "cannot start thread %zu of %zu: %s", i, n_members, strerror(code));
        }
    }
    *out = t;
    return STATUS_OK;
}

void team_free(struct team *t)
{
    if (t)
        end(t, t->n_members - 1);
}

size_t team_size(const struct team *t)
{
    return t->n_members;
}

void team_share(size_t n, size_t granule, size_t n_members, size_t member, size_t *first,
                size_t *count)
{
    size_t units = (n + granule - 1) / granule;
    size_t base = units / n_members, extra = units % n_members;
    size_t begin = member * base + (member < extra ? member : extra);
    size_t end = begin + base + (member < extra ? 1 : 0);
    begin = begin * granule < n ? begin * granule : n;
    end = end * granule < n ? end * granule : n;
    *first = begin;
    *count = end - begin;
}
