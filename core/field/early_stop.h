/*
 * Early stopping: the parameters that did best on held-out samples, and when to give up.
 *
 * test_psnr is looked at every `period` steps, at steps that are multiples of it: steps and not
 * seconds, so that what is found does not depend on the machine or on how often a fit was stopped.
 * A period is as short as it can be without looking taking much of the time:
 *
 *   period = max(10, points of an evaluation * 10 / points of a step)
 *
 * A point costs a step two to three times what it costs an evaluation, so that looking takes a
 * twentieth of the time at most.  When `patience` evaluations in a row have found nothing better
 * than the best so far, the fit is over.
 *
 * The best parameters are kept in a block of their own.  At the end they change places with the
 * last ones (show), so that the field is the best that was seen while a checkpoint can still tell
 * where training had come to; hide undoes that before it goes on.
 */
#ifndef CORE_FIELD_EARLY_STOP_H
#define CORE_FIELD_EARLY_STOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/field/field.h"

struct early_stop {
    uint64_t patience;  /* evaluations; 0: off, and then nothing else is of use */
    uint64_t period;    /* steps */
    uint64_t best_step; /* 0: none so far */
    double best_psnr;
    float *block;  /* [field_n_params]: of best_step, or of the last step while those are shown */
    bool is_shown; /* the field has the parameters of best_step */
};

/* n_evaluated: points of an evaluation.  NO_MEMORY; *e is then fit for early_stop_deinit, too. */
enum status early_stop_init(struct early_stop *e, uint64_t patience, size_t n_evaluated,
                            size_t batch_size, const struct field *f,
                            struct error *err) WARN_UNUSED;
void early_stop_deinit(struct early_stop *e);

/* Whether test_psnr is to be looked at after so many steps. */
bool early_stop_is_due(const struct early_stop *e, uint64_t step);

/* The field at a step that was due: keep it if it is the best. */
void early_stop_note(struct early_stop *e, const struct field *f, uint64_t step, double psnr);

/* Whether nothing better was found for too long, as of a step that was due and noted. */
bool early_stop_is_over(const struct early_stop *e, uint64_t step);

/* Give the field the best parameters, and its own again: whether that changed the field. */
void early_stop_show(struct early_stop *e, struct field *f);
bool early_stop_hide(struct early_stop *e, struct field *f);

#endif
