/*
 * Images whose values are colours.  An element larger than a pixel has sharp borders; where several
 * fall on one, it shows their mean.
 */
#include <math.h>

#include "core/plot/palette.h"
#include "core/plot/panel.h"

#define BAR_WIDTH 13.0
#define BAR_GAP 12.0

struct scale heat_scale(const struct plot_image *image)
{
    return scale_over(image->scale, image->values, image->rows * image->columns, 0);
}

/* Elements first … end - 1 of n lie on pixel i of `pixels`. */
static void find_elements(size_t i, size_t pixels, size_t n, size_t *first, size_t *end)
{
    if (n <= pixels) {
        *first = (2 * i + 1) * n / (2 * pixels);
        *end = *first + 1;
        return;
    }
    *first = i * n / pixels;
    *end = (i + 1) * n / pixels;
}

static double mean_place(const struct plot_image *image, const struct scale *s, const size_t x[2],
                         const size_t y[2])
{
    double sum = 0;
    size_t n = 0;
    for (size_t row = y[0]; row < y[1]; row++)
        for (size_t column = x[0]; column < x[1]; column++) {
            const double place = scale_place(s, image->values[row * image->columns + column]);
            if (isnan(place))
                continue;
            sum += place;
            n++;
        }
    return n > 0 ? sum / (double)n : NAN;
}

void heat_draw(const struct drawing *d, const struct plot_image *image, const struct box *box)
{
    const struct scale s = heat_scale(image);
    const size_t left = (size_t)lround(box->x0), top = (size_t)lround(box->y0);
    const size_t width = (size_t)lround(box->x1) - left, height = (size_t)lround(box->y1) - top;
    for (size_t j = 0; j < height; j++) {
        size_t x[2], y[2];
        find_elements(j, height, image->rows, &y[0], &y[1]);
        for (size_t i = 0; i < width; i++) {
            find_elements(i, width, image->columns, &x[0], &x[1]);
            canvas_pixel(d->canvas, left + i, top + j, palette_order(mean_place(image, &s, x, y)));
        }
    }
}

static void make_bar_ticks(const struct drawing *d, const struct plot_image *image, double height,
                           struct ticks *out)
{
    const struct scale s = heat_scale(image);
    ticks_make(out, &s, (size_t)fmax(2, height / (3 * TICK_SIZE * d->unit)));
}

double heat_bar_width(const struct drawing *d, const struct plot_image *image, double height)
{
    struct ticks ticks;
    char power[TICK_TEXT];
    double widest = 0;
    make_bar_ticks(d, image, height, &ticks);
    tick_power(power, ticks.exponent);
    if (ticks.exponent != 0)
        widest = canvas_text_width(d->canvas, power, TICK_SIZE * d->unit) - 5 * d->unit;
    for (size_t i = 0; i < ticks.n; i++)
        widest = fmax(widest, canvas_text_width(d->canvas, ticks.at[i].text, TICK_SIZE * d->unit));
    return ceil((BAR_GAP + BAR_WIDTH + 7 + (image->label ? 20 : 4)) * d->unit + widest);
}

void heat_bar_draw(const struct drawing *d, const struct plot_image *image, double left,
                   const struct box *of_image)
{
    const struct font font = {TICK_SIZE * d->unit, ink};
    const struct scale s = heat_scale(image);
    const double x0 = round(left + BAR_GAP * d->unit), x1 = round(x0 + BAR_WIDTH * d->unit);
    const double y0 = of_image->y0, y1 = of_image->y1;
    double widest = 0;
    struct ticks ticks;
    make_bar_ticks(d, image, y1 - y0, &ticks);
    const size_t height = (size_t)(y1 - y0);
    for (size_t i = 0; i < height; i++) {
        const struct box row = {x0, y0 + (double)i, x1, y0 + (double)i + 1};
        canvas_box(d->canvas, &row, palette_order(1 - ((double)i + 0.5) / (double)height));
    }
    for (size_t i = 0; i < ticks.n; i++) {
        const double y = y1 - scale_place(&s, ticks.at[i].value) * (y1 - y0);
        const double length = (ticks.at[i].text[0] ? 4 : 2.5) * d->unit;
        panel_level(d, y, x1, x1 + length, ink);
        canvas_text(d->canvas, ticks.at[i].text,
                    (struct point){x1 + 7 * d->unit, y + 0.36 * font.size}, ALIGN_LEFT, 0, &font);
        widest = fmax(widest, canvas_text_width(d->canvas, ticks.at[i].text, font.size));
    }
    if (ticks.exponent != 0) {
        char power[TICK_TEXT];
        tick_power(power, ticks.exponent);
        canvas_text(d->canvas, power, (struct point){x0, y0 - 5 * d->unit}, ALIGN_LEFT, 0, &font);
    }
    if (image->label) {
        char label[200];
        canvas_text_fit(d->canvas, image->label, font.size, y1 - y0 + 40 * d->unit, label,
                        sizeof label);
        canvas_text(d->canvas, label, (struct point){x1 + widest + 20 * d->unit, (y0 + y1) / 2},
                    ALIGN_CENTRE, 90, &font);
    }
}
