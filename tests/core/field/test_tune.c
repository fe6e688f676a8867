/* The predictions of tuning against dense solutions, and what they choose. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/field/ntk.h"
#include "core/field/ntk_regression.h"
#include "core/field/forecast.h"
#include "core/field/tune.h"
#include "tests/support/alloc.h"

static const double pi = 3.14159265358979323846;

enum { N = 12, WIDE = 32 };

static struct field_spec gaussian(size_t n_dims, double sigma)
{
    return (struct field_spec){
        .encoding = {.type = ENCODING_GAUSSIAN,
                     .n_inputs = n_dims,
                     .n_frequencies = 256,
                     .sigma = sigma},
        .network = {.n_outputs = 1,
                    .n_hidden_layers = 3,
                    .width = 256,
                    .activation = ACTIVATION_RELU,
                    .output_activation = ACTIVATION_SIGMOID},
    };
}

static struct train_spec steps_of(uint64_t steps)
{
    return (struct train_spec){.steps = steps,
                               .batch_size = 4096,
                               .learning_rate = 1e-3,
                               .optimizer = {.type = OPTIMIZER_ADAM}};
}

static struct survey surveyed(size_t n_dims, const size_t *n, double *values)
{
    struct survey s;
    double spacing[LIMIT_DIMS];
    for (size_t d = 0; d < n_dims; d++)
        spacing[d] = 1.0 / (double)n[d];
    assert_int_equal(survey_init(&s, SURVEY_SAMPLES, n_dims, n, spacing, NULL), STATUS_OK);
    assert_int_equal(survey_add(&s, values, NULL), STATUS_OK);
    return s;
}

static struct tune_kernel kernel_of(const struct survey *s, const struct field_spec *field)
{
    struct tune_kernel k;
    assert_int_equal(tune_kernel_init(&k, s, field, NULL), STATUS_OK);
    return k;
}

/* The kernel of the mirrored signal, a ring of 2 N samples, solved as any matrix: its descent and
 * what it predicts of each sample when that is left out of the linear smoother. */
static void predictions_are_those_of_the_dense_kernel(void **state)
{
    (void)state;
    static double kernel[4 * N * N], y[2 * N], residual[2 * N];
    double values[N], mean = 0.0;
    const size_t n[1] = {N};
    const struct field_spec field = gaussian(1, 1.5);
    const struct ntk_network network = {.n_hidden_layers = 3,
                                        .width = 1,
                                        .parametrization = NTK_NTK,
                                        .sigma_w = sqrt(2.0),
                                        .sigma_b = 0.0};
    struct rng rng = rng_at(5, RNG_ENCODING, 0);
    for (size_t i = 0; i < N; i++)
        values[i] = rng_normal(&rng);
    for (size_t i = 0; i < N; i++)
        mean += values[i] / N;
    for (size_t i = 0; i < N; i++)
        y[i] = y[2 * N - 1 - i] = values[i] - mean;
    const double unit = ntk_of_products(&network, 1, 1.0, 1.0, 1.0);
    for (size_t i = 0; i < 2 * N; i++)
        for (size_t j = 0; j < 2 * N; j++) {
            const size_t around = i > j ? i - j : j - i;
            const double o = (double)(around < 2 * N - around ? around : 2 * N - around) / N;
            const double u = exp(-2.0 * pow(pi * 1.5 * o, 2.0));
            kernel[i * 2 * N + j] = ntk_of_products(&network, 1, 1.0, 1.0, u) / unit;
        }
    struct survey s = surveyed(1, n, values);
    struct tune_kernel k = kernel_of(&s, &field);
    k.variance = 0.0; /* of the data alone */
    struct ntk_regression *r = NULL;
    assert_int_equal(ntk_regression_create(&r, 2 * N, kernel, 1, y, NULL, NULL), STATUS_OK);
    for (double t = 0.01; t < 20.0; t *= 3.0) {
        const struct tune_errors e = tune_predict(&s, &k, t * N); /* integrals, not sums */
        double sum = 0.0, trace = 0.0;
        ntk_regression_components(r, t, residual);
        for (size_t i = 0; i < 2 * N; i++)
            sum += residual[i] * residual[i] / (2 * N);
        assert_true(fabs(e.training - sum) < 1e-10 + 1e-8 * sum);
        /* of even functions on the ring: half of all components, those of the survey */
        for (size_t c = 0; c < N; c++)
            trace += exp(-t * N * k.lambda[c]) / N;
        assert_true(fabs(e.other - sum / (trace * trace)) < 1e-8 * e.other);
    }
    ntk_regression_free(r);
    tune_kernel_deinit(&k);
    survey_deinit(&s);
}

/* Power stays what it was. */
static void a_survey_keeps_the_sum_of_squares(void **state)
{
    (void)state;
    const size_t n[LIMIT_DIMS] = {5, 7, 4};
    for (size_t n_dims = 1; n_dims <= LIMIT_DIMS; n_dims++) {
        double values[140], mean = 0.0, squares = 0.0, power = 0.0;
        size_t count = 1;
        struct rng rng = rng_at(6, RNG_ENCODING, n_dims);
        for (size_t d = 0; d < n_dims; d++)
            count *= n[d];
        for (size_t i = 0; i < count; i++)
            mean += (values[i] = rng_uniform(&rng)) / (double)count;
        for (size_t i = 0; i < count; i++)
            squares += (values[i] - mean) * (values[i] - mean);
        struct survey s = surveyed(n_dims, n, values);
        for (size_t i = 0; i < s.n_cells; i++)
            power += s.power[i];
        assert_true(fabs(power - squares) < 1e-12 * squares);
        survey_deinit(&s);
    }
}

/* Waves of up to so many cycles a side, of any direction and phase. */
static double chosen_for(double cycles, enum tune_member member)
{
    static double values[WIDE * WIDE];
    const size_t n[2] = {WIDE, WIDE};
    struct field_spec field = gaussian(2, 1.0);
    struct tune_choice c;
    const struct train_spec train = steps_of(100);
    struct rng rng = rng_at(7, RNG_ENCODING, 0);
    if (member == TUNE_SCALE)
        field.encoding = (struct encoding_spec){
            .type = ENCODING_POSITIONAL, .n_inputs = 2, .n_frequencies = 32, .scale = 1.0};
    memset(values, 0, sizeof values);
    for (size_t w = 0; w < 20; w++) {
        const double along = cycles * (2 * rng_uniform(&rng) - 1),
                     phase = 2 * pi * rng_uniform(&rng);
        const double across = cycles * (2 * rng_uniform(&rng) - 1);
        for (size_t i = 0; i < WIDE * WIDE; i++)
            values[i] += cos(
                2 * pi / WIDE * (along * (double)(i % WIDE) + across * (double)(i / WIDE)) + phase);
    }
    struct survey s = surveyed(2, n, values);
    assert_int_equal(tune_choose(&c, member, &s, &field, &train, NULL, NULL), STATUS_OK);
    survey_deinit(&s);
    assert_true(c.n >= 5 && c.steps == 100 && strlen(c.reason) > 0);
    double best = -HUGE_VAL;
    for (size_t i = 0; i < c.n; i++)
        best = fmax(best, c.psnr[i]);
    for (size_t i = 0; i < c.n; i++)
        if (c.values[i] == c.value)
            assert_true(c.psnr[i] == best);
    return c.value;
}

static void finer_data_ask_for_more(void **state)
{
    (void)state;
    for (int m = TUNE_SIGMA; m <= TUNE_SCALE; m++) {
        const double coarse = chosen_for(1.0, (enum tune_member)m);
        const double fine = chosen_for(12.0, (enum tune_member)m);
        assert_true(coarse < fine);
    }
}

/* Time is that of the schedule: half the rate, half of it. */
static void time_follows_rate_and_schedule(void **state)
{
    (void)state;
    double values[WIDE] = {1.0};
    const size_t n[1] = {WIDE};
    const struct field_spec field = gaussian(1, 1.0);
    struct survey s = surveyed(1, n, values);
    struct tune_kernel k = kernel_of(&s, &field);
    struct train_spec train = steps_of(1000);
    const double full = tune_time(&k, &train, 1000.0);
    assert_true(full > 0.0);
    train.learning_rate /= 2.0;
    assert_true(fabs(tune_time(&k, &train, 1000.0) - full / 2.0) < 1e-9 * full);
    train = steps_of(1000);
    train.schedule = (struct schedule_spec){.type = SCHEDULE_COSINE};
    assert_true(fabs(tune_time(&k, &train, 1000.0) - full / 2.0) < 1e-3 * full);
    tune_kernel_deinit(&k);
    survey_deinit(&s);
}

static void what_has_no_kernel_is_refused(void **state)
{
    (void)state;
    double values[WIDE] = {1.0};
    const size_t n[1] = {WIDE};
    struct error err = {0};
    struct tune_kernel k;
    struct field_spec field = gaussian(1, 1.0);
    struct survey s = surveyed(1, n, values);
    field.encoding.type = ENCODING_HASHGRID;
    assert_int_equal(tune_kernel_init(&k, &s, &field, &err), STATUS_UNSUPPORTED);
    const struct encoding_spec rotated = {.type = ENCODING_POSITIONAL, .rotate = true};
    err = (struct error){0};
    assert_int_equal(tune_check(&rotated, TUNE_SCALE, &err), STATUS_UNSUPPORTED);
    assert_string_equal(err.where, "/encoding/scale");
    const volatile bool stop = true;
    struct tune_choice c;
    const struct train_spec train = steps_of(10);
    field = gaussian(1, 1.0);
    assert_int_equal(tune_choose(&c, TUNE_SIGMA, &s, &field, &train, &stop, NULL), STATUS_CANCELED);
    survey_deinit(&s);
}

/* Of a parabola the miss grows with the square of the spacing, of noise it does not. */
static void a_gain_tells_edges_from_noise(void **state)
{
    (void)state;
    static double values[WIDE * WIDE];
    const size_t n[LIMIT_DIMS] = {WIDE, WIDE, 1}, few[2] = {4, 4};
    struct rng rng = rng_at(5, RNG_ENCODING, 0);
    for (int smooth = 0; smooth < 2; smooth++) {
        for (size_t i = 0; i < WIDE * WIDE; i++) {
            const double x = (double)(i % WIDE), y = (double)(i / WIDE);
            values[i] = smooth ? x * x - 3 * x * y + 0.5 * y * y : rng_normal(&rng);
        }
        struct survey s = surveyed(2, n, values);
        assert_true(fabs(survey_gain(&s) - (smooth ? 20 * log10(4.0) : 0.0)) < 0.3);
        survey_deinit(&s);
    }
    /* no middle inside twice the spacing; and all of one colour */
    for (int flat = 0; flat < 2; flat++) {
        for (size_t i = 0; i < 16; i++)
            values[i] = flat ? 0.5 : rng_normal(&rng);
        struct survey s = surveyed(2, few, values);
        assert_true(survey_gain(&s) == 0.0);
        survey_deinit(&s);
    }
    /* along one axis, and three */
    const size_t cube[LIMIT_DIMS] = {10, 10, 10};
    for (size_t n_dims = 1; n_dims <= LIMIT_DIMS; n_dims += 2) {
        for (size_t i = 0; i < 10 * 10 * 10; i++)
            values[i] = pow((double)(i % 10), 2) + pow((double)(i / 10 % 10), 2) -
                        pow((double)(i / 100), 2);
        struct survey s = surveyed(n_dims, cube, values);
        assert_true(fabs(survey_gain(&s) - 12.0) < 0.05);
        survey_deinit(&s);
    }
}

/* A forecast ends with the last step, begins no lower than the untrained field, and rises. */
static void a_forecast_ends_with_the_fit(void **state)
{
    (void)state;
    static double values[WIDE * WIDE];
    const size_t n[2] = {WIDE, WIDE};
    struct field_spec field = gaussian(2, 3.0);
    struct train_spec train = steps_of(100);
    train.learning_rate = 1e-5;
    struct forecast f;
    struct error err = {0};
    struct rng rng = rng_at(5, RNG_ENCODING, 0);
    for (size_t i = 0; i < WIDE * WIDE; i++)
        values[i] = rng_normal(&rng) / (1.0 + (double)(i % WIDE));
    struct survey s = surveyed(2, n, values);
    assert_int_equal(forecast_check(&s, &field, &train, LOSS_MSE, NULL), STATUS_OK);
    assert_int_equal(forecast_make(&f, &s, &field, &train, true, NULL), STATUS_OK);
    struct tune_kernel k = kernel_of(&s, &field);
    const double start = -10 * log10(tune_predict(&s, &k, 0.0).training);
    assert_true(f.n > 5 && f.has_test && f.step[f.n - 1] == 100);
    for (size_t i = 0; i < f.n; i++) {
        assert_true(f.psnr[i] >= start && f.test_psnr[i] >= start);
        if (i > 0)
            assert_true(f.step[i] > f.step[i - 1] && f.psnr[i] >= f.psnr[i - 1]);
    }
    assert_true(f.psnr[f.n - 1] > start);
    const double short_fit = f.psnr[f.n - 1];
    tune_kernel_deinit(&k);
    train.steps = 0;
    assert_int_equal(forecast_make(&f, &s, &field, &train, false, NULL), STATUS_OK);
    assert_true(!f.has_test && f.step[f.n - 1] == LIMIT_STEPS);
    assert_true(f.psnr[f.n - 1] > short_fit);
    assert_int_equal(forecast_check(&s, &field, &train, LOSS_BCE, &err), STATUS_UNSUPPORTED);
    err = (struct error){0};
    field.encoding.type = ENCODING_HASHGRID;
    assert_int_equal(forecast_check(&s, &field, &train, LOSS_MSE, &err), STATUS_UNSUPPORTED);
    assert_true(strlen(err.message) > 0);
    survey_deinit(&s);
}

static enum status choose_in_need(void *context, struct error *err)
{
    (void)context;
    double values[WIDE];
    const size_t n[1] = {WIDE};
    const double spacing[1] = {1.0 / WIDE};
    const struct field_spec field = gaussian(1, 1.0);
    const struct train_spec train = steps_of(10);
    struct survey s;
    struct tune_choice c;
    for (size_t i = 0; i < WIDE; i++)
        values[i] = (double)i;
    enum status status = survey_init(&s, SURVEY_SAMPLES, 1, n, spacing, err);
    if (status == STATUS_OK)
        status = survey_add(&s, values, err);
    if (status == STATUS_OK)
        status = tune_choose(&c, TUNE_SIGMA, &s, &field, &train, NULL, err);
    survey_deinit(&s);
    return status;
}

static void it_ends_well_without_memory(void **state)
{
    (void)state;
    assert_true(alloc_fail_each(choose_in_need, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predictions_are_those_of_the_dense_kernel),
        cmocka_unit_test(a_survey_keeps_the_sum_of_squares),
        cmocka_unit_test(finer_data_ask_for_more),
        cmocka_unit_test(time_follows_rate_and_schedule),
        cmocka_unit_test(what_has_no_kernel_is_refused),
        cmocka_unit_test(a_gain_tells_edges_from_noise),
        cmocka_unit_test(a_forecast_ends_with_the_fit),
        cmocka_unit_test(it_ends_well_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
