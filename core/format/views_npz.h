/*
 * Posed views in an NPZ archive, as tiny-NeRF has them (Mildenhall et al., tiny_nerf_data.npz):
 *
 *   images [n, H, W, 3 or 4]   floats in [0, 1] or uint8, in C order; alpha straight
 *   poses  [n, 4, 4] or [n, 3, 4]   camera to world, along -z, +y up; checked by pose_check
 *   focal  [] or [1], or [n]   pixels; the principal point is the middle of the picture
 *
 * Of 106 views, which tiny_nerf_data.npz has, the last 6 are the test; else all are for training.
 * Other arrays are passed over.
 *
 * Both: INVALID, UNSUPPORTED (other types, images in Fortran order), TOO_LARGE, NO_MEMORY.  Memory
 * beside the result is that of a view's rows, at most a megabyte of them or one.  Any thread.
 */
#ifndef CORE_FORMAT_VIEWS_NPZ_H
#define CORE_FORMAT_VIEWS_NPZ_H

#include <stdbool.h>
#include <stdint.h>

#include "core/format/views_facts.h"

/* *out: does an archive hold arrays, by its members' names?  False for what is no archive that can
 * be read.  NO_MEMORY. */
enum status views_npz_recognize(const uint8_t *bytes, size_t n_bytes, bool *out,
                                struct error *err) WARN_UNUSED;

/* Look at every value and keep none. */
enum status views_npz_check(const uint8_t *bytes, size_t n_bytes, struct views_facts *out,
                            struct error *err) WARN_UNUSED;

/* The caller owns *out (views_deinit). */
enum status views_npz_decode(const uint8_t *bytes, size_t n_bytes,
                             const struct views_options *options, struct views *out,
                             struct error *err) WARN_UNUSED;

#endif
