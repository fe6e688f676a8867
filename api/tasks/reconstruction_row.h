/*
 * What the rows of tasks ct and mri have in common: every step takes all samples of a lattice of
 * one number each (core/task/reconstruction.h).
 */
#ifndef API_TASKS_RECONSTRUCTION_ROW_H
#define API_TASKS_RECONSTRUCTION_ROW_H

#include "api/tasks/tasks.h"

/* Indexed by enum normalize; ended by NULL. */
extern const char *const reconstruction_normalize_names[];

size_t reconstruction_n_outputs(const struct spec *spec, const struct spec_facts *facts);
size_t reconstruction_n_points(const struct spec_facts *facts);

/* One channel, at most LIMIT_RECONSTRUCTION samples, squared errors; an end by PSNR where there is
 * something to compare with. */
enum status reconstruction_check(const struct spec *spec, const struct spec_facts *facts,
                                 struct problem_list *problems);

/* Seconds of one thread (tasks.h), from those of the measurement there and back. */
double reconstruction_step_seconds(double measurement, const struct spec *spec,
                                   const struct spec_facts *facts, const struct costs *costs);
double reconstruction_evaluation_seconds(double measurement, const struct spec *spec,
                                         const struct spec_facts *facts, const struct costs *costs);

/* Bytes of a step of all samples beyond those of a batch: values, their gradient. */
uint64_t reconstruction_step_bytes(const struct spec_facts *facts);

#endif
