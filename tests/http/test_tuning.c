/* Settings that are left to the data: chosen once, shown, kept; and where they cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/http/fit.h"

static struct service service;
static char picture[ID_TEXT];

static const char *const one_thread[] = {"--threads", "1", NULL};
static const char *const two_threads[] = {"--threads", "2", NULL};

static int start(void **state)
{
    (void)state;
    service_start(&service, two_threads);
    upload_picture(&service, 48, 1, picture);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static const char small_network[] = "\"network\":{\"n_hidden_layers\":2,\"width\":32}";

/* Post and await: the job, the caller's. */
static json_t *fit(const char *encoding, const char *more)
{
    char body[1024], id[ID_TEXT];
    snprintf(body, sizeof body,
             "{\"dataset_id\":\"%s\",\"field\":{\"encoding\":%s,%s},"
             "\"train\":{\"steps\":20,\"batch_size\":256,\"precision\":\"fp32\",\"holdout\":\"odd_"
             "pixels\"}%s}",
             picture, encoding, small_network, more);
    json_t *job = answer_json(service_post_json(&service, "/v1/jobs", body), 202);
    assert_string_equal(json_string_value(member_get(job, "spec.field.encoding.type")),
                        strstr(encoding, "gaussian") ? "gaussian" : "positional");
    snprintf(id, sizeof id, "%s", member_text(job, "id"));
    json_decref(job);
    return wait_for_job(&service, id, "succeeded");
}

static const char open_sigma[] = "{\"type\":\"gaussian\",\"n_frequencies\":32,\"sigma\":\"auto\"}";

/* The best of the curve stands in the spec of the job and of its field. */
static double check_choice(const json_t *job, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "tuning.%s", name);
    const json_t *tuned = member_get(job, path), *curve = member_get(tuned, "curve");
    const double chosen = member_number(tuned, "chosen");
    double best = -1e9, best_at = 0;
    assert_true(json_array_size(curve) > 3);
    for (size_t i = 0; i < json_array_size(curve); i++) {
        const json_t *point = json_array_get(curve, i);
        const double psnr = json_number_value(json_array_get(point, 1));
        if (psnr > best) {
            best = psnr;
            best_at = json_number_value(json_array_get(point, 0));
        }
    }
    assert_true(best_at == chosen);
    assert_true(member_integer(tuned, "steps") == 20);
    assert_true(strlen(member_text(tuned, "reason")) > 0);
    snprintf(path, sizeof path, "spec.field.encoding.%s", name);
    assert_true(member_number(job, path) == chosen);
    json_t *field =
        answer_json(service_get(&service, "/v1/fields/%s", member_text(job, "field_id")), 200);
    assert_true(member_number(field, path) == chosen);
    json_decref(field);
    return chosen;
}

static void a_choice_is_shown_and_kept(void **state)
{
    (void)state;
    json_t *job = fit(open_sigma, "");
    const double sigma = check_choice(job, "sigma");
    char id[ID_TEXT], path[64];
    snprintf(id, sizeof id, "%s", member_text(job, "id"));
    json_decref(job);

    /* what goes on from it has it, too */
    snprintf(path, sizeof path, "/v1/jobs/%s/resume", id);
    job = answer_json(service_post_json(&service, path, "{\"train\":{\"steps\":30}}"), 202);
    assert_true(member_number(job, "spec.field.encoding.sigma") == sigma);
    assert_true(member_number(job, "tuning.sigma.chosen") == sigma);
    snprintf(id, sizeof id, "%s", member_text(job, "id"));
    json_decref(job);
    json_decref(wait_for_job(&service, id, "succeeded"));

    job = fit("{\"type\":\"positional\",\"n_frequencies\":16,\"scale\":\"auto\"}", "");
    check_choice(job, "scale");
    json_decref(job);
}

/* … and the fit is, byte for byte, that of the number; on any number of threads. */
static void the_fit_is_that_of_the_number(void **state)
{
    (void)state;
    char sha256[3][80], encoding[128];
    json_t *job = fit(open_sigma, ",\"labels\":{\"n\":\"1\"}");
    const double sigma = member_number(job, "spec.field.encoding.sigma");
    snprintf(encoding, sizeof encoding,
             "{\"type\":\"gaussian\",\"n_frequencies\":32,\"sigma\":%.15g}", sigma);
    for (int i = 0; i < 3; i++) {
        json_t *field =
            answer_json(service_get(&service, "/v1/fields/%s", member_text(job, "field_id")), 200);
        snprintf(sha256[i], sizeof sha256[i], "%s", member_text(field, "sha256"));
        json_decref(field);
        assert_true(member_number(job, "spec.field.encoding.sigma") == sigma);
        json_decref(job);
        if (i == 0) {
            job = fit(encoding, "");
            assert_true(json_is_null(member_get(job, "tuning")));
        } else if (i == 1) {
            assert_int_equal(service_stop(&service), 0);
            service_restart(&service, one_thread);
            job = fit(open_sigma, ",\"labels\":{\"n\":\"2\"}");
        }
    }
    assert_string_equal(sha256[0], sha256[1]);
    assert_string_equal(sha256[0], sha256[2]);
}

/* Bytes of any values: of a volume 8 x 10 x 12, of a signal of 64 samples. */
static void upload_npy(const char *query, const char *shape, size_t n, char id[ID_TEXT])
{
    uint8_t values[8 * 10 * 12];
    assert_true(n <= sizeof values);
    for (size_t i = 0; i < n; i++)
        values[i] = (uint8_t)(i * i % 251);
    struct bytes npy = make_npy("|u1", shape, values, n);
    json_t *dataset = answer_json(post_dataset(&service, query, npy.data, npy.n), 201);
    snprintf(id, ID_TEXT, "%s", member_text(dataset, "id"));
    json_decref(dataset);
    bytes_free(&npy);
}

static void other_tasks_choose_as_well(void **state)
{
    (void)state;
    char volume[ID_TEXT], wave[ID_TEXT];
    upload_npy("?kind=volume", "8, 10, 12", 8 * 10 * 12, volume);
    upload_npy("?kind=signal", "64,", 64, wave);
    static const char open_scale[] =
        "{\"type\":\"positional\",\"n_frequencies\":8,\"scale\":\"auto\"}";
    const struct {
        const char *task, *dataset, *encoding, *chosen;
    } cases[] = {
        {"ct", picture, open_sigma, "tuning.sigma.chosen"},
        {"mri", picture, open_sigma, "tuning.sigma.chosen"},
        {"ct", picture, open_scale, "tuning.scale.chosen"},
        {"volume", volume, open_sigma, "tuning.sigma.chosen"},
        {"signal", wave, open_sigma, "tuning.sigma.chosen"},
        {"signal", wave, open_scale, "tuning.scale.chosen"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[512], id[ID_TEXT];
        snprintf(body, sizeof body,
                 "{\"dataset_id\":\"%s\",\"task\":\"%s\",\"field\":{\"encoding\":%s,%s},"
                 "\"train\":{\"steps\":5}}",
                 cases[i].dataset, cases[i].task, cases[i].encoding, small_network);
        json_t *job = answer_json(service_post_json(&service, "/v1/jobs", body), 202);
        snprintf(id, sizeof id, "%s", member_text(job, "id"));
        json_decref(job);
        job = wait_for_job(&service, id, "succeeded");
        assert_true(member_number(job, cases[i].chosen) > 0);
        json_decref(job);
    }
}

static void sweeps_take_it(void **state)
{
    (void)state;
    char body[1024], path[64];
    snprintf(
        body, sizeof body,
        "{\"dataset_ids\":[\"%s\"],\"base\":{\"field\":{\"encoding\":%s,%s},\"train\":{\"steps\":5,"
        "\"batch_size\":64}},\"grid\":{\"/field/encoding/sigma\":[3,\"auto\"]}}",
        picture, open_sigma, small_network);
    json_t *sweep = answer_json(service_post_json(&service, "/v1/sweeps", body), 202);
    snprintf(path, sizeof path, "%s", member_text(sweep, "id"));
    json_t *jobs =
        answer_json(service_get(&service, "/v1/jobs?sweep_id=%s", member_text(sweep, "id")), 200);
    json_decref(sweep);
    const json_t *items = member_get(jobs, "items");
    assert_int_equal(json_array_size(items), 2);
    size_t n_tuned = 0;
    for (size_t i = 0; i < 2; i++) {
        json_t *job =
            wait_for_job(&service, member_text(json_array_get(items, i), "id"), "succeeded");
        n_tuned += json_is_object(member_get(job, "tuning"));
        json_decref(job);
    }
    assert_int_equal(n_tuned, 1);
    json_decref(jobs);
}

/* Expected beside reached; where nothing is known it says so. */
static void a_fit_has_a_forecast(void **state)
{
    (void)state;
    static const char *const presets[] = {"paper", "fast"};
    for (size_t i = 0; i < 2; i++) {
        char body[512], id[ID_TEXT];
        snprintf(body, sizeof body,
                 "{\"dataset_id\":\"%s\",\"preset\":\"%s\",\"field\":{%s},\"train\":{\"steps\":40,"
                 "\"batch_size\":256}}",
                 picture, presets[i], small_network);
        json_t *job = answer_json(service_post_json(&service, "/v1/jobs", body), 202);
        snprintf(id, sizeof id, "%s", member_text(job, "id"));
        json_decref(job);
        job = wait_for_job(&service, id, "succeeded");
        assert_true(strlen(member_text(job, "forecast.reason")) > 0);
        if (i == 0) {
            const json_t *test = member_get(job, "forecast.series.test_psnr");
            assert_string_equal(member_text(job, "forecast.method"), "ntk");
            assert_true(json_array_size(test) > 2);
            assert_int_equal(json_array_size(member_get(job, "forecast.series.psnr")),
                             json_array_size(test));
            assert_true(member_number(job, "forecast.seconds_per_step") > 0);
        } else {
            assert_true(json_is_null(member_get(job, "forecast.method")));
            assert_true(json_is_null(member_get(job, "forecast.series")));
        }
        json_decref(job);
    }
}

/* A picture of so many pixels a side. */
static void upload_square(size_t side, char id[ID_TEXT])
{
    uint8_t pixels[64];
    char shape[32];
    assert_true(side * side <= sizeof pixels);
    for (size_t i = 0; i < side * side; i++)
        pixels[i] = (uint8_t)(i * i % 251);
    snprintf(shape, sizeof shape, "%zu, %zu", side, side);
    struct bytes file = make_npy("|u1", shape, pixels, side * side);
    json_t *dataset = answer_json(post_dataset(&service, "?kind=image", file.data, file.n), 201);
    snprintf(id, ID_TEXT, "%s", member_text(dataset, "id"));
    json_decref(dataset);
    bytes_free(&file);
}

static void what_cannot_be_chosen_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *encoding, *pointer;
    } cases[] = {
        {"{\"type\":\"gaussian\",\"sigma\":\"best\"}", "/field/encoding/sigma"},
        {"{\"type\":\"hashgrid\",\"sigma\":\"auto\"}", "/field/encoding/sigma"},
        {"{\"type\":\"gaussian\",\"n_frequencies\":\"auto\"}", "/field/encoding/n_frequencies"},
        {"{\"type\":\"octave\",\"n_octaves\":\"auto\"}", "/field/encoding/n_octaves"},
        {"{\"type\":\"concat\",\"parts\":[{\"type\":\"basic\"},{\"type\":\"gaussian\",\"sigma\":"
         "\"auto\"}]}",
         "/field/encoding/parts/1/sigma"},
        {"{\"type\":\"positional\",\"scale\":\"auto\",\"rotate\":true}", "/field/encoding/scale"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char body[512];
        snprintf(body, sizeof body, "{\"dataset_id\":\"%s\",\"field\":{\"encoding\":%s}}", picture,
                 cases[i].encoding);
        answer_problem(service_post_json(&service, "/v1/jobs", body), 422, cases[i].pointer);
    }
    char small[ID_TEXT], body[512]; /* half of seven pixels a side are four, of six three */
    for (size_t side = 6; side <= 7; side++) {
        upload_square(side, small);
        snprintf(body, sizeof body,
                 "{\"dataset_id\":\"%s\",\"field\":{\"encoding\":%s},\"train\":{\"steps\":1,"
                 "\"holdout\":\"odd_pixels\"}}",
                 small, open_sigma);
        struct answer a = service_post_json(&service, "/v1/jobs", body);
        if (side == 6) {
            answer_problem(a, 422, "/field/encoding/sigma");
            continue;
        }
        json_t *job = answer_json(a, 202);
        json_decref(wait_for_job(&service, member_text(job, "id"), "succeeded"));
        json_decref(job);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_choice_is_shown_and_kept),
        cmocka_unit_test(other_tasks_choose_as_well),
        cmocka_unit_test(sweeps_take_it),
        cmocka_unit_test(a_fit_has_a_forecast),
        cmocka_unit_test(what_cannot_be_chosen_is_refused),
        cmocka_unit_test(the_fit_is_that_of_the_number),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
