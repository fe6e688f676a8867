/*
 * A plane through a field of three dimensions, along the axes of its voxels.
 *
 * The axis that is named is one of source coordinates (millimetres of a patient, say); the plane
 * stands across the voxel axis nearest to it, where the middle of the plane has `pos` along the
 * named axis.  In unit coordinates the two axes are one.  Rows and columns run along the two other
 * voxel axes as in an array [z, y, x]: axis z shows y down and x to the right, axis y shows z and
 * x, axis x shows z and y.  With `orientation` upright each of them is turned so that source
 * coordinates grow to the right and upwards, as a body stands whose head they lead to.
 *
 * Pixel (i, j) of W x H is at ((i + 0.5) / W, (j + 0.5) / H) of the plane.  Its point is computed
 * in double and rounded to float32 once, in the frame that was asked for, then as any other point
 * (evaluation.h).
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
#include "api/handlers/space.h"
#include "api/service.h"
#include "core/base/limits.h"

static const char *const axis_names[] = {"x", "y", "z", NULL};
enum slice_orientation { SLICE_ARRAY, SLICE_UPRIGHT };
static const char *const orientation_names[] = {"array", "upright", NULL};

enum {
    SLICE_VERSION = 2, /* raised when the same question gets other bytes: part of the entity tag */
};

/* What is asked for, complete. */
struct slice_query {
    enum query_frame frame;
    enum pixel_format format;
    size_t across;       /* the voxel axis that the plane stands across */
    size_t column, row;  /* those that columns and rows run along … */
    bool is_mirrored[3]; /* … from their ends on */
    double unit;         /* where it stands, in unit coordinates */
    uint64_t width, height;
    double source_from_unit[3][4];
};

/* Far outside of any data, far inside of float32. */
static const double number_limit = 1e9;

/* Unit coordinate of the plane whose middle has this place along the named axis; NaN: the middle of
 * the domain. */
static void find_plane(const struct spec_facts *data, size_t named, double pos,
                       struct slice_query *q, struct problem_list *problems)
{
    const double(*m)[4] = data->source_from_unit;
    const double slack = 1e-6; /* of the domain: places are rounded by those who ask */
    double ends[2];
    q->unit = 0.5;
    if (isnan(pos))
        return;
    if (q->frame == FRAME_UNIT) {
        ends[0] = 0.0;
        ends[1] = 1.0;
    } else {
        ends[0] = m[named][3];
        for (size_t c = 0; c < 3; c++)
            ends[0] += c == q->across ? 0.0 : 0.5 * m[named][c];
        ends[1] = ends[0] + m[named][q->across];
    }
    q->unit = (pos - ends[0]) / (ends[1] - ends[0]);
    if (!(q->unit >= -slack && q->unit <= 1.0 + slack))
        problem_add(problems, STATUS_INVALID, "/pos", "'pos' must be %.9g..%.9g, got %.9g",
                    fmin(ends[0], ends[1]), fmax(ends[0], ends[1]), pos);
    q->unit = fmin(fmax(q->unit, 0.0), 1.0);
}

/* Sizes that were left out: both from the data's own samples; one from the other and the plane's
 * aspect in source coordinates. */
static void fill_size(struct slice_query *q, const struct spec_facts *data, uint64_t max)
{
    const size_t samples[] = {data->width, data->height, data->depth};
    const double aspect = affine_axis_length(data->source_from_unit, q->row) /
                          affine_axis_length(data->source_from_unit, q->column);
    double width = (double)q->width, height = (double)q->height;
    if (!q->width && !q->height) {
        width = (double)samples[q->column];
        height = (double)samples[q->row];
    } else if (!q->width) {
        width = round(height / aspect);
    } else if (!q->height) {
        height = round(width * aspect);
    }
    q->width = (uint64_t)fmin(fmax(width, 1.0), (double)max);
    q->height = (uint64_t)fmin(fmax(height, 1.0), (double)max);
}

static bool read_slice_query_or_reply(const struct service *service,
                                      const struct http_request *request,
                                      struct http_response *response, const struct spec_facts *data,
                                      struct slice_query *q)
{
    static const char *const known[] = {"axis",   "pos",         "width", "height", "frame",
                                        "format", "orientation", "v",     NULL};
    const uint64_t max = service->config->render_pixels;
    size_t frame = FRAME_SOURCE, format = PIXEL_PNG, axis = 2, orientation = SLICE_ARRAY;
    double pos = NAN; /* not given */
    struct problem_list problems = {0};
    codec_args_known(request, known, &problems);
    codec_args_name(request, "axis", axis_names, &axis, &problems);
    codec_args_number(request, "pos", -number_limit, number_limit, &pos, &problems);
    codec_args_integer(request, "width", 1, max, &q->width, &problems);
    codec_args_integer(request, "height", 1, max, &q->height, &problems);
    codec_args_name(request, "frame", query_frames, &frame, &problems);
    codec_args_name(request, "format", pixel_format_names, &format, &problems);
    codec_args_name(request, "orientation", orientation_names, &orientation, &problems);
    q->frame = (enum query_frame)frame;
    q->format = (enum pixel_format)format;
    q->across = q->frame == FRAME_UNIT ? axis : affine_nearest_axis(data->source_from_unit, axis);
    q->column = q->across == 0 ? 1 : 0;
    q->row = q->across == 2 ? 1 : 2;
    if (orientation == SLICE_UPRIGHT) {
        q->is_mirrored[q->column] = !affine_leads_up(data->source_from_unit, q->column);
        q->is_mirrored[q->row] = affine_leads_up(data->source_from_unit, q->row);
    }
    memcpy(q->source_from_unit, data->source_from_unit, sizeof q->source_from_unit);
    find_plane(data, axis, pos, q, &problems);
    if (problems.status != STATUS_OK)
        return reply_problems(request, response, &problems);

    fill_size(q, data, max);
    if (q->width * q->height > max)
        problem_add(&problems, STATUS_INVALID, "/width",
                    "the slice must have at most %llu pixels, got %llu x %llu",
                    (unsigned long long)max, (unsigned long long)q->width,
                    (unsigned long long)q->height);
    if (q->format == PIXEL_JPEG && data->channels != 1 && data->channels != 3)
        problem_add(&problems, STATUS_UNSUPPORTED, "/format",
                    "JPEG has no alpha channel: ask for png or npy");
    if (q->format != PIXEL_NPY && data->channels > LIMIT_CHANNELS)
        problem_add(&problems, STATUS_UNSUPPORTED, "/format",
                    "a picture has at most %d channels: ask for npy", LIMIT_CHANNELS);
    return problems.status == STATUS_OK || reply_problems(request, response, &problems);
}

static void make_slice_etag(const struct slice_query *q, const char *sha256, char etag[ETAG_SIZE])
{
    char text[256];
    snprintf(text, sizeof text, "slice %s %s %s %.17g %llu %llu %d %d",
             pixel_format_names[q->format], query_frames[q->frame], axis_names[q->across], q->unit,
             (unsigned long long)q->width, (unsigned long long)q->height, q->is_mirrored[q->column],
             q->is_mirrored[q->row]);
    reply_make_etag(etag, sha256, SLICE_VERSION, text);
}

/* --- rendering --- */

struct slice {
    const struct slice_query *query;
    struct pixel_file file;
};

static void slice_points(const void *context, size_t first, size_t n, float *coords)
{
    const struct slice_query *q = ((const struct slice *)context)->query;
    for (size_t k = 0; k < n; k++) {
        size_t i = (first + k) % q->width, j = (first + k) / q->width;
        double unit[3];
        i = q->is_mirrored[q->column] ? q->width - 1 - i : i;
        j = q->is_mirrored[q->row] ? q->height - 1 - j : j;
        unit[q->across] = q->unit;
        unit[q->column] = ((double)i + 0.5) / (double)q->width;
        unit[q->row] = ((double)j + 0.5) / (double)q->height;
        space_put_point(q->frame, q->source_from_unit, unit, coords + 3 * k);
    }
}

static void take_pixels(void *context, size_t first, size_t n, const struct field_outputs *out)
{
    const struct slice *s = context;
    pixel_file_put(&s->file, first, n, out->values);
}

/* The entity tag is that of the weights that entry holds, which may be newer than those the request
 * was first looked at with. */
static void render(const struct service *service, const struct http_request *request,
                   struct http_response *response, const struct field_entry *entry,
                   const struct slice_query *q)
{
    struct error err = {0};
    struct buffer body;
    struct slice slice = {
        .query = q,
        .file = {.format = q->format,
                 .width = q->width,
                 .height = q->height,
                 .channels = field_n_outputs(entry->field)},
    };
    const struct evaluation e = {
        .entry = entry,
        .frame = q->frame,
        .use = FIELD_VALUES,
        .for_bytes = q->format != PIXEL_NPY,
        .n_points = q->width * q->height,
        .points = slice_points,
        .take = take_pixels,
        .context = &slice,
    };
    buffer_init(&body, pixel_file_max(&slice.file));
    bool has_place = false;
    enum status st =
        evaluation_check_numbers(&e, (double)slice.file.channels, LIMIT_ANSWER_NUMBERS, &err);
    if (st == STATUS_OK)
        st = evaluation_begin(&e, service, &has_place, &err);
    if (st == STATUS_OK)
        st = pixel_file_begin(&slice.file, &body, &err);
    if (st == STATUS_OK)
        st = evaluation_run(&e, service, request, &err);
    evaluation_end(service, has_place);
    if (st == STATUS_OK)
        st = pixel_file_end(&slice.file, &body, &err);
    if (st == STATUS_OK) {
        char etag[ETAG_SIZE];
        make_slice_etag(q, entry->weights_sha256, etag);
        representation_send(response, entry, etag, pixel_format_types[q->format], &body);
    } else {
        reply_error(request, response, &err);
    }
    buffer_deinit(&body);
    pixel_file_deinit(&slice.file);
}

void fields_slice(void *context, const struct http_request *request, struct http_response *response)
{
    const struct service *service = context;
    const struct field_entry *entry = NULL;
    struct field_facts facts;
    struct slice_query query = {0};
    char etag[ETAG_SIZE];
    if (!field_facts_or_reply(service, request, response, &facts) ||
        !space_or_reply(request, response, &facts.data) ||
        !read_slice_query_or_reply(service, request, response, &facts.data, &query))
        return;
    make_slice_etag(&query, facts.weights_sha256, etag);
    if (representation_not_modified(request, response, &facts, etag))
        return;
    if (!evaluation_field_or_reply(service, request, response, &entry))
        return;
    render(service, request, response, entry, &query);
    field_cache_release(service->fields, entry);
}
