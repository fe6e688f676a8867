#include "core/field/pace.h"

#include <stdlib.h>

/* Steps from one comparison to the next. */
enum { PERIOD = 1024 };

/* The other way is faster only if it is so by more than chance. */
static const double clearly = 0.95;

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *seconds)
{
    double sorted[PACE_TRIES];
    for (size_t i = 0; i < PACE_TRIES; i++)
        sorted[i] = seconds[i];
    qsort(sorted, PACE_TRIES, sizeof *sorted, compare);
    return sorted[PACE_TRIES / 2];
}

bool pace_is_alone(const struct pace *p)
{
    return p->phase == PACE_OTHER ? !p->alone : p->alone;
}

static void enter(struct pace *p, enum pace_phase phase)
{
    p->phase = phase;
    p->n = 0;
}

void pace_note(struct pace *p, double seconds)
{
    switch (p->phase) {
    case PACE_KNOWN:
        p->known[p->n++] = seconds;
        if (p->n == PACE_TRIES)
            enter(p, !p->alone && median(p->known) > PACE_LONG_SECONDS ? PACE_REST : PACE_OTHER);
        break;
    case PACE_OTHER:
        p->other[p->n++] = seconds;
        if (p->n < PACE_TRIES)
            break;
        if (median(p->other) < clearly * median(p->known))
            p->alone = !p->alone;
        enter(p, PACE_REST);
        break;
    case PACE_REST:
        if (++p->n == PERIOD)
            enter(p, PACE_KNOWN);
        break;
    }
}
