#include <setjmp.h>
#include <stdarg.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/codec/codec_json.h"
#include "api/estimate.h"
#include "api/tasks/tasks.h"
#include "api/presets.h"
#include "core/nn/kernel.h"
#include "core/nn/mlp.h"
#include "core/task/probes.h"
#include "tests/support/small_fit.h"
#include "tests/support/some_costs.h"

#define DS "\"dataset_id\":\"ds_01jd6v7m8rkq2w5x9c4t3b1nfe\""

static char info[] = "{\"shape\":[512,512,3]}";
static const struct dataset_row picture = {
    .id = "ds_01jd6v7m8rkq2w5x9c4t3b1nfe", .kind = "image", .info_json = info};
static struct spec_facts facts; /* of a picture of 512 x 512 */

static struct spec spec_of(const char *members)
{
    char text[512];
    snprintf(text, sizeof text, "{" DS "%s}", members);
    struct problem_list problems = {0};
    struct spec s;
    json_t *body = json_loads(text, 0, NULL), *spec = NULL, *labels = NULL;
    assert_int_equal(codec_spec_resolve(body, &picture, 0, &spec, &labels, &s, &problems),
                     STATUS_OK);
    json_decref(body);
    json_decref(spec);
    json_decref(labels);
    return s;
}

static const struct arithmetic arithmetic = {NULL, 0};

/* What is "auto" becomes what it was resolved to. */
static void fill_in(json_t *settings, const json_t *spec)
{
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(settings, next, key, value)
    {
        json_t *resolved = json_object_get(spec, key);
        if (json_is_object(value))
            fill_in(value, resolved);
        else if (json_is_string(value) && strcmp(json_string_value(value), "auto") == 0 &&
                 strcmp(key, "precision") != 0)
            json_object_set(settings, key, resolved);
    }
}

/* A preset's settings come out of resolving as they went in: every member has a value. */
static void presets_are_complete(void **state)
{
    (void)state;
    size_t n;
    const struct preset *presets = presets_table(&n);
    for (size_t i = 0; i < n; i++) {
        static const char *const parts[] = {"field", "train", "measure"};
        json_t *spec = codec_spec_of_preset(&presets[i], tasks_of(presets[i].task)->example);
        json_t *settings = codec_json_object(presets[i].settings);
        assert_non_null(spec);
        assert_non_null(settings);
        fill_in(settings, spec);
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
            const json_t *part = json_object_get(settings, parts[k]);
            json_t *resolved = json_object_get(spec, parts[k]);
            if (part ? !json_equal(resolved, part) : json_object_size(resolved) > 0)
                fail_msg("%s of preset '%s' of task '%s'", parts[k], presets[i].name,
                         tasks_of(presets[i].task)->name);
        }
        json_decref(settings);
        json_decref(spec);
    }
    for (size_t i = 0; tasks_at(i); i++)
        assert_non_null(presets_find(presets_default(), tasks_at(i)->type));
    assert_null(presets_find("auto", TASK_IMAGE));
}

/* "auto" sizes of a picture of 512 x 512. */
static void sizes_that_are_left_out_suit_the_picture(void **state)
{
    (void)state;
    struct spec spec = spec_of("");
    assert_int_equal(spec.field.encoding.log2_hashmap_size, 18);
    assert_int_equal(spec.train.batch_size, 8192);
    assert_true(spec.field.encoding.finest_resolution == 512.0);
    spec_deinit(&spec);
}

static void the_list_has_parameters_and_estimates_of_this_machine(void **state)
{
    (void)state;
    const struct costs costs = some_costs(2);
    const struct config config = {.threads = 2};
    json_t *list = presets_list(&costs, &config, &arithmetic);
    const json_t *items = json_object_get(list, "items");
    size_t n;
    presets_table(&n);
    assert_int_equal(json_array_size(items), n);
    for (size_t i = 0; i < n; i++) {
        const json_t *preset = json_array_get(items, i);
        const json_t *estimate = json_object_get(preset, "estimate");
        assert_true(json_number_value(json_object_get(estimate, "seconds")) > 0.0);
        assert_true(json_integer_value(json_object_get(estimate, "steps")) > 0);
        assert_true(json_integer_value(json_object_get(estimate, "memory_bytes")) > 1 << 20);
        assert_non_null(json_object_get(json_object_get(preset, "parameters"), "train"));
    }
    json_decref(list);
}

static void jobs_over_the_memory_limit_are_refused_with_both_figures(void **state)
{
    (void)state;
    struct config config = {
        .threads = 2, .job_memory_bytes = (uint64_t)512 << 20, .job_seconds = 3600};
    struct spec small = spec_of("");
    struct spec large = spec_of(",\"field\":{\"network\":{\"n_hidden_layers\":16,\"width\":2048}}");
    struct error err = {0};
    struct estimate e;
    assert_int_equal(estimate_check_job(&small, &facts, &config, NULL, &e, &err), STATUS_OK);
    assert_int_equal(estimate_check_job(&large, &facts, &config, NULL, &e, &err), STATUS_INVALID);
    assert_non_null(strstr(err.message, "512 MiB"));
    spec_deinit(&small);
    spec_deinit(&large);
}

static void jobs_over_the_limit_of_time_are_refused_at_what_makes_them_long(void **state)
{
    (void)state;
    static const struct {
        const char *settings;
        const char *where; /* NULL: let in */
    } cases[] = {
        {",\"train\":{\"time_limit_seconds\":3600}", NULL},
        {",\"train\":{\"time_limit_seconds\":3600.5}", "/train/time_limit_seconds"},
        {",\"train\":{\"steps\":100}", NULL},
        {",\"train\":{\"steps\":10000000,\"batch_size\":1048576}", "/train/steps"},
        {",\"train\":{\"steps\":10000000,\"batch_size\":1048576,\"time_limit_seconds\":60}", NULL},
        {",\"train\":{\"steps\":null,\"time_limit_seconds\":null,\"target_psnr\":30}", NULL},
    };
    const struct config config = {
        .threads = 2, .job_memory_bytes = (uint64_t)4 << 30, .job_seconds = 3600};
    const struct costs costs = some_costs(2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = {0};
        struct estimate e;
        struct spec spec = spec_of(cases[i].settings);
        const enum status status = estimate_check_job(&spec, &facts, &config, &costs, &e, &err);
        if ((status == STATUS_OK) != (cases[i].where == NULL) ||
            strcmp(err.where, cases[i].where ? cases[i].where : "") != 0)
            fail_msg("%s: %s %s", cases[i].settings, err.where, err.message);
        assert_true(status == STATUS_OK || strstr(err.message, "3600 s"));
        spec_deinit(&spec);
    }
}

static void time_limits_bound_the_estimate(void **state)
{
    (void)state;
    const struct costs costs = some_costs(2);
    struct spec limited = spec_of(",\"train\":{\"steps\":10000000,\"time_limit_seconds\":20}");
    struct spec short_fit = spec_of(",\"train\":{\"steps\":1,\"time_limit_seconds\":20}");
    struct estimate e;
    assert_int_equal(estimate_job(&e, &limited, &facts, 2, &costs, NULL), STATUS_OK);
    assert_true(e.training_seconds == 20.0 && e.steps < 10000000);
    assert_int_equal(estimate_job(&e, &short_fit, &facts, 2, &costs, NULL), STATUS_OK);
    assert_true(e.training_seconds < 20.0 && e.steps == 1);
    spec_deinit(&limited);
    spec_deinit(&short_fit);
}

static void where_costs_are_unknown_nothing_is_refused_for_its_time(void **state)
{
    (void)state;
    const struct config config = {
        .threads = 2, .job_memory_bytes = (uint64_t)4 << 30, .job_seconds = 3600};
    struct spec spec = spec_of(",\"train\":{\"steps\":10000000,\"batch_size\":1048576}");
    struct estimate e;
    assert_int_equal(estimate_check_job(&spec, &facts, &config, NULL, &e, NULL), STATUS_OK);
    assert_int_equal(estimate_job(&e, &spec, &facts, 2, NULL, NULL), STATUS_OK);
    assert_true(e.seconds == 0 && e.steps == 10000000);
    spec_deinit(&spec);
}

/* Steps that fit into a time, and a time for steps, with a fiftieth for what is shown meanwhile. */
static void estimates_are_those_of_the_steps(void **state)
{
    (void)state;
    const struct costs costs = some_costs(2);
    struct spec by_steps = spec_of(",\"train\":{\"steps\":1000}");
    struct spec by_time = spec_of(",\"train\":{\"time_limit_seconds\":20}");
    struct estimate e;
    by_steps.train.precision = by_time.train.precision = PRECISION_FP32;
    const double step = cost_step(&costs, &by_steps.field, &by_steps.train) / 0.98;
    assert_int_equal(estimate_job(&e, &by_steps, &facts, 2, &costs, NULL), STATUS_OK);
    assert_int_equal(e.steps, 1000);
    assert_true(e.training_seconds > 999.9 * step && e.training_seconds < 1000.1 * step);
    assert_int_equal(estimate_job(&e, &by_time, &facts, 2, &costs, NULL), STATUS_OK);
    assert_true(e.training_seconds == 20.0);
    assert_int_equal(e.steps, (uint64_t)(20.0 / step));
    spec_deinit(&by_steps);
    spec_deinit(&by_time);
}

/* A preset over what its estimates are for, with so much for a pool of labelled points. */
static struct estimate estimate_of(const struct preset *p, const struct costs *costs, int pool)
{
    const struct spec_facts *example = tasks_of(p->task)->example;
    struct problem_list problems = {0};
    struct spec spec = {0};
    struct estimate e;
    json_t *settings = codec_spec_of_preset(p, example);
    if (pool > 0)
        json_object_set_new(json_object_get(settings, "measure"), "pool", json_integer(pool));
    assert_int_equal(codec_spec_read_json(settings, example, &spec, &problems), STATUS_OK);
    json_decref(settings);
    spec.train.precision = PRECISION_FP32;
    assert_int_equal(estimate_job(&e, &spec, example, 2, costs, NULL), STATUS_OK);
    spec_deinit(&spec);
    return e;
}

static void a_job_takes_longer_than_its_training(void **state)
{
    (void)state;
    const struct costs costs = some_costs(2);
    size_t n;
    const struct preset *presets = presets_table(&n);
    for (size_t i = 0; i < n; i++) {
        const struct estimate e = estimate_of(&presets[i], &costs, 0);
        const struct estimate unknown = estimate_of(&presets[i], NULL, 0);
        assert_true(e.seconds > e.training_seconds);
        assert_true(unknown.seconds == unknown.training_seconds);
    }
    /* a million labels more, by two threads, of a mesh of 100,000 triangles */
    const struct preset *shape = presets_find("fast", TASK_SHAPE);
    const struct estimate few = estimate_of(shape, &costs, 1000000);
    const struct estimate many = estimate_of(shape, &costs, 2000000);
    const double label = costs.probe[PROBE_DISTANCE] * log(1e5) / log(PROBE_TRIANGLES);
    assert_true(few.training_seconds == many.training_seconds);
    assert_true(fabs((many.seconds - few.seconds) / (1e6 * label / 2.0) - 1.0) < 1e-3);
}

/* What a measurement takes makes steps longer: of ct by its angles' samples, of mri by its
 * transform, of rays and of labels by their points. */
static void steps_take_what_their_task_takes(void **state)
{
    (void)state;
    static const struct {
        const char *preset;
        enum task_type task;
        enum probe probe;
    } cases[] = {
        {"fast", TASK_CT, PROBE_PROJECT_NEAREST}, {"paper", TASK_CT, PROBE_PROJECT_NEAREST},
        {"fast", TASK_MRI, PROBE_TRANSFORM},      {"fast", TASK_VIEWS, PROBE_WALKED_RAYS},
        {"paper", TASK_VIEWS, PROBE_EVEN_RAYS},   {"paper", TASK_SHAPE, PROBE_IS_INSIDE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct costs costs = some_costs(2);
        const struct preset *p = presets_find(cases[i].preset, cases[i].task);
        costs.probe[cases[i].probe] = 1e-7;
        const struct estimate quick = estimate_of(p, &costs, 0);
        costs.probe[cases[i].probe] = 1e-3;
        const struct estimate slow = estimate_of(p, &costs, 0);
        assert_true(slow.steps < quick.steps || slow.training_seconds > 2 * quick.training_seconds);
    }
}

/* The preset of views over the data of its example, with a member of `train` of its own. */
static struct estimate estimate_of_views(const struct spec_facts *data, const struct costs *costs,
                                         const char *member, int value)
{
    struct problem_list problems = {0};
    struct spec spec = {0};
    struct estimate e;
    json_t *settings = codec_spec_of_preset(presets_find("fast", TASK_VIEWS), data);
    json_t *train = json_object_get(settings, "train");
    if (strcmp(member, "steps") == 0)
        json_object_set_new(train, "time_limit_seconds", json_null());
    json_object_set_new(train, member, json_integer(value));
    assert_int_equal(codec_spec_read_json(settings, data, &spec, &problems), STATUS_OK);
    json_decref(settings);
    spec.train.precision = PRECISION_FP32;
    assert_int_equal(estimate_job(&e, &spec, data, 2, costs, NULL), STATUS_OK);
    spec_deinit(&spec);
    return e;
}

/* Before space is known to be empty all of it is looked at: the first 128 steps take longer. */
static void first_steps_of_views_take_longer(void **state)
{
    (void)state;
    const struct costs costs = some_costs(2);
    const struct spec_facts *data = tasks_of(TASK_VIEWS)->example;
    static const int steps[] = {64, 128, 1128, 2128};
    double seconds[4];
    for (size_t i = 0; i < 4; i++)
        seconds[i] = estimate_of_views(data, &costs, "steps", steps[i]).training_seconds;
    const double later = (seconds[3] - seconds[2]) / 1000, first = seconds[1] / 128;
    assert_true(fabs((seconds[2] - seconds[1]) / 1000 / later - 1.0) < 1e-9);
    assert_true(fabs(seconds[0] / 64 / first - 1.0) < 1e-9);
    assert_true(first > 1.01 * later);
    /* and fewer of them fit into a time */
    const int limits[] = {1, 40};
    for (size_t i = 0; i < 2; i++) {
        const struct estimate e = estimate_of_views(data, &costs, "time_limit_seconds", limits[i]);
        const int n = (int)e.steps;
        assert_true(estimate_of_views(data, &costs, "steps", n).training_seconds <= limits[i]);
        assert_true(estimate_of_views(data, &costs, "steps", n + 1).training_seconds > limits[i]);
    }
}

/* Steps take whole tiles of rays, and the last evaluation every pixel, whatever bytes it has. */
static void estimates_of_views_count_tiles_and_pixels(void **state)
{
    (void)state;
    const struct costs costs = some_costs(2);
    struct spec_facts data = *tasks_of(TASK_VIEWS)->example;
    const struct estimate one = estimate_of_views(&data, &costs, "batch_size", 1);
    const struct estimate tile = estimate_of_views(&data, &costs, "batch_size", MLP_TILE);
    const struct estimate two = estimate_of_views(&data, &costs, "batch_size", MLP_TILE + 1);
    assert_int_equal(one.steps, tile.steps);
    assert_int_equal(one.memory_bytes, tile.memory_bytes);
    assert_true(two.steps < one.steps);

    data.n_pixels = 100 * 1000;
    const struct estimate bytes = estimate_of_views(&data, &costs, "batch_size", MLP_TILE);
    data.data_bytes *= 4; /* floats; reading them takes a little */
    const struct estimate floats = estimate_of_views(&data, &costs, "batch_size", MLP_TILE);
    const double evaluating = bytes.seconds - bytes.training_seconds;
    assert_true(floats.seconds - bytes.seconds < 0.75e-8 * (double)data.data_bytes + 1e-9);
    assert_true(evaluating > 1e-8 * (double)data.data_bytes / 4);
}

/* Of one view nothing can be held out, and nobody asked for it. */
static void one_view_is_learned_from(void **state)
{
    (void)state;
    static const char *const holdouts[] = {"none", "views"};
    for (size_t i = 0; i < 2; i++) {
        struct spec_facts data = *tasks_of(TASK_VIEWS)->example;
        data.n_items = 1 + i;
        json_t *spec = codec_spec_of_preset(presets_find("fast", TASK_VIEWS), &data);
        const json_t *train = json_object_get(spec, "train");
        assert_string_equal(json_string_value(json_object_get(train, "holdout")), holdouts[i]);
        json_decref(spec);
    }
}

static void requests_are_refused_by_the_time_that_all_threads_take(void **state)
{
    (void)state;
    const struct costs costs = some_costs(2);
    const struct config config = {.request_seconds = 60};
    struct image image = small_picture(8, 8, 3);
    const struct field_spec specs[] = {small_field_spec(&image), small_grid_field_spec(&image)};
    for (size_t i = 0; i < 2; i++) {
        struct field *f = small_field(&specs[i], 1);
        for (enum field_use use = FIELD_VALUES; use <= FIELD_GRADIENTS; use++) {
            struct error err = {0};
            const size_t most = (size_t)(60 * 4 / cost_point(&costs, f, use));
            assert_int_equal(
                estimate_check_request(f, most / 100 * 99, use, &config, &costs, 4, NULL),
                STATUS_OK);
            assert_int_equal(
                estimate_check_request(f, most / 100 * 102, use, &config, &costs, 4, &err),
                STATUS_INVALID);
            assert_non_null(strstr(err.message, "60 s"));
            assert_non_null(strstr(err.message, "62 s"));
            assert_int_equal(estimate_check_request(f, most * 2, use, &config, NULL, 4, NULL),
                             STATUS_OK);
        }
        field_free(f);
    }
    image_deinit(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_are_complete),
        cmocka_unit_test(sizes_that_are_left_out_suit_the_picture),
        cmocka_unit_test(the_list_has_parameters_and_estimates_of_this_machine),
        cmocka_unit_test(jobs_over_the_memory_limit_are_refused_with_both_figures),
        cmocka_unit_test(jobs_over_the_limit_of_time_are_refused_at_what_makes_them_long),
        cmocka_unit_test(time_limits_bound_the_estimate),
        cmocka_unit_test(where_costs_are_unknown_nothing_is_refused_for_its_time),
        cmocka_unit_test(estimates_are_those_of_the_steps),
        cmocka_unit_test(a_job_takes_longer_than_its_training),
        cmocka_unit_test(steps_take_what_their_task_takes),
        cmocka_unit_test(first_steps_of_views_take_longer),
        cmocka_unit_test(estimates_of_views_count_tiles_and_pixels),
        cmocka_unit_test(one_view_is_learned_from),
        cmocka_unit_test(requests_are_refused_by_the_time_that_all_threads_take),
    };
    facts = spec_facts_of_image(512, 512, 3);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
