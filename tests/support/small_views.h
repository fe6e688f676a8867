/*
 * Photographs for tests that nobody has to take: a ball of four colours in a box of nothing, seen
 * by cameras around it.
 */
#ifndef TESTS_SUPPORT_SMALL_VIEWS_H
#define TESTS_SUPPORT_SMALL_VIEWS_H

#include <stdbool.h>

#include "core/base/data.h"

/* n views [side, side], RGBA where has_alpha, else RGB over black, 4 away from a ball of radius 1
 * around the origin; all of the training split.  views_deinit.  Ends the program when out of
 * memory. */
struct views small_views(size_t n, size_t side, bool has_alpha);

#endif
