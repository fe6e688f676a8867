/*
 * Posed views in a ZIP archive: transforms.json, or transforms_train.json with transforms_val.json
 * and transforms_test.json, all in one folder of the archive (core/format/transforms.h), and the
 * PNG and JPEG files they name, by paths from that folder.
 *
 * A path may lack its extension: .png, .jpg, .jpeg are tried in this order.  A frame without a
 * picture in the archive is left out, with a warning; a picture that cannot be decoded makes the
 * file INVALID.  A picture of another size than the file says has its intrinsics scaled, with a
 * warning; sizes may differ from view to view.  Views stand in the order of the files' frames,
 * training, validation, test.  Frame and units are those of the file.
 *
 * Both: INVALID, UNSUPPORTED, TOO_LARGE, with the frame or path in the message; NO_MEMORY.  Memory
 * beside the result is that of one picture, packed and unpacked, and of a frame's few hundred bytes
 * each.  Any thread.
 */
#ifndef CORE_FORMAT_VIEWS_ZIP_H
#define CORE_FORMAT_VIEWS_ZIP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/format/views_facts.h"

/* *out: does the directory of an archive name such a file?  False for what is no archive that can
 * be read.  NO_MEMORY. */
enum status views_zip_recognize(const uint8_t *bytes, size_t n_bytes, bool *out,
                                struct error *err) WARN_UNUSED;

/* Look at every picture, one at a time, and keep none. */
enum status views_zip_check(const uint8_t *bytes, size_t n_bytes, struct views_facts *out,
                            struct error *err) WARN_UNUSED;

/* The caller owns *out (views_deinit). */
enum status views_zip_decode(const uint8_t *bytes, size_t n_bytes,
                             const struct views_options *options, struct views *out,
                             struct error *err) WARN_UNUSED;

#endif
