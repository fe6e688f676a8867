/*
 * The service without HTTP: a store in a folder of its own, field cache, event hub and (started by
 * the test) a supervisor; and watchers that keep what they were told.
 */
#ifndef TESTS_SERVER_JOBS_SERVICE_FIXTURE_H
#define TESTS_SERVER_JOBS_SERVICE_FIXTURE_H

#include "tests/server/store/store_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

#include "core/base/buffer.h"
#include "core/nn/kernel.h"
#include "server/config.h"
#include "server/fields/field_cache.h"
#include "server/jobs/events.h"
#include "server/jobs/supervisor.h"

/* Of a job: a sanitizer's shadow is resident too. */
#ifdef SANITIZED
#define FIXTURE_MEMORY ((uint64_t)1 << 30)
#else
#define FIXTURE_MEMORY ((uint64_t)256 << 20)
#endif

struct service {
    struct fixture *base;
    struct store *store;
    struct field_cache *fields;
    struct events *events;
    struct supervisor *supervisor; /* NULL until start_supervisor */
    struct config config;
    char dataset_id[ID_SIZE];
    struct error err;
};

/* A field of 3 parameters, whatever the weights are, unless they begin with "bad". */
static inline enum status open_small_field(const struct kernel *kernel, const char *spec_json,
                                           const uint8_t *weights, size_t n, struct field **out,
                                           struct error *err)
{
    const struct field_spec spec = {
        .encoding = {.type = ENCODING_NONE, .n_inputs = 2, .input_range = {0, 1}},
        .network = {.n_outputs = 1,
                    .width = 1,
                    .activation = ACTIVATION_RELU,
                    .output_activation = ACTIVATION_LINEAR},
        .domain = domain_of_image(8, 8)};
    (void)spec_json;
    if (n >= 3 && memcmp(weights, "bad", 3) == 0)
        return error_set(err, STATUS_INVALID, "", "the weights are bad");
    return field_create(out, &spec, kernel, err);
}

static inline int service_setup(void **state)
{
    struct service *f = mem_alloc(sizeof *f);
    void *base = NULL;
    if (fixture_setup(&base) != 0)
        return -1;
    f->base = base;
    f->store = f->base->store;
    f->config = (struct config){.workers = 1,
                                .threads = 1,
                                .isa = "auto",
                                .job_memory_bytes = FIXTURE_MEMORY,
                                .job_seconds = 3600,
                                .silence_seconds = 3600};
    if (field_cache_create(&f->fields, f->store, 1 << 20, kernel_find(NULL), open_small_field,
                           &f->err) != STATUS_OK ||
        events_create(&f->events, f->store, &f->err) != STATUS_OK)
        return -1;
    make_dataset(f->base, "the bytes of a dataset", f->dataset_id);
    *state = f;
    return 0;
}

/* Nothing that was started may be left: no process, not even a zombie. */
static inline int service_teardown(void **state)
{
    struct service *f = *state;
    supervisor_stop(f->supervisor);
    events_free(f->events);
    field_cache_free(f->fields);
    void *base = f->base;
    mem_free(f);
    const bool has_child = waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD;
    return fixture_teardown(&base) != 0 || has_child ? -1 : 0;
}

/* grace: seconds between SIGTERM and SIGKILL. */
static inline void start_supervisor(struct service *f, size_t workers, double grace)
{
    f->config.workers = workers;
    assert_ok(
        supervisor_start(&f->supervisor, &f->config, f->store, f->fields, f->events, &f->err));
    supervisor_set_grace(f->supervisor, grace);
}

static inline void stop_supervisor(struct service *f)
{
    supervisor_stop(f->supervisor);
    f->supervisor = NULL;
}

/* Insert a job with this spec.  id, field_id: of the new job. */
static inline void insert_job(struct service *f, const char *spec_json, char id[ID_SIZE],
                              char field_id[ID_SIZE])
{
    struct job_row row = new_job(f->dataset_id, "{}");
    bool existed;
    mem_free(row.spec_json);
    row.spec_json = mem_strdup(spec_json);
    assert_ok(store_job_insert(f->store, &row, NULL, 1000, NULL, &existed, &f->err));
    memcpy(id, row.id, ID_SIZE);
    if (field_id)
        memcpy(field_id, row.field_id, ID_SIZE);
    job_row_deinit(&row);
}

static inline struct job_row get_job(struct service *f, const char *id)
{
    struct job_row row;
    assert_ok(store_job_get(f->store, id, &row, &f->err));
    return row;
}

/* --- watchers --- */

/* What one watcher was told.  It takes part in no other lock. */
struct watch_log {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char text[1 << 20];
    size_t size;
    size_t max; /* write fails past it, as a slow reader's would */
    bool closed;
    unsigned n_released;
};

static inline bool watch_log_write(void *context, const void *text, size_t n)
{
    struct watch_log *log = context;
    pthread_mutex_lock(&log->lock);
    const bool fits = log->size + n < log->max;
    if (fits) {
        memcpy(log->text + log->size, text, n);
        log->size += n;
        log->text[log->size] = '\0';
    }
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->lock);
    return fits;
}

static inline void watch_log_close(void *context)
{
    struct watch_log *log = context;
    pthread_mutex_lock(&log->lock);
    log->closed = true;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->lock);
}

static inline void watch_log_release(void *context)
{
    struct watch_log *log = context;
    pthread_mutex_lock(&log->lock);
    log->n_released++;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->lock);
}

static inline struct watch_log *watch_log_create(void)
{
    struct watch_log *log = mem_alloc(sizeof *log);
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->changed, NULL);
    log->max = sizeof log->text;
    return log;
}

static inline void watch_log_free(struct watch_log *log)
{
    pthread_cond_destroy(&log->changed);
    pthread_mutex_destroy(&log->lock);
    mem_free(log);
}

static inline struct event_watcher watcher_of(struct watch_log *log)
{
    return (struct event_watcher){.context = log,
                                  .write = watch_log_write,
                                  .close = watch_log_close,
                                  .release = watch_log_release};
}

static inline struct watch_log *watch(struct service *f, const char *job_id, uint64_t after)
{
    struct watch_log *log = watch_log_create();
    const struct event_watcher watcher = watcher_of(log);
    assert_ok(events_watch(f->events, job_id, after, &watcher, &f->err));
    return log;
}

/* Wait until the log holds this text (NULL: until it is closed and released); a minute is a hang.
 */
static inline void watch_wait(struct watch_log *log, const char *text)
{
    struct timespec until;
    int e = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&log->lock);
    while (e == 0 && !(text ? strstr(log->text, text) != NULL : log->n_released > 0))
        e = pthread_cond_timedwait(&log->changed, &log->lock, &until);
    pthread_mutex_unlock(&log->lock);
    if (e != 0)
        fail_msg("'%s' never came; told was:\n%s", text ? text : "the end", log->text);
}

/* Watch a job from its beginning until "done"; the log is the caller's. */
static inline struct watch_log *watch_to_end(struct service *f, const char *job_id)
{
    struct watch_log *log = watch(f, job_id, 0);
    watch_wait(log, NULL);
    assert_true(log->closed);
    return log;
}

static inline void wait_for_end(struct service *f, const char *job_id)
{
    watch_log_free(watch_to_end(f, job_id));
}

#endif
