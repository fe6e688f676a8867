/*
 * Curves: bars of their spread below, then lines, then markers.  A line of very many points becomes
 * at most four for each column of pixels: its first, least, greatest and last, which look the same.
 */
#include <math.h>

#include "core/plot/palette.h"
#include "core/plot/panel.h"

enum { RUN = 256, N_MARKERS = 4, MARKER_CORNERS = 4 };

static const double dashes[][2] = {{0, 0}, {7, 4}, {2, 3.5}, {12, 3}};
enum { N_DASHES = sizeof dashes / sizeof *dashes };

struct look curves_look(const struct plot_panel *p, size_t series)
{
    struct look look = {.color = {0, 0, 0}};
    size_t number = 0, count = 0;
    if (p->series[series].is_reference)
        return look;
    for (size_t i = 0; i < p->n_series; i++) {
        number += i < series && !p->series[i].is_reference;
        count += !p->series[i].is_reference;
    }
    if (p->is_ordered) {
        /* The lightest colours cannot be seen on white. */
        look.color = palette_order(count > 1 ? 0.9 * (double)number / (double)(count - 1) : 0.3);
        return look;
    }
    look.color = palette_kind(number);
    look.marker = number % N_MARKERS;
    const size_t round = number / PALETTE_KINDS + (p->series[series].style == PLOT_DASHES);
    const double *dash = dashes[round % N_DASHES];
    look.dash[0] = dash[0];
    look.dash[1] = dash[1];
    return look;
}

void curves_marker(const struct drawing *d, struct point at, const struct look *look)
{
    static const struct point shapes[][MARKER_CORNERS] = {
        {{0}},
        {{-0.88, -0.88}, {0.88, -0.88}, {0.88, 0.88}, {-0.88, 0.88}},
        {{0, -1.25}, {1.15, 0.8}, {-1.15, 0.8}, {-1.15, 0.8}},
        {{0, -1.3}, {1.3, 0}, {0, 1.3}, {-1.3, 0}},
    };
    const double radius = 3.4 * d->unit;
    struct point corners[MARKER_CORNERS];
    if (look->marker == 0) {
        canvas_disc(d->canvas, at, radius, look->color);
        return;
    }
    for (size_t i = 0; i < MARKER_CORNERS; i++)
        corners[i] = (struct point){at.x + radius * shapes[look->marker][i].x,
                                    at.y + radius * shapes[look->marker][i].y};
    canvas_polygon(d->canvas, corners, MARKER_CORNERS, look->color);
}

static bool is_seen(const struct frame *f, struct point p)
{
    const double slack = 0.6;
    return isfinite(p.x) && isfinite(p.y) && p.x >= f->box.x0 - slack && p.x <= f->box.x1 + slack &&
           p.y >= f->box.y0 - slack && p.y <= f->box.y1 + slack;
}

static struct point place_of(const struct plot_series *s, const struct frame *f, size_t i)
{
    return frame_place(f, s->x[i], s->y[i]);
}

/* A bar from y - spread to y + spread; what reaches below a logarithmic axis ends at its border. */
static void draw_spread(const struct drawing *d, const struct plot_series *s, const struct frame *f,
                        size_t i, struct color color)
{
    const double half_cap = 3.2 * d->unit, width = 1.2 * d->unit;
    const struct point middle = place_of(s, f, i);
    struct point high = frame_place(f, s->x[i], s->y[i] + s->spread[i]);
    struct point low = frame_place(f, s->x[i], s->y[i] - s->spread[i]);
    if (!is_seen(f, middle) || !isfinite(high.y) || !(s->spread[i] > 0))
        return;
    if (!isfinite(low.y))
        low = (struct point){middle.x, f->box.y1 + half_cap};
    const struct point bar[] = {low, high};
    canvas_line(d->canvas, bar, 2, width, NULL, color);
    for (size_t end = 0; end < 2; end++) {
        const struct point cap[] = {{bar[end].x - half_cap, bar[end].y},
                                    {bar[end].x + half_cap, bar[end].y}};
        canvas_line(d->canvas, cap, 2, width, NULL, color);
    }
}

/* --- lines --- */

/* A line that is being drawn piece by piece. */
struct pen {
    const struct drawing *drawing;
    const struct look *look;
    struct point run[RUN];
    size_t n;
};

/* Dashes begin anew with each piece: pieces are long. */
static void pen_flush(struct pen *pen)
{
    const double unit = pen->drawing->unit;
    const double dash[] = {pen->look->dash[0] * unit, pen->look->dash[1] * unit};
    canvas_line(pen->drawing->canvas, pen->run, pen->n, 1.8 * unit, dash[0] > 0 ? dash : NULL,
                pen->look->color);
    if (pen->n > 0)
        pen->run[0] = pen->run[pen->n - 1];
    pen->n = pen->n > 0;
}

static void pen_add(struct pen *pen, struct point p)
{
    if (pen->n == RUN)
        pen_flush(pen);
    pen->run[pen->n++] = p;
}

/* Points of one column of pixels. */
struct column {
    double at;
    size_t n;
    struct point first, least, most, last;
    bool least_is_first; /* came before most */
};

static void column_add(struct column *c, struct point p)
{
    if (c->n++ == 0) {
        c->first = c->least = c->most = c->last = p;
        c->at = floor(p.x);
        return;
    }
    if (p.y < c->least.y) {
        c->least = p;
        c->least_is_first = false;
    }
    if (p.y > c->most.y) {
        c->most = p;
        c->least_is_first = true;
    }
    c->last = p;
}

static void column_end(struct column *c, struct pen *pen)
{
    if (c->n > 0)
        pen_add(pen, c->first);
    if (c->n > 2) {
        pen_add(pen, c->least_is_first ? c->least : c->most);
        pen_add(pen, c->least_is_first ? c->most : c->least);
    }
    if (c->n > 1)
        pen_add(pen, c->last);
    c->n = 0;
}

static void draw_line(const struct drawing *d, const struct plot_series *s, const struct frame *f,
                      const struct look *look)
{
    struct pen pen = {.drawing = d, .look = look};
    struct column column = {0};
    const bool is_dense = (double)s->n > 2 * (f->box.x1 - f->box.x0);
    for (size_t i = 0; i < s->n; i++) {
        const struct point p = place_of(s, f, i);
        const bool is_place = isfinite(p.x) && isfinite(p.y);
        if (!is_place || !is_dense || floor(p.x) != column.at)
            column_end(&column, &pen);
        if (is_place && is_dense)
            column_add(&column, p);
        else
            pen_add(&pen, p); /* what is no place breaks the line */
    }
    column_end(&column, &pen);
    pen_flush(&pen);
}

/* A point without neighbours to be joined to would not be seen. */
static bool is_alone(const struct plot_series *s, const struct frame *f, size_t i)
{
    const struct point before = i > 0 ? place_of(s, f, i - 1) : (struct point){NAN, NAN};
    const struct point after = i + 1 < s->n ? place_of(s, f, i + 1) : (struct point){NAN, NAN};
    return !(isfinite(before.x) && isfinite(before.y)) && !(isfinite(after.x) && isfinite(after.y));
}

static void draw_series(const struct drawing *d, const struct plot_panel *p, size_t number,
                        const struct frame *f)
{
    const struct plot_series *s = &p->series[number];
    const struct look look = curves_look(p, number);
    const bool has_room = (double)s->n * 7 * d->unit <= f->box.x1 - f->box.x0;
    const bool has_markers =
        s->style == PLOT_MARKERS || (s->style == PLOT_LINE_AND_MARKERS && has_room);
    /* Markers on the border stand over it, whole. */
    const double over = 5 * d->unit;
    const struct box around = {f->box.x0 - over, f->box.y0 - over, f->box.x1 + over,
                               f->box.y1 + over};
    canvas_clip(d->canvas, &f->box);
    for (size_t i = 0; s->spread && i < s->n; i++)
        draw_spread(d, s, f, i, look.color);
    if (s->style != PLOT_MARKERS)
        draw_line(d, s, f, &look);
    canvas_clip(d->canvas, &around);
    for (size_t i = 0; i < s->n; i++) {
        const struct point at = place_of(s, f, i);
        if ((has_markers || is_alone(s, f, i)) && is_seen(f, at))
            curves_marker(d, at, &look);
    }
    canvas_clip(d->canvas, NULL);
}

void curves_draw(const struct drawing *d, const struct plot_panel *p, const struct frame *f)
{
    for (size_t pass = 0; pass < 2; pass++) /* references over all others */
        for (size_t i = 0; i < p->n_series; i++)
            if (p->series[i].is_reference == (pass == 1))
                draw_series(d, p, i, f);
}
