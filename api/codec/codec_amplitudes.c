#include "api/codec/codec_amplitudes.h"

#include <math.h>
#include <stdio.h>

#include "api/codec/codec_theory.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/sample/sample.h"

#define MAX_FREQUENCY 1048576.0
#define MAX_TIME 1e12
#define MAX_SEED 9007199254740991.0
#define MAX_OPERATIONS 4e9 /* some seconds */

struct numbers {
    uint64_t n, stride, n_signals, steps, seed;
    double alpha, time, rate;
};
#define AT(member) .offset = offsetof(struct numbers, member)
static const struct member rows[] = {
    {.name = "b", .type = MEMBER_CUSTOM},
    {.name = "a", .type = MEMBER_CUSTOM, .fallback = "null"},
    {.name = "network", .type = MEMBER_CUSTOM, .fallback = "{}"},
    {"n", MEMBER_INTEGER, 4, AMPLITUDES_MAX_N, AT(n), .fallback = "128"},
    {"stride", MEMBER_INTEGER, 2, AMPLITUDES_MAX_N, AT(stride), .fallback = "2"},
    {"alpha", MEMBER_NUMBER, 0, 8, AT(alpha), .fallback = "1.0"},
    {"n_signals", MEMBER_INTEGER, 1, AMPLITUDES_MAX_SIGNALS, AT(n_signals), .fallback = "1024"},
    {.name = "signals", .type = MEMBER_CUSTOM, .fallback = "null"},
    {"time", MEMBER_NUMBER, 0, MAX_TIME, AT(time), .fallback = "5.0"},
    {"steps", MEMBER_INTEGER, 0, AMPLITUDES_MAX_STEPS, AT(steps), .fallback = "800"},
    {"learning_rate", MEMBER_NUMBER, 0, 10, .is_min_open = true, AT(rate), .fallback = "0.01"},
    {"seed", MEMBER_INTEGER, 0, MAX_SEED, AT(seed), .fallback = "0"},
};
#undef AT
const struct member_table amplitudes_table = {rows, sizeof rows / sizeof *rows};

void amplitudes_deinit(struct amplitudes_question *q)
{
    json_decref(q->network_json);
    mem_free(q->b);
    mem_free(q->a);
    mem_free(q->signals);
    *q = (struct amplitudes_question){0};
}

static bool is_given(const json_t *value)
{
    return value && !json_is_null(value);
}

/* --- arrays --- */

static enum status read_b(const json_t *b, struct amplitudes_question *q,
                          struct problem_list *problems)
{
    q->m = json_array_size(b);
    if (q->m < 1 || q->m > AMPLITUDES_MAX_B)
        return problem_add(problems, STATUS_INVALID, "/b",
                           "'b' must be an array of 1..%d frequencies", AMPLITUDES_MAX_B);
    q->b = mem_alloc_array(q->m, sizeof *q->b);
    if (!q->b)
        return problem_no_memory(problems);
    for (size_t j = 0; j < q->m; j++) {
        char place[POINTER_SIZE];
        const double value = json_number_value(json_array_get(b, j));
        snprintf(place, sizeof place, "/b/%zu", j);
        if (!json_is_number(json_array_get(b, j)) || value != floor(value) ||
            !(value >= 0 && value <= MAX_FREQUENCY))
            return problem_add(problems, STATUS_INVALID, place,
                               "a frequency must be a whole number in 0..%.0f", MAX_FREQUENCY);
        q->b[j] = (uint32_t)value;
    }
    return STATUS_OK;
}

/* Finite numbers of at most 1e6 in size. */
static bool read_row(const json_t *row, size_t n, double *out)
{
    bool ok = json_array_size(row) == n;
    for (size_t i = 0; ok && i < n; i++) {
        const json_t *value = json_array_get(row, i);
        out[i] = json_number_value(value);
        ok = json_is_number(value) && fabs(out[i]) <= 1e6;
    }
    return ok;
}

/* Near the first frequency alone: e_1 + 0.001 |N(0, 1)|, as in the paper's notebook. */
static void draw_a(uint64_t seed, size_t m, double *a)
{
    struct rng rng = rng_at(seed, RNG_WEIGHTS, 0);
    for (size_t j = 0; j < m; j++)
        a[j] = (j == 0) + 0.001 * fabs(rng_normal(&rng));
}

static enum status read_a(const json_t *a, uint64_t seed, struct amplitudes_question *q,
                          struct problem_list *problems)
{
    double sum = 0;
    q->a = mem_alloc_array(q->m, sizeof *q->a);
    if (!q->a)
        return problem_no_memory(problems);
    if (!is_given(a)) {
        draw_a(seed, q->m, q->a);
        return STATUS_OK;
    }
    const bool ok = read_row(a, q->m, q->a);
    for (size_t j = 0; ok && j < q->m; j++)
        sum += q->a[j] * q->a[j];
    return sum > 1e-12 ? STATUS_OK
                       : problem_add(problems, STATUS_INVALID, "/a",
                                     "'a' must be %zu numbers of at most 1e6 in size, as many as "
                                     "'b' has, not all of them 0",
                                     q->m);
}

static enum status read_signals(const json_t *signals, struct amplitudes_question *q,
                                struct problem_list *problems)
{
    q->n_signals = json_array_size(signals);
    if (q->n_signals < 1 || q->n_signals > AMPLITUDES_MAX_SIGNALS)
        return problem_add(problems, STATUS_INVALID, "/signals",
                           "'signals' must be an array of 1..%d signals", AMPLITUDES_MAX_SIGNALS);
    q->signals = mem_alloc_array(q->n_signals * q->n, sizeof *q->signals);
    if (!q->signals)
        return problem_no_memory(problems);
    for (size_t i = 0; i < q->n_signals; i++) {
        char place[POINTER_SIZE];
        snprintf(place, sizeof place, "/signals/%zu", i);
        if (!read_row(json_array_get(signals, i), q->n, q->signals + i * q->n))
            return problem_add(problems, STATUS_INVALID, place,
                               "a signal must be %zu numbers of at most 1e6 in size, as 'n' says",
                               (size_t)q->n);
    }
    return STATUS_OK;
}

static enum status draw_signals(const struct numbers *numbers, struct amplitudes_question *q,
                                struct problem_list *problems)
{
    const size_t n = (size_t)numbers->n_signals * (size_t)q->n;
    const struct sample_spec family = {
        .seed = numbers->seed, .size = (size_t)q->n, .alpha = numbers->alpha};
    struct error err = {0};
    float *drawn = mem_alloc_floats(n);
    q->n_signals = (size_t)numbers->n_signals;
    q->signals = mem_alloc_array(n, sizeof *q->signals);
    enum status status = drawn && q->signals ? STATUS_OK : error_status(&err, STATUS_NO_MEMORY);
    if (status == STATUS_OK)
        status = sample_signals(&family, q->n_signals, drawn, &err);
    for (size_t i = 0; status == STATUS_OK && i < n; i++)
        q->signals[i] = (double)drawn[i];
    mem_free(drawn);
    return status == STATUS_OK ? STATUS_OK : problem_add_error(problems, "", &err);
}

/* --- the whole body --- */

static enum status check_size(struct amplitudes_question *q, const struct numbers *numbers,
                              const json_t *signals, struct problem_list *problems)
{
    const double n = (double)q->n, m = (double)q->m;
    const double n_signals =
        is_given(signals) ? (double)json_array_size(signals) : (double)numbers->n_signals;
    q->work = 2 * n_signals * n * n + (double)(q->steps + 1) * n * (2 * n + 2 * m);
    if (q->n % q->stride != 0 || q->stride > q->n / 2)
        return problem_add(problems, STATUS_INVALID, "/stride",
                           "'stride' must divide 'n' (%zu) and leave at least 2 samples",
                           (size_t)q->n);
    if (q->work > MAX_OPERATIONS)
        return problem_add(problems, STATUS_INVALID, "/n",
                           "so many samples, signals and steps take %.2g operations, the limit is "
                           "%.2g",
                           q->work, MAX_OPERATIONS);
    return STATUS_OK;
}

static enum status read(json_t *body, struct amplitudes_question *q, struct problem_list *problems)
{
    struct numbers numbers = {0};
    json_t *complete = NULL;
    const json_t *signals = json_object_get(body, "signals");
    enum status status =
        codec_json_resolve(body, NULL, "", rows, amplitudes_table.n, &complete, problems);
    if (status == STATUS_OK)
        status = codec_json_members(complete, "", rows, amplitudes_table.n, &numbers, problems);
    json_decref(complete);
    if (status != STATUS_OK)
        return status;
    q->n = numbers.n;
    q->stride = numbers.stride;
    q->steps = numbers.steps;
    q->time = numbers.time;
    q->rate = numbers.rate;
    status = codec_theory_network(json_object_get(body, "network"), &q->network, &q->network_json,
                                  problems);
    if (status == STATUS_OK)
        status = read_b(json_object_get(body, "b"), q, problems);
    if (status == STATUS_OK)
        status = read_a(json_object_get(body, "a"), numbers.seed, q, problems);
    if (status == STATUS_OK)
        status = check_size(q, &numbers, signals, problems);
    if (status == STATUS_OK)
        status = is_given(signals) ? read_signals(signals, q, problems)
                                   : draw_signals(&numbers, q, problems);
    return status;
}

enum status codec_amplitudes(json_t *body, struct amplitudes_question *out,
                             struct problem_list *problems)
{
    struct amplitudes_question q = {0};
    enum status status = read(body, &q, problems);
    if (status == STATUS_OK)
        *out = q;
    else
        amplitudes_deinit(&q);
    return status;
}

/* --- the answer --- */

/* A row for each frequency, [b], as an encoding has it. */
static json_t *frequencies(const struct amplitudes_question *q)
{
    json_t *b = json_array();
    for (size_t j = 0; b && j < q->m; j++)
        if (json_array_append_new(b, json_pack("[f]", (double)q->b[j])) != 0) {
            json_decref(b);
            b = NULL;
        }
    return b;
}

static json_t *series(const struct amplitudes_question *q, const double *losses)
{
    json_t *pairs = json_array();
    for (size_t step = 0; pairs && step <= q->steps; step++)
        if (json_array_append_new(pairs, json_pack("[I, o]", (json_int_t)step,
                                                   codec_json_measured(losses[step]))) != 0) {
            json_decref(pairs);
            pairs = NULL;
        }
    return pairs;
}

json_t *codec_amplitudes_answer(const struct amplitudes_question *q, double loss_of_zero,
                                const double *losses)
{
    json_t *a = codec_theory_numbers(q->a, q->m);
    return json_pack("{s:o, s:o, s:o, s:o, s:{s:s, s:o, s:O, s:b}, s:O}", "a", a, "loss",
                     codec_json_measured(losses[q->steps]), "loss_of_zero",
                     codec_json_measured(loss_of_zero), "series", series(q, losses), "encoding",
                     "type", "explicit", "b", frequencies(q), "a", a, "normalize", 1, "network",
                     q->network_json);
}
