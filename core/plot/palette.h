/*
 * Colours that people with any kind of colour vision tell apart.
 *
 * Kinds: the eight of Okabe and Ito 2008 without black and yellow.  What has an order: viridis (van
 * der Walt and Smith 2015), whose lightness rises evenly.
 */
#ifndef CORE_PLOT_PALETTE_H
#define CORE_PLOT_PALETTE_H

#include "core/plot/canvas.h"

enum { PALETTE_KINDS = 6 };
struct color palette_kind(size_t i); /* i is taken modulo PALETTE_KINDS */

/* t in [0, 1]: from dark blue to yellow.  Grey where t is no number. */
struct color palette_order(double t);

#endif
