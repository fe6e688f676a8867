#include "core/field/band_steps.h"

#include <math.h>

/* Of what a step takes for a point, the part that a query takes: a third to two thirds. */
static const double query_part = 0.5;

static const struct {
    double ratio;      /* of one step to the last */
    double most_share; /* of the steps' work, for all measurements until then */
} paces[] = {{1.25, 0.005}, {2.0, 0.05}, {4.0, 0.2}};
enum { N_PACES = sizeof paces / sizeof *paces };

static uint64_t step_after(uint64_t step, double work)
{
    for (size_t i = 0; i < N_PACES; i++) {
        const double next = fmax(ceil(paces[i].ratio * (double)step), (double)step + 1.0);
        if (work <= paces[i].most_share * next)
            return (uint64_t)next;
    }
    return (uint64_t)ceil(work / paces[N_PACES - 1].most_share);
}

void band_steps_advance(struct band_steps *s)
{
    s->n++;
    s->next = step_after(s->next, (double)s->n * s->work);
}

struct band_steps band_steps_from(uint64_t step, size_t n_points, size_t batch_size)
{
    struct band_steps s = {query_part * (double)n_points / (double)batch_size, 1, 1};
    while (n_points > 0 && s.next < step)
        band_steps_advance(&s);
    if (n_points == 0)
        s.next = UINT64_MAX;
    return s;
}
