#include "core/nn/optimizer.h"

#include <math.h>
#include <string.h>

#include "core/nn/kernel.h"

static const struct {
    const char *name;
    size_t n_moments;
} optimizers[] = {
    [OPTIMIZER_ADAM] = {"adam", 2},
    [OPTIMIZER_SGD] = {"sgd", 0},
};

/* Floats that go through summing and updating together: they stay in the first-level cache. */
enum { BLOCK = 512 };

const char *optimizer_name(enum optimizer_type type)
{
    return optimizers[type].name;
}

size_t optimizer_n_types(void)
{
    return sizeof optimizers / sizeof optimizers[0];
}

size_t optimizer_n_moments(enum optimizer_type type)
{
    return optimizers[type].n_moments;
}

static void update_sgd(float rate, size_t n, float *restrict weights,
                       const float *restrict gradient)
{
    for (size_t i = 0; i < n; i++)
        weights[i] -= rate * gradient[i];
}

static void add(size_t n, float *restrict sum, const float *restrict x)
{
    for (size_t i = 0; i < n; i++)
        sum[i] += x[i];
}

static struct adam adam_of(const struct optimizer_spec *spec, uint64_t t, double rate)
{
    return (struct adam){
        .beta1 = (float)spec->beta1,
        .beta2 = (float)spec->beta2,
        .rest1 = (float)(1 - spec->beta1),
        .rest2 = (float)(1 - spec->beta2),
        .rate = (float)(rate / (1 - pow(spec->beta1, (double)t))),
        .correction2 = (float)(1 / (1 - pow(spec->beta2, (double)t))),
        .epsilon = (float)spec->epsilon,
    };
}

void optimizer_update(const struct optimizer_spec *spec, const struct kernel *kernel, uint64_t t,
                      double rate, size_t n, float *weights, float *const *moments,
                      float *const *gradients, size_t n_gradients)
{
    const struct adam adam = adam_of(spec, t, rate);
    for (size_t at = 0; at < n; at += BLOCK) {
        const size_t count = n - at < BLOCK ? n - at : BLOCK;
        float sum[BLOCK] = {0};
        for (size_t k = 0; k < n_gradients; k++) {
            add(count, sum, gradients[k] + at);
            memset(gradients[k] + at, 0, count * sizeof(float));
        }
        switch (spec->type) {
        case OPTIMIZER_ADAM:
            kernel->adam(&adam, count, weights + at, moments[0] + at, moments[1] + at, sum);
            break;
        case OPTIMIZER_SGD:
            update_sgd((float)rate, count, weights + at, sum);
            break;
        }
    }
}

static void update_sgd_touched(float rate, size_t n_lines, float *weights, float *gradient,
                               uint8_t *touched)
{
    for (size_t line = 0; line < n_lines; line++) {
        if (!touched[line])
            continue;
        update_sgd(rate, GRID_LINE, weights + line * GRID_LINE, gradient + line * GRID_LINE);
        memset(gradient + line * GRID_LINE, 0, GRID_LINE * sizeof *gradient);
        touched[line] = 0;
    }
}

void optimizer_update_touched(const struct optimizer_spec *spec, const struct kernel *kernel,
                              uint64_t t, double rate, size_t n, float *weights,
                              float *const *moments, float *gradient, uint8_t *touched)
{
    const struct adam adam = adam_of(spec, t, rate);
    switch (spec->type) {
    case OPTIMIZER_ADAM:
        kernel->adam_touched(&adam, n / GRID_LINE, weights, moments[0], moments[1], gradient,
                             touched);
        break;
    case OPTIMIZER_SGD:
        update_sgd_touched((float)rate, n / GRID_LINE, weights, gradient, touched);
        break;
    }
}
