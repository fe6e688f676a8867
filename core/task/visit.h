/*
 * The order in which the samples of a lattice are visited.
 *
 * Samples lie along a path: through the lattice in strips of 16 rows, each strip in blocks of 16
 * columns, each block row by row.  Neighbours on the path are mostly neighbours in the lattice. The
 * path is cut into as many pieces as a batch has places, and each place of a batch takes one sample
 * of its piece.  So a batch covers the lattice evenly (its gradient has less noise than that of
 * samples drawn freely), and its points come in an order in which a grid's entries and the samples
 * are still in the cache from the point before.
 *
 * In each epoch, of as many batches as the longest piece has samples, a place takes every sample of
 * its piece, none twice but one where its piece is a sample shorter than others; in which order is
 * the seed's.  A batch larger than the lattice holds all samples as often as it can, and the rest
 * in that way.
 */
#ifndef CORE_TASK_VISIT_H
#define CORE_TASK_VISIT_H

#include <stddef.h>
#include <stdint.h>

/* Samples [height, width], at least one, at most 2^32 - 1. */
struct lattice {
    size_t width, height;
};

struct visit {
    uint32_t x, y;
};

/* The sample at a place of the path, 0 … width * height - 1. */
struct visit visit_on_path(const struct lattice *lattice, uint32_t place);

/* The same of three dimensions: through the lattice in layers of 8, each in strips of 8 rows, each
 * strip in blocks of 8 columns, each block row by row and layer by layer. */
struct lattice3 {
    size_t width, height, depth;
};

struct visit3 {
    uint32_t x, y, z;
};

struct visit3 visit3_on_path(const struct lattice3 *lattice, uint32_t place);

/* Which places of a path of n_samples the places first … first + n - 1 of the batch of `step` (from
 * 0) take: a function of the arguments alone, however a batch is cut. */
void visit_places(size_t n_samples, uint64_t seed, uint64_t step, size_t batch_size, size_t first,
                  size_t n, uint32_t *places);

/* The samples at these places. */
void visit_batch(const struct lattice *lattice, uint64_t seed, uint64_t step, size_t batch_size,
                 size_t first, size_t n, struct visit *visits);

#endif
