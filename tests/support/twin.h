/*
 * The twin: encoding -> network -> output -> loss in double, forward and backward, by naive loops
 * written from the formulas alone.  It shares no code with core/nn but the specs that describe a
 * field, so that a mistake would have to be made twice.
 *
 *   h_0 = gamma(x) (tests/support/twin_encoding.h);  h_l = act(W_l h_{l-1} + b_l);
 *   raw = W_L h_{L-1} + b_L;  value = out(raw)
 *
 * Letters: N points, D inputs, F features, K inputs and M outputs of a layer, C outputs of the
 * network.  Parameters are one block of doubles, as files see them: the encoding's, then W [M, K]
 * and b [M] of each layer.
 */
#ifndef TESTS_SUPPORT_TWIN_H
#define TESTS_SUPPORT_TWIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/limits.h"
#include "core/nn/loss.h"
#include "core/nn/mlp.h"
#include "tests/support/twin_encoding.h"

struct twin_layer {
    size_t n_inputs, n_outputs; /* K, M */
    size_t weight, bias;        /* places in the block */
};

struct twin {
    struct twin_encoding encoding;
    struct mlp_spec network;
    size_t n_layers;
    struct twin_layer layer[LIMIT_HIDDEN_LAYERS + 1];
    size_t n_params;
    double *params;
};

/* Zero parameters for an encoding and a network; ends the test when out of memory.  network's
 * n_inputs is ignored. */
void twin_init(struct twin *t, const struct encoding_spec *encoding,
               const struct mlp_spec *network);
void twin_deinit(struct twin *t);

/* features: [n, F]; raw, values: [n, C]; each may be NULL.  x: [n, D]. */
void twin_forward(const struct twin *t, size_t n, const double *x, double *features, double *raw,
                  double *values);

double twin_loss(const struct twin *t, enum loss loss, size_t n, const double *x,
                 const double *targets);

/* Gradients of twin_loss: d_params [n_params] and d_x [n, D], both overwritten. */
void twin_backward(const struct twin *t, enum loss loss, size_t n, const double *x,
                   const double *targets, double *d_params, double *d_x);

/* The same by differences: slope of the loss along *number (a parameter or coordinate of x, which
 * is left as it was), by the five-point rule with this step.  *same_side becomes false if any relu
 * or the difference of a value and its target changed sides on the way, or a point its cell of a
 * grid. */
double twin_difference(const struct twin *t, enum loss loss, size_t n, const double *x,
                       const double *targets, double *number, double step, bool *same_side);

/* The least distance of any relu's input to its kink, of any coordinate to the edge of a cell (in
 * cells), and of any value to its target, over all points. */
double twin_margin(const struct twin *t, size_t n, const double *x, const double *targets);

#endif
