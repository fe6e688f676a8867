/*
 * A field seen by a camera: POST …/render.
 *
 * Pixel (i, j) is looked at through its centre (core/scene/camera.h).  What is seen along a ray is
 * the task's business (api/tasks, open_eye); here rays are made, shared out to the compute pool,
 * and what they see becomes a file.
 *
 * As a PNG, colour and opacity are levels of 255; a normal is (n + 1) / 2 of each axis; depth is
 * grey, from white for the nearest that is seen in the picture to a level of 32 for the farthest,
 * and black where nothing is.  As NPZ all are float32: color and normal [H, W, 3], depth and
 * opacity [H, W].
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/codec/codec_json.h"
#include "api/codec/codec_render.h"
#include "api/codec/codec_spec.h"
#include "api/handlers/evaluation.h"
#include "api/handlers/field_facts.h"
#include "api/handlers/handlers.h"
#include "api/handlers/reply.h"
#include "api/handlers/representation.h"
#include "api/service.h"
#include "api/tasks/tasks.h"
#include "core/base/mem.h"
#include "core/format/npy.h"
#include "core/format/pixels.h"
#include "core/format/png.h"

enum {
    RENDER_VERSION = 1, /* raised when the same question gets other bytes: part of the entity tag */
    FILE_OVERHEAD = 1 << 20,
    NORMAL_POINTS = 6,     /* of the field, that a normal takes beyond the ray's */
    PART_RAYS = 1 << 14,   /* between two looks whether anybody still waits, at most, … */
    PART_POINTS = 1 << 18, /* … and points of the field that they ask for */
    FARTHEST_LEVEL = 32,   /* of a depth in a PNG */
    PILOT_RAYS = 256,      /* that tell what the picture will cost, at most */
};

/* A picture on its way. */
struct scene {
    const struct render *render;
    const struct task_row *row;
    const struct spec *spec;
    const struct field *field;
    float *values[RENDER_N_OUTPUTS]; /* [height, width, channels]; NULL: not asked for; owned */
    size_t first, part;              /* pixel of the part under way; rays of a part */
    size_t n_pilot;                  /* rays all over the picture that are tried; 0: it is made */
    uint64_t n_points;               /* of the field, that those asked for */
};

static void *begin(void *context)
{
    const struct scene *s = context;
    struct eye *eye = NULL;
    if (s->row->open_eye(&eye, s->spec, s->field, s->render->outputs & 1u << RENDER_NORMAL, NULL) !=
        STATUS_OK)
        return NULL;
    return eye;
}

static void put(float *values, size_t i, size_t channels, const float *from)
{
    if (values)
        memcpy(values + i * channels, from, channels * sizeof *values);
}

/* Rays first … first + n - 1 of the pilot: their rows follow one another, their columns are spread
 * by the golden ratio. */
static void try_rays(struct scene *s, struct eye *eye, size_t first, size_t n)
{
    static const double golden = 0.61803398874989485;
    const double width = (double)s->render->width, height = (double)s->render->height;
    struct ray rays[EYE_RAYS] = {0};
    struct sight sights[EYE_RAYS];
    const uint64_t n_before = eye->n_points;
    for (size_t i = 0; i < n; i++) {
        const double k = (double)(first + i) + 0.5;
        rays[i] = camera_ray(&s->render->camera, width * fmod(k * golden, 1.0),
                             height * k / (double)s->n_pilot);
    }
    eye_look(eye, n, rays, sights);
    __atomic_fetch_add(&s->n_points, eye->n_points - n_before, __ATOMIC_RELAXED);
}

static void work(void *context, void *own, size_t first, size_t n)
{
    struct scene *s = context;
    const size_t width = s->render->width;
    struct ray rays[EYE_RAYS] = {0};
    struct sight sights[EYE_RAYS];
    if (s->n_pilot > 0) {
        try_rays(s, own, first, n);
        return;
    }
    first += s->first;
    for (size_t i = 0; i < n; i++) {
        const size_t x = (first + i) % width, y = (first + i) / width;
        rays[i] = camera_ray(&s->render->camera, (double)x + 0.5, (double)y + 0.5);
    }
    eye_look(own, n, rays, sights);
    for (size_t i = 0; i < n; i++) {
        put(s->values[RENDER_COLOR], first + i, 3, sights[i].colour);
        put(s->values[RENDER_DEPTH], first + i, 1, &sights[i].depth);
        put(s->values[RENDER_NORMAL], first + i, 3, sights[i].normal);
        put(s->values[RENDER_OPACITY], first + i, 1, &sights[i].opacity);
    }
}

static void end(void *own)
{
    eye_free(own);
}

/* --- files --- */

/* Levels of an output that is shown: into the place of its floats, which become 0..1. */
static void to_levels(enum render_output output, float *values, size_t n)
{
    float nearest = INFINITY, farthest = 0.0f;
    for (size_t i = 0; i < n && output == RENDER_DEPTH; i++)
        if (values[i] > 0.0f) {
            nearest = fminf(nearest, values[i]);
            farthest = fmaxf(farthest, values[i]);
        }
    const float range = farthest > nearest ? farthest - nearest : 1.0f;
    const float darkest = FARTHEST_LEVEL / 255.0f;
    for (size_t i = 0; i < n; i++) {
        if (output == RENDER_NORMAL)
            values[i] = 0.5f * (values[i] + 1.0f);
        if (output == RENDER_DEPTH && values[i] > 0.0f)
            values[i] = 1.0f - (values[i] - nearest) / range * (1.0f - darkest);
    }
}

static enum status encode_png(const struct scene *s, enum render_output output, struct buffer *body,
                              struct error *err)
{
    const struct render *r = s->render;
    const size_t channels = codec_render_channels(output), n = r->width * r->height * channels;
    uint8_t *pixels = mem_alloc_array(n, 1);
    if (!pixels)
        return error_status(err, STATUS_NO_MEMORY);
    to_levels(output, s->values[output], n);
    pixels_quantize(s->values[output], n, pixels);
    enum status status = png_encode(pixels, r->width, r->height, channels, PNG_FAST, body, err);
    mem_free(pixels);
    return status;
}

static enum status encode(const struct scene *s, struct buffer *body, struct error *err)
{
    struct npz_entry entries[RENDER_N_OUTPUTS];
    size_t n = 0;
    for (size_t o = 0; o < RENDER_N_OUTPUTS; o++) {
        const size_t channels = codec_render_channels((enum render_output)o);
        if (!s->values[o])
            continue;
        if (s->render->format == RENDER_PNG)
            return encode_png(s, (enum render_output)o, body, err);
        entries[n++] = (struct npz_entry){.name = render_output_names[o],
                                          .values = s->values[o],
                                          .n_dims = channels == 1 ? 2 : 3,
                                          .shape = {s->render->height, s->render->width, channels}};
    }
    return npz_encode(entries, n, body, err);
}

/* --- the request --- */

static void make_etag(const struct render *r, const char *sha256, char etag[ETAG_SIZE])
{
    char text[512];
    int n =
        snprintf(text, sizeof text, "render %llu %llu %u %d %.17g", (unsigned long long)r->width,
                 (unsigned long long)r->height, r->outputs, (int)r->format, r->camera.fx);
    for (int i = 0; i < 12; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, " %.17g", r->camera.c2w[i / 4][i % 4]);
    reply_make_etag(etag, sha256, RENDER_VERSION, text);
}

static bool read_body_or_reply(const struct service *service, const struct http_request *request,
                               struct http_response *response, struct render *out)
{
    struct problem_list problems = {0};
    json_t *body = NULL;
    enum status status = codec_json_parse_object(request->body, request->body_size,
                                                 service->config->json_depth, &body, &problems);
    if (status == STATUS_OK)
        status = codec_render_read(body, service->config->render_pixels, out, &problems);
    json_decref(body);
    return status == STATUS_OK || reply_problems(request, response, &problems);
}

/* What the field's job says of it, and the task that can show it. */
static enum status read_spec(const struct field_entry *entry, struct spec *spec,
                             const struct task_row **row, struct error *err)
{
    struct spec_facts facts;
    enum status status = codec_spec_summary_facts(entry->summary_json, &facts, err);
    if (status == STATUS_OK)
        status = codec_spec_read(entry->spec_json, &facts, spec, err);
    if (status != STATUS_OK)
        return status;
    *row = tasks_of(spec->task);
    if ((*row)->open_eye)
        return STATUS_OK;
    return error_set(err, STATUS_UNSUPPORTED, "",
                     "a field of task '%s' has nothing that a camera could see", (*row)->name);
}

static enum status make_room(struct scene *s, struct error *err)
{
    const size_t n = s->render->width * s->render->height;
    for (size_t o = 0; o < RENDER_N_OUTPUTS; o++) {
        if (!(s->render->outputs & 1u << o))
            continue;
        s->values[o] = mem_alloc_floats(n * codec_render_channels((enum render_output)o));
        if (!s->values[o])
            return error_status(err, STATUS_NO_MEMORY);
    }
    return STATUS_OK;
}

static enum status look(struct scene *s, const struct service *service,
                        const struct http_request *request, const struct compute_craft *craft,
                        struct error *err)
{
    const size_t n = s->render->width * s->render->height;
    enum status status = STATUS_OK;
    for (; status == STATUS_OK && s->first < n; s->first += s->part) {
        const size_t left = n - s->first;
        const struct compute_request part = {.field = s->field,
                                             .n_points = left < s->part ? left : s->part,
                                             .craft = craft,
                                             .context = s};
        if (n > s->part && http_peer_is_gone(request))
            status = error_set(err, STATUS_CANCELED, "", "the client is gone");
        else
            status = compute_run(service->compute, &part, err);
    }
    return status;
}

/* Points of the field that a ray asks for, as some all over the picture do. */
static enum status try_some(struct scene *s, const struct service *service,
                            const struct compute_craft *craft, double *points_of_ray,
                            struct error *err)
{
    const size_t n = s->render->width * s->render->height;
    s->n_pilot = n / 4 + 1 < PILOT_RAYS ? n / 4 + 1 : PILOT_RAYS;
    const struct compute_request pilot = {
        .field = s->field, .n_points = s->n_pilot, .craft = craft, .context = s};
    const enum status status = compute_run(service->compute, &pilot, err);
    *points_of_ray = (double)s->n_points / (double)s->n_pilot;
    s->n_pilot = 0;
    return status;
}

/* What rays usually ask for says little of fields that are fog, or of surfaces that are only just
 * missed: where a hundred times as much would be too long, some rays are tried first. */
static enum status begin_look(struct scene *s, const struct service *service,
                              const struct http_request *request, const struct field_entry *entry,
                              const struct compute_craft *craft, bool *has_place, struct error *err)
{
    enum { FAR_MORE = 100 };
    const double n = (double)s->render->width * (double)s->render->height;
    double ray = craft->item_points;
    struct evaluation cost = {.entry = entry, .use = FIELD_VALUES, .n_points = (size_t)(n * ray)};
    struct evaluation more = cost;
    more.n_points *= FAR_MORE;
    enum status status = evaluation_check(&cost, service, err);
    if (status == STATUS_OK && evaluation_check(&more, service, NULL) == STATUS_OK) {
        status = evaluation_begin(&cost, service, has_place, err);
    } else if (status == STATUS_OK) {
        status = http_peer_is_gone(request)
                     ? error_set(err, STATUS_CANCELED, "", "the client is gone")
                     : evaluation_take_place(service, has_place, err);
        if (status == STATUS_OK)
            status = try_some(s, service, craft, &ray, err);
        cost.n_points = (size_t)(n * ray);
        if (status == STATUS_OK)
            status = evaluation_check(&cost, service, err);
    }
    s->part = ray * PART_RAYS < PART_POINTS ? PART_RAYS : (size_t)(PART_POINTS / ray) + 1;
    return status;
}

static enum status render(struct scene *s, const struct service *service,
                          const struct http_request *request, const struct field_entry *entry,
                          struct buffer *body, struct error *err)
{
    const bool has_normals = s->render->outputs & 1u << RENDER_NORMAL;
    const struct compute_craft craft = {
        .item_points = s->row->points_of_ray(s->spec) + (has_normals ? NORMAL_POINTS : 0),
        .n_together = EYE_RAYS,
        .begin = begin,
        .work = work,
        .end = end,
    };
    bool has_place = false;
    enum status status = begin_look(s, service, request, entry, &craft, &has_place, err);
    if (status == STATUS_OK)
        status = make_room(s, err);
    if (status == STATUS_OK)
        status = look(s, service, request, &craft, err);
    evaluation_end(service, has_place);
    return status == STATUS_OK ? encode(s, body, err) : status;
}

static void render_and_reply(const struct service *service, const struct http_request *request,
                             struct http_response *response, const struct field_entry *entry,
                             const struct render *r)
{
    struct error err = {0};
    struct spec spec = {0};
    struct scene scene = {.render = r, .spec = &spec, .field = entry->field};
    struct buffer body;
    buffer_init(&body, FILE_OVERHEAD + 40 * r->width * r->height);
    enum status status = read_spec(entry, &spec, &scene.row, &err);
    if (status == STATUS_OK)
        status = render(&scene, service, request, entry, &body, &err);
    if (status == STATUS_OK) {
        char etag[ETAG_SIZE];
        make_etag(r, entry->weights_sha256, etag);
        representation_send(response, entry, etag,
                            r->format == RENDER_PNG ? "image/png" : "application/x-npz", &body);
    } else {
        reply_error(request, response, &err);
    }
    for (size_t o = 0; o < RENDER_N_OUTPUTS; o++)
        mem_free(scene.values[o]);
    spec_deinit(&spec);
    buffer_deinit(&body);
}

void fields_render(void *context, const struct http_request *request,
                   struct http_response *response)
{
    const struct service *service = context;
    const struct field_entry *entry = NULL;
    struct field_facts facts;
    struct render r;
    char etag[ETAG_SIZE];
    if (!field_facts_or_reply(service, request, response, &facts) ||
        !read_body_or_reply(service, request, response, &r))
        return;
    make_etag(&r, facts.weights_sha256, etag);
    if (representation_not_modified(request, response, &facts, etag))
        return;
    if (!evaluation_field_or_reply(service, request, response, &entry))
        return;
    render_and_reply(service, request, response, entry, &r);
    field_cache_release(service->fields, entry);
}
