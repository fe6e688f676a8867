#include "core/scene/projection.h"

#include <math.h>
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

/* The places of an item's columns in row 0, in pixels of the picture, and how far the next row's
 * are from them. */
struct item {
    size_t first, count; /* of [A, W] */
    double x[ITEM_COLUMNS], y[ITEM_COLUMNS];
    double dx, dy;
};

static void find_item(const struct projection *p, size_t number, struct item *out)
{
    const size_t angle = number / items_of_angle(p);
    const double cosine = cos(p->angles[angle]), sine = sin(p->angles[angle]);
    const double x0 = (double)p->width / 2.0, y0 = (double)p->height / 2.0;
    out->first = number_of(p, number);
    const size_t column = out->first - angle * p->width, n_left = p->width - column;
    out->count = n_left < ITEM_COLUMNS ? n_left : ITEM_COLUMNS;
    out->dx = -sine;
    out->dy = cosine;
    for (size_t i = 0; i < out->count; i++) {
        const double x = (double)(column + i) - x0;
        out->x[i] = x * cosine + y0 * sine + x0;
        out->y[i] = x * sine - y0 * cosine + y0;
    }
}

/* The pixel nearest to a place: false outside.  Between two it is the higher one, also where the
 * turn has left an error of some 1e-14. */
static bool nearest_pixel(const struct projection *p, double x, double y, size_t *pixel)
{
    const double column = x + 0.5 + 1e-9, row = y + 0.5 + 1e-9;
    if (!(column >= 0.0 && column < (double)p->width && row >= 0.0 && row < (double)p->height))
        return false;
    *pixel = (size_t)row * p->width + (size_t)column;
    return true;
}

/* The four pixels around a place, and their weights: those outside have weight 0. */
struct corners {
    size_t pixel[4];
    float weight[4];
};

static bool find_corners(const struct projection *p, double x, double y, struct corners *out)
{
    if (!(x >= -1.0 && x < (double)p->width && y >= -1.0 && y < (double)p->height))
        return false;
    const ptrdiff_t column = (ptrdiff_t)(x + 1.0) - 1, row = (ptrdiff_t)(y + 1.0) - 1;
    const float fx = (float)(x - (double)column), fy = (float)(y - (double)row);
    for (size_t k = 0; k < 4; k++) {
        const ptrdiff_t c = column + (ptrdiff_t)(k % 2), r = row + (ptrdiff_t)(k / 2);
        const bool inside = c >= 0 && c < (ptrdiff_t)p->width && r >= 0 && r < (ptrdiff_t)p->height;
        out->pixel[k] = inside ? (size_t)r * p->width + (size_t)c : 0;
        out->weight[k] = inside ? (k % 2 ? fx : 1.0f - fx) * (k / 2 ? fy : 1.0f - fy) : 0.0f;
    }
    return true;
}

void projection_forward(const struct projection *p, size_t first, size_t count,
                        const float *picture, float *sinogram)
{
    for (size_t number = first; number < first + count; number++) {
        struct item item;
        float sum[ITEM_COLUMNS] = {0.0f};
        find_item(p, number, &item);
        for (size_t r = 0; r < p->height; r++) {
            const double row = (double)r;
            for (size_t i = 0; i < item.count; i++) {
                const double x = item.x[i] + row * item.dx, y = item.y[i] + row * item.dy;
                struct corners c;
                size_t pixel;
                if (p->interpolation == PROJECTION_NEAREST) {
                    if (nearest_pixel(p, x, y, &pixel))
                        sum[i] += picture[pixel];
                } else if (find_corners(p, x, y, &c)) {
                    for (size_t k = 0; k < 4; k++)
                        sum[i] += c.weight[k] * picture[c.pixel[k]];
                }
            }
        }
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
        find_item(p, number, &item);
        for (size_t i = 0; i < item.count; i++)
            value[i] = sinogram[item.first + i] / (float)p->height;
        for (size_t r = 0; r < p->height; r++) {
            const double row = (double)r;
            for (size_t i = 0; i < item.count; i++) {
                const double x = item.x[i] + row * item.dx, y = item.y[i] + row * item.dy;
                struct corners c;
                size_t pixel;
                if (p->interpolation == PROJECTION_NEAREST) {
                    if (nearest_pixel(p, x, y, &pixel))
                        picture[pixel] += value[i];
                } else if (find_corners(p, x, y, &c)) {
                    for (size_t k = 0; k < 4; k++)
                        picture[c.pixel[k]] += c.weight[k] * value[i];
                }
            }
        }
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
