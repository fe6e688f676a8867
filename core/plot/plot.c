/*
 * The page: title, settings, panels in rows and columns, notes.
 */
#include "core/plot/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/plot/panel.h"

#define TITLE_SIZE 14.5
#define SMALL_SIZE 10.5

enum { LINE_SIZE = 512, MAX_LINES = 3 };

/* --- lines of text --- */

struct lines {
    size_t n;
    char at[MAX_LINES][LINE_SIZE];
};

/* Break text at spaces into at most `most` lines of this width; what is left over ends in an
 * ellipsis. */
static void break_lines(const struct drawing *d, const char *text, double size, double width,
                        size_t most, struct lines *out)
{
    out->n = 0;
    while (*text && out->n < most) {
        char *line = out->at[out->n++];
        size_t end = 0;
        for (const char *space = text; out->n < most && *space;) {
            space += strcspn(space, " ");
            const size_t n = (size_t)(space - text);
            if (n < LINE_SIZE) {
                memcpy(line, text, n);
                line[n] = '\0';
            }
            if (n >= LINE_SIZE || canvas_text_width(d->canvas, line, size) > width)
                break;
            end = n;
            space += *space == ' ';
        }
        if (end == 0) { /* the last line, or a word that is too long */
            canvas_text_fit(d->canvas, text, size, width, line, LINE_SIZE);
            return;
        }
        line[end] = '\0';
        text += end + (text[end] == ' ');
    }
}

static double draw_lines(const struct drawing *d, const struct lines *lines, double x, double y,
                         const struct font *font)
{
    for (size_t i = 0; i < lines->n; i++) {
        y += 1.3 * font->size;
        canvas_text(d->canvas, lines->at[i], (struct point){x, y}, ALIGN_LEFT, 0, font);
    }
    return y;
}

/* --- the page --- */

/* How many columns of panels: those that make them most like 4:3. */
static size_t find_columns(const struct plot *p)
{
    size_t best = 1;
    double best_off = INFINITY;
    for (size_t columns = 1; columns <= p->n_panels; columns++) {
        const size_t rows = (p->n_panels + columns - 1) / columns;
        const double shape =
            ((double)p->width / (double)columns) / ((double)p->height / (double)rows);
        const double off = fabs(log(shape / 1.333)) + 0.1 * (double)(rows * columns - p->n_panels);
        if (off < best_off) {
            best = columns;
            best_off = off;
        }
    }
    return best;
}

static double find_unit(const struct plot *p, size_t columns)
{
    const size_t rows = (p->n_panels + columns - 1) / columns;
    const double width = (double)p->width / (double)columns,
                 height = (double)p->height / (double)rows;
    return fmax(0.68, fmin(width / 600, height / 430));
}

static void add_note(char out[LINE_SIZE], size_t n, const char *one, const char *several)
{
    const size_t used = strlen(out);
    if (n == 0)
        return;
    snprintf(out + used, LINE_SIZE - used, "%s%zu %s", used > 0 ? " " : "", n,
             n == 1 ? one : several);
}

/* The caller's note, and what panels leave out. */
static void write_note(const struct plot *p, char out[LINE_SIZE])
{
    struct left_out sum = {0};
    for (size_t i = 0; i < p->n_panels; i++)
        panel_add_left_out(&p->panels[i], &sum);
    snprintf(out, LINE_SIZE, "%.300s", p->note ? p->note : "");
    add_note(out, sum.n_not_positive, "value that is not above 0 is left out.",
             "values that are not above 0 are left out.");
    add_note(out, sum.n_outside, "value is beyond the scale.", "values are beyond the scale.");
}

static void draw_page(const struct drawing *d, const struct plot *p, size_t columns)
{
    const double unit = d->unit, margin = round(10 * unit);
    const double width = (double)p->width - 2 * margin;
    const struct font title = {TITLE_SIZE * unit, ink}, small = {SMALL_SIZE * unit, faint_ink};
    const bool is_small = (double)p->height < 250 * unit || (double)p->width < 300 * unit;
    struct lines lines;
    char note[LINE_SIZE];
    double top = margin * 0.6, bottom = (double)p->height - margin * 0.8;
    if (p->title && p->title[0]) {
        break_lines(d, p->title, title.size, width, is_small ? 1 : 2, &lines);
        top = draw_lines(d, &lines, margin, top, &title);
    }
    if (p->settings && p->settings[0] && !is_small) {
        break_lines(d, p->settings, small.size, width, 2, &lines);
        top = draw_lines(d, &lines, margin, top + 2 * unit, &small);
    }
    write_note(p, note);
    if (note[0]) {
        break_lines(d, note, small.size, width, is_small ? 1 : 2, &lines);
        bottom -= 1.3 * small.size * (double)lines.n;
        draw_lines(d, &lines, margin, bottom - 0.25 * small.size, &small);
    }
    top += 8 * unit;
    const size_t rows = (p->n_panels + columns - 1) / columns;
    const double step_x = ((double)p->width - 1.6 * margin) / (double)columns;
    const double step_y = (bottom - top) / (double)rows;
    for (size_t i = 0; i < p->n_panels; i++) {
        const size_t row = i / columns, column = i % columns;
        const double x = 0.8 * margin + (double)column * step_x;
        const double y = top + (double)row * step_y;
        const double gap = column + 1 < columns ? margin : 0;
        const struct box box = {x, y, x + step_x - gap, y + step_y - 2 * unit};
        panel_draw(d, &p->panels[i], &box);
    }
}

enum status plot_png(const struct plot *p, struct buffer *out, struct error *err)
{
    if (p->width < PLOT_MIN_SIDE || p->height < PLOT_MIN_SIDE || p->width > PLOT_MAX_SIDE ||
        p->height > PLOT_MAX_SIDE)
        return error_set(err, STATUS_INVALID, "",
                         "a plot has sides of %d..%d pixels, not %zu x %zu", PLOT_MIN_SIDE,
                         PLOT_MAX_SIDE, p->width, p->height);
    if (p->n_panels < 1 || p->n_panels > PLOT_MAX_PANELS)
        return error_set(err, STATUS_INVALID, "", "a plot has 1..%d panels, not %zu",
                         PLOT_MAX_PANELS, p->n_panels);
    struct drawing d = {0};
    enum status status = canvas_create(&d.canvas, p->width, p->height, err);
    if (status != STATUS_OK)
        return status;
    const size_t columns = find_columns(p);
    d.unit = find_unit(p, columns);
    draw_page(&d, p, columns);
    status = canvas_png(d.canvas, out, err);
    canvas_free(d.canvas);
    return status;
}
