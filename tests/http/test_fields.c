/* Fields: read, query in every format, render, weights, while training, delete. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/format/png.h"
#include "tests/http/fit.h"

static struct service service;
static char field[ID_TEXT];

enum { SIZE = 32, STEPS = 300 / SLOWNESS, POINTS = 600 };

static int start(void **state)
{
    (void)state;
    service_start(&service, NULL);
    make_field(&service, SIZE, STEPS, field);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

/* --- questions --- */

/* Values [n, 3] at points [n, 2] by raw float32. */
static void query_raw(const char *arguments, size_t n, const float *coords, float *out,
                      size_t n_out)
{
    char path[256];
    snprintf(path, sizeof(path), "/v1/fields/%s/query%s", field, arguments);
    struct answer a =
        service_send(&service, &(struct request){.path = path,
                                                 .content_type = "application/octet-stream",
                                                 .body = coords,
                                                 .n_body = n * 2 * sizeof(float)});
    if (a.status != 200)
        fail_msg("status %ld: %s", a.status, (const char *)a.body.data);
    assert_string_equal(answer_header(&a, "Content-Type"), "application/octet-stream");
    assert_int_equal(a.body.n, n_out * sizeof(float));
    memcpy(out, a.body.data, a.body.n);
    answer_free(&a);
}

/* The bits of an array of numbers in JSON, nested as it may be. */
static size_t collect(const json_t *value, float *out, size_t n)
{
    if (json_is_number(value)) {
        out[n] = (float)json_number_value(value);
        return n + 1;
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        n = collect(json_array_get(value, i), out, n);
    return n;
}

/* Points all over the picture and a little outside, float32 with many digits. */
static void make_points(float *coords)
{
    for (size_t i = 0; i < POINTS; i++) {
        coords[2 * i] = (float)(-1 + (SIZE + 2) * fmod((double)i * 0.7548776662466927, 1));
        coords[2 * i + 1] = (float)(-1 + (SIZE + 2) * fmod((double)i * 0.5698402909980532, 1));
    }
}

static json_t *query_json(const float *coords, size_t n, const char *more)
{
    char *body = malloc(n * 64 + 256), path[128];
    assert_non_null(body);
    size_t used = (size_t)snprintf(body, 256, "{\"coords\":[");
    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(body + used, 64, "%s[%.9g,%.9g]", i ? "," : "",
                                 (double)coords[2 * i], (double)coords[2 * i + 1]);
    snprintf(body + used, 200, "]%s}", more);
    snprintf(path, sizeof(path), "/v1/fields/%s/query", field);
    json_t *answer = answer_json(service_post_json(&service, path, body), 200);
    free(body);
    return answer;
}

/* --- tests --- */

static void a_field_describes_itself(void **state)
{
    (void)state;
    json_t *f = answer_json(service_get(&service, "/v1/fields/%s", field), 200);
    static const char *const members[] = {
        "id",    "state",  "step",         "job_id", "dataset_id", "task",  "n_inputs", "n_outputs",
        "bytes", "domain", "n_parameters", "spec",   "metrics",    "links", "sha256"};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        member_get(f, members[i]);
    assert_int_equal(json_object_size(f), sizeof(members) / sizeof(members[0]));
    assert_string_equal(member_text(f, "state"), "final");
    assert_int_equal(member_integer(f, "n_inputs"), 2);
    assert_int_equal(member_integer(f, "n_outputs"), 3);
    assert_int_equal(member_integer(f, "n_parameters"), 64 * 32 + 32 + 32 * 32 + 32 + 32 * 3 + 3);
    assert_true(member_number(f, "metrics.psnr") > 10);

    json_t *list = answer_json(service_get(&service, "/v1/fields"), 200);
    assert_true(json_equal(json_array_get(member_get(list, "items"), 0), f));
    json_decref(list);
    json_t *stored = answer_json(service_get(&service, "/v1/fields/%s/evaluate", field), 200);
    assert_true(json_equal(member_get(stored, "metrics"), member_get(f, "metrics")));
    json_decref(stored);
    json_decref(f);
    answer_problem(service_get(&service, "/v1/fields/fld_00000000000000000000000000"), 404, NULL);
}

static void all_formats_give_the_same_bits(void **state)
{
    (void)state;
    static float coords[2 * POINTS], raw[3 * POINTS], other[3 * POINTS];
    char path[128];
    make_points(coords);
    query_raw("", POINTS, coords, raw, 3 * POINTS);

    json_t *answer = query_json(coords, POINTS, "");
    assert_int_equal(collect(member_get(answer, "value"), other, 0), 3 * POINTS);
    assert_memory_equal(other, raw, sizeof(raw));
    json_decref(answer);

    struct bytes npy = make_npy("<f4", "600, 2", coords, sizeof(coords));
    snprintf(path, sizeof(path), "/v1/fields/%s/query", field);
    struct answer a = service_send(&service, &(struct request){.path = path,
                                                               .content_type = "application/x-npy",
                                                               .body = npy.data,
                                                               .n_body = npy.n});
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "Content-Type"), "application/x-npy");
    assert_memory_equal(a.body.data, "\x93NUMPY", 6);
    assert_memory_equal(a.body.data + a.body.n - sizeof(raw), raw, sizeof(raw));
    answer_free(&a);
    bytes_free(&npy);
}

static void a_point_alone_has_the_bits_it_has_among_many(void **state)
{
    (void)state;
    static float coords[2 * POINTS], all[3 * POINTS];
    make_points(coords);
    query_raw("", POINTS, coords, all, 3 * POINTS);
    for (size_t i = 0; i < POINTS; i += 37) {
        float alone[3], value[3];
        query_raw("", 1, coords + 2 * i, alone, 3);
        assert_memory_equal(alone, all + 3 * i, sizeof(alone));
        json_t *answer =
            answer_json(service_get(&service, "/v1/fields/%s/value?x=%.9g&y=%.9g", field,
                                    (double)coords[2 * i], (double)coords[2 * i + 1]),
                        200);
        assert_int_equal(collect(member_get(answer, "value"), value, 0), 3);
        assert_memory_equal(value, all + 3 * i, sizeof(value));
        json_decref(answer);
    }
}

static void image_shows_the_values_at_pixel_centres(void **state)
{
    (void)state;
    enum { W = 24, H = 16 };
    static float coords[2 * W * H], values[3 * W * H];
    for (size_t j = 0; j < H; j++) {
        for (size_t i = 0; i < W; i++) {
            coords[2 * (j * W + i)] = (float)(4.25 + ((double)i + 0.5) * ((20.5 - 4.25) / W));
            coords[2 * (j * W + i) + 1] = (float)(-2 + ((double)j + 0.5) * ((9.75 + 2) / H));
        }
    }
    query_raw("", (size_t)W * H, coords, values, (size_t)3 * W * H);
    struct answer a = service_get(
        &service, "/v1/fields/%s/image?width=%d&height=%d&bbox=4.25,-2,20.5,9.75&format=npy", field,
        W, H);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr((const char *)a.body.data + 10, "(16, 24, 3)"));
    assert_memory_equal(a.body.data + a.body.n - sizeof(values), values, sizeof(values));
    answer_free(&a);
}

static void image_sizes_follow_from_the_data_and_the_aspect(void **state)
{
    (void)state;
    static const struct {
        const char *arguments;
        unsigned width, height;
    } cases[] = {
        {"", SIZE, SIZE},
        {"?width=64", 64, 64},
        {"?height=10", 10, 10},
        {"?bbox=0,0,16,8", 16, 8},
        {"?bbox=0,0,16,8&width=32", 32, 16},
        {"?bbox=0,0,0.5,0.25&frame=unit", SIZE / 2, SIZE / 4},
        {"?width=3&height=200", 3, 200},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct answer a = service_get(&service, "/v1/fields/%s/image%s", field, cases[i].arguments);
        assert_int_equal(a.status, 200);
        assert_string_equal(answer_header(&a, "Content-Type"), "image/png");
        assert_int_equal(a.body.data[18] * 256 + a.body.data[19], cases[i].width);
        assert_int_equal(a.body.data[22] * 256 + a.body.data[23], cases[i].height);
        answer_free(&a);
    }
    struct answer a = service_get(&service, "/v1/fields/%s/image?format=jpeg&width=16", field);
    assert_string_equal(answer_header(&a, "Content-Type"), "image/jpeg");
    assert_memory_equal(a.body.data, "\xff\xd8\xff", 3);
    answer_status(a, 200);
}

/* A field wide enough to be drawn in fewer bits, where the processor gains by it. */
static void make_wide_field(char id[ID_TEXT])
{
    char dataset[ID_TEXT], body[512];
    upload_picture(&service, SIZE, 1, dataset);
    snprintf(body, sizeof(body),
             "{\"dataset_id\":\"%s\",\"field\":{\"encoding\":{\"type\":\"gaussian\","
             "\"n_frequencies\":32,\"sigma\":4},\"network\":{\"n_hidden_layers\":3,"
             "\"width\":64}},\"train\":{\"steps\":%d,\"batch_size\":256}}",
             dataset, STEPS / 3);
    json_t *job = answer_json(service_post_json(&service, "/v1/jobs", body), 202);
    json_t *done = wait_for_job(&service, member_text(job, "id"), "succeeded");
    snprintf(id, ID_TEXT, "%s", member_text(done, "field_id"));
    json_decref(job);
    json_decref(done);
}

static void a_png_is_within_a_level_of_the_values(void **state)
{
    (void)state;
    enum { LARGE = 72, N = LARGE * LARGE * 3 };
    static const unsigned sides[] = {20, LARGE};
    static float values[N];
    char id[ID_TEXT];
    make_wide_field(id);
    for (size_t s = 0; s < 2; s++) {
        const size_t n = (size_t)sides[s] * sides[s] * 3;
        struct image picture = {0};
        struct answer png = service_get(&service, "/v1/fields/%s/image?width=%u", id, sides[s]);
        struct answer npy =
            service_get(&service, "/v1/fields/%s/image?format=npy&width=%u", id, sides[s]);
        assert_int_equal(png_decode(png.body.data, png.body.n, &picture, NULL, NULL), STATUS_OK);
        assert_int_equal(picture.width * picture.height * picture.channels, n);
        assert_true(npy.body.n > n * sizeof(float));
        memcpy(values, npy.body.data + npy.body.n - n * sizeof(float), n * sizeof(float));
        for (size_t i = 0; i < n; i++) {
            const float shown = fminf(fmaxf(values[i], 0.0F), 1.0F);
            assert_true(fabsf(image_value(&picture, i) - shown) <= 1.0F / 255);
        }
        image_deinit(&picture);
        answer_free(&png);
        answer_free(&npy);
    }
}

static void bad_images_are_refused_with_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *pointer;
    } cases[] = {
        {"width=0", "/width"},
        {"width=-1", "/width"},
        {"width=x", "/width"},
        {"height=99999999999999999999", "/height"},
        {"width=8192&height=8192", "/width"},
        {"bbox=1,2,3", "/bbox"},
        {"bbox=0,0,0,1", "/bbox"},
        {"bbox=5,0,1,1", "/bbox"},
        {"bbox=0,0,1,nan", "/bbox"},
        {"bbox=0,0,1,1e300", "/bbox"},
        {"format=gif", "/format"},
        {"frame=screen", "/frame"},
        {"widht=5", "/widht"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        answer_problem(service_get(&service, "/v1/fields/%s/image?%s", field, cases[i].arguments),
                       422, cases[i].pointer);
}

static void image_is_not_rendered_again_for_who_has_it(void **state)
{
    (void)state;
    char path[128], header[160], tag[100];
    snprintf(path, sizeof(path), "/v1/fields/%s/image?width=20", field);
    struct answer a = service_get(&service, "%s", path);
    snprintf(tag, sizeof(tag), "%s", answer_header(&a, "ETag"));
    assert_int_equal(tag[0], '"');
    assert_non_null(strstr(answer_header(&a, "Cache-Control"), "immutable"));
    answer_status(a, 200);
    snprintf(header, sizeof(header), "If-None-Match: %s", tag);
    struct answer b = service_send(&service, &(struct request){.path = path, .headers = {header}});
    assert_string_equal(answer_header(&b, "ETag"), tag);
    assert_int_equal(b.body.n, 0);
    answer_status(b, 304);
    struct answer c = service_get(&service, "/v1/fields/%s/image?width=21", field);
    assert_string_not_equal(answer_header(&c, "ETag"), tag);
    answer_status(c, 200);
}

static void frames_are_the_same_points_in_other_units(void **state)
{
    (void)state;
    float source[2] = {10.5F, 3.25F}, unit[2] = {10.5F / SIZE, 3.25F / SIZE};
    float a[3], b[3], c[3];
    query_raw("", 1, source, a, 3);
    query_raw("?frame=unit", 1, unit, b, 3);
    assert_memory_equal(a, b, sizeof(a)); /* SIZE is a power of two: the division is exact */
    json_t *answer = query_json(unit, 1, ",\"frame\":\"unit\"");
    collect(member_get(answer, "value"), c, 0);
    assert_memory_equal(a, c, sizeof(a));
    json_decref(answer);
}

/* A network of relus may bend at the point: then the slope is one side's, or between them. */
static bool is_slope(float gradient, float before, float at, float after, float h)
{
    static const float spare = 2e-3F;
    const float left = (at - before) / h, right = (after - at) / h;
    return gradient > fminf(left, right) - spare && gradient < fmaxf(left, right) + spare;
}

static void gradient_equals_differences_in_the_frame(void **state)
{
    (void)state;
    static const float h = 1.0F / 1024; /* so that hardly a bend is near */
    const float p[2] = {13.5F, 20.25F};
    const float around[10] = {p[0] - h, p[1], p[0] + h, p[1], p[0],
                              p[1] - h, p[0], p[1] + h, p[0], p[1]};
    float values[15], gradient[6], unit_gradient[6];
    const float unit[2] = {p[0] / SIZE, p[1] / SIZE};
    query_raw("", 5, around, values, 15);
    query_raw("?outputs=gradient", 1, p, gradient, 6);
    query_raw("?outputs=gradient&frame=unit", 1, unit, unit_gradient, 6);
    for (size_t c = 0; c < 3; c++) {
        for (size_t d = 0; d < 2; d++) {
            const float *before = values + 3 * (2 * d), *after = before + 3, *at = values + 12;
            assert_true(is_slope(gradient[2 * c + d], before[c], at[c], after[c], h));
            assert_true(fabsf(gradient[2 * c + d] * SIZE - unit_gradient[2 * c + d]) < 1e-3F);
        }
    }
    json_t *answer = query_json(p, 1, ",\"outputs\":[\"value\",\"gradient\"]");
    float both[6];
    assert_int_equal(collect(member_get(answer, "gradient"), both, 0), 6);
    assert_memory_equal(both, gradient, sizeof(both));
    assert_int_equal(collect(member_get(answer, "value"), both, 0), 3);
    assert_memory_equal(both, values + 12, 3 * sizeof(float));
    json_decref(answer);
}

static void bad_queries_are_refused(void **state)
{
    (void)state;
    static const float three[3] = {1, 2, 3};
    static const unsigned infinite[2] = {0x7f800000, 0};
    const struct {
        const char *type, *body;
        size_t n;
        const char *accept;
        long status;
    } cases[] = {
        {"application/json", "{\"coords\":[[1]]}", 0, NULL, 422},
        {"application/json", "{\"coords\":[[1,2,3]]}", 0, NULL, 422},
        {"application/json", "{\"coords\":[[1,\"2\"]]}", 0, NULL, 422},
        {"application/json", "{\"coords\":[[1,1e39]]}", 0, NULL, 422},
        {"application/json", "{\"coords\":[[1,2]],\"outputs\":[\"hessian\"]}", 0, NULL, 422},
        {"application/json", "{\"coords\":[[1,2]],\"frame\":\"screen\"}", 0, NULL, 422},
        {"application/json", "{\"coords\":[[1,2]],\"extra\":1}", 0, NULL, 422},
        {"application/json", "{\"coords\":[[1,2]", 0, NULL, 400},
        {"application/json", "{\"coords\":[[1,2]]}", 0, "Accept: image/png", 406},
        {"text/plain", "1 2", 0, NULL, 415},
        {"application/octet-stream", (const char *)three, sizeof(three), NULL, 422},
        {"application/octet-stream", (const char *)infinite, sizeof(infinite), NULL, 422},
        {"application/x-npy", "not an array", 0, NULL, 422},
    };
    char path[128];
    snprintf(path, sizeof(path), "/v1/fields/%s/query", field);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct request request = {.path = path,
                                  .content_type = cases[i].type,
                                  .body = cases[i].body,
                                  .n_body = cases[i].n ? cases[i].n : strlen(cases[i].body),
                                  .headers = {cases[i].accept}};
        answer_problem(service_send(&service, &request), cases[i].status, NULL);
    }
    answer_problem(service_get(&service, "/v1/fields/%s/value?x=1", field), 422, "/y");
    answer_problem(service_get(&service, "/v1/fields/%s/value?x=1&y=2&z=3", field), 422, "/z");
    answer_problem(service_get(&service, "/v1/fields/%s/value?x=1&y=nan", field), 422, "/y");
}

static void accept_chooses_the_form_of_the_answer(void **state)
{
    (void)state;
    static const char *const types[] = {"application/json", "application/x-npy",
                                        "application/octet-stream"};
    static const float coords[4] = {1, 2, 3, 4};
    char path[128], header[80];
    snprintf(path, sizeof(path), "/v1/fields/%s/query", field);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        snprintf(header, sizeof(header), "Accept: %s", types[i]);
        struct answer a =
            service_send(&service, &(struct request){.path = path,
                                                     .content_type = "application/octet-stream",
                                                     .body = coords,
                                                     .n_body = sizeof(coords),
                                                     .headers = {header}});
        assert_string_equal(answer_header(&a, "Content-Type"), types[i]);
        answer_status(a, 200);
    }
}

static void weights_are_safetensors_with_ranges(void **state)
{
    (void)state;
    char path[128], sha256[65], tag[80];
    json_t *f = answer_json(service_get(&service, "/v1/fields/%s", field), 200);
    snprintf(sha256, sizeof(sha256), "%s", member_text(f, "sha256"));
    snprintf(tag, sizeof(tag), "\"%s\"", sha256);
    snprintf(path, sizeof(path), "/v1/fields/%s/weights", field);
    struct answer all = service_get(&service, "%s", path);
    assert_int_equal(all.status, 200);
    assert_int_equal(all.body.n, member_integer(f, "bytes"));
    assert_int_equal(all.body.data[8], '{');
    assert_string_equal(answer_header(&all, "ETag"), tag);
    struct answer part =
        service_send(&service, &(struct request){.path = path, .headers = {"Range: bytes=-100"}});
    assert_int_equal(part.status, 206);
    assert_int_equal(part.body.n, 100);
    assert_memory_equal(part.body.data, all.body.data + all.body.n - 100, 100);
    answer_free(&part);
    answer_free(&all);
    json_decref(f);
}

static void a_field_in_training_answers_from_its_last_snapshot(void **state)
{
    (void)state;
    char dataset[ID_TEXT], job[ID_TEXT], id[ID_TEXT], path[160], tag[100] = "";
    upload_picture(&service, SIZE, 5, dataset);
    start_job(&service, dataset, 10000000, "", job);
    json_t *j = answer_json(service_get(&service, "/v1/jobs/%s", job), 200);
    snprintf(id, sizeof(id), "%s", member_text(j, "field_id"));
    json_decref(j);

    double end = now_seconds() + 30 * SLOWNESS;
    struct answer a = service_get(&service, "/v1/fields/%s/image", id);
    while (a.status == 409 && now_seconds() < end) {
        answer_problem(a, 409, NULL);
        pause_briefly();
        a = service_get(&service, "/v1/fields/%s/image", id);
    }
    snprintf(tag, sizeof(tag), "%s", answer_header(&a, "ETag"));
    assert_string_equal(answer_header(&a, "Cache-Control"), "no-cache");
    answer_status(a, 200);
    json_t *f = answer_json(service_get(&service, "/v1/fields/%s", id), 200);
    assert_string_equal(member_text(f, "state"), "training");
    assert_true(json_is_null(member_get(f, "sha256")));
    assert_int_equal(member_integer(f, "n_outputs"), 3);
    json_decref(f);
    answer_status(service_get(&service, "/v1/fields/%s/value?x=1&y=1", id), 200);
    answer_status(service_get(&service, "/v1/fields/%s/weights", id), 200);
    answer_problem(service_delete(&service, "/v1/fields/%s", id), 409, NULL);

    for (bool changed = false; !changed && now_seconds() < end;) {
        a = service_get(&service, "/v1/fields/%s/image", id);
        changed = strcmp(answer_header(&a, "ETag"), tag) != 0;
        answer_status(a, 200);
        pause_briefly();
    }
    assert_true(now_seconds() < end);
    snprintf(path, sizeof(path), "/v1/jobs/%s/cancel", job);
    answer_status(service_post_json(&service, path, "{}"), 200);
    json_decref(wait_for_job(&service, job, "canceled"));
    f = answer_json(service_get(&service, "/v1/fields/%s", id), 200);
    assert_string_equal(member_text(f, "state"), "final");
    json_decref(f);
    answer_status(service_delete(&service, "/v1/fields/%s", id), 204);
    answer_problem(service_get(&service, "/v1/fields/%s", id), 404, NULL);
    answer_problem(service_get(&service, "/v1/fields/%s/value?x=1&y=1", id), 404, NULL);
}

static void fields_outlive_their_dataset(void **state)
{
    (void)state;
    char dataset[ID_TEXT];
    json_t *f = answer_json(service_get(&service, "/v1/fields/%s", field), 200);
    snprintf(dataset, sizeof(dataset), "%s", member_text(f, "dataset_id"));
    json_decref(f);
    answer_status(service_delete(&service, "/v1/datasets/%s", dataset), 204);
    answer_status(service_get(&service, "/v1/fields/%s/image?width=8", field), 200);
    answer_status(service_get(&service, "/v1/fields/%s", field), 200);
}

static void grey_and_alpha_pictures_keep_their_channels(void **state)
{
    (void)state;
    enum { SIDE = 8 };
    for (unsigned channels = 1; channels <= 4; channels++) {
        char shape[16], dataset[ID_TEXT], job[ID_TEXT];
        unsigned char pixels[SIDE * SIDE * 4];
        for (size_t i = 0; i < sizeof(pixels); i++)
            pixels[i] = (unsigned char)(i * 7 + channels);
        snprintf(shape, sizeof(shape), "8, 8, %u", channels);
        struct bytes npy = make_npy("|u1", shape, pixels, (size_t)SIDE * SIDE * channels);
        json_t *d =
            answer_json(service_send(&service, &(struct request){.path = "/v1/datasets?kind=image",
                                                                 .body = npy.data,
                                                                 .n_body = npy.n}),
                        201);
        snprintf(dataset, sizeof(dataset), "%s", member_text(d, "id"));
        json_decref(d);
        bytes_free(&npy);
        start_job(&service, dataset, 5, "", job);
        json_t *j = wait_for_job(&service, job, "succeeded");
        const char *id = member_text(j, "field_id");
        struct answer a = service_get(&service, "/v1/fields/%s/image", id);
        static const unsigned char colour_types[] = {0, 4, 2, 6};
        assert_int_equal(a.body.data[25], colour_types[channels - 1]);
        answer_status(a, 200);
        answer_status(service_get(&service, "/v1/fields/%s/image?format=jpeg", id),
                      channels % 2 ? 200 : 422);
        json_decref(j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_describes_itself),
        cmocka_unit_test(all_formats_give_the_same_bits),
        cmocka_unit_test(a_point_alone_has_the_bits_it_has_among_many),
        cmocka_unit_test(image_shows_the_values_at_pixel_centres),
        cmocka_unit_test(image_sizes_follow_from_the_data_and_the_aspect),
        cmocka_unit_test(a_png_is_within_a_level_of_the_values),
        cmocka_unit_test(bad_images_are_refused_with_the_place),
        cmocka_unit_test(image_is_not_rendered_again_for_who_has_it),
        cmocka_unit_test(frames_are_the_same_points_in_other_units),
        cmocka_unit_test(gradient_equals_differences_in_the_frame),
        cmocka_unit_test(bad_queries_are_refused),
        cmocka_unit_test(accept_chooses_the_form_of_the_answer),
        cmocka_unit_test(weights_are_safetensors_with_ranges),
        cmocka_unit_test(a_field_in_training_answers_from_its_last_snapshot),
        cmocka_unit_test(grey_and_alpha_pictures_keep_their_channels),
        cmocka_unit_test(fields_outlive_their_dataset),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
