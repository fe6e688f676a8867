#include "core/nn/optimizer.h"

#include <float.h>
#include <math.h>
#include <string.h>

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

/* Where units of a network have died their moments decay for ever.  Subnormal numbers would make
 * that slow on many processors, so what falls below the normal range is 0. */
static inline float without_subnormals(float x)
{
    return fabsf(x) < FLT_MIN ? 0 : x;
}

struct adam {
    float beta1, beta2, rest1, rest2; /* rest = 1 - beta */
    float rate;                       /* of m: the rate and the correction of m's bias */
    float correction2;                /* of v's bias */
    float epsilon;
};

static void update_adam(const struct adam *adam, size_t n, float *restrict weights,
                        float *restrict m, float *restrict v, const float *restrict gradient)
{
    const struct adam a = *adam;
    for (size_t i = 0; i < n; i++) {
        const float g = gradient[i];
        m[i] = without_subnormals(a.beta1 * m[i] + a.rest1 * g);
        v[i] = without_subnormals(a.beta2 * v[i] + a.rest2 * g * g);
        weights[i] -= a.rate * m[i] / (sqrtf(v[i] * a.correction2) + a.epsilon);
    }
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

void optimizer_update(const struct optimizer_spec *spec, uint64_t t, double rate, size_t n,
                      float *weights, float *const *moments, float *const *gradients,
                      size_t n_gradients)
{
    const struct adam adam = {
        .beta1 = (float)spec->beta1,
        .beta2 = (float)spec->beta2,
        .rest1 = (float)(1 - spec->beta1),
        .rest2 = (float)(1 - spec->beta2),
        .rate = (float)(rate / (1 - pow(spec->beta1, (double)t))),
        .correction2 = (float)(1 / (1 - pow(spec->beta2, (double)t))),
        .epsilon = (float)spec->epsilon,
    };
    for (size_t at = 0; at < n; at += BLOCK) {
        const size_t count = n - at < BLOCK ? n - at : BLOCK;
        float sum[BLOCK] = {0};
        for (size_t k = 0; k < n_gradients; k++) {
            add(count, sum, gradients[k] + at);
            memset(gradients[k] + at, 0, count * sizeof(float));
        }
        switch (spec->type) {
        case OPTIMIZER_ADAM:
            update_adam(&adam, count, weights + at, moments[0] + at, moments[1] + at, sum);
            break;
        case OPTIMIZER_SGD:
            update_sgd((float)rate, count, weights + at, sum);
            break;
        }
    }
}
