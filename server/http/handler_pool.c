#include "server/http/handler_pool.h"

#include <pthread.h>

#include "core/base/mem.h"

struct handler_pool {
    pthread_mutex_t lock; /* guards what follows, down to stops */
    pthread_cond_t changed;
    struct handler_task *first, **last;
    size_t n_waiting;  /* reserved or queued */
    size_t n_reserved; /* reserved, not yet submitted */
    size_t max_waiting;
    bool stops;
    size_t n_threads; /* started and not yet joined */
    pthread_t threads[];
};

static void push(struct handler_pool *p, struct handler_task *task)
{
    task->next = NULL;
    *p->last = task;
    p->last = &task->next;
    if (p->stops)
        pthread_cond_broadcast(&p->changed); /* the last reservation is used: all may end */
    else
        pthread_cond_signal(&p->changed);
}

static struct handler_task *pop(struct handler_pool *p)
{
    struct handler_task *task = p->first;
    p->first = task->next;
    if (!p->first)
        p->last = &p->first;
    return task;
}

static void *work(void *argument)
{
    struct handler_pool *p = argument;
    pthread_setname_np(pthread_self(), "handler");
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->first && !(p->stops && p->n_reserved == 0))
            pthread_cond_wait(&p->changed, &p->lock);
        if (!p->first)
            break;
        struct handler_task *task = pop(p);
        p->n_waiting--;
        pthread_mutex_unlock(&p->lock);
        task->run(task);
        pthread_mutex_lock(&p->lock);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

bool handler_pool_reserve(struct handler_pool *p)
{
    pthread_mutex_lock(&p->lock);
    bool is_free = !p->stops && p->n_waiting < p->max_waiting;
    if (is_free) {
        p->n_waiting++;
        p->n_reserved++;
    }
    pthread_mutex_unlock(&p->lock);
    return is_free;
}

void handler_pool_submit(struct handler_pool *p, struct handler_task *task)
{
    pthread_mutex_lock(&p->lock);
    p->n_reserved--;
    push(p, task);
    pthread_mutex_unlock(&p->lock);
}

bool handler_pool_continue(struct handler_pool *p, struct handler_task *task)
{
    pthread_mutex_lock(&p->lock);
    bool goes_on = !p->stops;
    if (goes_on) {
        p->n_waiting++;
        push(p, task);
    }
    pthread_mutex_unlock(&p->lock);
    return goes_on;
}

void handler_pool_stop(struct handler_pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->stops = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    for (; p->n_threads > 0; p->n_threads--)
        pthread_join(p->threads[p->n_threads - 1], NULL);
}

void handler_pool_free(struct handler_pool *p)
{
    if (!p)
        return;
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    mem_free(p);
}

enum status handler_pool_start(struct handler_pool **out, size_t n_threads, size_t max_waiting,
                               struct error *err)
{
    struct handler_pool *p = mem_alloc(sizeof *p + n_threads * sizeof p->threads[0]);
    if (!p)
        return error_status(err, STATUS_NO_MEMORY);
    p->last = &p->first;
    p->max_waiting = max_waiting;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    for (; p->n_threads < n_threads; p->n_threads++) {
        if (pthread_create(&p->threads[p->n_threads], NULL, work, p) != 0) {
            error_set(err, STATUS_INTERNAL, "", "cannot start handler thread %zu of %zu",
                      p->n_threads, n_threads);
            handler_pool_stop(p);
            handler_pool_free(p);
            return STATUS_INTERNAL;
        }
    }
    *out = p;
    return STATUS_OK;
}
