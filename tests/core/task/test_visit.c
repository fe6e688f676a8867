#include "core/task/visit.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/rng.h"

static const struct lattice small[] = {
    {1, 1},   {1, 5},   {5, 1},   {2, 2},   {16, 16}, {17, 1},  {1, 17},  {15, 15},
    {33, 50}, {100, 7}, {7, 100}, {47, 16}, {16, 47}, {512, 3}, {3, 512}, {101, 97},
};
enum { N_SMALL = sizeof small / sizeof *small };

/* Up to the last that 32 bits can count. */
static const struct lattice huge[] = {
    {1u << 26, 1},  {1, 1u << 26},   {8192, 8192},      {65536, 65535},
    {65535, 65537}, {UINT32_MAX, 1}, {1, UINT32_MAX},   {1u << 28, 15},
    {17, 1u << 27}, {3, 1431655765}, {1431655765u, 3u},
};
enum { N_HUGE = sizeof huge / sizeof *huge };

/* The place of a sample on the path, by counting what lies before it. */
static uint64_t place_of(const struct lattice *l, struct visit v)
{
    const uint64_t first_row = v.y / 16 * 16, first_column = v.x / 16 * 16;
    const uint64_t n_rows = l->height - first_row < 16 ? l->height - first_row : 16;
    const uint64_t n_columns = l->width - first_column < 16 ? l->width - first_column : 16;
    return first_row * l->width + n_rows * first_column + (v.y - first_row) * n_columns +
           (v.x - first_column);
}

static void the_path_passes_every_sample_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SMALL; i++) {
        const struct lattice *l = &small[i];
        const size_t n = l->width * l->height;
        uint8_t *passed = mem_alloc(n);
        for (size_t p = 0; p < n; p++) {
            const struct visit v = visit_on_path(l, (uint32_t)p);
            assert_true(v.x < l->width && v.y < l->height);
            assert_int_equal(passed[v.y * l->width + v.x]++, 0);
            assert_int_equal(place_of(l, v), p);
        }
        mem_free(passed);
    }
}

static void the_path_passes_huge_lattices(void **state)
{
    (void)state;
    struct rng rng = rng_at(1, RNG_SAMPLE, 0);
    for (size_t i = 0; i < N_HUGE; i++) {
        const uint64_t n = (uint64_t)huge[i].width * huge[i].height;
        assert_true(n <= UINT32_MAX);
        for (size_t j = 0; j < 20000; j++) {
            const uint64_t p = j < 100 ? j % n : j < 200 ? n - 1 - j % 100 : rng_below(&rng, n);
            const struct visit v = visit_on_path(&huge[i], (uint32_t)p);
            assert_true(v.x < huge[i].width && v.y < huge[i].height);
            assert_true(place_of(&huge[i], v) == p);
        }
    }
}

static void neighbours_on_the_path_are_neighbours_in_the_lattice(void **state)
{
    (void)state;
    const struct lattice l = {500, 300};
    size_t n_adjacent = 0, n_near = 0, n = 0;
    struct visit last = visit_on_path(&l, 0);
    for (uint32_t p = 1; p < 500 * 300; p++, n++) {
        const struct visit v = visit_on_path(&l, p);
        const size_t dx = (size_t)labs((long)v.x - (long)last.x);
        const size_t dy = (size_t)labs((long)v.y - (long)last.y);
        n_adjacent += dx + dy == 1;
        n_near += dx <= 16 && dy <= 16;
        last = v;
    }
    assert_true((double)n_adjacent > 0.93 * (double)n);
    assert_int_equal(n - n_near, 300 / 16); /* from strip to strip */
}

static void a_batch_does_not_depend_on_how_it_is_cut(void **state)
{
    (void)state;
    static const size_t batches[] = {1, 7, 64, 1000, 5000};
    static struct visit whole[5000], cut[5000];
    for (size_t i = 0; i < N_SMALL; i++)
        for (size_t b = 0; b < sizeof batches / sizeof *batches; b++)
            for (uint64_t step = 0; step < 5; step++) {
                struct rng rng = rng_at(step, RNG_SAMPLE, i);
                visit_batch(&small[i], 3, step, batches[b], 0, batches[b], whole);
                for (size_t first = 0; first < batches[b];) {
                    const size_t n_left = batches[b] - first;
                    const size_t n = 1 + rng_below(&rng, n_left < 150 ? n_left : 150);
                    visit_batch(&small[i], 3, step, batches[b], first, n, cut + first);
                    first += n;
                }
                assert_memory_equal(whole, cut, batches[b] * sizeof *whole);
            }
}

/* Steps of an epoch: of the places that do not simply take all samples in order. */
static size_t epoch_steps(size_t n_samples, size_t batch_size)
{
    const size_t rest = batch_size % n_samples;
    return rest ? (n_samples + rest - 1) / rest : 1;
}

/* Whole rounds of all samples, then each piece's samples once, and one twice where the piece is
 * shorter than others. */
static void an_epoch_visits_every_sample(void **state)
{
    (void)state;
    static const size_t batches[] = {1, 2, 5, 16, 64, 100, 256, 1000, 1650, 10000};
    static struct visit visits[10000];
    for (size_t i = 0; i < N_SMALL; i++)
        for (size_t b = 0; b < sizeof batches / sizeof *batches; b++)
            for (size_t epoch = 0; epoch < 3; epoch++) {
                const size_t n = small[i].width * small[i].height, batch = batches[b];
                const size_t steps = epoch_steps(n, batch), rest = batch % n;
                size_t *count = mem_alloc_array(n, sizeof *count), n_twice = 0;
                for (size_t step = epoch * steps; step < (epoch + 1) * steps; step++) {
                    visit_batch(&small[i], 8, step, batch, 0, batch, visits);
                    for (size_t j = 0; j < batch; j++)
                        count[visits[j].y * small[i].width + visits[j].x]++;
                }
                const size_t once = batch / n * steps + (rest > 0);
                for (size_t j = 0; j < n; j++) {
                    assert_true(count[j] == once || count[j] == once + 1);
                    n_twice += count[j] == once + 1;
                }
                assert_int_equal(n_twice, rest && n % rest ? rest - n % rest : 0);
                mem_free(count);
            }
}

/* Place i of a batch lies in piece i of the path: [i n / B, (i + 1) n / B). */
static void check_pieces(const struct lattice *l, size_t batch, uint64_t step, size_t first,
                         size_t n)
{
    const uint64_t n_samples = (uint64_t)l->width * l->height;
    struct visit visits[512];
    visit_batch(l, 5, step, batch, first, n, visits);
    for (size_t i = 0; i < n; i++) {
        assert_true(visits[i].x < l->width && visits[i].y < l->height);
        const uint64_t place = place_of(l, visits[i]);
        assert_true(place >= (first + i) * n_samples / batch);
        assert_true(place < (first + i + 1) * n_samples / batch);
    }
}

static void a_batch_is_spread_evenly(void **state)
{
    (void)state;
    static const size_t batches[] = {1, 3, 200, 16384, (1 << 20) - 1, 1 << 20};
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
        const size_t batch = batches[b], n = batch < 512 ? batch : 512;
        for (uint64_t step = 0; step < 20; step++) {
            for (size_t i = 0; i < N_SMALL; i++)
                if (batch < small[i].width * small[i].height)
                    check_pieces(&small[i], batch, step, 0, n);
            for (size_t i = 0; i < N_HUGE; i++) {
                check_pieces(&huge[i], batch, step, 0, n);
                check_pieces(&huge[i], batch, UINT64_MAX - step, batch - n, n);
            }
        }
    }
}

static void seeds_epochs_and_steps_differ(void **state)
{
    (void)state;
    enum { BATCH = 64, STEPS = 16 }; /* of an epoch: 32 x 32 samples */
    const struct lattice l = {32, 32};
    struct visit a[BATCH], b[BATCH];
    visit_batch(&l, 1, 0, BATCH, 0, BATCH, a);
    visit_batch(&l, 1, 0, BATCH, 0, BATCH, b);
    assert_memory_equal(a, b, sizeof a);
    visit_batch(&l, 2, 0, BATCH, 0, BATCH, b);
    assert_memory_not_equal(a, b, sizeof a);
    visit_batch(&l, 1, STEPS, BATCH, 0, BATCH, b);
    assert_memory_not_equal(a, b, sizeof a);
    for (uint64_t step = 1; step < STEPS; step++) {
        visit_batch(&l, 1, step, BATCH, 0, BATCH, b);
        for (size_t i = 0; i < BATCH; i++) /* every place goes on */
            assert_true(a[i].x != b[i].x || a[i].y != b[i].y);
    }
}

/* Where in its piece a place begins is chance, of its own in each piece and epoch: chi-square over
 * 64 cells, far above its 99.9999 % point only if something is wrong. */
static void places_begin_by_chance(void **state)
{
    (void)state;
    enum { BATCH = 1024, PIECE = 64, EPOCHS = 64, CELLS = 64 };
    static struct visit visits[BATCH];
    const struct lattice l = {256, 256};
    size_t begins[CELLS] = {0}, steps[CELLS] = {0};
    for (uint64_t epoch = 0; epoch < EPOCHS; epoch++) {
        visit_batch(&l, 4, epoch * PIECE, BATCH, 0, BATCH, visits);
        uint64_t last = 0;
        for (size_t i = 0; i < BATCH; i++) {
            const uint64_t begin = place_of(&l, visits[i]) % PIECE;
            begins[begin]++;
            steps[(begin + PIECE - last) % PIECE]++;
            last = begin;
        }
    }
    double chi_begins = 0.0, chi_steps = 0.0;
    for (size_t c = 0; c < CELLS; c++) {
        chi_begins += pow((double)begins[c] - BATCH, 2) / BATCH;
        chi_steps += pow((double)steps[c] - BATCH, 2) / BATCH;
    }
    assert_true(chi_begins < 140.0);
    assert_true(chi_steps < 140.0);
}

/* --- three dimensions --- */

static const struct lattice3 small3[] = {
    {1, 1, 1},  {1, 1, 9},  {9, 1, 1},  {1, 9, 1},  {8, 8, 8},   {9, 9, 9},
    {16, 5, 3}, {3, 16, 5}, {5, 3, 16}, {7, 17, 8}, {20, 20, 1}, {31, 1, 31},
};

/* Up to the last that 32 bits can count. */
static const struct lattice3 huge3[] = {
    {512, 512, 512},   {1u << 27, 1, 1},   {1, 1u << 27, 1}, {1, 1, 1u << 27},
    {65535, 257, 255}, {3, 5, 286331153u}, {4096, 32768, 1}, {7, 1u << 29, 1},
};

static uint64_t size3(const struct lattice3 *l)
{
    return (uint64_t)l->width * l->height * l->depth;
}

static uint64_t least_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The place of a sample on the path, by counting what lies before it. */
static uint64_t place3_of(const struct lattice3 *l, struct visit3 v)
{
    const uint64_t x = v.x / 8 * 8, y = v.y / 8 * 8, z = v.z / 8 * 8;
    const uint64_t across = least_of(l->width - x, 8), down = least_of(l->height - y, 8);
    const uint64_t deep = least_of(l->depth - z, 8);
    return z * l->width * l->height + deep * y * l->width + deep * down * x +
           ((v.z - z) * down + (v.y - y)) * across + (v.x - x);
}

static void the_path_passes_every_voxel_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof small3 / sizeof *small3; i++)
        for (uint32_t p = 0; p < size3(&small3[i]); p++) {
            const struct visit3 v = visit3_on_path(&small3[i], p);
            assert_true(v.x < small3[i].width && v.y < small3[i].height && v.z < small3[i].depth);
            assert_true(place3_of(&small3[i], v) == p); /* so no two places are one voxel */
        }
    struct rng rng = rng_at(1, RNG_SAMPLE, 0);
    for (size_t i = 0; i < sizeof huge3 / sizeof *huge3; i++) {
        const uint64_t n = size3(&huge3[i]);
        assert_true(n <= UINT32_MAX);
        for (size_t j = 0; j < 20000; j++) {
            const uint64_t p = j < 100 ? j % n : j < 200 ? n - 1 - j % 100 : rng_below(&rng, n);
            const struct visit3 v = visit3_on_path(&huge3[i], (uint32_t)p);
            assert_true(v.x < huge3[i].width && v.y < huge3[i].height && v.z < huge3[i].depth);
            assert_true(place3_of(&huge3[i], v) == p);
        }
    }
}

/* visit_batch is visit_places and the path. */
static void samples_are_those_at_their_places(void **state)
{
    (void)state;
    static struct visit visits[1000];
    static uint32_t places[1000];
    const struct lattice l = {101, 97};
    for (uint64_t step = 0; step < 20; step++) {
        visit_batch(&l, 3, step, 1000, 0, 1000, visits);
        visit_places((size_t)101 * 97, 3, step, 1000, 0, 1000, places);
        for (size_t i = 0; i < 1000; i++) {
            const struct visit v = visit_on_path(&l, places[i]);
            assert_true(v.x == visits[i].x && v.y == visits[i].y);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_path_passes_every_sample_once),
        cmocka_unit_test(the_path_passes_huge_lattices),
        cmocka_unit_test(neighbours_on_the_path_are_neighbours_in_the_lattice),
        cmocka_unit_test(a_batch_does_not_depend_on_how_it_is_cut),
        cmocka_unit_test(an_epoch_visits_every_sample),
        cmocka_unit_test(a_batch_is_spread_evenly),
        cmocka_unit_test(seeds_epochs_and_steps_differ),
        cmocka_unit_test(places_begin_by_chance),
        cmocka_unit_test(the_path_passes_every_voxel_once),
        cmocka_unit_test(samples_are_those_at_their_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
