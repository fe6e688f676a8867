#include "core/scene/mesh_map.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/scene/marching_cubes.h"
#include "core/scene/mesh_facts.h"

/* Closed, and with shared vertices. */
static struct mesh sphere(const double centre[3], double radius)
{
    enum { N = 32 };
    const struct marching_cubes_spec spec = {.n = {N, N, N}, .is_inside_below = true};
    struct marching_cubes *mc;
    struct mesh m;
    float plane[N * N];
    assert_int_equal(marching_cubes_create(&mc, &spec, NULL), STATUS_OK);
    for (size_t z = 0; z < N; z++) {
        for (size_t i = 0; i < N * N; i++) {
            const size_t at[3] = {i % N, i / N, z};
            double sum = 0;
            for (size_t d = 0; d < 3; d++) {
                const double gap = (double)at[d] / (N - 1) - centre[d];
                sum += gap * gap;
            }
            plane[i] = (float)(sqrt(sum) - radius);
        }
        assert_int_equal(marching_cubes_plane(mc, plane, NULL), STATUS_OK);
    }
    assert_int_equal(marching_cubes_take(mc, &m, NULL), STATUS_OK);
    marching_cubes_free(mc);
    return m;
}

static double volume_of(const struct mesh *m)
{
    struct mesh_facts f;
    assert_int_equal(mesh_facts_find(m, &f, NULL), STATUS_OK);
    assert_true(f.is_watertight);
    assert_int_equal(f.n_misoriented_edges, 0);
    return f.volume;
}

/* Volume grows by |det|, and what faced outwards does so still, mirrored or not. */
static void a_mesh_is_moved_and_stays_the_right_way_round(void **state)
{
    (void)state;
    static const double centre[3] = {0.5, 0.5, 0.5};
    static const double maps[][3][4] = {
        {{2, 0, 0, 10}, {0, 3, 0, 20}, {0, 0, 4, 30}},
        {{-2, 0, 0, 10}, {0, 3, 0, 20}, {0, 0, 4, 30}},
        {{0, 2, 0, 0}, {3, 0, 0, 0}, {1, 0, 4, 0}},
    };
    for (size_t i = 0; i < 3; i++) {
        struct mesh m = sphere(centre, 0.25);
        const double before = volume_of(&m), x = (double)m.vertices[0];
        mesh_map(&m, maps[i]);
        assert_true(fabs(volume_of(&m) / before - 24) < 1e-4);
        if (i == 1)
            assert_true(fabs((double)m.vertices[0] - (10 - 2 * x)) < 1e-5);
        mesh_deinit(&m);
    }
}

static void normals_of_a_sphere_point_away_from_its_middle(void **state)
{
    (void)state;
    static const double centre[3] = {0.5, 0.45, 0.55};
    struct mesh m = sphere(centre, 0.4);
    float *normals = mem_alloc_array(m.n_vertices, 3 * sizeof *normals);
    assert_non_null(normals);
    mesh_normals(&m, normals);
    for (size_t i = 0; i < m.n_vertices; i++) {
        double along = 0, length = 0;
        for (size_t d = 0; d < 3; d++) {
            const double n = (double)normals[3 * i + d];
            along += n * ((double)m.vertices[3 * i + d] - centre[d]) / 0.4;
            length += n * n;
        }
        assert_true(along > 0.98 && fabs(length - 1) < 1e-5);
    }
    mem_free(normals);
    mesh_deinit(&m);
}

/* A vertex of a flat square, of a sliver across it, of nothing. */
static void slivers_hardly_turn_a_normal(void **state)
{
    (void)state;
    static float vertices[] = {0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 1e-4f, 1e-4f, 9, 9, 9};
    static uint32_t triangles[] = {0, 1, 2, 0, 2, 3, 0, 4, 3, 5, 5, 4};
    float normals[18];
    const struct mesh m = {6, 4, vertices, triangles};
    mesh_normals(&m, normals);
    assert_true(normals[2] > 0.9999f && fabsf(normals[0]) < 1e-3f);
    assert_true(normals[15] == 0.0f && normals[17] == 1.0f);
}

/* Squares of such sizes are no floats. */
static void normals_are_those_of_the_mesh_at_any_size(void **state)
{
    static const float sizes[] = {1e-37f, 1e-30f, 1e-12f, 1.0f, 1e12f, 1e25f, 3e38f};
    static uint32_t triangles[] = {0, 2, 1, 0, 1, 3, 0, 3, 2, 1, 2, 3};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const float s = sizes[i];
        float vertices[] = {-s, -s, -s, s, -s, -s, -s, s, -s, -s, -s, s}, normals[12];
        const struct mesh m = {4, 4, vertices, triangles};
        mesh_normals(&m, normals);
        for (size_t d = 0; d < 3; d++)
            assert_true(fabsf(normals[d] + 0.57735f) < 1e-4f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mesh_is_moved_and_stays_the_right_way_round),
        cmocka_unit_test(normals_of_a_sphere_point_away_from_its_middle),
        cmocka_unit_test(slivers_hardly_turn_a_normal),
        cmocka_unit_test(normals_are_those_of_the_mesh_at_any_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
