/* Waves whose band and power are known, what a window keeps of them and what leaks past it. */
#include "core/scene/spectrum.h"

#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "tests/support/alloc.h"
#include "tests/support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const double two_pi = 6.28318530717958647693;

enum { SIDE = 128 };

static void measure_by(size_t n_threads, size_t width, size_t height, size_t channels,
                       const float *samples, double power[SPECTRUM_BANDS])
{
    struct spectrum *s = NULL;
    struct team *team = NULL;
    assert_int_equal(spectrum_create(&s, width, height, NULL), STATUS_OK);
    assert_int_equal(team_create(&team, n_threads, NULL), STATUS_OK);
    assert_int_equal(spectrum_measure(s, team, channels, samples, power, NULL), STATUS_OK);
    team_free(team);
    spectrum_free(s);
}

static void measure(size_t width, size_t height, size_t channels, const float *samples,
                    double power[SPECTRUM_BANDS])
{
    measure_by(2, width, height, channels, samples, power);
}

/* offset + amplitude cos(…) of so many waves across and down, for mem_free. */
static float *wave_of(size_t width, size_t height, double across, double down, double offset,
                      double amplitude)
{
    float *samples = mem_alloc_floats(width * height);
    assert_non_null(samples);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            samples[y * width + x] =
                (float)(offset + amplitude * cos(two_pi * (across * (double)x / (double)width +
                                                           down * (double)y / (double)height) +
                                                 0.3));
    return samples;
}

static double sum_of(const double power[SPECTRUM_BANDS])
{
    double sum = 0.0;
    for (size_t b = 0; b < SPECTRUM_BANDS; b++)
        sum += power[b];
    return sum;
}

/* A wave of whole periods in the middle of an octave is all in it, with half the square of its
 * amplitude; the mean is in none. */
static void a_wave_is_in_its_band_with_its_power(void **state)
{
    (void)state;
    static const struct {
        double across, down; /* of 128 */
        size_t band;
    } rows[] = {{0, 6, 2},  {3, 0, 1},   {12, 0, 3}, {0, 11, 3}, {9, 9, 3},
                {0, 24, 4}, {20, 15, 4}, {48, 0, 5}, {64, 0, 5}, {50, 55, 5}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double power[SPECTRUM_BANDS];
        float *wave = wave_of(SIDE, SIDE, rows[i].across, rows[i].down, 7.0, 0.2);
        measure(SIDE, SIDE, 1, wave, power);
        const double expected = rows[i].across == 64 ? pow(0.2 * cos(0.3), 2) : 0.02;
        const bool is_edge =
            rows[i].band == 1; /* an octave of two frequencies, and a wave of three */
        assert_true(fabs(sum_of(power) - expected) < 2e-4 * expected);
        assert_true(power[rows[i].band] > (is_edge ? 0.8 : 0.99999) * sum_of(power));
        mem_free(wave);
    }
}

/* What is no whole number of waves jumps at the borders, as photographs do.  Past the two octaves
 * beside its own there is less than a hundred thousandth of it; a ramp is the worst of them. */
static void little_leaks_past_the_window(void **state)
{
    (void)state;
    double power[SPECTRUM_BANDS];
    for (double across = 0.3; across < 7.0; across += 0.37) {
        const size_t band = across <= 2.0 ? 0 : across <= 4.0 ? 1 : 2;
        float *wave = wave_of(SIDE, SIDE, across, 0.4 * across, 0.0, 1.0);
        measure(SIDE, SIDE, 1, wave, power);
        for (size_t b = band + 3; b < SPECTRUM_BANDS; b++)
            assert_true(power[b] < 1e-5 * sum_of(power));
        mem_free(wave);
    }
    float ramp[SIDE * SIDE];
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++)
        ramp[i] = (float)(i % SIDE) / SIDE;
    measure(SIDE, SIDE, 1, ramp, power);
    assert_true(power[0] > 0.95 * sum_of(power));
    assert_true(power[5] < 1e-7 * sum_of(power)); /* without a window it were 1e-2 */
}

static void powers_sum_to_the_variance_under_the_window(void **state)
{
    (void)state;
    enum { W = 90, H = 49 };
    float *samples = random_floats((size_t)W * H, 3);
    double power[SPECTRUM_BANDS], weight = 0.0, mean = 0.0, left = 0.0, squares = 0.0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < (size_t)W * H; i++) {
            const double across = sin(two_pi / 2 * ((double)(i % W) + 0.5) / W);
            const double down = sin(two_pi / 2 * ((double)(i / W) + 0.5) / H);
            const double w = across * across * down * down, value = (double)samples[i];
            if (pass == 0) {
                weight += w;
                mean += w * value;
            } else {
                left += pow(w * (value - mean / weight), 2);
                squares += w * w;
            }
        }
    measure(W, H, 1, samples, power);
    assert_true(fabs(sum_of(power) - left / squares) < 1e-6 * left / squares);
    mem_free(samples);
}

/* One, two or three channels, of which two share a transform. */
static void channels_are_averaged(void **state)
{
    (void)state;
    enum { N = 40 * 33, MOST = 3 };
    float *channel[MOST], *all = mem_alloc_floats(MOST * N);
    double alone[MOST][SPECTRUM_BANDS], power[SPECTRUM_BANDS];
    assert_non_null(all);
    for (size_t c = 0; c < MOST; c++) {
        channel[c] = random_floats(N, c + 1);
        measure(40, 33, 1, channel[c], alone[c]);
    }
    for (size_t n = 1; n <= MOST; n++) {
        for (size_t i = 0; i < n * N; i++)
            all[i] = channel[i % n][i / n];
        measure(40, 33, n, all, power);
        for (size_t b = 0; b < SPECTRUM_BANDS; b++) {
            double mean = 0.0;
            for (size_t c = 0; c < n; c++)
                mean += alone[c][b] / (double)n;
            assert_true(fabs(power[b] - mean) <= 1e-5 * mean);
        }
    }
    for (size_t c = 0; c < MOST; c++)
        mem_free(channel[c]);
    mem_free(all);
}

static void one_thread_and_three_give_the_same_bytes(void **state)
{
    (void)state;
    float *samples = random_floats(3 * 58 * 31, 5);
    double one[SPECTRUM_BANDS], three[SPECTRUM_BANDS];
    measure_by(1, 58, 31, 3, samples, one);
    measure_by(3, 58, 31, 3, samples, three);
    assert_memory_equal(one, three, sizeof one);
    mem_free(samples);
}

/* One colour has no frequencies, however large it is; nor has one sample. */
static void a_constant_has_no_power(void **state)
{
    (void)state;
    float *flat = wave_of(31, 64, 0, 0, 1234.5678, 0.0);
    double power[SPECTRUM_BANDS];
    measure(31, 64, 1, flat, power);
    for (size_t b = 0; b < SPECTRUM_BANDS; b++)
        assert_true(power[b] < 1e-20 * 1234.0 * 1234.0);
    measure(1, 1, 1, flat, power);
    for (size_t b = 0; b < SPECTRUM_BANDS; b++)
        assert_true(power[b] == 0.0);
    mem_free(flat);
}

/* Of any size: the sides' own frequencies, and no others. */
static void any_size_has_the_bands_that_it_can_tell(void **state)
{
    (void)state;
    static const struct {
        size_t width, height;
        unsigned bands; /* a bit each */
    } rows[] = {{2, 1, 32}, {3, 128, 63}, {1, 7, 48}, {16, 16, 60}, {33, 1, 62}, {97, 101, 63}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double power[SPECTRUM_BANDS];
        float *samples = random_floats(rows[i].width * rows[i].height, i + 1);
        measure(rows[i].width, rows[i].height, 1, samples, power);
        for (size_t b = 0; b < SPECTRUM_BANDS; b++) {
            assert_true(isfinite(power[b]));
            assert_int_equal(power[b] > 0.0, rows[i].bands >> b & 1);
        }
        mem_free(samples);
    }
}

static void what_is_not_finite_gives_nothing_finite(void **state)
{
    (void)state;
    const float broken[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        double power[SPECTRUM_BANDS];
        float *samples = random_floats(64 * 64, 1);
        samples[1000] = broken[i];
        measure(64, 64, 1, samples, power);
        for (size_t b = 0; b < SPECTRUM_BANDS; b++)
            assert_false(power[b] > 0.0 && isfinite(power[b]));
        mem_free(samples);
    }
}

static enum status create_and_measure(void *context, struct error *err)
{
    struct spectrum *s = NULL;
    double power[SPECTRUM_BANDS];
    const float samples[14 * 6] = {1.0f};
    enum status status = spectrum_create(&s, 14, 6, err);
    if (status == STATUS_OK)
        status = spectrum_measure(s, context, 1, samples, power, err);
    spectrum_free(s);
    return status;
}

static void running_out_of_memory_is_survived(void **state)
{
    (void)state;
    struct team *team = NULL;
    assert_int_equal(team_create(&team, 1, NULL), STATUS_OK);
    assert_true(alloc_fail_each(create_and_measure, team) > 8);
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wave_is_in_its_band_with_its_power),
        cmocka_unit_test(little_leaks_past_the_window),
        cmocka_unit_test(powers_sum_to_the_variance_under_the_window),
        cmocka_unit_test(channels_are_averaged),
        cmocka_unit_test(one_thread_and_three_give_the_same_bytes),
        cmocka_unit_test(a_constant_has_no_power),
        cmocka_unit_test(any_size_has_the_bands_that_it_can_tell),
        cmocka_unit_test(what_is_not_finite_gives_nothing_finite),
        cmocka_unit_test(running_out_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
