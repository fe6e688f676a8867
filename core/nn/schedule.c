#include "core/nn/schedule.h"

#include <math.h>

static const char *const names[] = {[SCHEDULE_CONSTANT] = "constant",
                                    [SCHEDULE_EXPONENTIAL] = "exponential",
                                    [SCHEDULE_COSINE] = "cosine",
                                    [SCHEDULE_HOLD] = "hold"};

const char *schedule_name(enum schedule_type type)
{
    return names[type];
}

size_t schedule_n_types(void)
{
    return sizeof names / sizeof names[0];
}

/* Half a wave, from 1 at progress 0 down to `floor` at 1 and beyond. */
static double cosine(double floor, double progress)
{
    const double pi = 3.14159265358979323846;
    return floor + (1 - floor) * 0.5 * (1 + cos(pi * fmin(progress, 1)));
}

double schedule_factor(const struct schedule_spec *spec, uint64_t step, double progress)
{
    double factor = 1;
    switch (spec->type) {
    case SCHEDULE_CONSTANT:
        break;
    case SCHEDULE_EXPONENTIAL:
        factor = pow(spec->decay_rate, (double)step / spec->decay_steps);
        break;
    case SCHEDULE_COSINE:
        factor = cosine(spec->floor, progress);
        break;
    case SCHEDULE_HOLD:
        if (progress > spec->hold)
            factor = cosine(spec->floor, (progress - spec->hold) / (1 - spec->hold));
        break;
    }
    if (step < spec->warmup_steps)
        factor *= (double)(step + 1) / (double)spec->warmup_steps;
    return factor;
}
