#include "tests/support/small_grid.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "tests/support/random.h"

struct encoding_spec small_grid_spec(enum encoding_type type, size_t n_inputs, size_t n_features,
                                     enum interpolation interpolation)
{
    return (struct encoding_spec){.type = type,
                                  .n_inputs = n_inputs,
                                  .n_levels = 20,
                                  .n_features_per_level = n_features,
                                  .log2_hashmap_size = 6,
                                  .base_resolution = 2,
                                  .finest_resolution = 12,
                                  .aspect = {1.0, 0.75, 0.4},
                                  .interpolation = interpolation};
}

struct encoding *small_grid_create(const struct encoding_spec *spec)
{
    struct encoding *e = NULL;
    struct error err = {0};
    if (encoding_create(&e, spec, &err) == STATUS_OK)
        return e;
    fprintf(stderr, "small grid: %s: %s\n", err.where, err.message);
    abort();
}

void small_grid_init(struct small_grid *g, const struct encoding_spec *spec)
{
    const size_t n_coords = SMALL_GRID_POINTS * spec->n_inputs;
    *g = (struct small_grid){.spec = *spec, .e = small_grid_create(spec)};
    g->n_params = encoding_n_params(g->e);
    g->ld = (encoding_n_features(g->e) + 15) / 16 * 16 + 16;
    g->params = random_floats(g->n_params, 1);
    g->x = random_floats(n_coords, 2);
    g->out = mem_alloc_floats(SMALL_GRID_POINTS * g->ld);
    g->d_out = random_floats(SMALL_GRID_POINTS * g->ld, 3);
    if (!g->out)
        abort();
    for (size_t i = 0; i < n_coords; i++)
        g->x[i] = 0.5f + 0.5f * g->x[i];
}

void small_grid_deinit(struct small_grid *g)
{
    mem_free(g->d_out);
    mem_free(g->out);
    mem_free(g->x);
    mem_free(g->params);
    encoding_free(g->e);
}
