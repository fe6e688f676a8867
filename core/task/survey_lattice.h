/*
 * The survey (core/field/survey.h) of a task that sees the samples of a lattice directly: of
 * patches of them, spread evenly, as large as a survey takes them.
 *
 * Training samples that are every stride-th along each axis are a lattice themselves.  Where a
 * random part is held out, the others are averaged over blocks of about one of them, and a block
 * without any is as the one before it.
 */
#ifndef CORE_TASK_SURVEY_LATTICE_H
#define CORE_TASK_SURVEY_LATTICE_H

#include <stdint.h>

#include "core/field/survey.h"

struct lattice_samples {
    size_t n_dims;
    size_t size[LIMIT_DIMS]; /* of the whole lattice, x first; 1 past n_dims */
    size_t channels;
    size_t stride;        /* 1: every sample is trained on, but for those … */
    const uint8_t *held;  /* … whose bit is set (core/task/sample_sets.h); may be NULL … */
    double held_fraction; /* … and the part of them that is */
    /* The values [channels] of sample number i, x fastest. */
    void (*read)(const void *context, size_t i, float *values);
    const void *context;
};

/* UNSUPPORTED where there are fewer than 4 samples along an axis; NO_MEMORY.  *out is fit for
 * survey_deinit in any case. */
enum status survey_lattice(struct survey *out, const struct lattice_samples *samples,
                           struct error *err) WARN_UNUSED;

#endif
