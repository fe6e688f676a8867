#include "server/jobs/inspector.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/monotonic.h"
#include "server/jobs/process.h"
#include "server/jobs/worker_message.h"

/* Kinds of questions: the worker's, how many are answered at once, and the words for failures. */
static const struct {
    const char *name;
    size_t most;
    const char *task, *failure;
} kinds[] = {
    [INQUIRY_INSPECT] = {"inspect", INSPECTOR_THREADS, "decoding the file",
                         "the file cannot be decoded"},
    [INQUIRY_FORESEE] = {"foresee", INSPECTOR_FORESEES, "a forecast from the data",
                         "nothing can be foreseen of these data"},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

/* How often it is asked whether an answer is still wanted. */
static const double look_seconds = 0.2;

/* A question lives on the stack of who asks, on the list until a thread takes it. */
struct question {
    const struct inquiry *inquiry;
    char *answer;
    enum status status;
    struct error error;
    bool done;
    struct question *next;
};

/* The largest picture of all is 1 GiB as floats, and some decoders keep it twice meanwhile. */
static const uint64_t most_memory = 3ULL << 30;

struct inspector {
    const char *isa;
    struct process_limits limits;
    int wake; /* eventfd; counts down from so far that all see it once it stops */
    atomic_uint_fast64_t n_crashes;

    pthread_mutex_t lock;   /* guards all below */
    pthread_cond_t changed; /* a question, an answer, the stop, or someone left */
    struct question *first;
    size_t n_taken[N_KINDS]; /* that are being answered */
    size_t n_askers;
    bool stopping;

    size_t n_threads; /* not guarded: only create and stop use it */
    pthread_t threads[INSPECTOR_THREADS];
};

/* --- one question --- */

static const char *text_or(const char *text, const char *otherwise)
{
    return text ? text : otherwise;
}

static enum status send_question(const struct inspector *in, struct process *p,
                                 const struct inquiry *q, int file, struct error *err)
{
    const struct message_job job = {.kind = kinds[q->kind].name,
                                    .spec = q->spec_json,
                                    .isa = in->isa,
                                    .dataset_kind = text_or(q->dataset_kind, ""),
                                    .media_type = text_or(q->media_type, ""),
                                    .info_json = text_or(q->info_json, "{}"),
                                    .threads = 1};
    struct buffer payload;
    buffer_init(&payload, LINK_MAX_FRAME);
    enum status status = message_job_encode(&job, &payload, err);
    if (status == STATUS_OK)
        status = link_send(process_socket(p), LINK_JOB, payload.data, payload.size, &file, 1, err);
    buffer_deinit(&payload);
    return status;
}

static enum status too_large(const struct inquiry *q, struct error *err)
{
    return error_set(err, STATUS_INVALID, "", "%s takes too much memory", kinds[q->kind].task);
}

static enum status unwanted(struct error *err)
{
    return error_set(err, STATUS_CANCELED, "", "the answer is not wanted any more");
}

/* OK: an answer.  BUSY: this message is not the last one.  Else what the worker said. */
static enum status read_answer(const struct inquiry *q, const struct link_message *m, char **answer,
                               struct error *err)
{
    struct message_result result;
    struct error said = {.status = STATUS_OK};
    if (m->type != LINK_RESULT && m->type != LINK_ERROR)
        return STATUS_BUSY;
    if (m->type == LINK_ERROR) {
        enum status status = message_error_decode(m, &said, err);
        if (status != STATUS_OK)
            return status;
        if (said.status == STATUS_NO_MEMORY) /* of its limit: the service has enough */
            return too_large(q, err);
        return error_set(err, said.status, said.where, "%s", said.message);
    }
    enum status status = message_result_decode(m, &result, err);
    if (status != STATUS_OK)
        return status;
    *answer = mem_strdup(result.summary_json);
    return *answer ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

/* Wait for the last word.  *ended: there was none, the process is gone. */
static enum status listen_to(const struct inspector *in, struct process *p, const struct inquiry *q,
                             char **answer, bool *ended, struct error *err)
{
    const double deadline = monotonic_seconds() + q->seconds;
    for (;;) {
        struct link_message m = {.descriptors = {-1, -1}};
        struct error link_err = {.status = STATUS_OK};
        enum status status = STATUS_BUSY;
        const double look = q->stop ? monotonic_seconds() + look_seconds : HUGE_VAL;
        switch (process_wait(p, in->wake, fmin(deadline, look), &m, &link_err)) {
        case PROCESS_MESSAGE:
            status = read_answer(q, &m, answer, err);
            link_message_deinit(&m);
            break;
        case PROCESS_WOKEN:
            return error_set(err, STATUS_CANCELED, "", "the service is stopping");
        case PROCESS_LATE:
            if (monotonic_seconds() >= deadline)
                return error_set(err, STATUS_INVALID, "", "%s takes longer than %.0f s",
                                 kinds[q->kind].task, q->seconds);
            break;
        case PROCESS_LARGE:
            return too_large(q, err);
        case PROCESS_BROKEN:
            if (link_err.status == STATUS_NO_MEMORY)
                return error_status(err, STATUS_NO_MEMORY);
            return error_set(err, STATUS_INVALID, "", "%s: %s", kinds[q->kind].failure,
                             link_err.message);
        case PROCESS_ENDED:
            *ended = true;
            return STATUS_INVALID;
        }
        if (status != STATUS_BUSY)
            return status;
        if (stop_check(q->stop, NULL) != STATUS_OK)
            return unwanted(err);
    }
}

static enum status answer_question(struct inspector *in, const struct inquiry *q, char **answer,
                                   struct error *err)
{
    struct process *p = NULL;
    struct process_end end;
    bool ended = false;
    const int file = open(q->path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return error_set(err, STATUS_IO, "", "cannot open '%s': %s", q->path, strerror(errno));
    enum status status = process_start(&p, &in->limits, err);
    if (status == STATUS_OK) {
        struct error send_err = {.status = STATUS_OK};
        const enum status sent = send_question(in, p, q, file, &send_err);
        if (sent != STATUS_OK)
            process_signal(p, SIGKILL);
        status = sent == STATUS_NO_MEMORY
                     ? error_status(err, sent) /* else it has died already: its end is read */
                     : listen_to(in, p, q, answer, &ended, err);
        if (status != STATUS_OK && !ended)
            process_signal(p, SIGKILL);
        process_finish(p, 1, &end);
    }
    if (ended) {
        char how[64];
        process_end_text(&end, how, sizeof how);
        status = error_set(err, STATUS_INVALID, "", "%s: its decoder ended with %s",
                           kinds[q->kind].failure, how);
        atomic_fetch_add(&in->n_crashes, 1);
    }
    close(file);
    return status;
}

/* --- the threads --- */

/* The first question that may be answered now, off the list; NULL: none. */
static struct question *take_next(struct inspector *in)
{
    for (struct question **place = &in->first; *place; place = &(*place)->next) {
        struct question *q = *place;
        if (in->n_taken[q->inquiry->kind] < kinds[q->inquiry->kind].most) {
            *place = q->next;
            in->n_taken[q->inquiry->kind]++;
            return q;
        }
    }
    return NULL;
}

static void *thread_main(void *argument)
{
    struct inspector *in = argument;
    pthread_mutex_lock(&in->lock);
    for (;;) {
        struct question *q = NULL;
        while (!in->stopping && !(q = take_next(in)))
            pthread_cond_wait(&in->changed, &in->lock);
        if (!q)
            break;
        pthread_mutex_unlock(&in->lock);
        q->status = answer_question(in, q->inquiry, &q->answer, &q->error);
        pthread_mutex_lock(&in->lock);
        in->n_taken[q->inquiry->kind]--;
        q->done = true;
        pthread_cond_broadcast(&in->changed);
    }
    pthread_mutex_unlock(&in->lock);
    return NULL;
}

static void append(struct inspector *in, struct question *q)
{
    struct question **place = &in->first;
    while (*place)
        place = &(*place)->next;
    *place = q;
}

/* It is no longer on the list: taken by a thread, or removed here. */
static bool take_back(struct inspector *in, struct question *q)
{
    for (struct question **place = &in->first; *place; place = &(*place)->next)
        if (*place == q) {
            *place = q->next;
            return true;
        }
    return false;
}

/* Until something changed, or it is time to ask whether the answer is still wanted. */
static void wait_for_change(struct inspector *in, const struct stop *stop)
{
    struct timespec at;
    if (!stop) {
        pthread_cond_wait(&in->changed, &in->lock);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += (long)(look_seconds * 1e9);
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&in->changed, &in->lock, &at);
}

static bool is_over(const struct inspector *in, const struct stop *stop)
{
    return in->stopping || stop_check(stop, NULL) != STATUS_OK;
}

enum status inspector_ask(struct inspector *in, const struct inquiry *inquiry, char **answer,
                          struct error *err)
{
    struct question q = {.inquiry = inquiry};
    pthread_mutex_lock(&in->lock);
    in->n_askers++;
    append(in, &q);
    pthread_cond_broadcast(&in->changed);
    while (!q.done && !(is_over(in, inquiry->stop) && take_back(in, &q)))
        wait_for_change(in, inquiry->stop);
    const bool is_stopping = in->stopping;
    in->n_askers--;
    pthread_cond_broadcast(&in->changed);
    pthread_mutex_unlock(&in->lock);
    if (!q.done)
        return is_stopping ? error_set(err, STATUS_CANCELED, "", "the service is stopping")
                           : unwanted(err);
    if (q.status != STATUS_OK)
        return error_set(err, q.status, q.error.where, "%s", q.error.message);
    *answer = q.answer;
    return STATUS_OK;
}

uint64_t inspector_crashes(const struct inspector *in)
{
    return atomic_load(&in->n_crashes);
}

void inspector_stop(struct inspector *in)
{
    const uint64_t for_ever = UINT64_MAX - 1;
    pthread_mutex_lock(&in->lock);
    if (!in->stopping) {
        const ssize_t n = write(in->wake, &for_ever, sizeof for_ever);
        (void)n;
    }
    in->stopping = true;
    pthread_cond_broadcast(&in->changed);
    while (in->n_askers > 0)
        pthread_cond_wait(&in->changed, &in->lock);
    pthread_mutex_unlock(&in->lock);
    for (; in->n_threads > 0; in->n_threads--)
        pthread_join(in->threads[in->n_threads - 1], NULL);
}

void inspector_free(struct inspector *in)
{
    if (!in)
        return;
    inspector_stop(in);
    close(in->wake);
    pthread_cond_destroy(&in->changed);
    pthread_mutex_destroy(&in->lock);
    mem_free(in);
}

enum status inspector_create(struct inspector **out, const struct config *config, struct error *err)
{
    pthread_condattr_t monotonic;
    struct inspector *in = mem_alloc(sizeof *in);
    if (!in)
        return error_status(err, STATUS_NO_MEMORY);
    in->isa = config->isa;
    in->limits.memory_bytes =
        config->job_memory_bytes < most_memory ? config->job_memory_bytes : most_memory;
    in->limits.threads = 1;
    in->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    if (in->wake < 0) {
        mem_free(in);
        return error_set(err, STATUS_INTERNAL, "", "cannot make an eventfd: %s", strerror(errno));
    }
    pthread_mutex_init(&in->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&in->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (; in->n_threads < INSPECTOR_THREADS; in->n_threads++)
        if (pthread_create(&in->threads[in->n_threads], NULL, thread_main, in) != 0) {
            inspector_free(in);
            return error_set(err, STATUS_INTERNAL, "", "cannot start a thread");
        }
    *out = in;
    return STATUS_OK;
}
