/*
 * Design.  Requests under way stand in a ring.  A thread takes the next slice of the first request
 * and puts that request at the end, so every request advances by one slice in turn, whatever its
 * size.  A slice is a whole number of the network's tiles and holds about the same work for every
 * field (SLICE_SECONDS of one thread), so that turns are short also when the field is large.
 *
 * Scratch memory belongs to the request: a place with it is made when a thread first helps with it
 * (a fraction of a millisecond), handed from slice to slice, and freed with it.  So nothing
 * outlives the field that the caller holds.
 */
#include "server/fields/compute.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <time.h>

#include "core/base/float_mode.h"
#include "core/base/mem.h"
#include "core/base/monotonic.h"
#include "core/nn/kernel.h"
#include "server/fields/bench.h"

/* Up to here the hand-over to another thread costs more than it gains. */
enum { INLINE_POINTS = 512 };

static const size_t max_slice_tiles = 64; /* 8,192 points */
static const double slice_seconds = 0.005;

/* A request under way, on the stack of who asked. */
struct work {
    const struct compute_request *request;
    size_t slice; /* points */
    size_t first; /* of the next slice */
    size_t n_running;
    enum status status;   /* not OK: no further slices are taken */
    struct place *places; /* those nobody uses now */
    struct work *next;
};

/* Where a thread works on a request. */
struct place {
    struct bench *bench; /* of a request for points */
    void *own;           /* of a craft */
    struct place *next;
};

struct compute {
    pthread_mutex_t lock;       /* guards all below */
    pthread_cond_t has_work;    /* for the threads */
    pthread_cond_t changed;     /* for those who wait: a request is complete, or someone left */
    struct work *first, **last; /* the ring: requests with slices to take */
    size_t n_callers;
    size_t n_places; /* taken by works that take long */
    bool stopping;

    /* not guarded: written at the start */
    double flops_per_second; /* of one thread */
    size_t n_started;        /* threads; those that still run, … */
    size_t n_threads;        /* … which only start and stop use */
    pthread_t *threads;
};

/* --- slices --- */

static void free_place(const struct compute_request *r, struct place *p)
{
    if (!p)
        return;
    if (r->craft && p->own)
        r->craft->end(p->own);
    bench_free(p->bench);
    mem_free(p);
}

/* NULL when out of memory. */
static struct place *make_place(const struct compute_request *r, size_t slice)
{
    struct place *p = mem_alloc(sizeof *p);
    if (!p)
        return NULL;
    if (r->craft)
        p->own = r->craft->begin(r->context);
    else
        p->bench = bench_create(r->field, r->use, r->split, slice < MLP_TILE ? slice : MLP_TILE);
    if (p->own || p->bench)
        return p;
    free_place(r, p);
    return NULL;
}

static void evaluate(const struct compute_request *r, struct place *p, size_t first, size_t n)
{
    const size_t end = first + n, room = r->craft ? r->craft->n_together : p->bench->n_room;
    while (first < end) {
        const size_t count = end - first < room ? end - first : room;
        if (r->craft) {
            r->craft->work(r->context, p->own, first, count);
        } else {
            r->points(r->context, first, count, p->bench->unit);
            bench_evaluate(p->bench, r->field, r->in_source, count);
            r->take(r->context, first, count, &p->bench->out);
        }
        first += count;
    }
}

/* Operations of one point, or item. */
static double point_flops(const struct compute_request *r)
{
    return field_query_flops(r->field) * (double)field_n_passes(r->field, r->use) *
           (r->craft ? r->craft->item_points : 1.0);
}

static size_t slice_of(const struct compute *c, const struct compute_request *r)
{
    const double points = slice_seconds * c->flops_per_second / (point_flops(r) + 1);
    const size_t unit = r->craft ? r->craft->n_together : MLP_TILE;
    const double units = points / (double)unit;
    if (units >= (double)max_slice_tiles)
        return max_slice_tiles * unit;
    return units < 1 ? unit : (size_t)units * unit;
}

/* --- the ring; the lock is held --- */

static void append(struct compute *c, struct work *w)
{
    w->next = NULL;
    *c->last = w;
    c->last = &w->next;
}

static struct work *take_first(struct compute *c)
{
    struct work *w = c->first;
    c->first = w->next;
    if (!c->first)
        c->last = &c->first;
    return w;
}

/* End a request early: out of the ring, if it stands there. */
static void withdraw(struct compute *c, struct work *w, enum status status)
{
    w->status = status;
    struct work **place = &c->first;
    while (*place && *place != w)
        place = &(*place)->next;
    if (!*place)
        return;
    *place = w->next;
    if (!w->next)
        c->last = place;
}

static bool is_complete(const struct work *w)
{
    return w->n_running == 0 && (w->status != STATUS_OK || w->first == w->request->n_points);
}

/* Evaluate the next slice of the first request.  The lock is let go meanwhile. */
static void run_slice(struct compute *c)
{
    struct work *w = take_first(c);
    const struct compute_request *r = w->request;
    const size_t first = w->first, left = r->n_points - first;
    const size_t n = left < w->slice ? left : w->slice;
    struct place *p = w->places;
    if (p)
        w->places = p->next;
    w->first += n;
    w->n_running++;
    if (n < left)
        append(c, w);
    pthread_mutex_unlock(&c->lock);
    if (!p)
        p = make_place(r, w->slice);
    if (p)
        evaluate(r, p, first, n);
    pthread_mutex_lock(&c->lock);
    w->n_running--;
    if (p) {
        p->next = w->places;
        w->places = p;
    } else if (w->status == STATUS_OK) {
        withdraw(c, w, STATUS_NO_MEMORY);
    }
    if (is_complete(w))
        pthread_cond_broadcast(&c->changed);
}

static void *thread_main(void *argument)
{
    struct compute *c = argument;
    float_mode_flush();
    pthread_mutex_lock(&c->lock);
    for (;;) {
        while (!c->first && !c->stopping)
            pthread_cond_wait(&c->has_work, &c->lock);
        if (c->stopping)
            break;
        run_slice(c);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* --- requests --- */

static enum status run_inline(const struct compute_request *r, struct error *err)
{
    struct place *p = make_place(r, r->n_points);
    if (!p)
        return error_status(err, STATUS_NO_MEMORY);
    evaluate(r, p, 0, r->n_points);
    free_place(r, p);
    return STATUS_OK;
}

static bool fits_a_seat(const struct compute_request *r)
{
    return r->seats && !r->craft && !r->split && r->use == FIELD_VALUES &&
           r->n_points <= SEATS_POINTS;
}

static enum status run_seated(const struct compute_request *r, struct error *err)
{
    float unit[SEATS_POINTS * LIMIT_DIMS], values[SEATS_POINTS * MLP_MAX_OUTPUTS];
    r->points(r->context, 0, r->n_points, unit);
    enum status status = seats_query(r->seats, r->n_points, unit, values, err);
    if (status == STATUS_OK)
        r->take(r->context, 0, r->n_points, &(struct field_outputs){.values = values});
    return status;
}

enum status compute_run(struct compute *c, const struct compute_request *request, struct error *err)
{
    struct work w = {.request = request, .slice = slice_of(c, request)};
    if (request->n_points == 0)
        return STATUS_OK;
    if (fits_a_seat(request))
        return run_seated(request, err);
    if (!request->craft && request->n_points <= INLINE_POINTS && request->n_points <= w.slice)
        return run_inline(request, err);
    pthread_mutex_lock(&c->lock);
    c->n_callers++;
    append(c, &w);
    pthread_cond_broadcast(&c->has_work);
    for (;;) {
        if (c->stopping && w.status == STATUS_OK && w.first < request->n_points)
            withdraw(c, &w, STATUS_CANCELED);
        if (is_complete(&w))
            break;
        pthread_cond_wait(&c->changed, &c->lock);
    }
    c->n_callers--;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    while (w.places) {
        struct place *p = w.places;
        w.places = p->next;
        free_place(request, p);
    }
    return w.status == STATUS_OK ? STATUS_OK : error_status(err, w.status);
}

bool compute_take_places(struct compute *c, size_t n, size_t most)
{
    pthread_mutex_lock(&c->lock);
    const bool are_free = c->n_places + n <= most;
    c->n_places += are_free ? n : 0;
    pthread_mutex_unlock(&c->lock);
    return are_free;
}

void compute_give_places(struct compute *c, size_t n)
{
    pthread_mutex_lock(&c->lock);
    assert(c->n_places >= n);
    c->n_places -= n;
    pthread_mutex_unlock(&c->lock);
}

bool compute_is_stopping(struct compute *c)
{
    pthread_mutex_lock(&c->lock);
    const bool is_stopping = c->stopping;
    pthread_mutex_unlock(&c->lock);
    return is_stopping;
}

size_t compute_n_threads(const struct compute *c)
{
    return c->n_started;
}

/* --- start and stop --- */

void compute_quiesce(struct compute *c)
{
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_cond_broadcast(&c->has_work);
    pthread_cond_broadcast(&c->changed);
    while (c->n_callers > 0)
        pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
    for (; c->n_threads > 0; c->n_threads--)
        pthread_join(c->threads[c->n_threads - 1], NULL);
}

void compute_stop(struct compute *c)
{
    if (!c)
        return;
    compute_quiesce(c);
    pthread_cond_destroy(&c->has_work);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    mem_free(c->threads);
    mem_free(c);
}

/* The centre of the domain, for the measurement. */
static void same_point(void *context, size_t first, size_t n, float *unit)
{
    (void)context;
    (void)first;
    for (size_t i = 0; i < 2 * n; i++)
        unit[i] = 0.5f;
}

static void drop(void *context, size_t first, size_t n, const struct field_outputs *out)
{
    (void)context;
    (void)first;
    (void)n;
    (void)out;
}

/* What the whole pool does in a second, on a field of ordinary size; the first run only warms up.
 */
static enum status measure(struct compute *c, struct error *err)
{
    enum { POINTS_A_THREAD = 1 << 10 }; /* several slices for each */
    static const double long_enough = 0.02;
    const size_t n_points = c->n_threads * POINTS_A_THREAD;
    const struct field_spec spec = {
        .encoding = {.type = ENCODING_GAUSSIAN, .n_inputs = 2, .n_frequencies = 128, .sigma = 1},
        .network = {.n_outputs = 3,
                    .n_hidden_layers = 3,
                    .width = 128,
                    .activation = ACTIVATION_RELU,
                    .output_activation = ACTIVATION_SIGMOID},
        .domain = domain_of_image(64, 64)};
    struct field *field = NULL;
    enum status status = field_create(&field, &spec, kernel_find(NULL), err);
    const struct compute_request request = {
        .field = field, .n_points = n_points, .points = same_point, .take = drop};
    if (status == STATUS_OK)
        field_init(field, &spec, 0);
    const double begin = monotonic_seconds();
    double fastest = HUGE_VAL;
    do {
        const double start = monotonic_seconds();
        if (status == STATUS_OK)
            status = compute_run(c, &request, err);
        fastest = fmin(fastest, monotonic_seconds() - start);
    } while (status == STATUS_OK && monotonic_seconds() - begin < long_enough);
    if (status == STATUS_OK)
        c->flops_per_second =
            field_query_flops(field) * (double)n_points / fastest / (double)c->n_threads;
    field_free(field);
    return status;
}

enum status compute_start(struct compute **out, size_t n_threads, struct error *err)
{
    assert(n_threads > 0);
    struct compute *c = mem_alloc(sizeof *c);
    pthread_t *threads = mem_alloc_array(n_threads, sizeof *threads);
    if (!c || !threads) {
        mem_free(c);
        mem_free(threads);
        return error_status(err, STATUS_NO_MEMORY);
    }
    c->threads = threads;
    c->last = &c->first;
    c->flops_per_second = 1e10; /* until it is measured */
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->has_work, NULL);
    pthread_cond_init(&c->changed, NULL);
    enum status status = STATUS_OK;
    for (; c->n_threads < n_threads && status == STATUS_OK; c->n_threads++)
        if (pthread_create(&threads[c->n_threads], NULL, thread_main, c) != 0) {
            status = error_set(err, STATUS_INTERNAL, "", "cannot start a thread");
            break;
        }
    c->n_started = c->n_threads;
    if (status == STATUS_OK)
        status = measure(c, err);
    if (status != STATUS_OK) {
        compute_stop(c);
        return status;
    }
    *out = c;
    return STATUS_OK;
}
