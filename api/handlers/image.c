/*
 * A field as a picture: any region at any size.
 *
 * Pixel (i, j) of W x H shows the value at the centre of its part of the region:
 *   x = x0 + (i + 0.5) (x1 - x0) / W,  y = y0 + (j + 0.5) (y1 - y0) / H
 * in double, rounded to float32 once, then as any other point (evaluation.h).
 *
 * Or one number made of the derivatives there, always per source coordinate, whatever the region is
 * named in:
 *   gradient_norm   sqrt(sum over channels c and axes d of (d v_c / d x_d)^2)
 *   laplacian       the Laplacian of the channels' mean
 * Grey levels of such a picture come from a fixed range, not from what is in view: tiles join.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/codec/codec_args.h"
#include "api/handlers/evaluation.h"
#include "api/handlers/field_facts.h"
#include "api/handlers/handlers.h"
#include "api/handlers/pixel_file.h"
#include "api/handlers/reply.h"
#include "api/handlers/representation.h"
#include "api/service.h"

enum image_channel { CHANNEL_VALUE, CHANNEL_GRADIENT_NORM, CHANNEL_LAPLACIAN };
static const char *const channel_names[] = {"value", "gradient_norm", "laplacian", NULL};
static const enum field_use channel_uses[] = {FIELD_VALUES, FIELD_GRADIENTS, FIELD_LAPLACIANS};

/* What is black and what is white, unless the client says. */
static const double channel_ranges[][2] = {{0, 1}, {0, 0.5}, {-0.5, 0.5}};

enum {
    IMAGE_VERSION = 2, /* raised when the same question gets other bytes: part of the entity tag */
};

/* What is asked for, complete. */
struct image_query {
    enum query_frame frame;
    enum pixel_format format;
    enum image_channel channel;
    double range[2]; /* of derivatives: black, white */
    uint64_t width, height;
    double bbox[4]; /* x0, y0, x1, y1 in the frame */
};

static double clip(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* Sizes that were left out: one of them follows from the other and the region's aspect; both follow
 * from the data's own pixels in the region. */
static void fill_size(struct image_query *q, const struct spec_facts *data, uint64_t max_pixels)
{
    double scale_x = q->frame == FRAME_UNIT ? (double)data->width : 1;
    double scale_y = q->frame == FRAME_UNIT ? (double)data->height : 1;
    double w = (q->bbox[2] - q->bbox[0]) * scale_x, h = (q->bbox[3] - q->bbox[1]) * scale_y;
    double width = q->width ? (double)q->width : q->height ? (double)q->height * w / h : w;
    double height = q->height ? (double)q->height : q->width ? (double)q->width * h / w : h;
    q->width = (uint64_t)clip(round(width), 1, (double)max_pixels);
    q->height = (uint64_t)clip(round(height), 1, (double)max_pixels);
}

/* Far outside of any data, far inside of float32. */
static const double number_limit = 1e9;

static void read_bbox(const struct http_request *request, const struct spec_facts *data,
                      struct image_query *q, struct problem_list *problems)
{
    bool is_given = false;
    q->bbox[0] = q->bbox[1] = 0;
    q->bbox[2] = q->frame == FRAME_UNIT ? 1 : (double)data->width;
    q->bbox[3] = q->frame == FRAME_UNIT ? 1 : (double)data->height;
    if (codec_args_numbers(request, "bbox", 4, q->bbox, &is_given, problems) != STATUS_OK ||
        !is_given)
        return;
    for (size_t i = 0; i < 4; i++) {
        if (fabs(q->bbox[i]) > number_limit) {
            problem_add(problems, STATUS_INVALID, "/bbox", "'bbox' must lie within %g of 0",
                        number_limit);
            return;
        }
    }
    if (!(q->bbox[2] > q->bbox[0]) || !(q->bbox[3] > q->bbox[1]))
        problem_add(problems, STATUS_INVALID, "/bbox",
                    "'bbox' must be x0,y0,x1,y1, x1 > x0, y1 > y0");
}

/* The numbers of values, and of files that hold numbers, are shown as they are. */
static void read_range(const struct http_request *request, struct image_query *q,
                       struct problem_list *problems)
{
    bool is_given = false;
    memcpy(q->range, channel_ranges[q->channel], sizeof q->range);
    if (codec_args_numbers(request, "range", 2, q->range, &is_given, problems) != STATUS_OK ||
        !is_given)
        return;
    if (q->channel == CHANNEL_VALUE)
        problem_add(problems, STATUS_INVALID, "/range",
                    "'range' needs channel=gradient_norm or channel=laplacian");
    else if (q->format == PIXEL_NPY)
        problem_add(problems, STATUS_INVALID, "/range",
                    "'range' is for png and jpeg: npy holds the numbers themselves");
    else if (!(q->range[1] > q->range[0]) || fabs(q->range[0]) > number_limit ||
             fabs(q->range[1]) > number_limit)
        problem_add(problems, STATUS_INVALID, "/range",
                    "'range' must be two numbers within %g of 0, the lower first", number_limit);
}

/* v: a version the client made up so that a browser keeps snapshots apart; it changes nothing. */
static bool read_image_query_or_reply(const struct service *service,
                                      const struct http_request *request,
                                      struct http_response *response, const struct spec_facts *data,
                                      struct image_query *q)
{
    static const char *const known[] = {"width",   "height", "bbox", "frame", "format",
                                        "channel", "range",  "v",    NULL};
    uint64_t max = service->config->render_pixels;
    size_t frame = FRAME_SOURCE, format = PIXEL_PNG, channel = CHANNEL_VALUE;
    struct problem_list problems = {0};
    codec_args_known(request, known, &problems);
    codec_args_integer(request, "width", 1, max, &q->width, &problems);
    codec_args_integer(request, "height", 1, max, &q->height, &problems);
    codec_args_name(request, "frame", query_frames, &frame, &problems);
    codec_args_name(request, "format", pixel_format_names, &format, &problems);
    codec_args_name(request, "channel", channel_names, &channel, &problems);
    q->frame = (enum query_frame)frame;
    q->format = (enum pixel_format)format;
    q->channel = (enum image_channel)channel;
    read_range(request, q, &problems);
    read_bbox(request, data, q, &problems);
    if (problems.status != STATUS_OK)
        return reply_problems(request, response, &problems);

    fill_size(q, data, max);
    if (q->width * q->height > max)
        problem_add(&problems, STATUS_INVALID, "/width",
                    "the image must have at most %llu pixels, got %llu x %llu",
                    (unsigned long long)max, (unsigned long long)q->width,
                    (unsigned long long)q->height);
    if (q->format == PIXEL_JPEG && q->channel == CHANNEL_VALUE && data->channels != 1 &&
        data->channels != 3)
        problem_add(&problems, STATUS_UNSUPPORTED, "/format",
                    "JPEG has no alpha channel: ask for png or npy");
    return problems.status == STATUS_OK || reply_problems(request, response, &problems);
}

static void make_image_etag(const struct image_query *q, const char *sha256, char etag[ETAG_SIZE])
{
    char text[384];
    int n = snprintf(text, sizeof(text), "image %s %s %llu %llu %.17g %.17g %.17g %.17g",
                     pixel_format_names[q->format], query_frames[q->frame],
                     (unsigned long long)q->width, (unsigned long long)q->height, q->bbox[0],
                     q->bbox[1], q->bbox[2], q->bbox[3]);
    if (q->channel != CHANNEL_VALUE)
        snprintf(text + n, sizeof(text) - (size_t)n, " %s %.17g %.17g", channel_names[q->channel],
                 q->range[0], q->range[1]);
    reply_make_etag(etag, sha256, IMAGE_VERSION, text);
}

/* --- rendering --- */

/* A picture that is being rendered: of C channels, or of 1 for derivatives. */
struct picture {
    const struct image_query *query;
    size_t n_outputs; /* C of the field */
    struct pixel_file file;
};

static void pixel_points(const void *context, size_t first, size_t n, float *coords)
{
    const struct image_query *q = ((const struct picture *)context)->query;
    double step_x = (q->bbox[2] - q->bbox[0]) / (double)q->width;
    double step_y = (q->bbox[3] - q->bbox[1]) / (double)q->height;
    for (size_t k = 0; k < n; k++) {
        size_t i = (first + k) % q->width, j = (first + k) / q->width;
        coords[2 * k] = (float)(q->bbox[0] + ((double)i + 0.5) * step_x);
        coords[2 * k + 1] = (float)(q->bbox[1] + ((double)j + 0.5) * step_y);
    }
}

static void take_pixels(void *context, size_t first, size_t n, const struct field_outputs *out)
{
    const struct picture *p = context;
    pixel_file_put(&p->file, first, n, out->values);
}

/* The one number of point i. */
static double derivative_of(const struct picture *p, size_t i, const struct field_outputs *out)
{
    const size_t n_outputs = p->n_outputs;
    double sum = 0;
    if (p->query->channel == CHANNEL_LAPLACIAN) {
        for (size_t c = 0; c < n_outputs; c++)
            sum += (double)out->laplacian[i * n_outputs + c];
        return sum / (double)n_outputs;
    }
    for (size_t k = i * n_outputs * 2; k < (i + 1) * n_outputs * 2; k++)
        sum += (double)out->gradient[k] * (double)out->gradient[k];
    return sqrt(sum);
}

static void take_derivatives(void *context, size_t first, size_t n, const struct field_outputs *out)
{
    const struct picture *p = context;
    const double low = p->query->range[0], high = p->query->range[1];
    for (size_t i = 0; i < n; i++) {
        const double number = derivative_of(p, i, out);
        const float shown = (float)(p->file.pixels ? (number - low) / (high - low) : number);
        pixel_file_put(&p->file, first + i, 1, &shown);
    }
}

/* What was rendered belongs to the weights that entry holds, which may be newer than those the
 * request was first looked at with: the entity tag is theirs. */
static void render(const struct service *service, const struct http_request *request,
                   struct http_response *response, const struct field_entry *entry,
                   const struct image_query *q)
{
    struct error err = {0};
    struct buffer body;
    const bool is_value = q->channel == CHANNEL_VALUE;
    const size_t n_outputs = field_n_outputs(entry->field);
    struct picture picture = {
        .query = q,
        .n_outputs = n_outputs,
        .file = {.format = q->format,
                 .width = q->width,
                 .height = q->height,
                 .channels = is_value ? n_outputs : 1},
    };
    const struct evaluation e = {
        .entry = entry,
        .frame = q->frame,
        .use = channel_uses[q->channel],
        .derivative_frame = FRAME_SOURCE,
        .for_bytes = is_value && q->format != PIXEL_NPY,
        .n_points = q->width * q->height,
        .points = pixel_points,
        .take = is_value ? take_pixels : take_derivatives,
        .context = &picture,
    };
    buffer_init(&body, pixel_file_max(&picture.file));
    bool has_place;
    enum status st = evaluation_begin(&e, service, &has_place, &err);
    if (st == STATUS_OK)
        st = pixel_file_begin(&picture.file, &body, &err);
    if (st == STATUS_OK)
        st = evaluation_run(&e, service, request, &err);
    evaluation_end(service, has_place);
    if (st == STATUS_OK)
        st = pixel_file_end(&picture.file, &body, &err);
    if (st == STATUS_OK) {
        char etag[ETAG_SIZE];
        make_image_etag(q, entry->weights_sha256, etag);
        representation_send(response, entry, etag, pixel_format_types[q->format], &body);
    } else {
        reply_error(request, response, &err);
    }
    buffer_deinit(&body);
    pixel_file_deinit(&picture.file);
}

/* Not every field has a Laplacian. */
static bool has_channel_or_reply(const struct http_request *request, struct http_response *response,
                                 const struct field *f, enum image_channel channel)
{
    struct problem_list problems = {0};
    struct error err = {0};
    if (channel != CHANNEL_LAPLACIAN || field_check_laplacian(f, &err) == STATUS_OK)
        return true;
    problem_add_error(&problems, "/channel", &err);
    return reply_problems(request, response, &problems);
}

static bool is_flat_or_reply(const struct http_request *request, struct http_response *response,
                             const struct spec_facts *data)
{
    struct error err = {0};
    if (data->n_dims == 2)
        return true;
    error_set(&err, STATUS_UNSUPPORTED, "", "the field has %zu dimensions, an image shows two",
              data->n_dims);
    return reply_error(request, response, &err);
}

void fields_image(void *context, const struct http_request *request, struct http_response *response)
{
    const struct service *service = context;
    const struct field_entry *entry = NULL;
    struct field_facts facts;
    struct image_query query = {0};
    char etag[ETAG_SIZE];
    if (!field_facts_or_reply(service, request, response, &facts) ||
        !is_flat_or_reply(request, response, &facts.data) ||
        !read_image_query_or_reply(service, request, response, &facts.data, &query))
        return;
    make_image_etag(&query, facts.weights_sha256, etag);
    if (representation_not_modified(request, response, &facts, etag))
        return;
    if (!evaluation_field_or_reply(service, request, response, &entry))
        return;
    if (has_channel_or_reply(request, response, entry->field, query.channel))
        render(service, request, response, entry, &query);
    field_cache_release(service->fields, entry);
}
