/*
 * The service as it is now: what it runs on, what it does, what it holds and what it takes.
 */
#include <math.h>
#include <unistd.h>

#include "api/codec/codec_sweep.h"
#include "api/handlers/handlers.h"
#include "api/handlers/reply.h"
#include "api/service.h"
#include "core/base/limits.h"
#include "core/field/precision.h"
#include "server/jobs/process.h"

/* What is asked of the storeys before it is told. */
struct state {
    uint64_t jobs[JOB_CANCELED + 1];
    struct store_usage usage;
    uint64_t n_busy, n_crashes;
    uint64_t n_entries, entry_bytes; /* of the field cache */
    bool is_measured;
};

static enum status look(const struct service *service, struct state *out, struct error *err)
{
    uint64_t hits, misses;
    struct costs costs;
    supervisor_counters(service->supervisor, &out->n_busy, &out->n_crashes);
    field_cache_counters(service->fields, &out->n_entries, &out->entry_bytes, &hits, &misses);
    out->is_measured = calibrator_wait(service->calibrator, 0.0, &costs) != NULL;
    enum status st = store_job_count(service->store, out->jobs, err);
    return st == STATUS_OK ? store_measure(service->store, &out->usage, err) : st;
}

static json_t *integer(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *jobs_value(const uint64_t counts[JOB_CANCELED + 1])
{
    json_t *jobs = json_object();
    for (int i = 0; jobs && i <= JOB_CANCELED; i++)
        if (json_object_set_new(jobs, job_status_name((enum job_status)i), integer(counts[i])) !=
            0) {
            json_decref(jobs);
            return NULL;
        }
    return jobs;
}

static json_t *machine_value(const struct service *service, bool is_measured)
{
    const struct kernel *kernel = service->arithmetic.kernel;
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return json_pack("{s:I, s:I, s:s, s:b, s:b}", "cores", (json_int_t)cores, "memory_bytes",
                     (json_int_t)pages * page, "arithmetic", kernel->name, "bf16",
                     precision_check(PRECISION_BF16, kernel, NULL) == STATUS_OK, "measured",
                     is_measured);
}

static json_t *data_value(const struct store_usage *u)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "datasets", integer(u->n_datasets), "sweeps",
                     integer(u->n_sweeps), "fields", integer(u->n_fields), "dataset_bytes",
                     integer(u->dataset_bytes), "database_bytes", integer(u->database_bytes),
                     "free_bytes", integer(u->free_bytes));
}

/* Settings, and what no setting changes. */
static json_t *limits_value(const struct config *c)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"upload_bytes", c->upload_bytes},
        {"image_pixels", LIMIT_IMAGE_PIXELS},
        {"volume_voxels", LIMIT_VOLUME_VOXELS},
        {"signal_samples", LIMIT_SIGNAL_SAMPLES},
        {"triangles", LIMIT_TRIANGLES},
        {"archive_members", LIMIT_ARCHIVE_MEMBERS},
        {"archive_bytes", LIMIT_ARCHIVE_UNPACKED},
        {"json_bytes", c->json_bytes},
        {"json_depth", c->json_depth},
        {"query_points_json", c->query_points_json},
        {"query_points_binary", c->query_points_binary},
        {"render_pixels", c->render_pixels},
        {"mesh_resolution", c->mesh_resolution},
        {"request_seconds", c->request_seconds},
        {"queued_jobs", c->queued_jobs},
        {"sweep_jobs", SWEEP_MAX_JOBS},
        {"job_memory_bytes", c->job_memory_bytes},
        {"job_seconds", c->job_seconds},
    };
    json_t *limits = json_object();
    for (size_t i = 0; limits && i < sizeof(rows) / sizeof(rows[0]); i++)
        if (json_object_set_new(limits, rows[i].name, integer(rows[i].value)) != 0) {
            json_decref(limits);
            return NULL;
        }
    return limits;
}

static json_t *service_value(const struct service *service, const struct state *s)
{
    const struct config *config = service->config;
    char started[TIME_TEXT_SIZE];
    const double uptime = (double)(clock_now_ms() - service->started_ms) / 1000.0;
    clock_format(service->started_ms, started);
    return json_pack(
        "{s:s, s:s, s:f, s:{s:o, s:o, s:o, s:o}, s:o, s:o, s:{s:o, s:o, s:o}, s:o, s:o}", "version",
        FARFIELD_VERSION, "started_at", started, "uptime_seconds", fmax(uptime, 0.0), "workers",
        "n", integer(config->workers), "busy", integer(s->n_busy), "threads",
        integer(config->threads), "crashes", integer(s->n_crashes), "jobs", jobs_value(s->jobs),
        "machine", machine_value(service, s->is_measured), "memory", "resident_bytes",
        integer(process_resident_bytes(getpid())), "fields", integer(s->n_entries), "field_bytes",
        integer(s->entry_bytes), "data", data_value(&s->usage), "limits", limits_value(config));
}

void service_get(void *context, const struct http_request *request, struct http_response *response)
{
    const struct service *service = context;
    struct state state = {.n_busy = 0};
    struct error err = {0};
    if (look(service, &state, &err) == STATUS_OK)
        reply_json(request, response, 200, service_value(service, &state));
    else
        reply_error(request, response, &err);
    http_response_header(response, "Cache-Control", "no-store");
}
