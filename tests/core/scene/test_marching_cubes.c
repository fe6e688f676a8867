#include "core/scene/marching_cubes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/scene/mesh_facts.h"
#include "tests/support/alloc.h"

/* A field on the unit cube. */
typedef double (*field_function)(const void *context, double x, double y, double z);

static void feed(struct marching_cubes *mc, const size_t *n, field_function f, const void *context)
{
    float *plane = malloc(n[0] * n[1] * sizeof *plane);
    assert_non_null(plane);
    for (size_t z = 0; z < n[2]; z++) {
        for (size_t i = 0; i < n[0] * n[1]; i++)
            plane[i] =
                (float)f(context, (double)(i % n[0]) / (double)(n[0] - 1),
                         (double)(i / n[0]) / (double)(n[1] - 1), (double)z / (double)(n[2] - 1));
        assert_int_equal(marching_cubes_plane(mc, plane, NULL), STATUS_OK);
    }
    free(plane);
}

static void refine(struct marching_cubes *mc, field_function f, const void *context, size_t steps)
{
    const size_t n = marching_cubes_n_vertices(mc);
    float *coords = malloc((3 * n + 1) * sizeof *coords),
          *values = malloc((n + 1) * sizeof *values);
    assert_true(coords && values);
    for (size_t step = 0; step < steps; step++) {
        marching_cubes_points(mc, 0, n, coords);
        for (size_t i = 0; i < n; i++)
            values[i] = (float)f(context, (double)coords[3 * i], (double)coords[3 * i + 1],
                                 (double)coords[3 * i + 2]);
        marching_cubes_refine(mc, 0, n / 2, values); /* in two parts, as two threads would */
        marching_cubes_refine(mc, n / 2, n - n / 2, values + n / 2);
    }
    free(coords);
    free(values);
}

static struct mesh surface(const struct marching_cubes_spec *spec, field_function f,
                           const void *context, size_t steps)
{
    struct marching_cubes *mc;
    struct mesh m;
    assert_int_equal(marching_cubes_create(&mc, spec, NULL), STATUS_OK);
    feed(mc, spec->n, f, context);
    refine(mc, f, context, steps);
    assert_int_equal(marching_cubes_take(mc, &m, NULL), STATUS_OK);
    marching_cubes_free(mc);
    return m;
}

/* Every vertex has one fan of triangles around it: the mesh is a surface there, not two that touch
 * in a point.  (An edge of two triangles alone does not say that.) */
static void assert_fans(const struct mesh *m)
{
    uint32_t *n_triangles = calloc(m->n_vertices, sizeof *n_triangles);
    uint32_t *any = calloc(m->n_vertices, sizeof *any);
    assert_true(n_triangles && any);
    for (size_t i = 0; i < 3 * m->n_triangles; i++) {
        n_triangles[m->triangles[i]]++;
        any[m->triangles[i]] = (uint32_t)(i / 3);
    }
    for (uint32_t v = 0; v < m->n_vertices; v++) {
        /* From one triangle of v to the next over the edge that they share, until back. */
        uint32_t at = any[v], n = 0;
        do {
            const uint32_t *t = m->triangles + 3 * (size_t)at;
            const size_t k = t[0] == v ? 0 : t[1] == v ? 1 : 2;
            const uint32_t last = t[(k + 2) % 3];
            uint32_t next = 0;
            for (; next < m->n_triangles; next++) {
                const uint32_t *u = m->triangles + 3 * (size_t)next;
                if ((u[0] == v && u[1] == last) || (u[1] == v && u[2] == last) ||
                    (u[2] == v && u[0] == last))
                    break;
            }
            assert_true(next < m->n_triangles);
            at = next;
            n++;
        } while (at != any[v] && n <= n_triangles[v]);
        assert_int_equal(n, n_triangles[v]);
    }
    free(n_triangles);
    free(any);
}

static struct mesh_facts facts_of(const struct mesh *m)
{
    struct mesh_facts f;
    assert_int_equal(mesh_facts_find(m, &f, NULL), STATUS_OK);
    assert_int_equal(f.n_unused_vertices, 0);
    assert_int_equal(f.n_duplicate_triangles, 0);
    return f;
}

/* --- what has a formula --- */

struct sphere {
    double x, y, z, r;
};

static double sphere(const void *context, double x, double y, double z)
{
    const struct sphere *s = context;
    return sqrt((x - s->x) * (x - s->x) + (y - s->y) * (y - s->y) + (z - s->z) * (z - s->z)) - s->r;
}

/* As an occupancy network would see it: steep, so that a straight line between samples misses. */
static double ball(const void *context, double x, double y, double z)
{
    return 1.0 / (1.0 + exp(60.0 * sphere(context, x, y, z)));
}

static void a_sphere_is_closed_and_has_its_radius(void **state)
{
    (void)state;
    const struct sphere s = {0.5, 0.45, 0.55, 0.3};
    const field_function field[] = {sphere, ball};
    for (size_t k = 0; k < 2; k++)
        for (size_t steps = 0; steps < 4; steps++) {
            const struct marching_cubes_spec spec = {
                .n = {48, 40, 56}, .level = k ? 0.5f : 0.0f, .is_inside_below = k == 0};
            struct mesh m = surface(&spec, field[k], &s, steps);
            const struct mesh_facts f = facts_of(&m);
            double worst = 0;
            for (size_t i = 0; i < m.n_vertices; i++)
                worst = fmax(
                    worst, fabs(sphere(&s, (double)m.vertices[3 * i], (double)m.vertices[3 * i + 1],
                                       (double)m.vertices[3 * i + 2])));
            const double most = steps == 0 ? 3e-3 : 2e-4;
            if (worst > most * s.r)
                fail_msg("field %zu, %zu steps: %g", k, steps, worst / s.r);
            assert_true(f.is_watertight && f.euler == 2 && f.n_components == 1);
            assert_int_equal(f.n_misoriented_edges, 0);
            /* Outside is out.  A polyhedron is a little less than its sphere. */
            assert_true(fabs(f.volume / (4.0 / 3 * M_PI * 0.027) - 1) < 0.02);
            mesh_deinit(&m);
        }
}

/* On a lattice so coarse that a sphere is a handful of cells. */
static void a_sphere_comes_back_where_it_was(void **state)
{
    (void)state;
    const struct sphere s = {0.5, 0.5, 0.5, 3.0 / 8};
    const struct marching_cubes_spec spec = {.n = {65, 65, 65}, .is_inside_below = true};
    struct mesh m = surface(&spec, sphere, &s, 2);
    for (size_t i = 0; i < m.n_vertices; i++) { /* of a domain (6, 16, 26) … (14, 24, 34) */
        const double x = 6 + 8 * (double)m.vertices[3 * i] - 10;
        const double y = 16 + 8 * (double)m.vertices[3 * i + 1] - 20;
        const double z = 26 + 8 * (double)m.vertices[3 * i + 2] - 30;
        assert_true(fabs(sqrt(x * x + y * y + z * z) / 3 - 1) < 1e-3);
    }
    assert_int_equal(facts_of(&m).euler, 2);
    mesh_deinit(&m);
}

static double torus(const void *context, double x, double y, double z)
{
    (void)context;
    const double ring = hypot(x - 0.5, y - 0.5) - 0.3;
    return hypot(ring, z - 0.5) - 0.12;
}

static void a_torus_has_a_hole(void **state)
{
    (void)state;
    const struct marching_cubes_spec spec = {.n = {40, 41, 42}, .is_inside_below = true};
    struct mesh m = surface(&spec, torus, NULL, 2);
    const struct mesh_facts f = facts_of(&m);
    assert_true(f.is_watertight && f.euler == 0 && f.n_misoriented_edges == 0);
    assert_true(fabs(f.volume / (2 * M_PI * M_PI * 0.3 * 0.0144) - 1) < 0.02);
    assert_fans(&m);
    mesh_deinit(&m);
}

static double nothing(const void *context, double x, double y, double z)
{
    (void)x;
    (void)y;
    (void)z;
    return *(const double *)context;
}

static void a_field_that_does_not_pass_the_level_has_no_surface(void **state)
{
    (void)state;
    const double one = 1.0, zero = 0.0;
    struct marching_cubes_spec spec = {.n = {5, 5, 5}};
    struct mesh m = surface(&spec, nothing, &zero, 1); /* the level itself is outside */
    assert_int_equal(m.n_triangles + m.n_vertices, 0);
    mesh_deinit(&m);
    m = surface(&spec, nothing, &one, 1);
    assert_int_equal(m.n_triangles + m.n_vertices, 0);
    mesh_deinit(&m);
    spec.is_closed = true;
    m = surface(&spec, nothing, &one, 1); /* all inside: the box of the lattice */
    const struct mesh_facts f = facts_of(&m);
    assert_true(f.is_watertight && f.euler == 2);
    assert_true(f.volume > 1 && f.volume < 1.002);
    for (size_t d = 0; d < 3; d++)
        assert_true(f.low[d] < 0.0f && f.low[d] > -3e-4f && f.high[d] > 1.0f &&
                    f.high[d] < 1.0003f);
    mesh_deinit(&m);
}

static void what_touches_the_border_is_open_or_closed_as_asked(void **state)
{
    (void)state;
    const struct sphere s = {0.1, 0.5, 0.9, 0.3};
    struct marching_cubes_spec spec = {.n = {30, 30, 30}, .is_inside_below = true};
    struct mesh m = surface(&spec, sphere, &s, 2);
    struct mesh_facts f = facts_of(&m);
    assert_true(!f.is_watertight && f.n_border_edges > 0 && f.n_nonmanifold_edges == 0);
    mesh_deinit(&m);
    spec.is_closed = true;
    m = surface(&spec, sphere, &s, 2);
    f = facts_of(&m);
    assert_true(f.is_watertight && f.euler == 2 && f.n_misoriented_edges == 0);
    assert_true(f.low[0] < 0.0f && f.low[0] > -1e-4f && f.high[2] > 1.0f && f.high[2] < 1.0001f);
    mesh_deinit(&m);
}

/* --- what has none: every case there is, and those where signs alone do not decide --- */

struct lattice {
    size_t n;
    const float *values;
};

static double at(const void *context, double x, double y, double z)
{
    const struct lattice *l = context;
    const double n = (double)(l->n - 1);
    return (double)
        l->values[(lround(z * n) * (long)l->n + lround(y * n)) * (long)l->n + lround(x * n)];
}

static void check_lattice(const struct lattice *l, bool is_inside_below, const char *what)
{
    const struct marching_cubes_spec spec = {
        .n = {l->n, l->n, l->n}, .is_inside_below = is_inside_below, .is_closed = true};
    struct mesh m = surface(&spec, at, l, 0);
    if (m.n_triangles > 0) {
        const struct mesh_facts f = facts_of(&m);
        if (!f.is_watertight || f.n_misoriented_edges > 0 || f.volume <= 0)
            fail_msg("%s: %zu edges once, %zu thrice, %zu turned, volume %g", what,
                     f.n_border_edges, f.n_nonmanifold_edges, f.n_misoriented_edges, f.volume);
        assert_int_equal(f.n_degenerate_triangles, 0);
        assert_fans(&m);
    }
    mesh_deinit(&m);
}

static void every_cell_is_closed_and_every_pair_of_them(void **state)
{
    (void)state;
    enum { N = 4, CORNERS = 8 };
    for (unsigned cell = 0; cell < 1U << CORNERS; cell++)
        for (unsigned how = 0; how < 4; how++) { /* joined or not, on the ambiguous faces */
            float values[N * N * N];
            struct rng r = rng_at(7, RNG_SAMPLE, 4 * cell + how);
            char what[32];
            snprintf(what, sizeof what, "cell %u, %u", cell, how);
            for (size_t i = 0; i < N * N * N; i++)
                values[i] = -1.0f;
            for (unsigned k = 0; k < CORNERS; k++) {
                const size_t i = ((1 + (k >> 2)) * N + 1 + (k >> 1 & 1)) * N + 1 + (k & 1);
                const float size = how == 0 ? 1.0f : 0.05f + (float)rng_uniform(&r);
                values[i] = cell >> k & 1 ? size : -size;
            }
            check_lattice(&(struct lattice){N, values}, false, what);
        }
}

static void noise_is_closed_too(void **state)
{
    (void)state;
    enum { N = 9, N_FIELDS = 60 };
    float values[N * N * N];
    for (unsigned k = 0; k < N_FIELDS; k++) {
        struct rng r = rng_at(3, RNG_SAMPLE, k);
        char what[32];
        snprintf(what, sizeof what, "noise %u", k);
        /* Of few values, so that saddles are ties and samples are the level; or of any. */
        for (size_t i = 0; i < N * N * N; i++)
            values[i] = k % 3 == 0   ? (float)rng_below(&r, 3) - 1.0f
                        : k % 3 == 1 ? (float)rng_normal(&r)
                                     : (rng_below(&r, 2) ? 1e-30f : -1e30f);
        check_lattice(&(struct lattice){N, values}, k % 2 == 1, what);
    }
}

/* --- refusals --- */

static void lattices_out_of_bounds_and_values_that_are_not_finite_are_refused(void **state)
{
    (void)state;
    static const size_t sides[] = {0, 1, LIMIT_LATTICE_SIDE + 1, SIZE_MAX};
    struct marching_cubes *mc;
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
        for (size_t d = 0; d < 3; d++) {
            struct marching_cubes_spec spec = {.n = {4, 4, 4}};
            spec.n[d] = sides[i];
            assert_int_equal(marching_cubes_create(&mc, &spec, NULL), STATUS_INVALID);
        }
    const struct marching_cubes_spec spec = {.n = {2, 2, 2}};
    static const float odd[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        const float plane[4] = {0, 1, odd[i], 0};
        assert_int_equal(marching_cubes_create(&mc, &spec, NULL), STATUS_OK);
        assert_int_equal(marching_cubes_plane(mc, plane, NULL), STATUS_INVALID);
        marching_cubes_free(mc);
    }
    const float plane[4] = {0, 1, 2, 3};
    assert_int_equal(marching_cubes_create(&mc, &spec, NULL), STATUS_OK);
    assert_int_equal(marching_cubes_plane(mc, plane, NULL), STATUS_OK);
    assert_int_equal(marching_cubes_plane(mc, plane, NULL), STATUS_OK);
    assert_int_equal(marching_cubes_plane(mc, plane, NULL), STATUS_CONFLICT);
    marching_cubes_free(mc);
    marching_cubes_free(NULL);
}

static enum status make_once(void *context, struct error *err)
{
    (void)context;
    enum { N = 16 };
    const struct marching_cubes_spec spec = {.n = {N, N, N}};
    struct marching_cubes *mc;
    struct mesh m;
    float plane[N * N];
    enum status status = marching_cubes_create(&mc, &spec, err);
    if (status != STATUS_OK)
        return status;
    for (size_t z = 0; z < N && status == STATUS_OK; z++) {
        for (size_t i = 0; i < N * N; i++)
            plane[i] = (i + z + i / N) % 2 ? 1.0f : -1.0f;
        status = marching_cubes_plane(mc, plane, err);
    }
    if (status == STATUS_OK)
        status = marching_cubes_take(mc, &m, err);
    if (status == STATUS_OK)
        mesh_deinit(&m);
    marching_cubes_free(mc);
    return status;
}

static void a_surface_survives_every_failing_allocation(void **state)
{
    (void)state;
    assert_true(alloc_fail_each(make_once, NULL) > 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sphere_is_closed_and_has_its_radius),
        cmocka_unit_test(a_sphere_comes_back_where_it_was),
        cmocka_unit_test(a_torus_has_a_hole),
        cmocka_unit_test(a_field_that_does_not_pass_the_level_has_no_surface),
        cmocka_unit_test(what_touches_the_border_is_open_or_closed_as_asked),
        cmocka_unit_test(every_cell_is_closed_and_every_pair_of_them),
        cmocka_unit_test(noise_is_closed_too),
        cmocka_unit_test(lattices_out_of_bounds_and_values_that_are_not_finite_are_refused),
        cmocka_unit_test(a_surface_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
