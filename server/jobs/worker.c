#include "server/jobs/worker.h"

#include <assert.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buffer.h"
#include "core/base/mem.h"
#include "core/base/monotonic.h"
#include "core/nn/kernel.h"
#include "server/jobs/confine.h"
#include "server/jobs/worker_link.h"
#include "server/jobs/worker_message.h"
#include "server/log.h"

static const double report_interval = 0.2; /* seconds: five transactions a second for one job */

struct mapped {
    const uint8_t *bytes;
    size_t n;
};

struct worker {
    struct link_message message; /* LINK_JOB: the texts of job lie in it */
    struct message_job job;
    struct mapped dataset, checkpoint;
    struct message_report report; /* the last figures, and the points not sent yet */
    size_t points_capacity;
    double sent_at; /* when the last report went out */
    bool has_summary, has_result;
    struct error failure; /* the first thing that went wrong here */
};

/* The one thing a signal handler can reach.  Written once, to true. */
static volatile bool stop_requested;

static void request_stop(int signal)
{
    (void)signal;
    stop_requested = true;
}

const char *worker_spec(const struct worker *w)
{
    return w->job.spec;
}

size_t worker_threads(const struct worker *w)
{
    return w->job.threads;
}

const char *worker_isa(const struct worker *w)
{
    return w->job.isa;
}

const char *worker_dataset_kind(const struct worker *w)
{
    return w->job.dataset_kind;
}

const char *worker_media_type(const struct worker *w)
{
    return w->job.media_type;
}

const char *worker_info(const struct worker *w)
{
    return w->job.info_json;
}

const uint8_t *worker_dataset(const struct worker *w, size_t *n)
{
    *n = w->dataset.n;
    return w->dataset.bytes;
}

void worker_release_dataset(struct worker *w)
{
    link_unmap(w->dataset.bytes, w->dataset.n);
    w->dataset = (struct mapped){NULL, 0};
}

const uint8_t *worker_checkpoint(const struct worker *w, size_t *n)
{
    *n = w->checkpoint.n;
    return w->checkpoint.bytes;
}

const volatile bool *worker_stop(const struct worker *w)
{
    (void)w;
    return &stop_requested;
}

/* --- sending --- */

/* Remember what went wrong and ask the run function to end. */
static void note(struct worker *w, enum status status, const struct error *err)
{
    if (status == STATUS_OK || w->failure.status != STATUS_OK)
        return;
    w->failure = *err;
    stop_requested = true;
}

/* Send what `payload` holds and release it.  bytes: a descriptor of theirs goes with it, if not
 * NULL. */
static void send_message(struct worker *w, enum link_type type, struct buffer *payload,
                         enum status status, const uint8_t *bytes, size_t n, struct error *err)
{
    int descriptor = -1;
    if (status == STATUS_OK && bytes)
        status = link_memory_create(bytes, n, &descriptor, err);
    if (status == STATUS_OK)
        status = link_send(WORKER_SOCKET, type, payload->data, payload->size, &descriptor,
                           bytes ? 1 : 0, err);
    if (descriptor >= 0)
        close(descriptor);
    buffer_deinit(payload);
    note(w, status, err);
}

static void send_text(struct worker *w, enum link_type type, const char *text)
{
    struct error err = {.status = STATUS_OK};
    struct buffer payload;
    buffer_init(&payload, LINK_MAX_FRAME);
    enum status status = message_text_encode(text, &payload, &err);
    send_message(w, type, &payload, status, NULL, 0, &err);
}

static void send_step(struct worker *w, enum link_type type, uint64_t step, const uint8_t *bytes,
                      size_t n)
{
    struct error err = {.status = STATUS_OK};
    struct buffer payload;
    buffer_init(&payload, LINK_MAX_FRAME);
    enum status status = message_step_encode(step, &payload, &err);
    send_message(w, type, &payload, status, bytes, n, &err);
}

static void send_report(struct worker *w)
{
    struct error err = {.status = STATUS_OK};
    struct buffer payload;
    buffer_init(&payload, LINK_MAX_FRAME);
    enum status status = message_report_encode(&w->report, &payload, &err);
    send_message(w, LINK_REPORT, &payload, status, NULL, 0, &err);
    w->report.n_points = 0;
    w->sent_at = monotonic_seconds();
}

void worker_phase(struct worker *w, const char *phase)
{
    send_text(w, LINK_PHASE, phase);
}

void worker_summary(struct worker *w, const char *summary_json)
{
    w->has_summary = true;
    send_text(w, LINK_SUMMARY, summary_json);
}

void worker_tuning(struct worker *w, const char *member, double value, const char *tuning_json)
{
    const struct message_tuning tuning = {member, value, tuning_json};
    struct error err = {.status = STATUS_OK};
    struct buffer payload;
    buffer_init(&payload, LINK_MAX_FRAME);
    enum status status = message_tuning_encode(&tuning, &payload, &err);
    send_message(w, LINK_TUNING, &payload, status, NULL, 0, &err);
}

void worker_forecast(struct worker *w, const char *forecast_json)
{
    send_text(w, LINK_FORECAST, forecast_json);
}

void worker_metric(struct worker *w, const char *key, uint64_t step, double value, double seconds)
{
    if (!isfinite(value))
        return;
    struct message_report *r = &w->report;
    if (r->n_points == MESSAGE_MAX_POINTS)
        send_report(w);
    if (r->n_points == w->points_capacity) {
        const size_t capacity = w->points_capacity ? w->points_capacity * 2 : 64;
        struct metric_point *points = mem_realloc_array(r->points, capacity, sizeof *points);
        if (!points) {
            struct error err = {.status = STATUS_OK};
            note(w, error_status(&err, STATUS_NO_MEMORY), &err);
            return;
        }
        r->points = points;
        w->points_capacity = capacity;
    }
    struct metric_point *p = &r->points[r->n_points++];
    *p = (struct metric_point){.step = step, .value = value, .seconds = fmax(seconds, 0)};
    assert(*key && strlen(key) < sizeof p->key);
    snprintf(p->key, sizeof p->key, "%s", key);
}

void worker_report(struct worker *w, uint64_t step, double seconds, double progress,
                   double eta_seconds, bool now)
{
    w->report.step = step;
    w->report.seconds = fmax(seconds, 0);
    w->report.progress = fmin(fmax(progress, 0), 1); /* a quotient may pass 1 by a rounding */
    w->report.eta_seconds = isfinite(eta_seconds) && eta_seconds >= 0 ? eta_seconds : -1;
    if (now || monotonic_seconds() - w->sent_at >= report_interval)
        send_report(w);
}

void worker_snapshot(struct worker *w, uint64_t step, const uint8_t *weights, size_t n)
{
    assert(w->has_summary);
    send_step(w, LINK_SNAPSHOT, step, weights, n);
}

void worker_save_checkpoint(struct worker *w, uint64_t step, const uint8_t *bytes, size_t n)
{
    send_step(w, LINK_CHECKPOINT, step, bytes, n);
}

void worker_result(struct worker *w, const char *stopped_by, uint64_t step,
                   const char *summary_json, const char *metrics_json, const uint8_t *weights,
                   size_t n)
{
    const struct message_result result = {.stopped_by = stopped_by,
                                          .summary_json = summary_json,
                                          .metrics_json = metrics_json,
                                          .step = step};
    struct error err = {.status = STATUS_OK};
    struct buffer payload;
    assert(!w->has_result);
    if (w->failure.status != STATUS_OK)
        return; /* worker_main tells that */
    if (w->report.n_points > 0)
        send_report(w);
    buffer_init(&payload, LINK_MAX_FRAME);
    enum status status = message_result_encode(&result, &payload, &err);
    send_message(w, LINK_RESULT, &payload, status, weights, n, &err);
    w->has_result = w->failure.status == STATUS_OK;
}

static enum status send_error(const struct error *error, struct error *err)
{
    /* On the stack, not to be released: that there is no memory is told without any. */
    uint8_t bytes[2 * sizeof *error];
    struct buffer payload = {.data = bytes, .capacity = sizeof bytes, .max = sizeof bytes};
    enum status status = message_error_encode(error, &payload, err);
    if (status == STATUS_OK)
        status = link_send(WORKER_SOCKET, LINK_ERROR, payload.data, payload.size, NULL, 0, err);
    return status;
}

/* --- the process --- */

static enum status receive_job(struct worker *w, struct error *err)
{
    struct link_reader reader;
    link_reader_init(&reader);
    enum status status = link_read(&reader, WORKER_SOCKET, LINK_WAIT, &w->message, err);
    if (status != STATUS_OK)
        goto out;
    if (w->message.type != LINK_JOB) {
        status = error_set(err, STATUS_INVALID, "", "the first message is not a job");
        goto out;
    }
    status = message_job_decode(&w->message, &w->job, err);
    const int *descriptors = w->message.descriptors;
    if (status == STATUS_OK && descriptors[0] >= 0)
        status =
            link_map(descriptors[0], LINK_FILE, SIZE_MAX, &w->dataset.bytes, &w->dataset.n, err);
    if (status == STATUS_OK && descriptors[1] >= 0)
        status = link_map(descriptors[1], LINK_SEALED, SIZE_MAX, &w->checkpoint.bytes,
                          &w->checkpoint.n, err);
out:
    link_reader_deinit(&reader);
    return status;
}

static const struct job_kind *find_kind(const struct job_kind *kinds, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

static enum status run(struct worker *w, const struct job_kind *kinds, size_t n_kinds,
                       struct error *err)
{
    const struct job_kind *kind = find_kind(kinds, n_kinds, w->job.kind);
    if (!kind)
        return error_set(err, STATUS_UNSUPPORTED, "", "there is no kind of job '%s'", w->job.kind);
    enum status status = syscall_filter_install(kind->calls, err);
    if (status != STATUS_OK)
        return status;
    status = kind->run(w, err);
    if (w->failure.status != STATUS_OK) {
        *err = w->failure;
        return w->failure.status;
    }
    if (status == STATUS_OK && !w->has_result)
        return error_set(err, STATUS_INTERNAL, "", "the job '%s' ended without a result",
                         w->job.kind);
    return w->has_result ? STATUS_OK : status;
}

static void worker_deinit(struct worker *w)
{
    link_unmap(w->dataset.bytes, w->dataset.n);
    link_unmap(w->checkpoint.bytes, w->checkpoint.n);
    mem_free(w->report.points);
    link_message_deinit(&w->message);
}

int worker_main(const struct job_kind *kinds, size_t n_kinds)
{
    struct sigaction stop = {.sa_handler = request_stop, .sa_flags = SA_RESTART};
    struct worker w = {.report.eta_seconds = -1, .message.descriptors = {-1, -1}};
    struct error err = {.status = STATUS_OK}, unsent = {.status = STATUS_OK};
    sigaction(SIGTERM, &stop, NULL);
    size_t n_kernels;
    kernel_table(&n_kernels); /* asks the system for AMX, which a confined process may not */
    enum status status = process_confine(WORKER_SOCKET, &err);
    if (status == STATUS_OK)
        status = receive_job(&w, &err);
    if (status == STATUS_OK)
        status = run(&w, kinds, n_kinds, &err);
    if (status != STATUS_OK) {
        if (err.status == STATUS_OK)
            error_status(&err, status);
        if (w.report.n_points > 0 && w.failure.status == STATUS_OK)
            send_report(&w);
        status = send_error(&err, &unsent);
        if (status != STATUS_OK)
            log_event(LOG_ERROR, "worker failed", LOG_TEXT("detail", err.message), LOG_END);
    }
    worker_deinit(&w);
    return status == STATUS_OK ? 0 : 1;
}
