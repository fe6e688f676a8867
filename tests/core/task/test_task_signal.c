#include "core/task/task_signal.h"

#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/field/trainer.h"
#include "tests/support/alloc.h"
#include "tests/support/small_fit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { N = 48 };

static const double two_pi = 6.283185307179586477;

/* A few waves, between about -1 and 1. */
static struct signal waves(size_t n, size_t channels)
{
    struct signal s = {n, channels, mem_alloc_floats(n * channels)};
    assert_non_null(s.values);
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < channels; c++) {
            const double x = (double)i / (double)n;
            s.values[i * channels + c] =
                (float)(0.5 * sin(two_pi * x) + 0.3 * cos(two_pi * 5 * x + (double)c));
        }
    return s;
}

static struct task *task_of(const struct signal *s, const struct task_signal_spec *spec)
{
    struct task *t = NULL;
    struct error err = {0};
    if (task_signal_create(&t, s, spec, &err) != STATUS_OK)
        fail_msg("%s: %s", err.where, err.message);
    return t;
}

/* Coordinates and targets of a whole step. */
static void draw_step(const struct task *t, uint64_t step, size_t batch_size, float *coords,
                      float *targets)
{
    struct task_tile tile = {.step = step,
                             .batch_size = batch_size,
                             .n = batch_size,
                             .coords = coords,
                             .targets = targets};
    t->class->draw(t, &tile);
}

/* How often each sample is drawn in a step of as many as there are to train on. */
static void count_draws(const struct task *t, const struct signal *s, size_t *counts)
{
    float coords[N], targets[2 * N];
    memset(counts, 0, N * sizeof *counts);
    draw_step(t, 3, t->n_samples, coords, targets);
    for (size_t i = 0; i < t->n_samples; i++) {
        const size_t at = (size_t)lround((double)coords[i] * N);
        assert_true(coords[i] == (float)((double)at / N));
        for (size_t c = 0; c < s->channels; c++)
            assert_true(targets[i * s->channels + c] == s->values[at * s->channels + c]);
        counts[at]++;
    }
}

static void test_a_full_batch_is_every_training_sample(void **state)
{
    (void)state;
    struct signal s = waves(N, 2);
    const struct {
        struct task_signal_spec spec;
        size_t stride; /* 0: any */
        size_t n;
    } cases[] = {
        {{.holdout = HOLDOUT_NONE}, 1, N},
        {{.holdout = HOLDOUT_ODD_PIXELS}, 2, N / 2},
        {{.holdout = HOLDOUT_STRIDE, .holdout_stride = 8}, 8, N / 8},
        {{.holdout = HOLDOUT_STRIDE, .holdout_stride = 7}, 7, 7},
        {{.holdout = HOLDOUT_FRACTION, .holdout_fraction = 0.25}, 0, N * 3 / 4},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct task *t = task_of(&s, &cases[k].spec);
        size_t counts[N], n = 0;
        assert_int_equal(t->n_samples, cases[k].n);
        assert_int_equal(t->n_held_out, N - cases[k].n);
        count_draws(t, &s, counts);
        for (size_t i = 0; i < N; i++) {
            assert_true(counts[i] <= 1);
            n += counts[i];
            if (cases[k].stride)
                assert_int_equal(counts[i], i % cases[k].stride == 0);
        }
        assert_int_equal(n, cases[k].n);
        task_free(t);
    }
    signal_deinit(&s);
}

/* --- metrics --- */

static struct field *some_field(size_t channels)
{
    const struct field_spec spec = {
        .encoding = {.type = ENCODING_GAUSSIAN, .n_inputs = 1, .n_frequencies = 16, .sigma = 4},
        .domain = {.n_dims = 1, .matrix = {{1}}},
        .network = {.n_hidden_layers = 2,
                    .width = 32,
                    .n_outputs = channels,
                    .activation = ACTIVATION_RELU,
                    .output_activation = ACTIVATION_LINEAR},
    };
    return small_field(&spec, 1);
}

static double metric(const struct task_metrics *m, const char *key)
{
    const double *value = task_metrics_find(m, key);
    if (!value)
        fail_msg("there is no %s", key);
    return *value;
}

static void test_metrics_are_those_of_both_sets(void **state)
{
    (void)state;
    struct signal s = waves(N, 2);
    const struct task_signal_spec spec = {
        .holdout = HOLDOUT_STRIDE, .holdout_stride = 3, .n_bins = 2, .bins = {0, 5}};
    struct task *t = task_of(&s, &spec);
    struct field *f = some_field(2);
    struct team *team = NULL;
    assert_int_equal(team_create(&team, 2, NULL), STATUS_OK);
    float coords[N], values[2 * N];
    for (size_t i = 0; i < N; i++)
        coords[i] = (float)((double)i / N);
    assert_int_equal(task_query(f, team, N, coords, values, NULL, NULL), STATUS_OK);
    double sum[2] = {0}, re = 0, im = 0, mean = 0;
    for (size_t i = 0; i < N; i++)
        for (size_t c = 0; c < 2; c++) {
            const double error = (double)values[2 * i + c] - (double)s.values[2 * i + c];
            sum[i % 3 != 0] += error * error;
            if (i % 3 == 0 && c == 0) {
                re += error * cos(two_pi * 5 * (double)(i / 3) / 16) / 16;
                im += error * sin(two_pi * 5 * (double)(i / 3) / 16) / 16;
                mean += error / 16;
            }
        }
    const struct task_evaluation how = {.effort = EVALUATE_QUICK};
    struct task_metrics m = {0};
    assert_int_equal(t->class->evaluate(t, f, team, &how, &m, NULL), STATUS_OK);
    assert_true(fabs(metric(&m, "mse") - sum[0] / 32) < 1e-12);
    assert_true(fabs(metric(&m, "test_mse") - sum[1] / 64) < 1e-12);
    assert_true(fabs(metric(&m, "psnr") + 10 * log10(sum[0] / 32)) < 1e-9);
    assert_true(fabs(metric(&m, "residual_0") - fabs(mean)) < 1e-9);
    assert_true(fabs(metric(&m, "residual_1") - hypot(re, im)) < 1e-9);
    assert_null(task_metrics_find(&m, "residual_2"));
    team_free(team);
    field_free(f);
    task_free(t);
    signal_deinit(&s);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    struct signal one = waves(1, 1), s = waves(N, 1);
    const struct {
        const struct signal *signal;
        struct task_signal_spec spec;
        const char *where;
    } cases[] = {
        {&one, {.holdout = HOLDOUT_ODD_PIXELS}, "/train/holdout"},
        {&one, {.holdout = HOLDOUT_STRIDE, .holdout_stride = 4}, "/train/holdout"},
        {&s, {.holdout = HOLDOUT_FRACTION, .holdout_fraction = 0.5, .n_bins = 1}, "/measure/bins"},
        {&s, {.holdout = HOLDOUT_ODD_PIXELS, .n_bins = 1, .bins = {24}}, "/measure/bins"},
        {&s, {.loss = LOSS_BCE, .output_activation = ACTIVATION_LINEAR}, "/train/loss"},
        {&s, {.loss = LOSS_BCE, .output_activation = ACTIVATION_SIGMOID}, "/train/loss"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct task *t = NULL;
        struct error err = {0};
        assert_int_equal(task_signal_create(&t, cases[k].signal, &cases[k].spec, &err),
                         STATUS_INVALID);
        assert_string_equal(err.where, cases[k].where);
    }
    signal_deinit(&one);
    signal_deinit(&s);
}

static enum status attempt(void *context, struct error *err)
{
    struct task *t = NULL;
    const struct task_signal_spec spec = {.holdout = HOLDOUT_FRACTION, .holdout_fraction = 0.5};
    enum status status = task_signal_create(&t, context, &spec, err);
    task_free(status == STATUS_OK ? t : NULL);
    return status;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct signal s = waves(N, 1);
    assert_true(alloc_fail_each(attempt, &s) >= 3);
    signal_deinit(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_batch_is_every_training_sample),
        cmocka_unit_test(test_metrics_are_those_of_both_sets),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
