#include "core/scene/projection.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/base/mem.h"

/* Columns of an item: their sums stay in registers and the first-level cache. */
enum { ITEM_COLUMNS = 64 };

static const double pi = 3.14159265358979323846;

const char *projection_interpolation_name(enum projection_interpolation i)
{
    static const char *const names[] = {
        [PROJECTION_NEAREST] = "nearest", [PROJECTION_LINEAR] = "linear"};
    return names[i];
}

void projection_spread_angles(size_t n, double *angles)
{
    for (size_t k = 0; k < n; k++)
        angles[k] = (double)k * pi / (double)n;
}

static size_t items_of_angle(const struct projection *p)
{
    return (p->width + ITEM_COLUMNS - 1) / ITEM_COLUMNS;
}

size_t projection_n_items(const struct projection *p)
{
    return p->n_angles * items_of_angle(p);
}

/* Where an item begins in [A, W]. */
static size_t number_of(const struct projection *p, size_t item)
{
    const size_t n = items_of_angle(p);
    return item / n * p->width + item % n * ITEM_COLUMNS;
}

void projection_range(const struct projection *p, size_t first, size_t count, size_t *first_number,
                      size_t *n_numbers)
{
    *first_number = number_of(p, first);
    *n_numbers = number_of(p, first + count) - *first_number;
}

/*
 * Places along a line are whole multiples of 2^-40 pixels: sums of them are exact, and the pixel is
 * a shift away.  Sides are below 2^20, places below 2^22 on either side of 0.
 */
enum { PLACE_BITS = 40 };
static const double place_unit = (double)((int64_t)1 << PLACE_BITS);

/* An item's columns: their places in row 0, and how far the next row's are from them. */
struct item {
    size_t first, count; /* of [A, W] */
    int64_t x[ITEM_COLUMNS], y[ITEM_COLUMNS];
    int64_t dx, dy;
};

/* shift: added to every place, pixels. */
static void find_item(const struct projection *p, size_t number, double shift, struct item *out)
{
    const size_t angle = number / items_of_angle(p);
    const double cosine = cos(p->angles[angle]), sine = sin(p->angles[angle]);
    const double x0 = (double)p->width / 2.0, y0 = (double)p->height / 2.0;
    out->first = number_of(p, number);
    const size_t column = out->first - angle * p->width, n_left = p->width - column;
    out->count = n_left < ITEM_COLUMNS ? n_left : ITEM_COLUMNS;
    out->dx = llrint(-sine * place_unit);
    out->dy = llrint(cosine * place_unit);
    for (size_t i = 0; i < out->count; i++) {
        const double x = (double)(column + i) - x0;
        out->x[i] = llrint((x * cosine + y0 * sine + x0 + shift) * place_unit);
        out->y[i] = llrint((x * sine - y0 * cosine + y0 + shift) * place_unit);
    }
}

/* So that the pixel below a place is the nearest one.  Between two it is the higher, also where the
 * turn has left an error of some 1e-13. */
static const double to_nearest = 0.5 + 1e-9;

/* Whether pixel (column, row) lies in a picture; negative ones are large numbers. */
static bool is_inside(uint64_t column, uint64_t row, size_t width, size_t height)
{
    return column < width && row < height;
}

static void add_nearest(const struct projection *p, const struct item *item, const float *picture,
                        float *sum)
{
    for (size_t r = 0; r < p->height; r++) {
        const int64_t dx = (int64_t)r * item->dx, dy = (int64_t)r * item->dy;
        for (size_t i = 0; i < item->count; i++) {
            const uint64_t column = (uint64_t)((item->x[i] + dx) >> PLACE_BITS);
            const uint64_t row = (uint64_t)((item->y[i] + dy) >> PLACE_BITS);
            if (is_inside(column, row, p->width, p->height))
                sum[i] += picture[row * p->width + column];
        }
    }
}

static void scatter_nearest(const struct projection *p, const struct item *item, const float *value,
                            float *picture)
{
    for (size_t r = 0; r < p->height; r++) {
        const int64_t dx = (int64_t)r * item->dx, dy = (int64_t)r * item->dy;
        for (size_t i = 0; i < item->count; i++) {
            const uint64_t column = (uint64_t)((item->x[i] + dx) >> PLACE_BITS);
            const uint64_t row = (uint64_t)((item->y[i] + dy) >> PLACE_BITS);
            if (is_inside(column, row, p->width, p->height))
                picture[row * p->width + column] += value[i];
        }
    }
}

/* How far a place is past the pixel below it: 24 bits, as a float has. */
static inline float part_of(int64_t place)
{
    return (float)(int32_t)(place >> (PLACE_BITS - 24) & 0xffffff) * (1.0f / (1 << 24));
}

/* Of the four pixels around a place, those that there are, and their weights: returns how many. */
static size_t find_corners(const struct projection *p, int64_t x, int64_t y, size_t pixel[4],
                           float weight[4])
{
    const float fx = part_of(x), fy = part_of(y);
    size_t n = 0;
    for (int k = 0; k < 4; k++) {
        const uint64_t column = (uint64_t)((x >> PLACE_BITS) + k % 2);
        const uint64_t row = (uint64_t)((y >> PLACE_BITS) + k / 2);
        if (!is_inside(column, row, p->width, p->height))
            continue;
        pixel[n] = row * p->width + column;
        weight[n++] = (k % 2 ? fx : 1.0f - fx) * (k / 2 ? fy : 1.0f - fy);
    }
    return n;
}

static void add_linear(const struct projection *p, const struct item *item, const float *picture,
                       float *sum)
{
    for (size_t r = 0; r < p->height; r++) {
        const int64_t dx = (int64_t)r * item->dx, dy = (int64_t)r * item->dy;
        for (size_t i = 0; i < item->count; i++) {
            const int64_t x = item->x[i] + dx, y = item->y[i] + dy;
            const uint64_t column = (uint64_t)(x >> PLACE_BITS), row = (uint64_t)(y >> PLACE_BITS);
            if (is_inside(column, row, p->width - 1, p->height - 1)) {
                const float fx = part_of(x), fy = part_of(y);
                const float *top = picture + row * p->width + column, *bottom = top + p->width;
                const float above = top[0] * (1.0f - fx) + top[1] * fx;
                const float below = bottom[0] * (1.0f - fx) + bottom[1] * fx;
                sum[i] += above * (1.0f - fy) + below * fy;
            } else {
                size_t pixel[4];
                float weight[4];
                const size_t n = find_corners(p, x, y, pixel, weight);
                for (size_t k = 0; k < n; k++)
                    sum[i] += weight[k] * picture[pixel[k]];
            }
        }
    }
}

static void scatter_linear(const struct projection *p, const struct item *item, const float *value,
                           float *picture)
{
    for (size_t r = 0; r < p->height; r++) {
        const int64_t dx = (int64_t)r * item->dx, dy = (int64_t)r * item->dy;
        for (size_t i = 0; i < item->count; i++) {
            const int64_t x = item->x[i] + dx, y = item->y[i] + dy;
            const uint64_t column = (uint64_t)(x >> PLACE_BITS), row = (uint64_t)(y >> PLACE_BITS);
            if (is_inside(column, row, p->width - 1, p->height - 1)) {
                const float fx = part_of(x), fy = part_of(y);
                float *top = picture + row * p->width + column, *bottom = top + p->width;
                const float above = value[i] * (1.0f - fy), below = value[i] * fy;
                top[0] += above * (1.0f - fx);
                top[1] += above * fx;
                bottom[0] += below * (1.0f - fx);
                bottom[1] += below * fx;
            } else {
                size_t pixel[4];
                float weight[4];
                const size_t n = find_corners(p, x, y, pixel, weight);
                for (size_t k = 0; k < n; k++)
                    picture[pixel[k]] += weight[k] * value[i];
            }
        }
    }
}

static double shift_of(const struct projection *p)
{
    return p->interpolation == PROJECTION_NEAREST ? to_nearest : 0.0;
}

void projection_forward(const struct projection *p, size_t first, size_t count,
                        const float *picture, float *sinogram)
{
    for (size_t number = first; number < first + count; number++) {
        struct item item;
        float sum[ITEM_COLUMNS] = {0.0f};
        find_item(p, number, shift_of(p), &item);
        if (p->interpolation == PROJECTION_NEAREST)
            add_nearest(p, &item, picture, sum);
        else
            add_linear(p, &item, picture, sum);
        for (size_t i = 0; i < item.count; i++)
            sinogram[item.first + i] = sum[i] / (float)p->height;
    }
}

void projection_adjoint(const struct projection *p, size_t first, size_t count,
                        const float *sinogram, float *picture)
{
    for (size_t number = first; number < first + count; number++) {
        struct item item;
        float value[ITEM_COLUMNS];
        find_item(p, number, shift_of(p), &item);
        for (size_t i = 0; i < item.count; i++)
            value[i] = sinogram[item.first + i] / (float)p->height;
        if (p->interpolation == PROJECTION_NEAREST)
            scatter_nearest(p, &item, value, picture);
        else
            scatter_linear(p, &item, value, picture);
    }
}

/* --- filtered back-projection --- */

struct back {
    const struct projection *p;
    const float *sinogram;
    float *filtered; /* [A, W] */
    float *picture;
    struct team *team;
};

/* The ramp, limited to the band of the samples: 1/4 at 0, -1 / (pi n)^2 at odd n, else 0. */
static void filter_angle(const struct projection *p, const float *line, float *out)
{
    const ptrdiff_t width = (ptrdiff_t)p->width;
    for (ptrdiff_t c = 0; c < width; c++) {
        double sum = 0.25 * (double)line[c];
        for (ptrdiff_t i = (c + 1) % 2; i < width; i += 2) {
            const double n = pi * (double)(c - i);
            sum -= (double)line[i] / (n * n);
        }
        out[c] = (float)sum;
    }
}

static void back_project_rows(const struct back *b, size_t first, size_t count)
{
    const struct projection *p = b->p;
    const double x0 = (double)p->width / 2.0, y0 = (double)p->height / 2.0;
    /* Half a turn, in steps of pi / A; sums over rows from means. */
    const double scale = pi / (double)p->n_angles * (double)p->height;
    memset(b->picture + first * p->width, 0, count * p->width * sizeof(float));
    for (size_t k = 0; k < p->n_angles; k++) {
        const double cosine = cos(p->angles[k]), sine = sin(p->angles[k]);
        const float *line = b->filtered + k * p->width;
        for (size_t r = first; r < first + count; r++)
            for (size_t c = 0; c < p->width; c++) {
                const double at = ((double)c - x0) * cosine + ((double)r - y0) * sine + x0;
                if (!(at >= 0.0 && at < (double)(p->width - 1)))
                    continue;
                const size_t i = (size_t)at;
                const float part = (float)(at - (double)i);
                b->picture[r * p->width + c] +=
                    (float)scale * ((1.0f - part) * line[i] + part * line[i + 1]);
            }
    }
}

static void back_member(void *context, size_t member)
{
    const struct back *b = context;
    const struct projection *p = b->p;
    size_t first, count;
    team_share(p->n_angles, 1, team_size(b->team), member, &first, &count);
    for (size_t k = first; k < first + count; k++)
        filter_angle(p, b->sinogram + k * p->width, b->filtered + k * p->width);
    team_barrier(b->team);
    team_share(p->height, 1, team_size(b->team), member, &first, &count);
    back_project_rows(b, first, count);
}

enum status projection_filtered_back(const struct projection *p, const float *sinogram,
                                     struct team *team, float *picture, struct error *err)
{
    struct back b = {.p = p, .sinogram = sinogram, .picture = picture, .team = team};
    b.filtered = mem_alloc_floats(p->n_angles * p->width);
    if (!b.filtered)
        return error_status(err, STATUS_NO_MEMORY);
    team_run(team, back_member, &b);
    mem_free(b.filtered);
    return STATUS_OK;
}
