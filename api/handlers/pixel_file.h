/*
 * Values of a field at the pixels of a picture on their way into a file: each goes into its place
 * as it is to be sent, as eight bits (PNG, JPEG) or as it is (NPY).
 */
#ifndef API_HANDLERS_PIXEL_FILE_H
#define API_HANDLERS_PIXEL_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"

enum pixel_format { PIXEL_PNG, PIXEL_JPEG, PIXEL_NPY };
extern const char *const pixel_format_names[]; /* as clients say them; NULL at the end */
extern const char *const pixel_format_types[]; /* media types */

/* The first four are set by who makes it. */
struct pixel_file {
    enum pixel_format format;
    size_t width, height, channels;
    uint8_t *pixels; /* [height, width, channels], 8 bits, for PNG and JPEG; owned */
    uint8_t *floats; /* the same as floats, for NPY: a place in the body */
};

/* The most bytes of the file. */
size_t pixel_file_max(const struct pixel_file *p);

/* Make room for the pixels: of their own, or in the body.  NO_MEMORY; pixel_file_deinit whatever
 * comes of it. */
enum status pixel_file_begin(struct pixel_file *p, struct buffer *body,
                             struct error *err) WARN_UNUSED;

/* Pixels first … first + n - 1, [n, channels]: on any thread, disjoint ranges. */
void pixel_file_put(const struct pixel_file *p, size_t first, size_t n, const float *values);

/* Set the pixels, of eight bits, into the corner of a larger picture; those that come to it are
 * transparent, by an alpha channel that is added where there is none.  NO_MEMORY. */
enum status pixel_file_widen(struct pixel_file *p, size_t width, size_t height,
                             struct error *err) WARN_UNUSED;

/* The body is the file, once all pixels have been put.  NO_MEMORY. */
enum status pixel_file_end(const struct pixel_file *p, struct buffer *body,
                           struct error *err) WARN_UNUSED;

void pixel_file_deinit(struct pixel_file *p);

#endif
