/*
 * Plots: numbers in, PNG out.  One to five panels, side by side or one over the other, each with
 * curves or with an image whose values are colours.
 *
 * Plain data, borrowed while plot_png runs.  Numbers may be anything: a curve is broken, and an
 * image grey, where one is NAN; so it is where one is not above 0 on a logarithmic scale or too far
 * away to be shown, and then a line below the plot says how many.  The same data give the same
 * bytes.  Any number of threads may make plots.
 */
#ifndef CORE_PLOT_PLOT_H
#define CORE_PLOT_PLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/buffer.h"
#include "core/plot/scale.h"

enum {
    PLOT_MIN_SIDE = 160,
    PLOT_MAX_SIDE = 4096,
    PLOT_MAX_PANELS = 5,
    PLOT_MAX_BYTES = 80 << 20, /* of a PNG of the largest size that cannot be compressed */
};

struct plot_axis {
    const char *label; /* with its unit; NULL: none */
    enum scale_kind scale;
    const char *const *categories; /* of SCALE_CATEGORIES: names of the values 0, 1, … */
    size_t n_categories;
    const double *marks; /* values that ticks stand at, if there are any; else they are chosen */
    size_t n_marks;
    bool is_whole;   /* counts things: no ticks between whole numbers */
    double from, to; /* what the scale reaches at least; both 0: only what the numbers ask for */
};

enum plot_style { PLOT_LINE, PLOT_DASHES, PLOT_LINE_AND_MARKERS, PLOT_MARKERS };

struct plot_series {
    const char *name; /* in the legend; NULL: not there */
    size_t n;
    const double *x, *y;
    const double *spread; /* [n]: bars of y ± spread; NULL: none */
    enum plot_style style;
    bool is_reference; /* what the others are compared with: black, and not counted as a colour */
};

/* values: [rows, columns], row 0 on top.  x and y: where its borders are. */
struct plot_image {
    size_t rows, columns;
    const double *values;
    double x0, x1, y0, y1; /* left, right, top, bottom */
    const char *label;     /* of the bar of colours */
    enum scale_kind scale; /* of the colours */
};

struct plot_panel {
    const char *title; /* NULL: none */
    struct plot_axis x, y;
    size_t n_series;
    const struct plot_series *series; /* NULL with an image */
    bool is_ordered;          /* series are values of something: colours go from dark to light */
    const char *legend_title; /* NULL: none */
    bool has_no_legend;       /* names are in another panel's legend */
    const struct plot_image *image; /* NULL: curves */
};

struct plot {
    size_t width, height; /* pixels, PLOT_MIN_SIDE..PLOT_MAX_SIDE */
    const char *title;    /* NULL: none */
    const char *settings; /* a smaller line below it; NULL: none */
    const char *note;     /* a small line at the bottom; NULL: none */
    size_t n_panels;      /* 1..PLOT_MAX_PANELS */
    const struct plot_panel *panels;
};

/* Append the PNG.  INVALID (sides, panels), TOO_LARGE (out's maximum), NO_MEMORY; *out is then as
 * it was. */
enum status plot_png(const struct plot *p, struct buffer *out, struct error *err) WARN_UNUSED;

#endif
