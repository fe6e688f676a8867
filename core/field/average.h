/*
 * The average of a fit's weights: an exponential moving average over its last steps.
 *
 * While the learning rate is high, parameters move about the place where they would come to rest;
 * their average is nearer to it.  What a fit shows (snapshots, evaluations, its result) is then the
 * average, and training goes on from the parameters as they are.
 *
 *   every 16th step, n = 1, 2, …:   average += max(1 - decay^16, 1 / n) (parameters - average)
 *
 * so that the first ones are a plain mean and the start is soon forgotten.  Between those steps the
 * average rests: a grid's tables are not read in each.
 *
 * The average has a block of its own.  To be shown it changes places with the parameters.
 */
#ifndef CORE_FIELD_AVERAGE_H
#define CORE_FIELD_AVERAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/parallel.h"
#include "core/field/field.h"

enum { AVERAGE_PERIOD = 16, AVERAGE_START = 64 };

struct average {
    double decay;  /* of one step, [0, 1); 0: off, and then nothing else is of use */
    float *block;  /* [field_n_params]: the average, or the parameters while that is shown */
    bool is_shown; /* the field has the average */
};

/* NO_MEMORY; *a is then fit for average_deinit, too. */
enum status average_init(struct average *a, double decay, const struct field *f,
                         struct error *err) WARN_UNUSED;
void average_deinit(struct average *a);

/* After every step: `step` steps are done, the field has the parameters of the last. */
void average_note(struct average *a, const struct field *f, uint64_t step, struct team *team);

/* Give the field the average as of `step`, and its own parameters again.  Without effect where it
 * is off. */
void average_show(struct average *a, struct field *f, uint64_t step);
void average_hide(struct average *a, struct field *f);

#endif
