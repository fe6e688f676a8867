/*
 * Alive, ready, and numbers about the service for Prometheus (text format 0.0.4).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/handlers/handlers.h"
#include "api/handlers/reply.h"
#include "api/service.h"

enum { METRICS_MAX = 64 << 10 };

/* Inline: answers as long as the process lives, whatever the store and the handlers do. */
void health_alive(void *context, const struct http_request *request, struct http_response *response)
{
    (void)context;
    reply_json(request, response, 200, json_pack("{s:s}", "status", "ok"));
    http_response_header(response, "Cache-Control", "no-store");
}

void health_ready(void *context, const struct http_request *request, struct http_response *response)
{
    struct service *service = context;
    struct error err = {0};
    if (!atomic_load(&service->ready))
        problem_respond_status(request, 503, "the service is starting or stopping", response);
    else if (store_check(service->store, &err) != STATUS_OK)
        problem_respond_status(request, 503, "the data folder cannot be read", response);
    else
        reply_json(request, response, 200, json_pack("{s:s}", "status", "ready"));
    http_response_header(response, "Cache-Control", "no-store");
}

/* --- metrics --- */

/* The page that is being written; after the first failure nothing is added. */
struct exposition {
    struct buffer text;
    enum status status;
    struct error err;
};

static void describe(struct exposition *p, const char *name, const char *type, const char *help)
{
    if (p->status == STATUS_OK)
        p->status =
            buffer_printf(&p->text, &p->err, "# HELP farfield_%s %s\n# TYPE farfield_%s %s\n", name,
                          help, name, type);
}

/* label: `status="queued"`, or "". */
static void sample(struct exposition *p, const char *name, const char *label, double value)
{
    if (p->status == STATUS_OK)
        p->status = buffer_printf(&p->text, &p->err, "farfield_%s%s%s%s %.15g\n", name,
                                  *label ? "{" : "", label, *label ? "}" : "", value);
}

static void add(struct exposition *p, const char *name, const char *type, const char *help,
                double value)
{
    describe(p, name, type, help);
    sample(p, name, "", value);
}

static void add_http(struct exposition *p, const struct http_server *http)
{
    struct http_counters c;
    http_server_counters(http, &c);
    add(p, "http_requests_total", "counter", "Requests received.", (double)c.requests);
    describe(p, "http_responses_total", "counter", "Responses sent, by class of status.");
    for (size_t i = 1; i < sizeof(c.responses_by_class) / sizeof(c.responses_by_class[0]); i++) {
        char label[32];
        snprintf(label, sizeof(label), "class=\"%zuxx\"", i);
        sample(p, "http_responses_total", label, (double)c.responses_by_class[i]);
    }
    add(p, "http_connections", "gauge", "Connections that are open.", (double)c.connections_open);
    add(p, "http_received_bytes_total", "counter", "Bytes of request bodies received.",
        (double)c.bytes_received);
    add(p, "http_sent_bytes_total", "counter", "Bytes of response bodies sent.",
        (double)c.bytes_sent);
}

static void add_jobs(struct exposition *p, const struct service *service)
{
    uint64_t counts[JOB_CANCELED + 1] = {0}, running = 0, crashed = 0;
    if (p->status == STATUS_OK)
        p->status = store_job_count(service->store, counts, &p->err);
    describe(p, "jobs", "gauge", "Jobs, by status.");
    for (int s = JOB_QUEUED; s <= JOB_CANCELED; s++) {
        char label[40];
        snprintf(label, sizeof(label), "status=\"%s\"", job_status_name((enum job_status)s));
        sample(p, "jobs", label, (double)counts[s]);
    }
    supervisor_counters(service->supervisor, &running, &crashed);
    add(p, "workers_running", "gauge", "Worker processes that run a job.", (double)running);
    add(p, "worker_crashes_total", "counter", "Worker processes that crashed since the start.",
        (double)crashed);
}

static void add_fields(struct exposition *p, const struct service *service)
{
    uint64_t entries = 0, bytes = 0, hits = 0, misses = 0;
    field_cache_counters(service->fields, &entries, &bytes, &hits, &misses);
    add(p, "field_cache_entries", "gauge", "Fields ready to be queried.", (double)entries);
    add(p, "field_cache_bytes", "gauge", "Bytes of the fields ready to be queried.", (double)bytes);
    add(p, "field_cache_hits_total", "counter", "Fields found ready.", (double)hits);
    add(p, "field_cache_misses_total", "counter", "Fields that had to be loaded.", (double)misses);
}

void health_metrics(void *context, const struct http_request *request,
                    struct http_response *response)
{
    struct service *service = context;
    struct exposition p = {.status = STATUS_OK};
    buffer_init(&p.text, METRICS_MAX);
    describe(&p, "build_info", "gauge", "The program's version.");
    sample(&p, "build_info", "version=\"" FARFIELD_VERSION "\"", 1);
    add(&p, "uptime_seconds", "gauge", "Seconds since the start.",
        (double)(clock_now_ms() - service->started_ms) / 1000);
    const struct http_server *http = atomic_load(&service->http);
    if (http)
        add_http(&p, http);
    add_jobs(&p, service);
    add_fields(&p, service);
    if (p.status == STATUS_OK)
        http_response_take(response, 200, "text/plain; version=0.0.4; charset=utf-8", &p.text);
    else
        reply_error(request, response, &p.err);
    buffer_deinit(&p.text);
}
