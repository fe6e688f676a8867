#include "server/jobs/supervisor.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "server/jobs/attempt.h"
#include "server/log.h"

static const double grace_seconds = 8;

/* After the store or the machine failed: try again. */
enum { PAUSE_SECONDS = 1 };

struct slot {
    struct supervisor *supervisor;
    pthread_t thread;
    char job_id[ID_SIZE]; /* of the job it runs, or "" */
    struct attempt_wishes wishes;
};

struct supervisor {
    struct inspector *inspector;

    pthread_mutex_t lock;   /* guards all below, and job_id of the slots; a leaf */
    pthread_cond_t changed; /* call or stopping changed */
    uint64_t call;          /* counts the times that there may have been work */
    bool stopping;
    struct attempt_room room; /* what it borrows, and the grace */
    uint64_t n_running, n_crashed;

    size_t n_started; /* slots whose thread runs: not guarded, only start and stop use it */
    size_t n_slots;
    struct slot *slots;
};

/* --- a slot --- */

/* Wait until there may be work that was not there at call number `seen`, or for a moment only. */
static void wait_for_call(struct supervisor *s, uint64_t seen, bool for_a_moment)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PAUSE_SECONDS;
    pthread_mutex_lock(&s->lock);
    int e = 0;
    while (!s->stopping && e == 0 && (for_a_moment || s->call == seen))
        e = for_a_moment ? pthread_cond_timedwait(&s->changed, &s->lock, &until)
                         : pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

/* From here on a cancel finds the job; one that came between claim and here stands in the store. */
static void take_up(struct slot *slot, struct store *store, const struct job_row *job)
{
    struct supervisor *s = slot->supervisor;
    struct job_row now = {.attempt = 0};
    pthread_mutex_lock(&s->lock);
    memcpy(slot->job_id, job->id, sizeof slot->job_id);
    atomic_store(&slot->wishes.cancel, job->cancel_requested);
    atomic_store(&slot->wishes.stop, s->stopping);
    s->n_running++;
    pthread_mutex_unlock(&s->lock);
    enum status status;
    while ((status = store_job_get(store, job->id, &now, NULL)) == STATUS_NO_MEMORY &&
           !atomic_load(&slot->wishes.stop))
        wait_for_call(s, 0, true);
    if (status == STATUS_OK && now.cancel_requested)
        atomic_store(&slot->wishes.cancel, true);
    job_row_deinit(&now);
}

static void put_down(struct slot *slot, enum attempt_outcome outcome)
{
    struct supervisor *s = slot->supervisor;
    pthread_mutex_lock(&s->lock);
    slot->job_id[0] = '\0';
    s->n_running--;
    if (outcome == ATTEMPT_CRASHED)
        s->n_crashed++;
    s->call++; /* the job may be back in the queue */
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* Claim a job and run it. */
static void work(struct slot *slot)
{
    struct supervisor *s = slot->supervisor;
    struct job_row job = {.attempt = 0};
    struct error err = {.status = STATUS_OK};
    pthread_mutex_lock(&s->lock);
    const uint64_t seen = s->call;
    const struct attempt_room room = s->room;
    pthread_mutex_unlock(&s->lock);
    const enum status status = store_job_claim(room.store, &job, &err);
    if (status != STATUS_OK) {
        if (status != STATUS_NOT_FOUND)
            log_event(LOG_ERROR, "claim failed", LOG_TEXT("detail", err.message), LOG_END);
        wait_for_call(s, seen, status != STATUS_NOT_FOUND);
        return;
    }
    take_up(slot, room.store, &job);
    const enum attempt_outcome outcome = attempt_run(&room, &slot->wishes, &job);
    put_down(slot, outcome);
    job_row_deinit(&job);
    if (outcome == ATTEMPT_POSTPONED)
        wait_for_call(s, seen, true);
}

static bool is_stopping(struct supervisor *s)
{
    pthread_mutex_lock(&s->lock);
    const bool stopping = s->stopping;
    pthread_mutex_unlock(&s->lock);
    return stopping;
}

static void *slot_main(void *argument)
{
    struct slot *slot = argument;
    pthread_setname_np(pthread_self(), "slot");
    while (!is_stopping(slot->supervisor))
        work(slot);
    return NULL;
}

/* --- for the service --- */

void supervisor_wake(struct supervisor *s)
{
    pthread_mutex_lock(&s->lock);
    s->call++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void supervisor_cancel(struct supervisor *s, const char *job_id)
{
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->n_slots; i++)
        if (strcmp(s->slots[i].job_id, job_id) == 0) {
            atomic_store(&s->slots[i].wishes.cancel, true);
            attempt_wake_up(&s->slots[i].wishes);
        }
    pthread_mutex_unlock(&s->lock);
}

void supervisor_set_grace(struct supervisor *s, double seconds)
{
    pthread_mutex_lock(&s->lock);
    s->room.grace = seconds;
    pthread_mutex_unlock(&s->lock);
}

void supervisor_counters(struct supervisor *s, uint64_t *running, uint64_t *crashed)
{
    pthread_mutex_lock(&s->lock);
    *running = s->n_running;
    *crashed = s->n_crashed + inspector_crashes(s->inspector);
    pthread_mutex_unlock(&s->lock);
}

enum status supervisor_ask(struct supervisor *s, const struct inquiry *inquiry, char **answer,
                           struct error *err)
{
    return inspector_ask(s->inspector, inquiry, answer, err);
}

enum status supervisor_inspect(struct supervisor *s, const char *spec_json, const char *path,
                               double seconds, char **answer, struct error *err)
{
    const struct inquiry inquiry = {
        .kind = INQUIRY_INSPECT, .spec_json = spec_json, .path = path, .seconds = seconds};
    return supervisor_ask(s, &inquiry, answer, err);
}

/* --- start and stop --- */

void supervisor_quiesce(struct supervisor *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    for (size_t i = 0; i < s->n_slots; i++) {
        atomic_store(&s->slots[i].wishes.stop, true);
        attempt_wake_up(&s->slots[i].wishes);
    }
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (s->inspector)
        inspector_stop(s->inspector);
    for (; s->n_started > 0; s->n_started--)
        pthread_join(s->slots[s->n_started - 1].thread, NULL);
}

void supervisor_stop(struct supervisor *s)
{
    if (!s)
        return;
    supervisor_quiesce(s);
    inspector_free(s->inspector);
    for (size_t i = 0; i < s->n_slots; i++)
        close(s->slots[i].wishes.wake);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    mem_free(s->slots);
    mem_free(s);
}

static enum status start_slots(struct supervisor *s, struct error *err)
{
    for (size_t i = 0; i < s->room.config->workers; i++) {
        struct slot *slot = &s->slots[i];
        slot->supervisor = s;
        slot->wishes.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (slot->wishes.wake < 0)
            return error_set(err, STATUS_INTERNAL, "", "cannot make an eventfd: %s",
                             strerror(errno));
        s->n_slots++;
    }
    for (; s->n_started < s->n_slots; s->n_started++)
        if (pthread_create(&s->slots[s->n_started].thread, NULL, slot_main,
                           &s->slots[s->n_started]) != 0)
            return error_set(err, STATUS_INTERNAL, "", "cannot start a thread");
    return STATUS_OK;
}

enum status supervisor_start(struct supervisor **out, const struct config *config,
                             struct store *store, struct field_cache *fields, struct events *events,
                             struct error *err)
{
    pthread_condattr_t monotonic;
    struct supervisor *s = mem_alloc(sizeof *s);
    struct slot *slots = mem_alloc_array(config->workers, sizeof *slots);
    if (!s || !slots) {
        mem_free(s);
        mem_free(slots);
        return error_status(err, STATUS_NO_MEMORY);
    }
    s->slots = slots;
    s->room = (struct attempt_room){.config = config,
                                    .store = store,
                                    .fields = fields,
                                    .events = events,
                                    .grace = grace_seconds};
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&s->lock, NULL);
    enum status status = inspector_create(&s->inspector, config, err);
    if (status == STATUS_OK)
        status = start_slots(s, err);
    if (status != STATUS_OK) {
        supervisor_stop(s);
        return status;
    }
    *out = s;
    return STATUS_OK;
}
