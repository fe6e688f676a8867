#include "core/scene/kspace.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/base/rng.h"

/* Of the authors' notebook. */
static const double draws_of_a_volume = 200000.0, side_of_a_volume = 96.0;

uint64_t kspace_n_draws(const struct kspace_mask_spec *spec)
{
    if (spec->n_draws > 0)
        return spec->n_draws;
    const double n_samples = (double)spec->width * (double)spec->height * (double)spec->depth;
    const double n = draws_of_a_volume * n_samples / pow(side_of_a_volume, 3.0);
    return n < 1.0 ? 1 : (uint64_t)llround(n);
}

double kspace_sigma(const struct kspace_mask_spec *spec, size_t axis_length)
{
    return spec->sigma > 0.0 ? spec->sigma : sqrt(2.0 * (double)axis_length);
}

/* Where a draw falls along an axis of n, the zero frequency first: false outside. */
static bool draw_bin(struct rng *rng, size_t n, double sigma, size_t *bin)
{
    if (n == 1) {
        *bin = 0;
        return true;
    }
    const double at = floor((double)n / 2.0 + sigma * rng_normal(rng));
    if (!(at >= 0.0 && at < (double)n))
        return false;
    *bin = ((size_t)at + n - n / 2) % n;
    return true;
}

size_t kspace_draw_mask(const struct kspace_mask_spec *spec, uint8_t *mask)
{
    const size_t width = spec->width, height = spec->height, depth = spec->depth;
    const double sx = kspace_sigma(spec, width), sy = kspace_sigma(spec, height),
                 sz = kspace_sigma(spec, depth);
    const uint64_t n_draws = kspace_n_draws(spec);
    size_t n_marked = 1;
    memset(mask, 0, width * height * depth);
    mask[0] = 1;
    for (uint64_t i = 0; i < n_draws; i++) {
        struct rng rng = rng_at(spec->seed, RNG_MASK, i);
        size_t x, y, z;
        if (!draw_bin(&rng, width, sx, &x) || !draw_bin(&rng, height, sy, &y) ||
            !draw_bin(&rng, depth, sz, &z))
            continue;
        uint8_t *mark = &mask[(z * height + y) * width + x];
        n_marked += !*mark;
        *mark = 1;
    }
    return n_marked;
}
