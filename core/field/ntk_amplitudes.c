#include "core/field/ntk_amplitudes.h"

#include <math.h>
#include <string.h>

#include "core/base/mem.h"

static const double pi = 3.14159265358979323846;

struct ntk_amplitudes {
    size_t n, stride, m;
    double *memory;                /* all that follows, but for b */
    double *cosine, *sine;         /* [n] of 2 pi i / n */
    double *yy, *ys, *ss;          /* [n], [n], [n / stride]: means of |Y|^2, Re(Y conj S), |S|^2 */
    double *product;               /* [n] u_o */
    double *slope;                 /* [n] the kernel's derivative by it, then the loss's */
    double *spectrum, *d_spectrum; /* [n] H_k, the loss's derivative by it; K(u_o) before */
    double *gradient, *first, *second; /* [m] of the descent */
    uint32_t *b;                       /* [m], less than n */
};

void ntk_amplitudes_free(struct ntk_amplitudes *f)
{
    if (!f)
        return;
    mem_free(f->memory);
    mem_free(f->b);
    mem_free(f);
}

/* --- moments of the family --- */

/* Y [n], its parts apart. */
static void transform(const struct ntk_amplitudes *f, const double *signal, double *re, double *im)
{
    for (size_t k = 0; k < f->n; k++) {
        double c = 0, s = 0;
        for (size_t o = 0, turn = 0; o < f->n; o++) {
            c += signal[o] * f->cosine[turn];
            s += signal[o] * f->sine[turn];
            turn += k;
            turn -= turn >= f->n ? f->n : 0;
        }
        re[k] = c;
        im[k] = -s;
    }
}

static void add_moments(struct ntk_amplitudes *f, double weight, const double *re, const double *im)
{
    const size_t n_train = f->n / f->stride;
    for (size_t k = 0; k < n_train; k++) {
        double s_re = 0, s_im = 0;
        for (size_t i = k; i < f->n; i += n_train) {
            s_re += re[i] / (double)f->stride;
            s_im += im[i] / (double)f->stride;
        }
        for (size_t i = k; i < f->n; i += n_train) {
            f->yy[i] += weight * (re[i] * re[i] + im[i] * im[i]);
            f->ys[i] += weight * (re[i] * s_re + im[i] * s_im);
        }
        f->ss[k] += weight * (s_re * s_re + s_im * s_im);
    }
}

static double *take(double **memory, size_t n)
{
    double *taken = *memory;
    *memory += n;
    return taken;
}

static enum status allocate(struct ntk_amplitudes *f)
{
    const size_t n = f->n, m = f->m;
    f->b = mem_alloc_array(m, sizeof *f->b);
    f->memory = mem_alloc_array(9 * n + 3 * m, sizeof *f->memory);
    if (!f->b || !f->memory)
        return STATUS_NO_MEMORY;
    double *memory = f->memory;
    f->cosine = take(&memory, n);
    f->sine = take(&memory, n);
    f->yy = take(&memory, n);
    f->ys = take(&memory, n);
    f->ss = take(&memory, n);
    f->product = take(&memory, n);
    f->slope = take(&memory, n);
    f->spectrum = take(&memory, n);
    f->d_spectrum = take(&memory, n);
    f->gradient = take(&memory, m);
    f->first = take(&memory, m);
    f->second = take(&memory, m);
    memset(f->yy, 0, 3 * n * sizeof *f->yy);
    return STATUS_OK;
}

enum status ntk_amplitudes_create(struct ntk_amplitudes **out, size_t n, size_t stride,
                                  size_t n_signals, const double *signals, size_t m,
                                  const uint32_t *b, const struct stop *stop, struct error *err)
{
    struct ntk_amplitudes *f = mem_alloc(sizeof *f);
    if (!f)
        return error_status(err, STATUS_NO_MEMORY);
    *f = (struct ntk_amplitudes){.n = n, .stride = stride, .m = m};
    if (allocate(f) != STATUS_OK) {
        ntk_amplitudes_free(f);
        return error_status(err, STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < n; i++) {
        f->cosine[i] = cos(2 * pi * (double)i / (double)n);
        f->sine[i] = sin(2 * pi * (double)i / (double)n);
    }
    for (size_t j = 0; j < m; j++)
        f->b[j] = (uint32_t)(b[j] % n);
    for (size_t i = 0; i < n_signals; i++) {
        const enum status status = stop_check(stop, err);
        if (status != STATUS_OK) {
            ntk_amplitudes_free(f);
            return status;
        }
        transform(f, signals + i * n, f->spectrum, f->d_spectrum);
        add_moments(f, 1 / (double)n_signals, f->spectrum, f->d_spectrum);
    }
    *out = f;
    return STATUS_OK;
}

double ntk_amplitudes_loss_of_zero(const struct ntk_amplitudes *f)
{
    const double n = (double)f->n, n_train = n / (double)f->stride;
    double all = 0, train = 0;
    for (size_t k = 0; k < f->n; k++)
        all += f->yy[k];
    for (size_t k = 0; k < f->n / f->stride; k++)
        train += f->ss[k];
    return (all / n - train / n_train) / (n - n_train);
}

/* --- the loss and its gradient --- */

static double sum_of_squares(size_t m, const double *a)
{
    double sum = 0;
    for (size_t j = 0; j < m; j++)
        sum += a[j] * a[j];
    return sum;
}

/* out[k] = sum over o of in[o] cos(2 pi k o / n): its own inverse, but for the factor n. */
static void cosines(const struct ntk_amplitudes *f, const double *in, double *out)
{
    for (size_t k = 0; k < f->n; k++) {
        double sum = 0;
        for (size_t o = 0, turn = 0; o < f->n; o++) {
            sum += in[o] * f->cosine[turn];
            turn += k;
            turn -= turn >= f->n ? f->n : 0;
        }
        out[k] = sum;
    }
}

/* u_o, K'(u_o) and H_k. */
static void find_spectrum(struct ntk_amplitudes *f, const struct ntk_network *network,
                          const double *a)
{
    const double all = sum_of_squares(f->m, a);
    double *kernel = f->d_spectrum;
    memset(f->product, 0, f->n * sizeof *f->product);
    for (size_t j = 0; j < f->m; j++)
        for (size_t o = 0, turn = 0; o < f->n; o++) {
            f->product[o] += a[j] * a[j] / all * f->cosine[turn];
            turn += f->b[j];
            turn -= turn >= f->n ? f->n : 0;
        }
    f->product[0] = 1; /* the kernel has a root there: rounding would show by half of its digits */
    for (size_t o = 0; o < f->n; o++)
        kernel[o] = ntk_slope_of_products(network, 2 * f->m, 1, 1, f->product[o], &f->slope[o]);
    cosines(f, kernel, f->spectrum);
}

/* One set of frequencies that look alike: what they add to the loss; d_spectrum of them. */
static double loss_of_alias(struct ntk_amplitudes *f, double t, size_t k)
{
    const size_t n_train = f->n / f->stride;
    const double n = (double)f->n, scale = 1 / (n - (double)n_train);
    double lambda = 0;
    for (size_t i = k; i < f->n; i += n_train)
        lambda += f->spectrum[i] / (double)f->stride;
    lambda = fmax(lambda, 0);
    const double rest = exp(-t * lambda);
    const bool is_small = t * lambda < 1e-6;
    const double gain = is_small ? t * (1 - t * lambda / 2) : -expm1(-t * lambda) / lambda;
    const double d_gain = is_small ? -t * t / 2 : (t * rest - gain) / lambda;
    double loss = -rest * rest * f->ss[k] / (double)n_train;
    double d_lambda = 2 * t * rest * rest * f->ss[k] / (double)n_train;
    for (size_t i = k; i < f->n; i += n_train) {
        const double h = f->spectrum[i];
        loss += (f->yy[i] - 2 * h * gain * f->ys[i] + h * h * gain * gain * f->ss[k]) / n;
        d_lambda += 2 * h * d_gain * (h * gain * f->ss[k] - f->ys[i]) / n;
    }
    for (size_t i = k; i < f->n; i += n_train)
        f->d_spectrum[i] = scale * (2 * gain * (f->spectrum[i] * gain * f->ss[k] - f->ys[i]) / n +
                                    d_lambda / (double)f->stride);
    return scale * loss;
}

/* d_spectrum [n] to d_a [m].  At o = 0, where the slope may be infinite, u is 1 whatever a is. */
static void pull_back(struct ntk_amplitudes *f, const double *a, double *d_a)
{
    const double all = sum_of_squares(f->m, a);
    double *d_kernel = f->spectrum; /* which is not needed any more */
    cosines(f, f->d_spectrum, d_kernel);
    for (size_t o = 0; o < f->n; o++)
        f->slope[o] = o == 0 ? 0 : f->slope[o] * d_kernel[o];
    for (size_t j = 0; j < f->m; j++) {
        double sum = 0;
        for (size_t o = 0, turn = 0; o < f->n; o++) {
            sum += f->slope[o] * (f->cosine[turn] - f->product[o]);
            turn += f->b[j];
            turn -= turn >= f->n ? f->n : 0;
        }
        d_a[j] = 2 * a[j] / all * sum;
    }
}

double ntk_amplitudes_loss(struct ntk_amplitudes *f, const struct ntk_network *network, double t,
                           const double *a, double *d_a)
{
    double loss = 0;
    find_spectrum(f, network, a);
    for (size_t k = 0; k < f->n / f->stride; k++)
        loss += loss_of_alias(f, t, k);
    if (d_a)
        pull_back(f, a, d_a);
    return loss;
}

/* --- descent --- */

enum status ntk_amplitudes_descend(struct ntk_amplitudes *f, const struct ntk_network *network,
                                   double t, size_t steps, double rate, double *a, double *losses,
                                   const struct stop *stop, struct error *err)
{
    const double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
    memset(f->first, 0, f->m * sizeof *f->first);
    memset(f->second, 0, f->m * sizeof *f->second);
    for (size_t step = 0; step <= steps; step++) {
        const enum status status = stop_check(stop, err);
        if (status != STATUS_OK)
            return status;
        losses[step] = ntk_amplitudes_loss(f, network, t, a, step < steps ? f->gradient : NULL);
        if (!isfinite(losses[step]))
            return error_set(err, STATUS_DIVERGED, "",
                             "after %zu steps the predicted loss is not a number", step);
        if (step == steps)
            break;
        const double age = (double)(step + 1);
        for (size_t j = 0; j < f->m; j++) {
            const double g = f->gradient[j];
            f->first[j] += (1 - beta1) * (g - f->first[j]);
            f->second[j] += (1 - beta2) * (g * g - f->second[j]);
            a[j] -= rate * (f->first[j] / (1 - pow(beta1, age))) /
                    (sqrt(f->second[j] / (1 - pow(beta2, age))) + epsilon);
        }
    }
    return STATUS_OK;
}
