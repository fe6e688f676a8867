#include "core/base/rng.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Known answers of Random123 (kat_vectors, philox4x32-10); our counter is {block, stream, index}.
 */
static void rng_matches_the_published_philox_vectors(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed, index;
        uint32_t stream, block;
        uint32_t expected[4];
    } table[] = {
        {0, 0, 0, 0, {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}},
        {UINT64_MAX,
         UINT64_MAX,
         UINT32_MAX,
         UINT32_MAX,
         {0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}},
        {0x299f31d0a4093822u,
         0x0370734413198a2eu,
         0x85a308d3u,
         0x243f6a88u,
         {0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct rng r = rng_at(table[i].seed, RNG_WEIGHTS, table[i].index);
        r.stream = table[i].stream;
        r.block = table[i].block;
        for (size_t j = 0; j < 4; j++)
            assert_int_equal(rng_u32(&r), table[i].expected[j]);
    }
}

static void rng_at_one_place_repeats_and_at_another_differs(void **state)
{
    (void)state;
    struct rng a = rng_at(7, RNG_BATCH, 3), b = rng_at(7, RNG_BATCH, 3);
    struct rng others[] = {rng_at(8, RNG_BATCH, 3), rng_at(7, RNG_SAMPLE, 3),
                           rng_at(7, RNG_BATCH, 4)};
    size_t n_equal = 0;
    for (size_t i = 0; i < 100; i++) {
        uint32_t x = rng_u32(&a);
        assert_int_equal(x, rng_u32(&b));
        for (size_t j = 0; j < 3; j++)
            n_equal += x == rng_u32(&others[j]);
    }
    assert_int_equal(n_equal, 0);
}

static void rng_uniform_and_normal_have_their_moments(void **state)
{
    (void)state;
    enum { N = 100000 };
    struct rng r = rng_at(1, RNG_SAMPLE, 0);
    double uniform[2] = {0}, normal[4] = {0};
    for (size_t i = 0; i < N; i++) {
        double u = rng_uniform(&r), z = rng_normal(&r);
        assert_true(u >= 0.0 && u < 1.0);
        assert_true(isfinite(z));
        uniform[0] += u / N;
        uniform[1] += u * u / N;
        for (int p = 0; p < 4; p++)
            normal[p] += pow(z, p + 1) / N;
    }
    /* five standard deviations of each mean */
    assert_true(fabs(uniform[0] - 0.5) < 5 * 0.289 / sqrt(N));
    assert_true(fabs(uniform[1] - 1.0 / 3.0) < 5 * 0.299 / sqrt(N));
    assert_true(fabs(normal[0]) < 5 * 1.0 / sqrt(N));
    assert_true(fabs(normal[1] - 1.0) < 5 * 1.42 / sqrt(N));
    assert_true(fabs(normal[2]) < 5 * 3.88 / sqrt(N));
    assert_true(fabs(normal[3] - 3.0) < 5 * 9.8 / sqrt(N));
}

static void rng_below_is_in_range_and_even(void **state)
{
    (void)state;
    struct rng r = rng_at(2, RNG_SAMPLE, 0);
    size_t count[7] = {0};
    for (size_t i = 0; i < 70000; i++) {
        uint64_t x = rng_below(&r, 7);
        assert_true(x < 7);
        count[x]++;
    }
    for (size_t i = 0; i < 7; i++)
        assert_in_range(count[i], 10000 - 500, 10000 + 500);
    assert_int_equal(rng_below(&r, 1), 0);
    assert_true(rng_below(&r, UINT64_MAX) < UINT64_MAX);
}

static void rng_permute_is_a_bijection(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1,  2,   3,   4,   5,   7,    8,    9,   16,
                                     17, 100, 255, 256, 257, 1000, 4096, 4097};
    static bool seen[4097];
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (uint64_t epoch = 0; epoch < 5; epoch++) {
            memset(seen, 0, sizeof seen);
            for (uint64_t i = 0; i < sizes[s]; i++) {
                uint64_t to = rng_permute(11, RNG_BATCH, epoch, sizes[s], i);
                assert_true(to < sizes[s]);
                assert_false(seen[to]);
                seen[to] = true;
            }
        }
}

static void rng_permute_stays_in_a_range_of_any_size(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {(1u << 31) + 1, (uint64_t)1 << 32, ((uint64_t)1 << 40) + 3,
                                     UINT64_MAX};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (uint64_t i = 0; i < 1000; i++) {
            assert_true(rng_permute(5, RNG_BATCH, 1, sizes[s], i) < sizes[s]);
            assert_true(rng_permute(5, RNG_BATCH, 1, sizes[s], sizes[s] - 1 - i) < sizes[s]);
        }
}

/* A batch of the first places must be spread over the whole range, neighbours must part, and epochs
 * must differ: chi-square over 64 cells, far above its 99.9999 % point only if something is wrong.
 */
static void rng_permute_spreads_like_chance(void **state)
{
    (void)state;
    enum { CELLS = 64, DRAWS = 65536 };
    static const uint64_t sizes[] = {65536, 393216, 1000003};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const uint64_t n = sizes[s];
        size_t steps[CELLS] = {0}, firsts[CELLS] = {0}, epochs[CELLS] = {0};
        for (uint64_t i = 0; i < DRAWS; i++) {
            uint64_t a = rng_permute(9, RNG_BATCH, 0, n, i % (n - 1));
            uint64_t b = rng_permute(9, RNG_BATCH, 0, n, i % (n - 1) + 1);
            steps[(b + n - a) % n * CELLS / n]++;
            epochs[rng_permute(9, RNG_BATCH, i, n, 17) * CELLS / n]++;
            if (i < 4096)
                firsts[a * CELLS / n]++;
        }
        double chi_steps = 0.0, chi_firsts = 0.0, chi_epochs = 0.0;
        for (size_t c = 0; c < CELLS; c++) {
            chi_steps += pow((double)steps[c] - DRAWS / CELLS, 2) / (DRAWS / CELLS);
            chi_epochs += pow((double)epochs[c] - DRAWS / CELLS, 2) / (DRAWS / CELLS);
            chi_firsts += pow((double)firsts[c] - 64.0, 2) / 64.0;
        }
        assert_true(chi_steps < 140.0);
        assert_true(chi_epochs < 140.0);
        assert_true(chi_firsts < 140.0);
    }
}

/* Numbers for places of batches: even in each of its bits and ranges, whatever argument moves. */
static void rng_hash_spreads_whichever_argument_moves(void **state)
{
    (void)state;
    enum { CELLS = 64, DRAWS = 65536 };
    const uint32_t known = rng_hash(9, RNG_BATCH, 2, 3);
    size_t n_equal = 0;
    assert_int_equal(known, rng_hash(9, RNG_BATCH, 2, 3));
    n_equal += known == rng_hash(9, RNG_SAMPLE, 2, 3);
    n_equal += known == rng_hash(9, RNG_BATCH, 3, 2);
    assert_int_equal(n_equal, 0);
    for (int moving = 0; moving < 4; moving++) {
        size_t high[CELLS] = {0}, low[CELLS] = {0}, pairs[CELLS] = {0};
        for (uint64_t i = 0; i < DRAWS; i++) {
            uint32_t at[2];
            for (uint64_t k = 0; k < 2; k++)
                at[k] = rng_hash(moving == 0 ? i + k : 9, RNG_BATCH,
                                 moving == 1   ? i + k
                                 : moving == 3 ? (i + k) << 32
                                               : 5,
                                 moving == 2 ? i + k : 7);
            high[at[0] / (UINT32_MAX / CELLS + 1)]++;
            low[at[0] % CELLS]++;
            pairs[(at[1] - at[0]) / (UINT32_MAX / CELLS + 1)]++; /* neighbours part */
        }
        const size_t *const counts[] = {high, low, pairs};
        for (size_t j = 0; j < 3; j++) {
            double chi = 0.0;
            for (size_t c = 0; c < CELLS; c++)
                chi += pow((double)counts[j][c] - DRAWS / CELLS, 2) / (DRAWS / CELLS);
            assert_true(chi < 140.0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rng_matches_the_published_philox_vectors),
        cmocka_unit_test(rng_at_one_place_repeats_and_at_another_differs),
        cmocka_unit_test(rng_uniform_and_normal_have_their_moments),
        cmocka_unit_test(rng_below_is_in_range_and_even),
        cmocka_unit_test(rng_permute_is_a_bijection),
        cmocka_unit_test(rng_permute_stays_in_a_range_of_any_size),
        cmocka_unit_test(rng_permute_spreads_like_chance),
        cmocka_unit_test(rng_hash_spreads_whichever_argument_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
