/*
 * A picture is measured in bands of rows, any thread any band; sums of bands are added in order.
 *
 * Scattered samples are found by bits: a row of the square around a pixel is one word, so that the
 * size of the square is a matter of counting bits.  The polynomials share one system of equations:
 * that of the plane is the upper left part of the other, and so is its Cholesky factor.
 */
#include "core/task/baseline.h"

#include <math.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/field/metrics.h"
#include "core/field/task.h"
#include "core/task/least_squares.h"
#include "core/task/sample_sets.h"

enum {
    BAND_ROWS = 16,
    STRIPE = 256, /* test pixels of a row of the lattice that are predicted at once */
    N_TERMS = 6,  /* 1, x, y, xx, xy, yy */
    N_PLANE_TERMS = 3,
    /* A square that is one smaller holds fewer than BASELINE_SAMPLES. */
    MAX_SAMPLES = BASELINE_SAMPLES + 8 * BASELINE_REACH,
    WORD_CENTRE = BASELINE_REACH, /* bit of the pixel itself in a row's word */
};
_Static_assert(2 * BASELINE_REACH + 1 < 64, "a row of a square is one word");

struct sums {
    double squared_error[N_BASELINES];
};

struct measurement {
    const struct image *image;
    const uint8_t *held;
    const volatile bool *stop;
    size_t n_members, n_bands;
    struct sums *band; /* [n_bands] */
};

static void add_error(struct sums *s, const struct image *image, size_t pixel,
                      float prediction[N_BASELINES][LIMIT_CHANNELS])
{
    const size_t channels = image->channels;
    float target[LIMIT_CHANNELS];
    image_read(image, pixel * channels, channels, target);
    for (int b = 0; b < N_BASELINES; b++)
        s->squared_error[b] += metrics_squared_error(channels, prediction[b], target);
}

/* --- a lattice of even rows and columns --- */

/* Columns first - 1 … of the lattice, interpolated along y to the middle of two of its rows. */
struct lattice_row {
    float value[N_BASELINES][STRIPE + 3][LIMIT_CHANNELS];
};

/* first + offset - 1, at most n - 1, at least 0. */
static size_t tap(size_t first, size_t offset, size_t n)
{
    const size_t i = first + offset;
    return i < 1 ? 0 : i - 1 < n ? i - 1 : n - 1;
}

static void combine(const float taps[4], float out[N_BASELINES])
{
    out[BASELINE_NEAREST] = taps[1];
    out[BASELINE_BILINEAR] = 0.5f * (taps[1] + taps[2]);
    out[BASELINE_BICUBIC] = 0.5625f * (taps[1] + taps[2]) - 0.0625f * (taps[0] + taps[3]);
}

/* Interpolate along y below lattice row j, for the n test pixels from column i on. */
static void fill_row(struct lattice_row *row, const struct image *image, size_t j, size_t i,
                     size_t n)
{
    const size_t channels = image->channels;
    const size_t n_across = (image->width + 1) / 2, n_down = (image->height + 1) / 2;
    for (size_t k = 0; k < n + 3; k++) {
        float sample[4][LIMIT_CHANNELS];
        for (size_t t = 0; t < 4; t++) {
            const size_t pixel = 2 * tap(j, t, n_down) * image->width + 2 * tap(i, k, n_across);
            image_read(image, pixel * channels, channels, sample[t]);
        }
        for (size_t c = 0; c < channels; c++) {
            const float taps[4] = {sample[0][c], sample[1][c], sample[2][c], sample[3][c]};
            float out[N_BASELINES];
            combine(taps, out);
            for (int b = 0; b < N_BASELINES; b++)
                row->value[b][k][c] = out[b];
        }
    }
}

static void measure_lattice_row(const struct image *image, size_t y, struct sums *s)
{
    struct lattice_row row;
    const size_t channels = image->channels, n_test = image->width / 2;
    for (size_t first = 0; first < n_test; first += STRIPE) {
        const size_t n = n_test - first < STRIPE ? n_test - first : STRIPE;
        fill_row(&row, image, y / 2, first, n);
        for (size_t i = 0; i < n; i++) {
            float prediction[N_BASELINES][LIMIT_CHANNELS];
            for (size_t c = 0; c < channels; c++)
                for (int b = 0; b < N_BASELINES; b++) {
                    const float taps[4] = {row.value[b][i][c], row.value[b][i + 1][c],
                                           row.value[b][i + 2][c], row.value[b][i + 3][c]};
                    float out[N_BASELINES];
                    combine(taps, out);
                    prediction[b][c] = out[b];
                }
            add_error(s, image, y * image->width + 2 * (first + i) + 1, prediction);
        }
    }
}

/* --- scattered samples --- */

/* Which pixels of row y are samples: bit WORD_CENTRE + dx is the pixel at x + dx, |dx| <= r. */
static uint64_t row_word(const struct measurement *m, size_t x, size_t y, size_t r)
{
    const size_t width = m->image->width;
    const size_t first = x > r ? x - r : 0, end = x + r < width ? x + r + 1 : width;
    const size_t begin = y * width + first, n = end - first;
    uint64_t word = (uint64_t)m->held[begin / 8] >> begin % 8;
    for (size_t n_bits = 8 - begin % 8, i = begin / 8 + 1; n_bits < n; n_bits += 8, i++)
        word |= (uint64_t)m->held[i] << n_bits;
    return (~word & ((UINT64_C(1) << n) - 1)) << (WORD_CENTRE + first - x);
}

/* Rows of the square around row y. */
static void square_rows(const struct image *image, size_t y, size_t r, size_t *first, size_t *end)
{
    *first = y > r ? y - r : 0;
    *end = y + r < image->height ? y + r + 1 : image->height;
}

static size_t count_samples(const struct measurement *m, size_t x, size_t y, size_t r)
{
    size_t first, end, n = 0;
    square_rows(m->image, y, r, &first, &end);
    for (size_t i = first; i < end; i++)
        n += (size_t)__builtin_popcountll(row_word(m, x, i, r));
    return n;
}

struct offset {
    int dx, dy;
};

static size_t list_samples(const struct measurement *m, size_t x, size_t y, size_t r,
                           struct offset *list)
{
    size_t first, end, n = 0;
    square_rows(m->image, y, r, &first, &end);
    for (size_t i = first; i < end; i++)
        for (uint64_t word = row_word(m, x, i, r); word; word &= word - 1)
            list[n++] = (struct offset){__builtin_ctzll(word) - WORD_CENTRE, (int)i - (int)y};
    return n;
}

static void read_sample(const struct image *image, size_t x, size_t y, struct offset o,
                        float *value)
{
    const ptrdiff_t pixel = ((ptrdiff_t)y + o.dy) * (ptrdiff_t)image->width + (ptrdiff_t)x + o.dx;
    image_read(image, (size_t)pixel * image->channels, image->channels, value);
}

static int squared_distance(struct offset o)
{
    return o.dx * o.dx + o.dy * o.dy;
}

/* Of a square that holds one: the first of those that are nearest to its centre. */
static struct offset nearest_in(const struct measurement *m, size_t x, size_t y, size_t r)
{
    struct offset best = {0, 0};
    size_t first, end;
    square_rows(m->image, y, r, &first, &end);
    for (size_t i = first; i < end; i++)
        for (uint64_t word = row_word(m, x, i, r); word; word &= word - 1) {
            const struct offset o = {__builtin_ctzll(word) - WORD_CENTRE, (int)i - (int)y};
            const int d2 = squared_distance(best);
            if (d2 == 0 || squared_distance(o) < d2)
                best = o;
        }
    return best;
}

/* The corners of a square are farther away than what lies beyond its sides. */
static struct offset find_nearest(const struct measurement *m, size_t x, size_t y, size_t r)
{
    const struct offset o = nearest_in(m, x, y, r);
    const size_t distance = (size_t)sqrt((double)squared_distance(o));
    if (distance <= r || r == BASELINE_REACH)
        return o;
    return nearest_in(m, x, y, distance < BASELINE_REACH ? distance : BASELINE_REACH);
}

/* The weighted sums of a fit: of products of terms (lower half), and of terms times values. */
struct normal {
    double a[N_TERMS][N_TERMS];
    double b[LIMIT_CHANNELS][N_TERMS];
};

static void add_sample(struct normal *s, struct offset o, double scale, size_t channels,
                       const float *value)
{
    const double x = o.dx * scale, y = o.dy * scale, d2 = x * x + y * y;
    const double term[N_TERMS] = {1, x, y, x * x, x * y, y * y};
    for (size_t i = 0; i < N_TERMS; i++) {
        const double weighted = term[i] / (d2 * d2);
        for (size_t j = 0; j <= i; j++)
            s->a[i][j] += weighted * term[j];
        for (size_t c = 0; c < channels; c++)
            s->b[c][i] += weighted * (double)value[c];
    }
}

static void fit_value(struct normal *s, size_t n_terms, size_t channels, float *out)
{
    double z[N_TERMS];
    least_squares_solve(N_TERMS, s->a[0], n_terms, z);
    for (size_t c = 0; c < channels; c++) {
        double value = 0.0;
        for (size_t i = 0; i < n_terms; i++)
            value += z[i] * s->b[c][i];
        out[c] = (float)value;
    }
}

/* Predict test pixel (x, y).  *r: the size of the square, found from one that is not too large.
 * list: scratch, [MAX_SAMPLES]. */
static void predict_scattered(const struct measurement *m, size_t x, size_t y, size_t *r,
                              struct offset *list, float prediction[N_BASELINES][LIMIT_CHANNELS])
{
    const struct image *image = m->image;
    const size_t channels = image->channels;
    while (*r < BASELINE_REACH && count_samples(m, x, y, *r) < BASELINE_SAMPLES)
        ++*r;
    const size_t n = list_samples(m, x, y, *r, list);
    if (n == 0) {
        for (int b = 0; b < N_BASELINES; b++)
            for (size_t c = 0; c < channels; c++)
                prediction[b][c] = 0.5f;
        return;
    }
    struct normal sums = {0};
    float value[LIMIT_CHANNELS];
    for (size_t i = 0; i < n; i++) {
        read_sample(image, x, y, list[i], value);
        add_sample(&sums, list[i], 1.0 / (double)*r, channels, value);
    }
    const size_t n_terms = least_squares_factor(N_TERMS, sums.a[0]);
    const size_t n_plane = n_terms >= N_PLANE_TERMS ? N_PLANE_TERMS : 1;
    fit_value(&sums, n_plane, channels, prediction[BASELINE_BILINEAR]);
    fit_value(&sums, n_terms == N_TERMS ? N_TERMS : n_plane, channels,
              prediction[BASELINE_BICUBIC]);
    read_sample(image, x, y, find_nearest(m, x, y, *r), prediction[BASELINE_NEAREST]);
}

static void measure_scattered_row(const struct measurement *m, size_t y, struct sums *s)
{
    struct offset list[MAX_SAMPLES];
    const size_t width = m->image->width;
    size_t r = 1, last = 0; /* the last test pixel's square, and where that was */
    for (size_t x = 0; x < width; x++) {
        const size_t pixel = y * width + x;
        if (!sample_is_held(m->held, pixel))
            continue;
        float prediction[N_BASELINES][LIMIT_CHANNELS];
        /* A square lies in the one of a pixel d to the left that is d larger. */
        r = r > x - last + 1 ? r - (x - last) : 1;
        predict_scattered(m, x, y, &r, list, prediction);
        add_error(s, m->image, pixel, prediction);
        last = x;
    }
}

/* --- both --- */

static void measure_member(void *context, size_t member)
{
    const struct measurement *m = context;
    const size_t height = m->image->height;
    for (size_t i = member; i < m->n_bands; i += m->n_members)
        for (size_t y = i * BAND_ROWS; y < height && y < (i + 1) * BAND_ROWS; y++) {
            if (task_stopped(m->stop))
                return;
            if (m->held)
                measure_scattered_row(m, y, &m->band[i]);
            else if (y % 2)
                measure_lattice_row(m->image, y, &m->band[i]);
        }
}

static size_t count_bands(size_t height)
{
    return (height + BAND_ROWS - 1) / BAND_ROWS;
}

size_t baseline_bytes(size_t height)
{
    return count_bands(height) * sizeof(struct sums);
}

enum status baseline_measure(const struct image *image, const uint8_t *held, struct team *team,
                             const volatile bool *stop, double squared_error[N_BASELINES],
                             struct error *err)
{
    struct measurement m = {
        .image = image,
        .held = held,
        .stop = stop,
        .n_members = team_size(team),
        .n_bands = count_bands(image->height),
    };
    m.band = mem_alloc_array(m.n_bands, sizeof *m.band);
    if (!m.band)
        return error_status(err, STATUS_NO_MEMORY);
    team_run(team, measure_member, &m);
    const bool is_stopped = task_stopped(stop);
    struct sums all = {0};
    for (size_t i = 0; i < m.n_bands; i++)
        for (int b = 0; b < N_BASELINES; b++)
            all.squared_error[b] += m.band[i].squared_error[b];
    mem_free(m.band);
    if (is_stopped)
        return error_status(err, STATUS_CANCELED);
    for (int b = 0; b < N_BASELINES; b++)
        squared_error[b] = all.squared_error[b];
    return STATUS_OK;
}
