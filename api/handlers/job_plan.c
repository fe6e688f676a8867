#include "api/handlers/job_plan.h"

#include <stdio.h>

#include "api/codec/codec_json.h"
#include "api/handlers/reply.h"
#include "api/tasks/tasks.h"

void job_plan_deinit(struct job_plan *plan)
{
    spec_deinit(&plan->spec);
    json_decref(plan->spec_json);
    json_decref(plan->labels);
    *plan = (struct job_plan){.labels = NULL};
}

enum status job_plan_make(const struct service *service, const json_t *body,
                          const struct dataset_row *dataset, const struct costs *costs,
                          struct job_plan *out, struct problem_list *problems, struct error *err)
{
    const struct config *config = service->config;
    enum status st = codec_spec_resolve(body, dataset, config->job_memory_bytes, &out->spec_json,
                                        &out->labels, &out->spec, problems);
    if (st != STATUS_OK)
        return st;
    st = codec_spec_facts(dataset, &out->facts, err);
    if (st == STATUS_OK)
        st = codec_spec_settle(out->spec_json, &out->spec, &service->arithmetic, err);
    if (st == STATUS_OK)
        st = estimate_check_job(&out->spec, &out->facts, config, costs, &out->estimate, err);
    return st;
}

/* The dataset that a body names.  Its id is a setting like others: a wrong one is 422, not 404. */
static bool get_dataset_or_reply(const struct service *service, const struct http_request *request,
                                 struct http_response *response, const json_t *body,
                                 struct dataset_row *out)
{
    char id[ID_SIZE];
    struct error err = {0};
    struct problem_list problems = {0};
    if (codec_spec_dataset_id(body, id, &problems) != STATUS_OK)
        return reply_problems(request, response, &problems);
    enum status st = store_dataset_get(service->store, id, out, &err);
    if (st == STATUS_NOT_FOUND) {
        problem_add(&problems, STATUS_INVALID, "/dataset_id", "there is no dataset '%s'", id);
        return reply_problems(request, response, &problems);
    }
    return st == STATUS_OK || reply_error(request, response, &err);
}

bool job_plan_or_reply(const struct service *service, const struct http_request *request,
                       struct http_response *response, const json_t *body, struct job_plan *out)
{
    struct dataset_row dataset = {0};
    struct problem_list problems = {0};
    struct error err = {0};
    struct costs costs;
    if (!get_dataset_or_reply(service, request, response, body, &dataset))
        return false;
    const struct costs *known = calibrator_wait(service->calibrator, ESTIMATE_PATIENCE, &costs);
    enum status st = job_plan_make(service, body, &dataset, known, out, &problems, &err);
    dataset_row_deinit(&dataset);
    if (st == STATUS_OK)
        return true;
    return problems.n > 0 ? reply_problems(request, response, &problems)
                          : reply_error(request, response, &err);
}

enum status job_plan_row(const struct job_plan *plan, const json_t *body, struct job_row *row,
                         struct error *err)
{
    const char *dataset_id = json_string_value(json_object_get(plan->spec_json, "dataset_id"));
    snprintf(row->task, sizeof(row->task), "%s", tasks_of(plan->spec.task)->name);
    snprintf(row->dataset_id, sizeof(row->dataset_id), "%s", dataset_id);
    row->steps = plan->spec.train.steps;
    enum status st = codec_json_text(body, &row->request_json, err);
    if (st == STATUS_OK)
        st = codec_json_text(plan->spec_json, &row->spec_json, err);
    if (st == STATUS_OK)
        st = codec_json_text(plan->labels, &row->labels_json, err);
    return st;
}
