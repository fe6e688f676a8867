/*
 * "fit": a dataset and a resolved spec become a field.
 *
 *   loading      decode, make field, task and trainer; go on from the checkpoint, if there is one
 *   tuning       what is left to the data is chosen (core/field/tune.h), once: from then on the
 *                job's spec has it
 *   training     the trainer's sink tells metrics, progress, snapshots, checkpoints
 *   evaluating   all samples; the points stand at the last step
 *   saving       a last checkpoint (what a resume goes on from), then weights and result
 *
 * Stopped on the way, it leaves a snapshot and a checkpoint and returns CANCELED.  Nothing that is
 * computed depends on time or on how often it was stopped, but for ends by time.
 */
#include <math.h>
#include <string.h>

#include "api/codec/codec_json.h"
#include "api/codec/codec_spec.h"
#include "api/codec/codec_tuning.h"
#include "api/jobs.h"
#include "api/jobs_load.h"
#include "api/jobs_outlook.h"
#include "api/look_ahead.h"
#include "core/base/mem.h"
#include "core/base/monotonic.h"
#include "core/base/parallel.h"
#include "core/format/safetensors.h"
#include "core/nn/kernel.h"
#include "server/log.h"

static const size_t max_file_bytes = (size_t)4 << 30; /* weights of 0.3 GB, moments, a margin */

struct fit {
    struct worker *worker;
    struct spec spec;
    struct spec_facts facts;
    struct data data;
    struct team *team;
    struct field *field;
    struct task *task;
    struct trainer *trainer;
    struct outlook outlook;
    struct tune_choice chosen; /* n is 0: nothing was left to the data */
    char *spec_text;           /* of the weights' metadata */
    char *summary_text;        /* the same, and the worker's summary */
    uint64_t first_step;       /* of this attempt … */
    double first_seconds;      /* … for the pace */
    double evaluation_start;
};

static void fit_deinit(struct fit *f)
{
    trainer_free(f->trainer);
    task_free(f->task);
    field_free(f->field);
    team_free(f->team);
    data_deinit(&f->data);
    spec_deinit(&f->spec);
    mem_free(f->spec_text);
    mem_free(f->summary_text);
}

/* --- loading --- */

/* The spec as the weights keep it: no ids, so that equal fits give equal bytes; what was left to
 * the data as it was chosen; no b and a, which are tensors of the same file. */
static enum status make_spec_text(const struct fit *f, char **out, struct error *err)
{
    json_t *spec = NULL;
    enum status status = codec_json_own(worker_spec(f->worker), &spec, err);
    if (status != STATUS_OK)
        return status;
    json_t *kept =
        json_pack("{s:O, s:O, s:O, s:O*}", "task", json_object_get(spec, "task"), "field",
                  json_object_get(spec, "field"), "train", json_object_get(spec, "train"),
                  "measure", json_object_get(spec, "measure"));
    json_t *encoding = json_object_get(json_object_get(kept, "field"), "encoding");
    if (json_object_get(encoding, "b")) {
        json_object_del(encoding, "b");
        json_object_del(encoding, "a");
    }
    if (f->chosen.n > 0 && json_object_set_new(encoding, tune_member_name(f->spec.tuned),
                                               json_real(f->chosen.value)) != 0) {
        json_decref(kept);
        kept = NULL;
    }
    status = codec_json_text(kept, out, err);
    json_decref(kept);
    json_decref(spec);
    return status;
}

static enum status make_texts(struct fit *f, struct error *err)
{
    json_t *summary = codec_spec_summary(&f->spec, &f->facts);
    enum status status = codec_json_text(summary, &f->summary_text, err);
    json_decref(summary);
    if (status != STATUS_OK)
        return status;
    return make_spec_text(f, &f->spec_text, err);
}

/* What was left to the data, as it was chosen.  A later attempt finds the number in its spec. */
static enum status tell_choice(struct fit *f, const struct look_ahead *ahead, struct error *err)
{
    char *text = NULL;
    json_t *tuning = codec_tuning(f->spec.tuned, &ahead->chosen, ahead->choice_seconds);
    enum status status = codec_json_text(tuning, &text, err);
    json_decref(tuning);
    if (status == STATUS_OK)
        worker_tuning(f->worker, tune_member_name(f->spec.tuned), ahead->chosen.value, text);
    mem_free(text);
    f->chosen = ahead->chosen;
    return status;
}

/* What the data say before training: of settings that are left to them, and of what will come. */
static enum status look_ahead(struct fit *f, struct error *err)
{
    size_t n;
    const bool is_later = worker_checkpoint(f->worker, &n) != NULL; /* all has been said */
    struct look_ahead ahead;
    struct error why = {0};
    if (is_later && f->spec.tuned == TUNE_NOTHING)
        return STATUS_OK;
    if (look_ahead_check(&f->spec, &why) != STATUS_OK) {
        outlook_none(&f->outlook, why.message);
        return STATUS_OK;
    }
    if (f->spec.tuned != TUNE_NOTHING)
        worker_phase(f->worker, "tuning");
    enum status status = look_ahead_make(&ahead, &f->spec, f->task, worker_stop(f->worker), err);
    if (status == STATUS_OK && ahead.chosen.n > 0)
        status = tell_choice(f, &ahead, err);
    if (status == STATUS_OK)
        outlook_open(&f->outlook, &ahead, f->spec.train.time_limit_seconds);
    return status;
}

static enum status make_trainer(struct fit *f, struct error *err)
{
    const struct kernel *kernel = kernel_find(worker_isa(f->worker));
    if (!kernel)
        return error_set(err, STATUS_INTERNAL, "", "this processor cannot run kernels '%s'",
                         worker_isa(f->worker));
    enum status status = field_create(&f->field, &f->spec.field, kernel, err);
    if (status != STATUS_OK)
        return status;
    field_init(f->field, &f->spec.field, f->spec.train.seed);
    if (f->spec.train.precision == PRECISION_AUTO) { /* queued before jobs were settled */
        const struct arithmetic arithmetic = arithmetic_of(worker_isa(f->worker));
        f->spec.train.precision =
            precision_settle(f->spec.train.precision, &f->spec.field, &arithmetic);
    }
    return trainer_create(&f->trainer, &f->spec.train, f->field, f->task, f->team, err);
}

static enum status load(struct fit *f, struct error *err)
{
    worker_phase(f->worker, "loading");
    enum status status =
        jobs_load_dataset(f->worker, worker_spec(f->worker), &f->spec, &f->facts, &f->data, err);
    if (status == STATUS_OK)
        status = jobs_make_task(f->worker, &f->spec, &f->data, &f->team, &f->task, err);
    if (status == STATUS_OK)
        status = look_ahead(f, err);
    if (status == STATUS_OK)
        status = make_texts(f, err);
    if (status == STATUS_OK)
        status = make_trainer(f, err);
    if (status != STATUS_OK)
        return status;
    size_t n;
    const uint8_t *checkpoint = worker_checkpoint(f->worker, &n);
    struct error why = {0};
    status = checkpoint ? trainer_load(f->trainer, checkpoint, n, &why) : STATUS_OK;
    if (status != STATUS_OK) /* ours: no bytes of it are a user's */
        return error_set(err, status == STATUS_NO_MEMORY ? status : STATUS_INTERNAL, "",
                         "the checkpoint cannot be read: %s", why.message);
    f->first_step = trainer_get_step(f->trainer);
    f->first_seconds = trainer_get_seconds(f->trainer);
    worker_summary(f->worker, f->summary_text);
    return STATUS_OK;
}

/* --- what leaves the process --- */

static enum status save_weights(const struct fit *f, uint64_t step, struct buffer *out,
                                struct error *err)
{
    char step_text[24];
    snprintf(step_text, sizeof step_text, "%llu", (unsigned long long)step);
    const struct tensor_metadata metadata[] = {
        {"format", "farfield-field-1"},
        {"spec", f->spec_text},
        {"step", step_text},
        {"summary", f->summary_text},
    };
    return field_save(f->field, metadata, sizeof metadata / sizeof *metadata, out, err);
}

/* One that cannot be made is left out: the next comes soon, and the result does not need it. */
static void log_left_out(const char *what, const struct error *err)
{
    log_event(LOG_WARN, "left out", LOG_TEXT("what", what), LOG_TEXT("detail", err->message),
              LOG_END);
}

static void send_snapshot(const struct fit *f, uint64_t step)
{
    struct error err = {0};
    struct buffer bytes;
    buffer_init(&bytes, max_file_bytes);
    if (save_weights(f, step, &bytes, &err) == STATUS_OK)
        worker_snapshot(f->worker, step, bytes.data, bytes.size);
    else
        log_left_out("snapshot", &err);
    buffer_deinit(&bytes);
}

static void send_checkpoint(const struct fit *f, uint64_t step)
{
    struct error err = {0};
    struct buffer bytes;
    buffer_init(&bytes, max_file_bytes);
    if (trainer_save(f->trainer, f->spec_text, &bytes, &err) == STATUS_OK)
        worker_save_checkpoint(f->worker, step, bytes.data, bytes.size);
    else
        log_left_out("checkpoint", &err);
    buffer_deinit(&bytes);
}

/* --- training --- */

static double progress_of(const struct train_spec *train, uint64_t step, double seconds)
{
    double by_steps = train->steps > 0 ? (double)step / (double)train->steps : 0.0;
    double by_time = train->time_limit_seconds > 0.0 ? seconds / train->time_limit_seconds : 0.0;
    return fmin(1.0, fmax(by_steps, by_time));
}

/* Seconds to the nearest end at this attempt's pace; negative: unknown. */
static double eta_of(const struct fit *f, uint64_t step, double seconds)
{
    const struct train_spec *train = &f->spec.train;
    double eta = -1.0;
    if (train->steps > 0 && step > f->first_step)
        eta = (seconds - f->first_seconds) / (double)(step - f->first_step) *
              (double)(train->steps - step);
    if (train->time_limit_seconds > 0.0) {
        const double left = fmax(0.0, train->time_limit_seconds - seconds);
        eta = eta < 0.0 ? left : fmin(eta, left);
    }
    return eta;
}

static void on_metric(void *context, const char *key, uint64_t step, double value, double seconds)
{
    struct fit *f = context;
    worker_metric(f->worker, key, step, value, seconds);
    outlook_metric(&f->outlook, key, step, value, seconds);
}

static void on_progress(void *context, uint64_t step, double seconds)
{
    struct fit *f = context;
    outlook_progress(&f->outlook, step, seconds);
    worker_report(f->worker, step, seconds, progress_of(&f->spec.train, step, seconds),
                  eta_of(f, step, seconds), false);
}

static void on_snapshot(void *context, const struct field *field, uint64_t step)
{
    (void)field; /* the fit's own */
    send_snapshot(context, step);
}

static void on_checkpoint(void *context, uint64_t step)
{
    send_checkpoint(context, step);
}

static bool is_finite(const struct field *field)
{
    const float *params = field_params_const(field);
    for (size_t i = 0; i < field_n_params(field); i++)
        if (!isfinite(params[i]))
            return false;
    return true;
}

/* What a stopped fit leaves behind. */
static void leave(const struct fit *f)
{
    const uint64_t step = trainer_get_step(f->trainer);
    if (step == 0 || !is_finite(f->field))
        return;
    send_snapshot(f, step);
    send_checkpoint(f, step);
}

/* --- the end --- */

/* Of a large picture the last evaluation may take longer than the training. */
static void on_evaluation(void *context, double done)
{
    const struct fit *f = context;
    const double eta = (monotonic_seconds() - f->evaluation_start) * (1.0 - done) / done;
    worker_report(f->worker, trainer_get_step(f->trainer), trainer_get_seconds(f->trainer), 1.0,
                  eta, false);
}

/* All samples, told at the last step, and as {"psnr": …} for the field. */
static enum status evaluate(struct fit *f, json_t *metrics, struct error *err)
{
    const struct task_evaluation full = {
        .effort = EVALUATE_FULL,
        .stop = worker_stop(f->worker),
        .progress = on_evaluation,
        .context = f,
    };
    struct task_metrics all = {0};
    const uint64_t step = trainer_get_step(f->trainer);
    const double seconds = trainer_get_seconds(f->trainer);
    worker_phase(f->worker, "evaluating");
    f->evaluation_start = monotonic_seconds();
    enum status status = f->task->class->evaluate(f->task, f->field, f->team, &full, &all, err);
    if (status != STATUS_OK)
        return status;
    if (f->spec.train.early_stop > 0)
        task_metrics_add(&all, "best_step", (double)trainer_get_field_step(f->trainer));
    for (size_t i = 0; i < all.n; i++) {
        const struct task_metric *m = &all.metric[i];
        if (!isfinite(m->value))
            return error_set(err, STATUS_DIVERGED, "", "'%s' is not finite after step %llu", m->key,
                             (unsigned long long)step);
        worker_metric(f->worker, m->key, step, m->value, seconds);
        if (json_object_set_new(metrics, m->key, codec_json_measured(m->value)) != 0)
            return error_status(err, STATUS_NO_MEMORY);
    }
    worker_report(f->worker, step, seconds, 1.0, 0.0, true);
    return STATUS_OK;
}

static enum status finish(const struct fit *f, const json_t *metrics, enum trainer_stop stopped_by,
                          struct error *err)
{
    const uint64_t step = trainer_get_step(f->trainer);
    char *metrics_text = NULL;
    struct buffer weights;
    buffer_init(&weights, max_file_bytes);
    worker_phase(f->worker, "saving");
    enum status status = codec_json_text(metrics, &metrics_text, err);
    if (status == STATUS_OK)
        status = save_weights(f, trainer_get_field_step(f->trainer), &weights, err);
    if (status == STATUS_OK) {
        send_checkpoint(f, step);
        worker_result(f->worker, trainer_stop_name(stopped_by), step, f->summary_text, metrics_text,
                      weights.data, weights.size);
    }
    buffer_deinit(&weights);
    mem_free(metrics_text);
    return status;
}

enum status job_fit(struct worker *w, struct error *err)
{
    static const struct trainer_intervals intervals = {0.25, 2.0, 30.0, 0.02};
    struct fit f = {.worker = w, .outlook = {.worker = w}};
    const struct trainer_sink sink = {&f, on_metric, on_progress, on_snapshot, on_checkpoint};
    enum trainer_stop stopped_by;
    json_t *metrics = json_object();
    enum status status = load(&f, err);
    if (status != STATUS_OK)
        goto out;
    worker_phase(w, "training");
    status = trainer_run(f.trainer, &intervals, &sink, worker_stop(w), &stopped_by, err);
    if (status == STATUS_OK)
        status = evaluate(&f, metrics, err);
    if (status == STATUS_OK)
        status = finish(&f, metrics, stopped_by, err);
    if (status == STATUS_CANCELED)
        leave(&f);
out:
    json_decref(metrics);
    fit_deinit(&f);
    return status;
}
