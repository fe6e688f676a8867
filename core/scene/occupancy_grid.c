#include "core/scene/occupancy_grid.h"

#include <string.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/field/task.h"

enum {
    SIDE = OCCUPANCY_SIDE,
    CELLS = OCCUPANCY_CELLS,
    SLAB = 1 << 15,                                 /* points that the field is asked for at once */
    SWEEP_CELLS = OCCUPANCY_CELLS_LOOKED_AT / 2,    /* looked at in an update, of all cells … */
    OCCUPIED_CELLS = OCCUPANCY_CELLS_LOOKED_AT / 2, /* … of those with something, at most */
    SWEEP_FACTOR = 0x9e3779b1, /* odd: i * factor comes by every cell, neighbours far apart */
};
_Static_assert(OCCUPANCY_FIRST_UPDATES *OCCUPANCY_FIRST_LOOKED_AT == CELLS, "each once");
static const float unseen = -1.0f, decay = 0.95f, threshold = 0.01f;

/* The state is the values, then the number of updates, which floats hold exactly up to 2^24. */
struct occupancy_grid {
    struct occupancy *space;
    float *state; /* [CELLS + 1] */
    size_t n_outputs;
    /* of an update */
    uint32_t *cell; /* [SLAB] */
    float *coords;  /* [SLAB, 3] */
    float *values;  /* [SLAB, n_outputs] */
};

enum status occupancy_grid_create(struct occupancy_grid **out, size_t n_outputs, struct error *err)
{
    struct occupancy_grid *g = mem_alloc(sizeof *g);
    if (!g)
        return error_status(err, STATUS_NO_MEMORY);
    g->n_outputs = n_outputs;
    g->state = mem_alloc_floats(CELLS + 1);
    g->cell = mem_alloc_array(SLAB, sizeof *g->cell);
    g->coords = mem_alloc_floats(3UL * SLAB);
    g->values = mem_alloc_floats(SLAB * n_outputs);
    if (!g->state || !g->cell || !g->coords || !g->values) {
        occupancy_grid_free(g);
        return error_status(err, STATUS_NO_MEMORY);
    }
    enum status status = occupancy_create(&g->space, NULL, err);
    if (status != STATUS_OK) {
        occupancy_grid_free(g);
        return status;
    }
    for (size_t i = 0; i < CELLS; i++)
        g->state[i] = unseen;
    *out = g;
    return STATUS_OK;
}

void occupancy_grid_free(struct occupancy_grid *g)
{
    if (!g)
        return;
    mem_free(g->space);
    mem_free(g->state);
    mem_free(g->cell);
    mem_free(g->coords);
    mem_free(g->values);
    mem_free(g);
}

size_t occupancy_grid_bytes(size_t n_outputs)
{
    return sizeof(struct occupancy) + (CELLS + SLAB * (4 + n_outputs)) * sizeof(float);
}

const struct occupancy *occupancy_grid_get(const struct occupancy_grid *g)
{
    return g->space;
}

float *occupancy_grid_state(struct occupancy_grid *g, size_t *n)
{
    *n = CELLS + 1;
    return g->state;
}

void occupancy_grid_restore(struct occupancy_grid *g)
{
    double sum = 0.0;
    size_t n_seen = 0;
    for (size_t i = 0; i < CELLS; i++)
        if (g->state[i] >= 0.0f) {
            sum += (double)g->state[i];
            n_seen++;
        }
    const float mean = n_seen ? (float)(sum / (double)n_seen) : 0.0f;
    const float least = mean < threshold ? mean : threshold;
    for (size_t i = 0; i < OCCUPANCY_BYTES; i++) {
        unsigned bits = 0;
        for (size_t k = 0; k < 8; k++) {
            const float value = g->state[8 * i + k];
            bits |= (unsigned)(value > least || value < 0.0f) << k;
        }
        g->space->mask[i] = (uint8_t)bits;
    }
    occupancy_measure(g->space);
}

/* Look at n cells. */
static bool look_at(struct occupancy_grid *g, const struct occupancy_look *look, size_t n,
                    const struct field *f, struct team *team)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t cell = g->cell[i];
        const uint32_t at[3] = {cell % SIDE, cell / SIDE % SIDE, cell / SIDE / SIDE};
        for (uint32_t d = 0; d < 3; d++) {
            const uint32_t chance =
                rng_hash(look->seed, RNG_OCCUPANCY, look->step, 3 * (uint64_t)cell + d);
            g->coords[3 * i + d] = ((float)at[d] + (float)(chance >> 8) * 0x1p-24f) / (float)SIDE;
        }
    }
    if (task_query(f, team, n, g->coords, g->values, NULL, NULL) != STATUS_OK)
        return false;
    for (size_t i = 0; i < n; i++) {
        float *value = &g->state[g->cell[i]];
        const float old = *value < 0.0f ? 0.0f : *value * decay;
        const float seen =
            volume_density(look->density, g->values[i * g->n_outputs]) * look->length;
        *value = seen > old ? seen : old;
    }
    return true;
}

/* The cells with something, every stride-th of them from `first` on; *from: bits that were looked
 * at. */
static size_t list_occupied(const struct occupancy_grid *g, size_t *from, size_t stride,
                            size_t *skip, size_t max)
{
    size_t n = 0;
    for (; *from < CELLS && n < max; ++*from) {
        const size_t i = *from;
        if (i % 8 == 0 && g->space->mask[i / 8] == 0) {
            *from += 7;
            continue;
        }
        if (!(g->space->mask[i / 8] >> i % 8 & 1))
            continue;
        if (*skip == 0) {
            g->cell[n++] = (uint32_t)i;
            *skip = stride;
        }
        --*skip;
    }
    return n;
}

bool occupancy_grid_update(struct occupancy_grid *g, const struct occupancy_look *look,
                           const struct field *f, struct team *team)
{
    const uint64_t number = look->step / OCCUPANCY_PERIOD;
    if (look->step % OCCUPANCY_PERIOD != 0 || (uint64_t)g->state[CELLS] > number)
        return false;
    g->state[CELLS] = (float)(number + 1);

    const bool is_first = number < OCCUPANCY_FIRST_UPDATES;
    const size_t n_sweep = is_first ? OCCUPANCY_FIRST_LOOKED_AT : SWEEP_CELLS;
    bool ok = true;
    for (size_t i = 0; i < n_sweep && ok; i += SLAB) {
        for (size_t k = 0; k < SLAB; k++)
            g->cell[k] = (uint32_t)(number * n_sweep + i + k) * (uint32_t)SWEEP_FACTOR % CELLS;
        ok = look_at(g, look, SLAB, f, team);
    }
    size_t n_occupied = 0;
    for (size_t i = 0; i < OCCUPANCY_BYTES; i++)
        n_occupied += (size_t)__builtin_popcount(g->space->mask[i]);
    const size_t stride = n_occupied / OCCUPIED_CELLS + 1;
    size_t from = is_first ? CELLS : 0, skip = number % stride;
    while (ok && from < CELLS) {
        const size_t n = list_occupied(g, &from, stride, &skip, SLAB);
        ok = look_at(g, look, n, f, team);
    }
    occupancy_grid_restore(g);
    return true;
}
