/*
 * The parts of a plot as they are drawn: for core/plot alone, plot.h is what others use.
 *
 * unit is how large things are: where a panel has 600 x 430 pixels it is one of them.
 */
#ifndef CORE_PLOT_PANEL_H
#define CORE_PLOT_PANEL_H

#include "core/plot/canvas.h"
#include "core/plot/plot.h"

struct drawing {
    struct canvas *canvas;
    double unit;
};

#define TICK_SIZE 11.0 /* an em of the text of ticks, units */

static const struct color ink = {38, 38, 38}, faint_ink = {100, 100, 100},
                          grid_ink = {228, 228, 228};

/* Where numbers of a panel are on the canvas. */
struct frame {
    struct box box;
    struct scale x, y;
    bool y_points_down;
};
struct point frame_place(const struct frame *f, double x, double y);

/* Draw a panel into a box, all that belongs to it inside. */
void panel_draw(const struct drawing *d, const struct plot_panel *p, const struct box *box);

/* A hairline from x0 to x1, on whole pixels about y. */
void panel_level(const struct drawing *d, double y, double x0, double x1, struct color color);

/* Scales over all series of a panel, or over its image's borders. */
struct scale panel_x_scale(const struct plot_panel *p);
struct scale panel_y_scale(const struct plot_panel *p);

/* Numbers of a panel's curves, or of its image, that are not drawn.  Those that are NAN are gaps,
 * which the caller knows of. */
struct left_out {
    size_t n_not_positive; /* on a logarithmic scale */
    size_t n_outside;      /* infinite, or so far below the largest that the scale ends before */
};
void panel_add_left_out(const struct plot_panel *p, struct left_out *sum);

/* --- curves.c --- */

/* How a series looks: its colour, dash and marker. */
struct look {
    struct color color;
    double dash[2]; /* of 0: none */
    size_t marker;  /* 0 disc, 1 square, 2 triangle, 3 diamond */
};
struct look curves_look(const struct plot_panel *p, size_t series);
void curves_marker(const struct drawing *d, struct point at, const struct look *look);
void curves_draw(const struct drawing *d, const struct plot_panel *p, const struct frame *f);

/* --- legend.c --- */

/* How wide the legend wants to be, at most `most`; 0: there is none. */
double legend_width(const struct drawing *d, const struct plot_panel *p, double most);
void legend_draw(const struct drawing *d, const struct plot_panel *p, const struct box *box);

/* --- heat.c: images --- */

/* Of the colours: over the values that have a place. */
struct scale heat_scale(const struct plot_image *image);
void heat_draw(const struct drawing *d, const struct plot_image *image, const struct box *box);

/* The bar of colours with its numbers and label, from left to the right of an image. */
double heat_bar_width(const struct drawing *d, const struct plot_image *image, double height);
void heat_bar_draw(const struct drawing *d, const struct plot_image *image, double left,
                   const struct box *of_image);

#endif
