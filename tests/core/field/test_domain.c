#include "core/field/domain.h"

#include <math.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void image_domain_puts_pixel_centres_where_the_contract_says(void **state)
{
    (void)state;
    const struct domain d = domain_of_image(640, 480);
    assert_int_equal(d.n_dims, 2);
    for (size_t y = 0; y < 480; y += 7)
        for (size_t x = 0; x < 640; x += 11) {
            float source[2] = {(float)x + 0.5f, (float)y + 0.5f}, unit[2];
            domain_unit_from_source(&d, 1, source, unit);
            assert_true(fabs((double)unit[0] - ((double)x + 0.5) / 640.0) < 1e-7);
            assert_true(fabs((double)unit[1] - ((double)y + 0.5) / 480.0) < 1e-7);
        }
}

static void volume_domain_puts_voxel_centres_where_the_contract_says(void **state)
{
    (void)state;
    static const double affine[3][4] = {{-2, 0.1, 0, 90}, {0.2, 1.5, -0.3, -126}, {0, 0.4, 4, -72}};
    static const double size[3] = {181, 217, 60};
    const struct domain d = domain_of_volume(181, 217, 60, affine);
    assert_int_equal(d.n_dims, 3);
    for (size_t i = 0; i < 1000; i++) {
        const double index[3] = {(double)(i * 37 % 181), (double)(i * 61 % 217),
                                 (double)(i * 17 % 60)};
        float source[3], unit[3];
        for (size_t r = 0; r < 3; r++)
            source[r] = (float)(affine[r][0] * index[0] + affine[r][1] * index[1] +
                                affine[r][2] * index[2] + affine[r][3]);
        domain_unit_from_source(&d, 1, source, unit);
        for (size_t r = 0; r < 3; r++)
            assert_true(fabs((double)unit[r] - (index[r] + 0.5) / size[r]) < 2e-7);
    }
}

static void domain_converts_in_place_and_alone_to_the_same_bits(void **state)
{
    (void)state;
    const struct domain d = {.n_dims = 3,
                             .matrix = {{0.01, 0.3, -0.002}, {-0.07, 0.02, 0.5}, {0.4, 0.1, 0.013}},
                             .offset = {0.25, -1.5, 1e-3}};
    enum { N = 50 };
    float source[N * 3], unit[N * 3], one[3];
    for (size_t i = 0; i < N * 3; i++)
        source[i] = 37.0f * (float)sin((double)i);
    domain_unit_from_source(&d, N, source, unit);
    for (size_t i = 0; i < N; i++) {
        domain_unit_from_source(&d, 1, source + 3 * i, one);
        assert_memory_equal(one, unit + 3 * i, sizeof one);
        for (size_t r = 0; r < 3; r++) {
            double expected = d.offset[r];
            for (size_t j = 0; j < 3; j++)
                expected += d.matrix[r][j] * (double)source[3 * i + j];
            assert_true(unit[3 * i + r] == (float)expected);
        }
    }
    domain_unit_from_source(&d, N, source, source);
    assert_memory_equal(source, unit, sizeof unit);
}

/* Only scales: the same bits as an image's own.  Turned and moved: back to where it came from. */
static void affine_maps_are_inverted(void **state)
{
    (void)state;
    const double pixels[3][4] = {{640, 0, 0, 0}, {0, 479, 0, 0}};
    const struct domain image = domain_of_image(640, 479);
    struct domain d;
    assert_int_equal(domain_of_affine(2, pixels, &d, NULL), STATUS_OK);
    assert_memory_equal(&d, &image, sizeof d);

    const double turned[3][4] = {{0, -180, 3, 90}, {217, 2, 0, -126}, {1, 0, 181.5, -72.25}};
    assert_int_equal(domain_of_affine(3, turned, &d, NULL), STATUS_OK);
    for (size_t i = 0; i < 50; i++) {
        const double u[3] = {fabs(sin((double)i)), fabs(sin(2.0 * (double)i)), (double)i / 50.0};
        for (size_t r = 0; r < 3; r++) {
            double back = d.offset[r];
            for (size_t c = 0; c < 3; c++) {
                const double *row = turned[c];
                back += d.matrix[r][c] * (row[0] * u[0] + row[1] * u[1] + row[2] * u[2] + row[3]);
            }
            assert_true(fabs(back - u[r]) < 1e-12);
        }
    }
    const double flat[3][4] = {{1, 2, 0, 0}, {2, 4, 0, 0}, {0, 0, 1, 0}};
    struct error err = {0};
    assert_int_equal(domain_of_affine(3, flat, &d, &err), STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(image_domain_puts_pixel_centres_where_the_contract_says),
        cmocka_unit_test(affine_maps_are_inverted),
        cmocka_unit_test(volume_domain_puts_voxel_centres_where_the_contract_says),
        cmocka_unit_test(domain_converts_in_place_and_alone_to_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
