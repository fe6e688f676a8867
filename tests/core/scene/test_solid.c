#include "core/scene/solid.h"

#include <math.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/scene/bvh.h"
#include "tests/support/alloc.h"
#include "tests/support/small_mesh.h"

static const float centre[3] = {10.0f, 20.0f, 30.0f};

static struct solid *solid_of(const struct mesh *m)
{
    struct solid *s = NULL;
    assert_int_equal(solid_create(&s, m, NULL), STATUS_OK);
    return s;
}

/* The paper's words with numbers: vertices at x 0, 1 and 4 and their mean 5/3, ... */
static void the_place_is_the_mean_and_the_largest_coordinate(void **state)
{
    (void)state;
    float vertices[] = {0, 0, 0, 1, 3, 0, 5, 0, 3, 1000, 1000, 1000};
    uint32_t triangles[] = {0, 1, 2};
    const struct mesh m = {
        .n_vertices = 4, .n_triangles = 1, .vertices = vertices, .triangles = triangles};
    struct solid_place p;
    assert_int_equal(solid_find(&p, &m, NULL), STATUS_OK);
    const double mean[] = {2, 1, 1}, low[] = {0, 0, 0}, high[] = {5, 3, 3};
    for (int a = 0; a < 3; a++) {
        assert_true(p.centre[a] == mean[a]);
        assert_true(p.low[a] == low[a] && p.high[a] == high[a]);
    }
    assert_true(p.reach == 3.0);
    /* unit = 1/2 + (source - mean) / 6: x 0 … 5 becomes 1/6 … 1 */
    struct solid *s = solid_of(&m);
    double box_low[3], box_high[3];
    solid_box(&p, box_low, box_high);
    assert_true(fabs(box_low[0] - (1.0 / 6 - 1e-3)) < 1e-12);
    assert_true(fabs(box_high[0] - (1.0 + 1e-3)) < 1e-12);
    assert_true(fabs(box_high[2] - (5.0 / 6 + 1e-3)) < 1e-12);
    const struct domain domain = solid_domain(&p);
    const float source[] = {0, 0, 0, 5, 3, 3};
    float unit[6];
    domain_unit_from_source(&domain, 2, source, unit);
    const double expected[] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0, 5.0 / 6, 5.0 / 6};
    for (int i = 0; i < 6; i++)
        assert_true(fabs((double)unit[i] - expected[i]) < 1e-7);
    solid_free(s);
}

static void meshes_without_size_are_refused(void **state)
{
    (void)state;
    float vertices[] = {1e6f, 2, 3, 1e6f, 2, 3, 1e6f, 2, 3, 0, 0, 0};
    uint32_t triangles[] = {0, 1, 2};
    struct mesh m = {
        .n_vertices = 4, .n_triangles = 1, .vertices = vertices, .triangles = triangles};
    struct solid *s = NULL;
    struct error err = {0};
    assert_int_equal(solid_create(&s, &m, &err), STATUS_INVALID);
    assert_non_null(strstr(err.message, "no size"));
    m.n_triangles = 0;
    error_clear(&err);
    assert_int_equal(solid_create(&s, &m, &err), STATUS_INVALID);
    assert_null(s);
    solid_free(NULL);
}

/* The cube around a mesh is wider than the mesh, and its corners must be floats too. */
static void meshes_whose_cube_is_past_all_floats_are_refused(void **state)
{
    static const struct {
        float low, high;
        enum status status;
    } cases[] = {{-1e38f, 1e38f, STATUS_OK},
                 {0.0f, 3.4e38f, STATUS_INVALID},
                 {-3.4e38f, 3.4e38f, STATUS_INVALID}};
    uint32_t triangles[] = {0, 1, 2};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const float a = cases[i].low, b = cases[i].high;
        float vertices[] = {a, a, a, b, a, a, a, b, a};
        const struct mesh m = {
            .n_vertices = 3, .n_triangles = 1, .vertices = vertices, .triangles = triangles};
        struct solid_place p;
        struct error err = {0};
        assert_int_equal(solid_find(&p, &m, &err), cases[i].status);
        if (cases[i].status != STATUS_OK)
            assert_non_null(strstr(err.message, "too far from 0"));
    }
}

/* A sphere far from the origin is half a side wide, and its distances are those of the formula. */
static void distances_to_a_sphere_are_those_of_the_formula(void **state)
{
    (void)state;
    struct mesh m = small_sphere(centre, 3.0f, 5);
    struct solid *s = solid_of(&m);
    assert_true(fabs(solid_place(s)->reach - 3.0) < 1e-5);
    for (uint64_t i = 0; i < 2000; i++) {
        struct rng rng = rng_at(1, RNG_PROBE, i);
        float p[3];
        double square = 0.0;
        solid_draw_in_box(s, &rng, p);
        for (int a = 0; a < 3; a++)
            square += pow((double)p[a] - 0.5, 2);
        const double distance = sqrt(square) - 0.5; /* facets are 5e-4 inside of it at most */
        assert_true(fabs((double)solid_distance(s, p) - distance) < 6e-4);
        if (fabs(distance) > 6e-4)
            assert_int_equal(solid_is_inside(s, p), distance < 0.0);
    }
    solid_free(s);
    mesh_deinit(&m);
}

static void points_in_the_box_fill_it(void **state)
{
    (void)state;
    enum { N = 4000 };
    float vertices[] = {0, 0, 0, 4, 0, 1, 0, 2, 0};
    uint32_t triangles[] = {0, 1, 2};
    const struct mesh m = {
        .n_vertices = 3, .n_triangles = 1, .vertices = vertices, .triangles = triangles};
    struct solid *s = solid_of(&m);
    double low[3], high[3];
    size_t octant[8] = {0};
    solid_box(solid_place(s), low, high);
    for (uint64_t i = 0; i < N; i++) {
        struct rng rng = rng_at(2, RNG_PROBE, i);
        float p[3];
        size_t k = 0;
        solid_draw_in_box(s, &rng, p);
        for (int a = 0; a < 3; a++) {
            assert_true((double)p[a] > low[a] - 1e-6 && (double)p[a] < high[a] + 1e-6);
            k |= (size_t)((double)p[a] > 0.5 * (low[a] + high[a])) << a;
        }
        octant[k]++;
    }
    for (size_t k = 0; k < 8; k++) /* 500 each, within five deviations */
        assert_true(octant[k] > 395 && octant[k] < 605);
    solid_free(s);
}

/* Two triangles in one plane, one of nine times the area of the other. */
static void points_near_the_surface_are_spread_as_asked(void **state)
{
    (void)state;
    enum { N = 4000 };
    float vertices[] = {0, 0, 0, 1, 0, 0, 0, 1, 0, 2, 0, 0, 5, 0, 0, 2, 3, 0};
    uint32_t triangles[] = {0, 1, 2, 3, 4, 5};
    const struct mesh m = {
        .n_vertices = 6, .n_triangles = 2, .vertices = vertices, .triangles = triangles};
    struct solid *s = solid_of(&m);
    const double side = 2.0 * solid_place(s)->reach;
    static const double sigma = 0.01;
    for (int how = SOLID_BY_AREA; how <= SOLID_BY_TRIANGLE; how++) {
        size_t n_large = 0;
        double sum = 0.0, square = 0.0, middle[2] = {0.0};
        for (uint64_t i = 0; i < N; i++) {
            struct rng rng = rng_at(3, RNG_PROBE, i);
            float p[3];
            solid_draw_near(s, (enum solid_draw)how, sigma, &rng, p);
            const bool is_large = ((double)p[0] - 0.5) * side + solid_place(s)->centre[0] > 1.5;
            n_large += is_large;
            const double height = (double)p[2] - 0.5;
            sum += height;
            square += height * height;
            for (int a = 0; a < 2 && is_large; a++)
                middle[a] += ((double)p[a] - 0.5) * side + solid_place(s)->centre[a];
        }
        const double share = (double)n_large / N, expected = how == SOLID_BY_AREA ? 0.9 : 0.5;
        assert_true(fabs(share - expected) < 5 * sqrt(0.25 / N));
        assert_true(fabs(sum / N) < 5 * sigma / sqrt(N));
        assert_true(fabs(sqrt(square / N) / sigma - 1.0) < 5 / sqrt(2.0 * N));
        /* uniform: the mean is the middle of the triangle, (3, 1) */
        assert_true(fabs(middle[0] / (double)n_large - 3.0) < 0.08);
        assert_true(fabs(middle[1] / (double)n_large - 1.0) < 0.08);
        /* exactly on the surface */
        for (uint64_t i = 0; i < 100; i++) {
            struct rng rng = rng_at(4, RNG_PROBE, i);
            float p[3];
            struct bvh_nearest nearest;
            solid_draw_near(s, (enum solid_draw)how, 0.0, &rng, p);
            assert_true(bvh_nearest(solid_bvh(s), p, 1.0f, &nearest));
            assert_true(nearest.distance < 1e-7f);
        }
    }
    solid_free(s);
}

static enum status create_and_free(void *context, struct error *err)
{
    struct solid *s = NULL;
    const enum status status = solid_create(&s, context, err);
    solid_free(s);
    return status;
}

static void making_survives_every_failed_allocation(void **state)
{
    (void)state;
    struct mesh m = small_sphere(centre, 1.0f, 1);
    assert_true(alloc_fail_each(create_and_free, &m) >= 10);
    mesh_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_place_is_the_mean_and_the_largest_coordinate),
        cmocka_unit_test(meshes_without_size_are_refused),
        cmocka_unit_test(meshes_whose_cube_is_past_all_floats_are_refused),
        cmocka_unit_test(distances_to_a_sphere_are_those_of_the_formula),
        cmocka_unit_test(points_in_the_box_fill_it),
        cmocka_unit_test(points_near_the_surface_are_spread_as_asked),
        cmocka_unit_test(making_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
