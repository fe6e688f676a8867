#include "core/scene/volume_render.h"

#include <math.h>

/* Of exp: densities past exp(15) in a domain are walls at any width. */
static const float max_raw = 15.0f;

const char *density_activation_name(enum density_activation a)
{
    static const char *const names[] = {
        [DENSITY_RELU] = "relu", [DENSITY_EXP] = "exp", [DENSITY_SOFTPLUS] = "softplus"};
    return (size_t)a < sizeof names / sizeof *names ? names[a] : NULL;
}

size_t volume_n_basis(size_t degree)
{
    return (degree + 1) * (degree + 1);
}

size_t volume_n_outputs(size_t degree)
{
    return 1 + 3 * volume_n_basis(degree);
}

/* Real spherical harmonics, with the signs of the Condon-Shortley phase. */
void volume_basis(size_t degree, const double direction[3], float basis[VOLUME_MAX_BASIS])
{
    const double x = direction[0], y = direction[1], z = direction[2];
    if (degree == 0) {
        basis[0] = 1.0f;
        return;
    }
    basis[0] = 0.282094792f;
    basis[1] = (float)(-0.488602512 * y);
    basis[2] = (float)(0.488602512 * z);
    basis[3] = (float)(-0.488602512 * x);
    if (degree < 2)
        return;
    basis[4] = (float)(1.092548431 * x * y);
    basis[5] = (float)(-1.092548431 * y * z);
    basis[6] = (float)(0.946174696 * z * z - 0.315391565);
    basis[7] = (float)(-1.092548431 * x * z);
    basis[8] = (float)(0.546274215 * (x * x - y * y));
    if (degree < 3)
        return;
    basis[9] = (float)(0.590043590 * y * (y * y - 3.0 * x * x));
    basis[10] = (float)(2.890611442 * x * y * z);
    basis[11] = (float)(0.457045799 * y * (1.0 - 5.0 * z * z));
    basis[12] = (float)(0.373176333 * z * (5.0 * z * z - 3.0));
    basis[13] = (float)(0.457045799 * x * (1.0 - 5.0 * z * z));
    basis[14] = (float)(1.445305721 * z * (x * x - y * y));
    basis[15] = (float)(0.590043590 * x * (3.0 * y * y - x * x));
}

float volume_density(enum density_activation a, float raw)
{
    switch (a) {
    case DENSITY_RELU:
        break;
    case DENSITY_EXP:
        return expf(raw > max_raw ? max_raw : raw);
    case DENSITY_SOFTPLUS:
        return raw > max_raw ? raw : log1pf(expf(raw));
    }
    return raw < 0.0f ? 0.0f : raw; /* NaN stays */
}

float volume_density_slope(enum density_activation a, float raw, float density)
{
    switch (a) {
    case DENSITY_RELU:
        break;
    case DENSITY_EXP: /* beyond its end, too: a wall can still be taken away */
        return density;
    case DENSITY_SOFTPLUS:
        return raw > max_raw ? 1.0f : 1.0f - expf(-density);
    }
    return raw > 0.0f ? 1.0f : 0.0f;
}

static float sigmoid(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

void volume_forward(const struct volume_shading *s, const float *basis, size_t n, const float *raw,
                    const float *dt, const float *t, struct volume_sum *sum,
                    struct volume_sample *kept)
{
    const size_t n_basis = volume_n_basis(s->degree), n_outputs = volume_n_outputs(s->degree);
    for (size_t i = 0; i < n; i++) {
        const float *own = raw + i * n_outputs;
        struct volume_sample v = {.density = volume_density(s->density, own[0])};
        v.behind = sum->transmittance * expf(-v.density * dt[i]);
        v.weight = sum->transmittance - v.behind;
        for (size_t c = 0; c < 3; c++) {
            float x = 0.0f;
            for (size_t k = 0; k < n_basis; k++)
                x += own[1 + c * n_basis + k] * basis[k];
            v.colour[c] = sigmoid(x);
            sum->colour[c] += v.weight * v.colour[c];
        }
        sum->depth += v.weight * t[i];
        sum->transmittance = v.behind;
        if (kept)
            kept[i] = v;
    }
}

void volume_backward(const struct volume_shading *s, const float *basis, size_t n, const float *raw,
                     const float *dt, const struct volume_sample *kept, const float background[3],
                     const float d_colour[3], float *d_raw)
{
    const size_t n_basis = volume_n_basis(s->degree), n_outputs = volume_n_outputs(s->degree);
    /* what lies behind the sample, seen through it, along d_colour */
    float behind = 0.0f;
    for (size_t c = 0; c < 3 && n > 0; c++)
        behind += d_colour[c] * kept[n - 1].behind * background[c];
    for (size_t i = n; i-- > 0;) {
        const struct volume_sample *v = &kept[i];
        float *own = d_raw + i * n_outputs, shown = 0.0f;
        for (size_t c = 0; c < 3; c++) {
            shown += d_colour[c] * v->colour[c];
            const float d_x = d_colour[c] * v->weight * v->colour[c] * (1.0f - v->colour[c]);
            for (size_t k = 0; k < n_basis; k++)
                own[1 + c * n_basis + k] = d_x * basis[k];
        }
        own[0] = dt[i] * (v->behind * shown - behind) *
                 volume_density_slope(s->density, raw[i * n_outputs], v->density);
        behind += v->weight * shown;
    }
}
