/*
 * Design.  Those who wait stand in a line.  Whoever has a tile takes with him from its front as
 * many as fit beside him, computes for all, and hands the tile to the new first of the line, who
 * steps out of it.  A tile is put down only when nobody waits.
 */
#include "server/fields/seats.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "core/base/mem.h"
#include "server/fields/bench.h"

/* Two threads keep up with all that HTTP can bring in queries this small. */
enum { N_TILES = 2 };

/* A query, on the stack of who asked. */
struct guest {
    size_t n;
    const float *unit;
    float *values;
    bool has_tile; /* a tile is his: he computes */
    bool is_served;
    enum status status;
    struct guest *next;
};

struct seats {
    const struct field *field;
    pthread_mutex_t lock; /* guards all below, and the guests but for their points and values */
    pthread_cond_t changed;
    struct guest *first, **last; /* the line */
    size_t n_tiles;              /* in use */
    struct bench *idle;          /* one is kept */
};

/* --- a tile-full --- */

/* Who has a tile, and the front of the line, as many as fit; the lock is held. */
static void seat_company(struct seats *s, struct guest *me)
{
    size_t n = me->n;
    struct guest *end = me;
    while (s->first && n + s->first->n <= MLP_TILE) {
        end->next = s->first;
        end = end->next;
        n += end->n;
        s->first = end->next;
    }
    end->next = NULL;
    if (!s->first)
        s->last = &s->first;
}

/* Hand the tile on, or put it down; the lock is held. */
static void pass_tile(struct seats *s)
{
    struct guest *heir = s->first;
    if (!heir) {
        s->n_tiles--;
        return;
    }
    s->first = heir->next;
    if (!s->first)
        s->last = &s->first;
    heir->has_tile = true;
}

static void serve(const struct seats *s, struct bench *b, const struct guest *company)
{
    const size_t n_inputs = field_n_inputs(s->field), n_outputs = field_n_outputs(s->field);
    size_t n = 0;
    for (const struct guest *g = company; g; g = g->next) {
        memcpy(b->unit + n * n_inputs, g->unit, g->n * n_inputs * sizeof(float));
        n += g->n;
    }
    bench_evaluate(b, s->field, false, n);
    n = 0;
    for (const struct guest *g = company; g; g = g->next) {
        memcpy(g->values, b->out.values + n * n_outputs, g->n * n_outputs * sizeof(float));
        n += g->n;
    }
}

/* The lock is held, and let go meanwhile.  Returns a bench that is one too many, or NULL. */
static struct bench *compute(struct seats *s, struct guest *me)
{
    struct bench *b = s->idle;
    s->idle = NULL;
    seat_company(s, me);
    pthread_mutex_unlock(&s->lock);
    if (!b)
        b = bench_create(s->field, FIELD_VALUES, NULL, MLP_TILE);
    if (b)
        serve(s, b, me);
    pthread_mutex_lock(&s->lock);
    for (struct guest *g = me; g; g = g->next) { /* they leave when the lock is let go */
        g->status = b ? STATUS_OK : STATUS_NO_MEMORY;
        g->is_served = true;
    }
    pass_tile(s);
    pthread_cond_broadcast(&s->changed);
    if (s->idle)
        return b;
    s->idle = b;
    return NULL;
}

/* --- guests --- */

enum status seats_query(struct seats *s, size_t n, const float *unit, float *values,
                        struct error *err)
{
    assert(n > 0 && n <= SEATS_POINTS);
    struct guest me = {.n = n, .unit = unit, .values = values};
    struct bench *extra = NULL;
    pthread_mutex_lock(&s->lock);
    if (s->n_tiles < N_TILES) {
        s->n_tiles++;
        me.has_tile = true;
    } else {
        *s->last = &me;
        s->last = &me.next;
    }
    while (!me.is_served && !me.has_tile)
        pthread_cond_wait(&s->changed, &s->lock);
    if (!me.is_served)
        extra = compute(s, &me);
    pthread_mutex_unlock(&s->lock);
    bench_free(extra);
    return me.status == STATUS_OK ? STATUS_OK : error_status(err, me.status);
}

size_t seats_bytes(const struct field *field)
{
    const size_t n_words = mlp_tile_words(field_mlp(field), (struct mlp_pass){.training = false}) +
                           MLP_TILE * (field_n_inputs(field) + field_n_outputs(field));
    return sizeof(struct seats) + sizeof(struct bench) + n_words * sizeof(float);
}

enum status seats_create(struct seats **out, const struct field *field, struct error *err)
{
    struct seats *s = mem_alloc(sizeof *s);
    if (!s)
        return error_status(err, STATUS_NO_MEMORY);
    s->field = field;
    s->last = &s->first;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    *out = s;
    return STATUS_OK;
}

void seats_free(struct seats *s)
{
    if (!s)
        return;
    bench_free(s->idle);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}
