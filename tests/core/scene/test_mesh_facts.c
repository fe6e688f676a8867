#include "core/scene/mesh_facts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/format/mesh.h"
#include "tests/support/alloc.h"
#include "tests/support/data_files.h"

/* A unit cube, counter-clockwise from outside. */
static float cube_vertices[24] = {0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0,
                                  0, 0, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1};
static const uint32_t cube_triangles[36] = {0, 2, 1, 0, 3, 2, 4, 5, 6, 4, 6, 7, 0, 1, 5, 0, 5, 4,
                                            1, 2, 6, 1, 6, 5, 2, 3, 7, 2, 7, 6, 3, 0, 4, 3, 4, 7};

static struct mesh_facts find(float *vertices, size_t n_vertices, uint32_t *triangles,
                              size_t n_triangles)
{
    const struct mesh m = {n_vertices, n_triangles, vertices, triangles};
    struct mesh_facts f;
    assert_int_equal(mesh_facts_find(&m, &f, NULL), STATUS_OK);
    assert_int_equal(f.n_vertices, n_vertices);
    assert_int_equal(f.n_triangles, n_triangles);
    return f;
}

static void a_cube_is_closed_and_has_its_volume(void **state)
{
    (void)state;
    uint32_t triangles[36];
    memcpy(triangles, cube_triangles, sizeof triangles);
    struct mesh_facts f = find(cube_vertices, 8, triangles, 12);
    assert_true(f.is_watertight);
    assert_int_equal(f.n_edges, 18);
    assert_int_equal(f.euler, 2);
    assert_int_equal(f.n_border_edges + f.n_nonmanifold_edges + f.n_misoriented_edges, 0);
    assert_int_equal(f.n_degenerate_triangles + f.n_duplicate_triangles + f.n_unused_vertices, 0);
    assert_int_equal(f.n_components, 1);
    assert_true(fabs(f.volume - 1) < 1e-12 && fabs(f.area - 6) < 1e-12);
    for (size_t d = 0; d < 3; d++)
        assert_true(f.low[d] == 0.0f && f.high[d] == 1.0f);
    for (size_t i = 0; i < 36; i += 3) { /* inside out */
        triangles[i] = cube_triangles[i + 1];
        triangles[i + 1] = cube_triangles[i];
    }
    f = find(cube_vertices, 8, triangles, 12);
    assert_true(f.is_watertight && fabs(f.volume + 1) < 1e-12 && f.n_misoriented_edges == 0);
}

static void a_triangle_turned_around_taken_out_or_put_twice_is_seen(void **state)
{
    (void)state;
    uint32_t triangles[39];
    memcpy(triangles, cube_triangles, sizeof cube_triangles);
    triangles[0] = 2;
    triangles[1] = 0; /* turned */
    struct mesh_facts f = find(cube_vertices, 8, triangles, 12);
    assert_true(f.is_watertight);
    assert_int_equal(f.n_misoriented_edges, 3);

    f = find(cube_vertices, 8, triangles + 3, 11); /* out */
    assert_false(f.is_watertight);
    assert_int_equal(f.n_border_edges, 3);
    assert_int_equal(f.euler, 1);

    memcpy(triangles, cube_triangles, sizeof cube_triangles);
    memcpy(triangles + 36, (uint32_t[]){1, 0, 2}, 12); /* twice, turned */
    f = find(cube_vertices, 8, triangles, 13);
    assert_false(f.is_watertight);
    assert_int_equal(f.n_nonmanifold_edges, 3);
    assert_int_equal(f.n_duplicate_triangles, 1);
}

static void triangles_of_no_area_and_vertices_of_no_triangle_are_counted(void **state)
{
    (void)state;
    float vertices[36];
    uint32_t triangles[42];
    memcpy(vertices, cube_vertices, sizeof cube_vertices);
    memcpy(vertices + 24, (float[]){9, 9, 9, 5, 5, 5, 5, 5, 5, 5, 5, 5}, 48);
    memcpy(triangles, cube_triangles, sizeof cube_triangles);
    memcpy(triangles + 36, (uint32_t[]){3, 3, 7, 9, 10, 11}, 24);
    const struct mesh_facts f = find(vertices, 12, triangles, 14);
    assert_int_equal(f.n_degenerate_triangles, 2);
    assert_int_equal(f.n_unused_vertices, 1);
    assert_int_equal(f.n_components, 2);
    assert_int_equal(f.n_border_edges, 3); /* of the second; the first has no edges */
    assert_int_equal(f.euler, 3);
    for (size_t d = 0; d < 3; d++)
        assert_true(f.low[d] == 0.0f && f.high[d] == 5.0f);
}

/* A fan around one vertex: a row too long to be sorted by insertion. */
static void a_vertex_of_many_triangles_is_no_trouble(void **state)
{
    (void)state;
    enum { N = 5000 };
    float *vertices = calloc(3 * (N + 2), sizeof *vertices);
    uint32_t *triangles = calloc(6 * N, sizeof *triangles);
    assert_true(vertices && triangles);
    for (uint32_t i = 0; i < N; i++) {
        vertices[3 * i] = (float)cos(2 * M_PI * i / N);
        vertices[3 * i + 1] = (float)sin(2 * M_PI * i / N);
        const uint32_t next = (i + 1) % N;
        memcpy(triangles + 6 * i, (uint32_t[]){i, next, N, next, i, N + 1}, 24);
    }
    vertices[3 * N + 2] = 1;
    vertices[3 * N + 5] = -1;
    const struct mesh_facts f = find(vertices, N + 2, triangles, 2 * N);
    assert_true(f.is_watertight && f.n_misoriented_edges == 0 && f.euler == 2);
    assert_true(fabs(f.volume - 2 * M_PI / 3) < 1e-4);
    free(vertices);
    free(triangles);
}

static enum status find_once(void *context, struct error *err)
{
    struct mesh_facts f;
    return mesh_facts_find(context, &f, err);
}

static void facts_survive_every_failing_allocation(void **state)
{
    (void)state;
    uint32_t triangles[36];
    memcpy(triangles, cube_triangles, sizeof triangles);
    struct mesh m = {8, 12, cube_vertices, triangles};
    assert_true(alloc_fail_each(find_once, &m) >= 5);
}

/* What the README of the development data says about its meshes. */
static void facts_of_real_meshes_are_those_that_others_found(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t n_vertices, n_triangles, n_border, n_nonmanifold;
        int64_t euler; /* of closed ones */
        float box[6];
    } cases[] = {
        {"shapes/armadillo.obj",
         49990,
         99976,
         0,
         0,
         2,
         {-0.683f, -0.813f, -0.62f, 0.683f, 0.813f, 0.62f}},
        {"shapes/bunny_open.obj",
         2503,
         4968,
         42,
         0,
         0,
         {-0.094f, 0.033f, -0.062f, 0.061f, 0.187f, 0.059f}},
        {"shapes/bunny.off",
         3485,
         6966,
         0,
         0,
         2,
         {-0.095f, 0.033f, -0.062f, 0.061f, 0.187f, 0.059f}},
        {"shapes/dragon.ply",
         50000,
         100000,
         0,
         0,
         0,
         {-1.353f, -0.954f, -0.605f, 1.353f, 0.954f, 0.605f}},
        {"shapes/spot.obj",
         2930,
         5856,
         0,
         0,
         2,
         {-0.472f, -0.737f, -0.669f, 0.472f, 0.954f, 1.049f}},
        {"shapes/fertility.off",
         4494,
         9000,
         0,
         0,
         -6,
         {-75.656f, -76.529f, -36.815f, 123.535f, 67.783f, 36.451f}},
        {"shapes/rocker-arm.obj",
         10044,
         20088,
         0,
         0,
         0,
         {-0.152f, -0.257f, -0.5f, 0.152f, 0.257f, 0.5f}},
        {"shapes/adis16480.stl",
         3672,
         7436,
         0,
         0,
         -46,
         {-0.022f, -0.006f, -0.019f, 0.022f, 0.008f, 0.028f}},
        {"shapes/unit_sphere.stl", 642, 1280, 0, 0, 2, {-1, -1, -1, 1, 1, 1}},
        {"shapes/suzanne_open.obj",
         507,
         968,
         42,
         1,
         0,
         {-3.861f, 0.267f, 3.252f, -1.127f, 2.236f, 4.955f}},
        {"bad/mesh/bunny_nonmanifold.ply",
         8171,
         16301,
         123,
         150,
         0,
         {-0.095f, 0.033f, -0.062f, 0.061f, 0.187f, 0.059f}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = data_path(cases[i].name);
        if (!path)
            skip();
        size_t n;
        uint8_t *bytes = file_read(path, &n);
        struct mesh m;
        struct mesh_facts f;
        struct error err = {.status = STATUS_OK};
        if (mesh_decode(bytes, n, &m, &err) != STATUS_OK)
            fail_msg("%s: %s", cases[i].name, err.message);
        assert_int_equal(mesh_facts_find(&m, &f, NULL), STATUS_OK);
        assert_int_equal(f.n_vertices, cases[i].n_vertices);
        assert_int_equal(f.n_triangles, cases[i].n_triangles);
        assert_int_equal(f.n_border_edges, cases[i].n_border);
        assert_int_equal(f.n_nonmanifold_edges, cases[i].n_nonmanifold);
        assert_int_equal(f.is_watertight, cases[i].n_border + cases[i].n_nonmanifold == 0);
        if (f.is_watertight) {
            assert_int_equal(f.euler, cases[i].euler);
            assert_true(f.volume > 0 && f.n_misoriented_edges == 0);
        }
        for (size_t d = 0; d < 3; d++) {
            assert_true(fabsf(f.low[d] - cases[i].box[d]) < 6e-4f);
            assert_true(fabsf(f.high[d] - cases[i].box[3 + d]) < 6e-4f);
        }
        mesh_deinit(&m);
        free(bytes);
        free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cube_is_closed_and_has_its_volume),
        cmocka_unit_test(a_triangle_turned_around_taken_out_or_put_twice_is_seen),
        cmocka_unit_test(triangles_of_no_area_and_vertices_of_no_triangle_are_counted),
        cmocka_unit_test(a_vertex_of_many_triangles_is_no_trouble),
        cmocka_unit_test(facts_survive_every_failing_allocation),
        cmocka_unit_test(facts_of_real_meshes_are_those_that_others_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
