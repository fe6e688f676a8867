/* Rays in masks against a walk that looks at every place; what a grid finds out about a field. */
#include "core/scene/occupancy.h"

#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/nn/kernel.h"
#include "core/scene/occupancy_grid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SIDE = OCCUPANCY_SIDE, MAX_PLACES = 2048 };

static void set_cell(uint8_t *mask, size_t x, size_t y, size_t z)
{
    const size_t bit = x + SIDE * (y + SIDE * z);
    mask[bit / 8] |= (uint8_t)(1u << bit % 8);
}

static bool is_set(const uint8_t *mask, const float at[3])
{
    size_t cell[3];
    for (int d = 0; d < 3; d++) {
        const float scaled = at[d] * SIDE;
        cell[d] = scaled < 0.0f ? 0 : scaled >= SIDE ? SIDE - 1 : (size_t)scaled;
    }
    const size_t bit = cell[0] + SIDE * (cell[1] + SIDE * cell[2]);
    return mask[bit / 8] >> bit % 8 & 1;
}

static struct walk walk_by_chance(struct rng *rng)
{
    struct walk w = {.step = 1.3f / 400.0f, .end = 400};
    double length = 0.0, to[3];
    for (int d = 0; d < 3; d++) {
        w.origin[d] = (float)rng_uniform(rng);
        to[d] = rng_uniform(rng) - (double)w.origin[d];
        length += to[d] * to[d];
    }
    for (int d = 0; d < 3; d++)
        w.direction[d] = (float)(to[d] / sqrt(length));
    return w;
}

/* Places within a hair of a cell's edge may count as this side's or that: both are right. */
static void a_walk_finds_what_a_look_everywhere_finds(void **state)
{
    static const size_t cells[] = {0, 1, 12, 500, 30000, 600000};
    uint8_t *mask = mem_alloc_array(OCCUPANCY_BYTES, 1);
    float *t = mem_alloc_floats(MAX_PLACES), *coords = mem_alloc_floats(3UL * MAX_PLACES);
    (void)state;
    for (size_t k = 0; k < sizeof cells / sizeof *cells; k++) {
        struct occupancy *o = NULL;
        struct rng rng = rng_at(5, RNG_SAMPLE, k);
        memset(mask, 0, OCCUPANCY_BYTES);
        for (size_t i = 0; i < cells[k]; i++)
            set_cell(mask, rng_below(&rng, SIDE), rng_below(&rng, SIDE), rng_below(&rng, SIDE));
        assert_int_equal(occupancy_create(&o, mask, NULL), STATUS_OK);
        size_t n_found = 0, n_expected = 0, n_same = 0;
        for (int r = 0; r < 200; r++) {
            struct walk w = walk_by_chance(&rng);
            const struct walk start = w;
            size_t n = 0, more;
            while ((more = occupancy_walk(o, &w, 7, t + n, coords + 3 * n)) == 7)
                n += more;
            n += more;
            n_found += n;
            size_t i = 0;
            for (uint32_t s = 0; s < start.end; s++) {
                const float here = start.first + (float)s * start.step;
                float at[3];
                for (int d = 0; d < 3; d++)
                    at[d] = start.origin[d] + here * start.direction[d];
                if (!is_set(mask, at))
                    continue;
                n_expected++;
                while (i < n && t[i] < here)
                    i++;
                n_same += i < n && t[i] == here;
            }
        }
        assert_true(n_found <= n_expected);
        assert_true((double)n_same >= 0.999 * (double)n_expected);
        mem_free(o);
    }
    mem_free(mask);
    mem_free(t);
    mem_free(coords);
}

static void without_a_mask_everything_is_looked_at(void **state)
{
    struct occupancy *o = NULL;
    struct walk w = {.origin = {0, 0.5f, 0.5f}, .direction = {1, 0, 0}, .step = 0.1f, .end = 10};
    float t[16], coords[48];
    (void)state;
    assert_int_equal(occupancy_create(&o, NULL, NULL), STATUS_OK);
    assert_int_equal(occupancy_walk(o, &w, 16, t, coords), 10);
    assert_float_equal(coords[27], 0.9f, 1e-6f);
    mem_free(o);
}

/* A camera may be so far away that floats lose the cube: then the cells at its border stand for all
 * that is beyond them. */
static void places_beyond_the_cube_are_of_its_border(void **state)
{
    static const float far[] = {1.5f, 1e9f, 1e30f, INFINITY};
    uint8_t *mask = mem_alloc_array(OCCUPANCY_BYTES, 1);
    (void)state;
    set_cell(mask, SIDE - 1, SIDE - 1, SIDE - 1);
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        assert_true(occupancy_has(mask, (const float[3]){far[i], far[i], far[i]}));
        assert_false(occupancy_has(mask, (const float[3]){far[i], -far[i], far[i]}));
    }
    assert_false(occupancy_has(mask, (const float[3]){NAN, 1.0f, 1.0f}));
    mem_free(mask);
}

/* A field whose density is dense where x < 0.3: one affine map of the coordinates. */
static struct field *half_space(void)
{
    const struct field_spec spec = {
        .encoding = {.type = ENCODING_NONE, .n_inputs = 3, .input_range = {0, 1}},
        .network = {.n_outputs = 4,
                    .width = 1,
                    .activation = ACTIVATION_RELU,
                    .output_activation = ACTIVATION_LINEAR},
        .domain = {.n_dims = 3},
    };
    static const float weight[4 * 3] = {-1000}, bias[4] = {300};
    struct field *f = NULL;
    assert_int_equal(field_create(&f, &spec, kernel_find(NULL), NULL), STATUS_OK);
    mlp_import_layer(field_mlp(f), field_params(f) + encoding_n_params(field_encoding(f)), 0,
                     weight, bias);
    return f;
}

static void update(struct occupancy_grid *g, uint64_t step, const struct field *f,
                   struct team *team)
{
    const struct occupancy_look look = {
        .seed = 3, .step = step, .density = DENSITY_RELU, .length = 0.01f};
    occupancy_grid_update(g, &look, f, team);
}

static void a_grid_finds_where_something_is(void **state)
{
    struct occupancy_grid *g = NULL;
    struct team *team = NULL;
    struct field *f = half_space();
    size_t n = 0, n_wrong = 0;
    (void)state;
    assert_int_equal(team_create(&team, 2, NULL), STATUS_OK);
    assert_int_equal(occupancy_grid_create(&g, 4, NULL), STATUS_OK);
    for (uint64_t step = 0; step < 16UL * OCCUPANCY_PERIOD; step++)
        update(g, step, f, team);
    const uint8_t *mask = occupancy_grid_get(g)->mask;
    for (size_t i = 0; i < OCCUPANCY_CELLS; i++) {
        const size_t x = i % SIDE;
        const bool is_there = mask[i / 8] >> i % 8 & 1;
        n += is_there;
        n_wrong += x < 38 ? !is_there : x > 38 ? is_there : 0; /* 0.3 lies in cell 38 */
    }
    assert_int_equal(n_wrong, 0);
    assert_true(n >= 38UL * SIDE * SIDE);

    /* the state is all there is, and a step that is done again changes nothing */
    size_t n_state;
    const float *old = occupancy_grid_state(g, &n_state);
    float *copy = mem_alloc_floats(n_state);
    memcpy(copy, old, n_state * sizeof *copy);
    update(g, 15UL * OCCUPANCY_PERIOD, f, team);
    assert_memory_equal(copy, old, n_state * sizeof *copy);
    struct occupancy_grid *other = NULL;
    assert_int_equal(occupancy_grid_create(&other, 4, NULL), STATUS_OK);
    memcpy(occupancy_grid_state(other, &n_state), copy, n_state * sizeof *copy);
    occupancy_grid_restore(other);
    assert_memory_equal(occupancy_grid_get(other), occupancy_grid_get(g), sizeof(struct occupancy));
    update(g, 16UL * OCCUPANCY_PERIOD, f, team);
    update(other, 16UL * OCCUPANCY_PERIOD, f, team);
    assert_memory_equal(occupancy_grid_state(other, &n_state), old, n_state * sizeof *copy);
    mem_free(copy);
    occupancy_grid_free(g);
    occupancy_grid_free(other);
    field_free(f);
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_finds_what_a_look_everywhere_finds),
        cmocka_unit_test(without_a_mask_everything_is_looked_at),
        cmocka_unit_test(places_beyond_the_cube_are_of_its_border),
        cmocka_unit_test(a_grid_finds_where_something_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
