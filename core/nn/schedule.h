/*
 * Learning-rate schedules: factor on the base rate, as a function of the step and of progress.
 *
 *   constant      1
 *   exponential   decay_rate ^ (step / decay_steps)                 (paper, shape task: 0.1 ^ (i /
 * 5000)) cosine        floor + (1 - floor) (1 + cos(pi progress)) / 2, progress in 0..1 over the
 * whole fit warm-up       the first warmup_steps multiply by (step + 1) / warmup_steps
 */
#ifndef CORE_NN_SCHEDULE_H
#define CORE_NN_SCHEDULE_H

#include <stdint.h>

enum schedule_type { SCHEDULE_CONSTANT, SCHEDULE_EXPONENTIAL, SCHEDULE_COSINE };

struct schedule_spec {
    enum schedule_type type;
    double decay_rate, decay_steps; /* exponential */
    double floor;                   /* cosine: the last factor */
    uint64_t warmup_steps;          /* 0: none */
};

const char *schedule_name(enum schedule_type type);

/* step: from 0.  progress: step / steps, or seconds / time limit where there is no number of steps.
 */
double schedule_factor(const struct schedule_spec *spec, uint64_t step, double progress);

#endif
