#include "tests/support/random.h"

#include <stdlib.h>

#include "core/base/mem.h"
#include "core/base/rng.h"

float *random_floats(size_t n, uint64_t seed)
{
    float *x = mem_alloc_floats(n);
    if (!x)
        abort();
    struct rng rng = rng_at(seed, RNG_SAMPLE, 0);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(2 * rng_uniform(&rng) - 1);
    return x;
}
