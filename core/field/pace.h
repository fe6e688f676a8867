/*
 * Pace: whether a step is faster on the whole team or on one thread alone.
 *
 * Steps of a small network take a fraction of a millisecond, and their threads meet three times in
 * each.  Where a cache line takes long from core to core (cores without a common cache, a virtual
 * machine whose cores were moved apart, a neighbour on one of them) one thread is faster.  That is
 * found by trying: the first steps, and a few in every thousand, go the other way; medians are
 * compared.  Long steps are never tried: meeting cannot matter to them.  What a step computes does
 * not depend on it (stepper.h), so the clock may decide.
 */
#ifndef CORE_FIELD_PACE_H
#define CORE_FIELD_PACE_H

#include <stdbool.h>
#include <stddef.h>

enum { PACE_TRIES = 7 };

/* Above this a step is long. */
#define PACE_LONG_SECONDS 2e-3

enum pace_phase { PACE_KNOWN, PACE_OTHER, PACE_REST };

/* All zero is a new one: on the team, about to compare. */
struct pace {
    bool alone;                                  /* the faster way, as last found */
    enum pace_phase phase;                       /* timing the known way, the other, or neither */
    size_t n;                                    /* steps of this phase so far */
    double known[PACE_TRIES], other[PACE_TRIES]; /* seconds */
};

/* How the next step is to go. */
bool pace_is_alone(const struct pace *p);

/* How long the step took that went so. */
void pace_note(struct pace *p, double seconds);

#endif
