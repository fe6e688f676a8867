/*
 * Task "views": posed photographs.  A field of density and colour (core/scene/radiance.h) is to
 * look along every ray as its pixel does: loss = mean over rays and channels of
 * (colour - pixel)^2.
 *
 *   even rays    as in Tancik et al. 2020: all training rays in one fixed random order, n_samples
 *                depths of each, moved by chance by up to a step; a group is a ray
 *   walked rays  drawn by chance with all others equally likely; a group is a tile, which takes
 *                rays until the next does not fit.  A ray of more places than a tile has takes
 *                longer steps.  Within a tile rays count alike, among tiles tiles do.  What is
 *                empty the fit finds out on the way (core/scene/occupancy_grid.h): that is its
 *                state, and the field's mask.
 *
 * Pictures with an alpha channel are seen over the background; BACKGROUND_RANDOM: over a colour
 * that each training ray draws anew, so that the field learns opacity, and over black when shown.
 * A picture without alpha is opaque: a random background then only keeps the field from being
 * transparent.
 *
 * Pixels are looked at through their centres (i + 1/2; the paper's code uses i).
 *
 * Held out: the views of the data's own test split (else validation split, else every 8th).
 * Metrics: psnr over training views, test_psnr over those held out, each the mean over views of the
 * view's PSNR, of which more than 60 dB count as 60.  Quick: a fixed part of the pixels, 16,384 of
 * each set; views of which fewer than 1,024 are looked at stand together until they have so many.
 * Full: all of them, up to 2^22 held out and 2^20 trained on, else a fixed part of so many, the
 * same of each view.
 */
#ifndef CORE_TASK_TASK_VIEWS_H
#define CORE_TASK_TASK_VIEWS_H

#include "core/base/data.h"
#include "core/field/task.h"
#include "core/scene/radiance.h"

enum {
    TASK_VIEWS_MAX_SAMPLES = 4096, /* of a walk: a cube's diagonal */
    /* Rays of a full evaluation, at most. */
    TASK_VIEWS_FULL_TRAIN_RAYS = 1 << 20, /* some seconds … */
    TASK_VIEWS_FULL_TEST_RAYS = 1 << 22, /* … and four times as many; photographs may have more */
};

enum background { BACKGROUND_BLACK, BACKGROUND_WHITE, BACKGROUND_RANDOM };

struct task_views_spec {
    struct radiance_spec radiance; /* its background is set by the task */
    enum background background;
    bool has_holdout;
    uint64_t seed;
};

/* INVALID at "/measure/near" or "/measure/n_samples" for settings that do not go. */
enum status task_views_check(const struct radiance_spec *r, struct error *err) WARN_UNUSED;

/* views are borrowed until the task is freed.  Errors of task_views_check; INVALID at
 * "/train/holdout" where no view is left to train on, NO_MEMORY.  The fields it trains have a
 * mask of OCCUPANCY_BYTES where rays are walked. */
enum status task_views_create(struct task **out, const struct views *views,
                              const struct task_views_spec *spec, struct error *err) WARN_UNUSED;

/* Bytes that the task keeps beside the views, a little high. */
size_t task_views_bytes(const struct task_views_spec *spec, size_t n_threads);

#endif
