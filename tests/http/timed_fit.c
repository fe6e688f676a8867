#include "tests/http/timed_fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/bench.h"

void timed_fit_serve(struct service *s)
{
    char threads[24];
    snprintf(threads, sizeof threads, "%zu", bench_cores());
    service_start_under(s, NULL, "log", (const char *const[]){"--threads", threads, NULL});
}

void timed_fit_upload(const struct service *s, const struct bytes *file, char dataset[ID_TEXT])
{
    const struct request request = {.path = "/v1/datasets?kind=image",
                                    .content_type = "application/octet-stream",
                                    .body = file->data,
                                    .n_body = file->n};
    struct answer a = service_send(s, &request);
    json_t *made = answer_json(a, a.status == 200 ? 200 : 201);
    snprintf(dataset, ID_TEXT, "%s", member_text(made, "id"));
    json_decref(made);
}

void timed_fit_post(const struct service *s, const char *dataset, const char *members,
                    char job[ID_TEXT])
{
    char body[512];
    snprintf(body, sizeof body, "{\"dataset_id\":\"%s\"%s}", dataset, members);
    json_t *posted = answer_json(service_post_json(s, "/v1/jobs", body), 202);
    snprintf(job, ID_TEXT, "%s", member_text(posted, "id"));
    json_decref(posted);
}

void timed_fit_await(const struct service *s, const char *job, const char *mark)
{
    static const double longest = 3600.0;
    char path[96];
    struct answer events;
    snprintf(path, sizeof path, "/v1/jobs/%s/events", job);
    const struct request request = {.path = path, .until = mark};
    if (service_try(s, &request, longest, &events) != SENT_ANSWERED)
        fail_msg("%s does not tell %s", path, mark);
    answer_free(&events);
}
