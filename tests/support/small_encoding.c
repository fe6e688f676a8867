#include "tests/support/small_encoding.h"

static const double some_b[] = {1.0, 0.5, -2.0, 3.0, 0.25, 1.5, -1.0, 2.0, 0.75};
static const double some_a[] = {1.0, 0.5, 0.25};

#define GRID                                                                                       \
    .n_levels = 2, .n_features_per_level = 2, .log2_hashmap_size = 4, .base_resolution = 2,        \
    .finest_resolution = 5, .aspect = {0.0, 1.0, 0.6}, .interpolation = INTERPOLATION_SMOOTHSTEP

/* [D - 1]: each has the number of inputs of its concat */
#define PARTS(n)                                                                                   \
    {                                                                                              \
        {.type = ENCODING_HASHGRID, .n_inputs = (n), GRID},                                        \
            {.type = ENCODING_GAUSSIAN,                                                            \
             .n_inputs = (n),                                                                      \
             .n_frequencies = 3,                                                                   \
             .sigma = 2.0,                                                                         \
             .trainable = true},                                                                   \
            {.type = ENCODING_NONE, .n_inputs = (n), .input_range = {-1.0, 1.0}},                  \
    }
static const struct encoding_spec parts[LIMIT_DIMS][3] = {PARTS(1), PARTS(2), PARTS(3)};

struct encoding_spec small_encoding(enum encoding_type type, size_t n_inputs)
{
    return (struct encoding_spec){.type = type,
                                  .n_inputs = n_inputs,
                                  .n_frequencies = 3,
                                  .n_octaves = 3,
                                  .sigma = 2.0,
                                  .scale = 2.0,
                                  .input_range = {-1.0, 1.0},
                                  .b = some_b,
                                  .a = some_a,
                                  GRID,
                                  .n_parts = 3,
                                  .parts = parts[n_inputs - 1]};
}

void small_encoding_enlarge_tables(const struct encoding *e, float *params)
{
    for (size_t i = 0; i < encoding_n_table(e); i++)
        params[i] *= 1e4f;
}
