#include "api/handlers/job_row.h"

#include <stdio.h>
#include <string.h>

#include "api/codec/codec_json.h"
#include "api/codec/codec_spec.h"
#include "api/estimate.h"
#include "api/tasks/tasks.h"

/* The texts that a row keeps: what was asked, and what it came to. */
static enum status fill_texts(struct job_row *row, const json_t *request, const json_t *spec,
                              const json_t *labels, struct error *err)
{
    enum status st = codec_json_text(request, &row->request_json, err);
    if (st == STATUS_OK)
        st = codec_json_text(spec, &row->spec_json, err);
    if (st == STATUS_OK)
        st = codec_json_text(labels, &row->labels_json, err);
    return st;
}

enum status job_row_fill(const struct service *service, const json_t *body,
                         const struct dataset_row *dataset, const struct costs *costs,
                         struct job_row *row, struct problem_list *problems, struct error *err)
{
    json_t *spec_json = NULL, *labels = NULL;
    struct spec spec = {0};
    struct spec_facts facts = {0};
    enum status st = codec_spec_resolve(body, dataset, service->config->job_memory_bytes,
                                        &spec_json, &labels, &spec, problems);
    if (st != STATUS_OK)
        return st;
    st = codec_spec_facts(dataset, &facts, err);
    if (st == STATUS_OK)
        st = codec_spec_settle(spec_json, &spec, &service->arithmetic, err);
    if (st == STATUS_OK)
        st = estimate_check_job(&spec, &facts, service->config, costs, err);
    if (st == STATUS_OK)
        st = fill_texts(row, body, spec_json, labels, err);
    if (st == STATUS_OK) {
        snprintf(row->task, sizeof(row->task), "%s", tasks_of(spec.task)->name);
        memcpy(row->dataset_id, dataset->id, sizeof(row->dataset_id));
        row->steps = spec.train.steps;
    }
    spec_deinit(&spec);
    json_decref(spec_json);
    json_decref(labels);
    return st;
}
