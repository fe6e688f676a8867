#include "core/task/baseline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/field/metrics.h"
#include "core/format/png.h"
#include "tests/support/data_files.h"
#include "tests/support/small_fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* With any number of threads the same. */
static void measure(const struct image *image, const uint8_t *held, double out[N_BASELINES])
{
    for (size_t n_threads = 1; n_threads <= 3; n_threads += 2) {
        struct team *team = NULL;
        double error[N_BASELINES];
        assert_int_equal(team_create(&team, n_threads, NULL), STATUS_OK);
        assert_int_equal(baseline_measure(image, held, team, NULL, error, NULL), STATUS_OK);
        if (n_threads > 1)
            assert_memory_equal(error, out, sizeof error);
        memcpy(out, error, sizeof error);
        team_free(team);
    }
}

static double squared(float prediction, float target)
{
    const double clipped = fmin(1.0, fmax(0.0, (double)prediction));
    return (clipped - (double)target) * (clipped - (double)target);
}

/* --- a lattice --- */

/* Keys 1981, with a = -1/2. */
static double keys(double t)
{
    const double a = -0.5;
    t = fabs(t);
    if (t <= 1.0)
        return (a + 2.0) * t * t * t - (a + 3.0) * t * t + 1.0;
    return t < 2.0 ? a * t * t * t - 5.0 * a * t * t + 8.0 * a * t - 4.0 * a : 0.0;
}

static double tent(double t)
{
    return fmax(0.0, 1.0 - fabs(t));
}

static ptrdiff_t clamp(ptrdiff_t i, ptrdiff_t n)
{
    return i < 0 ? 0 : i < n ? i : n - 1;
}

/* The lattice, gone on with beyond its border, filtered at (x, y) with a kernel in each direction.
 */
static float filtered(const struct image *image, size_t x, size_t y, size_t c,
                      double (*kernel)(double))
{
    const ptrdiff_t nx = (ptrdiff_t)(image->width + 1) / 2, ny = (ptrdiff_t)(image->height + 1) / 2;
    const double px = (double)x / 2.0, py = (double)y / 2.0;
    double sum = 0.0;
    for (ptrdiff_t j = (ptrdiff_t)py - 3; j <= (ptrdiff_t)py + 3; j++)
        for (ptrdiff_t i = (ptrdiff_t)px - 3; i <= (ptrdiff_t)px + 3; i++) {
            const size_t row = 2 * (size_t)clamp(j, ny), column = 2 * (size_t)clamp(i, nx);
            sum += kernel(px - (double)i) * kernel(py - (double)j) *
                   (double)image_value(image, (row * image->width + column) * image->channels + c);
        }
    return (float)sum;
}

static void a_lattice_is_interpolated_as_kernels_do(void **state)
{
    (void)state;
    static const struct {
        size_t width, height, channels;
    } sizes[] = {{2, 2, 1}, {3, 3, 4}, {33, 21, 3}, {34, 22, 2}, {2, 45, 1}, {1101, 6, 3}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct image image = small_picture(sizes[s].width, sizes[s].height, sizes[s].channels);
        double expected[N_BASELINES] = {0}, measured[N_BASELINES];
        for (size_t i = 0; i < image.width * image.height * image.channels; i += 7)
            image.values[i] = i % 2 ? 1.0f : 0.0f; /* so that predictions are clipped */
        for (size_t y = 1; y < image.height; y += 2)
            for (size_t x = 1; x < image.width; x += 2)
                for (size_t c = 0; c < image.channels; c++) {
                    const float target =
                        image_value(&image, (y * image.width + x) * image.channels + c);
                    const size_t upper_left = ((y - 1) * image.width + x - 1) * image.channels + c;
                    expected[BASELINE_NEAREST] += squared(image_value(&image, upper_left), target);
                    expected[BASELINE_BILINEAR] += squared(filtered(&image, x, y, c, tent), target);
                    expected[BASELINE_BICUBIC] += squared(filtered(&image, x, y, c, keys), target);
                }
        measure(&image, NULL, measured);
        for (int b = 0; b < N_BASELINES; b++)
            assert_true(fabs(measured[b] - expected[b]) < 1e-5 * (1.0 + expected[b]));
        image_deinit(&image);
    }
}

static void a_ramp_on_a_lattice_is_given_back(void **state)
{
    (void)state;
    struct image image;
    double error[N_BASELINES];
    assert_int_equal(image_create(&image, SAMPLE_FLOAT, 33, 17, 1, NULL), STATUS_OK);
    for (size_t i = 0; i < 33 * 17; i++)
        image.values[i] = (float)(i % 33 + 2 * (i / 33)) / 64.0f;
    measure(&image, NULL, error);
    /* The nearest is one pixel up and one left: by 3/64 too low, at 16 x 8 pixels. */
    assert_true(fabs(error[BASELINE_NEAREST] - 128.0 * 9.0 / 4096.0) < 1e-12);
    assert_true(error[BASELINE_BILINEAR] == 0.0);
    image_deinit(&image);
}

/* Figures of NumPy: the lattice as an array, weighed sums of shifted copies. */
static void a_photograph_has_the_figures_of_numpy(void **state)
{
    (void)state;
    static const double expected[N_BASELINES] = {18.2725, 21.8080, 21.8275};
    char *path = data_path("paper2d/natural/test/00.png");
    if (!path)
        skip();
    size_t n;
    struct image image;
    double error[N_BASELINES];
    uint8_t *bytes = file_read(path, &n);
    assert_int_equal(png_decode(bytes, n, &image, NULL, NULL), STATUS_OK);
    measure(&image, NULL, error);
    for (int b = 0; b < N_BASELINES; b++)
        assert_true(fabs(metrics_psnr(error[b], 256UL * 256 * 3) - expected[b]) < 1e-4);
    image_deinit(&image);
    free(bytes);
    free(path);
}

/* --- scattered samples --- */

/* A bit for each pixel; n_held of them, scattered, are held out. */
static uint8_t *hold_out(size_t n_pixels, size_t n_held)
{
    uint8_t *held = mem_alloc_array((n_pixels + 7) / 8, 1);
    assert_non_null(held);
    for (size_t i = 0; i < n_held; i++) {
        const size_t pixel = rng_permute(3, RNG_HOLDOUT, 0, n_pixels, i);
        held[pixel / 8] |= (uint8_t)(1u << pixel % 8);
    }
    return held;
}

static bool is_held(const uint8_t *held, size_t pixel)
{
    return held[pixel / 8] >> pixel % 8 & 1;
}

static double polynomial(double x, double y, bool is_plane)
{
    const double plane = 0.3 + 0.4 * x - 0.1 * y;
    return is_plane ? plane : plane - 0.3 * x * x + 0.2 * x * y + 0.25 * y * y;
}

static void polynomials_are_given_back_from_scattered_samples(void **state)
{
    (void)state;
    enum { WIDTH = 61, HEIGHT = 43, N = WIDTH * HEIGHT };
    static const size_t n_held[] = {1, N / 10, N / 2, N * 9 / 10, N - 12};
    for (size_t i = 0; i < sizeof n_held / sizeof *n_held; i++)
        for (int is_plane = 0; is_plane < 2; is_plane++) {
            struct image image;
            double error[N_BASELINES];
            uint8_t *held = hold_out(N, n_held[i]);
            assert_int_equal(image_create(&image, SAMPLE_FLOAT, WIDTH, HEIGHT, 1, NULL), STATUS_OK);
            for (size_t p = 0; p < N; p++)
                image.values[p] = (float)polynomial((double)(p % WIDTH) / WIDTH,
                                                    (double)(p / WIDTH) / HEIGHT, is_plane);
            measure(&image, held, error);
            for (int b = 0; b < N_BASELINES; b++)
                error[b] = sqrt(error[b] / (double)n_held[i]);
            const bool is_near =
                n_held[i] < N - 12; /* else squares hold fewer samples than terms */
            assert_true(error[BASELINE_NEAREST] > 1e-4);
            if (is_near)
                assert_true(error[BASELINE_BICUBIC] < 1e-6);
            if (is_near && is_plane)
                assert_true(error[BASELINE_BILINEAR] < 1e-6);
            if (!is_plane)
                assert_true(error[BASELINE_BILINEAR] > 1e-5);
            mem_free(held);
            image_deinit(&image);
        }
}

/* The nearest sample by looking at all; of equally near ones the first.  0.5 where all are out of
 * reach. */
static float find_nearest(const struct image *image, const uint8_t *held, size_t pixel)
{
    const ptrdiff_t width = (ptrdiff_t)image->width, n = width * (ptrdiff_t)image->height;
    const ptrdiff_t x = (ptrdiff_t)pixel % width, y = (ptrdiff_t)pixel / width;
    ptrdiff_t best = PTRDIFF_MAX;
    float value = 0.5f;
    for (ptrdiff_t p = 0; p < n; p++) {
        const ptrdiff_t dx = p % width - x, dy = p / width - y, d2 = dx * dx + dy * dy;
        if (is_held(held, (size_t)p) || labs(dx) > BASELINE_REACH || labs(dy) > BASELINE_REACH ||
            d2 >= best)
            continue;
        best = d2;
        value = image->values[p];
    }
    return value;
}

static void the_nearest_scattered_sample_is_found(void **state)
{
    (void)state;
    static const struct {
        size_t width, height, n_samples;
    } rows[] = {{70, 67, 1},    {70, 67, 20}, {64, 8, 70},  {50, 40, 500},
                {37, 41, 1400}, {3, 2, 1},    {1, 200, 20}, {200, 1, 150}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct image image = small_picture(rows[i].width, rows[i].height, 1);
        const size_t n = image.width * image.height;
        uint8_t *held = hold_out(n, n - rows[i].n_samples);
        double expected = 0.0, error[N_BASELINES];
        for (size_t p = 0; p < n; p++)
            if (is_held(held, p))
                expected += squared(find_nearest(&image, held, p), image.values[p]);
        measure(&image, held, error);
        assert_true(fabs(error[BASELINE_NEAREST] - expected) < 1e-9);
        for (int b = 0; b < N_BASELINES; b++)
            assert_true(isfinite(error[b]));
        if (rows[i].n_samples == 1)
            for (int b = 0; b < N_BASELINES; b++) /* a mean of one */
                assert_true(fabs(error[b] - expected) < 1e-6);
        mem_free(held);
        image_deinit(&image);
    }
}

/* Twelve samples in the corners of a square around the middle pixel, and one that is nearer but
 * lies beyond a side. */
static void the_nearest_sample_may_lie_beyond_the_square(void **state)
{
    (void)state;
    enum { SIDE = 21, MIDDLE = 10 };
    struct image image = small_picture(SIDE, SIDE, 1);
    uint8_t *held = hold_out(SIDE * SIDE, SIDE * SIDE);
    double expected = 0.0, error[N_BASELINES];
    for (int y = -MIDDLE; y <= MIDDLE; y++)
        for (int x = -MIDDLE; x <= MIDDLE; x++) {
            const bool is_corner = abs(x) <= 5 && abs(y) <= 5 && abs(x) + abs(y) >= 9;
            const size_t pixel = (size_t)((y + MIDDLE) * SIDE + x + MIDDLE);
            if (is_corner || (x == 6 && y == 0))
                held[pixel / 8] &= (uint8_t) ~(1u << pixel % 8);
        }
    for (size_t p = 0; p < SIDE * SIDE; p++)
        if (is_held(held, p))
            expected += squared(find_nearest(&image, held, p), image.values[p]);
    measure(&image, held, error);
    assert_true(fabs(error[BASELINE_NEAREST] - expected) < 1e-9);
    mem_free(held);
    image_deinit(&image);
}

/* A hole in the middle of 24 samples: the plane's slopes do not matter there, its value is the
 * weighed mean.  In a picture of one row there is no plane: it is the mean, too, of the samples
 * that the smallest square with twelve of them holds. */
static void the_plane_of_a_hole_is_a_weighed_mean(void **state)
{
    (void)state;
    static const struct {
        size_t width, height, hole, reach;
    } rows[] = {{5, 5, 12, 2}, {31, 1, 15, 6}, {31, 1, 3, 9}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct image image = small_picture(rows[i].width, rows[i].height, 1);
        const size_t n = image.width * image.height, hole = rows[i].hole;
        uint8_t *held = mem_alloc_array((n + 7) / 8, 1);
        double sum = 0.0, weights = 0.0, error[N_BASELINES];
        held[hole / 8] = (uint8_t)(1u << hole % 8);
        for (size_t p = 0; p < n; p++) {
            const double dx = (double)(p % image.width) - (double)(hole % image.width);
            const double dy = (double)(p / image.width) - (double)(hole / image.width);
            if (p == hole || fabs(dx) > (double)rows[i].reach)
                continue;
            const double weight = pow(dx * dx + dy * dy, -2.0);
            sum += weight * (double)image.values[p];
            weights += weight;
        }
        measure(&image, held, error);
        assert_true(fabs(error[BASELINE_BILINEAR] -
                         squared((float)(sum / weights), image.values[hole])) < 1e-6);
        if (image.height == 1)
            assert_true(error[BASELINE_BICUBIC] == error[BASELINE_BILINEAR]);
        else
            assert_true(error[BASELINE_BICUBIC] != error[BASELINE_BILINEAR]);
        mem_free(held);
        image_deinit(&image);
    }
}

/* Bytes and floats of the same values. */
static void samples_of_bytes_are_measured_as_those_of_floats(void **state)
{
    (void)state;
    enum { SIDE = 20 };
    struct image bytes, floats;
    uint8_t *held = hold_out(SIDE * SIDE, 90);
    assert_int_equal(image_create(&bytes, SAMPLE_U8, SIDE, SIDE, 3, NULL), STATUS_OK);
    assert_int_equal(image_create(&floats, SAMPLE_FLOAT, SIDE, SIDE, 3, NULL), STATUS_OK);
    for (size_t i = 0; i < SIDE * SIDE * 3; i++)
        bytes.u8[i] = (uint8_t)(i * i * 7);
    image_read(&bytes, 0, SIDE * SIDE * 3, floats.values);
    for (int is_scattered = 0; is_scattered < 2; is_scattered++) {
        double a[N_BASELINES], b[N_BASELINES];
        measure(&bytes, is_scattered ? held : NULL, a);
        measure(&floats, is_scattered ? held : NULL, b);
        assert_memory_equal(a, b, sizeof a);
    }
    mem_free(held);
    image_deinit(&bytes);
    image_deinit(&floats);
}

static void measuring_stops_when_told(void **state)
{
    (void)state;
    struct image image = small_picture(40, 40, 1);
    struct team *team = NULL;
    volatile bool stop = true;
    double error[N_BASELINES] = {1.0, 2.0, 3.0};
    assert_int_equal(team_create(&team, 2, NULL), STATUS_OK);
    assert_int_equal(baseline_measure(&image, NULL, team, &stop, error, NULL), STATUS_CANCELED);
    assert_true(error[0] == 1.0 && error[1] == 2.0 && error[2] == 3.0);
    team_free(team);
    image_deinit(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lattice_is_interpolated_as_kernels_do),
        cmocka_unit_test(a_ramp_on_a_lattice_is_given_back),
        cmocka_unit_test(a_photograph_has_the_figures_of_numpy),
        cmocka_unit_test(polynomials_are_given_back_from_scattered_samples),
        cmocka_unit_test(the_nearest_scattered_sample_is_found),
        cmocka_unit_test(the_nearest_sample_may_lie_beyond_the_square),
        cmocka_unit_test(the_plane_of_a_hole_is_a_weighed_mean),
        cmocka_unit_test(samples_of_bytes_are_measured_as_those_of_floats),
        cmocka_unit_test(measuring_stops_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
