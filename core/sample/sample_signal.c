/*
 * Noise of one dimension whose spectrum falls as 1/f^alpha.
 *
 * N complex normal numbers (parts N(0, 1)), that of frequency k times (1 + min(k, N - k))^-alpha,
 * and 0 from the fraction `band` of N on; the real part of their inverse Fourier transform, moved
 * and scaled to [-1/2, 1/2].  Source: the paper's notebooks of its 1-D experiments.
 */
#include <math.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/sample/sample.h"
#include "core/scene/fourier.h"

enum { DEFAULT_SIZE = 1024 };

static void draw_spectrum(const struct sample_spec *spec, uint64_t number, size_t n,
                          float *spectrum)
{
    struct rng rng = rng_at(spec->seed, RNG_SAMPLE, number);
    const double band = spec->band > 0 ? spec->band : 1;
    for (size_t k = 0; k < n; k++) {
        const double f = (double)(k < n - k ? k : n - k);
        const double scale = (double)k < band * (double)n ? pow(1 + f, -spec->alpha) : 0;
        spectrum[2 * k] = (float)(scale * rng_normal(&rng));
        spectrum[2 * k + 1] = (float)(scale * rng_normal(&rng));
    }
}

/* One after the other: real parts. */
static void draw_signals(const struct sample_spec *spec, size_t n_signals, size_t n,
                         const struct fourier *f, float *samples, float *line, float *out)
{
    for (size_t i = 0; i < n_signals; i++) {
        draw_spectrum(spec, i, n, samples);
        fourier_axis(f, FOURIER_INVERSE, 0, 0, 1, samples, line);
        for (size_t o = 0; o < n; o++)
            out[i * n + o] = samples[2 * o];
    }
}

/* All of them by the same numbers. */
static void to_range(size_t n, float *samples)
{
    float low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        low = fminf(low, samples[i]);
        high = fmaxf(high, samples[i]);
    }
    for (size_t i = 0; i < n; i++)
        samples[i] = high > low ? (samples[i] - low) / (high - low) - 0.5f : 0;
}

enum status sample_signals(const struct sample_spec *spec, size_t n_signals, float *out,
                           struct error *err)
{
    const size_t n = spec->size;
    struct fourier *f = NULL;
    enum status status = fourier_create(&f, n, 1, 1, err);
    if (status != STATUS_OK)
        return status;
    float *line = mem_alloc_floats(fourier_line_floats(f)), *samples = mem_alloc_floats(2 * n);
    if (line && samples) {
        draw_signals(spec, n_signals, n, f, samples, line, out);
        to_range(n_signals * n, out);
    } else
        status = error_status(err, STATUS_NO_MEMORY);
    mem_free(line);
    mem_free(samples);
    fourier_free(f);
    return status;
}

enum status sample_signal(const struct sample_spec *spec, struct signal *out, struct error *err)
{
    const size_t n = spec->size ? spec->size : DEFAULT_SIZE;
    if (n < 2 || n > LIMIT_SIGNAL_SAMPLES)
        return error_set(err, STATUS_INVALID, "/size", "'size' must be 2..%d, got %zu",
                         LIMIT_SIGNAL_SAMPLES, n);
    struct signal s = {.n_samples = n, .channels = 1, .values = mem_alloc_floats(n)};
    if (!s.values)
        return error_status(err, STATUS_NO_MEMORY);
    struct sample_spec sized = *spec;
    sized.size = n;
    enum status status = sample_signals(&sized, 1, s.values, err);
    if (status == STATUS_OK)
        *out = s;
    else
        signal_deinit(&s);
    return status;
}
