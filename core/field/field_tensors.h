/*
 * A parameter block as named tensors: the weights of a field, or anything shaped like them (the
 * moments of an optimizer).
 *
 *   PREFIX + the encoding's tensors (core/nn/encoding.h: "encoding.b" [m, D], "encoding.a" [m],
 *   "encoding.levels.0" [entries, F] …), then "layers.0.weight" [M, K], "layers.0.bias" [M] …
 *
 * A tensor set owns names and numbers; it is an argument for safetensors_encode.
 */
#ifndef CORE_FIELD_FIELD_TENSORS_H
#define CORE_FIELD_FIELD_TENSORS_H

#include "core/base/limits.h"
#include "core/field/field.h"
#include "core/format/safetensors.h"

enum { TENSOR_NAME_SIZE = 56 };

struct tensor_set {
    size_t n;
    struct tensor tensor[LIMIT_TENSORS];
    char name[LIMIT_TENSORS][TENSOR_NAME_SIZE];
    float *owned[LIMIT_TENSORS]; /* NULL where the data is borrowed */
};

/* An empty set; NULL when out of memory. */
struct tensor_set *tensor_set_create(void) WARN_UNUSED;
void tensor_set_free(struct tensor_set *set); /* NULL is fine */

/* Add one row of numbers that is borrowed until the set is freed. */
void tensor_set_add(struct tensor_set *set, const char *name, enum tensor_type type, size_t n,
                    const void *data);

/* Add every tensor of a block [field_n_params].  NO_MEMORY. */
enum status tensor_set_add_block(struct tensor_set *set, const struct field *f, const char *prefix,
                                 const float *block, struct error *err) WARN_UNUSED;

/* Read a block back.  INVALID if a tensor is missing, has another shape or type, or holds a number
 * that is not finite; *block is then in no particular state. */
enum status field_tensors_read(const struct field *f, const char *prefix,
                               const struct safetensors *file, float *block,
                               struct error *err) WARN_UNUSED;

#endif
