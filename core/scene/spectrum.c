#include "core/scene/spectrum.h"

#include <math.h>
#include <stdint.h>

#include "core/base/mem.h"
#include "core/scene/fourier.h"

static const double pi = 3.14159265358979323846;

/* Where band 0 ends, cycles per sample. */
static const double first_end = 1.0 / 64.0;

struct spectrum {
    size_t width, height;
    struct fourier *fourier;
    uint8_t *band;            /* [H, W]: of each frequency; SPECTRUM_BANDS at frequency 0 */
    double *across, *down;    /* the window along x [W] and y [H]; one block, from across on */
    double weight, weight_sq; /* sums of w and w^2 over all samples */
};

/* Of N samples: the window, its sum and that of its squares. */
static void fill_window(size_t n, double *w, double *sum, double *sum_sq)
{
    *sum = *sum_sq = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double s = sin(pi * ((double)i + 0.5) / (double)n);
        w[i] = s * s;
        *sum += w[i];
        *sum_sq += w[i] * w[i];
    }
}

/* Cycles per sample, without the sign. */
static double frequency(size_t k, size_t n)
{
    return (double)(k <= n / 2 ? k : n - k) / (double)n;
}

static size_t band_of(double cycles)
{
    double end = first_end;
    size_t band = 0;
    while (band + 1 < SPECTRUM_BANDS && cycles > end) {
        end *= 2.0;
        band++;
    }
    return band;
}

static void fill_bands(struct spectrum *s)
{
    for (size_t y = 0; y < s->height; y++)
        for (size_t x = 0; x < s->width; x++)
            s->band[y * s->width + x] =
                (uint8_t)band_of(hypot(frequency(x, s->width), frequency(y, s->height)));
    s->band[0] = SPECTRUM_BANDS;
}

enum status spectrum_create(struct spectrum **out, size_t width, size_t height, struct error *err)
{
    double sum[2], sum_sq[2];
    struct spectrum *s = mem_alloc(sizeof *s);
    if (!s)
        return error_status(err, STATUS_NO_MEMORY);
    *s = (struct spectrum){.width = width, .height = height};
    s->band = mem_alloc_array(width * height, sizeof *s->band);
    s->across = mem_alloc_array(width + height, sizeof *s->across);
    if (!s->band || !s->across) {
        spectrum_free(s);
        return error_status(err, STATUS_NO_MEMORY);
    }
    enum status status = fourier_create(&s->fourier, width, height, 1, err);
    if (status != STATUS_OK) {
        spectrum_free(s);
        return status;
    }
    s->down = s->across + width;
    fill_window(width, s->across, &sum[0], &sum_sq[0]);
    fill_window(height, s->down, &sum[1], &sum_sq[1]);
    s->weight = sum[0] * sum[1];
    s->weight_sq = sum_sq[0] * sum_sq[1];
    fill_bands(s);
    *out = s;
    return STATUS_OK;
}

void spectrum_free(struct spectrum *s)
{
    if (!s)
        return;
    fourier_free(s->fourier);
    mem_free(s->band);
    mem_free(s->across);
    mem_free(s);
}

size_t spectrum_bytes(size_t width, size_t height)
{
    return sizeof(struct spectrum) + width * height + (width + height) * sizeof(double) +
           fourier_bytes(width > height ? width : height);
}

/* Channel c under the window, as numbers first, first + 2, … of out. */
static void lay_window(const struct spectrum *s, size_t channels, size_t c, const float *samples,
                       float *out)
{
    double mean = 0.0;
    for (size_t y = 0, i = c; y < s->height; y++)
        for (size_t x = 0; x < s->width; x++, i += channels)
            mean += s->down[y] * s->across[x] * (double)samples[i];
    mean /= s->weight;
    for (size_t y = 0, i = c; y < s->height; y++)
        for (size_t x = 0; x < s->width; x++, i += channels, out += 2)
            *out = (float)(s->down[y] * s->across[x] * ((double)samples[i] - mean));
}

/* Two channels at once, as real and imaginary parts z = a + i b: |Z(k)|^2 + |Z(-k)|^2 is twice
 * |A(k)|^2 + |B(k)|^2, and k and -k are of the same band. */
enum status spectrum_measure(const struct spectrum *s, struct team *team, size_t channels,
                             const float *samples, double power[SPECTRUM_BANDS], struct error *err)
{
    const size_t n = s->width * s->height;
    double sum[SPECTRUM_BANDS + 1] = {0.0};
    enum status status = STATUS_OK;
    float *pair = mem_alloc_floats(2 * n);
    if (!pair)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t c = 0; c < channels && status == STATUS_OK; c += 2) {
        lay_window(s, channels, c, samples, pair);
        if (c + 1 < channels)
            lay_window(s, channels, c + 1, samples, pair + 1);
        else
            for (size_t i = 0; i < n; i++)
                pair[2 * i + 1] = 0.0f;
        status = fourier_transform(s->fourier, FOURIER_FORWARD, team, pair, err);
        for (size_t i = 0; i < n; i++) {
            const double re = (double)pair[2 * i], im = (double)pair[2 * i + 1];
            sum[s->band[i]] += re * re + im * im;
        }
    }
    mem_free(pair);
    if (status != STATUS_OK)
        return status;
    for (size_t b = 0; b < SPECTRUM_BANDS; b++)
        power[b] = sum[b] / (s->weight_sq * (double)channels);
    return STATUS_OK;
}
