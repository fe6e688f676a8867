/*
 * SSIM is computed in one pass over the rows.  Each row is filtered along x once (sums of a, b, aa,
 * bb, ab), kept in a ring as high as the window, and the ring is filtered along y for every row of
 * windows: memory is a few rows, whatever the size of the image.
 */
#include "core/field/metrics.h"

#include <assert.h>
#include <math.h>

#include "core/base/mem.h"

/* NaN stays NaN, so that a broken field has a broken metric. */
static double clip(double value)
{
    return value < 0.0 ? 0.0 : value > 1.0 ? 1.0 : value;
}

double metrics_squared_error(size_t n, const float *values, const float *targets)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        double difference = clip((double)values[i]) - (double)targets[i];
        sum += difference * difference;
    }
    return sum;
}

double metrics_psnr(double squared_error, size_t n)
{
    if (squared_error == 0.0)
        return METRICS_MAX_PSNR;
    double psnr = -10.0 * log10(squared_error / (double)n);
    return psnr > METRICS_MAX_PSNR ? METRICS_MAX_PSNR : psnr;
}

/* Wang et al. 2004: the window, and C1 = (K1 L)^2, C2 = (K2 L)^2 with L = 1. */
enum { SSIM_WINDOW = 11 };
static const double ssim_sigma = 1.5, ssim_c1 = 0.01 * 0.01, ssim_c2 = 0.03 * 0.03;

/* The five moments of a window. */
enum { MEAN_A, MEAN_B, MEAN_AA, MEAN_BB, MEAN_AB, N_MOMENTS };

struct ssim_rows {
    size_t size;     /* of the window, odd */
    size_t n_across; /* windows along x */
    double weight[SSIM_WINDOW];
    double *a, *b; /* [width]: one channel of one row, clipped */
    double *ring;  /* [size, N_MOMENTS, n_across]: rows filtered along x, row y at y % size */
};

static void set_window(struct ssim_rows *s, size_t width, size_t height)
{
    size_t size = width < height ? width : height;
    if (size > SSIM_WINDOW)
        size = SSIM_WINDOW;
    s->size = size % 2 ? size : size - 1;
    s->n_across = width - s->size + 1;
    const size_t middle = s->size / 2;
    double sum = 0.0;
    for (size_t i = 0; i < s->size; i++) {
        double x = (double)i - (double)middle;
        s->weight[i] = exp(-x * x / (2.0 * ssim_sigma * ssim_sigma));
        sum += s->weight[i];
    }
    for (size_t i = 0; i < s->size; i++)
        s->weight[i] /= sum;
}

/* Filter row y of channel c along x into its place of the ring. */
static void filter_row(struct ssim_rows *s, const struct image *a, const struct image *b, size_t y,
                       size_t c)
{
    const size_t width = a->width, channels = a->channels, n = s->n_across;
    const float *row_a = a->values + y * width * channels + c;
    const float *row_b = b->values + y * width * channels + c;
    for (size_t x = 0; x < width; x++) {
        s->a[x] = clip((double)row_a[x * channels]);
        s->b[x] = clip((double)row_b[x * channels]);
    }
    assert(s->size > 0);
    double *out = s->ring + y % s->size * N_MOMENTS * n;
    for (size_t x = 0; x < n; x++) {
        double sum[N_MOMENTS] = {0};
        for (size_t i = 0; i < s->size; i++) {
            double w = s->weight[i], p = s->a[x + i], q = s->b[x + i];
            sum[MEAN_A] += w * p;
            sum[MEAN_B] += w * q;
            sum[MEAN_AA] += w * p * p;
            sum[MEAN_BB] += w * q * q;
            sum[MEAN_AB] += w * p * q;
        }
        for (size_t m = 0; m < N_MOMENTS; m++)
            out[m * n + x] = sum[m];
    }
}

static double similarity(const double mean[N_MOMENTS])
{
    double a = mean[MEAN_A], b = mean[MEAN_B];
    double variance_a = mean[MEAN_AA] - a * a, variance_b = mean[MEAN_BB] - b * b;
    double covariance = mean[MEAN_AB] - a * b;
    return (2.0 * a * b + ssim_c1) * (2.0 * covariance + ssim_c2) /
           ((a * a + b * b + ssim_c1) * (variance_a + variance_b + ssim_c2));
}

/* Sum over the windows whose first row is `top`; their rows are in the ring. */
static double sum_windows(const struct ssim_rows *s, size_t top)
{
    const size_t n = s->n_across;
    double sum = 0.0;
    for (size_t x = 0; x < n; x++) {
        double mean[N_MOMENTS] = {0};
        for (size_t i = 0; i < s->size; i++) {
            const double *row = s->ring + (top + i) % s->size * N_MOMENTS * n + x;
            for (size_t m = 0; m < N_MOMENTS; m++)
                mean[m] += s->weight[i] * row[m * n];
        }
        sum += similarity(mean);
    }
    return sum;
}

enum status metrics_ssim(const struct image *a, const struct image *b, double *out,
                         struct error *err)
{
    const size_t width = a->width, height = a->height, channels = a->channels;
    if (b->width != width || b->height != height || b->channels != channels)
        return error_set(err, STATUS_INVALID, "",
                         "ssim needs images of one shape, got %zux%zux%zu and %zux%zux%zu", width,
                         height, channels, b->width, b->height, b->channels);
    struct ssim_rows s = {0};
    set_window(&s, width, height);
    s.a = mem_alloc_array(width, sizeof *s.a);
    s.b = mem_alloc_array(width, sizeof *s.b);
    s.ring = mem_alloc_array(s.size * N_MOMENTS * s.n_across, sizeof *s.ring);
    enum status status = STATUS_OK;
    if (!s.a || !s.b || !s.ring) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    const size_t n_down = height - s.size + 1;
    double sum = 0.0;
    for (size_t c = 0; c < channels; c++)
        for (size_t y = 0; y < height; y++) {
            filter_row(&s, a, b, y, c);
            if (y + 1 >= s.size)
                sum += sum_windows(&s, y + 1 - s.size);
        }
    *out = sum / ((double)n_down * (double)s.n_across * (double)channels);
out:
    mem_free(s.a);
    mem_free(s.b);
    mem_free(s.ring);
    return status;
}
