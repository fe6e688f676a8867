#include "core/scene/mesh_map.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/scene/mesh_facts.h"
#include "tests/support/small_mesh.h"

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
    static const float centre[3] = {0.5f, 0.5f, 0.5f};
    static const double maps[][3][4] = {
        {{2, 0, 0, 10}, {0, 3, 0, 20}, {0, 0, 4, 30}},
        {{-2, 0, 0, 10}, {0, 3, 0, 20}, {0, 0, 4, 30}},
        {{0, 2, 0, 0}, {3, 0, 0, 0}, {1, 0, 4, 0}},
    };
    for (size_t i = 0; i < 3; i++) {
        struct mesh m = small_sphere(centre, 0.25f, 3);
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
    static const float centre[3] = {3, -2, 1};
    struct mesh m = small_sphere(centre, 0.5f, 4);
    float *normals = mem_alloc_array(m.n_vertices, 3 * sizeof *normals);
    assert_non_null(normals);
    mesh_normals(&m, normals);
    for (size_t i = 0; i < m.n_vertices; i++) {
        double along = 0, length = 0;
        for (size_t d = 0; d < 3; d++) {
            const double n = (double)normals[3 * i + d];
            along += n * ((double)m.vertices[3 * i + d] - (double)centre[d]) / 0.5;
            length += n * n;
        }
        assert_true(along > 0.9995 && fabs(length - 1) < 1e-5);
    }
    mem_free(normals);
    mesh_deinit(&m);
}

/* The corner of a cube has one normal, whichever way its faces are cut. */
static void normals_do_not_depend_on_how_faces_are_cut(void **state)
{
    (void)state;
    static float vertices[] = {0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0,
                               1, 1, 0, 1, 0, 1, 1, 7, 7, 7, 8, 8, 8};
    /* The three faces at the origin, cut through it or not; a flat triangle and a lone vertex. */
    static uint32_t cuts[2][21] = {
        {0, 3, 2, 0, 2, 1, 0, 1, 5, 0, 5, 4, 0, 4, 6, 0, 6, 3, 7, 7, 8},
        {0, 3, 1, 3, 2, 1, 0, 1, 4, 1, 5, 4, 0, 4, 3, 4, 6, 3, 7, 7, 8},
    };
    for (size_t i = 0; i < 2; i++) {
        float normals[27];
        struct mesh m = {9, 7, vertices, cuts[i]};
        mesh_normals(&m, normals);
        for (size_t d = 0; d < 3; d++)
            assert_true(fabs((double)normals[d] + sqrt(1.0 / 3)) < 1e-6);
        assert_true(normals[3 * 7] == 0.0f && normals[3 * 7 + 2] == 1.0f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mesh_is_moved_and_stays_the_right_way_round),
        cmocka_unit_test(normals_of_a_sphere_point_away_from_its_middle),
        cmocka_unit_test(normals_do_not_depend_on_how_faces_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
