/*
 * The surface of a field as a mesh: where it passes a level, closed, in source units.
 *
 * The lattice spans the part of the domain that the field has learned from, borders included:
 * `resolution` samples along its longest side (in source units), along the others as many as make
 * cells cubes.  Outside of that part a field may be anything.
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
#include "api/handlers/surface.h"
#include "api/service.h"
#include "core/base/mem.h"
#include "core/format/mesh.h"

enum mesh_file { MESH_FILE_GLB, MESH_FILE_PLY };
static const char *const format_names[] = {"glb", "ply", NULL};
static const char *const format_types[] = {"model/gltf-binary", "application/ply"};

enum {
    MESH_VERSION = 2, /* raised when the same question gets other bytes: part of the entity tag */
    DEFAULT_RESOLUTION = 128,
    LEAST_RESOLUTION = 8,
    FILE_OVERHEAD = 1 << 16,
    VERTEX_BYTES = 6 * sizeof(float),
    TRIANGLE_BYTES = 13, /* PLY's; GLB's are 12 */
};

/* What is asked for. */
struct mesh_query {
    enum mesh_file format;
    uint64_t resolution;
    bool has_level; /* else the task's own */
    double level;
};

static bool read_mesh_query_or_reply(const struct service *service,
                                     const struct http_request *request,
                                     struct http_response *response, struct mesh_query *q)
{
    static const char *const known[] = {"resolution", "level", "format", "v", NULL};
    static const double most = 1e30;
    size_t format = MESH_FILE_GLB;
    struct problem_list problems = {0};
    const uint64_t max = service->config->mesh_resolution;
    q->resolution = DEFAULT_RESOLUTION < max ? DEFAULT_RESOLUTION : max;
    codec_args_known(request, known, &problems);
    codec_args_integer(request, "resolution", LEAST_RESOLUTION, max, &q->resolution, &problems);
    codec_args_name(request, "format", format_names, &format, &problems);
    codec_args_number(request, "level", -most, most, &q->level, &problems);
    q->has_level = http_query(request, "level") != NULL;
    q->format = (enum mesh_file)format;
    return problems.status == STATUS_OK || reply_problems(request, response, &problems);
}

static void make_mesh_etag(const struct mesh_query *q, const char *sha256, char etag[ETAG_SIZE])
{
    char text[128];
    int n = snprintf(text, sizeof text, "mesh %s %llu", format_names[q->format],
                     (unsigned long long)q->resolution);
    if (q->has_level)
        snprintf(text + n, sizeof text - (size_t)n, " %.9g", q->level);
    reply_make_etag(etag, sha256, MESH_VERSION, text);
}

/* Samples along the sides of the box, at least LEAST_RESOLUTION. */
static void choose_lattice(const struct mesh_query *q, struct surface_spec *s)
{
    double length[3], longest = 0.0;
    for (size_t c = 0; c < 3; c++) {
        const double(*m)[4] = s->source_from_unit;
        length[c] = sqrt(m[0][c] * m[0][c] + m[1][c] * m[1][c] + m[2][c] * m[2][c]) *
                    (s->high[c] - s->low[c]);
        longest = fmax(longest, length[c]);
    }
    for (size_t c = 0; c < 3; c++) {
        const double n = round(length[c] / longest * (double)(q->resolution - 1)) + 1.0;
        s->n[c] = n > LEAST_RESOLUTION ? (size_t)n : LEAST_RESOLUTION;
    }
}

/* The field's job, and what its task says of surfaces. */
static enum status prepare(const struct field_entry *entry, const struct mesh_query *q,
                           struct spec *spec, struct surface_spec *s, struct error *err)
{
    struct spec_facts facts;
    enum status status = codec_spec_summary_facts(entry->summary_json, &facts, err);
    if (status == STATUS_OK)
        status = codec_spec_read(entry->spec_json, &facts, spec, err);
    if (status != STATUS_OK)
        return status;
    const struct task_row *row = tasks_of(spec->task);
    *s = (struct surface_spec){.entry = entry, .spec = spec, .surface = {.level = 0.5f}};
    if (row->surface)
        row->surface(spec, &s->surface);
    if (q->has_level)
        s->surface.level = (float)q->level;
    memcpy(s->source_from_unit, facts.source_from_unit, sizeof s->source_from_unit);
    memcpy(s->low, spec->low, sizeof s->low);
    memcpy(s->high, spec->high, sizeof s->high);
    choose_lattice(q, s);
    return STATUS_OK;
}

static enum status make_file(const struct mesh_query *q, const struct mesh *m, const float *normals,
                             struct buffer *body, struct error *err)
{
    buffer_init(body,
                FILE_OVERHEAD + m->n_vertices * VERTEX_BYTES + m->n_triangles * TRIANGLE_BYTES);
    return q->format == MESH_FILE_PLY ? mesh_ply_encode(m, normals, body, err)
                                      : mesh_glb_encode(m, normals, body, err);
}

/* The entity tag is that of the weights that entry holds, which may be newer than those the request
 * was first looked at with. */
static void mesh_and_reply(const struct service *service, const struct http_request *request,
                           struct http_response *response, const struct field_entry *entry,
                           const struct mesh_query *q)
{
    struct error err = {0};
    struct spec spec = {0};
    struct surface_spec s;
    struct mesh m = {0};
    struct buffer body = {0};
    float *normals = NULL;
    enum status status = prepare(entry, q, &spec, &s, &err);
    if (status == STATUS_OK)
        status = surface_make(&s, service, request, &m, &normals, &err);
    if (status == STATUS_OK)
        status = make_file(q, &m, normals, &body, &err);
    if (status == STATUS_OK) {
        char etag[ETAG_SIZE];
        make_mesh_etag(q, entry->weights_sha256, etag);
        representation_send_file(request, response, entry, etag, format_types[q->format],
                                 format_names[q->format], &body);
    } else {
        reply_error(request, response, &err);
    }
    buffer_deinit(&body);
    mem_free(normals);
    mesh_deinit(&m);
    spec_deinit(&spec);
}

void fields_mesh(void *context, const struct http_request *request, struct http_response *response)
{
    const struct service *service = context;
    const struct field_entry *entry = NULL;
    struct field_facts facts;
    struct mesh_query query = {0};
    char etag[ETAG_SIZE];
    if (!field_facts_or_reply(service, request, response, &facts) ||
        !space_or_reply(request, response, &facts.data) ||
        !read_mesh_query_or_reply(service, request, response, &query))
        return;
    make_mesh_etag(&query, facts.weights_sha256, etag);
    if (representation_not_modified(request, response, &facts, etag))
        return;
    if (!evaluation_field_or_reply(service, request, response, &entry))
        return;
    mesh_and_reply(service, request, response, entry, &query);
    field_cache_release(service->fields, entry);
}
