/* Fields that differ from their data by what is known. */
#include "core/task/residual_bands.h"

#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/nn/kernel.h"
#include "core/scene/spectrum.h"
#include "tests/support/alloc.h"
#include "tests/support/small_fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const double two_pi = 6.28318530717958647693;

enum { N_CHANNELS = 3, SIDE = 128 };

/* Data that are a field's values and a wave, over a plane of which a window is looked at. */
struct fixture {
    struct field_spec spec;
    struct field *field;
    struct team *team;
    size_t width, height;
    float *values; /* [H, W, C] */
    double cycles; /* of the wave, along y, per sample */
    double height_of_wave;
};

static void read_sample(const void *context, size_t x, size_t y, float *unit, float *value)
{
    const struct fixture *f = context;
    const double wave = f->height_of_wave * cos(two_pi * f->cycles * (double)y);
    unit[0] = ((float)x + 0.5f) / (float)f->width;
    unit[1] = ((float)y + 0.5f) / (float)f->height;
    for (size_t c = 0; c < N_CHANNELS; c++)
        value[c] = f->values[(y * f->width + x) * N_CHANNELS + c] + (float)wave;
}

static struct sample_plane plane_of(const struct fixture *f)
{
    return (struct sample_plane){f->width, f->height, 2, N_CHANNELS, f, read_sample};
}

/* The field's values at all samples are the data. */
static void fixture_init(struct fixture *f, size_t width, size_t height)
{
    const struct image shape = {.width = width, .height = height, .channels = N_CHANNELS};
    const size_t n = width * height;
    *f = (struct fixture){.spec = small_field_spec(&shape), .width = width, .height = height};
    f->field = small_field(&f->spec, 1);
    f->values = mem_alloc_floats(n * N_CHANNELS);
    float *unit = mem_alloc_floats(2 * n);
    assert_true(f->values && unit);
    assert_int_equal(team_create(&f->team, 2, NULL), STATUS_OK);
    for (size_t i = 0; i < n; i++) {
        unit[2 * i] = ((float)(i % width) + 0.5f) / (float)width;
        unit[2 * i + 1] = ((float)(i / width) + 0.5f) / (float)height;
    }
    assert_int_equal(task_query(f->field, f->team, n, unit, f->values, NULL, NULL), STATUS_OK);
    mem_free(unit);
}

static void fixture_deinit(struct fixture *f)
{
    field_free(f->field);
    team_free(f->team);
    mem_free(f->values);
}

/* What is told of the fixture's data; -1 of a band that is not told of. */
static void measure(const struct fixture *f, double band[SPECTRUM_BANDS])
{
    const struct sample_plane plane = plane_of(f);
    struct residual_bands *b = NULL;
    size_t n_points = 0;
    struct task_metrics metrics = {0};
    assert_int_equal(residual_bands_create(&b, &plane, &n_points, NULL), STATUS_OK);
    assert_int_equal(residual_bands_measure(b, f->field, f->team, NULL, &metrics, NULL), STATUS_OK);
    for (size_t i = 0; i < SPECTRUM_BANDS; i++) {
        char key[] = "residual_band_0";
        key[strlen(key) - 1] = (char)('0' + i);
        const double *found = task_metrics_find(&metrics, key);
        band[i] = found ? *found : -1.0;
    }
    residual_bands_free(b);
}

/* So that the field is the same everywhere. */
static void forget(struct fixture *f)
{
    memset(field_params(f->field), 0, field_n_params(f->field) * sizeof(float));
}

static void what_is_missing_is_told_in_its_band(void **state)
{
    (void)state;
    struct fixture f;
    double band[SPECTRUM_BANDS];
    fixture_init(&f, 200, 150); /* the window is a part of it */
    f.cycles = 24.0 / SIDE;     /* band 4 */
    f.height_of_wave = 0.5;
    measure(&f, band);
    assert_true(band[4] > 0.99 && band[4] < 1.01); /* the field has next to nothing there */
    for (size_t i = 0; i < 3; i++)
        assert_true(band[i] >= 0.0 && band[i] < 1e-4);
    fixture_deinit(&f);
}

/* Its power over that of the data is what the wave's is over both together. */
static void a_part_that_is_missing_is_that_part(void **state)
{
    (void)state;
    struct fixture f;
    double all[SPECTRUM_BANDS], left[SPECTRUM_BANDS], powers[2][SPECTRUM_BANDS];
    struct spectrum *s = NULL;
    float *data, *wave = mem_alloc_floats((size_t)SIDE * SIDE * N_CHANNELS);
    fixture_init(&f, SIDE, SIDE);
    f.cycles = 1.0 / SIDE; /* where the field itself is strong */
    f.height_of_wave = 0.01;
    data = mem_alloc_floats((size_t)SIDE * SIDE * N_CHANNELS);
    assert_true(data && wave);
    const struct sample_plane plane = plane_of(&f);
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++) {
        float unit[2];
        plane.read(&f, i % SIDE, i / SIDE, unit, data + i * N_CHANNELS);
        for (size_t c = 0; c < N_CHANNELS; c++)
            wave[i * N_CHANNELS + c] = data[i * N_CHANNELS + c] - f.values[i * N_CHANNELS + c];
    }
    assert_int_equal(spectrum_create(&s, SIDE, SIDE, NULL), STATUS_OK);
    assert_int_equal(spectrum_measure(s, f.team, N_CHANNELS, data, powers[0], NULL), STATUS_OK);
    assert_int_equal(spectrum_measure(s, f.team, N_CHANNELS, wave, powers[1], NULL), STATUS_OK);
    measure(&f, left);
    assert_true(fabs(left[0] - powers[1][0] / powers[0][0]) < 1e-4 * left[0]);
    assert_true(left[0] > 1e-5 && left[0] < 0.5);
    forget(&f);
    measure(&f, all);
    for (size_t i = 0; i < SPECTRUM_BANDS; i++)
        assert_true(all[i] == -1.0 || fabs(all[i] - 1.0) < 1e-4); /* nothing is learned */
    assert_true(all[0] > 0.0);
    spectrum_free(s);
    mem_free(data);
    mem_free(wave);
    fixture_deinit(&f);
}

/* Nor of bands that the data leave empty, whatever the field has there. */
static void of_one_colour_nothing_is_told(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{1, 1}, {3, 200}, {128, 128}, {300, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct fixture f;
        struct residual_bands *b = NULL;
        size_t n_points = SIZE_MAX;
        struct task_metrics metrics = {0};
        fixture_init(&f, sizes[i][0], sizes[i][1]);
        for (size_t k = 0; k < f.width * f.height * N_CHANNELS; k++)
            f.values[k] = 0.3f;
        const struct sample_plane plane = plane_of(&f);
        assert_int_equal(residual_bands_create(&b, &plane, &n_points, NULL), STATUS_OK);
        assert_int_equal(n_points, 0);
        assert_int_equal(residual_bands_measure(b, f.field, f.team, NULL, &metrics, NULL),
                         STATUS_OK);
        assert_int_equal(metrics.n, 0);
        residual_bands_free(b);
        fixture_deinit(&f);
    }
}

static void windows_of_any_size_are_measured(void **state)
{
    (void)state;
    static const struct {
        size_t width, height, n_points;
    } rows[] = {{1, 1, 0},     {2, 1, 2},           {3, 200, 3 * 128}, {20000, 1, 16384},
                {1, 300, 300}, {129, 40, 128 * 40}, {131, 137, 16384}, {31, 29, 31 * 29}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture f;
        struct residual_bands *b = NULL;
        size_t n_points = SIZE_MAX;
        double band[SPECTRUM_BANDS];
        fixture_init(&f, rows[i].width, rows[i].height);
        for (size_t k = 0; k < f.width * f.height * N_CHANNELS; k++)
            f.values[k] = (float)(k * k % 97) / 97.0f;
        const struct sample_plane plane = plane_of(&f);
        assert_int_equal(residual_bands_create(&b, &plane, &n_points, NULL), STATUS_OK);
        assert_int_equal(n_points, rows[i].n_points);
        forget(&f);
        measure(&f, band);
        for (size_t k = 0; k < SPECTRUM_BANDS; k++)
            assert_true(band[k] == -1.0 || fabs(band[k] - 1.0) < 1e-4);
        residual_bands_free(b);
        fixture_deinit(&f);
    }
}

static void a_broken_field_has_nothing_to_tell(void **state)
{
    (void)state;
    struct fixture f;
    double band[SPECTRUM_BANDS];
    fixture_init(&f, 40, 40);
    for (size_t i = 0; i < field_n_params(f.field); i++)
        field_params(f.field)[i] = NAN;
    measure(&f, band);
    for (size_t i = 0; i < SPECTRUM_BANDS; i++)
        assert_true(band[i] == -1.0);
    fixture_deinit(&f);
}

static void a_measurement_can_be_stopped(void **state)
{
    (void)state;
    struct fixture f;
    struct residual_bands *b = NULL;
    size_t n_points = 0;
    struct task_metrics metrics = {0};
    const volatile bool stop = true;
    fixture_init(&f, 40, 40);
    const struct sample_plane plane = plane_of(&f);
    assert_int_equal(residual_bands_create(&b, &plane, &n_points, NULL), STATUS_OK);
    assert_int_equal(residual_bands_measure(b, f.field, f.team, &stop, &metrics, NULL),
                     STATUS_CANCELED);
    assert_int_equal(metrics.n, 0);
    residual_bands_free(b);
    fixture_deinit(&f);
}

static enum status create_and_measure(void *context, struct error *err)
{
    const struct fixture *f = context;
    const struct sample_plane plane = plane_of(f);
    struct residual_bands *b = NULL;
    size_t n_points = 0;
    struct task_metrics metrics = {0};
    enum status status = residual_bands_create(&b, &plane, &n_points, err);
    if (status == STATUS_OK)
        status = residual_bands_measure(b, f->field, f->team, NULL, &metrics, err);
    residual_bands_free(b);
    return status;
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, 14, 9);
    assert_true(alloc_fail_each(create_and_measure, &f) > 12);
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_missing_is_told_in_its_band),
        cmocka_unit_test(a_part_that_is_missing_is_that_part),
        cmocka_unit_test(of_one_colour_nothing_is_told),
        cmocka_unit_test(windows_of_any_size_are_measured),
        cmocka_unit_test(a_broken_field_has_nothing_to_tell),
        cmocka_unit_test(a_measurement_can_be_stopped),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
