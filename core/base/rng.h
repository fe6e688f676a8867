/*
 * Random numbers that are a pure function of (seed, stream, index): Philox 4x32, 10 rounds.
 * Source: Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
 *
 * Nothing is stored between steps, so a resumed job draws what an unbroken one would have drawn,
 * and two threads that share a step need not share a generator.  A struct rng belongs to one
 * thread.
 */
#ifndef CORE_BASE_RNG_H
#define CORE_BASE_RNG_H

#include <stdint.h>

/* What a number is drawn for.  Values are part of the determinism promise: append, never renumber.
 */
enum rng_stream {
    RNG_WEIGHTS = 1,
    RNG_ENCODING = 2,
    RNG_BATCH = 3,
    RNG_HOLDOUT = 4,
    RNG_EVALUATION = 5,
    RNG_SAMPLE = 6,
    RNG_PROBE = 7,
    RNG_MASK = 8,
    RNG_OCCUPANCY = 9,
    RNG_POOL = 10,
};

struct rng {
    uint64_t seed;
    uint64_t index;
    uint32_t stream;
    uint32_t block;
    uint32_t word[4];
    unsigned n_left;
};

/* The generator at one place of a stream.  Two places never share a number. */
struct rng rng_at(uint64_t seed, enum rng_stream stream, uint64_t index);

uint32_t rng_u32(struct rng *r);

/* Uniform in [0, 1), 53 bits. */
double rng_uniform(struct rng *r);

/* Standard normal (Box and Muller). */
double rng_normal(struct rng *r);

/* Uniform in 0 … n-1, n >= 1, without bias. */
uint64_t rng_below(struct rng *r, uint64_t n);

/* Where index i of 0 … n-1 goes in permutation number `epoch` of the stream: a bijection for every
 * (seed, stream, epoch), computed for one index alone (a Feistel network, walked until it falls in
 * range). */
uint64_t rng_permute(uint64_t seed, enum rng_stream stream, uint64_t epoch, uint64_t n, uint64_t i);

/* A number of 32 bits for each (seed, stream, a, b): less good than the others, and some
 * nanoseconds instead of a hundred. */
uint32_t rng_hash(uint64_t seed, enum rng_stream stream, uint64_t a, uint64_t b);

#endif
