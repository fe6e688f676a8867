/*
 * Questions to a field and their answers, as JSON, NPY and raw float32.
 *
 * Coordinates become float32 by rounding the number's double once, whatever the format; answers in
 * JSON have nine digits, which give the same float32 back.  So all formats tell the same bits.
 */
#ifndef API_CODEC_QUERY_H
#define API_CODEC_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/problem.h"
#include "core/base/buffer.h"
#include "server/http/http.h"

enum query_frame { FRAME_SOURCE, FRAME_UNIT };
extern const char *const query_frames[]; /* "source", "unit", NULL */

enum query_output { OUTPUT_VALUE = 1, OUTPUT_GRADIENT = 2, OUTPUT_LAPLACIAN = 4 };

struct query {
    enum query_frame frame;
    unsigned outputs;    /* of enum query_output, at least one */
    size_t laplacian_at; /* where "laplacian" stands in a body's "outputs" */
    size_t n_points;
    float *coords; /* [n_points, D], finite; owned */
};
void query_deinit(struct query *q);

/* {"coords": [[x, y], …], "frame": "source", "outputs": ["value"]}.  No JSON value is made for the
 * coordinates, so a million points cost 8 bytes each.  TOO_LARGE past max_points; a point of
 * another length is a problem at "/coords/i". */
enum status codec_query_json(const uint8_t *bytes, size_t n, size_t max_depth, size_t n_dims,
                             size_t max_points, struct query *out,
                             struct problem_list *problems) WARN_UNUSED;

/* An NPY file [N, D] float32 (float64 is rounded); frame and outputs from the arguments. */
enum status codec_query_npy(const struct http_request *r, size_t n_dims, size_t max_points,
                            struct query *out, struct problem_list *problems) WARN_UNUSED;

/* Little-endian float32, D for each point; frame and outputs from the arguments. */
enum status codec_query_raw(const struct http_request *r, size_t n_dims, size_t max_points,
                            struct query *out, struct problem_list *problems) WARN_UNUSED;

/* ?frame= and ?outputs= alone, defaults source and value. */
enum status codec_query_arguments(const struct http_request *r, enum query_frame *frame,
                                  unsigned *outputs, struct problem_list *problems) WARN_UNUSED;

/* {"value": [[…], …], "gradient": [[[…], …], …], "laplacian": [[…], …]}: those that are not NULL.
 */
struct field_outputs;
enum status codec_query_answer(size_t n_points, size_t n_outputs, size_t n_dims,
                               const struct field_outputs *outputs, struct buffer *out,
                               struct error *err) WARN_UNUSED;

/* A decimal of nine digits, which reads back as the same float32 (also minus zero); returns its
 * length.  value is finite. */
enum { FLOAT_TEXT_SIZE = 32 };
size_t codec_float_text(float value, char out[FLOAT_TEXT_SIZE]);

#endif
