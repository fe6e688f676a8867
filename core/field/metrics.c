/*
 * SSIM is computed stripe by stripe of columns, each in one pass over its rows.  A row is filtered
 * along x once (sums of a, b, aa, bb, ab), kept in a ring as high as the window, and the ring is
 * filtered along y for every row of windows: memory is the same whatever the size of the image.
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

enum {
    SSIM_STRIPE = 1024,                             /* windows: the ring stays in a core's cache */
    SSIM_COLUMNS = SSIM_STRIPE + (SSIM_WINDOW - 1), /* samples that they see */
};

/* One channel of one stripe. */
struct ssim_rows {
    size_t size;     /* of the window, odd */
    size_t first;    /* column where the first window begins … */
    size_t n_across; /* … and how many there are along x: at most SSIM_STRIPE */
    size_t channel;
    double weight[SSIM_WINDOW];
    double a[SSIM_COLUMNS], b[SSIM_COLUMNS];          /* a row, clipped */
    double ring[SSIM_WINDOW][N_MOMENTS][SSIM_STRIPE]; /* row y, filtered along x, at y % size */
};
_Static_assert(sizeof(struct ssim_rows) <= METRICS_SSIM_BYTES, "what estimates count on");

static void set_window(struct ssim_rows *s, size_t width, size_t height)
{
    size_t size = width < height ? width : height;
    if (size > SSIM_WINDOW)
        size = SSIM_WINDOW;
    s->size = size % 2 ? size : size - 1;
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

static void read_row(const struct ssim_rows *s, const struct image *image, size_t y, double *out)
{
    const size_t n = s->n_across + s->size - 1;
    const size_t at = (y * image->width + s->first) * image->channels + s->channel;
    for (size_t x = 0; x < n; x++)
        out[x] = clip((double)image_value(image, at + x * image->channels));
}

/* Filter row y along x into its place of the ring. */
static void filter_row(struct ssim_rows *s, const struct image *a, const struct image *b, size_t y)
{
    read_row(s, a, y, s->a);
    read_row(s, b, y, s->b);
    assert(s->size > 0);
    double(*out)[SSIM_STRIPE] = s->ring[y % s->size];
    for (size_t x = 0; x < s->n_across; x++) {
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
            out[m][x] = sum[m];
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
    double sum = 0.0;
    for (size_t x = 0; x < s->n_across; x++) {
        double mean[N_MOMENTS] = {0};
        for (size_t i = 0; i < s->size; i++)
            for (size_t m = 0; m < N_MOMENTS; m++)
                mean[m] += s->weight[i] * s->ring[(top + i) % s->size][m][x];
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
    struct ssim_rows *s = mem_alloc(sizeof *s);
    if (!s)
        return error_status(err, STATUS_NO_MEMORY);
    set_window(s, width, height);
    const size_t n_across = width - s->size + 1, n_down = height - s->size + 1;
    double sum = 0.0;
    for (s->first = 0; s->first < n_across; s->first += s->n_across) {
        const size_t n_left = n_across - s->first;
        s->n_across = n_left < SSIM_STRIPE ? n_left : SSIM_STRIPE;
        for (s->channel = 0; s->channel < channels; s->channel++)
            for (size_t y = 0; y < height; y++) {
                filter_row(s, a, b, y);
                if (y + 1 >= s->size)
                    sum += sum_windows(s, y + 1 - s->size);
            }
    }
    *out = sum / ((double)n_down * (double)n_across * (double)channels);
    mem_free(s);
    return STATUS_OK;
}
