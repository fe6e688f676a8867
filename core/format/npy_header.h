/*
 * The header of an NPY file: a Python dict literal, read by a small strict parser.
 * Source: numpy.lib.format.  Used by npy.c and views_npz.c.
 *
 *   magic "\x93NUMPY", major, minor, header length (u16, from version 2 on u32, little endian),
 *   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   blanks, line feed, then the data
 */
#ifndef CORE_FORMAT_NPY_HEADER_H
#define CORE_FORMAT_NPY_HEADER_H

#include "core/format/npy.h"

/* Sets type, big_endian, fortran_order, n_dims and shape of *out; *n_header: where the data begins,
 * <= n_bytes.  Every key once, in any order; nothing else may stand in the header.  INVALID,
 * UNSUPPORTED (types), TOO_LARGE (header, dimensions). */
enum status npy_header_parse(const uint8_t *bytes, size_t n_bytes, struct npy_array *out,
                             size_t *n_header, struct error *err) WARN_UNUSED;

#endif
