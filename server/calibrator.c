#include "server/calibrator.h"

#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <time.h>

#include "core/base/mem.h"
#include "core/base/monotonic.h"
#include "core/field/calibration.h"
#include "core/task/probes.h"
#include "core/task/task_image.h"
#include "server/log.h"

enum { SIDE = 512 /* of the picture that points are drawn from */ };

/* A machine on which it takes longer has other worries. */
#ifdef SANITIZED
static const double longest_seconds = 300;
#else
static const double longest_seconds = 10;
#endif

/* A measurement that lost less is right.  On two cores: 0.002 to 0.04 where nothing else runs, 0.07
 * beside what takes a tenth of one, and from 0.23 on, with twice the times, beside what takes all
 * of one. */
static const double little_lost = 0.08;

struct calibrator {
    struct calibrator_spec spec;
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t lock;   /* guards all below */
    pthread_cond_t changed; /* is_over, stop */
    bool stop;
    bool is_over; /* the first measurement is */
    bool is_known;
    struct costs costs; /* once is_known */
};

static bool is_stopped(struct calibrator *c)
{
    pthread_mutex_lock(&c->lock);
    const bool stop = c->stop;
    pthread_mutex_unlock(&c->lock);
    return stop;
}

static bool is_idle(const struct calibrator *c)
{
    return !c->spec.is_idle || c->spec.is_idle(c->spec.context);
}

/* Reads without the lock what no other thread changes. */
static bool is_unwanted(void *context)
{
    struct calibrator *c = context;
    return is_stopped(c) || (c->is_over && !is_idle(c));
}

static enum status measure(struct calibrator *c, struct costs *out, struct error *err)
{
    const struct task_image_spec spec = {
        .holdout = HOLDOUT_NONE, .loss = LOSS_MSE, .output_activation = ACTIVATION_LINEAR};
    struct calibration wish = {.kernel = c->spec.kernel,
                               .longest_seconds = longest_seconds,
                               .most_lost = c->is_known ? c->costs.lost : 1.0,
                               .is_unwanted = is_unwanted,
                               .context = c};
    struct image image = {0};
    struct task *task = NULL;
    struct probes *probes = NULL;
    if (c->spec.measure)
        return c->spec.measure(c->spec.context, out, err);
    enum status status = image_create(&image, SAMPLE_U8, SIDE, SIDE, COST_OUTPUTS, err);
    if (status == STATUS_OK)
        status = task_image_create(&task, &image, &spec, err);
    if (status == STATUS_OK)
        status = team_create(&wish.team, c->spec.n_threads, err);
    if (status == STATUS_OK)
        status = probes_create(&probes, c->spec.kernel, wish.team, err);
    if (status == STATUS_OK) {
        wish.task = task;
        wish.probes = probes_get(probes);
        wish.n_probes = N_PROBES;
        status = calibrate(out, &wish, err);
    }
    probes_free(probes);
    team_free(wish.team);
    task_free(task);
    image_deinit(&image);
    return status;
}

static void tell(bool is_first, enum status status, const struct costs *costs,
                 const struct error *err)
{
    if (status == STATUS_OK)
        log_event(is_first && costs->lost <= little_lost ? LOG_DEBUG : LOG_INFO, "machine measured",
                  LOG_REAL("lost_to_other_work", costs->lost), LOG_END);
    else if (is_first && status != STATUS_CANCELED)
        log_event(LOG_WARN, "times of jobs are not estimated", LOG_TEXT("detail", err->message),
                  LOG_END);
}

/* Whether it is to be measured again. */
static bool improve(struct calibrator *c)
{
    struct costs costs;
    struct error err = {0};
    const bool is_first = !c->is_over;
    const enum status status = measure(c, &costs, &err);
    malloc_trim(0); /* some tens of megabytes, which the allocator would keep for the next time */
    tell(is_first, status, &costs, &err);
    pthread_mutex_lock(&c->lock);
    if (status == STATUS_OK && !(c->is_known && c->costs.lost <= costs.lost)) {
        c->costs = costs;
        c->is_known = true;
    }
    c->is_over = true;
    const bool again = !(c->is_known && c->costs.lost <= little_lost);
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    return again;
}

/* Whether the calibrator goes on afterwards. */
static bool rest(struct calibrator *c, double seconds)
{
    const double most = 1e8, end = monotonic_seconds() + fmin(seconds, most);
    const struct timespec until = {.tv_sec = (time_t)end,
                                   .tv_nsec = (long)((end - floor(end)) * 1e9)};
    int waited = 0;
    pthread_mutex_lock(&c->lock);
    while (!c->stop && waited == 0)
        waited = pthread_cond_clockwait(&c->changed, &c->lock, CLOCK_MONOTONIC, &until);
    const bool stop = c->stop;
    pthread_mutex_unlock(&c->lock);
    return !stop;
}

static void *thread_main(void *argument)
{
    struct calibrator *c = argument;
    double pause = c->spec.pause_seconds;
    pthread_setname_np(pthread_self(), "calibrator");
    while (improve(c)) {
        bool goes_on = rest(c, pause);
        while (goes_on && !is_idle(c))
            goes_on = rest(c, c->spec.pause_seconds);
        if (!goes_on)
            break;
        pause *= 2.0;
    }
    return NULL;
}

enum status calibrator_start(struct calibrator **out, const struct calibrator_spec *spec,
                             struct error *err)
{
    struct calibrator *c = mem_alloc(sizeof *c);
    if (!c)
        return error_status(err, STATUS_NO_MEMORY);
    c->spec = *spec;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    c->has_thread = pthread_create(&c->thread, NULL, thread_main, c) == 0;
    if (!c->has_thread) {
        calibrator_stop(c);
        return error_set(err, STATUS_INTERNAL, "", "cannot start a thread");
    }
    *out = c;
    return STATUS_OK;
}

const struct costs *calibrator_wait(struct calibrator *c, double patience_seconds,
                                    struct costs *into)
{
    struct timespec end;
    int waited = 0;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += (time_t)ceil(patience_seconds);
    pthread_mutex_lock(&c->lock);
    while (!c->is_over && waited == 0)
        waited = pthread_cond_clockwait(&c->changed, &c->lock, CLOCK_MONOTONIC, &end);
    const bool is_known = c->is_known;
    if (is_known)
        *into = c->costs;
    pthread_mutex_unlock(&c->lock);
    return is_known ? into : NULL;
}

void calibrator_quiesce(struct calibrator *c)
{
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    if (c->has_thread)
        pthread_join(c->thread, NULL);
    c->has_thread = false;
}

void calibrator_stop(struct calibrator *c)
{
    if (!c)
        return;
    calibrator_quiesce(c);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}
