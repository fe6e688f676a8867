/*
 * Volume rendering: the colour of a ray from densities and colours along it.
 *
 *   alpha_i = 1 - exp(-density_i dt_i)        T_i = prod_{j < i} (1 - alpha_j)
 *   weight_i = T_i alpha_i                    C = sum_i weight_i c_i + T_n background
 *   opacity = 1 - T_n                         depth = sum_i weight_i t_i / sum_i weight_i
 *
 * A field gives each sample C = 1 + 3 K numbers, `raw`: one of density, then K for each of red,
 * green and blue.
 *
 *   density = relu(raw), exp(raw) or softplus(raw)
 *   degree 0   K = 1, c = sigmoid(raw): a colour of the place alone
 *   degree l   K = (l + 1)^2, c = sigmoid(sum_k raw_k Y_k(d)): raw are coefficients of spherical
 *              harmonics Y of the direction d that the ray goes (Yu et al. 2021, "PlenOctrees"), so
 *              that the field stays a function of the place
 *
 * Source: Max 1995, "Optical models for direct volume rendering"; Mildenhall et al. 2020, "NeRF".
 * The functions are pure; a ray's numbers depend on that ray alone.
 */
#ifndef CORE_SCENE_VOLUME_RENDER_H
#define CORE_SCENE_VOLUME_RENDER_H

#include <stddef.h>

enum density_activation { DENSITY_RELU, DENSITY_EXP, DENSITY_SOFTPLUS };

/* "relu", "exp", "softplus"; NULL past the last. */
const char *density_activation_name(enum density_activation a);

enum {
    VOLUME_MAX_DEGREE = 3,
    VOLUME_MAX_BASIS = (VOLUME_MAX_DEGREE + 1) * (VOLUME_MAX_DEGREE + 1),
};

struct volume_shading {
    enum density_activation density;
    size_t degree; /* 0..VOLUME_MAX_DEGREE */
};

size_t volume_n_basis(size_t degree);   /* K */
size_t volume_n_outputs(size_t degree); /* C */

/* Y_k(d), K numbers, of a unit direction; degree 0: 1, whatever d is. */
void volume_basis(size_t degree, const double direction[3], float basis[VOLUME_MAX_BASIS]);

/* density, and its derivative by raw from the density.  exp: raw is taken as 15 at most. */
float volume_density(enum density_activation a, float raw);
float volume_density_slope(enum density_activation a, float raw, float density);

/* A sample as it is composited. */
struct volume_sample {
    float density;
    float colour[3];
    float weight;
    float behind; /* T after the sample */
};

/* A ray as it is composited: at first {.transmittance = 1}, then what the samples so far add. */
struct volume_sum {
    float colour[3]; /* without the background */
    float transmittance;
    float depth; /* sum of weight t */
};

/* n more samples of a ray: raw [n, C], their widths dt [n] and places t [n].  kept: [n], what the
 * backward sweep needs, or NULL.  Goes on to the last, whatever is in front of it. */
void volume_forward(const struct volume_shading *s, const float *basis, size_t n, const float *raw,
                    const float *dt, const float *t, struct volume_sum *sum,
                    struct volume_sample *kept);

/* The gradient by raw, d_raw [n, C], of a number whose gradient by the ray's colour (with its
 * background) is d_colour.  kept: of one volume_forward over all n samples of the ray.  One sweep
 * from the last sample to the first: dC / d density_i = dt_i (T_{i+1} c_i - what is behind i). */
void volume_backward(const struct volume_shading *s, const float *basis, size_t n, const float *raw,
                     const float *dt, const struct volume_sample *kept, const float background[3],
                     const float d_colour[3], float *d_raw);

#endif
