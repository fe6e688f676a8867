/*
 * Pictures are made in bands of whole rows.  Where a pixel is one sample each value goes straight
 * into the file, and the picture is one band; otherwise a band's samples are kept as floats until
 * all are there, and each pixel is then the mean of its own, summed in one order.
 */
#include "api/handlers/picture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/codec/codec_args.h"
#include "api/handlers/evaluation.h"
#include "api/handlers/reply.h"
#include "api/handlers/representation.h"
#include "core/base/mem.h"

static const char *const channel_names[] = {"value", "gradient_norm", "laplacian", NULL};
static const enum field_use channel_uses[] = {FIELD_VALUES, FIELD_GRADIENTS, FIELD_LAPLACIANS};

/* What is black and what is white, unless the client says. */
static const double channel_ranges[][2] = {{0, 1}, {0, 0.5}, {-0.5, 0.5}};

const double picture_number_limit = 1e9;

enum {
    PICTURE_VERSION = 2, /* raised when the same question gets other bytes: part of the tag */
    BAND_SAMPLES = 1 << 17,
};

/* The numbers of values, and of files that hold numbers, are shown as they are. */
static void read_range(const struct http_request *request, struct picture *p,
                       struct problem_list *problems)
{
    bool is_given = false;
    memcpy(p->range, channel_ranges[p->channel], sizeof p->range);
    if (codec_args_numbers(request, "range", 2, p->range, &is_given, problems) != STATUS_OK ||
        !is_given)
        return;
    if (p->channel == PICTURE_VALUE)
        problem_add(problems, STATUS_INVALID, "/range",
                    "'range' needs channel=gradient_norm or channel=laplacian");
    else if (p->format == PIXEL_NPY)
        problem_add(problems, STATUS_INVALID, "/range",
                    "'range' is for png and jpeg: npy holds the numbers themselves");
    else if (!(p->range[1] > p->range[0]) || fabs(p->range[0]) > picture_number_limit ||
             fabs(p->range[1]) > picture_number_limit)
        problem_add(problems, STATUS_INVALID, "/range",
                    "'range' must be two numbers within %g of 0, the lower first",
                    picture_number_limit);
}

void picture_read_channel(const struct http_request *request, struct picture *p,
                          struct problem_list *problems)
{
    size_t channel = PICTURE_VALUE;
    codec_args_name(request, "channel", channel_names, &channel, problems);
    p->channel = (enum picture_channel)channel;
    read_range(request, p, problems);
}

bool picture_is_flat_or_reply(const struct http_request *request, struct http_response *response,
                              const struct spec_facts *data)
{
    struct error err = {0};
    if (data->n_dims == 2)
        return true;
    error_set(&err, STATUS_UNSUPPORTED, "", "the field has %zu dimensions, an image shows two",
              data->n_dims);
    return reply_error(request, response, &err);
}

static void make_etag(const struct picture *p, const char *sha256, char etag[ETAG_SIZE])
{
    char text[512];
    int n = snprintf(text, sizeof(text), "image %s %s %llu %llu %.17g %.17g %.17g %.17g",
                     pixel_format_names[p->format], query_frames[p->frame],
                     (unsigned long long)p->width, (unsigned long long)p->height, p->bbox[0],
                     p->bbox[1], p->bbox[2], p->bbox[3]);
    if (p->channel != PICTURE_VALUE)
        n += snprintf(text + n, sizeof(text) - (size_t)n, " %s %.17g %.17g",
                      channel_names[p->channel], p->range[0], p->range[1]);
    if (p->n_samples > 1 || p->canvas > 0)
        snprintf(text + n, sizeof(text) - (size_t)n, " %llu %llu %.17g %.17g",
                 (unsigned long long)p->n_samples, (unsigned long long)p->canvas, p->end[0],
                 p->end[1]);
    reply_make_etag(etag, sha256, PICTURE_VERSION, text);
}

/* --- rendering --- */

/* A picture that is being made: of C channels, or of 1 for derivatives. */
struct drawing {
    const struct picture *picture;
    size_t n_outputs;         /* C of the field */
    float *columns, *rows;    /* coordinates of all samples, [W S] and [H S] */
    float *samples;           /* of the band under way, [rows, W S, channels]; NULL where S is 1 */
    size_t first_row, n_rows; /* of samples: of that band */
    struct pixel_file file;
};

/* Coordinates of the samples along an axis. */
static void spread(const struct picture *p, size_t axis, size_t n_pixels, float *out)
{
    const size_t s = p->n_samples;
    const double start = p->bbox[axis], span = p->bbox[axis + 2] - start, end = p->end[axis];
    const double pixel = span / (double)n_pixels, step = span / (double)(n_pixels * s);
    for (size_t i = 0; i < n_pixels * s; i++) {
        const size_t own = i / s; /* pixel */
        const double first = start + (double)own * pixel;
        const double share = ((double)(i % s) + 0.5) / (double)s;
        out[i] = (float)(first + pixel > end ? first + share * (end - first)
                                             : start + ((double)i + 0.5) * step);
    }
}

static void sample_points(const void *context, size_t first, size_t n, float *coords)
{
    const struct drawing *d = context;
    const size_t width = d->picture->width * d->picture->n_samples;
    size_t column = first % width, row = d->first_row + first / width;
    for (size_t k = 0; k < n; k++) {
        coords[2 * k] = d->columns[column];
        coords[2 * k + 1] = d->rows[row];
        if (++column == width) {
            column = 0;
            row++;
        }
    }
}

/* Samples of the band under way, as channels of the file. */
static void put(const struct drawing *d, size_t first, size_t n, const float *values)
{
    const size_t channels = d->file.channels;
    if (d->samples)
        memcpy(d->samples + first * channels, values, n * channels * sizeof *values);
    else
        pixel_file_put(&d->file, first, n, values);
}

static void take_values(void *context, size_t first, size_t n, const struct field_outputs *out)
{
    put(context, first, n, out->values);
}

/* The one number of point i. */
static double derivative_of(const struct drawing *d, size_t i, const struct field_outputs *out)
{
    const size_t n_outputs = d->n_outputs;
    double sum = 0;
    if (d->picture->channel == PICTURE_LAPLACIAN) {
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
    const struct drawing *d = context;
    const double low = d->picture->range[0], high = d->picture->range[1];
    for (size_t i = 0; i < n; i++) {
        const double number = derivative_of(d, i, out);
        const float shown = (float)(d->file.pixels ? (number - low) / (high - low) : number);
        put(d, first + i, 1, &shown);
    }
}

/* Pixels of the band that has been sampled. */
static void average(const struct drawing *d)
{
    const size_t s = d->picture->n_samples, width = d->picture->width;
    const size_t channels = d->file.channels, n_pixels = width * (d->n_rows / s);
    const float share = 1.0f / (float)(s * s);
    for (size_t i = 0; i < n_pixels; i++) {
        const float *corner = d->samples + (i / width * width * s + i % width) * s * channels;
        float mean[MLP_MAX_OUTPUTS] = {0};
        for (size_t k = 0; k < s * s; k++)
            for (size_t c = 0; c < channels; c++)
                mean[c] += corner[(k / s * width * s + k % s) * channels + c];
        for (size_t c = 0; c < channels; c++)
            mean[c] *= share;
        pixel_file_put(&d->file, d->first_row / s * width + i, 1, mean);
    }
}

/* Rows of samples that a band has: of whole pixels. */
static size_t band_rows(const struct picture *p)
{
    const size_t s = p->n_samples, pixel_row = p->width * s * s, n = BAND_SAMPLES / pixel_row;
    const size_t most = s == 1 || n > p->height ? p->height : n;
    return s * (most > 1 ? most : 1);
}

static enum status make_room(struct drawing *d, struct error *err)
{
    const struct picture *p = d->picture;
    const size_t s = p->n_samples;
    d->columns = mem_alloc_floats(p->width * s);
    d->rows = mem_alloc_floats(p->height * s);
    if (s > 1)
        d->samples = mem_alloc_floats(band_rows(p) * p->width * s * d->file.channels);
    if (!d->columns || !d->rows || (s > 1 && !d->samples))
        return error_status(err, STATUS_NO_MEMORY);
    spread(p, 0, p->width, d->columns);
    spread(p, 1, p->height, d->rows);
    return STATUS_OK;
}

/* e: of all samples. */
static enum status draw(struct drawing *d, const struct evaluation *e,
                        const struct service *service, const struct http_request *request,
                        struct error *err)
{
    const struct picture *p = d->picture;
    const size_t n_rows = p->height * p->n_samples, most = band_rows(p);
    enum status status = make_room(d, err);
    for (; status == STATUS_OK && d->first_row < n_rows; d->first_row += most) {
        struct evaluation band = *e;
        d->n_rows = n_rows - d->first_row < most ? n_rows - d->first_row : most;
        band.n_points = d->n_rows * p->width * p->n_samples;
        if (d->first_row > 0 && http_peer_is_gone(request))
            status = error_set(err, STATUS_CANCELED, "", "the client is gone");
        else
            status = evaluation_run(&band, service, request, err);
        if (status == STATUS_OK && d->samples)
            average(d);
    }
    return status;
}

static enum status finish(struct drawing *d, struct buffer *body, struct error *err)
{
    enum status status = STATUS_OK;
    if (d->picture->canvas > 0)
        status = pixel_file_widen(&d->file, d->picture->canvas, d->picture->canvas, err);
    return status == STATUS_OK ? pixel_file_end(&d->file, body, err) : status;
}

/* What was rendered belongs to the weights that entry holds, which may be newer than those the
 * request was first looked at with: the entity tag is theirs. */
static void render(const struct service *service, const struct http_request *request,
                   struct http_response *response, const struct field_entry *entry,
                   const struct picture *p)
{
    struct error err = {0};
    struct buffer body;
    const bool is_value = p->channel == PICTURE_VALUE;
    const size_t n_outputs = field_n_outputs(entry->field);
    struct drawing drawing = {
        .picture = p,
        .n_outputs = n_outputs,
        .file = {.format = p->format,
                 .width = p->width,
                 .height = p->height,
                 .channels = is_value ? n_outputs : 1},
    };
    const struct evaluation e = {
        .entry = entry,
        .frame = p->frame,
        .use = channel_uses[p->channel],
        .derivative_frame = FRAME_SOURCE,
        .for_bytes = is_value && p->format != PIXEL_NPY,
        .n_points = p->width * p->height * p->n_samples * p->n_samples,
        .points = sample_points,
        .take = is_value ? take_values : take_derivatives,
        .context = &drawing,
    };
    buffer_init(&body, pixel_file_max(&drawing.file) + 8 * p->canvas * p->canvas);
    bool has_place;
    enum status st = evaluation_begin(&e, service, &has_place, &err);
    if (st == STATUS_OK)
        st = pixel_file_begin(&drawing.file, &body, &err);
    if (st == STATUS_OK)
        st = draw(&drawing, &e, service, request, &err);
    evaluation_end(service, has_place);
    if (st == STATUS_OK)
        st = finish(&drawing, &body, &err);
    if (st == STATUS_OK) {
        char etag[ETAG_SIZE];
        make_etag(p, entry->weights_sha256, etag);
        representation_send(response, entry, etag, pixel_format_types[p->format], &body);
    } else {
        reply_error(request, response, &err);
    }
    buffer_deinit(&body);
    pixel_file_deinit(&drawing.file);
    mem_free(drawing.columns);
    mem_free(drawing.rows);
    mem_free(drawing.samples);
}

/* Not every field has a Laplacian. */
static bool has_channel_or_reply(const struct http_request *request, struct http_response *response,
                                 const struct field *f, enum picture_channel channel)
{
    struct problem_list problems = {0};
    struct error err = {0};
    if (channel != PICTURE_LAPLACIAN || field_check_laplacian(f, &err) == STATUS_OK)
        return true;
    problem_add_error(&problems, "/channel", &err);
    return reply_problems(request, response, &problems);
}

void picture_reply(const struct service *service, const struct http_request *request,
                   struct http_response *response, const struct field_facts *facts,
                   const struct picture *p)
{
    const struct field_entry *entry = NULL;
    char etag[ETAG_SIZE];
    make_etag(p, facts->weights_sha256, etag);
    if (representation_not_modified(request, response, facts, etag) ||
        !evaluation_field_or_reply(service, request, response, &entry))
        return;
    if (has_channel_or_reply(request, response, entry->field, p->channel))
        render(service, request, response, entry, p);
    field_cache_release(service->fields, entry);
}
