/*
 * "fit" and the field opener, without processes: the functions of server/jobs/worker.h are played
 * by this file (they come first, so the linker takes these).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "api/codec/codec_json.h"
#include "api/codec/codec_spec.h"
#include "api/jobs.h"
#include "core/base/buffer.h"
#include "core/base/mem.h"
#include "core/format/safetensors.h"
#include "core/nn/kernel.h"
#include "core/sample/sample.h"

struct file {
    uint8_t *bytes;
    size_t n;
    uint64_t step;
};

/* A worker that remembers what it was told. */
struct worker {
    const char *spec;
    size_t threads;
    const uint8_t *dataset;
    size_t n_dataset;
    struct file from; /* the checkpoint to go on from */
    volatile bool stop;
    uint64_t stop_at; /* step at which the stop flag rises; 0: never */

    struct file snapshot, checkpoint, weights;
    size_t n_snapshots, n_reports, n_points;
    char phases[64], stopped_by[16], summary[1024], metrics[512];
    char tuned[16], tuning[2048]; /* the member and what is told of the choice */
    size_t n_forecasts;
    double loss, psnr, last_progress, chosen;
    uint64_t last_loss_step;
};

static void keep(struct file *file, uint64_t step, const uint8_t *bytes, size_t n)
{
    mem_free(file->bytes);
    file->bytes = mem_alloc(n);
    assert_non_null(file->bytes);
    memcpy(file->bytes, bytes, n);
    file->n = n;
    file->step = step;
}

static void worker_deinit(struct worker *w)
{
    mem_free(w->snapshot.bytes);
    mem_free(w->checkpoint.bytes);
    mem_free(w->weights.bytes);
}

const char *worker_spec(const struct worker *w)
{
    return w->spec;
}

size_t worker_threads(const struct worker *w)
{
    return w->threads;
}

const char *worker_isa(const struct worker *w)
{
    (void)w;
    return "auto";
}

const char *worker_dataset_kind(const struct worker *w)
{
    (void)w;
    return "image";
}

const char *worker_media_type(const struct worker *w)
{
    (void)w;
    return "image/png";
}

const char *worker_info(const struct worker *w)
{
    (void)w;
    return "{\"shape\":[32,32,3],\"bits_per_channel\":8}";
}

const uint8_t *worker_dataset(const struct worker *w, size_t *n)
{
    *n = w->n_dataset;
    return w->dataset;
}

void worker_release_dataset(struct worker *w)
{
    w->dataset = NULL;
    w->n_dataset = 0;
}

const uint8_t *worker_checkpoint(const struct worker *w, size_t *n)
{
    *n = w->from.n;
    return w->from.bytes;
}

const volatile bool *worker_stop(const struct worker *w)
{
    return &w->stop;
}

void worker_phase(struct worker *w, const char *phase)
{
    size_t n = strlen(w->phases);
    snprintf(w->phases + n, sizeof w->phases - n, "%s ", phase);
}

void worker_summary(struct worker *w, const char *summary_json)
{
    snprintf(w->summary, sizeof w->summary, "%s", summary_json);
}

void worker_tuning(struct worker *w, const char *member, double value, const char *tuning_json)
{
    assert_string_equal(w->tuned, ""); /* once */
    snprintf(w->tuned, sizeof w->tuned, "%s", member);
    snprintf(w->tuning, sizeof w->tuning, "%s", tuning_json);
    w->chosen = value;
}

void worker_forecast(struct worker *w, const char *forecast_json)
{
    assert_non_null(strstr(forecast_json, "\"method\":"));
    w->n_forecasts++;
}

void worker_metric(struct worker *w, const char *key, uint64_t step, double value, double seconds)
{
    w->n_points++;
    if (strcmp(key, "loss") == 0) {
        w->loss = value;
        w->last_loss_step = step;
    }
    if (strcmp(key, "psnr") == 0)
        w->psnr = value;
    assert_true(seconds >= 0.0);
}

void worker_report(struct worker *w, uint64_t step, double seconds, double progress,
                   double eta_seconds, bool now)
{
    (void)now;
    (void)eta_seconds;
    assert_true(seconds >= 0.0 && progress >= 0.0 && progress <= 1.0);
    w->n_reports++;
    w->last_progress = progress;
    if (w->stop_at > 0 && step >= w->stop_at)
        w->stop = true;
}

void worker_snapshot(struct worker *w, uint64_t step, const uint8_t *weights, size_t n)
{
    w->n_snapshots++;
    keep(&w->snapshot, step, weights, n);
}

void worker_save_checkpoint(struct worker *w, uint64_t step, const uint8_t *bytes, size_t n)
{
    keep(&w->checkpoint, step, bytes, n);
}

void worker_result(struct worker *w, const char *stopped_by, uint64_t step,
                   const char *summary_json, const char *metrics_json, const uint8_t *weights,
                   size_t n)
{
    assert_string_equal(summary_json, w->summary);
    snprintf(w->stopped_by, sizeof w->stopped_by, "%s", stopped_by);
    snprintf(w->metrics, sizeof w->metrics, "%s", metrics_json);
    keep(&w->weights, step, weights, n);
}

/* --- a small picture and specs for it --- */

#define DS "\"dataset_id\":\"ds_01jd6v7m8rkq2w5x9c4t3b1nfe\""

#ifdef SANITIZED
enum { STEPS = 60 };
#else
enum { STEPS = 300 };
#endif

static struct buffer picture;

static int make_picture(void **state)
{
    (void)state;
    buffer_init(&picture, 1 << 20);
    const struct sample_spec spec = {.seed = 1, .size = 32};
    return sample_find("picture")->make(&spec, &picture, NULL) == STATUS_OK ? 0 : -1;
}

static int free_picture(void **state)
{
    (void)state;
    buffer_deinit(&picture);
    return 0;
}

/* The resolved spec of a body over the picture: mem_free. */
static char *spec_of(const char *field, const char *train)
{
    char info[] = "{\"shape\":[32,32,3]}", body_text[1024];
    struct dataset_row row = {
        .id = "ds_01jd6v7m8rkq2w5x9c4t3b1nfe", .kind = "image", .info_json = info};
    struct problem_list problems = {0};
    json_t *spec = NULL, *labels = NULL;
    char *text = NULL;
    snprintf(body_text, sizeof body_text, "{" DS ",\"preset\":\"paper\",\"field\":%s,\"train\":%s}",
             field, train);
    json_t *body = json_loads(body_text, 0, NULL);
    if (codec_spec_resolve(body, &row, 0, &spec, &labels, NULL, &problems) != STATUS_OK)
        fail_msg("%s: %s", problems.item[0].pointer, problems.item[0].detail);
    assert_int_equal(codec_json_text(spec, &text, NULL), STATUS_OK);
    json_decref(body);
    json_decref(spec);
    json_decref(labels);
    return text;
}

#define SMALL                                                                                      \
    "{\"encoding\":{\"n_frequencies\":32,\"sigma\":5},\"network\":{\"n_hidden_layers\":2,"         \
    "\"width\":32}}"

static char *small_spec(unsigned steps)
{
    char train[160];
    snprintf(train, sizeof train,
             "{\"steps\":%u,\"batch_size\":256,\"learning_rate\":0.01,\"holdout\":\"none\","
             "\"schedule\":\"cosine\"}",
             steps);
    return spec_of(SMALL, train);
}

static struct worker worker_of(const char *spec)
{
    return (struct worker){
        .spec = spec, .threads = 2, .dataset = picture.data, .n_dataset = picture.size};
}

/* --- tests --- */

static void a_fit_ends_with_weights_metrics_and_a_checkpoint(void **state)
{
    (void)state;
    char *spec = small_spec(STEPS);
    struct worker w = worker_of(spec);
    struct error err = {0};
    assert_int_equal(job_fit(&w, &err), STATUS_OK);
    assert_string_equal(w.phases, "loading training evaluating saving ");
    assert_string_equal(w.stopped_by, "steps");
    assert_string_equal(w.tuned, ""); /* nothing was left open */
    assert_int_equal(w.weights.step, STEPS);
    assert_int_equal(w.checkpoint.step, STEPS);
    assert_int_equal(w.last_loss_step, STEPS);
    assert_true(w.last_progress == 1.0);
    assert_true(w.psnr > 15.0);
    assert_non_null(strstr(w.metrics, "\"psnr\":"));
    assert_non_null(strstr(w.metrics, "\"ssim\":"));
    assert_non_null(strstr(w.summary, "\"n_outputs\":3"));
    worker_deinit(&w);
    mem_free(spec);
}

static void what_is_left_to_the_data_is_chosen_before_the_first_step(void **state)
{
    (void)state;
    char *spec = spec_of("{\"encoding\":{\"n_frequencies\":32,\"sigma\":\"auto\"},\"network\":"
                         "{\"n_hidden_layers\":1,\"width\":16}}",
                         "{\"steps\":5,\"batch_size\":64}");
    struct worker w = worker_of(spec);
    assert_int_equal(job_fit(&w, NULL), STATUS_OK);
    assert_int_equal(strncmp(w.phases, "loading tuning training ", 24), 0);
    assert_string_equal(w.tuned, "sigma");
    assert_true(w.chosen > 0);
    assert_non_null(strstr(w.tuning, "\"chosen\":"));
    assert_true(w.n_forecasts <= 1);
    worker_deinit(&w);
    mem_free(spec);
}

static void weights_say_what_they_are_and_name_no_ids(void **state)
{
    (void)state;
    char *spec = small_spec(5);
    struct worker w = worker_of(spec);
    struct safetensors *file = NULL;
    assert_int_equal(job_fit(&w, NULL), STATUS_OK);
    assert_int_equal(safetensors_parse(&file, w.weights.bytes, w.weights.n, NULL), STATUS_OK);
    assert_string_equal(safetensors_metadata(file, "format"), "farfield-field-1");
    assert_string_equal(safetensors_metadata(file, "step"), "5");
    assert_string_equal(safetensors_metadata(file, "summary"), w.summary);
    const char *kept = safetensors_metadata(file, "spec");
    assert_non_null(strstr(kept, "\"sigma\":5.0"));
    assert_null(strstr(kept, "ds_"));
    safetensors_free(file);
    worker_deinit(&w);
    mem_free(spec);
}

static void a_stopped_fit_leaves_a_snapshot_and_goes_on_to_the_same_bytes(void **state)
{
    (void)state;
    char *spec = small_spec(STEPS);
    struct worker whole = worker_of(spec), first = worker_of(spec), second = worker_of(spec);
    struct error err = {0};
    assert_int_equal(job_fit(&whole, &err), STATUS_OK);
    first.stop_at = 1;
    assert_int_equal(job_fit(&first, &err), STATUS_CANCELED);
    assert_null(first.weights.bytes);
    assert_true(first.checkpoint.step >= 1 && first.checkpoint.step < STEPS);
    assert_int_equal(first.snapshot.step, first.checkpoint.step);

    second.from = first.checkpoint;
    error_clear(&err);
    assert_int_equal(job_fit(&second, &err), STATUS_OK);
    assert_int_equal(second.weights.n, whole.weights.n);
    assert_memory_equal(second.weights.bytes, whole.weights.bytes, whole.weights.n);
    worker_deinit(&whole);
    worker_deinit(&first);
    worker_deinit(&second);
    mem_free(spec);
}

static void a_fit_that_was_stopped_before_its_first_step_leaves_nothing(void **state)
{
    (void)state;
    char *spec = small_spec(STEPS);
    struct worker w = worker_of(spec);
    w.stop = true;
    assert_int_equal(job_fit(&w, NULL), STATUS_CANCELED);
    assert_null(w.snapshot.bytes);
    assert_null(w.checkpoint.bytes);
    worker_deinit(&w);
    mem_free(spec);
}

static void a_fit_that_diverges_says_so(void **state)
{
    (void)state;
    char *spec = spec_of("{\"network\":{\"n_hidden_layers\":2,\"width\":16,"
                         "\"output_activation\":\"linear\"}}",
                         "{\"steps\":2000,\"batch_size\":64,\"learning_rate\":10,"
                         "\"optimizer\":\"sgd\",\"holdout\":\"none\"}");
    struct worker w = worker_of(spec);
    struct error err = {0};
    assert_int_equal(job_fit(&w, &err), STATUS_DIVERGED);
    assert_null(w.weights.bytes);
    worker_deinit(&w);
    mem_free(spec);
}

static void time_ends_a_fit_as_a_success(void **state)
{
    (void)state;
    char *spec = spec_of(SMALL, "{\"steps\":null,\"time_limit_seconds\":0.05,\"batch_size\":64}");
    struct worker w = worker_of(spec);
    assert_int_equal(job_fit(&w, NULL), STATUS_OK);
    assert_string_equal(w.stopped_by, "time_limit");
    assert_non_null(strstr(w.metrics, "\"test_psnr\":"));
    assert_non_null(strstr(w.metrics, "\"baseline_psnr\":"));
    worker_deinit(&w);
    mem_free(spec);
}

/* Few pixels and fast frequencies: what is held out gets worse before long.  The field is that of
 * an earlier step, the checkpoint that of the last; a fit in two attempts gives the same. */
static void a_fit_that_stops_early_gives_its_best_field(void **state)
{
    (void)state;
    char *spec = spec_of("{\"encoding\":{\"n_frequencies\":32,\"sigma\":20},"
                         "\"network\":{\"n_hidden_layers\":2,\"width\":32}}",
                         "{\"steps\":100000,\"batch_size\":256,\"learning_rate\":0.01,"
                         "\"holdout\":\"fraction\",\"holdout_fraction\":0.5,\"early_stop\":2}");
    struct worker whole = worker_of(spec), first = worker_of(spec), second = worker_of(spec);
    struct safetensors *file = NULL;
    assert_int_equal(job_fit(&whole, NULL), STATUS_OK);
    assert_string_equal(whole.stopped_by, "early_stop");
    json_t *metrics = json_loads(whole.metrics, 0, NULL);
    const double best_step = json_number_value(json_object_get(metrics, "best_step"));
    assert_int_equal(safetensors_parse(&file, whole.weights.bytes, whole.weights.n, NULL),
                     STATUS_OK);
    assert_true(best_step > 0.0 && best_step < (double)whole.checkpoint.step);
    assert_true(atof(safetensors_metadata(file, "step")) == best_step);
    assert_int_equal(whole.weights.step, whole.checkpoint.step); /* of the job */

    first.stop_at = 1;
    assert_int_equal(job_fit(&first, NULL), STATUS_CANCELED);
    second.from = first.checkpoint;
    assert_int_equal(job_fit(&second, NULL), STATUS_OK);
    assert_string_equal(second.stopped_by, "early_stop");
    assert_int_equal(second.weights.n, whole.weights.n);
    assert_memory_equal(second.weights.bytes, whole.weights.bytes, whole.weights.n);
    assert_int_equal(second.checkpoint.step, whole.checkpoint.step);
    json_decref(metrics);
    safetensors_free(file);
    worker_deinit(&whole);
    worker_deinit(&first);
    worker_deinit(&second);
    mem_free(spec);
}

static void broken_data_and_checkpoints_are_told_apart(void **state)
{
    (void)state;
    char *spec = small_spec(5);
    struct worker w = worker_of(spec);
    struct error err = {0};
    w.n_dataset = picture.size / 2;
    assert_int_equal(job_fit(&w, &err), STATUS_INVALID);
    w = worker_of(spec);
    uint8_t rubbish[] = "rubbish";
    w.from = (struct file){.bytes = rubbish, .n = sizeof rubbish};
    error_clear(&err);
    assert_int_equal(job_fit(&w, &err), STATUS_INTERNAL);
    mem_free(spec);
}

static void every_encoding_is_fitted_and_opened_to_the_same_values(void **state)
{
    (void)state;
    static const char *const encodings[] = {
        "{\"type\":\"none\",\"input_range\":[-1,1]}",
        "{\"type\":\"basic\",\"rotate\":true}",
        "{\"type\":\"positional\",\"n_frequencies\":8,\"scale\":3}",
        "{\"type\":\"octave\",\"n_octaves\":4,\"normalize\":true}",
        "{\"type\":\"gaussian\",\"n_frequencies\":8,\"trainable\":true}",
        "{\"type\":\"explicit\",\"b\":[[1,0],[0,1],[2,3]],\"a\":[1,0.5,0.25]}",
    };
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
        char field_text[256];
        snprintf(field_text, sizeof field_text,
                 "{\"encoding\":%s,\"network\":{\"n_hidden_layers\":1,\"width\":16}}",
                 encodings[i]);
        char *spec = spec_of(field_text, "{\"steps\":3,\"batch_size\":64}");
        struct worker w = worker_of(spec);
        struct field *field = NULL;
        struct error err = {0};
        assert_int_equal(job_fit(&w, &err), STATUS_OK);
        if (jobs_open_field(kernel_find(NULL), spec, w.weights.bytes, w.weights.n, &field, &err) !=
            STATUS_OK)
            fail_msg("%s: %s", encodings[i], err.message);
        assert_int_equal(field_n_outputs(field), 3);
        assert_true(field_domain(field)->matrix[0][0] == 1.0 / 32);

        struct buffer again;
        struct tensor_metadata none[1];
        struct safetensors *a = NULL, *b = NULL;
        buffer_init(&again, 1 << 24);
        assert_int_equal(field_save(field, none, 0, &again, NULL), STATUS_OK);
        assert_int_equal(safetensors_parse(&a, w.weights.bytes, w.weights.n, NULL), STATUS_OK);
        assert_int_equal(safetensors_parse(&b, again.data, again.size, NULL), STATUS_OK);
        for (size_t t = 0; t < safetensors_n_tensors(a); t++) {
            const struct tensor *x = safetensors_tensor(a, t), *y = safetensors_find(b, x->name);
            assert_memory_equal(x->data, y->data, tensor_bytes(x));
        }
        safetensors_free(a);
        safetensors_free(b);
        buffer_deinit(&again);
        field_free(field);
        worker_deinit(&w);
        mem_free(spec);
    }
}

static void weights_that_do_not_fit_the_spec_are_refused(void **state)
{
    (void)state;
    char *spec = small_spec(2);
    char *other = spec_of("{\"network\":{\"width\":16}}", "{\"steps\":2}");
    struct worker w = worker_of(spec);
    struct field *field = NULL;
    assert_int_equal(job_fit(&w, NULL), STATUS_OK);
    assert_int_equal(
        jobs_open_field(kernel_find(NULL), other, w.weights.bytes, w.weights.n, &field, NULL),
        STATUS_INVALID);
    assert_int_equal(
        jobs_open_field(kernel_find(NULL), spec, w.weights.bytes, w.weights.n / 2, &field, NULL),
        STATUS_INVALID);
    assert_int_equal(
        jobs_open_field(kernel_find(NULL), "{}", w.weights.bytes, w.weights.n, &field, NULL),
        STATUS_INVALID);
    assert_null(field);
    worker_deinit(&w);
    mem_free(spec);
    mem_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fit_ends_with_weights_metrics_and_a_checkpoint),
        cmocka_unit_test(what_is_left_to_the_data_is_chosen_before_the_first_step),
        cmocka_unit_test(weights_say_what_they_are_and_name_no_ids),
        cmocka_unit_test(a_stopped_fit_leaves_a_snapshot_and_goes_on_to_the_same_bytes),
        cmocka_unit_test(a_fit_that_was_stopped_before_its_first_step_leaves_nothing),
        cmocka_unit_test(a_fit_that_diverges_says_so),
        cmocka_unit_test(time_ends_a_fit_as_a_success),
        cmocka_unit_test(a_fit_that_stops_early_gives_its_best_field),
        cmocka_unit_test(broken_data_and_checkpoints_are_told_apart),
        cmocka_unit_test(every_encoding_is_fitted_and_opened_to_the_same_values),
        cmocka_unit_test(weights_that_do_not_fit_the_spec_are_refused),
    };
    return cmocka_run_group_tests(tests, make_picture, free_picture);
}
