/*
 * Rays of photographs: which views are trained on and which are held out, and what a pixel shows.
 */
#ifndef CORE_TASK_VIEW_RAYS_H
#define CORE_TASK_VIEW_RAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/data.h"
#include "core/scene/ray.h"

enum view_set_name { VIEWS_TRAINED, VIEWS_HELD_OUT, N_VIEW_SETS };

/* Views of a set, and how many pixels there are before each. */
struct view_set {
    size_t n_views;
    size_t *view;     /* [n_views]: numbers of views */
    uint64_t *before; /* [n_views + 1] */
};

/* Divide views: with a holdout into the data's own training and test views (validation views where
 * it has no test split), or else every 8th, beginning with the first, is held out; views of the
 * split that is neither are left out.  Without one all are trained on.  INVALID at "/train/holdout"
 * where none is left to train on, NO_MEMORY; the sets are then empty. */
enum status view_sets_divide(const struct views *v, bool has_holdout,
                             struct view_set out[N_VIEW_SETS], struct error *err) WARN_UNUSED;
void view_sets_deinit(struct view_set sets[N_VIEW_SETS]);

/* Pixels of a set's views. */
uint64_t view_set_n_rays(const struct view_set *set);

/* Pixel i of all pixels of a set: the view's place in the set, and its pixel, row-major. */
size_t view_set_find(const struct view_set *set, uint64_t i, size_t *pixel);

/* The ray through a pixel's centre. */
struct ray view_ray(const struct view *v, size_t pixel);

/* What the pixel shows over a background. */
void view_pixel(const struct view *v, size_t pixel, const float background[3], float colour[3]);

#endif
