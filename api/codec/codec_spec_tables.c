#include "api/codec/codec_spec_tables.h"

#include <stddef.h>

#include "api/codec/codec_spec.h"
#include "core/base/limits.h"
#include "core/nn/grid.h"

#define ROWS(table) table, sizeof(table) / sizeof *(table)

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "integers are written as uint64_t");
_Static_assert(sizeof(enum activation) == sizeof(int), "names are written as int");

/* --- encodings: struct encoding_spec --- */

#define AT(member) .offset = offsetof(struct encoding_spec, member)

/* What all Fourier types take. */
#define FOURIER_MEMBERS                                                                            \
    {"normalize", MEMBER_BOOL, AT(normalize), .fallback = "false"},                                \
        {"rotate", MEMBER_BOOL, AT(rotate), .fallback = "false"},                                  \
    {                                                                                              \
        "trainable", MEMBER_BOOL, AT(trainable), .fallback = "false"                               \
    }

static const struct member none_rows[] = {
    {"input_range", MEMBER_NUMBERS, -1000.0, 1000.0, AT(input_range), .count = 2,
     .fallback = "[0.0, 1.0]"},
};
static const struct member basic_rows[] = {FOURIER_MEMBERS};
static const struct member positional_rows[] = {
    {"n_frequencies", MEMBER_INTEGER, 2, LIMIT_FREQUENCIES, AT(n_frequencies), .fallback = "128"},
    {"scale", MEMBER_NUMBER, 0.0, ENCODING_MAX_OCTAVES, AT(scale), .fallback = "6.0",
     .may_be_auto = true},
    FOURIER_MEMBERS,
};
static const struct member octave_rows[] = {
    {"n_octaves", MEMBER_INTEGER, 1, ENCODING_MAX_OCTAVES, AT(n_octaves), .fallback = "8"},
    FOURIER_MEMBERS,
};
static const struct member gaussian_rows[] = {
    {"n_frequencies", MEMBER_INTEGER, 1, LIMIT_FREQUENCIES, AT(n_frequencies), .fallback = "256"},
    {"sigma", MEMBER_NUMBER, 0.0, 10000.0, .is_min_open = true, AT(sigma), .fallback = "10.0",
     .may_be_auto = true},
    FOURIER_MEMBERS,
};
static const struct member explicit_rows[] = {
    {.name = "b", .type = MEMBER_CUSTOM},
    {.name = "a", .type = MEMBER_CUSTOM},
    FOURIER_MEMBERS,
};

static const char *const interpolation_names[] = {"linear", "smoothstep", NULL};
/* base_resolution comes before what is chosen with it. */
#define GRID_LEVELS                                                                                \
    {"n_levels", MEMBER_INTEGER, 1, GRID_MAX_LEVELS, AT(n_levels), .fallback = "16"},              \
    {                                                                                              \
        "n_features_per_level", MEMBER_INTEGER, 1, GRID_MAX_FEATURES, AT(n_features_per_level),    \
            .fallback = "2"                                                                        \
    }
#define GRID_RESOLUTIONS                                                                           \
    {"base_resolution",       MEMBER_INTEGER,      2,                                              \
     ENCODING_MAX_RESOLUTION, AT(base_resolution), .fallback = "16"},                              \
        {"finest_resolution",     MEMBER_NUMBER,         2,                                        \
         ENCODING_MAX_RESOLUTION, AT(finest_resolution), .may_be_auto = true,                      \
         .fallback = "\"auto\""},                                                                  \
        {"per_level_scale",   MEMBER_NUMBER,     1, 16, .is_nullable = true,                       \
         AT(per_level_scale), .fallback = "null"},                                                 \
        {"aspect",                                                                                 \
         MEMBER_NUMBERS,                                                                           \
         0.0,                                                                                      \
         1.0,                                                                                      \
         .is_min_open = true,                                                                      \
         .is_nullable = true,                                                                      \
         .may_be_auto = true,                                                                      \
         AT(aspect),                                                                               \
         .count = LIMIT_DIMS,                                                                      \
         .fallback = "null"},                                                                      \
    {                                                                                              \
        "interpolation", MEMBER_NAME, AT(interpolation), .names = interpolation_names,             \
                                                         .fallback = "\"linear\""                  \
    }
static const struct member hashgrid_rows[] = {
    GRID_LEVELS,
    {"log2_hashmap_size", MEMBER_INTEGER, 4, ENCODING_MAX_HASHMAP, AT(log2_hashmap_size),
     .may_be_auto = true, .fallback = "\"auto\""},
    GRID_RESOLUTIONS,
};
static const struct member densegrid_rows[] = {GRID_LEVELS, GRID_RESOLUTIONS};
static const struct member concat_rows[] = {{.name = "parts", .type = MEMBER_CUSTOM}};

static const struct variant encoding_rows[] = {
    [ENCODING_NONE] = {"none", {ROWS(none_rows)}},
    [ENCODING_BASIC] = {"basic", {ROWS(basic_rows)}},
    [ENCODING_POSITIONAL] = {"positional", {ROWS(positional_rows)}},
    [ENCODING_OCTAVE] = {"octave", {ROWS(octave_rows)}},
    [ENCODING_GAUSSIAN] = {"gaussian", {ROWS(gaussian_rows)}},
    [ENCODING_EXPLICIT] = {"explicit", {ROWS(explicit_rows)}},
    [ENCODING_HASHGRID] = {"hashgrid", {ROWS(hashgrid_rows)}},
    [ENCODING_DENSEGRID] = {"densegrid", {ROWS(densegrid_rows)}},
    [ENCODING_CONCAT] = {"concat", {ROWS(concat_rows)}},
};
const struct variants spec_encodings = {"encoding", ROWS(encoding_rows), false};
#undef AT

/* --- network: struct mlp_spec --- */

#define AT(member) .offset = offsetof(struct mlp_spec, member)

/* Indexed by enum activation; "" cannot be chosen. */
static const char *const hidden_names[] = {"", "relu", "tanh", "sin", NULL};
static const char *const output_names[] = {"linear", "relu", "", "", "sigmoid", NULL};

static const char *const init_names[] = {"default", "fan_in", NULL};

static const struct member network_rows[] = {
    {"n_hidden_layers", MEMBER_INTEGER, 0, LIMIT_HIDDEN_LAYERS, AT(n_hidden_layers)},
    {"width", MEMBER_INTEGER, 1, LIMIT_WIDTH, AT(width)},
    {"activation", MEMBER_NAME, AT(activation), .names = hidden_names},
    {"omega", MEMBER_NUMBER, 0.0, 1000.0, .is_min_open = true, AT(omega), .fallback = "30.0",
     .with = "activation", .with_value = "sin"},
    {"output_activation", MEMBER_NAME, AT(output_activation), .names = output_names},
    {"init", MEMBER_NAME, AT(init), .names = init_names, .fallback = "\"default\""},
};
const struct member_table spec_network_table = {ROWS(network_rows)};
#undef AT

/* --- training: struct spec --- */

#define AT(member) .offset = offsetof(struct spec, member)

static const char *const loss_names[] = {"mse", "bce", "mape", NULL};
static const char *const precision_names[] = {"fp32", "bf16", "auto", NULL};
const char *const spec_holdout_names[] = {"none",  "odd_pixels", "fraction",
                                          "views", "stride",     NULL};

/* Seeds and counts stay exact in every JSON reader: below 2^53. */
#define MAX_SEED 9007199254740991.0

static const struct member train_rows[] = {
    {"steps", MEMBER_INTEGER, 1, LIMIT_STEPS, .is_nullable = true, AT(train.steps)},
    {"batch_size", MEMBER_INTEGER, 1, LIMIT_BATCH, .may_be_auto = true, AT(train.batch_size)},
    {"learning_rate", MEMBER_NUMBER, 0.0, 10.0, .is_min_open = true, AT(train.learning_rate)},
    {.name = "optimizer", .type = MEMBER_CUSTOM},
    {.name = "schedule", .type = MEMBER_CUSTOM},
    {"loss", MEMBER_NAME, AT(loss), .names = loss_names},
    {"precision", MEMBER_NAME, AT(train.precision), .names = precision_names},
    {"seed", MEMBER_INTEGER, 0, MAX_SEED, AT(train.seed)},
    {"holdout", MEMBER_NAME, AT(holdout), .names = spec_holdout_names},
    {"holdout_fraction", MEMBER_NUMBER, 0.0, 1.0, .is_min_open = true, .is_max_open = true,
     AT(holdout_fraction), .fallback = "0.1", .with = "holdout", .with_value = "fraction"},
    {"holdout_stride", MEMBER_INTEGER, 2, LIMIT_SIGNAL_SAMPLES, AT(holdout_stride), .fallback = "2",
     .with = "holdout", .with_value = "stride"},
    {"target_psnr", MEMBER_NUMBER, 0.0, 100.0, .is_min_open = true, .is_nullable = true,
     AT(train.target_psnr)},
    {"time_limit_seconds", MEMBER_NUMBER, 0.0, 30.0 * 86400.0, .is_min_open = true,
     .is_nullable = true, AT(train.time_limit_seconds)},
    {"ema_decay", MEMBER_NUMBER, 0.0, 1.0, .is_max_open = true, AT(train.ema_decay),
     .fallback = "0.0"},
    {"early_stop", MEMBER_INTEGER, 1, 10000, .is_nullable = true, AT(train.early_stop),
     .fallback = "null"},
};
const struct member_table spec_train_table = {ROWS(train_rows)};
#undef AT

/* --- optimizers: struct optimizer_spec (defaults: Kingma and Ba 2015) --- */

#define AT(member) .offset = offsetof(struct optimizer_spec, member)
static const struct member adam_rows[] = {
    {"beta1", MEMBER_NUMBER, 0.0, 1.0, .is_max_open = true, AT(beta1), .fallback = "0.9"},
    {"beta2", MEMBER_NUMBER, 0.0, 1.0, .is_max_open = true, AT(beta2), .fallback = "0.999"},
    {"epsilon", MEMBER_NUMBER, 0.0, 1.0, .is_min_open = true, AT(epsilon), .fallback = "1e-8"},
};
static const struct variant optimizer_rows[] = {
    [OPTIMIZER_ADAM] = {"adam", {ROWS(adam_rows)}},
    [OPTIMIZER_SGD] = {"sgd", {NULL, 0}},
};
const struct variants spec_optimizers = {"optimizer", ROWS(optimizer_rows), true};
#undef AT

/* --- schedules: struct schedule_spec --- */

#define AT(member) .offset = offsetof(struct schedule_spec, member)
#define WARMUP                                                                                     \
    {                                                                                              \
        "warmup_steps", MEMBER_INTEGER, 0, LIMIT_STEPS, AT(warmup_steps), .fallback = "0"          \
    }
static const struct member constant_rows[] = {WARMUP};
static const struct member exponential_rows[] = {
    {"decay_rate", MEMBER_NUMBER, 0.0, 1.0, .is_min_open = true, AT(decay_rate), .fallback = "0.1"},
    {"decay_steps", MEMBER_NUMBER, 0.0, LIMIT_STEPS, .is_min_open = true, AT(decay_steps),
     .fallback = "5000.0"},
    WARMUP,
};
static const struct member cosine_rows[] = {
    {"floor", MEMBER_NUMBER, 0.0, 1.0, AT(floor), .fallback = "0.0"},
    WARMUP,
};
static const struct member hold_rows[] = {
    {"hold", MEMBER_NUMBER, 0.0, 1.0, .is_max_open = true, AT(hold), .fallback = "0.8"},
    {"floor", MEMBER_NUMBER, 0.0, 1.0, AT(floor), .fallback = "0.0"},
    WARMUP,
};
static const struct variant schedule_rows[] = {
    [SCHEDULE_CONSTANT] = {"constant", {ROWS(constant_rows)}},
    [SCHEDULE_EXPONENTIAL] = {"exponential", {ROWS(exponential_rows)}},
    [SCHEDULE_COSINE] = {"cosine", {ROWS(cosine_rows)}},
    [SCHEDULE_HOLD] = {"hold", {ROWS(hold_rows)}},
};
const struct variants spec_schedules = {"schedule", ROWS(schedule_rows), true};
