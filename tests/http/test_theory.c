/* Signals over HTTP, the kernel of a wide network on them, and that descent goes as it foretells.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/buffer.h"
#include "tests/http/fit.h"

enum { N = 32, STEPS = 300 };

static struct service service;
static char signal_id[ID_TEXT];

static struct answer upload(const char *type, const char *shape, const void *data, size_t n)
{
    struct bytes file = make_npy(type, shape, data, n);
    struct answer a = post_dataset(&service, "?kind=signal", file.data, file.n);
    bytes_free(&file);
    return a;
}

static void make_signal(float *values)
{
    for (size_t i = 0; i < N; i++) {
        const double x = (double)i / N;
        values[i] = (float)(0.4 * sin(6.2831853 * x) + 0.2 * cos(6.2831853 * 3 * x));
    }
}

static int start(void **state)
{
    (void)state;
    float values[N];
    service_start(&service, NULL);
    make_signal(values);
    json_t *made = answer_json(upload("<f4", "32,", values, sizeof values), 201);
    snprintf(signal_id, sizeof signal_id, "%s", member_text(made, "id"));
    json_decref(made);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static void signals_say_what_they_are(void **state)
{
    (void)state;
    json_t *got = answer_json(service_get(&service, "/v1/datasets/%s", signal_id), 200);
    assert_string_equal(member_text(got, "kind"), "signal");
    assert_int_equal(member_integer(got, "info.n_samples"), N);
    assert_int_equal(member_integer(got, "info.channels"), 1);
    assert_true(member_number(got, "info.low") < -0.3 && member_number(got, "info.high") < 0.7);
    json_decref(got);
    struct answer preview = service_get(&service, "/v1/datasets/%s/preview?width=256", signal_id);
    assert_int_equal(preview.status, 200);
    assert_string_equal(answer_header(&preview, "Content-Type"), "image/png");
    answer_free(&preview);
}

static void what_is_no_signal_is_refused(void **state)
{
    (void)state;
    const float numbers[24] = {0, 1, 2, NAN};
    answer_problem(upload("<f4", "2, 3, 4", numbers, sizeof numbers), 422, NULL);
    answer_problem(upload("<f4", "4,", numbers, 4 * sizeof *numbers), 422, NULL);
    answer_problem(upload("<f4", "0,", numbers, 0), 422, NULL);
    answer_problem(upload("<f4", "2, 12", numbers, sizeof numbers), 422, NULL);
    answer_problem(post_dataset(&service, "?kind=signal", "P6 1 1 255 abc", 14), 422, NULL);
}

/* --- kernels --- */

static json_t *ask(const char *path, const char *json)
{
    return answer_json(service_post_json(&service, path, json), 200);
}

static double number_at(const json_t *array, size_t i)
{
    const json_t *value = json_array_get(array, i);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

/* Figure 2 of the paper, all frequencies alike. */
static void kernels_are_the_papers(void **state)
{
    (void)state;
    char body[512] = "{\"n\":32,\"encoding\":{\"type\":\"explicit\",\"b\":[";
    for (int j = 1; j <= 16; j++) {
        const size_t n = strlen(body);
        snprintf(body + n, sizeof body - n, "%s[%d]", j > 1 ? "," : "", j);
    }
    strncat(body, "]}}", sizeof body - strlen(body) - 1);
    json_t *got = ask("/v1/ntk", body);
    const json_t *kernel = json_object_get(got, "kernel"),
                 *spectrum = json_object_get(got, "spectrum");
    assert_int_equal(json_array_size(kernel), 32);
    assert_true(fabs(number_at(kernel, 0) - 14) < 1e-3);
    assert_true(fabs(number_at(kernel, 1) - 5.5186) < 1e-3);
    assert_true(fabs(number_at(spectrum, 0) - 187.782) < 1e-2);
    assert_true(fabs(number_at(spectrum, 16) - 11.187) < 1e-2);
    assert_true(fabs(member_number(got, "condition") - 187.782 / 8.301) < 1e-2);
    json_decref(got);
}

static void kernels_of_two_dimensions_and_of_raw_coordinates(void **state)
{
    (void)state;
    json_t *got =
        ask("/v1/ntk", "{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":8,\"sigma\":2},"
                       "\"n\":8,\"dims\":2,\"network\":{\"parametrization\":\"ntk\"}}");
    assert_int_equal(json_array_size(json_object_get(got, "kernel")), 8);
    assert_int_equal(json_array_size(json_array_get(json_object_get(got, "spectrum"), 7)), 8);
    json_decref(got);
    got = ask("/v1/ntk", "{\"encoding\":{\"type\":\"none\",\"input_range\":[-0.5,0.5]},\"n\":8}");
    assert_true(json_is_false(json_object_get(got, "is_stationary")));
    const json_t *spectrum = json_object_get(got, "spectrum");
    for (size_t i = 1; i < 8; i++)
        assert_true(number_at(spectrum, i) <= number_at(spectrum, i - 1));
    json_decref(got);
}

/* A grid's row is a row of the matrix of its points; of one point its own square. */
static void points_and_places_are_of_one_kernel(void **state)
{
    (void)state;
    static const char encoding[] =
        "\"encoding\":{\"type\":\"none\",\"input_range\":[-1,3]},\"network\":{\"width\":64}";
    char body[256];
    snprintf(body, sizeof body, "{%s,\"n\":4,\"at\":[0.5]}", encoding);
    json_t *row = ask("/v1/ntk", body);
    snprintf(body, sizeof body, "{%s,\"points\":[0,0.25,[0.5],0.75]}", encoding);
    json_t *matrix = ask("/v1/ntk", body);
    const json_t *kernel = json_object_get(matrix, "kernel");
    for (size_t i = 0; i < 4; i++) {
        const double along = number_at(json_array_get(kernel, 2), i);
        assert_true(fabs(along - number_at(json_object_get(row, "kernel"), i)) <
                    1e-6 * fabs(along));
        assert_true(along == number_at(json_array_get(kernel, i), 2));
        assert_true(fabs(number_at(json_object_get(row, "spectrum"), i) -
                         number_at(json_object_get(matrix, "spectrum"), i)) < 1e-6 * 1000);
    }
    json_decref(row);
    json_decref(matrix);
    struct answer plot = service_post_json(&service, "/v1/ntk?format=png", body);
    assert_int_equal(plot.status, 200);
    assert_string_equal(answer_header(&plot, "Content-Type"), "image/png");
    answer_free(&plot);
    matrix = ask("/v1/ntk", "{\"encoding\":{\"type\":\"basic\"},\"points\":[[0.1,0.2,0.3]]}");
    assert_int_equal(member_integer(matrix, "dims"), 3);
    assert_true(number_at(json_object_get(matrix, "spectrum"), 0) ==
                number_at(json_array_get(json_object_get(matrix, "kernel"), 0), 0));
    json_decref(matrix);
}

static void bad_questions_name_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *path, *body, *pointer;
    } cases[] = {
        {"/v1/ntk", "{}", "/encoding"},
        {"/v1/ntk", "{\"encoding\":{\"type\":\"hashgrid\"}}", "/encoding"},
        {"/v1/ntk", "{\"encoding\":{\"type\":\"basic\"},\"n\":4097}", "/n"},
        {"/v1/ntk", "{\"encoding\":{\"type\":\"basic\"},\"n\":513,\"dims\":2}", "/n"},
        {"/v1/ntk", "{\"encoding\":{\"type\":\"none\"},\"n\":65,\"dims\":2}", "/n"},
        {"/v1/ntk", "{\"encoding\":{\"type\":\"gaussian\",\"sigma\":0}}", "/encoding/sigma"},
        {"/v1/ntk", "{\"encoding\":{\"type\":\"gaussian\",\"sigma\":\"auto\"}}", "/encoding/sigma"},
        {"/v1/ntk", "{\"encoding\":{\"type\":\"positional\",\"scale\":\"auto\"}}",
         "/encoding/scale"},
        {"/v1/ntk", "{\"encoding\":{\"type\":\"basic\"},\"network\":{\"sigma_w\":0}}",
         "/network/sigma_w"},
        {"/v1/ntk", "{\"encoding\":{\"type\":\"basic\"},\"more\":1}", "/more"},
        {"/v1/ntk", "{\"encoding\":{\"type\":\"basic\"},\"at\":[0,0]}", "/at"},
        {"/v1/ntk", "{\"encoding\":{\"type\":\"basic\"},\"at\":0}", "/at"},
        {"/v1/ntk", "{\"encoding\":{\"type\":\"basic\"},\"points\":[]}", "/points"},
        {"/v1/ntk", "{\"encoding\":{\"type\":\"basic\"},\"points\":[1,\"2\"]}", "/points/1"},
        {"/v1/ntk", "{\"encoding\":{\"type\":\"basic\"},\"points\":[[1,2,3,4]]}", "/points"},
        {"/v1/ntk", "{\"encoding\":{\"type\":\"basic\"},\"points\":[1],\"n\":32}", "/points"},
        {"/v1/ntk", "{\"encoding\":{\"type\":\"basic\"},\"points\":[1],\"at\":[0]}", "/points"},
        {"/v1/ntk/regression", "{\"encoding\":{\"type\":\"basic\"},\"times\":[1]}", "/train"},
        {"/v1/ntk/regression",
         "{\"encoding\":{\"type\":\"basic\"},\"times\":[1],\"train\":{\"x\":[1],\"y\":[1,2]}}",
         "/train/y"},
        {"/v1/ntk/regression",
         "{\"encoding\":{\"type\":\"basic\"},\"times\":[1],\"train\":{\"x\":[1,[2,3]],\"y\":[1,2]}"
         "}",
         "/train/x/1"},
        {"/v1/ntk/regression",
         "{\"encoding\":{\"type\":\"basic\"},\"times\":[-1],\"train\":{\"x\":[1],\"y\":[1]}}",
         "/times/0"},
        {"/v1/ntk/regression",
         "{\"encoding\":{\"type\":\"basic\"},\"times\":[],\"train\":{\"x\":[1],\"y\":[1]}}",
         "/times"},
        {"/v1/ntk/regression", /* a kernel of 1e-310 */
         "{\"encoding\":{\"type\":\"basic\"},\"times\":[\"infinity\"],\"train\":{\"x\":[0],\"y\":["
         "1e6]"
         "},\"network\":{\"n_hidden_layers\":16,\"sigma_w\":2e-10,\"bias\":false}}",
         "/network"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        answer_problem(service_post_json(&service, cases[i].path, cases[i].body), 422,
                       cases[i].pointer);
}

static void add(struct buffer *body, const char *text)
{
    assert_int_equal(buffer_append(body, text, strlen(text), NULL), STATUS_OK);
}

static void add_zeros(struct buffer *body, size_t n)
{
    for (size_t i = 0; i < n; i++)
        add(body, i ? ",0" : "0");
}

/* 64 times of 3,000 training and 3,000 test points with 4 values each. */
static void an_answer_has_a_limit(void **state)
{
    (void)state;
    enum { POINTS = 3000, VALUES = 4, TIMES = 64 };
    struct buffer body;
    buffer_init(&body, 1 << 20);
    add(&body, "{\"encoding\":{\"type\":\"basic\"},\"times\":[");
    add_zeros(&body, TIMES);
    add(&body, "],\"test\":{\"x\":[");
    add_zeros(&body, POINTS);
    add(&body, "]},\"train\":{\"x\":[");
    add_zeros(&body, POINTS);
    add(&body, "],\"y\":[");
    for (size_t i = 0; i < POINTS; i++) {
        add(&body, i ? ",[" : "[");
        add_zeros(&body, VALUES);
        add(&body, "]");
    }
    assert_int_equal(buffer_append(&body, "]}}", 4, NULL), STATUS_OK); /* with its NUL */
    answer_problem(service_post_json(&service, "/v1/ntk/regression", (const char *)body.data), 422,
                   "/times");
    buffer_deinit(&body);
}

/* --- descent goes as foretold --- */

static char field_id[ID_TEXT]; /* of the last fit */

/* Steepest descent on the signal; "rate": of half the mean of squares. */
static void fit(double rate, unsigned steps, double values[N])
{
    char body[1024], id[ID_TEXT], path[96], points[N * 16] = "";
    snprintf(body, sizeof body,
             "{\"dataset_id\":\"%s\",\"preset\":\"paper\",\"field\":{\"encoding\":{\"type\":"
             "\"explicit\","
             "\"b\":[[1],[2],[3],[4]],\"a\":[1,0.8,0.6,0.4]},\"network\":{\"n_hidden_layers\":1,"
             "\"width\":2048,\"init\":\"fan_in\"}},\"train\":{\"steps\":%u,\"batch_size\":%d,"
             "\"optimizer\":\"sgd\",\"learning_rate\":%.9g,\"holdout\":\"none\"},"
             "\"measure\":{\"bins\":[1,3]}}",
             signal_id, steps, N, rate);
    json_t *job = answer_json(service_post_json(&service, "/v1/jobs", body), 202);
    snprintf(id, sizeof id, "%s", member_text(job, "id"));
    json_decref(job);
    job = wait_for_job(&service, id, "succeeded");
    assert_true(member_number(job, "metrics.residual_0") >= 0);
    assert_true(member_number(job, "metrics.mse") >= 0);
    snprintf(field_id, sizeof field_id, "%s", member_text(job, "field_id"));
    snprintf(path, sizeof path, "/v1/fields/%s/query", field_id);
    json_decref(job);
    for (size_t i = 0; i < N; i++) {
        const size_t n = strlen(points);
        snprintf(points + n, sizeof points - n, "%s[%.5f]", i ? "," : "", (double)i / N);
    }
    char query[sizeof points + 32];
    snprintf(query, sizeof query, "{\"coords\":[%s]}", points);
    json_t *answer = ask(path, query);
    for (size_t i = 0; i < N; i++)
        values[i] = number_at(json_array_get(json_object_get(answer, "value"), i), 0);
    json_decref(answer);
}

static void append_numbers(char *text, size_t size, const char *name, const double *numbers)
{
    size_t n = strlen(text);
    snprintf(text + n, size - n, ",\"%s\":[", name);
    for (size_t i = 0; i < N; i++) {
        n = strlen(text);
        snprintf(text + n, size - n, "%s%.9g", i ? "," : "", numbers[i]);
    }
    strncat(text, "]", size - strlen(text) - 1);
}

/* The start is what a fit without a rate gives. */
static void descent_goes_as_the_kernel_foretells(void **state)
{
    (void)state;
    const double rate = 0.02, t = rate * STEPS / N;
    float targets[N];
    double start[N], reached[N], x[N], y[N], error = 0, way = 0;
    make_signal(targets);
    fit(1e-9, 1, start);
    fit(rate, STEPS, reached);
    for (size_t i = 0; i < N; i++) {
        x[i] = (double)i / N;
        y[i] = (double)targets[i];
    }
    char body[4096];
    snprintf(body, sizeof body,
             "{\"encoding\":{\"type\":\"explicit\",\"b\":[[1],[2],[3],[4]],\"a\":[1,0.8,0.6,0.4]},"
             "\"network\":{\"n_hidden_layers\":1,\"width\":2048},\"times\":[%.9g],\"train\":{",
             t);
    char arrays[3000] = "";
    append_numbers(arrays, sizeof arrays, "x", x);
    append_numbers(arrays, sizeof arrays, "y", y);
    append_numbers(arrays, sizeof arrays, "start", start);
    strncat(body, arrays + 1, sizeof body - strlen(body) - 1); /* without the first comma */
    strncat(body, "}}", sizeof body - strlen(body) - 1);
    json_t *answer = ask("/v1/ntk/regression", body);
    const json_t *first = json_array_get(json_object_get(answer, "predictions"), 0);
    for (size_t i = 0; i < N; i++) {
        const double foretold = number_at(json_array_get(json_object_get(first, "train"), i), 0);
        error += pow(foretold - reached[i], 2);
        way += pow(reached[i] - start[i], 2);
    }
    print_message("descent and theory differ by %.4f of the way\n", sqrt(error / way));
    assert_true(error < 0.05 * 0.05 * way);
    json_decref(answer);
}

/* Of a field of 2,048 units; the frame does not matter to a signal. */
static void a_fields_own_kernel_is_near_the_closed_form(void **state)
{
    (void)state;
    double start[N];
    char path[96];
    fit(1e-9, 1, start);
    snprintf(path, sizeof path, "/v1/fields/%s/ntk", field_id);
    json_t *own = ask(path, "{\"points\":[0,0.1,[0.35],0.5],\"frame\":\"unit\"}");
    json_t *closed = ask("/v1/ntk", "{\"encoding\":{\"type\":\"explicit\",\"b\":[[1],[2],[3],[4]],"
                                    "\"a\":[1,0.8,0.6,0.4]},\"network\":{\"n_hidden_layers\":1,"
                                    "\"width\":2048},\"points\":[0,0.1,0.35,0.5]}");
    const json_t *got = json_object_get(own, "kernel"), *want = json_object_get(closed, "kernel");
    const double size = number_at(json_array_get(want, 0), 0);
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++)
            assert_true(fabs(number_at(json_array_get(got, i), j) -
                             number_at(json_array_get(want, i), j)) < 0.1 * size);
    assert_int_equal(json_array_size(json_object_get(own, "spectrum")), 4);
    assert_true(member_number(own, "condition") >= 1);
    json_decref(own);
    json_decref(closed);
    json_decref(ask(path, "{\"points\":[0,0.5],\"output\":0}"));
    snprintf(path, sizeof path, "/v1/fields/%s/ntk?format=png", field_id);
    struct answer plot = service_post_json(&service, path, "{\"points\":[0,0.5]}");
    assert_int_equal(plot.status, 200);
    assert_string_equal(answer_header(&plot, "Content-Type"), "image/png");
    answer_free(&plot);
    path[strlen(path) - strlen("?format=png")] = '\0';
    answer_problem(service_post_json(&service, path, "{\"points\":[[0,1]]}"), 422, "/points/0");
    answer_problem(service_post_json(&service, path, "{\"points\":[]}"), 422, "/points");
    answer_problem(service_post_json(&service, path, "{\"points\":[0],\"output\":1}"), 422,
                   "/output");
    answer_problem(service_post_json(&service, path, "{\"points\":[0],\"frame\":\"x\"}"), 422,
                   "/frame");
    answer_problem(service_post_json(&service, "/v1/fields/fd_00000000000000000000000000/ntk",
                                     "{\"points\":[0]}"),
                   404, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_say_what_they_are),
        cmocka_unit_test(what_is_no_signal_is_refused),
        cmocka_unit_test(kernels_are_the_papers),
        cmocka_unit_test(kernels_of_two_dimensions_and_of_raw_coordinates),
        cmocka_unit_test(points_and_places_are_of_one_kernel),
        cmocka_unit_test(bad_questions_name_the_place),
        cmocka_unit_test(an_answer_has_a_limit),
        cmocka_unit_test(descent_goes_as_the_kernel_foretells),
        cmocka_unit_test(a_fields_own_kernel_is_near_the_closed_form),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
