/*
 * What the parts of a calibration share.  For calibration*.c only.
 */
#ifndef CORE_FIELD_CALIBRATION_PARTS_H
#define CORE_FIELD_CALIBRATION_PARTS_H

#include "core/field/calibration.h"

struct measuring {
    const struct calibration *wish;
    const struct kernel *kernel;
    const struct task *task;
    struct team *team;
    double begin, end;        /* on the monotonic clock */
    struct run_delay *delays; /* [team_size(team)] */
};

/* Whether to measure the next part: CANCELED where it is unwanted or too much was lost, INTERNAL
 * where it takes too long. */
enum status calibration_go_on(const struct measuring *m, struct error *err) WARN_UNUSED;

/* Of n times, which it sorts, one that is low: the first of up to five, the second of up to ten. */
double calibration_low(size_t n, double *seconds);

/* Seconds of one run of f by the whole team: the least of a few. */
double calibration_time(const struct measuring *m, team_function f, void *context);

/* Numbers of about the size of a network's, none of them 0. */
void calibration_fill(size_t n, float *x, float size);

enum status calibrate_tables(struct costs *out, const struct measuring *m, struct error *err);

/* Points of the wish's own task, and the probes. */
enum status calibrate_draws(struct costs *out, const struct measuring *m, struct error *err);
enum status calibrate_probes(struct costs *out, const struct measuring *m, struct error *err);

#endif
