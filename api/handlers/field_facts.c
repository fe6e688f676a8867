#include "api/handlers/field_facts.h"

#include <string.h>

#include "api/handlers/evaluation.h"
#include "api/problem.h"

static void set_facts(struct field_facts *out, enum field_state state, const char *sha256)
{
    out->state = state;
    memcpy(out->weights_sha256, sha256, sizeof(out->weights_sha256));
}

bool field_facts_or_reply(const struct service *service, const struct http_request *request,
                          struct http_response *response, struct field_facts *out)
{
    struct error err = {0};
    struct field_row row = {0};
    enum status st = store_field_get(service->store, request->params[0], &row, &err);
    if (st == STATUS_OK) {
        set_facts(out, FIELD_FINAL, row.weights_sha256);
        st = codec_spec_summary_facts(row.summary_json, &out->data, &err);
        field_row_deinit(&row);
    } else if (st == STATUS_NOT_FOUND) {
        const struct field_entry *entry = NULL;
        if (!evaluation_field_or_reply(service, request, response, &entry))
            return false;
        error_clear(&err);
        set_facts(out, entry->state, entry->weights_sha256);
        st = codec_spec_summary_facts(entry->summary_json, &out->data, &err);
        field_cache_release(service->fields, entry);
    }
    if (st != STATUS_OK)
        problem_respond(request, &err, response);
    return st == STATUS_OK;
}
