/* Shapes: fits of what is inside and of distances, what is seen of them, what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/format/nifti.h"
#include "core/format/png.h"
#include "tests/http/fit.h"
#include "tests/support/small_mesh.h"

static struct service service;
static char dataset[ID_TEXT];                 /* a sphere of radius 3 around (10, 20, 30) */
static char occupancy[ID_TEXT], sdf[ID_TEXT]; /* fields of it */

enum { STEPS = 300 }; /* under sanitizers, too: fewer leave a shape that is no sphere yet */

/* A small field on a coarse grid. */
#define SMALL                                                                                      \
    "\"field\":{\"encoding\":{\"type\":\"densegrid\",\"n_levels\":3,\"n_features_per_level\":2,"   \
    "\"base_resolution\":4,\"finest_resolution\":16},\"network\":{\"n_hidden_layers\":1,"          \
    "\"width\":16}}"

static struct bytes obj_of(const struct mesh *m)
{
    struct bytes text = {0};
    char line[128];
    for (size_t i = 0; i < m->n_vertices; i++) {
        const float *v = m->vertices + 3 * i;
        const int n = snprintf(line, sizeof line, "v %.9g %.9g %.9g\n", (double)v[0], (double)v[1],
                               (double)v[2]);
        bytes_append(&text, line, (size_t)n);
    }
    for (size_t i = 0; i < m->n_triangles; i++) {
        const uint32_t *t = m->triangles + 3 * i;
        const int n = snprintf(line, sizeof line, "f %u %u %u\n", t[0] + 1, t[1] + 1, t[2] + 1);
        bytes_append(&text, line, (size_t)n);
    }
    return text;
}

static void upload(const void *body, size_t n, char id[ID_TEXT])
{
    json_t *d = answer_json(
        service_send(&service,
                     &(struct request){.path = "/v1/datasets", .body = body, .n_body = n}),
        201);
    snprintf(id, ID_TEXT, "%s", member_text(d, "id"));
    json_decref(d);
}

static struct answer post_job(const char *of, const char *members)
{
    char body[1024];
    snprintf(body, sizeof body, "{\"dataset_id\":\"%s\"%s}", of, members);
    return service_post_json(&service, "/v1/jobs", body);
}

static json_t *fit(const char *of, const char *members, const char *status)
{
    json_t *job = answer_json(post_job(of, members), 202);
    json_t *done = wait_for_job(&service, member_text(job, "id"), status);
    json_decref(job);
    return done;
}

static void make_fields(void)
{
    char members[768];
    for (int target = 0; target < 2; target++) {
        snprintf(members, sizeof members,
                 ",\"task\":\"shape\"," SMALL ",\"train\":{\"steps\":%d,\"batch_size\":1024},"
                 "\"measure\":{\"target\":\"%s\",\"pool\":20000%s}",
                 STEPS, target ? "sdf" : "occupancy", target ? "" : ",\"near_sigma\":0.01");
        json_t *done = fit(dataset, members, "succeeded");
        snprintf(target ? sdf : occupancy, ID_TEXT, "%s", member_text(done, "field_id"));
        assert_true(member_number(done, "metrics.iou_uniform") > 0.95);
        assert_true(member_number(done, "metrics.iou_boundary") > 0.5);
        if (target)
            assert_true(member_number(done, "metrics.distance_error") < 0.02);
        assert_string_equal(member_text(done, "spec.train.loss"), target ? "mape" : "bce");
        assert_true(member_number(done, "spec.measure.near_surface") == (target ? 0.5 : 0.7));
        assert_true(member_number(done, "spec.measure.near_sigma") == 0.01);
        assert_string_equal(member_text(done, "spec.field.network.output_activation"),
                            target ? "linear" : "sigmoid");
        json_decref(done);
    }
}

static int start(void **state)
{
    (void)state;
    static const float centre[3] = {10.0f, 20.0f, 30.0f};
    struct mesh m = small_sphere(centre, 3.0f, 3);
    struct bytes obj = obj_of(&m);
    service_start(&service, NULL);
    upload(obj.data, obj.n, dataset);
    make_fields();
    bytes_free(&obj);
    mesh_deinit(&m);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static double value_in(const char *field, double x, double y, double z, const char *frame)
{
    json_t *v =
        answer_json(service_get(&service, "/v1/fields/%s/value?x=%.9g&y=%.9g&z=%.9g&frame=%s",
                                field, x, y, z, frame),
                    200);
    const double value = json_number_value(json_array_get(member_get(v, "value"), 0));
    json_decref(v);
    return value;
}

/* In the file's own units and axes. */
static double value_at(const char *field, double x, double y, double z)
{
    return value_in(field, x, y, z, "source");
}

static void values_say_inside_and_how_far(void **state)
{
    (void)state;
    assert_true(value_at(occupancy, 10, 20, 30) > 0.9);
    assert_true(value_at(occupancy, 10, 22, 31) > 0.5);
    assert_true(value_at(occupancy, 12.7, 22.7, 30) < 0.5);
    assert_true(fabs(value_at(sdf, 10, 20, 30) + 3.0) < 0.3);
    assert_true(fabs(value_at(sdf, 10, 20, 33)) < 0.12);
    assert_true(fabs(value_at(sdf, 12.7, 22.7, 30) - (2.7 * sqrt(2.0) - 3.0)) < 0.12);
}

static struct bytes body_of(struct answer a)
{
    struct bytes body = {0};
    assert_int_equal(a.status, 200);
    bytes_append(&body, a.body.data, a.body.n);
    answer_free(&a);
    return body;
}

static float last_float(struct bytes body)
{
    float last;
    memcpy(&last, body.data + body.n - sizeof last, sizeof last);
    bytes_free(&body);
    return last;
}

/* Of the first point and its one value. */
static double number_of(const json_t *answer, const char *name, size_t i)
{
    const json_t *at = json_array_get(member_get(answer, name), 0), *row = json_array_get(at, 0);
    return json_number_value(json_is_array(row) ? json_array_get(row, i) : row);
}

/* Coordinates in source units, distances in source units; both in sides of the domain, which are 6
 * long, where that is asked for.  How fast a distance grows is the same in both. */
static void distances_are_in_the_frame_of_their_points(void **state)
{
    (void)state;
    static const char at[] = "{\"coords\":[[11,20.5,32]],\"outputs\":[\"value\",\"gradient\"]}";
    static const char unit[] = "{\"coords\":[[%.9g,%.9g,%.9g]],\"frame\":\"unit\","
                               "\"outputs\":[\"value\",\"gradient\"]}";
    char path[96], body[256];
    snprintf(path, sizeof path, "/v1/fields/%s/query", sdf);
    snprintf(body, sizeof body, unit, 4.0 / 6, 3.5 / 6, 5.0 / 6);
    json_t *long_ones = answer_json(service_post_json(&service, path, at), 200);
    json_t *parts = answer_json(service_post_json(&service, path, body), 200);
    const double value = number_of(long_ones, "value", 0);
    assert_true(fabs(value) > 0.1);
    assert_true(fabs(value - 6 * number_of(parts, "value", 0)) < 1e-3);
    double slope = 0.0;
    for (size_t d = 0; d < 3; d++) {
        const double along = number_of(long_ones, "gradient", d);
        slope += along * along;
        assert_true(fabs(along - number_of(parts, "gradient", d)) < 0.02);
    }
    assert_true(sqrt(slope) > 0.5 && sqrt(slope) < 1.5);
    json_decref(long_ones);
    json_decref(parts);
}

/* The same number wherever it is asked for: the last voxel of 2 x 2 x 2 is at three quarters of
 * every axis, and the only one of a slice through it is in its middle. */
static void slices_and_volumes_hold_what_a_query_answers(void **state)
{
    (void)state;
    const float value = (float)value_at(sdf, 11.5, 21.5, 31.5);
    assert_true(value == last_float(body_of(service_get(
                             &service, "/v1/fields/%s/volume?shape=2,2,2&format=npy", sdf))));
    const float middle = (float)value_at(sdf, 10, 20, 31.5);
    assert_true(middle ==
                last_float(body_of(service_get(
                    &service, "/v1/fields/%s/slice?width=1&height=1&pos=31.5&format=npy", sdf))));
    const float part = (float)value_in(sdf, 0.5, 0.5, 0.75, "unit");
    assert_true(part == last_float(body_of(service_get(&service,
                                                       "/v1/fields/%s/slice?width=1&height=1&pos="
                                                       "0.75&format=npy&frame=unit",
                                                       sdf))));
    struct volume v;
    struct bytes file = body_of(service_get(&service, "/v1/fields/%s/volume?shape=2,2,2", sdf));
    assert_int_equal(nifti_decode(file.data, file.n, &v, NULL), STATUS_OK);
    float stored;
    volume_read(&v, 7, 1, &stored);
    assert_true(fabs(v.low + (double)stored * (v.high - v.low) - (double)value) < 1e-4);
    volume_deinit(&v);
    bytes_free(&file);
}

/* From outside the middle of the picture is 7 away, its corners are white. */
static void a_camera_sees_the_sphere(void **state)
{
    (void)state;
    static const char *const fields[] = {occupancy, sdf};
    for (size_t i = 0; i < 2; i++) {
        char path[96];
        static const char camera[] =
            "{\"camera\":{\"look_at\":{\"eye\":[10,20,40],\"target\":[10,20,30],\"up\":[0,1,0]},"
            "\"fov_degrees\":60},\"width\":33,\"height\":33,\"outputs\":[\"color\"]}";
        snprintf(path, sizeof path, "/v1/fields/%s/render", fields[i]);
        struct answer a = service_post_json(&service, path, camera);
        assert_int_equal(a.status, 200);
        struct image image;
        assert_int_equal(png_decode(a.body.data, a.body.n, &image, NULL, NULL), STATUS_OK);
        assert_int_equal(image.width, 33);
        const uint8_t *middle = image.u8 + 3 * (16 * 33 + 16), *corner = image.u8;
        assert_true(corner[0] == 255 && corner[1] == 255 && corner[2] == 255);
        /* the normal is (0, 0, 1) there */
        assert_in_range(middle[0], 128 - 25, 128 + 25);
        assert_in_range(middle[1], 128 - 25, 128 + 25);
        assert_in_range(middle[2], 240, 255);
        image_deinit(&image);
        answer_free(&a);
    }
}

/* Where it is, and which part of that was learned from. */
static void the_domain_is_the_cube_around_the_mesh(void **state)
{
    (void)state;
    json_t *f = answer_json(service_get(&service, "/v1/fields/%s", sdf), 200);
    static const double box[] = {7, 17, 27, 13, 23, 33};
    const json_t *bbox = member_get(f, "domain.bbox");
    for (size_t i = 0; i < 6; i++)
        assert_true(fabs(json_number_value(json_array_get(bbox, i)) - box[i]) < 1e-3);
    assert_int_equal(member_integer(f, "n_inputs"), 3);
    assert_int_equal(member_integer(f, "n_outputs"), 1);
    assert_string_equal(member_text(f, "task"), "shape");
    json_decref(f);
}

static void the_presets_resolve_for_shapes(void **state)
{
    (void)state;
    json_t *job = answer_json(post_job(dataset, ",\"preset\":\"paper\","
                                                "\"field\":{\"network\":{\"width\":16}},"
                                                "\"train\":{\"steps\":1,\"batch_size\":16}"),
                              202);
    assert_true(member_number(job, "spec.field.encoding.sigma") == 12.0);
    assert_true(json_is_true(member_get(job, "spec.field.encoding.normalize")));
    assert_int_equal(member_integer(job, "spec.field.network.n_hidden_layers"), 7);
    assert_int_equal(member_integer(job, "spec.measure.pool"), 0);
    assert_true(member_number(job, "spec.train.learning_rate") == 0.0005);
    json_decref(wait_for_job(&service, member_text(job, "id"), "succeeded"));
    json_decref(job);

    /* Features of a shape have length 1 unless the body says otherwise. */
    job = answer_json(post_job(dataset, ",\"field\":{\"encoding\":{\"type\":\"positional\","
                                        "\"n_frequencies\":4},\"network\":{\"width\":16}},"
                                        "\"train\":{\"steps\":1,\"batch_size\":16},"
                                        "\"measure\":{\"pool\":16}"),
                      202);
    assert_true(json_is_true(member_get(job, "spec.field.encoding.normalize")));
    json_decref(wait_for_job(&service, member_text(job, "id"), "succeeded"));
    json_decref(job);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *members, *pointer;
    } cases[] = {
        {",\"train\":{\"target_psnr\":30}", "/train/target_psnr"},
        {",\"train\":{\"holdout\":\"fraction\"}", "/train/holdout"},
        {",\"train\":{\"loss\":\"bce\"},\"measure\":{\"target\":\"sdf\"}", "/train/loss"},
        {",\"field\":{\"network\":{\"output_activation\":\"sigmoid\"}},"
         "\"measure\":{\"target\":\"sdf\"}",
         "/field/network/output_activation"},
        {",\"field\":{\"network\":{\"output_activation\":\"linear\"}}", "/train/loss"},
        {",\"measure\":{\"target\":\"volume\"}", "/measure/target"},
        {",\"measure\":{\"near_surface\":1.5}", "/measure/near_surface"},
        {",\"measure\":{\"pool\":16777217}", "/measure/pool"},
        {",\"measure\":{\"n_angles\":20}", "/measure/n_angles"},
        {",\"task\":\"image\"", "/task"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        answer_problem(post_job(dataset, cases[i].members), 422, cases[i].pointer);
}

/* A flat sheet is a fine mesh, but nothing is inside of it. */
static void a_mesh_around_nothing_fails_with_the_reason(void **state)
{
    (void)state;
    static const char sheet[] = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 3\nf 1 3 4\n";
    char id[ID_TEXT];
    upload(sheet, strlen(sheet), id);
    json_t *done = fit(id, "," SMALL ",\"train\":{\"steps\":10}", "failed");
    assert_string_equal(member_text(done, "error.class"), "invalid_data");
    assert_non_null(strstr(member_text(done, "error.detail"), "encloses nothing"));
    json_decref(done);
    done =
        fit(id, "," SMALL ",\"train\":{\"steps\":10},\"measure\":{\"target\":\"sdf\",\"pool\":64}",
            "succeeded");
    json_decref(done);
}

/* A slab leaves four fifths of its cube empty, above and below: the preset knows. */
static void beside_a_flat_mesh_nothing_is_inside(void **state)
{
    (void)state;
    static const char slab[] = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
                               "v 0 0 .2\nv 1 0 .2\nv 1 1 .2\nv 0 1 .2\n"
                               "f 1 3 2\nf 1 4 3\nf 5 6 7\nf 5 7 8\nf 1 2 6\nf 1 6 5\n"
                               "f 2 3 7\nf 2 7 6\nf 3 4 8\nf 3 8 7\nf 4 1 5\nf 4 5 8\n";
    char id[ID_TEXT], members[512];
    upload(slab, strlen(slab), id);
    for (int target = 0; target < 2; target++) {
        snprintf(members, sizeof members,
                 "," SMALL ",\"train\":{\"steps\":%d,\"batch_size\":1024},"
                 "\"measure\":{\"target\":\"%s\",\"pool\":20000}",
                 STEPS, target ? "sdf" : "occupancy");
        json_t *done = fit(id, members, "succeeded");
        const char *field = member_text(done, "field_id");
        size_t n_inside = 0;
        for (int i = 0; i < 48; i++) {
            const double z = (i % 2 ? 0.35 : -0.15) + (i % 2 ? 0.2 : -0.2) * (i / 16) / 2.0;
            const double v = value_at(field, (i % 4 + 0.5) / 4, (i / 4 % 4 + 0.5) / 4, z);
            n_inside += target ? v < 0.0 : v > 0.5;
        }
        assert_int_equal(n_inside, 0);
        assert_true(target ? value_at(field, 0.5, 0.5, 0.1) < 0.0
                           : value_at(field, 0.5, 0.5, 0.1) > 0.5);
        json_decref(done);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_say_inside_and_how_far),
        cmocka_unit_test(distances_are_in_the_frame_of_their_points),
        cmocka_unit_test(slices_and_volumes_hold_what_a_query_answers),
        cmocka_unit_test(a_camera_sees_the_sphere),
        cmocka_unit_test(the_domain_is_the_cube_around_the_mesh),
        cmocka_unit_test(the_presets_resolve_for_shapes),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(a_mesh_around_nothing_fails_with_the_reason),
        cmocka_unit_test(beside_a_flat_mesh_nothing_is_inside),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
