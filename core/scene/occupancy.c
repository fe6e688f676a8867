#include "core/scene/occupancy.h"

#include <string.h>

#include "core/base/mem.h"

enum { SIDE = OCCUPANCY_SIDE, BLOCKS = OCCUPANCY_BLOCKS };

enum status occupancy_create(struct occupancy **out, const uint8_t *mask, struct error *err)
{
    struct occupancy *o = mem_alloc(sizeof *o);
    if (!o)
        return error_status(err, STATUS_NO_MEMORY);
    if (mask)
        memcpy(o->mask, mask, sizeof o->mask);
    else
        memset(o->mask, 0xff, sizeof o->mask);
    occupancy_measure(o);
    *out = o;
    return STATUS_OK;
}

/* A row of a block's cells is half a byte: 4 of 128. */
static bool has_something(const struct occupancy *o, size_t bx, size_t by, size_t bz)
{
    const unsigned half = bx % 2 ? 0xf0 : 0x0f;
    for (size_t z = 0; z < OCCUPANCY_BLOCK; z++)
        for (size_t y = 0; y < OCCUPANCY_BLOCK; y++) {
            const size_t row = (bz * OCCUPANCY_BLOCK + z) * SIDE + by * OCCUPANCY_BLOCK + y;
            if (o->mask[row * (SIDE / 8) + bx / 2] & half)
                return true;
        }
    return false;
}

/* The distance in the largest of the directions is the distance along one axis of the distances
 * along the others: three passes, each up and down along lines. */
static void sweep(uint8_t *line, size_t stride)
{
    uint8_t out[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        unsigned best = BLOCKS;
        for (int j = 0; j < BLOCKS; j++) {
            const unsigned along = (unsigned)(i < j ? j - i : i - j);
            const unsigned other = line[(size_t)j * stride];
            const unsigned both = along > other ? along : other;
            best = both < best ? both : best;
        }
        out[i] = (uint8_t)best;
    }
    for (size_t i = 0; i < BLOCKS; i++)
        line[i * stride] = out[i];
}

void occupancy_measure(struct occupancy *o)
{
    for (size_t z = 0; z < BLOCKS; z++)
        for (size_t y = 0; y < BLOCKS; y++)
            for (size_t x = 0; x < BLOCKS; x++)
                o->reach[(z * BLOCKS + y) * BLOCKS + x] =
                    has_something(o, x, y, z) ? 0 : (uint8_t)BLOCKS;
    for (size_t i = 0; i < BLOCKS; i++)
        for (size_t j = 0; j < BLOCKS; j++)
            sweep(o->reach + (i * BLOCKS + j) * BLOCKS, 1);
    for (size_t i = 0; i < BLOCKS; i++)
        for (size_t j = 0; j < BLOCKS; j++)
            sweep(o->reach + i * BLOCKS * BLOCKS + j, BLOCKS);
    for (size_t i = 0; i < BLOCKS; i++)
        for (size_t j = 0; j < BLOCKS; j++)
            sweep(o->reach + i * BLOCKS + j, (size_t)BLOCKS * BLOCKS);
}

/* What is beyond the cube counts to the cells of its border; NaN to the first. */
static int clamp_index(float x)
{
    const float at = x * (float)SIDE;
    return at < (float)SIDE ? at > 0.0f ? (int)at : 0 : at >= (float)SIDE ? SIDE - 1 : 0;
}

static bool is_set(const uint8_t *mask, const int cell[3])
{
    const size_t bit = ((size_t)cell[2] * SIDE + (size_t)cell[1]) * SIDE + (size_t)cell[0];
    return mask[bit / 8] >> bit % 8 & 1;
}

bool occupancy_has(const uint8_t *mask, const float unit[3])
{
    return is_set(mask,
                  (const int[3]){clamp_index(unit[0]), clamp_index(unit[1]), clamp_index(unit[2])});
}

/* Places until the ray has left the cube of cells [low, low + n) along all axes, at least 1. */
static uint32_t steps_to_leave(const struct walk *w, const float at[3], const int low[3], int n)
{
    float least = 3e38f;
    for (int d = 0; d < 3; d++) {
        const float v = w->direction[d];
        const int edge = v > 0.0f ? low[d] + n : low[d];
        const float way = (float)edge / (float)SIDE - at[d];
        const float t = v != 0.0f ? way / v : 3e38f;
        least = t < least ? t : least;
    }
    const float steps = least / w->step;
    return steps > 1.0f ? (steps < 1e9f ? (uint32_t)steps + 1 : UINT32_MAX / 2) : 1;
}

size_t occupancy_walk(const struct occupancy *o, struct walk *w, size_t n, float *t, float *coords)
{
    size_t count = 0;
    while (count < n && w->next < w->end) {
        const float here = w->first + (float)w->next * w->step;
        float at[3];
        int cell[3], low[3];
        for (int d = 0; d < 3; d++) {
            at[d] = w->origin[d] + here * w->direction[d];
            cell[d] = clamp_index(at[d]);
        }
        const int bx = cell[0] / OCCUPANCY_BLOCK, by = cell[1] / OCCUPANCY_BLOCK,
                  bz = cell[2] / OCCUPANCY_BLOCK;
        const int reach = o->reach[(bz * BLOCKS + by) * BLOCKS + bx];
        if (reach > 0) {
            low[0] = (bx - reach + 1) * OCCUPANCY_BLOCK;
            low[1] = (by - reach + 1) * OCCUPANCY_BLOCK;
            low[2] = (bz - reach + 1) * OCCUPANCY_BLOCK;
            w->next += steps_to_leave(w, at, low, (2 * reach - 1) * OCCUPANCY_BLOCK);
            continue;
        }
        if (!is_set(o->mask, cell)) {
            w->next += steps_to_leave(w, at, cell, 1);
            continue;
        }
        t[count] = here;
        memcpy(coords + 3 * count, at, sizeof at);
        count++;
        w->next++;
    }
    return count;
}
