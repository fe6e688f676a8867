/*
 * Volume files made byte by byte, in either byte order, for tests of their decoders.
 */
#ifndef TESTS_SUPPORT_VOLUME_FILES_H
#define TESTS_SUPPORT_VOLUME_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"
#include "core/format/number.h"

/* Write a number as files have it; value is one of the type's.  Returns its bytes. */
size_t put_number(uint8_t *at, enum number_type type, bool big_endian, double value);

enum { NIFTI_DATA = 352 }; /* where the data of nifti_make begins */

/* A header of NIfTI-1 with these dimensions (size [n_dims]) and no affine, its end and n zero bytes
 * of data: the caller sets the rest with put_number. */
void nifti_make(struct buffer *out, bool big_endian, int datatype, size_t n_dims,
                const size_t *size, size_t n_data);

/* The code and the type of each datatype that can be read. */
struct nifti_datatype {
    int code;
    enum number_type type;
};
enum { N_NIFTI_DATATYPES = 10 };
extern const struct nifti_datatype nifti_datatypes[N_NIFTI_DATATYPES];

/* A new file of NIFTI_RAMP_N numbers, the i-th (x fastest) of them first + i * step. */
enum {
    NIFTI_RAMP_X = 3,
    NIFTI_RAMP_Y = 2,
    NIFTI_RAMP_Z = 4,
    NIFTI_RAMP_N = NIFTI_RAMP_X * NIFTI_RAMP_Y * NIFTI_RAMP_Z,
};
void nifti_ramp(struct buffer *file, bool big_endian, struct nifti_datatype t, double first,
                double step);

/* The bytes as one gzip member, appended. */
void gzip_append(struct buffer *out, const uint8_t *bytes, size_t n);

#endif
