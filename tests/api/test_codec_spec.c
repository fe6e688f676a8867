#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/codec/codec_json.h"
#include "api/codec/codec_spec.h"
#include "core/base/mem.h"
#include "tests/api/spec_bodies.h"

/* --- merging --- */

static void only_the_dataset_is_needed(void **state)
{
    (void)state;
    struct spec s;
    json_t *spec = resolve("{" DS "}", &s);
    expect(spec, "/task", "\"image\"");
    expect(spec, "/preset", "\"fast\"");
    expect(spec, "/measure", "{}");
    expect(spec, "/train/steps", "null");
    assert_true(s.train.steps == 0 && s.train.time_limit_seconds > 0.0);
    assert_int_equal(s.field.network.n_outputs, 3);
    assert_int_equal(s.field.encoding.n_inputs, 2);
    assert_int_equal(s.field.domain.n_dims, 2);
    assert_true(s.field.domain.matrix[0][0] == 1.0 / 64 && s.field.domain.matrix[1][1] == 1.0 / 48);
    assert_int_equal(s.holdout, HOLDOUT_NONE);
    spec_deinit(&s);
    json_decref(spec);
}

static void the_paper_preset_is_the_papers(void **state)
{
    (void)state;
    struct spec s;
    json_t *spec = resolve("{" DS ",\"preset\":\"paper\"}", &s);
    assert_int_equal(s.field.encoding.type, ENCODING_GAUSSIAN);
    assert_int_equal(s.field.encoding.n_frequencies, 256);
    assert_true(s.field.encoding.sigma == 10.0);
    assert_false(s.field.encoding.normalize || s.field.encoding.rotate ||
                 s.field.encoding.trainable);
    assert_int_equal(s.field.network.n_hidden_layers, 3);
    assert_int_equal(s.field.network.width, 256);
    assert_int_equal(s.field.network.activation, ACTIVATION_RELU);
    assert_int_equal(s.field.network.output_activation, ACTIVATION_SIGMOID);
    assert_int_equal(s.train.steps, 2000);
    assert_int_equal(s.train.batch_size, 65536);
    assert_true(s.train.learning_rate == 1e-3);
    assert_int_equal(s.train.optimizer.type, OPTIMIZER_ADAM);
    assert_true(s.train.optimizer.beta1 == 0.9 && s.train.optimizer.beta2 == 0.999 &&
                s.train.optimizer.epsilon == 1e-8);
    assert_int_equal(s.train.schedule.type, SCHEDULE_CONSTANT);
    assert_int_equal(s.train.schedule.warmup_steps, 0);
    assert_int_equal(s.loss, LOSS_MSE);
    assert_int_equal(s.holdout, HOLDOUT_ODD_PIXELS);
    assert_true(s.train.time_limit_seconds == 0.0 && s.train.target_psnr == 0.0);
    assert_true(s.train.early_stop == 0);
    spec_deinit(&s);
    json_decref(spec);
}

static void callers_members_go_over_the_preset_one_by_one(void **state)
{
    (void)state;
    static const struct {
        const char *body, *pointer, *value;
    } cases[] = {
        /* the same type keeps the preset's other members */
        {"{" DS ",\"preset\":\"paper\",\"field\":{\"encoding\":{\"sigma\":4}}}",
         "/field/encoding/n_frequencies", "256"},
        {"{" DS ",\"preset\":\"paper\",\"field\":{\"encoding\":{\"sigma\":4}}}",
         "/field/encoding/sigma", "4.0"},
        {"{" DS ",\"preset\":\"fast\",\"field\":{\"encoding\":{\"type\":\"hashgrid\"}}}",
         "/field/encoding/n_levels", "12"},
        /* another type takes its own defaults */
        {"{" DS ",\"preset\":\"paper\",\"field\":{\"encoding\":{\"type\":\"positional\"}}}",
         "/field/encoding",
         "{\"type\":\"positional\",\"n_frequencies\":128,\"scale\":6.0,\"normalize\":false,"
         "\"rotate\":false,\"trainable\":false}"},
        {"{" DS ",\"field\":{\"encoding\":{\"type\":\"none\"}}}", "/field/encoding",
         "{\"type\":\"none\",\"input_range\":[0.0,1.0]}"},
        {"{" DS ",\"field\":{\"encoding\":{\"type\":\"none\",\"input_range\":[-1,1]}}}",
         "/field/encoding/input_range", "[-1,1]"},
        {"{" DS ",\"field\":{\"encoding\":{\"type\":\"basic\",\"normalize\":true}}}",
         "/field/encoding",
         "{\"type\":\"basic\",\"normalize\":true,\"rotate\":false,\"trainable\":false}"},
        {"{" DS ",\"field\":{\"encoding\":{\"type\":\"octave\"}}}", "/field/encoding/n_octaves",
         "8"},
        /* optimizers and schedules: names, objects, and the name where that says the same */
        {"{" DS ",\"preset\":\"paper\"}", "/train/optimizer", "\"adam\""},
        {"{" DS ",\"preset\":\"paper\",\"train\":{\"optimizer\":\"sgd\"}}", "/train/optimizer",
         "\"sgd\""},
        {"{" DS ",\"preset\":\"paper\",\"train\":{\"optimizer\":{\"beta2\":0.99}}}",
         "/train/optimizer", "{\"type\":\"adam\",\"beta1\":0.9,\"beta2\":0.99,\"epsilon\":1e-8}"},
        {"{" DS
         ",\"preset\":\"paper\",\"train\":{\"optimizer\":{\"type\":\"adam\",\"beta1\":0.9}}}",
         "/train/optimizer", "\"adam\""},
        {"{" DS ",\"preset\":\"paper\",\"train\":{\"schedule\":{\"type\":\"exponential\"}}}",
         "/train/schedule", "\"exponential\""},
        {"{" DS ",\"preset\":\"paper\",\"train\":{\"schedule\":\"hold\"}}", "/train/schedule",
         "\"hold\""},
        {"{" DS ",\"train\":{\"schedule\":{\"type\":\"hold\",\"hold\":0.5}}}", "/train/schedule",
         "{\"type\":\"hold\",\"hold\":0.5,\"floor\":0.0,\"warmup_steps\":0}"},
        {"{" DS ",\"preset\":\"fast\",\"train\":{\"schedule\":{\"floor\":0.01}}}",
         "/train/schedule", "{\"type\":\"hold\",\"hold\":0.7,\"floor\":0.01,\"warmup_steps\":0}"},
        /* the end of training */
        {"{" DS ",\"train\":{\"steps\":100}}", "/train/time_limit_seconds", "null"},
        {"{" DS ",\"train\":{\"steps\":100,\"time_limit_seconds\":5}}", "/train/time_limit_seconds",
         "5.0"},
        {"{" DS ",\"train\":{\"steps\":null}}", "/train/time_limit_seconds", "5.0"},
        {"{" DS ",\"train\":{\"target_psnr\":30}}", "/train/time_limit_seconds", "5.0"},
        {"{" DS ",\"train\":{\"early_stop\":7,\"holdout\":\"fraction\"}}", "/train/early_stop",
         "7"},
        {"{" DS ",\"preset\":\"paper\",\"train\":{\"time_limit_seconds\":5}}", "/train/steps",
         "2000"},
        {"{" DS ",\"preset\":\"paper\",\"train\":{\"steps\":null,\"target_psnr\":25.5}}",
         "/train/steps", "null"},
        /* members that come with others */
        {"{" DS ",\"train\":{\"holdout\":\"fraction\"}}", "/train/holdout_fraction", "0.1"},
        {"{" DS ",\"train\":{\"holdout\":\"odd_pixels\"}}", "/train/holdout_fraction", ""},
        {"{" DS ",\"field\":{\"network\":{\"activation\":\"sin\"}}}", "/field/network/omega",
         "30.0"},
        {"{" DS ",\"field\":{\"network\":{\"activation\":\"tanh\"}}}", "/field/network/omega", ""},
        {"{" DS ",\"field\":{\"network\":{\"n_hidden_layers\":0}}}", "/field/network/width", "64"},
        {"{" DS ",\"train\":{\"seed\":9007199254740991}}", "/train/seed", "9007199254740991"},
        {"{" DS ",\"train\":{\"precision\":\"auto\"}}", "/train/precision", "\"auto\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *spec = resolve(cases[i].body, NULL);
        char *value = value_at(spec, cases[i].pointer);
        if (strcmp(value, cases[i].value) != 0)
            fail_msg("%s\n%s is %s, not %s", cases[i].body, cases[i].pointer, value,
                     cases[i].value);
        free(value);
        json_decref(spec);
    }
}

static void a_resolved_spec_resolves_to_itself(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{" DS "}",
        "{" DS ",\"preset\":\"paper\"}",
        "{" DS ",\"train\":{\"steps\":7,\"holdout\":\"fraction\",\"optimizer\":\"sgd\"}}",
        "{" DS ",\"field\":{\"encoding\":{\"type\":\"explicit\",\"b\":[[1,0],[0.5,2]]},"
        "\"network\":{\"activation\":\"sin\"}}}",
        "{" DS ",\"train\":{\"schedule\":{\"type\":\"exponential\",\"warmup_steps\":3}}}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char *first = NULL, *second = NULL;
        json_t *spec = resolve(bodies[i], NULL);
        assert_int_equal(codec_json_text(spec, &first, NULL), STATUS_OK);
        json_t *again = resolve(first, NULL);
        assert_int_equal(codec_json_text(again, &second, NULL), STATUS_OK);
        assert_string_equal(first, second);
        mem_free(first);
        mem_free(second);
        json_decref(spec);
        json_decref(again);
    }
}

/* --- refusals --- */

static void bad_bodies_are_refused_at_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *members; /* after the dataset's id */
        const char *pointer;
        enum status status;
    } cases[] = {
        {",\"colour\":1", "/colour", STATUS_INVALID},
        {",\"a/b\":1", "/a~1b", STATUS_INVALID},
        {",\"task\":\"signal\"", "/task", STATUS_INVALID},
        {",\"task\":\"volume\"", "/task", STATUS_INVALID},
        {",\"task\":\"photo\"", "/task", STATUS_INVALID},
        {",\"task\":null", "/task", STATUS_INVALID},
        {",\"preset\":\"auto\"", "/preset", STATUS_UNSUPPORTED},
        {",\"preset\":\"slow\"", "/preset", STATUS_INVALID},
        {",\"preset\":5", "/preset", STATUS_INVALID},
        {",\"field\":null", "/field", STATUS_INVALID},
        {",\"field\":[]", "/field", STATUS_INVALID},
        {",\"field\":{\"net\":{}}", "/field/net", STATUS_INVALID},
        {",\"field\":{\"encoding\":\"gaussian\"}", "/field/encoding", STATUS_INVALID},
        {",\"field\":{\"encoding\":null}", "/field/encoding", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"wavelet\"}}", "/field/encoding/type",
         STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":7}}", "/field/encoding/type", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"gaussian\",\"n_octaves\":3}}",
         "/field/encoding/n_octaves", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"none\",\"sigma\":3}}", "/field/encoding/sigma",
         STATUS_INVALID},
        {",\"preset\":\"paper\",\"field\":{\"encoding\":{\"scale\":\"auto\"}}",
         "/field/encoding/scale", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"sigma\":\"auto\"}}", "/field/encoding/sigma", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"positional\",\"scale\":\"auto\",\"rotate\":true}}",
         "/field/encoding/scale", STATUS_UNSUPPORTED},
        {",\"field\":{\"encoding\":{\"type\":\"concat\",\"parts\":[{\"type\":\"basic\"},{\"type\":"
         "\"gaussian\",\"sigma\":\"auto\"}]}}",
         "/field/encoding/parts/1/sigma", STATUS_UNSUPPORTED},
        {",\"field\":{\"encoding\":{\"sigma\":\"big\"}}", "/field/encoding/sigma", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"sigma\":0}}", "/field/encoding/sigma", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"sigma\":-1}}", "/field/encoding/sigma", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"sigma\":10001}}", "/field/encoding/sigma", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"sigma\":null}}", "/field/encoding/sigma", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"n_frequencies\":0}}", "/field/encoding/n_frequencies",
         STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"n_frequencies\":4097}}", "/field/encoding/n_frequencies",
         STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"n_frequencies\":256.0}}", "/field/encoding/n_frequencies",
         STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"n_frequencies\":\"256\"}}", "/field/encoding/n_frequencies",
         STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"normalize\":1}}", "/field/encoding/normalize",
         STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"none\",\"input_range\":[0]}}",
         "/field/encoding/input_range", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"none\",\"input_range\":[0,\"1\"]}}",
         "/field/encoding/input_range/1", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"explicit\"}}", "/field/encoding/b", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"explicit\",\"b\":[]}}", "/field/encoding/b",
         STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"explicit\",\"b\":[[1,2],[1]]}}",
         "/field/encoding/b/1", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"explicit\",\"b\":[[1,2e6]]}}",
         "/field/encoding/b/0/1", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"explicit\",\"b\":[[1,2]],\"a\":[1,2]}}",
         "/field/encoding/a", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"explicit\",\"b\":[[1,2]],\"a\":[null]}}",
         "/field/encoding/a/0", STATUS_INVALID},
        {",\"field\":{\"network\":{\"width\":0}}", "/field/network/width", STATUS_INVALID},
        {",\"field\":{\"network\":{\"width\":2049}}", "/field/network/width", STATUS_INVALID},
        {",\"field\":{\"network\":{\"width\":true}}", "/field/network/width", STATUS_INVALID},
        {",\"field\":{\"network\":{\"n_hidden_layers\":17}}", "/field/network/n_hidden_layers",
         STATUS_INVALID},
        {",\"field\":{\"network\":{\"n_hidden_layers\":-1}}", "/field/network/n_hidden_layers",
         STATUS_INVALID},
        {",\"field\":{\"network\":{\"activation\":\"gelu\"}}", "/field/network/activation",
         STATUS_INVALID},
        {",\"field\":{\"network\":{\"activation\":\"\"}}", "/field/network/activation",
         STATUS_INVALID},
        {",\"field\":{\"network\":{\"activation\":\"sigmoid\"}}", "/field/network/activation",
         STATUS_INVALID},
        {",\"field\":{\"network\":{\"output_activation\":\"tanh\"}}",
         "/field/network/output_activation", STATUS_INVALID},
        {",\"field\":{\"network\":{\"omega\":30}}", "/field/network/omega", STATUS_INVALID},
        {",\"train\":null", "/train", STATUS_INVALID},
        {",\"train\":{\"steps\":0}", "/train/steps", STATUS_INVALID},
        {",\"train\":{\"steps\":10000001}", "/train/steps", STATUS_INVALID},
        {",\"train\":{\"steps\":1e3}", "/train/steps", STATUS_INVALID},
        {",\"train\":{\"steps\":\"many\"}", "/train/steps", STATUS_INVALID},
        {",\"preset\":\"paper\",\"train\":{\"steps\":null}", "/train/steps", STATUS_INVALID},
        {",\"train\":{\"time_limit_seconds\":null}", "/train/steps", STATUS_INVALID},
        {",\"train\":{\"time_limit_seconds\":0}", "/train/time_limit_seconds", STATUS_INVALID},
        {",\"train\":{\"target_psnr\":-3}", "/train/target_psnr", STATUS_INVALID},
        {",\"train\":{\"early_stop\":20}", "/train/early_stop", STATUS_INVALID}, /* no holdout */
        {",\"preset\":\"paper\",\"train\":{\"early_stop\":0}", "/train/early_stop", STATUS_INVALID},
        {",\"preset\":\"paper\",\"train\":{\"early_stop\":true}", "/train/early_stop",
         STATUS_INVALID},
        {",\"train\":{\"batch_size\":0}", "/train/batch_size", STATUS_INVALID},
        {",\"train\":{\"batch_size\":1048577}", "/train/batch_size", STATUS_INVALID},
        {",\"train\":{\"learning_rate\":0}", "/train/learning_rate", STATUS_INVALID},
        {",\"train\":{\"learning_rate\":10.01}", "/train/learning_rate", STATUS_INVALID},
        {",\"train\":{\"learning_rate\":null}", "/train/learning_rate", STATUS_INVALID},
        {",\"train\":{\"optimizer\":\"lion\"}", "/train/optimizer", STATUS_INVALID},
        {",\"train\":{\"optimizer\":null}", "/train/optimizer", STATUS_INVALID},
        {",\"train\":{\"optimizer\":{\"type\":\"lion\"}}", "/train/optimizer/type", STATUS_INVALID},
        {",\"train\":{\"optimizer\":{\"type\":\"sgd\",\"beta1\":0.9}}", "/train/optimizer/beta1",
         STATUS_INVALID},
        {",\"train\":{\"optimizer\":{\"beta1\":1}}", "/train/optimizer/beta1", STATUS_INVALID},
        {",\"train\":{\"schedule\":\"step\"}", "/train/schedule", STATUS_INVALID},
        {",\"train\":{\"schedule\":{\"type\":\"hold\",\"hold\":1}}", "/train/schedule/hold",
         STATUS_INVALID},
        {",\"train\":{\"schedule\":{\"floor\":2}}", "/train/schedule/floor", STATUS_INVALID},
        {",\"train\":{\"loss\":\"l1\"}", "/train/loss", STATUS_INVALID},
        {",\"train\":{\"loss\":\"bce\"},\"field\":{\"network\":{\"output_activation\":\"linear\"}}",
         "/train/loss", STATUS_INVALID},
        {",\"train\":{\"precision\":\"fp64\"}", "/train/precision", STATUS_INVALID},
        {",\"train\":{\"seed\":-1}", "/train/seed", STATUS_INVALID},
        {",\"train\":{\"seed\":9007199254740992}", "/train/seed", STATUS_INVALID},
        {",\"train\":{\"seed\":0.5}", "/train/seed", STATUS_INVALID},
        {",\"train\":{\"holdout\":\"even\"}", "/train/holdout", STATUS_INVALID},
        {",\"train\":{\"holdout_fraction\":0.1}", "/train/holdout_fraction", STATUS_INVALID},
        {",\"train\":{\"holdout\":\"fraction\",\"holdout_fraction\":0}", "/train/holdout_fraction",
         STATUS_INVALID},
        {",\"train\":{\"holdout\":\"fraction\",\"holdout_fraction\":1}", "/train/holdout_fraction",
         STATUS_INVALID},
        {",\"train\":{\"lr\":1}", "/train/lr", STATUS_INVALID},
        {",\"measure\":null", "/measure", STATUS_INVALID},
        {",\"measure\":{\"n_angles\":20}", "/measure/n_angles", STATUS_INVALID},
        {",\"labels\":[]", "/labels", STATUS_INVALID},
        {",\"labels\":null", "/labels", STATUS_INVALID},
        {",\"labels\":{\"a\":1}", "/labels/a", STATUS_INVALID},
        {",\"labels\":{\"a\":\"\"}", "/labels/a", STATUS_INVALID},
        {",\"labels\":{\"a:b\":\"c\"}", "/labels/a:b", STATUS_INVALID},
        {",\"labels\":{\"a\":\"line\\nline\"}", "/labels/a", STATUS_INVALID},
        {",\"labels\":{\"a\":\"turned\\u202e\"}", "/labels/a", STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text, "{" DS "%s}", cases[i].members);
        struct problem_list problems = {0};
        json_t *body = body_of(text), *spec = NULL, *labels = NULL;
        enum status status = codec_spec_resolve(body, &picture, 0, &spec, &labels, NULL, &problems);
        if (status != cases[i].status || problems.n != 1 ||
            strcmp(problems.item[0].pointer, cases[i].pointer) != 0)
            fail_msg("%s: %s, %zu problems, %s %s", text, status_name(status), problems.n,
                     problems.item[0].pointer, problems.item[0].detail);
        assert_null(spec);
        assert_null(labels);
        json_decref(body);
    }
}

static void words_name_subject_range_and_what_was_given(void **state)
{
    (void)state;
    static const struct {
        const char *members, *detail;
    } cases[] = {
        {",\"field\":{\"network\":{\"width\":4096}}",
         "'width' must be an integer in 1..2048, got 4096"},
        {",\"train\":{\"learning_rate\":0}", "'learning_rate' must be a number in (0, 10], got 0"},
        {",\"train\":{\"batch_size\":2e6}",
         "'batch_size' must be an integer in 1..1048576 or \"auto\", got 2000000.0"},
        {",\"train\":{\"steps\":\"x\"}",
         "'steps' must be an integer in 1..10000000 or null, got \"x\""},
        {",\"train\":{\"loss\":{}}", "'loss' must be one of mse bce mape, got an object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, "{" DS "%s}", cases[i].members);
        struct problem_list problems = {0};
        json_t *body = body_of(text), *spec = NULL, *labels = NULL;
        assert_int_equal(codec_spec_resolve(body, &picture, 0, &spec, &labels, NULL, &problems),
                         STATUS_INVALID);
        assert_string_equal(problems.item[0].detail, cases[i].detail);
        json_decref(body);
    }
}

static void all_problems_are_told_at_once(void **state)
{
    (void)state;
    struct problem_list problems = {0};
    json_t *spec = NULL, *labels = NULL;
    json_t *body = body_of("{" DS ",\"more\":1,\"field\":{\"encoding\":{\"sigma\":-1},"
                           "\"network\":{\"width\":0,\"depth\":2}},\"train\":{\"steps\":0,"
                           "\"optimizer\":\"lion\"},\"labels\":{\"a\":1}}");
    assert_int_equal(codec_spec_resolve(body, &picture, 0, &spec, &labels, NULL, &problems),
                     STATUS_INVALID);
    assert_int_equal(problems.n, 7);
    json_decref(body);
}

static void dataset_ids_have_their_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_ok;
    } cases[] = {
        {"{" DS "}", true},
        {"{}", false},
        {"{\"dataset_id\":null}", false},
        {"{\"dataset_id\":7}", false},
        {"{\"dataset_id\":\"\"}", false},
        {"{\"dataset_id\":\"job_01jd6v7m8rkq2w5x9c4t3b1nfe\"}", false},
        {"{\"dataset_id\":\"ds_1\"}", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char id[ID_SIZE];
        struct problem_list problems = {0};
        json_t *body = body_of(cases[i].text);
        enum status status = codec_spec_dataset_id(body, id, &problems);
        assert_int_equal(status == STATUS_OK, cases[i].is_ok);
        if (!cases[i].is_ok)
            assert_string_equal(problems.item[0].pointer, "/dataset_id");
        json_decref(body);
    }
}

static void pictures_too_small_to_hold_out_are_refused(void **state)
{
    (void)state;
    char small[] = "{\"shape\":[1,64,1]}", pixel[] = "{\"shape\":[1,1,1]}";
    struct dataset_row row = picture;
    static const char *const bodies[] = {
        "{" DS ",\"preset\":\"paper\"}",
        "{" DS ",\"train\":{\"holdout\":\"fraction\"}}",
    };
    for (size_t i = 0; i < 2; i++) {
        struct problem_list problems = {0};
        json_t *body = body_of(bodies[i]), *spec = NULL, *labels = NULL;
        row.info_json = i == 0 ? small : pixel;
        assert_int_equal(codec_spec_resolve(body, &row, 0, &spec, &labels, NULL, &problems),
                         STATUS_INVALID);
        assert_string_equal(problems.item[0].pointer, "/train/holdout");
        json_decref(body);
    }
}

/* --- resume --- */

static void resume_sets_steps_and_clears_the_time_limit(void **state)
{
    (void)state;
    char *text = NULL;
    json_t *parent_spec = resolve(
        "{" DS ",\"train\":{\"steps\":null,\"time_limit_seconds\":5,\"target_psnr\":30}}", NULL);
    assert_int_equal(codec_json_text(parent_spec, &text, NULL), STATUS_OK);
    struct job_row parent = {.spec_json = text, .checkpoint_step = 100, .stopped_by = "time_limit"};
    struct problem_list problems = {0};
    json_t *body = body_of("{\"train\":{\"steps\":200}}"), *spec = NULL;
    uint64_t steps = 0;
    assert_int_equal(codec_spec_resume(body, &parent, &spec, &steps, &problems), STATUS_OK);
    assert_int_equal(steps, 200);
    expect(spec, "/train/steps", "200");
    expect(spec, "/train/time_limit_seconds", "null");
    expect(spec, "/train/target_psnr", "30.0");
    json_decref(spec);
    snprintf(parent.stopped_by, sizeof parent.stopped_by, "target_psnr");
    assert_int_equal(codec_spec_resume(body, &parent, &spec, &steps, &problems), STATUS_OK);
    expect(spec, "/train/target_psnr", "null");
    json_decref(spec);
    parent.spec_json = "{\"train\":{\"early_stop\":7}}";
    assert_int_equal(codec_spec_resume(body, &parent, &spec, &steps, &problems), STATUS_OK);
    expect(spec, "/train/early_stop", "7");
    json_decref(spec);
    snprintf(parent.stopped_by, sizeof parent.stopped_by, "early_stop");
    assert_int_equal(codec_spec_resume(body, &parent, &spec, &steps, &problems), STATUS_OK);
    expect(spec, "/train/early_stop", "null");
    json_decref(spec);
    json_decref(body);

    static const struct {
        const char *text, *pointer;
    } bad[] = {
        {"{}", "/train/steps"},
        {"{\"train\":{}}", "/train/steps"},
        {"{\"train\":{\"steps\":100}}", "/train/steps"},
        {"{\"train\":{\"steps\":null}}", "/train/steps"},
        {"{\"train\":{\"steps\":10000001}}", "/train/steps"},
        {"{\"train\":{\"steps\":200,\"seed\":1}}", "/train/seed"},
        {"{\"train\":{\"steps\":200},\"field\":{}}", "/field"},
        {"{\"train\":5}", "/train"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        problems = (struct problem_list){0};
        body = body_of(bad[i].text);
        assert_int_equal(codec_spec_resume(body, &parent, &spec, &steps, &problems),
                         STATUS_INVALID);
        assert_string_equal(problems.item[0].pointer, bad[i].pointer);
        json_decref(body);
    }
    mem_free(text);
    json_decref(parent_spec);
}

/* --- reading specs back --- */

static void specs_that_are_not_ours_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"task\":\"image\"}",
        "{\"task\":\"image\",\"field\":{},\"train\":{}}",
        "{\"task\":\"image\",\"field\":{\"encoding\":{\"type\":\"basic\"},\"network\":{}}}",
        "{\"task\":\"ct\"}",
    };
    const struct spec_facts facts = spec_facts_of_image(64, 48, 3);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct spec s;
        struct error err = {0};
        assert_int_equal(codec_spec_read(texts[i], &facts, &s, &err), STATUS_INVALID);
    }
}

#define MANY_OUTPUTS                                                                               \
    "{\"n_outputs\":65,\"domain\":{\"shape\":[1,1],\"source_from_unit\":"                          \
    "{\"matrix\":[[1,0],[0,1]],\"offset\":[0,0]}}}"

static void summaries_tell_domain_and_sizes(void **state)
{
    (void)state;
    struct spec s;
    char *text = NULL;
    struct spec_facts facts = spec_facts_of_image(64, 48, 3);
    struct spec_facts back;
    json_t *spec = resolve("{" DS ",\"field\":{\"encoding\":{\"type\":\"none\"},"
                           "\"network\":{\"n_hidden_layers\":1,\"width\":8}}}",
                           &s);
    json_t *summary = codec_spec_summary(&s, &facts);
    expect(summary, "/n_inputs", "2");
    expect(summary, "/n_outputs", "3");
    expect(summary, "/n_parameters", "51"); /* 2·8 + 8 + 8·3 + 3 */
    expect(summary, "/domain/shape", "[48,64]");
    expect(summary, "/domain/bbox", "[0.0,0.0,64.0,48.0]");
    expect(summary, "/domain/source_from_unit/matrix", "[[64.0,0.0],[0.0,48.0]]");
    assert_int_equal(codec_json_text(summary, &text, NULL), STATUS_OK);
    assert_int_equal(codec_spec_summary_facts(text, &back, NULL), STATUS_OK);
    facts.units = NULL; /* what a summary does not need again */
    assert_memory_equal(&back, &facts, sizeof facts);
    mem_free(text);
    json_decref(summary);
    json_decref(spec);
    spec_deinit(&s);
    static const char *const bad[] = {
        "{}",
        "5",
        "{\"n_outputs\":3,\"domain\":{\"shape\":[0,5]}}",
        "{\"n_outputs\":3,\"domain\":{\"shape\":[5,5]}}",
        "{\"n_outputs\":3,\"domain\":{\"shape\":[5,99999999999]}}",
        MANY_OUTPUTS,
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(codec_spec_summary_facts(bad[i], &back, NULL), STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_dataset_is_needed),
        cmocka_unit_test(the_paper_preset_is_the_papers),
        cmocka_unit_test(callers_members_go_over_the_preset_one_by_one),
        cmocka_unit_test(a_resolved_spec_resolves_to_itself),
        cmocka_unit_test(bad_bodies_are_refused_at_their_place),
        cmocka_unit_test(words_name_subject_range_and_what_was_given),
        cmocka_unit_test(all_problems_are_told_at_once),
        cmocka_unit_test(dataset_ids_have_their_form),
        cmocka_unit_test(pictures_too_small_to_hold_out_are_refused),
        cmocka_unit_test(resume_sets_steps_and_clears_the_time_limit),
        cmocka_unit_test(specs_that_are_not_ours_are_refused),
        cmocka_unit_test(summaries_tell_domain_and_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
