/*
 * A panel: what stands around its frame is measured first, the frame is what is left.
 */
#include "core/plot/panel.h"

#include <math.h>

#define LABEL_SIZE 12.0
#define TITLE_SIZE 12.5
#define TURN 35.0 /* degrees, of names that have no room side by side */
#define TURN_RADIANS (TURN / 57.29578)

enum { NAME_SIZE = 200 };

struct point frame_place(const struct frame *f, double x, double y)
{
    const double across = scale_place(&f->x, x), up = scale_place(&f->y, y);
    const double down = f->y_points_down ? up : 1 - up;
    return (struct point){f->box.x0 + across * (f->box.x1 - f->box.x0),
                          f->box.y0 + down * (f->box.y1 - f->box.y0)};
}

/* --- scales --- */

static struct scale category_scale(const struct plot_axis *axis)
{
    return (struct scale){SCALE_CATEGORIES, -0.5, fmax(1, (double)axis->n_categories) - 0.5};
}

static struct scale border_scale(double a, double b)
{
    return (struct scale){SCALE_LINEAR, fmin(a, b), fmax(a, b)};
}

struct scale panel_x_scale(const struct plot_panel *p)
{
    struct range r = {INFINITY, -INFINITY};
    double pad = 0.0;
    if (p->image)
        return border_scale(p->image->x0, p->image->x1);
    if (p->x.scale == SCALE_CATEGORIES)
        return category_scale(&p->x);
    for (size_t i = 0; i < p->n_series; i++) {
        range_add(&r, p->x.scale, p->series[i].x, p->series[i].n);
        pad = p->series[i].style <= PLOT_DASHES ? fmax(pad, 0.01) : 0.04;
    }
    const double ends[] = {p->x.from, p->x.to};
    if (p->x.from < p->x.to)
        range_add(&r, p->x.scale, ends, 2);
    return scale_of_range(p->x.scale, &r, pad);
}

struct scale panel_y_scale(const struct plot_panel *p)
{
    struct range r = {INFINITY, -INFINITY};
    if (p->image)
        return border_scale(p->image->y0, p->image->y1);
    for (size_t i = 0; i < p->n_series; i++) {
        const struct plot_series *s = &p->series[i];
        range_add(&r, p->y.scale, s->y, s->n);
        for (size_t k = 0; s->spread && k < s->n; k++) {
            const double bar[] = {s->y[k] - s->spread[k], s->y[k] + s->spread[k]};
            range_add(&r, p->y.scale, bar + 1, 1);
            if (p->y.scale == SCALE_LINEAR)
                range_add(&r, p->y.scale, bar, 1);
        }
    }
    const double ends[] = {p->y.from, p->y.to};
    if (p->y.from < p->y.to)
        range_add(&r, p->y.scale, ends, 2);
    return scale_of_range(p->y.scale, &r, 0.05);
}

static void add_left_out(const struct scale *s, double value, struct left_out *sum)
{
    if (isnan(value))
        return;
    if (s->kind == SCALE_LOG && value <= 0)
        sum->n_not_positive++;
    else if (!(value >= s->low && value <= s->high))
        sum->n_outside++;
}

void panel_add_left_out(const struct plot_panel *p, struct left_out *sum)
{
    if (p->image) {
        const struct scale s = heat_scale(p->image);
        for (size_t i = 0; i < p->image->rows * p->image->columns; i++)
            add_left_out(&s, p->image->values[i], sum);
        return;
    }
    const struct scale x = panel_x_scale(p), y = panel_y_scale(p);
    for (size_t i = 0; i < p->n_series; i++)
        for (size_t k = 0; k < p->series[i].n; k++) {
            add_left_out(&x, p->series[i].x[k], sum);
            add_left_out(&y, p->series[i].y[k], sum);
        }
}

/* --- ticks --- */

static double text_width(const struct drawing *d, const char *text)
{
    return canvas_text_width(d->canvas, text, TICK_SIZE * d->unit);
}

/* Do the texts of an axis of this length stand apart? */
static bool have_room(const struct drawing *d, const struct ticks *t, const struct scale *s,
                      double length)
{
    double end = -INFINITY;
    for (size_t i = 0; i < t->n; i++) {
        if (!t->at[i].text[0])
            continue;
        const double half = text_width(d, t->at[i].text) / 2;
        const double middle = scale_place(s, t->at[i].value) * length;
        if (middle - half < end + 0.7 * TICK_SIZE * d->unit)
            return false;
        end = middle + half;
    }
    return true;
}

/* How many ticks there may be where so many have room: 2 to 12, and steps of 1 at least where
 * things are counted. */
static size_t count_ticks(const struct plot_axis *axis, const struct scale *s, double room)
{
    const double most = fmax(2, fmin(12, room));
    return (size_t)(axis->is_whole ? fmin(most, fmax(1, ceil(s->high - s->low))) : most);
}

/* The marks if they have room, else as many ticks as have. */
static void make_x_ticks(const struct drawing *d, const struct plot_axis *axis,
                         const struct scale *s, double length, struct ticks *out)
{
    if (axis->n_marks > 0) {
        ticks_at(out, s, axis->marks, axis->n_marks < TICKS_MAX ? axis->n_marks : TICKS_MAX);
        if (have_room(d, out, s, length))
            return;
    }
    size_t most = count_ticks(axis, s, length / (3.5 * TICK_SIZE * d->unit));
    do {
        ticks_make(out, s, most);
    } while (!have_room(d, out, s, length) && --most >= 2);
}

static void make_y_ticks(const struct drawing *d, const struct plot_axis *axis,
                         const struct scale *s, double length, struct ticks *out)
{
    ticks_make(out, s, count_ticks(axis, s, length / (2.9 * TICK_SIZE * d->unit)));
}

/* --- names of categories --- */

static double widest_name(const struct drawing *d, const struct plot_axis *axis)
{
    double widest = 0;
    for (size_t i = 0; i < axis->n_categories; i++)
        widest = fmax(widest, text_width(d, axis->categories[i]));
    return widest;
}

static bool are_turned(const struct drawing *d, const struct plot_axis *axis, double length)
{
    const double slot = length / fmax(1, (double)axis->n_categories);
    return widest_name(d, axis) > slot - 0.7 * TICK_SIZE * d->unit;
}

/* How long a turned name may be: it ends where its category is and begins left below. */
static double name_room(const struct drawing *d, const struct plot_axis *axis,
                        const struct box *outer)
{
    const double down = 0.24 * (outer->y1 - outer->y0), left = 0.35 * (outer->x1 - outer->x0);
    const double most =
        fmin(fmax(40 * d->unit, down / sin(TURN_RADIANS)), left / cos(TURN_RADIANS));
    return fmin(widest_name(d, axis) + 1, most);
}

/* --- what stands around the frame --- */

struct layout {
    struct box outer;
    struct frame frame;
    struct ticks x, y;
    double legend; /* its width */
    double bar;    /* of colours */
    double title;  /* height */
    double left, right, top, bottom;
    double names; /* the room of turned names; 0: they are not turned */
};

static double widest_tick(const struct drawing *d, const struct ticks *t)
{
    double widest = 0;
    for (size_t i = 0; i < t->n; i++)
        widest = fmax(widest, text_width(d, t->at[i].text));
    return widest;
}

/* Turned names may need room at the left, which leaves less for all of them. */
static void measure_names(const struct drawing *d, const struct plot_panel *p, struct layout *l)
{
    const double width = l->outer.x1 - l->outer.x0 - l->right;
    for (size_t round = 0; round < 4; round++) {
        const double length = fmax(1, width - l->left);
        const double slot = length / fmax(1, (double)p->x.n_categories);
        if (l->names == 0 && !are_turned(d, &p->x, length))
            return;
        l->names = name_room(d, &p->x, &l->outer);
        for (size_t i = 0; i < p->x.n_categories; i++) {
            const double name = fmin(text_width(d, p->x.categories[i]), l->names);
            l->left =
                fmax(l->left, name * cos(TURN_RADIANS) - ((double)i + 0.5) * slot + 6 * d->unit);
        }
    }
}

static void measure_bottom(const struct drawing *d, const struct plot_panel *p, struct layout *l)
{
    l->bottom = (8 + TICK_SIZE + (p->x.label ? LABEL_SIZE + 8 : 2)) * d->unit;
    if (p->x.scale == SCALE_CATEGORIES)
        measure_names(d, p, l);
    l->bottom += l->names * sin(TURN_RADIANS);
}

static void measure(const struct drawing *d, const struct plot_panel *p, const struct box *outer,
                    struct layout *l)
{
    const double unit = d->unit;
    const double width = outer->x1 - outer->x0, height = outer->y1 - outer->y0;
    *l = (struct layout){
        .outer = *outer,
        .frame = {.x = panel_x_scale(p), .y = panel_y_scale(p), .y_points_down = p->image != NULL}};
    l->title = p->title ? (TITLE_SIZE + 9) * unit : 4 * unit;
    make_y_ticks(d, &p->y, &l->frame.y, 0.72 * height, &l->y);
    l->left = widest_tick(d, &l->y) + (12 + (p->y.label ? LABEL_SIZE + 8 : 0)) * unit;
    l->top = l->title + (l->y.exponent != 0 ? 14 * unit : 0);
    l->legend = width < 250 * unit ? 0 : legend_width(d, p, 0.34 * width);
    l->bar = p->image ? heat_bar_width(d, p->image, 0.72 * height) : 0;
    l->right = fmax(l->legend + l->bar, 10 * unit);
    measure_bottom(d, p, l);
    /* The last text of the x axis reaches over the frame's end. */
    const double length = width - l->left - l->right;
    if (p->x.scale == SCALE_CATEGORIES)
        return;
    make_x_ticks(d, &p->x, &l->frame.x, length, &l->x);
    if (l->x.n > 0 && l->legend + l->bar == 0)
        l->right = fmax(l->right, 4 * unit + text_width(d, l->x.at[l->x.n - 1].text) / 2);
}

/* The box of the frame, on whole pixels; of an image, with square elements. */
static void place_frame(const struct plot_panel *p, struct layout *l)
{
    struct box *b = &l->frame.box;
    *b = (struct box){ceil(l->outer.x0 + l->left), ceil(l->outer.y0 + l->top),
                      floor(l->outer.x1 - l->right), floor(l->outer.y1 - l->bottom)};
    b->x1 = fmax(b->x1, b->x0 + 4);
    b->y1 = fmax(b->y1, b->y0 + 4);
    if (!p->image)
        return;
    const double element =
        fmin((b->x1 - b->x0) / (double)p->image->columns, (b->y1 - b->y0) / (double)p->image->rows);
    const double width = fmax(1, round(element * (double)p->image->columns));
    const double height = fmax(1, round(element * (double)p->image->rows));
    const double spare = floor((b->x1 - b->x0 - width) / 2);
    *b = (struct box){b->x0 + spare, b->y0, b->x0 + spare + width, b->y0 + height};
}

/* --- drawing --- */

static double hair_of(const struct drawing *d)
{
    return fmax(1, round(0.8 * d->unit));
}

static void draw_upright(const struct drawing *d, double x, double y0, double y1,
                         struct color color)
{
    const double hair = hair_of(d), from = round(x - hair / 2);
    const struct box line = {from, y0, from + hair, y1};
    canvas_box(d->canvas, &line, color);
}

void panel_level(const struct drawing *d, double y, double x0, double x1, struct color color)
{
    const double hair = hair_of(d), from = round(y - hair / 2);
    const struct box line = {x0, from, x1, from + hair};
    canvas_box(d->canvas, &line, color);
}

static void draw_grid(const struct drawing *d, const struct layout *l)
{
    const struct box *b = &l->frame.box;
    for (size_t i = 0; i < l->x.n; i++)
        if (l->x.at[i].text[0])
            draw_upright(d, b->x0 + scale_place(&l->frame.x, l->x.at[i].value) * (b->x1 - b->x0),
                         b->y0, b->y1, grid_ink);
    for (size_t i = 0; i < l->y.n; i++)
        if (l->y.at[i].text[0])
            panel_level(d, b->y1 - scale_place(&l->frame.y, l->y.at[i].value) * (b->y1 - b->y0),
                        b->x0, b->x1, grid_ink);
}

static void draw_frame(const struct drawing *d, const struct layout *l)
{
    const struct box *b = &l->frame.box;
    draw_upright(d, b->x0, b->y0, b->y1, ink);
    draw_upright(d, b->x1, b->y0, b->y1 + hair_of(d), ink);
    panel_level(d, b->y0, b->x0, b->x1, ink);
    panel_level(d, b->y1, b->x0, b->x1, ink);
}

/* Nine to a decade, the last two of them closer than others. */
static bool small_ticks_have_room(const struct drawing *d, const struct ticks *t, double length)
{
    return (double)t->n * 4.5 * d->unit < length;
}

static void draw_x_ticks(const struct drawing *d, const struct layout *l)
{
    const struct box *b = &l->frame.box;
    const struct font font = {TICK_SIZE * d->unit, ink};
    const bool has_room = small_ticks_have_room(d, &l->x, b->x1 - b->x0);
    for (size_t i = 0; i < l->x.n; i++) {
        const struct tick *t = &l->x.at[i];
        if (!t->text[0] && !has_room)
            continue;
        const double x = b->x0 + scale_place(&l->frame.x, t->value) * (b->x1 - b->x0);
        draw_upright(d, x, b->y1, b->y1 + (t->text[0] ? 4 : 2.5) * d->unit, ink);
        canvas_text(d->canvas, t->text, (struct point){x, b->y1 + 6 * d->unit + 0.82 * font.size},
                    ALIGN_CENTRE, 0, &font);
    }
    if (l->x.exponent != 0) {
        char power[TICK_TEXT];
        tick_power(power, l->x.exponent);
        canvas_text(d->canvas, power,
                    (struct point){b->x1, b->y1 + (8 + TICK_SIZE + LABEL_SIZE) * d->unit},
                    ALIGN_RIGHT, 0, &font);
    }
}

static void draw_names(const struct drawing *d, const struct plot_panel *p, const struct layout *l)
{
    const struct box *b = &l->frame.box;
    const struct font font = {TICK_SIZE * d->unit, ink};
    const double slot = (b->x1 - b->x0) / fmax(1, (double)p->x.n_categories);
    const bool is_turned = l->names > 0;
    /* Turned names are a line's height apart, those that are not have room. */
    const size_t stride = is_turned ? (size_t)ceil(1.15 * font.size / slot) : 1;
    for (size_t i = 0; i < p->x.n_categories; i++) {
        const double x = b->x0 + ((double)i + 0.5) * slot;
        char name[NAME_SIZE];
        draw_upright(d, x, b->y1, b->y1 + 4 * d->unit, ink);
        if (i % stride != 0)
            continue;
        canvas_text_fit(d->canvas, p->x.categories[i], font.size, is_turned ? l->names : 1e9, name,
                        sizeof name);
        if (is_turned)
            canvas_text(d->canvas, name,
                        (struct point){x + 0.4 * font.size, b->y1 + 6 * d->unit + 0.5 * font.size},
                        ALIGN_RIGHT, TURN, &font);
        else
            canvas_text(d->canvas, name, (struct point){x, b->y1 + 6 * d->unit + 0.82 * font.size},
                        ALIGN_CENTRE, 0, &font);
    }
}

static void draw_y_ticks(const struct drawing *d, const struct layout *l)
{
    const struct box *b = &l->frame.box;
    const struct font font = {TICK_SIZE * d->unit, ink};
    const bool has_room = small_ticks_have_room(d, &l->y, b->y1 - b->y0);
    for (size_t i = 0; i < l->y.n; i++) {
        const struct tick *t = &l->y.at[i];
        if (!t->text[0] && !has_room)
            continue;
        const double y = frame_place(&l->frame, scale_value(&l->frame.x, 0), t->value).y;
        panel_level(d, y, b->x0 - (t->text[0] ? 4 : 2.5) * d->unit, b->x0, ink);
        canvas_text(d->canvas, t->text, (struct point){b->x0 - 7 * d->unit, y + 0.36 * font.size},
                    ALIGN_RIGHT, 0, &font);
    }
    if (l->y.exponent != 0) {
        char power[TICK_TEXT];
        tick_power(power, l->y.exponent);
        canvas_text(d->canvas, power, (struct point){b->x0, b->y0 - 5 * d->unit}, ALIGN_LEFT, 0,
                    &font);
    }
}

static void draw_labels(const struct drawing *d, const struct plot_panel *p, const struct layout *l)
{
    const struct box *b = &l->frame.box;
    const struct font font = {LABEL_SIZE * d->unit, ink}, title = {TITLE_SIZE * d->unit, ink};
    char text[NAME_SIZE];
    if (p->x.label) {
        const double below = l->names * sin(TURN_RADIANS);
        canvas_text_fit(d->canvas, p->x.label, font.size, b->x1 - b->x0 + 20 * d->unit, text,
                        sizeof text);
        canvas_text(d->canvas, text,
                    (struct point){(b->x0 + b->x1) / 2,
                                   b->y1 + below + (9 + TICK_SIZE + LABEL_SIZE) * d->unit},
                    ALIGN_CENTRE, 0, &font);
    }
    if (p->y.label) {
        canvas_text_fit(d->canvas, p->y.label, font.size, b->y1 - b->y0 + 30 * d->unit, text,
                        sizeof text);
        const double x = b->x0 - widest_tick(d, &l->y) - 15 * d->unit;
        canvas_text(d->canvas, text, (struct point){x, (b->y0 + b->y1) / 2}, ALIGN_CENTRE, 90,
                    &font);
    }
    if (p->title) {
        canvas_text_fit(d->canvas, p->title, title.size, l->outer.x1 - b->x0, text, sizeof text);
        canvas_text(d->canvas, text,
                    (struct point){b->x0, b->y0 - (l->top - l->title) - 8 * d->unit}, ALIGN_LEFT, 0,
                    &title);
    }
}

static void draw_whole(const struct drawing *d, const struct plot_panel *p, const struct box *box)
{
    struct layout l;
    measure(d, p, box, &l);
    place_frame(p, &l);
    const struct box *b = &l.frame.box;
    if (p->x.scale != SCALE_CATEGORIES || p->image)
        make_x_ticks(d, &p->x, &l.frame.x, b->x1 - b->x0, &l.x);
    make_y_ticks(d, &p->y, &l.frame.y, b->y1 - b->y0, &l.y);
    if (p->image)
        heat_draw(d, p->image, b);
    else
        draw_grid(d, &l);
    draw_frame(d, &l);
    draw_x_ticks(d, &l);
    if (p->x.scale == SCALE_CATEGORIES)
        draw_names(d, p, &l);
    draw_y_ticks(d, &l);
    draw_labels(d, p, &l);
    if (p->image)
        heat_bar_draw(d, p->image, b->x1, b);
    else
        curves_draw(d, p, &l.frame);
    if (l.legend > 0) {
        const struct box legend = {b->x1, b->y0, b->x1 + l.legend, box->y1};
        legend_draw(d, p, &legend);
    }
}

/* Where there is hardly room for the numbers they go without labels. */
void panel_draw(const struct drawing *d, const struct plot_panel *p, const struct box *box)
{
    struct plot_panel bare = *p;
    struct plot_image image;
    if (box->y1 - box->y0 > 140 * d->unit && box->x1 - box->x0 > 180 * d->unit) {
        draw_whole(d, p, box);
        return;
    }
    bare.x.label = bare.y.label = NULL;
    if (p->image) {
        image = *p->image;
        image.label = NULL;
        bare.image = &image;
    }
    draw_whole(d, &bare, box);
}
