/* Derivatives of fields: at points and as pictures, and where there are none. */
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
static char smooth[ID_TEXT], kinked[ID_TEXT]; /* fields of tanh and of relu */

enum { SIZE = 32, STEPS = 300 / SLOWNESS };

/* Wide enough that its values may be drawn in fewer bits (server/fields/draft.h). */
static void make_smooth_field(void)
{
    char dataset[ID_TEXT], body[512];
    upload_picture(&service, SIZE, 1, dataset);
    snprintf(body, sizeof(body),
             "{\"dataset_id\":\"%s\",\"field\":{\"encoding\":{\"type\":\"gaussian\","
             "\"n_frequencies\":32,\"sigma\":2},\"network\":{\"n_hidden_layers\":2,\"width\":64,"
             "\"activation\":\"tanh\"}},\"train\":{\"steps\":%d,\"batch_size\":256}}",
             dataset, STEPS);
    json_t *job = answer_json(service_post_json(&service, "/v1/jobs", body), 202);
    json_t *done = wait_for_job(&service, member_text(job, "id"), "succeeded");
    snprintf(smooth, ID_TEXT, "%s", member_text(done, "field_id"));
    json_decref(job);
    json_decref(done);
}

static int start(void **state)
{
    (void)state;
    service_start(&service, NULL);
    make_smooth_field();
    make_field(&service, SIZE, STEPS, kinked);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static struct answer query(const char *id, const char *arguments, const char *type,
                           const void *body, size_t n_body)
{
    char path[256];
    snprintf(path, sizeof(path), "/v1/fields/%s/query%s", id, arguments);
    return service_send(
        &service,
        &(struct request){.path = path, .content_type = type, .body = body, .n_body = n_body});
}

/* One output at points [n, 2], as raw float32. */
static void query_raw(const char *arguments, size_t n, const float *coords, float *out,
                      size_t n_out)
{
    struct answer a =
        query(smooth, arguments, "application/octet-stream", coords, n * 2 * sizeof(float));
    if (a.status != 200)
        fail_msg("status %ld: %s", a.status, (const char *)a.body.data);
    assert_int_equal(a.body.n, n_out * sizeof(float));
    memcpy(out, a.body.data, a.body.n);
    answer_free(&a);
}

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

/* A picture's numbers, from an NPY file. */
static void image_numbers(const char *arguments, float *out, size_t n)
{
    struct answer a = service_get(&service, "/v1/fields/%s/image?format=npy&%s", smooth, arguments);
    if (a.status != 200)
        fail_msg("status %ld: %s", a.status, (const char *)a.body.data);
    assert_true(a.body.n > n * sizeof(float));
    memcpy(out, a.body.data + a.body.n - n * sizeof(float), n * sizeof(float));
    answer_free(&a);
}

/* A grey picture's levels, from a PNG; the caller frees it. */
static struct image image_levels(const char *arguments)
{
    struct image picture = {0};
    struct answer a = service_get(&service, "/v1/fields/%s/image?%s", smooth, arguments);
    if (a.status != 200)
        fail_msg("status %ld: %s", a.status, (const char *)a.body.data);
    assert_int_equal(png_decode(a.body.data, a.body.n, &picture, NULL, NULL), STATUS_OK);
    assert_int_equal(picture.channels, 1);
    answer_free(&a);
    return picture;
}

/* --- at points --- */

static void laplacian_equals_central_differences_in_the_frame(void **state)
{
    (void)state;
    static const float h = 0.25F;
    const float p[2] = {13.5F, 20.25F}, unit[2] = {p[0] / SIZE, p[1] / SIZE};
    const float around[10] = {p[0], p[1], p[0] - h, p[1], p[0] + h,
                              p[1], p[0], p[1] - h, p[0], p[1] + h};
    float v[15], laplacian[3], unit_laplacian[3];
    query_raw("", 5, around, v, 15);
    query_raw("?outputs=laplacian", 1, p, laplacian, 3);
    query_raw("?outputs=laplacian&frame=unit", 1, unit, unit_laplacian, 3);
    bool is_bent = false;
    for (size_t c = 0; c < 3; c++) {
        const float sum = v[3 + c] + v[6 + c] + v[9 + c] + v[12 + c];
        const float difference = (sum - 4 * v[c]) / (h * h);
        assert_true(fabsf(laplacian[c] - difference) < 0.05F * fabsf(difference) + 1e-4F);
        assert_true(fabsf(laplacian[c] * SIZE * SIZE - unit_laplacian[c]) <=
                    1e-4F * fabsf(unit_laplacian[c]));
        is_bent = is_bent || fabsf(difference) > 1e-3F;
    }
    assert_true(is_bent);
}

/* All at once, or one at a time, as JSON or as arrays: the same bits. */
static void outputs_have_the_same_bits_together_and_alone(void **state)
{
    (void)state;
    static const float coords[4] = {3.25F, 7.5F, 30.0F, 1.0F};
    static const char body[] = "{\"coords\":[[3.25,7.5],[30,1]],\"outputs\":[\"laplacian\","
                               "\"value\",\"gradient\"]}";
    float value[6], gradient[12], laplacian[6], got[12];
    query_raw("", 2, coords, value, 6);
    query_raw("?outputs=gradient", 2, coords, gradient, 12);
    query_raw("?outputs=laplacian", 2, coords, laplacian, 6);
    json_t *answer =
        answer_json(query(smooth, "", "application/json", body, sizeof(body) - 1), 200);
    assert_int_equal(json_object_size(answer), 3);
    assert_int_equal(collect(member_get(answer, "value"), got, 0), 6);
    assert_memory_equal(got, value, sizeof(value));
    assert_int_equal(collect(member_get(answer, "gradient"), got, 0), 12);
    assert_memory_equal(got, gradient, sizeof(gradient));
    assert_int_equal(collect(member_get(answer, "laplacian"), got, 0), 6);
    assert_memory_equal(got, laplacian, sizeof(laplacian));
    json_decref(answer);

    struct bytes npy = make_npy("<f4", "2, 2", coords, sizeof(coords));
    struct answer a = query(smooth, "?outputs=laplacian", "application/x-npy", npy.data, npy.n);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr((const char *)a.body.data + 10, "(2, 3)"));
    assert_memory_equal(a.body.data + a.body.n - sizeof(laplacian), laplacian, sizeof(laplacian));
    answer_free(&a);
    bytes_free(&npy);
}

static void expect_unsupported(struct answer a, const char *pointer)
{
    assert_int_equal(a.status, 422);
    json_t *problem = answer_json(a, 422);
    const json_t *first = json_array_get(member_get(problem, "errors"), 0);
    assert_string_equal(member_text(problem, "type"), "/problems/unsupported");
    assert_string_equal(member_text(first, "pointer"), pointer);
    assert_non_null(strstr(member_text(first, "detail"), "relu"));
    json_decref(problem);
}

static void laplacian_of_relu_is_refused_with_the_reason(void **state)
{
    (void)state;
    static const char body[] = "{\"coords\":[[1,2]],\"outputs\":[\"value\",\"laplacian\"]}";
    static const char slopes[] = "{\"coords\":[[1,2]],\"outputs\":[\"value\",\"gradient\"]}";
    static const float point[2] = {1, 2};
    expect_unsupported(query(kinked, "", "application/json", body, sizeof(body) - 1), "/outputs/1");
    expect_unsupported(
        query(kinked, "?outputs=laplacian", "application/octet-stream", point, sizeof(point)),
        "/outputs");
    expect_unsupported(service_get(&service, "/v1/fields/%s/image?channel=laplacian", kinked),
                       "/channel");
    answer_status(query(kinked, "", "application/json", slopes, sizeof(slopes) - 1), 200);
    answer_status(service_get(&service, "/v1/fields/%s/image?channel=gradient_norm", kinked), 200);
}

/* --- as pictures --- */

enum { W = 24, H = 16 };
static const char region[] = "width=24&height=16&bbox=4.25,-2,20.5,9.75";

static void region_points(float *coords)
{
    for (size_t j = 0; j < H; j++)
        for (size_t i = 0; i < W; i++) {
            coords[2 * (j * W + i)] = (float)(4.25 + ((double)i + 0.5) * ((20.5 - 4.25) / W));
            coords[2 * (j * W + i) + 1] = (float)(-2 + ((double)j + 0.5) * ((9.75 + 2) / H));
        }
}

static void pictures_hold_the_derivatives_at_pixel_centres(void **state)
{
    (void)state;
    static float coords[2 * W * H], gradient[6 * W * H], laplacian[3 * W * H];
    static float norms[W * H], means[W * H];
    char arguments[160];
    region_points(coords);
    query_raw("?outputs=gradient", (size_t)W * H, coords, gradient, (size_t)6 * W * H);
    query_raw("?outputs=laplacian", (size_t)W * H, coords, laplacian, (size_t)3 * W * H);
    snprintf(arguments, sizeof(arguments), "channel=gradient_norm&%s", region);
    image_numbers(arguments, norms, (size_t)W * H);
    snprintf(arguments, sizeof(arguments), "channel=laplacian&%s", region);
    image_numbers(arguments, means, (size_t)W * H);
    for (size_t i = 0; i < (size_t)W * H; i++) {
        double squares = 0, sum = 0;
        for (size_t k = 0; k < 6; k++)
            squares += (double)gradient[6 * i + k] * (double)gradient[6 * i + k];
        for (size_t c = 0; c < 3; c++)
            sum += (double)laplacian[3 * i + c];
        assert_true(norms[i] == (float)sqrt(squares));
        assert_true(means[i] == (float)(sum / 3));
    }
}

/* Per pixel of the data whatever the region is named in; SIZE is a power of two, so that the points
 * are the same. */
static void a_picture_does_not_depend_on_the_frame(void **state)
{
    (void)state;
    static float source[W * H], unit[W * H];
    image_numbers("channel=gradient_norm&width=24&height=16&bbox=4,8,20,16", source, (size_t)W * H);
    image_numbers("channel=gradient_norm&width=24&height=16&bbox=0.125,0.25,0.625,0.5&frame=unit",
                  unit, (size_t)W * H);
    assert_memory_equal(source, unit, sizeof(source));
}

static void levels_come_from_a_fixed_range_and_tiles_join(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *range;
        float low, high;
    } cases[] = {
        {"channel=gradient_norm", "", 0.0F, 0.5F},
        {"channel=laplacian", "", -0.5F, 0.5F},
        {"channel=laplacian", "&range=-0.02,0.01", -0.02F, 0.01F},
    };
    static float numbers[SIZE * SIZE];
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        char arguments[160];
        image_numbers(cases[k].arguments, numbers, (size_t)SIZE * SIZE);
        snprintf(arguments, sizeof(arguments), "%s%s", cases[k].arguments, cases[k].range);
        struct image whole = image_levels(arguments);
        snprintf(arguments, sizeof(arguments), "%s%s&bbox=16,8,32,24", cases[k].arguments,
                 cases[k].range);
        struct image tile = image_levels(arguments);
        assert_int_equal(whole.width * whole.height, SIZE * SIZE);
        assert_int_equal(tile.width * tile.height, 16 * 16);
        for (size_t i = 0; i < (size_t)SIZE * SIZE; i++) {
            const float shown = (numbers[i] - cases[k].low) / (cases[k].high - cases[k].low);
            const float level = fminf(fmaxf(shown, 0.0F), 1.0F);
            assert_true(fabsf(image_value(&whole, i) - level) <= 0.51F / 255);
        }
        for (size_t i = 0; i < (size_t)16 * 16; i++)
            assert_true(image_value(&tile, i) ==
                        image_value(&whole, (8 + i / 16) * SIZE + 16 + i % 16));
        image_deinit(&whole);
        image_deinit(&tile);
    }
}

/* Of as many points as values are drawn in fewer bits for: derivatives never are. */
static void large_pictures_are_as_exact_as_their_numbers(void **state)
{
    (void)state;
    enum { SIDE = 72 };
    static const struct {
        const char *arguments;
        float low, high;
    } cases[] = {{"channel=gradient_norm&width=72", 0.0F, 0.5F},
                 {"channel=laplacian&width=72", -0.5F, 0.5F}};
    static float numbers[SIDE * SIDE];
    for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        struct image levels = image_levels(cases[k].arguments);
        image_numbers(cases[k].arguments, numbers, (size_t)SIDE * SIDE);
        for (size_t i = 0; i < (size_t)SIDE * SIDE; i++) {
            const float shown = (numbers[i] - cases[k].low) / (cases[k].high - cases[k].low);
            const float level = fminf(fmaxf(shown, 0.0F), 1.0F);
            assert_true(fabsf(image_value(&levels, i) - level) <= 0.51F / 255);
        }
        image_deinit(&levels);
    }
}

static void tags_tell_channels_and_ranges_apart(void **state)
{
    (void)state;
    static const char *const arguments[] = {"width=20",
                                            "channel=value&width=20",
                                            "channel=gradient_norm&width=20",
                                            "channel=laplacian&width=20",
                                            "channel=laplacian&width=20&range=-1,1",
                                            "channel=laplacian&width=20&range=-0.5,0.5"};
    static const size_t same_as[] = {0, 0, 2, 3, 4, 3};
    char tags[6][100];
    for (size_t i = 0; i < 6; i++) {
        struct answer a = service_get(&service, "/v1/fields/%s/image?%s", smooth, arguments[i]);
        snprintf(tags[i], sizeof(tags[i]), "%s", answer_header(&a, "ETag"));
        answer_status(a, 200);
        for (size_t j = 0; j < i; j++)
            assert_int_equal(strcmp(tags[i], tags[j]) == 0, same_as[i] == same_as[j]);
    }
}

static void bad_channels_and_ranges_are_refused_with_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *pointer;
    } cases[] = {
        {"channel=hessian", "/channel"},
        {"channel=", "/channel"},
        {"range=0,1", "/range"},
        {"channel=value&range=0,1", "/range"},
        {"channel=laplacian&range=1,0", "/range"},
        {"channel=laplacian&range=1,1", "/range"},
        {"channel=laplacian&range=1", "/range"},
        {"channel=laplacian&range=0,1,2", "/range"},
        {"channel=laplacian&range=0,nan", "/range"},
        {"channel=laplacian&range=0,1e10", "/range"},
        {"channel=laplacian&range=0,1&format=npy", "/range"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        answer_problem(service_get(&service, "/v1/fields/%s/image?%s", smooth, cases[i].arguments),
                       422, cases[i].pointer);
    answer_status(
        service_get(&service, "/v1/fields/%s/image?channel=laplacian&format=jpeg", smooth), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(laplacian_equals_central_differences_in_the_frame),
        cmocka_unit_test(outputs_have_the_same_bits_together_and_alone),
        cmocka_unit_test(laplacian_of_relu_is_refused_with_the_reason),
        cmocka_unit_test(pictures_hold_the_derivatives_at_pixel_centres),
        cmocka_unit_test(a_picture_does_not_depend_on_the_frame),
        cmocka_unit_test(levels_come_from_a_fixed_range_and_tiles_join),
        cmocka_unit_test(large_pictures_are_as_exact_as_their_numbers),
        cmocka_unit_test(tags_tell_channels_and_ranges_apart),
        cmocka_unit_test(bad_channels_and_ranges_are_refused_with_the_place),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
