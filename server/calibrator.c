#include "server/calibrator.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "core/base/mem.h"
#include "core/field/calibration.h"
#include "core/task/task_image.h"
#include "server/log.h"

enum { SIDE = 512 /* of the picture that points are drawn from */ };

/* A machine on which it takes longer has other worries. */
#ifdef SANITIZED
static const double longest_seconds = 300;
#else
static const double longest_seconds = 10;
#endif

struct calibrator {
    const struct kernel *kernel;
    size_t n_threads;
    pthread_t thread;
    bool has_thread;
    volatile bool stop; /* stored atomically (task_stopped) */

    pthread_mutex_t lock;   /* guards all below */
    pthread_cond_t changed; /* is_over */
    bool is_over, is_known;
    struct costs costs; /* once is_known, never changed */
};

static enum status measure(const struct calibrator *c, struct costs *out, struct error *err)
{
    const struct task_image_spec spec = {
        .holdout = HOLDOUT_NONE, .loss = LOSS_MSE, .output_activation = ACTIVATION_LINEAR};
    struct image image = {0};
    struct task *task = NULL;
    struct team *team = NULL;
    enum status status = image_create(&image, SAMPLE_U8, SIDE, SIDE, COST_OUTPUTS, err);
    if (status == STATUS_OK)
        status = task_image_create(&task, &image, &spec, err);
    if (status == STATUS_OK)
        status = team_create(&team, c->n_threads, err);
    if (status == STATUS_OK)
        status = calibrate(out, c->kernel, task, team, longest_seconds, &c->stop, err);
    team_free(team);
    task_free(task);
    image_deinit(&image);
    return status;
}

static void *thread_main(void *argument)
{
    struct calibrator *c = argument;
    struct costs costs;
    struct error err = {0};
    pthread_setname_np(pthread_self(), "calibrator");
    const enum status status = measure(c, &costs, &err);
    if (status != STATUS_OK && status != STATUS_CANCELED)
        log_event(LOG_WARN, "times of jobs are not estimated", LOG_TEXT("detail", err.message),
                  LOG_END);
    pthread_mutex_lock(&c->lock);
    c->is_known = status == STATUS_OK;
    if (c->is_known)
        c->costs = costs;
    c->is_over = true;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

enum status calibrator_start(struct calibrator **out, const struct kernel *kernel, size_t n_threads,
                             struct error *err)
{
    struct calibrator *c = mem_alloc(sizeof *c);
    if (!c)
        return error_status(err, STATUS_NO_MEMORY);
    c->kernel = kernel;
    c->n_threads = n_threads;
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

const struct costs *calibrator_wait(struct calibrator *c, double patience_seconds)
{
    struct timespec end;
    int waited = 0;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += (time_t)ceil(patience_seconds);
    pthread_mutex_lock(&c->lock);
    while (!c->is_over && waited == 0)
        waited = pthread_cond_clockwait(&c->changed, &c->lock, CLOCK_MONOTONIC, &end);
    const bool is_known = c->is_known;
    pthread_mutex_unlock(&c->lock);
    return is_known ? &c->costs : NULL;
}

void calibrator_quiesce(struct calibrator *c)
{
    __atomic_store_n(&c->stop, true, __ATOMIC_RELAXED);
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
