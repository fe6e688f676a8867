#include "core/scene/bvh.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/rng.h"
#include "tests/support/alloc.h"
#include "tests/support/small_mesh.h"

static const double pi = 3.14159265358979323846;

static struct bvh *tree_of(const struct mesh *m)
{
    struct bvh *b = NULL;
    assert_int_equal(bvh_create(&b, m, NULL), STATUS_OK);
    assert_int_equal(bvh_n_triangles(b), m->n_triangles);
    return b;
}

/* --- slow and sure: every triangle, in double, by other formulas --- */

typedef double vector[3];

static void corners_of(const struct mesh *m, size_t triangle, vector v[3])
{
    for (size_t c = 0; c < 3; c++)
        for (size_t a = 0; a < 3; a++)
            v[c][a] = (double)m->vertices[3 * (size_t)m->triangles[3 * triangle + c] + a];
}

static double dot(const vector a, const vector b)
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void subtract(const vector a, const vector b, vector out)
{
    for (int i = 0; i < 3; i++)
        out[i] = a[i] - b[i];
}

static void cross(const vector a, const vector b, vector out)
{
    for (int i = 0; i < 3; i++)
        out[i] = a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3];
}

/* Ericson, Real-Time Collision Detection, 5.1.5: by the regions of the plane. */
static double distance_to_triangle(const vector p, vector v[3])
{
    vector ab, ac, ap, bp, cp, at;
    subtract(v[1], v[0], ab);
    subtract(v[2], v[0], ac);
    subtract(p, v[0], ap);
    subtract(p, v[1], bp);
    subtract(p, v[2], cp);
    const double d1 = dot(ab, ap), d2 = dot(ac, ap), d3 = dot(ab, bp), d4 = dot(ac, bp),
                 d5 = dot(ab, cp), d6 = dot(ac, cp);
    const double va = d3 * d6 - d5 * d4, vb = d5 * d2 - d1 * d6, vc = d1 * d4 - d3 * d2;
    double s = 0.0, t = 0.0; /* v[0] + s ab + t ac */
    if (d1 <= 0 && d2 <= 0) {
    } else if (d3 >= 0 && d4 <= d3) {
        s = 1.0;
    } else if (vc <= 0 && d1 >= 0 && d3 <= 0) {
        s = d1 / (d1 - d3);
    } else if (d6 >= 0 && d5 <= d6) {
        t = 1.0;
    } else if (vb <= 0 && d2 >= 0 && d6 <= 0) {
        t = d2 / (d2 - d6);
    } else if (va <= 0 && d4 - d3 >= 0 && d5 - d6 >= 0) {
        t = (d4 - d3) / ((d4 - d3) + (d5 - d6));
        s = 1.0 - t;
    } else {
        s = vb / (va + vb + vc);
        t = vc / (va + vb + vc);
    }
    for (int a = 0; a < 3; a++)
        at[a] = v[0][a] + s * ab[a] + t * ac[a] - p[a];
    return sqrt(dot(at, at));
}

static double slow_distance(const struct mesh *m, const float point[3])
{
    const vector p = {(double)point[0], (double)point[1], (double)point[2]};
    double least = INFINITY;
    for (size_t i = 0; i < m->n_triangles; i++) {
        vector v[3];
        corners_of(m, i, v);
        least = fmin(least, distance_to_triangle(p, v));
    }
    return least;
}

/* By the angles of the spherical triangle (Girard): their sum less pi. */
static double slow_winding(const struct mesh *m, const float point[3])
{
    const vector p = {(double)point[0], (double)point[1], (double)point[2]};
    double sum = 0.0;
    for (size_t i = 0; i < m->n_triangles; i++) {
        vector v[3], u[3], n, t[2];
        double angles = -pi;
        corners_of(m, i, v);
        for (int c = 0; c < 3; c++)
            subtract(v[c], p, u[c]);
        cross(u[1], u[2], n);
        const double side = dot(u[0], n);
        for (int c = 0; c < 3; c++) {
            cross(u[c], u[(c + 1) % 3], t[0]);
            cross(u[c], u[(c + 2) % 3], t[1]);
            angles += acos(
                fmax(-1.0, fmin(1.0, dot(t[0], t[1]) / sqrt(dot(t[0], t[0]) * dot(t[1], t[1])))));
        }
        sum += side > 0.0 ? angles : -angles;
    }
    return sum / (4.0 * pi);
}

/* --- meshes and places to ask about --- */

enum { N_MESHES = 6 };

static struct mesh mesh_of(int number)
{
    static const float middle[3] = {0.5f, 0.5f, 0.5f}, beside[3] = {0.6f, 0.4f, 0.55f};
    struct mesh m;
    switch (number) {
    case 0:
        return small_sphere(middle, 0.4f, 3);
    case 1:
        return small_soup(500, 0.2f, 1);
    case 2: /* long and thin */
        m = small_soup(300, 0.02f, 2);
        for (size_t i = 0; i < m.n_vertices; i += 3)
            m.vertices[3 * i] = 1.0f - m.vertices[3 * i];
        return m;
    case 3:
        m = small_sphere(middle, 0.4f, 2);
        small_mesh_pierce(&m, 5);
        return m;
    case 4:
        return small_mesh_join(small_sphere(middle, 0.3f, 2), small_sphere(beside, 0.3f, 1));
    default: /* a single triangle */
        return small_soup(1, 0.7f, 3);
    }
}

static void point_of(struct rng *rng, float p[3])
{
    for (int a = 0; a < 3; a++)
        p[a] = (float)(1.4 * rng_uniform(rng) - 0.2);
}

static void the_nearest_point_is_that_of_all_triangles(void **state)
{
    (void)state;
    for (int number = 0; number < N_MESHES; number++) {
        struct mesh m = mesh_of(number);
        struct bvh *b = tree_of(&m);
        for (uint64_t i = 0; i < 300; i++) {
            struct rng rng = rng_at(7, RNG_PROBE, i);
            float p[3], corners[3][3];
            struct bvh_nearest nearest;
            point_of(&rng, p);
            const double slow = slow_distance(&m, p);
            assert_true(bvh_nearest(b, p, INFINITY, &nearest));
            assert_true(fabs((double)nearest.distance - slow) < 1e-6);
            double square = 0.0;
            for (int a = 0; a < 3; a++)
                square += pow((double)(nearest.point[a] - p[a]), 2);
            assert_true(fabs(sqrt(square) - slow) < 1e-6);
            /* the point is of the triangle that is named */
            vector v[3];
            bvh_triangle(b, nearest.triangle, corners);
            for (int c = 0; c < 3; c++)
                for (int a = 0; a < 3; a++)
                    v[c][a] = (double)corners[c][a];
            const vector at = {(double)nearest.point[0], (double)nearest.point[1],
                               (double)nearest.point[2]};
            assert_true(distance_to_triangle(at, v) < 1e-6);
            /* within reach or not */
            assert_true(bvh_nearest(b, p, (float)slow * 1.01f, &nearest));
            assert_false(bvh_nearest(b, p, (float)slow * 0.99f, &nearest));
        }
        bvh_free(b);
        mesh_deinit(&m);
    }
}

static void the_winding_number_is_the_solid_angle_of_all_triangles(void **state)
{
    (void)state;
    for (int number = 0; number < N_MESHES; number++) {
        struct mesh m = mesh_of(number);
        struct bvh *b = tree_of(&m);
        double most = 0.0;
        for (uint64_t i = 0; i < 300; i++) {
            struct rng rng = rng_at(9, RNG_PROBE, i);
            float p[3];
            point_of(&rng, p);
            const double slow = slow_winding(&m, p);
            most = fmax(most, fabs((double)bvh_winding(b, p) - slow));
        }
        /* what the expansion leaves out */
        assert_true(most < 0.05);
        /* a single leaf is never far from what is near it */
        if (m.n_triangles == 1) {
            const float p[3] = {m.vertices[0], m.vertices[1] + 0.01f, m.vertices[2]};
            assert_true(fabs((double)bvh_winding(b, p) - slow_winding(&m, p)) < 1e-5);
        }
        bvh_free(b);
        mesh_deinit(&m);
    }
}

static void inside_is_inside_whichever_way_triangles_run(void **state)
{
    (void)state;
    static const float centre[3] = {0.3f, -0.2f, 0.1f};
    for (int turned = 0; turned < 2; turned++) {
        struct mesh m = small_sphere(centre, 0.5f, 4);
        if (turned)
            small_mesh_turn(&m);
        struct bvh *b = tree_of(&m);
        for (uint64_t i = 0; i < 2000; i++) {
            struct rng rng = rng_at(10, RNG_PROBE, i);
            float p[3];
            double square = 0.0;
            for (int a = 0; a < 3; a++) {
                p[a] = centre[a] + (float)(1.2 * rng_uniform(&rng) - 0.6);
                square += pow((double)(p[a] - centre[a]), 2);
            }
            if (fabs(sqrt(square) - 0.5) < 2e-3) /* between sphere and facets */
                continue;
            assert_int_equal(bvh_is_inside(b, p), sqrt(square) < 0.5);
            assert_int_equal(bvh_winding(b, p) > 0.5f, sqrt(square) < 0.5 && !turned);
        }
        bvh_free(b);
        mesh_deinit(&m);
    }
}

/* Half of a sphere: the number falls from 1 to 0 across the hole. */
static void an_open_surface_has_an_inside(void **state)
{
    (void)state;
    static const float centre[3] = {0.0f, 0.0f, 0.0f};
    struct mesh m = small_sphere(centre, 1.0f, 4);
    size_t n_kept = 0;
    for (size_t i = 0; i < m.n_triangles; i++) {
        float z = 0.0f;
        for (size_t c = 0; c < 3; c++)
            z += m.vertices[3 * (size_t)m.triangles[3 * i + c] + 2];
        if (z < 0.0f)
            memmove(m.triangles + 3 * n_kept++, m.triangles + 3 * i, 3 * sizeof *m.triangles);
    }
    m.n_triangles = n_kept;
    struct bvh *b = tree_of(&m);
    assert_true(bvh_is_inside(b, (const float[3]){0.0f, 0.0f, -0.5f}));
    assert_false(bvh_is_inside(b, (const float[3]){0.0f, 0.0f, 0.5f}));
    assert_false(bvh_is_inside(b, (const float[3]){0.0f, 0.0f, -1.1f}));
    const float middle[3] = {0.0f, 0.0f, 0.0f};
    assert_true(fabsf(bvh_winding(b, middle) - 0.5f) < 0.04f);
    bvh_free(b);
    mesh_deinit(&m);
}

/* Triangles without area, all in one place, or all the same: the tree is built and answers. */
static void degenerate_meshes_have_trees(void **state)
{
    (void)state;
    float vertices[] = {0, 0, 0, 1, 0, 0, 0.5f, 0, 0, 0, 0, 1};
    enum { N = 10000 };
    uint32_t *triangles = calloc(3 * N, sizeof *triangles);
    struct mesh m = {
        .n_vertices = 4, .n_triangles = N, .vertices = vertices, .triangles = triangles};
    const float p[3] = {0.25f, 0.5f, 0.0f};
    for (int kind = 0; kind < 3; kind++) {
        static const uint32_t corners[3][3] = {{0, 0, 0}, {0, 1, 2}, {0, 1, 3}};
        static const double distance[] = {0.5590169943749475, 0.5, 0.5};
        for (size_t i = 0; i < N; i++)
            memcpy(triangles + 3 * i, corners[kind], sizeof corners[kind]);
        struct bvh *b = tree_of(&m);
        struct bvh_nearest nearest;
        assert_true(bvh_nearest(b, p, INFINITY, &nearest));
        assert_true(fabs((double)nearest.distance - distance[kind]) < 1e-6);
        assert_true(isfinite(bvh_winding(b, p)));
        if (kind < 2)
            assert_true(bvh_winding(b, p) == 0.0f);
        bvh_free(b);
    }
    free(triangles);
}

static void a_mesh_without_triangles_is_refused(void **state)
{
    (void)state;
    struct bvh *b = NULL;
    struct error err = {0};
    const struct mesh m = {0};
    assert_int_equal(bvh_create(&b, &m, &err), STATUS_INVALID);
    assert_null(b);
    bvh_free(NULL);
}

/* Every triangle of the mesh is in the tree once. */
static void the_tree_has_the_triangles_of_the_mesh(void **state)
{
    (void)state;
    struct mesh m = small_soup(1001, 0.1f, 4);
    struct bvh *b = tree_of(&m);
    bool seen[1001] = {false};
    for (size_t i = 0; i < m.n_triangles; i++) {
        float corners[3][3];
        bvh_triangle(b, i, corners);
        size_t k = 0;
        while (k < m.n_triangles && memcmp(corners, m.vertices + 9 * k, sizeof corners) != 0)
            k++;
        assert_true(k < m.n_triangles);
        assert_false(seen[k]);
        seen[k] = true;
    }
    bvh_free(b);
    mesh_deinit(&m);
}

/* Slices along x in the order that is worst for a selection whose pivot is the one in the middle:
 * in every round it is the least of all that are left.  (McIlroy 1999, "A killer adversary for
 * quicksort".)  Without a way out of it this takes minutes. */
static void triangles_laid_out_against_the_selection_are_selected_too(void **state)
{
    enum { COUNT = 400000 };
    static const float unit = 1.0f / (1 << 19); /* exact: the places of all slices are floats */
    float *vertices = calloc(COUNT, 9 * sizeof *vertices);
    uint32_t *triangles = calloc(COUNT, 3 * sizeof *triangles),
             *order = calloc(COUNT, sizeof *order);
    (void)state;
    assert_true(vertices && triangles && order);
    for (uint32_t i = 0; i < COUNT; i++)
        order[i] = i;
    for (uint32_t low = 0; low < COUNT; low++) { /* what a round does to the order */
        const uint32_t middle = low + (COUNT - 1 - low) / 2, pivot = order[middle];
        order[middle] = order[low];
        for (size_t c = 0; c < 3; c++) {
            float *v = vertices + 9 * (size_t)pivot + 3 * c;
            v[0] = (float)low * unit;
            v[1] = c == 1 ? unit : 0.0f;
            v[2] = c == 2 ? unit : 0.0f;
            triangles[3 * (size_t)pivot + c] = (uint32_t)(3 * pivot + c);
        }
    }
    const struct mesh m = {3UL * COUNT, COUNT, vertices, triangles};
    struct bvh *b = tree_of(&m);
    for (uint32_t i = 0; i < COUNT; i += 1013) {
        const float p[3] = {((float)i + 0.25f) * unit, 0.0f, 0.0f};
        struct bvh_nearest nearest;
        assert_true(bvh_nearest(b, p, INFINITY, &nearest));
        assert_true(nearest.distance == 0.25f * unit);
    }
    bvh_free(b);
    free(vertices);
    free(triangles);
    free(order);
}

static enum status create_and_free(void *context, struct error *err)
{
    struct bvh *b = NULL;
    const enum status status = bvh_create(&b, context, err);
    bvh_free(b);
    return status;
}

static void building_survives_every_failed_allocation(void **state)
{
    (void)state;
    struct mesh m = small_soup(50, 0.1f, 5);
    assert_true(alloc_fail_each(create_and_free, &m) >= 8);
    mesh_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_point_is_that_of_all_triangles),
        cmocka_unit_test(the_winding_number_is_the_solid_angle_of_all_triangles),
        cmocka_unit_test(inside_is_inside_whichever_way_triangles_run),
        cmocka_unit_test(an_open_surface_has_an_inside),
        cmocka_unit_test(degenerate_meshes_have_trees),
        cmocka_unit_test(triangles_laid_out_against_the_selection_are_selected_too),
        cmocka_unit_test(a_mesh_without_triangles_is_refused),
        cmocka_unit_test(the_tree_has_the_triangles_of_the_mesh),
        cmocka_unit_test(building_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
