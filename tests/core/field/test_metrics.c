#include "core/field/metrics.h"

#include <math.h>

#include "core/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void squared_error_clips_values_and_not_targets(void **state)
{
    (void)state;
    const float values[] = {0.5f, -1.0f, 2.0f, 0.25f}, targets[] = {0.25f, 0.5f, 1.0f, 1.25f};
    double expected = 0.0625 + 0.25 + 0.0 + 1.0;
    assert_true(metrics_squared_error(4, values, targets) == expected);
    assert_true(metrics_squared_error(0, values, targets) == 0.0);
}

static void squared_error_does_not_hide_nan(void **state)
{
    (void)state;
    const float values[] = {0.5f, NAN}, targets[] = {0.5f, 0.5f};
    assert_true(isnan(metrics_squared_error(2, values, targets)));
    assert_true(isnan(metrics_psnr(NAN, 2)));
}

static void psnr_has_its_known_values(void **state)
{
    (void)state;
    static const struct {
        double squared_error, psnr;
        size_t n;
    } table[] = {
        {1.0, 0.0, 1},
        {10.0, 10.0, 100},
        {0.001, 30.0, 1},
        {100.0 * 0.25, 6.020599913279624, 100},
        {0.0, METRICS_MAX_PSNR, 5},
        {1e-300, METRICS_MAX_PSNR, 1},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_true(fabs(metrics_psnr(table[i].squared_error, table[i].n) - table[i].psnr) < 1e-9);
}

static double clip(double x)
{
    return fmin(fmax(x, 0.0), 1.0);
}

/* SSIM by its definition: each window by itself, with weights that sum to one. */
static double naive_ssim(const struct image *a, const struct image *b)
{
    size_t size = a->width < a->height ? a->width : a->height;
    size = size > 11 ? 11 : size;
    size -= size % 2 == 0;
    const size_t across = a->width - size + 1, down = a->height - size + 1;
    const double middle = (double)(size / 2);
    double total = 0.0;
    for (size_t c = 0; c < a->channels; c++)
        for (size_t y = 0; y < down; y++)
            for (size_t x = 0; x < across; x++) {
                double weights = 0, ma = 0, mb = 0, va = 0, vb = 0, cov = 0;
                for (int pass = 0; pass < 2; pass++)
                    for (size_t j = 0; j < size; j++)
                        for (size_t i = 0; i < size; i++) {
                            double dx = (double)i - middle, dy = (double)j - middle;
                            double w = exp(-(dx * dx + dy * dy) / (2 * 1.5 * 1.5));
                            size_t at = ((y + j) * a->width + x + i) * a->channels + c;
                            double p = clip((double)a->values[at]), q = clip((double)b->values[at]);
                            if (pass == 0) {
                                weights += w;
                                ma += w * p;
                                mb += w * q;
                            } else {
                                va += w * (p - ma / weights) * (p - ma / weights);
                                vb += w * (q - mb / weights) * (q - mb / weights);
                                cov += w * (p - ma / weights) * (q - mb / weights);
                            }
                        }
                ma /= weights, mb /= weights, va /= weights, vb /= weights, cov /= weights;
                total += (2 * ma * mb + 1e-4) * (2 * cov + 9e-4) /
                         ((ma * ma + mb * mb + 1e-4) * (va + vb + 9e-4));
            }
    return total / (double)(across * down * a->channels);
}

/* A smooth picture, and the same with noise; values leave [0, 1] a little. */
static void make_pair(size_t width, size_t height, size_t channels, struct image *a,
                      struct image *b)
{
    assert_int_equal(image_create(a, SAMPLE_FLOAT, width, height, channels, NULL), STATUS_OK);
    assert_int_equal(image_create(b, SAMPLE_FLOAT, width, height, channels, NULL), STATUS_OK);
    struct rng r = rng_at(3, RNG_SAMPLE, width * height);
    for (size_t i = 0; i < width * height * channels; i++) {
        a->values[i] = (float)(0.5 + 0.55 * sin(0.13 * (double)i));
        b->values[i] = a->values[i] + (float)(0.1 * rng_normal(&r));
    }
}

static void ssim_agrees_with_its_definition(void **state)
{
    (void)state;
    static const struct {
        size_t width, height, channels;
    } table[] = {{31, 23, 3}, {11, 11, 1}, {12, 40, 4}, {10, 30, 1},
                 {5, 5, 2},   {2, 9, 1},   {1, 1, 3},   {2100, 13, 2}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct image a, b;
        make_pair(table[i].width, table[i].height, table[i].channels, &a, &b);
        double ssim = 0.0, expected = naive_ssim(&a, &b);
        assert_int_equal(metrics_ssim(&a, &b, &ssim, NULL), STATUS_OK);
        assert_true(fabs(ssim - expected) < 1e-9);
        assert_true(ssim < 1.0 && ssim > 0.0);
        assert_int_equal(metrics_ssim(&a, &a, &ssim, NULL), STATUS_OK);
        assert_true(fabs(ssim - 1.0) < 1e-12);
        image_deinit(&a);
        image_deinit(&b);
    }
}

/* Two flat images have no structure: only the means are compared. */
static void ssim_of_flat_images_compares_means(void **state)
{
    (void)state;
    struct image a, b;
    assert_int_equal(image_create(&a, SAMPLE_FLOAT, 16, 16, 1, NULL), STATUS_OK);
    assert_int_equal(image_create(&b, SAMPLE_FLOAT, 16, 16, 1, NULL), STATUS_OK);
    for (size_t i = 0; i < 256; i++) {
        a.values[i] = 0.25f;
        b.values[i] = 0.75f;
    }
    double ssim = 0.0;
    assert_int_equal(metrics_ssim(&a, &b, &ssim, NULL), STATUS_OK);
    assert_true(fabs(ssim - (2 * 0.1875 + 1e-4) / (0.625 + 1e-4)) < 1e-9);
    image_deinit(&a);
    image_deinit(&b);
}

static void ssim_refuses_images_of_other_shapes(void **state)
{
    (void)state;
    struct image a, b;
    struct error err = {0};
    double ssim = 7.0;
    assert_int_equal(image_create(&a, SAMPLE_FLOAT, 16, 16, 1, NULL), STATUS_OK);
    assert_int_equal(image_create(&b, SAMPLE_FLOAT, 16, 15, 1, NULL), STATUS_OK);
    assert_int_equal(metrics_ssim(&a, &b, &ssim, &err), STATUS_INVALID);
    assert_true(ssim == 7.0);
    image_deinit(&a);
    image_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(squared_error_clips_values_and_not_targets),
        cmocka_unit_test(squared_error_does_not_hide_nan),
        cmocka_unit_test(psnr_has_its_known_values),
        cmocka_unit_test(ssim_agrees_with_its_definition),
        cmocka_unit_test(ssim_of_flat_images_compares_means),
        cmocka_unit_test(ssim_refuses_images_of_other_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
