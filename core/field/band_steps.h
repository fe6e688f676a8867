/*
 * The steps after which a fit is asked what is left in each octave of frequencies
 * (task_class.measure_bands): a function of steps and of numbers of points alone, so that the same
 * fit tells the same series, on any machine and however often it was stopped.
 *
 * Low frequencies are learned first and fast, so the steps come in ratios.  The first is 1, and the
 * next after step s is the first of
 *
 *   1.25 s, 2 s, 4 s   by which all measurements so far take 0.5 %, 5 %, 20 % of the steps' work,
 *
 * or, where none does, the first by which they take 20 %.  A measurement's work, in steps, is half
 * its points over those of a step: what a query takes for a point is about half of what a step
 * does.  So the beginning is seen in octaves of time at the latest, and a fit of some thousand
 * steps pays a few thousandths.
 */
#ifndef CORE_FIELD_BAND_STEPS_H
#define CORE_FIELD_BAND_STEPS_H

#include <stddef.h>
#include <stdint.h>

struct band_steps {
    double work;   /* of a measurement, in steps */
    uint64_t next; /* UINT64_MAX: none */
    uint64_t n;    /* measurements, with that at `next` */
};

/* `next`: the first that is at `step` or after it.  n_points: of a measurement; 0: there is none.
 * batch_size: points of a step, at least 1. */
struct band_steps band_steps_from(uint64_t step, size_t n_points, size_t batch_size);

/* On to the one after `next`. */
void band_steps_advance(struct band_steps *s);

#endif
