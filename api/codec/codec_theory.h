/*
 * Questions about the theory of a wide network: bodies of POST /v1/ntk and /v1/ntk/regression; and
 * about the kernel that a field has: POST /v1/fields/{id}/ntk.
 *
 *   encoding   as a job's, but that features are normalized where nothing is said, and grids are
 *              unsupported
 *   network    {n_hidden_layers, width, parametrization, sigma_w, sigma_b, bias}
 *   seed       of a Gaussian encoding's frequencies
 */
#ifndef API_CODEC_THEORY_H
#define API_CODEC_THEORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/codec/codec_json.h"
#include "api/codec/codec_query.h"
#include "api/codec/codec_spec.h"
#include "api/codec/codec_spec_tables.h"
#include "core/base/limits.h"
#include "core/field/ntk.h"

/* What every question has.  theory_deinit releases it. */
struct theory {
    struct ntk_network network;
    struct encoding *encoding;
    float *params;         /* its numbers */
    json_t *encoding_json; /* both as they were filled in */
    json_t *network_json;
};
void theory_deinit(struct theory *t);

/* POST /v1/ntk: the kernel of a grid of n points a side with one point, or among given points. */
struct theory_kernel {
    struct theory theory;
    size_t n, n_dims;
    bool has_at;
    double at[LIMIT_DIMS]; /* the one point, [D]; the origin where has_at is false */
    double *points;        /* owned, [n, D]; NULL for a grid */
};

/* The most points of a kernel, of one and of two dimensions, of one whose eigenvalues have to be
 * searched for, and of one whose whole matrix is the answer (1 Mi numbers). */
enum {
    THEORY_MAX_N = 4096,
    THEORY_MAX_PLANE = 512,
    THEORY_MAX_DENSE = 4096,
    THEORY_MAX_MATRIX = 1024,
};

/* POST /v1/ntk/regression.  Arrays are owned; its answer has at most THEORY_MAX_NUMBERS. */
struct theory_regression {
    struct theory theory;
    size_t n_dims, n_channels;
    size_t n_train, n_test, n_times;
    double *train_x, *train_y,
        *train_start; /* [n_train, D or C]; start: f0, zeros where not given */
    double *test_x, *test_start;
    double *times; /* eta t, 0 and up; INFINITY for "infinity" */
};
enum { THEORY_MAX_POINTS = 4096, THEORY_MAX_TIMES = 64, THEORY_MAX_NUMBERS = 1 << 20 };

/* body: an object. */
enum status codec_theory_kernel(json_t *body, struct theory_kernel *out,
                                struct problem_list *problems) WARN_UNUSED;
enum status codec_theory_regression(json_t *body, struct theory_regression *out,
                                    struct problem_list *problems) WARN_UNUSED;
void theory_kernel_deinit(struct theory_kernel *k);
void theory_regression_deinit(struct theory_regression *r);

/* POST /v1/fields/{id}/ntk: points in the frame they are asked in, of a field of D inputs and C
 * outputs. */
struct theory_field {
    enum query_frame frame;
    size_t n, first_output, n_outputs; /* points; the outputs that are summed over */
    bool is_mean;                      /* all of them: the sum is divided by C */
    double *points;                    /* owned, [n, D] */
};
enum { THEORY_MAX_FIELD_POINTS = 512 };
enum status codec_theory_field(json_t *body, size_t n_inputs, size_t n_outputs,
                               struct theory_field *out, struct problem_list *problems) WARN_UNUSED;

/* {kernel [n, n], spectrum [n], condition}, more members to be added.  NULL when out of memory or a
 * number is not finite. */
json_t *codec_theory_matrix(size_t n, const double *kernel, const double *spectrum);

/* The largest over the least in size; null where that is nothing but rounding. */
json_t *codec_theory_condition(size_t n, const double *spectrum);

/* A body's "network", filled in; *complete is the caller's. */
enum status codec_theory_network(json_t *asked, struct ntk_network *out, json_t **complete,
                                 struct problem_list *problems) WARN_UNUSED;

/* Tables of both bodies' members and of the network, for openapi's test. */
extern const struct member_table theory_network_table, theory_kernel_table, theory_regression_table,
    theory_field_table;

/* [n] or [rows, columns] as JSON; NULL when out of memory or a number is not finite. */
json_t *codec_theory_numbers(const double *numbers, size_t n);
json_t *codec_theory_rows(const double *numbers, size_t n_rows, size_t n_columns);

#endif
