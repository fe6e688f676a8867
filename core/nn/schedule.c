#include "core/nn/schedule.h"

#include <math.h>

static const char *const names[] = {[SCHEDULE_CONSTANT] = "constant",
                                    [SCHEDULE_EXPONENTIAL] = "exponential",
                                    [SCHEDULE_COSINE] = "cosine"};

const char *schedule_name(enum schedule_type type)
{
    return names[type];
}

size_t schedule_n_types(void)
{
    return sizeof names / sizeof names[0];
}

double schedule_factor(const struct schedule_spec *spec, uint64_t step, double progress)
{
    const double pi = 3.14159265358979323846;
    double factor = 1;
    switch (spec->type) {
    case SCHEDULE_CONSTANT:
        break;
    case SCHEDULE_EXPONENTIAL:
        factor = pow(spec->decay_rate, (double)step / spec->decay_steps);
        break;
    case SCHEDULE_COSINE:
        factor = spec->floor + (1 - spec->floor) * 0.5 * (1 + cos(pi * fmin(progress, 1)));
        break;
    }
    if (step < spec->warmup_steps)
        factor *= (double)(step + 1) / (double)spec->warmup_steps;
    return factor;
}
