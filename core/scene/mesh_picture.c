#include "core/scene/mesh_picture.h"

#include <math.h>

#include "core/base/mem.h"

enum { WHITE = 255 };
static const size_t scale = 2; /* of the large picture over the small one */

/* Right, up, and towards the eye: rows of a rotation, made from the last one. */
static const double eye[3] = {0.42, 0.30, 0.86};

struct frame {
    double row[3][3];
    double centre[3];
    double scale; /* pixels of the large picture for each unit of the mesh */
    size_t side;
};

struct canvas {
    float *depth; /* [side, side]: nearer is larger */
    uint8_t *grey;
    size_t side;
};

/* Place of a vertex: pixels to the right and down, and nearness. */
static void project(const struct frame *f, const float *vertex, double out[3])
{
    double p[3];
    for (size_t d = 0; d < 3; d++)
        p[d] = (double)vertex[d] - f->centre[d];
    for (size_t r = 0; r < 3; r++)
        out[r] = f->row[r][0] * p[0] + f->row[r][1] * p[1] + f->row[r][2] * p[2];
    out[0] = (double)f->side / 2 + f->scale * out[0];
    out[1] = (double)f->side / 2 - f->scale * out[1];
    out[2] *= f->scale;
}

static struct frame frame_of(const struct mesh *m, size_t side)
{
    struct frame f = {.side = side, .scale = 1.0};
    const double length = sqrt(eye[0] * eye[0] + eye[1] * eye[1] + eye[2] * eye[2]);
    const double flat = sqrt(eye[0] * eye[0] + eye[2] * eye[2]);
    for (size_t d = 0; d < 3; d++)
        f.row[2][d] = eye[d] / length;
    f.row[0][0] = eye[2] / flat;
    f.row[0][2] = -eye[0] / flat;
    f.row[1][0] = f.row[2][1] * f.row[0][2];
    f.row[1][1] = f.row[2][2] * f.row[0][0] - f.row[2][0] * f.row[0][2];
    f.row[1][2] = -f.row[2][1] * f.row[0][0];
    /* The box of what is seen, still in the mesh's units, around the middle of the picture. */
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (size_t i = 0; i < 3 * m->n_triangles; i++) {
        const float *v = m->vertices + 3 * (size_t)m->triangles[i];
        for (size_t r = 0; r < 2; r++) {
            const double p = f.row[r][0] * (double)v[0] + f.row[r][1] * (double)v[1] +
                             f.row[r][2] * (double)v[2];
            low[r] = fmin(low[r], p);
            high[r] = fmax(high[r], p);
        }
    }
    for (size_t d = 0; d < 3; d++)
        f.centre[d] = f.row[0][d] * (low[0] + high[0]) / 2 + f.row[1][d] * (low[1] + high[1]) / 2;
    const double extent = fmax(high[0] - low[0], high[1] - low[1]);
    if (extent > 0.0)
        f.scale = 0.92 * (double)side / extent;
    return f;
}

/* Which pixels have their centre in [low, high]: *first … *end - 1. */
static void pixels_of(double low, double high, size_t side, size_t *first, size_t *end)
{
    *first = (size_t)fmin(fmax(ceil(low - 0.5), 0.0), (double)side);
    *end = (size_t)fmin(fmax(floor(high - 0.5) + 1.0, 0.0), (double)side);
}

/* Leave of [*low, *high] the part where constant + slope u is not below 0. */
static void clip(double constant, double slope, double *low, double *high)
{
    if (slope > 0.0)
        *low = fmax(*low, -constant / slope);
    else if (slope < 0.0)
        *high = fmin(*high, -constant / slope);
}

/* Which pixels of the row at v below p[0] may be of the triangle: its own and one to either side. A
 * box around it would not do: of a long sliver it is nearly empty. */
static void span_of(const double p[3][3], const double a[3], const double b[3], double area,
                    double v, size_t side, size_t *first, size_t *end)
{
    const double sign = area < 0.0 ? -1.0 : 1.0;
    const double s = -sign * v * b[0], ds = sign * b[1]; /* barycentric, times |area|, at u = 0 */
    const double t = sign * v * a[0], dt = -sign * a[1];
    double low = -INFINITY, high = INFINITY;
    clip(s, ds, &low, &high);
    clip(t, dt, &low, &high);
    clip(fabs(area) - s - t, -ds - dt, &low, &high);
    pixels_of(p[0][0] + low - 1.0, p[0][0] + high + 1.0, side, first, end);
}

static void draw(const struct canvas *c, const double p[3][3])
{
    const double a[3] = {p[1][0] - p[0][0], p[1][1] - p[0][1], p[1][2] - p[0][2]};
    const double b[3] = {p[2][0] - p[0][0], p[2][1] - p[0][1], p[2][2] - p[0][2]};
    const double n[3] = {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2],
                         a[0] * b[1] - a[1] * b[0]};
    const double length = sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
    if (!(fabs(n[2]) > 0.0) || !isfinite(length))
        return; /* seen from the side, or nothing */
    const uint8_t grey = (uint8_t)lround(60.0 + 165.0 * pow(fabs(n[2]) / length, 0.8));
    size_t x0, x1, y0, y1;
    pixels_of(fmin(fmin(p[0][0], p[1][0]), p[2][0]), fmax(fmax(p[0][0], p[1][0]), p[2][0]), c->side,
              &x0, &x1);
    pixels_of(fmin(fmin(p[0][1], p[1][1]), p[2][1]), fmax(fmax(p[0][1], p[1][1]), p[2][1]), c->side,
              &y0, &y1);
    for (size_t y = y0; y < y1; y++) {
        const double v = (double)y + 0.5 - p[0][1];
        size_t first, end;
        span_of(p, a, b, n[2], v, c->side, &first, &end);
        for (size_t x = first > x0 ? first : x0; x < x1 && x < end; x++) {
            const double u = (double)x + 0.5 - p[0][0];
            const double s = (u * b[1] - v * b[0]) / n[2], t = (v * a[0] - u * a[1]) / n[2];
            const float depth = (float)(p[0][2] + s * a[2] + t * b[2]);
            if (s < 0.0 || t < 0.0 || s + t > 1.0 || !(depth > c->depth[y * c->side + x]))
                continue;
            c->depth[y * c->side + x] = depth;
            c->grey[y * c->side + x] = grey;
        }
    }
}

static void draw_all(const struct canvas *c, const struct mesh *m)
{
    const struct frame f = frame_of(m, c->side);
    for (size_t i = 0; i < c->side * c->side; i++) {
        c->depth[i] = -INFINITY;
        c->grey[i] = WHITE;
    }
    for (size_t i = 0; i < m->n_triangles; i++) {
        double p[3][3];
        for (size_t k = 0; k < 3; k++)
            project(&f, m->vertices + 3 * (size_t)m->triangles[3 * i + k], p[k]);
        draw(c, p);
    }
}

enum status mesh_picture(const struct mesh *m, size_t side, struct image *out, struct error *err)
{
    /* How warm the clay is: what is left of each grey in red, green and blue. */
    static const double tint[3] = {1.0, 0.97, 0.92};
    const size_t large = scale * side;
    const struct canvas c = {mem_alloc_array(large, large * sizeof *c.depth),
                             mem_alloc_array(large, large), large};
    struct image image = {0};
    enum status status = STATUS_NO_MEMORY;
    if (c.depth && c.grey)
        status = image_create(&image, SAMPLE_U8, side, side, 3, err);
    else
        error_status(err, status);
    if (status != STATUS_OK || !c.depth || !c.grey)
        goto out;
    draw_all(&c, m);
    for (size_t i = 0; i < side * side; i++) {
        const size_t at = i / side * scale * c.side + i % side * scale;
        for (size_t channel = 0; channel < 3; channel++) {
            double sum = 0.0;
            for (size_t k = 0; k < scale * scale; k++) {
                const size_t pixel = at + k / scale * c.side + k % scale;
                sum += (double)c.grey[pixel] * (isfinite(c.depth[pixel]) ? tint[channel] : 1.0);
            }
            image.u8[3 * i + channel] = (uint8_t)lround(sum / (double)(scale * scale));
        }
    }
    *out = image;
    image = (struct image){0};
out:
    image_deinit(&image);
    mem_free(c.depth);
    mem_free(c.grey);
    return status;
}
