#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/nn/kernel.h"
#include "server/fields/compute.h"

static struct field *make_field(size_t width, enum activation activation, size_t n_outputs)
{
    const struct field_spec spec = {
        .encoding = {.type = ENCODING_GAUSSIAN, .n_inputs = 2, .n_frequencies = 16, .sigma = 4},
        .network = {.n_outputs = n_outputs,
                    .n_hidden_layers = 2,
                    .width = width,
                    .activation = activation,
                    .output_activation = ACTIVATION_SIGMOID},
        .domain = domain_of_image(64, 64)};
    struct field *f = NULL;
    assert_int_equal(field_create(&f, &spec, kernel_find(NULL), NULL), STATUS_OK);
    field_init(f, &spec, 7);
    return f;
}

static struct compute *start(size_t n_threads)
{
    struct compute *c = NULL;
    assert_int_equal(compute_start(&c, n_threads, NULL), STATUS_OK);
    return c;
}

/* Point i: scattered over the domain, a function of its number. */
static void scattered(void *context, size_t first, size_t n, float *unit)
{
    (void)context;
    for (size_t i = 0; i < n; i++) {
        unit[2 * i] = (float)((first + i) * 7919 % 10007) / 10007.0f;
        unit[2 * i + 1] = (float)((first + i) * 104729 % 10009) / 10009.0f;
    }
}

/* Where values are collected. */
struct collected {
    size_t n_outputs;
    float *values;    /* [N, C] */
    float *gradient;  /* [N, C, 2], or NULL */
    float *laplacian; /* [N, C], or NULL */
};

static void collect(void *context, size_t first, size_t n, const struct field_outputs *out)
{
    const struct collected *to = context;
    const size_t start = first * to->n_outputs, count = n * to->n_outputs;
    memcpy(to->values + start, out->values, count * sizeof(float));
    if (to->gradient)
        memcpy(to->gradient + 2 * start, out->gradient, 2 * count * sizeof(float));
    else
        assert_null(out->gradient);
    if (to->laplacian)
        memcpy(to->laplacian + start, out->laplacian, count * sizeof(float));
    else
        assert_null(out->laplacian);
}

/* Every way of cutting gives the bits that one long query gives. */
static void expect_same_bits(struct compute *c, const struct field *f, struct seats *seats,
                             const uint32_t *split, size_t n, enum field_use use)
{
    const size_t n_outputs = field_n_outputs(f), n_values = n * n_outputs;
    const size_t n_all = 4 * n_values; /* values, gradient, Laplacian */
    struct field_workspace *w = NULL;
    float *unit = mem_alloc_floats(2 * n);
    float *expected = mem_alloc_floats(n_all), *got = mem_alloc_floats(n_all);
    const struct field_outputs out = {expected, expected + n_values,
                                      use == FIELD_LAPLACIANS ? expected + 3 * n_values : NULL};
    struct collected collected = {n_outputs, got, use != FIELD_VALUES ? got + n_values : NULL,
                                  use == FIELD_LAPLACIANS ? got + 3 * n_values : NULL};
    const struct compute_request request = {.field = f,
                                            .seats = seats,
                                            .split = split,
                                            .use = use,
                                            .in_source = true,
                                            .n_points = n,
                                            .points = scattered,
                                            .take = collect,
                                            .context = &collected};
    if (split)
        assert_int_equal(field_workspace_create_split(&w, f, split, NULL), STATUS_OK);
    else
        assert_int_equal(field_workspace_create(&w, f, use, NULL), STATUS_OK);
    scattered(NULL, 0, n, unit);
    memset(expected, 0, n_all * sizeof(float));
    memset(got, 0, n_all * sizeof(float));
    if (use == FIELD_VALUES)
        field_query(f, w, n, unit, expected);
    else
        field_derivatives(f, w, n, unit, true, &out);
    assert_int_equal(compute_run(c, &request, NULL), STATUS_OK);
    assert_memory_equal(got, expected, n_all * sizeof(float));
    field_workspace_free(w);
    mem_free(unit);
    mem_free(expected);
    mem_free(got);
}

static void values_do_not_depend_on_the_cut(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 95, 96, 97, 511, 512, 513, 1000, 6144, 6145, 20011};
    for (size_t threads = 1; threads <= 3; threads += 2) {
        struct compute *c = start(threads);
        struct field *f = make_field(24, ACTIVATION_RELU, 3),
                     *smooth = make_field(24, ACTIVATION_TANH, 3);
        struct seats *seats = NULL;
        uint32_t *split = field_kernel(f)->bf16 ? field_split(f) : NULL;
        assert_int_equal(seats_create(&seats, f, NULL), STATUS_OK);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            expect_same_bits(c, f, NULL, NULL, sizes[i], FIELD_VALUES);
            expect_same_bits(c, f, seats, NULL, sizes[i], FIELD_VALUES);
            expect_same_bits(c, f, seats, split, sizes[i], FIELD_VALUES);
            if (sizes[i] > 6145)
                continue;
            expect_same_bits(c, f, seats, NULL, sizes[i], FIELD_GRADIENTS);
            expect_same_bits(c, smooth, NULL, NULL, sizes[i], FIELD_LAPLACIANS);
        }
        seats_free(seats);
        mem_free(split);
        field_free(smooth);
        field_free(f);
        compute_stop(c);
    }
}

static void a_large_field_is_cut_into_single_tiles(void **state)
{
    (void)state;
    struct compute *c = start(2);
    struct field *f = make_field(768, ACTIVATION_RELU, 1);
    expect_same_bits(c, f, NULL, NULL, 300, FIELD_GRADIENTS);
    field_free(f);
    compute_stop(c);
}

static void no_points_are_no_work(void **state)
{
    (void)state;
    struct compute *c = start(1);
    struct field *f = make_field(8, ACTIVATION_RELU, 1);
    const struct compute_request request = {.field = f, .points = scattered, .take = collect};
    assert_int_equal(compute_run(c, &request, NULL), STATUS_OK);
    field_free(f);
    compute_stop(c);
}

/* Counts how often each point is asked for, and its values taken. */
struct census {
    atomic_uint *count, *taken;
    atomic_size_t n_calls;
};

static void count_values(void *context, size_t first, size_t n, const struct field_outputs *out)
{
    struct census *census = context;
    (void)out;
    for (size_t i = 0; i < n; i++)
        atomic_fetch_add(&census->taken[first + i], 1);
}

static void count_points(void *context, size_t first, size_t n, float *unit)
{
    struct census *census = context;
    for (size_t i = 0; i < n; i++)
        atomic_fetch_add(&census->count[first + i], 1);
    atomic_fetch_add(&census->n_calls, 1);
    memset(unit, 0, 2 * n * sizeof *unit);
}

static void every_point_is_asked_for_once(void **state)
{
    (void)state;
    enum { N = 50000 };
    struct compute *c = start(3);
    struct field *f = make_field(8, ACTIVATION_RELU, 1);
    struct census census = {.count = mem_alloc_array(N, sizeof *census.count),
                            .taken = mem_alloc_array(N, sizeof *census.taken)};
    const struct compute_request request = {.field = f,
                                            .n_points = N,
                                            .points = count_points,
                                            .take = count_values,
                                            .context = &census};
    assert_int_equal(compute_run(c, &request, NULL), STATUS_OK);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(census.count[i], 1);
        assert_int_equal(census.taken[i], 1);
    }
    assert_true(census.n_calls > 1);
    mem_free(census.count);
    mem_free(census.taken);
    field_free(f);
    compute_stop(c);
}

/* --- several requests --- */

struct call {
    struct compute *c;
    struct compute_request request;
    enum status status;
};

static void *call_compute(void *argument)
{
    struct call *call = argument;
    call->status = compute_run(call->c, &call->request, NULL);
    return NULL;
}

/* Turns of a large and of a small request, as one thread takes them, slice by slice.  The large one
 * halts before each tile until it is allowed to go on, or the small one has had its first. */
enum { MAX_TURNS = 64 };
struct turns {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t n_large, allowed;        /* tiles */
    size_t n_small;                 /* turns */
    bool is_small;                  /* whose turn it is */
    size_t large_before[MAX_TURNS]; /* large tiles begun when small turn i began */
};

static void take_large_turn(void *context, size_t first, size_t n, float *unit)
{
    struct turns *t = context;
    (void)first;
    pthread_mutex_lock(&t->lock);
    t->n_large++;
    t->is_small = false;
    pthread_cond_broadcast(&t->changed);
    while (t->n_large > t->allowed && t->n_small == 0)
        pthread_cond_wait(&t->changed, &t->lock);
    pthread_mutex_unlock(&t->lock);
    memset(unit, 0, 2 * n * sizeof *unit);
}

static void take_small_turn(void *context, size_t first, size_t n, float *unit)
{
    struct turns *t = context;
    (void)first;
    pthread_mutex_lock(&t->lock);
    if (!t->is_small && t->n_small < MAX_TURNS)
        t->large_before[t->n_small++] = t->n_large;
    t->is_small = true;
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
    memset(unit, 0, 2 * n * sizeof *unit);
}

static void drop(void *context, size_t first, size_t n, const struct field_outputs *out)
{
    (void)context;
    (void)first;
    (void)n;
    (void)out;
}

static void requests_take_turns_and_the_stop_cancels_the_rest(void **state)
{
    (void)state;
    enum { LARGE = 8000000, SMALL = 20000 };
    struct turns t = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct compute *c = start(1);
    struct field *f = make_field(8, ACTIVATION_RELU, 1);
    pthread_t large_thread, small_thread;
    struct call large = {.c = c, .request = {.field = f, .n_points = LARGE, .context = &t}};
    struct call small = {.c = c, .request = {.field = f, .n_points = SMALL, .context = &t}};
    large.request.points = take_large_turn;
    small.request.points = take_small_turn;
    large.request.take = small.request.take = drop;
    pthread_create(&large_thread, NULL, call_compute, &large);
    pthread_mutex_lock(&t.lock);
    while (t.n_large == 0) /* the large one comes first */
        pthread_cond_wait(&t.changed, &t.lock);
    pthread_create(&small_thread, NULL, call_compute, &small);
    while (t.n_small == 0) { /* let large tiles pass until the small request is there */
        t.allowed = t.n_large;
        pthread_cond_broadcast(&t.changed);
        while (t.n_small == 0 && t.n_large == t.allowed)
            pthread_cond_wait(&t.changed, &t.lock);
    }
    pthread_mutex_unlock(&t.lock);
    pthread_join(small_thread, NULL);
    compute_quiesce(c);
    pthread_join(large_thread, NULL);
    assert_int_equal(small.status, STATUS_OK);
    assert_int_equal(large.status, STATUS_CANCELED);
    assert_true(t.n_small > 2);
    for (size_t i = 2; i < t.n_small; i++) /* one slice each time, all of one size */
        assert_int_equal(t.large_before[i] - t.large_before[i - 1],
                         t.large_before[1] - t.large_before[0]);
    assert_int_equal(compute_run(c, &small.request, NULL), STATUS_CANCELED);
    field_free(f);
    compute_stop(c);
}

static void requests_at_the_same_time_keep_to_themselves(void **state)
{
    (void)state;
    enum { N = 6 };
    static const size_t sizes[N] = {100, 3000, 20000, 513, 9999, 1};
    struct compute *c = start(2);
    struct field *fields[2] = {make_field(16, ACTIVATION_RELU, 3),
                               make_field(40, ACTIVATION_RELU, 1)};
    struct call calls[N];
    struct collected collected[N];
    pthread_t threads[N];
    for (size_t i = 0; i < N; i++) {
        const struct field *f = fields[i % 2];
        collected[i] = (struct collected){.n_outputs = field_n_outputs(f)};
        collected[i].values = mem_alloc_floats(sizes[i] * field_n_outputs(f));
        calls[i] = (struct call){.c = c,
                                 .request = {.field = f,
                                             .n_points = sizes[i],
                                             .points = scattered,
                                             .take = collect,
                                             .context = &collected[i]}};
        pthread_create(&threads[i], NULL, call_compute, &calls[i]);
    }
    for (size_t i = 0; i < N; i++) {
        const struct field *f = fields[i % 2];
        const size_t n_values = sizes[i] * field_n_outputs(f);
        struct field_workspace *w = NULL;
        float *unit = mem_alloc_floats(2 * sizes[i]), *expected = mem_alloc_floats(n_values);
        assert_int_equal(field_workspace_create(&w, f, FIELD_VALUES, NULL), STATUS_OK);
        scattered(NULL, 0, sizes[i], unit);
        field_query(f, w, sizes[i], unit, expected);
        pthread_join(threads[i], NULL);
        assert_int_equal(calls[i].status, STATUS_OK);
        assert_memory_equal(collected[i].values, expected, n_values * sizeof(float));
        field_workspace_free(w);
        mem_free(unit);
        mem_free(expected);
        mem_free(collected[i].values);
    }
    field_free(fields[0]);
    field_free(fields[1]);
    compute_stop(c);
}

static void it_tells_its_threads(void **state)
{
    (void)state;
    struct compute *c = start(3);
    assert_int_equal(compute_n_threads(c), 3);
    compute_quiesce(c);
    assert_int_equal(compute_n_threads(c), 3);
    compute_stop(c);
}

/* --- work that is not points --- */

enum { N_ITEMS = 5000, TOGETHER = 48 };

struct counted {
    _Atomic unsigned char seen[N_ITEMS];
    atomic_int n_begun, n_ended, n_too_many;
    bool fails;
};

static void *begin_counting(void *context)
{
    struct counted *c = context;
    if (c->fails)
        return NULL;
    atomic_fetch_add(&c->n_begun, 1);
    return c;
}

static void count_items(void *context, void *own, size_t first, size_t n)
{
    struct counted *c = context;
    assert_ptr_equal(own, context);
    atomic_fetch_add(&c->n_too_many, n > TOGETHER);
    for (size_t i = first; i < first + n; i++)
        atomic_fetch_add(&c->seen[i], 1);
}

static void end_counting(void *own)
{
    struct counted *c = own;
    atomic_fetch_add(&c->n_ended, 1);
}

static void items_are_each_worked_on_once(void **state)
{
    (void)state;
    static struct counted counted;
    struct field *f = make_field(32, ACTIVATION_RELU, 3);
    struct compute *c = start(2);
    const struct compute_craft craft = {100, TOGETHER, begin_counting, count_items, end_counting};
    const struct compute_request request = {
        .field = f, .n_points = N_ITEMS, .craft = &craft, .context = &counted};
    assert_int_equal(compute_run(c, &request, NULL), STATUS_OK);
    for (size_t i = 0; i < N_ITEMS; i++)
        assert_int_equal(counted.seen[i], 1);
    assert_int_equal(counted.n_too_many, 0);
    assert_true(counted.n_begun >= 1 && counted.n_begun <= 2);
    assert_int_equal(counted.n_begun, counted.n_ended);
    counted.fails = true;
    assert_int_equal(compute_run(c, &request, NULL), STATUS_NO_MEMORY);
    compute_stop(c);
    field_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_do_not_depend_on_the_cut),
        cmocka_unit_test(a_large_field_is_cut_into_single_tiles),
        cmocka_unit_test(no_points_are_no_work),
        cmocka_unit_test(every_point_is_asked_for_once),
        cmocka_unit_test(requests_take_turns_and_the_stop_cancels_the_rest),
        cmocka_unit_test(requests_at_the_same_time_keep_to_themselves),
        cmocka_unit_test(it_tells_its_threads),
        cmocka_unit_test(items_are_each_worked_on_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
