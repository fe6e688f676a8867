/*
 * A field of three dimensions as a volume of any size: NIfTI in the data's own numbers and
 * millimetres, NPY in the field's values.
 *
 * Voxel (i, j, k) of W x H x D is at ((i + 0.5) / W, (j + 0.5) / H, (k + 0.5) / D) of the domain:
 * its source coordinates are rounded to float32 once and asked for as any other point
 * (evaluation.h), and the affine map that the file has leads to the same place.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/codec/codec_args.h"
#include "api/handlers/evaluation.h"
#include "api/handlers/field_facts.h"
#include "api/handlers/handlers.h"
#include "api/handlers/reply.h"
#include "api/handlers/representation.h"
#include "api/handlers/space.h"
#include "api/service.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/nifti.h"
#include "core/format/npy.h"

enum volume_format { VOLUME_NIFTI, VOLUME_NPY };
static const char *const format_names[] = {"nii.gz", "npy", NULL};
static const char *const format_types[] = {"application/gzip", "application/x-npy"};

enum {
    VOLUME_VERSION = 2, /* raised when the same question gets other bytes: part of the entity tag */
    FILE_OVERHEAD = 1 << 20,
    MAX_NIFTI_SIDE = 32767,
};

/* What is asked for, complete. */
struct volume_query {
    enum volume_format format;
    size_t width, height, depth;
    double source_from_unit[3][4];
};

static bool read_volume_query_or_reply(const struct service *service,
                                       const struct http_request *request,
                                       struct http_response *response,
                                       const struct spec_facts *data, struct volume_query *q)
{
    static const char *const known[] = {"shape", "format", "v", NULL};
    const double max = (double)service->config->render_pixels;
    double shape[3] = {(double)data->depth, (double)data->height, (double)data->width};
    size_t format = VOLUME_NIFTI;
    struct problem_list problems = {0};
    codec_args_known(request, known, &problems);
    codec_args_name(request, "format", format_names, &format, &problems);
    q->format = (enum volume_format)format;
    if (codec_args_numbers(request, "shape", 3, shape, NULL, &problems) == STATUS_OK) {
        const double most = q->format == VOLUME_NIFTI ? MAX_NIFTI_SIDE : max;
        bool ok = shape[0] * shape[1] * shape[2] <= max;
        for (size_t i = 0; i < 3; i++)
            ok = ok && shape[i] >= 1.0 && shape[i] <= most && shape[i] == floor(shape[i]);
        if (!ok)
            problem_add(&problems, STATUS_INVALID, "/shape",
                        "'shape' must be D,H,W: whole numbers from 1 on, at most %.0f voxels "
                        "together%s",
                        max, q->format == VOLUME_NIFTI ? ", of NIfTI 32767 along an axis" : "");
    }
    if (q->format == VOLUME_NIFTI && data->channels > LIMIT_CHANNELS)
        problem_add(&problems, STATUS_UNSUPPORTED, "/format",
                    "NIfTI has at most %d channels here: ask for npy", LIMIT_CHANNELS);
    if (problems.status != STATUS_OK)
        return reply_problems(request, response, &problems);
    q->depth = (size_t)shape[0];
    q->height = (size_t)shape[1];
    q->width = (size_t)shape[2];
    memcpy(q->source_from_unit, data->source_from_unit, sizeof q->source_from_unit);
    return true;
}

static void make_volume_etag(const struct volume_query *q, const char *sha256, char etag[ETAG_SIZE])
{
    char text[128];
    snprintf(text, sizeof text, "volume %s %zu %zu %zu", format_names[q->format], q->depth,
             q->height, q->width);
    reply_make_etag(etag, sha256, VOLUME_VERSION, text);
}

/* --- sampling --- */

struct sampling {
    const struct volume_query *query;
    size_t channels;
    float *values;   /* [D, H, W, C], for NIfTI; owned */
    uint8_t *floats; /* the same, for NPY: a place in the body */
};

static void voxel_points(const void *context, size_t first, size_t n, float *coords)
{
    const struct volume_query *q = ((const struct sampling *)context)->query;
    for (size_t k = 0; k < n; k++) {
        const size_t voxel = first + k, row = voxel / q->width, layer = row / q->height;
        const double unit[3] = {((double)(voxel - row * q->width) + 0.5) / (double)q->width,
                                ((double)(row - layer * q->height) + 0.5) / (double)q->height,
                                ((double)layer + 0.5) / (double)q->depth};
        space_put_point(FRAME_SOURCE, q->source_from_unit, unit, coords + 3 * k);
    }
}

static void take_values(void *context, size_t first, size_t n, const struct field_outputs *out)
{
    const struct sampling *s = context;
    uint8_t *floats = s->floats ? s->floats : (uint8_t *)s->values;
    memcpy(floats + first * s->channels * sizeof(float), out->values,
           n * s->channels * sizeof(float));
}

static enum status make_room(struct sampling *s, struct buffer *body, struct error *err)
{
    const struct volume_query *q = s->query;
    const size_t shape[4] = {q->depth, q->height, q->width, s->channels};
    const size_t n = shape[0] * shape[1] * shape[2] * shape[3];
    if (q->format == VOLUME_NIFTI) {
        s->values = mem_alloc_floats(n);
        return s->values ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
    }
    enum status st = npy_encode_header(shape, s->channels == 1 ? 3 : 4, body, err);
    return st == STATUS_OK ? buffer_extend(body, n * sizeof(float), &s->floats, err) : st;
}

/* Millimetres from the indices of the new voxels. */
static void make_affine(const struct volume_query *q, double affine[3][4])
{
    const double size[3] = {(double)q->width, (double)q->height, (double)q->depth};
    for (size_t r = 0; r < 3; r++) {
        affine[r][3] = q->source_from_unit[r][3];
        for (size_t c = 0; c < 3; c++) {
            affine[r][c] = q->source_from_unit[r][c] / size[c];
            affine[r][3] += 0.5 * affine[r][c];
        }
    }
}

static enum status encode_nifti(const struct sampling *s, const struct spec_facts *data,
                                struct buffer *body, struct error *err)
{
    const struct volume_query *q = s->query;
    double affine[3][4];
    make_affine(q, affine);
    const struct nifti_shape shape = {.width = q->width,
                                      .height = q->height,
                                      .depth = q->depth,
                                      .channels = s->channels,
                                      .affine = affine};
    return nifti_encode(&shape, s->values, data->value_low, data->value_high, NULL, body, err);
}

/* The entity tag is that of the weights that entry holds, which may be newer than those the request
 * was first looked at with. */
static void sample(const struct service *service, const struct http_request *request,
                   struct http_response *response, const struct field_entry *entry,
                   const struct volume_query *q, const struct spec_facts *data)
{
    struct error err = {0};
    struct buffer body;
    struct sampling sampling = {.query = q, .channels = field_n_outputs(entry->field)};
    const struct evaluation e = {
        .entry = entry,
        .frame = FRAME_SOURCE,
        .use = FIELD_VALUES,
        .n_points = q->width * q->height * q->depth,
        .points = voxel_points,
        .take = take_values,
        .context = &sampling,
    };
    buffer_init(&body, FILE_OVERHEAD + 2 * e.n_points * sampling.channels * sizeof(float));
    bool has_place = false;
    enum status st =
        evaluation_check_numbers(&e, (double)sampling.channels, LIMIT_ANSWER_NUMBERS, &err);
    if (st == STATUS_OK)
        st = evaluation_begin(&e, service, &has_place, &err);
    if (st == STATUS_OK)
        st = make_room(&sampling, &body, &err);
    if (st == STATUS_OK)
        st = evaluation_run(&e, service, request, &err);
    evaluation_end(service, has_place);
    if (st == STATUS_OK && sampling.values)
        st = encode_nifti(&sampling, data, &body, &err);
    if (st == STATUS_OK) {
        char etag[ETAG_SIZE];
        make_volume_etag(q, entry->weights_sha256, etag);
        representation_send_file(request, response, entry, etag, format_types[q->format],
                                 format_names[q->format], &body);
    } else {
        reply_error(request, response, &err);
    }
    buffer_deinit(&body);
    mem_free(sampling.values);
}

void fields_volume(void *context, const struct http_request *request,
                   struct http_response *response)
{
    const struct service *service = context;
    const struct field_entry *entry = NULL;
    struct field_facts facts;
    struct volume_query query = {0};
    char etag[ETAG_SIZE];
    if (!field_facts_or_reply(service, request, response, &facts) ||
        !space_or_reply(request, response, &facts.data) ||
        !read_volume_query_or_reply(service, request, response, &facts.data, &query))
        return;
    make_volume_etag(&query, facts.weights_sha256, etag);
    if (representation_not_modified(request, response, &facts, etag))
        return;
    if (!evaluation_field_or_reply(service, request, response, &entry))
        return;
    sample(service, request, response, entry, &query, &facts.data);
    field_cache_release(service->fields, entry);
}
