/*
 * NRRD: bytes -> volume.  Source: the Teem project's definition of the NRRD file format.
 *
 *   NRRD000n, lines "field: value" and "key:=value" and "# comment", an empty line, then the data,
 *   raw or packed by gzip
 *
 * Read: three axes of space, and one more of at most 4 channels: the one of which `kinds` or `space
 * directions` says that it is none of space, else the first if it is short enough, else the last.
 * Numbers of 8 to 64 bits.  Where voxels lie, in millimetres, right-anterior-superior as in NIfTI:
 * space directions and space origin, turned as `space` says; else the spacings with the first
 * voxel's centre at 0; else nothing.
 *
 * Refused (UNSUPPORTED, with the reason): detached headers (.nhdr, `data file`), other encodings,
 * blocks, fewer or more axes.
 */
#ifndef CORE_FORMAT_NRRD_H
#define CORE_FORMAT_NRRD_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/data.h"

/* Decode a whole file.  The header is held against limits.h and the data against the header before
 * anything is allocated; memory is that of *out.  INVALID, UNSUPPORTED, TOO_LARGE, NO_MEMORY.  The
 * caller owns *out. */
enum status nrrd_decode(const uint8_t *bytes, size_t n_bytes, struct volume *out,
                        struct error *err) WARN_UNUSED;

/* Read a whole file as nrrd_decode does, with the same errors, and keep nothing. */
enum status nrrd_check(const uint8_t *bytes, size_t n_bytes, struct volume_facts *out,
                       struct error *err) WARN_UNUSED;

#endif
