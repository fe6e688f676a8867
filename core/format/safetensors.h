/*
 * safetensors: named tensors and a string map in one file.
 * Source: huggingface/safetensors README.  Layout: u64 little-endian header length, a JSON header
 * padded with blanks so that the data is 8-byte aligned, then the data without gaps:
 *
 *   {"__metadata__": {"k": "v"},
 *    "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}
 *
 * Files are treated as hostile: every length, overlap and product is checked before use.
 * We write tensors of large elements first, so that each is aligned to its elements; a file of
 * others that does not do so, or does not pad its header, is UNSUPPORTED, as are other types and
 * more than 3 dimensions.
 */
#ifndef CORE_FORMAT_SAFETENSORS_H
#define CORE_FORMAT_SAFETENSORS_H

#include <stdint.h>

#include "core/base/buffer.h"
#include "core/base/limits.h"

enum tensor_type { TENSOR_F32, TENSOR_F64, TENSOR_I64, TENSOR_U8 };

/* A view: name and data are borrowed. */
struct tensor {
    const char *name;
    enum tensor_type type;
    size_t n_dims; /* 0..3 */
    size_t shape[3];
    const void *data; /* little endian, C order; in a parsed file whose bytes are aligned to 8,
                         aligned to its elements */
};

struct tensor_metadata {
    const char *key;
    const char *value; /* any UTF-8: escaped as JSON asks */
};

/* Append a whole file. */
enum status safetensors_encode(const struct tensor *tensors, size_t n_tensors,
                               const struct tensor_metadata *metadata, size_t n_metadata,
                               struct buffer *out, struct error *err) WARN_UNUSED;

/* A parsed file: owns its names and metadata, borrows the data from the bytes it was parsed from.
 */
struct safetensors;
enum status safetensors_parse(struct safetensors **out, const uint8_t *bytes, size_t n_bytes,
                              struct error *err) WARN_UNUSED;
void safetensors_free(struct safetensors *s);

size_t safetensors_n_tensors(const struct safetensors *s);
const struct tensor *safetensors_tensor(const struct safetensors *s, size_t i);

/* NULL if there is none. */
const struct tensor *safetensors_find(const struct safetensors *s, const char *name);
const char *safetensors_metadata(const struct safetensors *s, const char *key);

/* Bytes of a tensor's data; shapes of a parsed or encodable tensor cannot wrap. */
size_t tensor_bytes(const struct tensor *t);

#endif
