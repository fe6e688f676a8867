#include "core/base/rng.h"

#include <math.h>

static const uint32_t multiplier_0 = 0xD2511F53u, multiplier_1 = 0xCD9E8D57u;
static const uint32_t weyl_0 = 0x9E3779B9u, weyl_1 = 0xBB67AE85u;

static void philox(uint64_t key, const uint32_t counter[4], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)multiplier_0 * c0;
        uint64_t p1 = (uint64_t)multiplier_1 * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += weyl_0;
        k1 += weyl_1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

struct rng rng_at(uint64_t seed, enum rng_stream stream, uint64_t index)
{
    return (struct rng){.seed = seed, .index = index, .stream = (uint32_t)stream};
}

uint32_t rng_u32(struct rng *r)
{
    if (r->n_left == 0) {
        uint32_t counter[4] = {r->block++, r->stream, (uint32_t)r->index,
                               (uint32_t)(r->index >> 32)};
        philox(r->seed, counter, r->word);
        r->n_left = 4;
    }
    return r->word[4 - r->n_left--];
}

static uint64_t rng_u64(struct rng *r)
{
    uint64_t high = rng_u32(r);
    return high << 32 | rng_u32(r);
}

double rng_uniform(struct rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

double rng_normal(struct rng *r)
{
    double radius = sqrt(-2.0 * log(1.0 - rng_uniform(r)));
    return radius * cos(6.283185307179586477 * rng_uniform(r));
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % n;
    uint64_t x;
    do
        x = rng_u64(r);
    while (x >= limit);
    return x % n;
}

/* Four Feistel rounds over 2h bits, h the least with 2^2h >= n: at most 4n values, so the walk back
 * into 0 … n-1 takes under four tries on average. */
uint64_t rng_permute(uint64_t seed, enum rng_stream stream, uint64_t epoch, uint64_t n, uint64_t i)
{
    unsigned half = 1;
    while (half < 32 && n > (uint64_t)1 << (2 * half))
        half++;
    const uint32_t mask = half == 32 ? UINT32_MAX : ((uint32_t)1 << half) - 1;
    do {
        uint32_t left = (uint32_t)(i >> half) & mask, right = (uint32_t)i & mask;
        for (uint32_t round = 0; round < 4; round++) {
            uint32_t counter[4] = {right, (uint32_t)stream | (round + 1) << 16, (uint32_t)epoch,
                                   (uint32_t)(epoch >> 32)};
            uint32_t word[4];
            philox(seed, counter, word);
            uint32_t next = left ^ (word[0] & mask);
            left = right;
            right = next;
        }
        i = (uint64_t)left << half | right;
    } while (i >= n);
    return i;
}
