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

/* A bijection of 64 bits in which every bit of x reaches every bit of the result (the finalizer of
 * SplitMix64: Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static uint32_t permute_round(uint32_t half, uint32_t key)
{
    uint64_t x = (uint64_t)(half ^ key) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 32) * 0x94D049BB133111EBu;
    return (uint32_t)(x >> 32);
}

/* Four Feistel rounds over the fewest bits that hold n, in two halves that may differ by a bit:
 * under 2n values, so the walk back into 0 … n-1 takes under two tries on average.  Keys and rounds
 * are a few multiplications and not Philox, since an order of visits need not be as good as numbers
 * are, and every training sample asks for one: 10 ns instead of 100. */
uint64_t rng_permute(uint64_t seed, enum rng_stream stream, uint64_t epoch, uint64_t n, uint64_t i)
{
    if (n <= 1)
        return 0;
    const uint64_t key_01 = mix(seed + mix(epoch + mix((uint64_t)stream)));
    const uint64_t key_23 = mix(key_01);

    const unsigned n_bits = 64 - (unsigned)__builtin_clzll(n - 1);
    const unsigned n_right = (n_bits + 1) / 2, n_left = n_bits - n_right;
    const uint32_t left_mask = (uint32_t)(((uint64_t)1 << n_left) - 1);
    const uint32_t right_mask = (uint32_t)(((uint64_t)1 << n_right) - 1);
    do {
        uint32_t left = (uint32_t)(i >> n_right), right = (uint32_t)i & right_mask;
        left ^= permute_round(right, (uint32_t)key_01) & left_mask;
        right ^= permute_round(left, (uint32_t)(key_01 >> 32)) & right_mask;
        left ^= permute_round(right, (uint32_t)key_23) & left_mask;
        right ^= permute_round(left, (uint32_t)(key_23 >> 32)) & right_mask;
        i = (uint64_t)left << n_right | right;
    } while (i >= n);
    return i;
}

uint32_t rng_hash(uint64_t seed, enum rng_stream stream, uint64_t a, uint64_t b)
{
    return (uint32_t)(mix(b + mix(a + mix(seed + mix((uint64_t)stream)))) >> 32);
}
