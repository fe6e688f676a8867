/*
 * What a job would be, cost and, where that is asked for, be expected to reach, were it posted:
 * nothing is kept.  Only the last takes the data, which a short-lived worker reads.
 */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "api/codec/codec_args.h"
#include "api/codec/codec_forecast.h"
#include "api/codec/codec_spec.h"
#include "api/handlers/evaluation.h"
#include "api/handlers/handlers.h"
#include "api/handlers/job_plan.h"
#include "api/handlers/reply.h"
#include "api/look_ahead.h"
#include "api/service.h"
#include "api/tasks/tasks.h"
#include "core/base/mem.h"

/* Reading 256 MiB of the slowest format takes seconds, choosing and forecasting less than one. */
static const double foresee_seconds = 30.0;

/* To a tenth, as presets tell them; null where only the data or the first steps will tell. */
static json_t *seconds_or_null(double seconds)
{
    return seconds > 0.0 ? json_real(fmax(round(seconds * 10.0) / 10.0, 0.1)) : json_null();
}

static json_t *estimate_value(const struct estimate *e)
{
    json_t *steps = e->steps > 0 ? json_integer((json_int_t)e->steps) : json_null();
    const bool ends = e->training_seconds > 0.0; /* by a limit or a pace that is known */
    return json_pack("{s:o, s:o, s:o, s:I}", "seconds", seconds_or_null(ends ? e->seconds : 0.0),
                     "training_seconds", seconds_or_null(e->training_seconds), "steps", steps,
                     "memory_bytes", (json_int_t)e->memory_bytes);
}

/* A member of what a field will say about itself: a new reference, NULL when out of memory. */
static json_t *member_of(const json_t *summary, const char *name)
{
    return json_incref(json_object_get(summary, name));
}

/* n_queued: jobs that would be before it. */
static json_t *plan_value(const struct job_plan *plan, uint64_t n_queued)
{
    json_t *summary = codec_spec_summary(&plan->spec, &plan->facts);
    json_t *value = json_pack(
        "{s:s, s:O, s:O, s:o, s:o, s:o, s:o, s:o, s:I}", "task", tasks_of(plan->spec.task)->name,
        "spec", plan->spec_json, "labels", plan->labels, "n_inputs", member_of(summary, "n_inputs"),
        "n_outputs", member_of(summary, "n_outputs"), "n_parameters",
        member_of(summary, "n_parameters"), "domain", member_of(summary, "domain"), "estimate",
        estimate_value(&plan->estimate), "queue_position", (json_int_t)n_queued + 1);
    json_decref(summary);
    return value;
}

/* --- the forecast --- */

/* What is foreseen: new references. */
struct foresight {
    json_t *forecast, *tuning;
};

/* By the estimate; 0: not known. */
static double seconds_per_step(const struct estimate *e)
{
    return e->steps > 0 ? e->training_seconds / (double)e->steps : 0.0;
}

static enum status ask_worker(const struct service *service, const struct inquiry *inquiry,
                              struct foresight *out, struct error *err)
{
    char *answer = NULL;
    bool has_place;
    enum status status = evaluation_take_place(service, &has_place, err);
    if (status == STATUS_OK)
        status = supervisor_ask(service->supervisor, inquiry, &answer, err);
    if (status == STATUS_OK)
        status = codec_foresee_answer(answer, &out->forecast, &out->tuning, err);
    evaluation_end(service, has_place);
    mem_free(answer);
    return status;
}

/* Let a worker look at the data. */
static enum status look_at_data(const struct service *service, const struct http_request *request,
                                const struct job_plan *plan, struct foresight *out,
                                struct error *err)
{
    const struct evaluation_watch watch = {service, request};
    const struct stop stop = evaluation_stop(&watch);
    const char *id = json_string_value(json_object_get(plan->spec_json, "dataset_id"));
    struct dataset_row row = {0};
    char path[64];
    int file = -1;
    char *question = codec_foresee_question(plan->spec_json, seconds_per_step(&plan->estimate));
    enum status status = question ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
    if (status == STATUS_OK)
        status = store_dataset_get(service->store, id, &row, err);
    if (status == STATUS_OK)
        status = store_dataset_open(service->store, row.sha256, &file, err);
    if (status == STATUS_OK) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
        const struct inquiry inquiry = {.kind = INQUIRY_FORESEE,
                                        .spec_json = question,
                                        .path = path,
                                        .dataset_kind = row.kind,
                                        .media_type = row.media_type,
                                        .info_json = row.info_json,
                                        .seconds = foresee_seconds,
                                        .stop = &stop};
        status = ask_worker(service, &inquiry, out, err);
        close(file);
    }
    dataset_row_deinit(&row);
    mem_free(question);
    return status;
}

/* Where it is known before that there is none, no data are read. */
static enum status foresee(const struct service *service, const struct http_request *request,
                           const struct job_plan *plan, struct foresight *out, struct error *err)
{
    struct error why = {0};
    json_t *none;
    if (look_ahead_check(&plan->spec, &why) != STATUS_OK)
        none = codec_no_forecast(why.message);
    else if (plan->spec.tuned == TUNE_NOTHING && seconds_per_step(&plan->estimate) == 0.0)
        none = codec_early_forecast(&(struct timed_forecast){NULL, 0.0}, 0.0);
    else
        return look_at_data(service, request, plan, out, err);
    *out = (struct foresight){none, json_null()};
    return STATUS_OK;
}

/* Takes what is foreseen. */
static json_t *add_foresight(json_t *value, const struct foresight *f)
{
    const bool ok = json_object_set_new(value, "forecast", f->forecast) == 0;
    if (json_object_set_new(value, "tuning", f->tuning) == 0 && ok)
        return value;
    json_decref(value);
    return NULL;
}

/* --- the request --- */

static bool read_args_or_reply(const struct http_request *request, struct http_response *response,
                               bool *is_foreseen)
{
    static const char *const known[] = {"forecast", NULL};
    static const char *const words[] = {"false", "true", NULL};
    struct problem_list problems = {0};
    size_t word = 0;
    codec_args_known(request, known, &problems);
    codec_args_name(request, "forecast", words, &word, &problems);
    *is_foreseen = word == 1;
    return problems.status == STATUS_OK || reply_problems(request, response, &problems);
}

static void reply_plan(const struct service *service, const struct http_request *request,
                       struct http_response *response, const struct job_plan *plan,
                       bool is_foreseen)
{
    struct error err = {0};
    struct foresight foresight = {NULL, NULL};
    uint64_t counts[JOB_CANCELED + 1] = {0};
    if (store_job_count(service->store, counts, &err) != STATUS_OK ||
        (is_foreseen && foresee(service, request, plan, &foresight, &err) != STATUS_OK)) {
        reply_error(request, response, &err);
        return;
    }
    json_t *value = plan_value(plan, counts[JOB_QUEUED]);
    reply_json(request, response, 200, is_foreseen ? add_foresight(value, &foresight) : value);
}

void estimates_make(void *context, const struct http_request *request,
                    struct http_response *response)
{
    const struct service *service = context;
    struct job_plan plan = {.labels = NULL};
    bool is_foreseen;
    json_t *body = NULL;
    if (read_args_or_reply(request, response, &is_foreseen) &&
        reply_parse_object(request, response, service->config->json_depth, &body) &&
        job_plan_or_reply(service, request, response, body, &plan))
        reply_plan(service, request, response, &plan, is_foreseen);
    json_decref(body);
    job_plan_deinit(&plan);
}
