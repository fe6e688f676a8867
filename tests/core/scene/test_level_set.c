#include "core/scene/level_set.h"

#include <math.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/alloc.h"
#include "tests/support/small_fit.h"

/* The cube is [-2, 2]^3 in source units. */
static const struct domain domain = {
    .n_dims = 3,
    .matrix = {{0.25, 0.0, 0.0}, {0.0, 0.25, 0.0}, {0.0, 0.0, 0.25}},
    .offset = {0.5, 0.5, 0.5},
};

/* raw = w . x + b: a plane. */
static struct field *plane_field(enum activation output, const float w[3], float b)
{
    const struct field_spec spec = {
        .encoding = {.type = ENCODING_NONE, .n_inputs = 3, .input_range = {0.0, 1.0}},
        .network = {.n_outputs = 1,
                    .width = 16,
                    .activation = ACTIVATION_RELU,
                    .output_activation = output},
        .domain = domain,
    };
    struct field *f = small_field(&spec, 1);
    mlp_import_layer(field_mlp(f), field_params(f) + encoding_n_params(field_encoding(f)), 0, w,
                     &b);
    return f;
}

/* Inside is where (x, y, z) . n < 0 in source coordinates; n of length 1. */
static struct field *half_space(bool is_distance, const double n[3], struct level_set_spec *s)
{
    float w[3], b = 0.0f;
    /* x = 4 u - 2: the distance in sides of the cube is n . (u - 1/2) */
    const double scale = is_distance ? 1.0 : -200.0;
    for (int d = 0; d < 3; d++) {
        w[d] = (float)(scale * n[d]);
        b -= (float)(0.5 * scale * n[d]);
    }
    *s = (struct level_set_spec){
        .level = is_distance ? 0.0f : 0.5f,
        .is_inside_below = is_distance,
        .is_distance = is_distance,
        .is_sigmoid = !is_distance,
        .domain = domain,
        .high = {1.0, 1.0, 1.0},
    };
    return plane_field(is_distance ? ACTIVATION_LINEAR : ACTIVATION_SIGMOID, w, b);
}

static struct sight look(const struct level_set_spec *s, const struct field *f, struct ray ray)
{
    struct eye *eye = NULL;
    struct ray rays[EYE_RAYS];
    struct sight out[EYE_RAYS];
    assert_int_equal(level_set_eye_create(&eye, s, f, NULL), STATUS_OK);
    for (size_t i = 0; i < EYE_RAYS; i++) /* the others look past the cube */
        rays[i] = (struct ray){{1e30, 0, 0}, {1, 0, 0}};
    rays[17] = ray;
    eye_look(eye, EYE_RAYS, rays, out);
    struct sight alone;
    eye_look(eye, 1, &ray, &alone);
    assert_memory_equal(&alone, &out[17], sizeof alone);
    assert_true(out[16].opacity == 0.0f && out[16].depth == 0.0f && out[16].colour[0] == 1.0f);
    eye_free(eye);
    return out[17];
}

static void a_plane_is_seen_where_it_is(void **state)
{
    (void)state;
    static const double normals[][3] = {{0, 0, 1}, {0.6, 0, 0.8}, {-0.48, 0.6, 0.64}};
    static const struct ray rays[] = {
        {{0, 0, 5}, {0, 0, -1}}, {{0.3, -0.2, 4}, {0, 0.2, -2}}, {{-1, 1, 8}, {0.1, -0.1, -0.5}}};
    for (int is_distance = 0; is_distance < 2; is_distance++)
        for (size_t i = 0; i < 3; i++)
            for (size_t k = 0; k < 3; k++) {
                struct level_set_spec s;
                struct field *f = half_space(is_distance, normals[i], &s);
                const struct sight seen = look(&s, f, rays[k]);
                const double length = sqrt(ray_dot(rays[k].direction, rays[k].direction));
                const double t =
                    -ray_dot(rays[k].origin, normals[i]) / ray_dot(rays[k].direction, normals[i]);
                assert_true(seen.opacity == 1.0f);
                assert_true(fabs((double)seen.depth - t * length) < 1e-4);
                for (int d = 0; d < 3; d++) {
                    assert_true(fabs((double)seen.normal[d] - normals[i][d]) < 1e-3);
                    assert_true(seen.colour[d] == 0.5f * (seen.normal[d] + 1.0f));
                }
                field_free(f);
            }
}

static void what_is_not_there_is_not_seen(void **state)
{
    (void)state;
    static const double up[3] = {0, 0, 1};
    static const struct ray rays[] = {
        {{0, 0, 5}, {0, 0, 1}},      /* away from it */
        {{0, 0, 1}, {1, 0, 0}},      /* along it, outside */
        {{3, 0, 5}, {0, 0, -1}},     /* past the cube */
        {{0, 0, 1.9}, {1, 0, -0.1}}, /* leaves the cube before */
        {{0, 0, -1}, {0, 0, 0}},     /* inside, and has no direction: it would never leave */
        {{0, 0, -1}, {NAN, 0, INFINITY}},
        {{0, 0, 5}, {0, 1e300, -1e300}}, /* the squares of which are not finite */
    };
    for (int is_distance = 0; is_distance < 2; is_distance++)
        for (size_t k = 0; k < sizeof rays / sizeof *rays; k++) {
            struct level_set_spec s;
            struct field *f = half_space(is_distance, up, &s);
            const struct sight seen = look(&s, f, rays[k]);
            assert_true(seen.opacity == 0.0f && seen.depth == 0.0f);
            for (int d = 0; d < 3; d++)
                assert_true(seen.normal[d] == 0.0f && seen.colour[d] == 1.0f);
            field_free(f);
        }
}

/* Of the cube below 1/2 only that below 3/8 is looked at: from above it begins there. */
static void only_its_part_of_the_cube_is_looked_at(void **state)
{
    (void)state;
    static const double up[3] = {0, 0, 1};
    const struct ray down = {{0.1, 0.2, 5}, {0, 0, -1}};
    for (int is_distance = 0; is_distance < 2; is_distance++) {
        struct level_set_spec s;
        struct field *f = half_space(is_distance, up, &s);
        s.high[2] = 0.375;
        const struct sight seen = look(&s, f, down);
        assert_true(fabs((double)seen.depth - 5.5) < 1e-4);
        s.low[0] = 0.6; /* the ray is at 0.525 */
        assert_true(look(&s, f, down).opacity == 0.0f);
        field_free(f);
    }
}

struct making {
    struct level_set_spec spec;
    struct field *field;
};

static enum status create_and_free(void *context, struct error *err)
{
    const struct making *m = context;
    struct eye *eye = NULL;
    const enum status status = level_set_eye_create(&eye, &m->spec, m->field, err);
    eye_free(eye);
    return status;
}

static void making_survives_every_failed_allocation(void **state)
{
    (void)state;
    static const double up[3] = {0, 0, 1};
    struct making m;
    m.field = half_space(true, up, &m.spec);
    assert_true(alloc_fail_each(create_and_free, &m) >= 2);
    field_free(m.field);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plane_is_seen_where_it_is),
        cmocka_unit_test(what_is_not_there_is_not_seen),
        cmocka_unit_test(only_its_part_of_the_cube_is_looked_at),
        cmocka_unit_test(making_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
