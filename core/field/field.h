/*
 * A field: coordinates -> values.  Encoding, network and output activation over a domain.
 *
 *   value(x) = out(mlp(gamma(x))),   x in unit coordinates
 *
 * Letters: N points, D inputs, C outputs, P floats of the parameter block
 *   [encoding's b and a][network's layers], laid out and padded as those headers say.
 *
 * A trained field is const and shared by any number of threads, each with a workspace of its own.
 * While it trains, the trainer alone writes its parameters. A value depends on the point and the
 * parameters alone: not on batch, neighbours, threads or workspace.
 */
#ifndef CORE_FIELD_FIELD_H
#define CORE_FIELD_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"
#include "core/base/parallel.h"
#include "core/base/status.h"
#include "core/field/domain.h"
#include "core/nn/encoding.h"
#include "core/nn/mlp.h"
#include "core/nn/optimizer.h"

struct kernel;

/* network.n_inputs is set by field_create from the encoding. */
struct field_spec {
    struct encoding_spec encoding;
    struct mlp_spec network;
    struct domain domain;
    double
        length; /* values are lengths: source units of a value of 1; 0: they are something else */
    size_t n_mask; /* bytes of the field's mask; 0: it has none */
};

struct field;

/* A field with zero parameters.  kernel: as kernel_find gives; borrowed for ever (rows are static).
 * INVALID with a place below "/encoding" or "/network". */
enum status field_create(struct field **out, const struct field_spec *spec,
                         const struct kernel *kernel, struct error *err) WARN_UNUSED;
void field_free(struct field *f);

/* Draw the initial parameters from the seed. */
void field_init(struct field *f, const struct field_spec *spec, uint64_t seed);

size_t field_n_inputs(const struct field *f);
size_t field_n_outputs(const struct field *f);
const struct domain *field_domain(const struct field *f);
const struct encoding *field_encoding(const struct field *f);
const struct mlp *field_mlp(const struct field *f);
const struct kernel *field_kernel(const struct field *f);
float field_length(const struct field *f); /* of its spec */

/* Numbers that are learned, as people count them (no padding; b and a only if trainable). */
size_t field_n_parameters(const struct field *f);

/* Estimates from a spec alone, a little high.  Bytes of memory of a field that one thread queries
 * for values; of one that n_threads train, evaluating now and then, without the task's data; and
 * what comes to that while its checkpoint is written with its weights at hand.  SIZE_MAX for a spec
 * that field_create refuses. */
size_t field_query_bytes(const struct field_spec *spec);
size_t field_train_bytes(const struct field_spec *spec, enum precision precision,
                         enum optimizer_type optimizer, size_t batch_size, size_t n_threads);
size_t field_save_bytes(const struct field_spec *spec, enum optimizer_type optimizer);

/* Bytes of one more block shaped like the parameters, kept and written to a checkpoint. */
size_t field_block_bytes(const struct field_spec *spec);

/* Floating-point operations (two for each multiply-add) of one point forward. */
double field_query_flops(const struct field *f);

/* The block, [field_n_params]: the encoding's part, encoding_n_params floats, then the network's.
 * Training changes the tables, the first encoding_n_table of them, and the part [*first, *first +
 * *count) behind. */
size_t field_n_params(const struct field *f);
float *field_params(struct field *f);
const float *field_params_const(const struct field *f);
void field_trainable_range(const struct field *f, size_t *first, size_t *count);

/* Change the parameters for those in a block [field_n_params], which gets the field's. */
void field_swap_params(struct field *f, float *block);

/* The mask, [field_n_mask] bytes that are not learned: where in the domain a renderer has to look
 * (core/scene/occupancy.h).  All bits are set until someone knows better.  NULL: none. */
size_t field_n_mask(const struct field *f);
uint8_t *field_mask(struct field *f);
const uint8_t *field_mask_const(const struct field *f);

/* --- queries --- */

/* What is asked for, and scratch memory for it: of one thread, made once. */
enum field_use {
    FIELD_VALUES,
    FIELD_GRADIENTS, /* values and first derivatives */
    FIELD_LAPLACIANS /* these and the Laplacian: field_check_laplacian is OK */
};
struct field_workspace;
enum status field_workspace_create(struct field_workspace **out, const struct field *f,
                                   enum field_use use, struct error *err) WARN_UNUSED;
void field_workspace_free(struct field_workspace *w);

/* What a point costs, in passes forward of the network: 1, 1 + D, 2 + D. */
size_t field_n_passes(const struct field *f, enum field_use use);

/* values: [n, C] at unit coordinates [n, D].  Any n.  The workspace was made for FIELD_VALUES. */
void field_query(const struct field *f, struct field_workspace *w, size_t n, const float *unit,
                 float *values);

/* Values in bf16x2 (core/nn/mlp.h), for kernels that have bf16: the network's weights split into
 * sums of two bfloat16, one block (mem_free) for all threads while the parameters do not change, or
 * NULL when out of memory; its words; and a workspace whose field_query uses it, borrowed. */
uint32_t *field_split(const struct field *f);
size_t field_n_split(const struct field *f);
enum status field_workspace_create_split(struct field_workspace **out, const struct field *f,
                                         const uint32_t *split, struct error *err) WARN_UNUSED;

/* How far values in bf16x2 are from those in fp32: the largest difference at 1,024 points scattered
 * over the unit domain, the same for every field; NaN where one is not a number.  NO_MEMORY. */
enum status field_split_error(const struct field *f, const uint32_t *split, float *out,
                              struct error *err) WARN_UNUSED;

/* UNSUPPORTED, with the reason and no place, for a field that has no Laplacian worth its name: relu
 * takes part, or the encoding has no second derivative. */
enum status field_check_laplacian(const struct field *f, struct error *err) WARN_UNUSED;

/* Where derivatives go.  Any may be NULL: not wanted. */
struct field_outputs {
    float *values;    /* [n, C]: those of field_query, bit for bit */
    float *gradient;  /* [n, C, D]: d value_c / d t_d */
    float *laplacian; /* [n, C]: sum over d of d^2 value_c / d t_d^2; only of FIELD_LAPLACIANS */
};

/* Derivatives at unit coordinates [n, D] by forward mode (core/nn/mlp_jet.h), along t: the source
 * coordinates, or else the unit coordinates themselves.  Any n; a point's numbers depend on that
 * point alone, and a gradient is the same with and without the Laplacian.  The workspace was made
 * for FIELD_GRADIENTS or FIELD_LAPLACIANS. */
void field_derivatives(const struct field *f, struct field_workspace *w, size_t n,
                       const float *unit, bool in_source, const struct field_outputs *out);

/* What was computed at n points, in place: values that are lengths (signed distances), and with
 * them their derivatives, become those of source units.  Others stay as they are. */
void field_outputs_to_source(const struct field *f, size_t n, const struct field_outputs *out);

/* --- files --- */

/* Append the field as safetensors: the encoding's tensors (core/nn/encoding.h) as "encoding.b",
 * "encoding.a", "encoding.levels.0" …, then "layers.0.weight" [M, K], "layers.0.bias" [M], …, and
 * the mask, if there is one, as "mask" U8 [n].  metadata: what the caller wants kept beside them.
 */
struct tensor_metadata;
enum status field_save(const struct field *f, const struct tensor_metadata *metadata,
                       size_t n_metadata, struct buffer *out, struct error *err) WARN_UNUSED;

/* Read the parameters back; tensors of other names are ignored.  INVALID if a tensor is missing,
 * has another shape or type, or is not finite: the field is then as it was. */
enum status field_load(struct field *f, const uint8_t *bytes, size_t n_bytes,
                       struct error *err) WARN_UNUSED;

#endif
