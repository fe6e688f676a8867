/*
 * Grids as the compiler makes them for AVX2: lanes are found in vectors, entries fetched one by
 * one.
 */
#ifdef __x86_64__
#include "core/nn/kernel_grid.h"
#include "core/nn/kernel_rows.h"

const struct kernel_grid grid_avx2 = {grid_forward, grid_scatter};

#endif
