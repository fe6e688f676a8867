/*
 * Learning-rate schedules: factor on the base rate, as a function of the step and of progress.
 *
 *   constant      1
 *   exponential   decay_rate ^ (step / decay_steps)     (paper, shape task: 0.1 ^ (step / 5000))
 *   cosine        floor + (1 - floor) (1 + cos(pi progress)) / 2, progress in 0..1 over the fit
 *   hold          1 until progress `hold`, then cosine over what is left:
 *                 floor + (1 - floor) (1 + cos(pi (progress - hold) / (1 - hold))) / 2
 *                 (a short fit learns at the full rate for as long as it can)
 *   warm-up       the first warmup_steps steps of any of them multiply by (step + 1) / warmup_steps
 */
#ifndef CORE_NN_SCHEDULE_H
#define CORE_NN_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

enum schedule_type { SCHEDULE_CONSTANT, SCHEDULE_EXPONENTIAL, SCHEDULE_COSINE, SCHEDULE_HOLD };

struct schedule_spec {
    enum schedule_type type;
    double decay_rate, decay_steps; /* exponential; decay_steps > 0 */
    double floor;                   /* cosine, hold: the last factor */
    double hold;                    /* hold: in [0, 1); 0 is cosine */
    uint64_t warmup_steps;          /* 0: none */
};

const char *schedule_name(enum schedule_type type);
size_t schedule_n_types(void);

/* step: from 0.  progress: step / steps, or seconds / time limit where there is no number of steps;
 * beyond 1 it counts as 1. */
double schedule_factor(const struct schedule_spec *spec, uint64_t step, double progress);

#endif
