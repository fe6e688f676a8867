/*
 * NPY and NPZ: arrays of numbers as NumPy writes them (format versions 1, 2, 3).
 * Source: numpy.lib.format.  Object arrays (pickle) are refused.
 */
#ifndef CORE_FORMAT_NPY_H
#define CORE_FORMAT_NPY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buffer.h"
#include "core/base/data.h"
#include "core/base/limits.h"

enum npy_type {
    NPY_BOOL,
    NPY_U8,
    NPY_U16,
    NPY_U32,
    NPY_U64,
    NPY_I8,
    NPY_I16,
    NPY_I32,
    NPY_I64,
    NPY_F16,
    NPY_F32,
    NPY_F64,
    NPY_C64,
    NPY_C128,
};

/* A view into the bytes it was parsed from. */
struct npy_array {
    enum npy_type type;
    bool big_endian;
    bool fortran_order;
    size_t n_dims;
    size_t shape[LIMIT_NPY_DIMS];
    size_t n_elements;   /* product of the shape; 1 for a scalar */
    const uint8_t *data; /* n_elements of the type's size: checked to be there */
};

/* Parse a file held in memory; out borrows from bytes.  The data must have the length that the
 * shape asks for: bytes too many are refused like bytes too few (numpy would ignore them), since a
 * file that says two things is not to be guessed at.  INVALID (bad magic, header, shape, length),
 * UNSUPPORTED (versions; object, structured, string types), TOO_LARGE (shape, dimensions). */
enum status npy_parse(const uint8_t *bytes, size_t n_bytes, struct npy_array *out,
                      struct error *err) WARN_UNUSED;

/* Element values as float, in C order whatever the file's order: out [n_elements].  Integers are
 * not scaled; complex types are UNSUPPORTED; NaN or Inf (also after narrowing) is INVALID. */
enum status npy_to_floats(const struct npy_array *a, float *out, struct error *err) WARN_UNUSED;

/* The same as double, and as pairs (re, im) of float, out [n_elements, 2], from complex or real
 * types. */
enum status npy_to_doubles(const struct npy_array *a, double *out, struct error *err) WARN_UNUSED;
enum status npy_to_complex(const struct npy_array *a, float *out, struct error *err) WARN_UNUSED;

/* An array [H,W] or [H,W,C] as an image: uint8 and uint16 (and bool) divided by their range, floats
 * as they are, other types UNSUPPORTED. */
enum status npy_decode_image(const uint8_t *bytes, size_t n_bytes, struct image *out,
                             struct error *err) WARN_UNUSED;

/* Look at every value as npy_decode_image does, with the same errors, and keep none. */
enum status npy_check_image(const uint8_t *bytes, size_t n_bytes, struct image_facts *out,
                            struct error *err) WARN_UNUSED;

/* An array [D,H,W] or [D,H,W,C] of real numbers as a volume, and a look at it that keeps nothing.
 * It says nothing of where its voxels lie: source coordinates are voxel indices. */
enum status npy_decode_volume(const uint8_t *bytes, size_t n_bytes, struct volume *out,
                              struct error *err) WARN_UNUSED;
enum status npy_check_volume(const uint8_t *bytes, size_t n_bytes, struct volume_facts *out,
                             struct error *err) WARN_UNUSED;

/* An array [N] or [N,C] of real numbers as a signal: numbers as they are.  TOO_LARGE past
 * LIMIT_SIGNAL_SAMPLES. */
enum status npy_decode_signal(const uint8_t *bytes, size_t n_bytes, struct signal *out,
                              struct error *err) WARN_UNUSED;

/* Append the header of a little-endian float32 array in C order: the caller appends the data. */
enum status npy_encode_header(const size_t *shape, size_t n_dims, struct buffer *out,
                              struct error *err) WARN_UNUSED;

/* Append header and data. */
enum status npy_encode_floats(const float *values, const size_t *shape, size_t n_dims,
                              struct buffer *out, struct error *err) WARN_UNUSED;

/* An NPZ archive held in memory: members are found by name without ".npy" and unpacked one at a
 * time.  Errors of zip_archive_open (core/format/zip_archive.h), and INVALID for two members of one
 * name without ".npy".  bytes are borrowed until npz_close.  One thread at a time. */
struct npz;
enum status npz_open(struct npz **out, const uint8_t *bytes, size_t n_bytes,
                     struct error *err) WARN_UNUSED;
void npz_close(struct npz *z); /* NULL is fine */

size_t npz_n_members(const struct npz *z);
const char *npz_member_name(const struct npz *z, size_t i);

/* Unpack one member and parse it; *storage owns the bytes that out borrows (mem_free).  NOT_FOUND.
 */
enum status npz_read(struct npz *z, const char *name, uint8_t **storage, struct npy_array *out,
                     struct error *err) WARN_UNUSED;

/* Append an NPZ (stored, not deflated) of n >= 1 float32 arrays: same arrays, same bytes. */
struct npz_entry {
    const char *name;
    const float *values;
    size_t n_dims;
    size_t shape[LIMIT_NPY_DIMS];
};
enum status npz_encode(const struct npz_entry *entries, size_t n, struct buffer *out,
                       struct error *err) WARN_UNUSED;

#endif
