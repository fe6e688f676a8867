/*
 * Grids as plain C has them.
 */
#include "core/nn/kernel_grid.h"
#include "core/nn/kernel_rows.h"

const struct kernel_grid grid_portable = {grid_forward, grid_scatter};
