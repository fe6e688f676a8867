#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/http/sweep.h"

const char sweep_base[] =
    "\"preset\":\"paper\",\"field\":{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":8},"
    "\"network\":{\"n_hidden_layers\":1,\"width\":16}},\"train\":{\"steps\":12,\"batch_size\":64,"
    "\"learning_rate\":0.01,\"holdout\":\"odd_pixels\"}";

void start_sweep(const struct service *s, const char *body, char id[ID_TEXT])
{
    json_t *sweep = answer_json(service_post_json(s, "/v1/sweeps", body), 202);
    snprintf(id, ID_TEXT, "%s", member_text(sweep, "id"));
    json_decref(sweep);
}

json_t *wait_for_sweep(const struct service *s, const char *id, const char *status)
{
    const double end = now_seconds() + 120 * SLOWNESS;
    for (;;) {
        json_t *sweep = answer_json(service_get(s, "/v1/sweeps/%s", id), 200);
        const char *now = member_text(sweep, "status");
        if (strcmp(now, status) == 0)
            return sweep;
        const bool goes_on = strcmp(now, "queued") == 0 || strcmp(now, "running") == 0;
        if (!goes_on || now_seconds() > end)
            fail_msg("the sweep is %s, not %s", now, status);
        json_decref(sweep);
        pause_briefly();
    }
}
