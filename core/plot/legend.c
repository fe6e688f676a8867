/*
 * The legend stands to the right of a panel's frame, where it covers nothing.
 */
#include <math.h>
#include <stdio.h>

#include "core/plot/panel.h"

enum { NAME_SIZE = 200 };
#define SAMPLE_WIDTH 22.0
#define ROW_HEIGHT 16.5

static size_t count_names(const struct plot_panel *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_series && !p->has_no_legend; i++)
        n += p->series[i].name != NULL;
    return n;
}

double legend_width(const struct drawing *d, const struct plot_panel *p, double most)
{
    const double size = TICK_SIZE * d->unit;
    double widest = p->legend_title ? canvas_text_width(d->canvas, p->legend_title, size) : 0;
    if (count_names(p) == 0)
        return 0;
    for (size_t i = 0; i < p->n_series; i++)
        if (p->series[i].name)
            widest = fmax(widest, (SAMPLE_WIDTH + 6) * d->unit +
                                      canvas_text_width(d->canvas, p->series[i].name, size));
    return fmin(ceil(widest + 14 * d->unit), most);
}

static void draw_sample(const struct drawing *d, const struct plot_panel *p, size_t i,
                        struct point at)
{
    const struct plot_series *s = &p->series[i];
    const struct look look = curves_look(p, i);
    const double unit = d->unit, dash[] = {look.dash[0] * unit, look.dash[1] * unit};
    const struct point line[] = {at, {at.x + SAMPLE_WIDTH * unit, at.y}};
    if (s->style != PLOT_MARKERS)
        canvas_line(d->canvas, line, 2, 1.8 * unit, dash[0] > 0 ? dash : NULL, look.color);
    if (s->style > PLOT_DASHES)
        curves_marker(d, (struct point){at.x + SAMPLE_WIDTH / 2 * unit, at.y}, &look);
}

/* Is name k of n among so many that are shown?  Of an order: both ends and even steps between. */
static bool is_shown(bool is_ordered, size_t k, size_t n, size_t shown)
{
    if (n <= shown)
        return true;
    if (!is_ordered || shown < 2)
        return k < shown;
    for (size_t i = 0; i < shown; i++)
        if (k == i * (n - 1) / (shown - 1))
            return true;
    return false;
}

static void draw_text(const struct drawing *d, const char *text, double x, double y, double width)
{
    const struct font font = {TICK_SIZE * d->unit, ink};
    char fitted[NAME_SIZE];
    canvas_text_fit(d->canvas, text, font.size, width, fitted, sizeof fitted);
    canvas_text(d->canvas, fitted, (struct point){x, y}, ALIGN_LEFT, 0, &font);
}

void legend_draw(const struct drawing *d, const struct plot_panel *p, const struct box *box)
{
    const double row = ROW_HEIGHT * d->unit, x = box->x0 + 12 * d->unit;
    const double text_x = x + (SAMPLE_WIDTH + 6) * d->unit;
    const size_t n = count_names(p);
    const double height = box->y1 - box->y0 - (p->legend_title ? row : 0);
    const size_t rows = height > 2 * row ? (size_t)(height / row) : 2;
    const size_t shown = n <= rows ? n : rows - 1;
    double y = box->y0 + 0.7 * row; /* of the baseline */
    if (p->legend_title) {
        draw_text(d, p->legend_title, x, y, box->x1 - x);
        y += row;
    }
    for (size_t i = 0, k = 0; i < p->n_series; i++) {
        if (!p->series[i].name || !is_shown(p->is_ordered, k++, n, shown))
            continue;
        draw_sample(d, p, i, (struct point){x, y - 0.36 * TICK_SIZE * d->unit});
        draw_text(d, p->series[i].name, text_x, y, box->x1 - text_x);
        y += row;
    }
    if (shown < n) {
        char rest[64];
        snprintf(rest, sizeof rest, p->is_ordered ? "%zu in all" : "and %zu more",
                 p->is_ordered ? n : n - shown);
        draw_text(d, rest, text_x, y, box->x1 - text_x);
    }
}
