/* Projections against closed forms, their adjoint, and what filtered back-projection gives back. */
#include "core/scene/projection.h"

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

static const double pi = 3.14159265358979323846;
static const enum projection_interpolation both[] = {PROJECTION_NEAREST, PROJECTION_LINEAR};

static struct projection new_projection(size_t width, size_t height, size_t n_angles,
                                        enum projection_interpolation interpolation)
{
    double *angles = mem_alloc_array(n_angles, sizeof *angles);
    assert_non_null(angles);
    projection_spread_angles(n_angles, angles);
    return (struct projection){width, height, n_angles, interpolation, angles};
}

static void projection_deinit(struct projection *p)
{
    mem_free((void *)(uintptr_t)p->angles);
}

static float *floats(size_t n)
{
    float *x = mem_alloc_floats(n);
    assert_non_null(x);
    return x;
}

static float *project(const struct projection *p, const float *picture)
{
    float *sinogram = floats(p->n_angles * p->width);
    projection_forward(p, 0, projection_n_items(p), picture, sinogram);
    return sinogram;
}

/* A disc of value 1, its edge drawn over one pixel. */
static float *disc(size_t width, size_t height, double x0, double y0, double radius)
{
    float *picture = floats(width * height);
    for (size_t r = 0; r < height; r++)
        for (size_t c = 0; c < width; c++) {
            const double inside = radius - hypot((double)c - x0, (double)r - y0) + 0.5;
            picture[r * width + c] = (float)fmin(fmax(inside, 0.0), 1.0);
        }
    return picture;
}

/* --- forward --- */

static void angle_0_gives_the_means_of_columns_and_a_quarter_turn_those_of_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct projection p = new_projection(6, 6, 2, both[i]);
        float *picture = random_floats(36, 1), *sinogram = project(&p, picture);
        for (size_t c = 0; c < 6; c++) {
            double column = 0.0, row = 0.0;
            for (size_t r = 0; r < 6; r++) {
                column += (double)picture[r * 6 + c] / 6.0;
                row += (double)picture[c * 6 + r] / 6.0;
            }
            assert_true(fabs((double)sinogram[c] - column) < 1e-6);
            /* pixel 0 of the six would be read at column 6: it is outside, 0 of the ring stays */
            if (c > 0)
                row -= (double)picture[c * 6] / 6.0;
            assert_true(c == 0 || fabs((double)sinogram[6 + c] - row) < 1e-6);
        }
        mem_free(picture);
        mem_free(sinogram);
        projection_deinit(&p);
    }
}

/* Nearest pixels by the formula, line by line. */
static void nearest_projections_are_the_paper_s_formula(void **state)
{
    (void)state;
    enum { N = 40, A = 7 };
    struct projection p = new_projection(N, N, A, PROJECTION_NEAREST);
    float *picture = random_floats((size_t)N * N, 2), *sinogram = project(&p, picture);
    for (size_t k = 0; k < A; k++)
        for (size_t c = 0; c < N; c++) {
            double mean = 0.0;
            for (size_t r = 0; r < N; r++) {
                const double x = (double)c / N - 0.5, y = (double)r / N - 0.5;
                const double turned_x = x * cos(p.angles[k]) - y * sin(p.angles[k]);
                const double turned_y = x * sin(p.angles[k]) + y * cos(p.angles[k]);
                const long column = lround((turned_x + 0.5) * N),
                           row = lround((turned_y + 0.5) * N);
                if (column >= 0 && column < N && row >= 0 && row < N)
                    mean += (double)picture[row * N + column] / N;
            }
            assert_true(fabs((double)sinogram[k * N + c] - mean) < 1e-6);
        }
    mem_free(picture);
    mem_free(sinogram);
    projection_deinit(&p);
}

/* A chord of a disc of radius R at distance s from its centre is 2 sqrt(R^2 - s^2) long. */
static void a_disc_s_projections_are_its_chords(void **state)
{
    (void)state;
    const double x0 = 150, y0 = 100, radius = 60;
    for (size_t i = 0; i < 2; i++) {
        struct projection p = new_projection(256, 200, 11, both[i]);
        float *picture = disc(256, 200, x0, y0, radius), *sinogram = project(&p, picture);
        double error = 0.0, power = 0.0;
        for (size_t k = 0; k < p.n_angles; k++) {
            const double centre = (x0 - 128) * cos(p.angles[k]) + (y0 - 100) * sin(p.angles[k]);
            for (size_t c = 0; c < p.width; c++) {
                const double s = (double)c - 128 - centre;
                const double chord = 2.0 * sqrt(fmax(radius * radius - s * s, 0.0)) / 200.0;
                const double e = (double)sinogram[k * p.width + c] - chord;
                assert_true(fabs(e) < 0.03); /* six pixels, at the edge, of a chord of 120 */
                error += e * e;
                power += chord * chord;
            }
        }
        assert_true(sqrt(error / power) < (both[i] == PROJECTION_NEAREST ? 0.008 : 0.006));
        mem_free(picture);
        mem_free(sinogram);
        projection_deinit(&p);
    }
}

/* --- adjoint --- */

static double dot(size_t n, const float *a, const float *b)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static void the_adjoint_passes_the_dot_product_test(void **state)
{
    (void)state;
    const size_t sizes[][3] = {{64, 64, 20}, {65, 65, 9}, {100, 70, 13}, {31, 90, 8}, {130, 5, 3}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t k = 0; k < 2; k++) {
            struct projection p = new_projection(sizes[i][0], sizes[i][1], sizes[i][2], both[k]);
            const size_t n_picture = p.width * p.height, n_sinogram = p.width * p.n_angles;
            float *x = random_floats(n_picture, 3), *y = random_floats(n_sinogram, 4);
            float *projected = project(&p, x), *back = floats(n_picture);
            projection_adjoint(&p, 0, projection_n_items(&p), y, back);
            const double left = dot(n_sinogram, projected, y), right = dot(n_picture, x, back);
            const double size = sqrt(dot(n_sinogram, projected, projected) * dot(n_sinogram, y, y));
            assert_true(fabs(left - right) < 1e-5 * size);
            assert_true(size > 0.01);
            mem_free(x);
            mem_free(y);
            mem_free(projected);
            mem_free(back);
            projection_deinit(&p);
        }
}

/* Whoever takes which items. */
static void items_may_be_projected_one_by_one(void **state)
{
    (void)state;
    struct projection p = new_projection(150, 40, 5, PROJECTION_NEAREST);
    const size_t n_items = projection_n_items(&p), n = p.width * p.n_angles;
    float *picture = random_floats(150UL * 40, 5), *whole = project(&p, picture),
          *pieces = floats(n);
    size_t end = 0;
    assert_int_equal(n_items, 15);
    for (size_t i = 0; i < n_items; i++) {
        size_t first, count;
        projection_range(&p, i, 1, &first, &count);
        assert_int_equal(first, end);
        end = first + count;
        projection_forward(&p, i, 1, picture, pieces);
    }
    assert_int_equal(end, n);
    assert_memory_equal(whole, pieces, n * sizeof *whole);
    mem_free(picture);
    mem_free(whole);
    mem_free(pieces);
    projection_deinit(&p);
}

/* --- filtered back-projection --- */

static double rms(size_t n, const float *a, const float *b)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sqrt(sum / (double)n);
}

static void filtered_back_projection_gives_a_disc_back(void **state)
{
    (void)state;
    struct projection p = new_projection(128, 128, 180, PROJECTION_LINEAR);
    const size_t n = 128UL * 128;
    float *picture = disc(128, 128, 75, 60, 35), *sinogram = project(&p, picture);
    float *back = floats(n), *alone = floats(n);
    struct team *two = NULL, *one = NULL;
    assert_int_equal(team_create(&two, 2, NULL), STATUS_OK);
    assert_int_equal(team_create(&one, 1, NULL), STATUS_OK);
    assert_int_equal(projection_filtered_back(&p, sinogram, two, back, NULL), STATUS_OK);
    assert_int_equal(projection_filtered_back(&p, sinogram, one, alone, NULL), STATUS_OK);
    assert_memory_equal(back, alone, n * sizeof *back);
    assert_true(rms(n, picture, back) < 0.04);
    assert_true(fabs((double)back[60 * 128 + 75] - 1.0) < 0.02); /* its scale is the picture's */
    assert_true(fabs((double)back[60 * 128 + 20]) < 0.02);
    mem_free(picture);
    mem_free(sinogram);
    mem_free(back);
    mem_free(alone);
    team_free(one);
    team_free(two);
    projection_deinit(&p);
}

struct back {
    struct projection p;
    struct team *team;
    float *sinogram, *picture;
};

static enum status back_project(void *context, struct error *err)
{
    struct back *b = context;
    return projection_filtered_back(&b->p, b->sinogram, b->team, b->picture, err);
}

static void filtered_back_projection_survives_failed_allocations(void **state)
{
    (void)state;
    struct back b = {.p = new_projection(8, 8, 4, PROJECTION_LINEAR)};
    b.sinogram = floats(32);
    b.picture = floats(64);
    assert_int_equal(team_create(&b.team, 1, NULL), STATUS_OK);
    assert_true(alloc_fail_each(back_project, &b) > 0);
    mem_free(b.sinogram);
    mem_free(b.picture);
    team_free(b.team);
    projection_deinit(&b.p);
}

static void angles_are_spread_over_half_a_turn(void **state)
{
    (void)state;
    double angles[20];
    projection_spread_angles(20, angles);
    assert_true(angles[0] == 0.0);
    assert_true(fabs(angles[19] - 19.0 * pi / 20.0) < 1e-15);
    assert_string_equal(projection_interpolation_name(PROJECTION_NEAREST), "nearest");
    assert_string_equal(projection_interpolation_name(PROJECTION_LINEAR), "linear");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(angle_0_gives_the_means_of_columns_and_a_quarter_turn_those_of_rows),
        cmocka_unit_test(nearest_projections_are_the_paper_s_formula),
        cmocka_unit_test(a_disc_s_projections_are_its_chords),
        cmocka_unit_test(the_adjoint_passes_the_dot_product_test),
        cmocka_unit_test(items_may_be_projected_one_by_one),
        cmocka_unit_test(filtered_back_projection_gives_a_disc_back),
        cmocka_unit_test(filtered_back_projection_survives_failed_allocations),
        cmocka_unit_test(angles_are_spread_over_half_a_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
