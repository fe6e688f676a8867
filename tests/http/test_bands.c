/* The spectral bias, over HTTP: what is left in each octave of frequencies while a field is fitted
 * (core/task/residual_bands.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/http/fit.h"

enum { SIDE = 128, N_BANDS = 6 };

static struct service service;
static char waves[ID_TEXT], plain[ID_TEXT];

/* Grey, with a wave in each octave: 1.5, 3, 6, … 48 of them over a side; or without. */
static void upload(double height, char id[ID_TEXT])
{
    static float values[SIDE * SIDE];
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++) {
        double sum = 0.5;
        for (size_t b = 0; b < N_BANDS; b++) {
            const double along = (double)(b % 2 ? i / SIDE : i % SIDE) / SIDE;
            sum += height * sin(6.283185307 * 1.5 * (double)(1u << b) * along);
        }
        values[i] = (float)sum;
    }
    struct bytes npy = make_npy("<f4", "128, 128", values, sizeof values);
    json_t *made = answer_json(post_dataset(&service, "?kind=image", npy.data, npy.n), 201);
    snprintf(id, ID_TEXT, "%s", member_text(made, "id"));
    json_decref(made);
    bytes_free(&npy);
}

static int start(void **state)
{
    (void)state;
    service_start(&service, NULL);
    upload(0.06, waves);
    upload(0.0, plain);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

/* Fit and wait: the job. */
static json_t *fit(const char *dataset, const char *encoding, char id[ID_TEXT])
{
    char body[512];
    snprintf(body, sizeof body,
             "{\"dataset_id\":\"%s\",\"preset\":\"paper\",\"field\":{\"encoding\":%s,\"network\":"
             "{\"n_hidden_layers\":1,\"width\":32}},\"train\":{\"steps\":400,\"batch_size\":2048,"
             "\"learning_rate\":0.01,\"holdout\":\"none\"}}",
             dataset, encoding);
    json_t *job = answer_json(service_post_json(&service, "/v1/jobs", body), 202);
    snprintf(id, ID_TEXT, "%s", member_text(job, "id"));
    json_decref(job);
    return wait_for_job(&service, id, "succeeded");
}

static double band_of(const json_t *job, size_t b)
{
    char member[] = "metrics.residual_band_0";
    member[strlen(member) - 1] = (char)('0' + b);
    return json_number_value(member_get(job, member));
}

static void without_a_mapping_only_low_frequencies_are_learned(void **state)
{
    (void)state;
    char id[ID_TEXT];
    json_t *job = fit(waves, "{\"type\":\"none\"}", id);
    assert_true(band_of(job, 0) < 0.7);
    for (size_t b = 3; b < N_BANDS; b++)
        assert_true(band_of(job, b) > 0.9 && band_of(job, b) < 1.1);
    json_decref(job);
}

/* … as a series from the first step to the last, where the job has it. */
static void with_one_all_of_them_are(void **state)
{
    (void)state;
    char id[ID_TEXT];
    json_t *job = fit(waves, "{\"type\":\"gaussian\",\"n_frequencies\":256,\"sigma\":30}", id);
    for (size_t b = 0; b < N_BANDS; b++)
        assert_true(band_of(job, b) < 0.5);
    json_t *asked =
        answer_json(service_get(&service, "/v1/jobs/%s/metrics?keys=residual_band_5", id), 200);
    assert_int_equal(json_object_size(member_get(asked, "series")), 1);
    const json_t *series = member_get(asked, "series.residual_band_5");
    const size_t n = json_array_size(series);
    assert_true(n > 3);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(series, 0), 0)), 1);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(series, n - 1), 0)), 400);
    assert_true(json_number_value(json_array_get(json_array_get(series, n - 1), 1)) ==
                band_of(job, 5));
    json_decref(asked);
    json_decref(job);
}

static void of_one_colour_there_are_none(void **state)
{
    (void)state;
    char id[ID_TEXT];
    json_t *job = fit(plain, "{\"type\":\"none\"}", id);
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)member_get(job, "metrics"), key, value)
        assert_int_not_equal(strncmp(key, "residual_band", 13), 0);
    json_decref(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_mapping_only_low_frequencies_are_learned),
        cmocka_unit_test(with_one_all_of_them_are),
        cmocka_unit_test(of_one_colour_there_are_none),
    };
    return cmocka_run_group_tests_name("bands", tests, start, stop);
}
