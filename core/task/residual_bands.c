#include "core/task/residual_bands.h"

#include <math.h>

#include "core/base/mem.h"
#include "core/scene/spectrum.h"

/* A side of a window: two waves of the longest that belongs to band 0.  Of a line as many samples
 * as such a window has. */
enum { WINDOW_SIDE = 128, WINDOW_POINTS = WINDOW_SIDE * WINDOW_SIDE };

/* Of the data's mean square, the least power of a band that is no rounding: 1e-5 of their size. */
static const double least_power = 1e-10;

struct residual_bands {
    struct spectrum *spectrum;
    size_t n, n_outputs;
    float *unit;                  /* [n, D] */
    float *data;                  /* [n, C] */
    double power[SPECTRUM_BANDS]; /* of the data; 0 where there is too little */
    bool is_empty;                /* no band has any */
};

struct window {
    size_t x, y, width, height;
};

/* The middle of a side. */
static size_t part_of(size_t side, size_t most, size_t *first)
{
    const size_t n = side < most ? side : most;
    *first = (side - n) / 2;
    return n;
}

static struct window window_of(size_t width, size_t height)
{
    struct window w;
    w.width = part_of(width, height > 1 ? WINDOW_SIDE : WINDOW_POINTS, &w.x);
    w.height = part_of(height, width > 1 ? WINDOW_SIDE : WINDOW_POINTS, &w.y);
    return w;
}

static void read_window(struct residual_bands *b, const struct sample_plane *p, struct window w)
{
    float *unit = b->unit, *value = b->data;
    for (size_t y = w.y; y < w.y + w.height; y++)
        for (size_t x = w.x; x < w.x + w.width; x++) {
            p->read(p->context, x, y, unit, value);
            unit += p->n_inputs;
            value += p->n_outputs;
        }
}

static enum status measure_data(struct residual_bands *b, struct error *err)
{
    const size_t n_values = b->n * b->n_outputs;
    struct team *team = NULL;
    double square = 0.0;
    enum status status = team_create(&team, 1, err);
    if (status == STATUS_OK)
        status = spectrum_measure(b->spectrum, team, b->n_outputs, b->data, b->power, err);
    team_free(team);
    for (size_t i = 0; i < n_values; i++)
        square += (double)b->data[i] * (double)b->data[i];
    b->is_empty = true;
    for (size_t i = 0; i < SPECTRUM_BANDS && status == STATUS_OK; i++) {
        if (!(b->power[i] > least_power * square / (double)n_values))
            b->power[i] = 0.0;
        b->is_empty = b->is_empty && b->power[i] == 0.0;
    }
    return status;
}

enum status residual_bands_create(struct residual_bands **out, const struct sample_plane *plane,
                                  size_t *n_points, struct error *err)
{
    const struct window w = window_of(plane->width, plane->height);
    struct residual_bands *b = mem_alloc(sizeof *b);
    if (!b)
        return error_status(err, STATUS_NO_MEMORY);
    *b = (struct residual_bands){.n = w.width * w.height, .n_outputs = plane->n_outputs};
    b->unit = mem_alloc_floats(b->n * plane->n_inputs);
    b->data = mem_alloc_floats(b->n * plane->n_outputs);
    enum status status = b->unit && b->data ? spectrum_create(&b->spectrum, w.width, w.height, err)
                                            : error_status(err, STATUS_NO_MEMORY);
    if (status == STATUS_OK) {
        read_window(b, plane, w);
        status = measure_data(b, err);
    }
    if (status != STATUS_OK) {
        residual_bands_free(b);
        return status;
    }
    *n_points = b->is_empty ? 0 : b->n;
    *out = b;
    return STATUS_OK;
}

void residual_bands_free(struct residual_bands *b)
{
    if (!b)
        return;
    spectrum_free(b->spectrum);
    mem_free(b->unit);
    mem_free(b->data);
    mem_free(b);
}

size_t residual_bands_bytes(size_t width, size_t height, size_t n_inputs, size_t n_outputs)
{
    const struct window w = window_of(width, height);
    return sizeof(struct residual_bands) +
           w.width * w.height * (n_inputs + n_outputs) * sizeof(float) +
           spectrum_bytes(w.width, w.height);
}

static void add_metrics(const struct residual_bands *b, const double *left,
                        struct task_metrics *out)
{
    static const char *const keys[SPECTRUM_BANDS] = {"residual_band_0", "residual_band_1",
                                                     "residual_band_2", "residual_band_3",
                                                     "residual_band_4", "residual_band_5"};
    for (size_t i = 0; i < SPECTRUM_BANDS; i++)
        if (b->power[i] > 0.0 && isfinite(left[i] / b->power[i]))
            task_metrics_add(out, keys[i], left[i] / b->power[i]);
}

enum status residual_bands_measure(const struct residual_bands *b, const struct field *f,
                                   struct team *team, const volatile bool *stop,
                                   struct task_metrics *out, struct error *err)
{
    double left[SPECTRUM_BANDS];
    if (b->is_empty)
        return STATUS_OK;
    float *residual = mem_alloc_floats(b->n * b->n_outputs);
    if (!residual)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = task_query(f, team, b->n, b->unit, residual, stop, err);
    if (status == STATUS_OK) {
        for (size_t i = 0; i < b->n * b->n_outputs; i++)
            residual[i] -= b->data[i];
        status = spectrum_measure(b->spectrum, team, b->n_outputs, residual, left, err);
    }
    mem_free(residual);
    if (status == STATUS_OK)
        add_metrics(b, left, out);
    return status;
}
