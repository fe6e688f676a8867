/*
 * A region of a picture field in pixels: the one way to /image and to tiles.
 *
 * Pixel i of W along x (y likewise) shows the mean of its S samples, S x S in the plane, at
 *   x = x0 + (i S + k + 0.5) (x1 - x0) / (W S),   k = 0 .. S - 1
 * in double, rounded to float32 once, then as any other point (evaluation.h).  With S = 1 that is
 * the value at the pixel's centre.  A pixel that reaches over the end of the data is cut there, and
 * its samples spread over what is left.
 *
 * Or one number made of the derivatives there, always per source coordinate, whatever the region is
 * named in:
 *   gradient_norm   sqrt(sum over channels c and axes d of (d v_c / d x_d)^2)
 *   laplacian       the Laplacian of the channels' mean
 * Grey levels of such a picture come from a fixed range, not from what is in view: tiles join.
 */
#ifndef API_HANDLERS_PICTURE_H
#define API_HANDLERS_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/codec/codec_query.h"
#include "api/handlers/field_facts.h"
#include "api/handlers/pixel_file.h"
#include "api/problem.h"
#include "api/service.h"

enum picture_channel { PICTURE_VALUE, PICTURE_GRADIENT_NORM, PICTURE_LAPLACIAN };

/* What is asked for, complete. */
struct picture {
    enum query_frame frame;
    enum pixel_format format;
    enum picture_channel channel;
    double range[2]; /* of derivatives: black, white */
    uint64_t width, height;
    double bbox[4];     /* x0, y0, x1, y1 in the frame */
    double end[2];      /* of the data, where pixels are cut: INFINITY for never */
    uint64_t n_samples; /* S, at least 1 */
    uint64_t canvas;    /* pixels of a square in whose corner the picture is put, the rest of it
                           transparent; 0: it fills the file */
};

/* Far outside of any data, far inside of float32. */
extern const double picture_number_limit;

/* The arguments channel and range; format is set. */
void picture_read_channel(const struct http_request *request, struct picture *p,
                          struct problem_list *problems);

/* Fields of other than two dimensions are answered 422. */
bool picture_is_flat_or_reply(const struct http_request *request, struct http_response *response,
                              const struct spec_facts *data);

/* Answer with the picture: 304 where the client has it, else it is made of the field of the
 * request's {id}, whose facts these are. */
void picture_reply(const struct service *service, const struct http_request *request,
                   struct http_response *response, const struct field_facts *facts,
                   const struct picture *p);

#endif
