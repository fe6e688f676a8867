/*
 * A picture that is drawn on: lines, discs, polygons and text, smooth at their edges, by FreeType's
 * rasterizer and a font that is part of the program (DejaVu Sans).  No font is looked for, no
 * display, no file: the same calls give the same bytes on every machine.
 *
 * Places are pixels from the left top corner, x right, y down; the centre of the first pixel is at
 * 0.5, 0.5.  What is outside of the clip is left out; nothing is drawn where a number is not
 * finite.  A call that finds no memory draws nothing, nor do those after it: canvas_png answers
 * NO_MEMORY then, and no call before it needs to be looked at.
 *
 * A canvas belongs to one thread at a time; any number of them may be in use.
 */
#ifndef CORE_PLOT_CANVAS_H
#define CORE_PLOT_CANVAS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"

struct canvas;

struct point {
    double x, y;
};
struct box {
    double x0, y0, x1, y1; /* x0 <= x1, y0 <= y1 */
};
struct color {
    uint8_t r, g, b;
};

/* White.  Sides of 1..CANVAS_MAX_SIDE pixels; takes 4 bytes a pixel.  INVALID, NO_MEMORY. */
enum { CANVAS_MAX_SIDE = 4096 };
enum status canvas_create(struct canvas **out, size_t width, size_t height,
                          struct error *err) WARN_UNUSED;
void canvas_free(struct canvas *c); /* NULL is fine */

/* From now on nothing outside of the box, rounded to pixels, is drawn; NULL: all of it is. */
void canvas_clip(struct canvas *c, const struct box *box);

/* A box rounded to pixels, at least one wide and high: sharp at its edges. */
void canvas_box(struct canvas *c, const struct box *box, struct color color);

/* A polygon of at most CANVAS_MAX_CORNERS corners. */
enum { CANVAS_MAX_CORNERS = 64 };
void canvas_polygon(struct canvas *c, const struct point *corners, size_t n, struct color color);

/* A disc, opaque. */
void canvas_disc(struct canvas *c, struct point centre, double radius, struct color color);

/* A line through points, with round ends and joins; where a point is not finite it is broken.
 * dash: lengths of on and off; NULL: drawn through. */
void canvas_line(struct canvas *c, const struct point *points, size_t n, double width,
                 const double dash[2], struct color color);

/* Text, UTF-8 (bytes that are none are drawn as the replacement character), its baseline through
 * `at`, turned around it by degrees against the clock. */
enum align { ALIGN_LEFT, ALIGN_CENTRE, ALIGN_RIGHT };
struct font {
    double size; /* of an em, pixels */
    struct color color;
};
void canvas_text(struct canvas *c, const char *text, struct point at, enum align align,
                 double degrees, const struct font *font);

/* How wide text is in pixels: 0 when out of memory. */
double canvas_text_width(struct canvas *c, const char *text, double size);

/* Copy text into out, as much of its start as is at most so wide, with an ellipsis where some of it
 * is left out. */
void canvas_text_fit(struct canvas *c, const char *text, double size, double width, char *out,
                     size_t out_size);

/* Set pixel (x, y), inside of the canvas. */
void canvas_pixel(struct canvas *c, size_t x, size_t y, struct color color);

/* Append the picture as PNG, RGB of 8 bits.  NO_MEMORY, also of any call before. */
enum status canvas_png(const struct canvas *c, struct buffer *out, struct error *err) WARN_UNUSED;

#endif
