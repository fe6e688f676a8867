#include "core/task/visit.h"

#include <stdbool.h>

#include "core/base/rng.h"

enum {
    BLOCK = 16,
    BLOCK3 = 8,
    PLACES_AT_ONCE = 256,
};

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

struct visit visit_on_path(const struct lattice *l, uint32_t place)
{
    const uint32_t width = (uint32_t)l->width, height = (uint32_t)l->height;
    const uint64_t strip_size = (uint64_t)BLOCK * width; /* may pass 32 bits: then one strip */
    const uint32_t strip = strip_size > place ? 0 : place / (uint32_t)strip_size;
    const uint32_t in_strip = place - strip * (uint32_t)strip_size;
    const uint32_t rows_left = height - strip * BLOCK;
    const uint32_t n_rows = rows_left < BLOCK ? rows_left : BLOCK;
    const uint32_t block = in_strip / (BLOCK * n_rows);
    const uint32_t in_block = in_strip - block * BLOCK * n_rows;
    const uint32_t columns_left = width - block * BLOCK;
    if (columns_left >= BLOCK)
        return (struct visit){block * BLOCK + in_block % BLOCK, strip * BLOCK + in_block / BLOCK};
    return (struct visit){block * BLOCK + in_block % columns_left,
                          strip * BLOCK + in_block / columns_left};
}

struct visit3 visit3_on_path(const struct lattice3 *l, uint32_t place)
{
    const uint32_t width = (uint32_t)l->width, height = (uint32_t)l->height;
    const uint64_t area = (uint64_t)width * height;
    const uint64_t layer_size = BLOCK3 * area;
    const uint32_t layer = (uint32_t)(place / layer_size);
    const uint32_t n_layers = least((uint32_t)l->depth - layer * BLOCK3, BLOCK3);
    const uint64_t in_layer = place - layer * layer_size;
    const uint64_t strip_size = (uint64_t)n_layers * BLOCK3 * width;
    const uint32_t strip = (uint32_t)(in_layer / strip_size);
    const uint32_t in_strip = (uint32_t)(in_layer - strip * strip_size);
    const uint32_t n_rows = least(height - strip * BLOCK3, BLOCK3);
    const uint32_t block = in_strip / (BLOCK3 * n_rows * n_layers);
    const uint32_t in_block = in_strip - block * BLOCK3 * n_rows * n_layers;
    const uint32_t n_columns = least(width - block * BLOCK3, BLOCK3);
    const uint32_t row = in_block / n_columns;
    return (struct visit3){block * BLOCK3 + in_block % n_columns, strip * BLOCK3 + row % n_rows,
                           layer * BLOCK3 + row / n_rows};
}

static uint32_t greatest_common_divisor(uint32_t a, uint32_t b)
{
    while (b) {
        const uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* A step without common divisor with size, near its golden section: visits spread at once. */
static uint32_t stride_of(uint32_t size)
{
    uint32_t stride = (uint32_t)(0.6180339887498949 * size);
    while (stride > 1 && greatest_common_divisor(stride, size) > 1)
        stride--;
    return stride > 0 ? stride : 1;
}

/* Pieces of n samples for batches of batch_size <= n. */
static void visit_pieces(uint64_t seed, uint64_t step, uint32_t n, uint32_t batch_size,
                         uint32_t first, uint32_t count, uint32_t *places)
{
    const uint32_t shorter = n / batch_size, rest = n % batch_size;
    const uint32_t longest = shorter + (rest > 0);
    const uint64_t epoch = step / longest, round = step % longest;
    /* how far the round is from a piece's first sample, for pieces of both lengths */
    const uint32_t moved[2] = {
        (uint32_t)(round * stride_of(shorter) % shorter),
        rest ? (uint32_t)(round * stride_of(shorter + 1) % (shorter + 1)) : 0,
    };
    /* piece i is [floor(i n / batch_size), floor((i + 1) n / batch_size)) */
    const uint64_t scaled = (uint64_t)first * rest;
    uint32_t begin = first * shorter + (uint32_t)(scaled / batch_size);
    uint32_t part = (uint32_t)(scaled % batch_size);
    for (uint32_t i = 0; i < count; i++) {
        const bool is_longer = (uint64_t)part + rest >= batch_size;
        const uint32_t size = shorter + is_longer;
        const uint64_t chance = rng_hash(seed, RNG_BATCH, epoch, first + i);
        uint32_t at = (uint32_t)(chance * size >> 32) + moved[is_longer];
        at = at >= size ? at - size : at;
        places[i] = begin + at;
        begin += size;
        part = is_longer ? (uint32_t)((uint64_t)part + rest - batch_size) : part + rest;
    }
}

void visit_places(size_t n_samples, uint64_t seed, uint64_t step, size_t batch_size, size_t first,
                  size_t n, uint32_t *places)
{
    const size_t n_whole = batch_size / n_samples * n_samples; /* places that take all in order */
    size_t i = 0;
    for (; i < n && first + i < n_whole; i++)
        places[i] = (uint32_t)((first + i) % n_samples);
    if (i < n)
        visit_pieces(seed, step, (uint32_t)n_samples, (uint32_t)(batch_size - n_whole),
                     (uint32_t)(first + i - n_whole), (uint32_t)(n - i), places + i);
}

void visit_batch(const struct lattice *lattice, uint64_t seed, uint64_t step, size_t batch_size,
                 size_t first, size_t n, struct visit *visits)
{
    uint32_t places[PLACES_AT_ONCE];
    for (size_t i = 0; i < n; i += PLACES_AT_ONCE) {
        const size_t some = n - i < PLACES_AT_ONCE ? n - i : PLACES_AT_ONCE;
        visit_places(lattice->width * lattice->height, seed, step, batch_size, first + i, some,
                     places);
        for (size_t k = 0; k < some; k++)
            visits[i + k] = visit_on_path(lattice, places[k]);
    }
}
