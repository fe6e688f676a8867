/*
 * A picture field as tiles of 256 x 256 pixels, for viewers that zoom: XYZ and Deep Zoom.
 *
 * Both are pyramids whose level k shows side / 2^k source pixels in a pixel, from the picture's
 * first corner on:
 *   XYZ         side = max(W, H),              zoom z is level z + 8: the longer side is 2^z tiles
 *   Deep Zoom   side = 2^ceil(log2 max(W, H)), its level is the level
 * A level has ceil(W 2^k / side) x ceil(H 2^k / side) pixels, of which those at the end may be cut
 * (picture.h).  What a level of Deep Zoom shows does not depend on how many levels a descriptor
 * promises: tiles need not be told its scale.
 *
 * A pixel that covers more than one of the data is the mean of S x S samples: S is their number
 * along its side rounded up, or as many as make a Mi samples of a tile (4 x 4 where it is full),
 * the same all over a level.  Others are the value at their centre.  All places are whole multiples
 * of powers of two, exact in double, so a tile whose S is 1 has the bytes of
 * /v1/fields/{id}/image over its box.
 *
 * Past level 23 float32 coordinates do not tell all neighbours apart, and at level 32 a tile at the
 * far end of the picture is one point: that is the deepest.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/codec/codec_args.h"
#include "api/handlers/handlers.h"
#include "api/handlers/picture.h"
#include "api/handlers/reply.h"

enum {
    TILE_LEVEL = 8, /* of the pyramid, that is one tile wide */
    TILE = 1 << TILE_LEVEL,
    DEEPEST_LEVEL = 32,
    MOST_SAMPLES = 1 << 20, /* of a tile: a twentieth of a second of a grid */
    DZI_OVERLAP = 1,        /* pixels of its neighbours that a tile has */
    DZI_SCALE = 16,         /* times the data's size, unless the client says */
    DZI_MOST_SCALE = 4096,
    DZI_VERSION = 1, /* raised when the same question gets other bytes */
    DZI_MAX_BYTES = 1024,
};

/* A level of a pyramid over a picture. */
struct level {
    uint64_t side, number;
    uint64_t width, height; /* pixels */
};

static uint64_t divide_up(uint64_t a, uint64_t b)
{
    return (a + b - 1) / b;
}

static struct level level_of(const struct spec_facts *data, uint64_t side, uint64_t number)
{
    return (struct level){.side = side,
                          .number = number,
                          .width = divide_up((uint64_t)data->width << number, side),
                          .height = divide_up((uint64_t)data->height << number, side)};
}

static uint64_t longer_side(const struct spec_facts *data)
{
    return data->width > data->height ? data->width : data->height;
}

/* The level of Deep Zoom that has the data's own pixels. */
static uint64_t own_level(const struct spec_facts *data)
{
    uint64_t level = 0;
    while ((uint64_t)1 << level < longer_side(data))
        level++;
    return level;
}

/* Pixels first … end - 1 of a tile along an axis of n pixels. */
struct range {
    uint64_t first, end;
};

static struct range range_of(uint64_t tile, uint64_t n, uint64_t overlap)
{
    const uint64_t end = (tile + 1) * TILE + overlap;
    return (struct range){.first = tile > 0 ? tile * TILE - overlap : 0, .end = end < n ? end : n};
}

/* S, for pixels that are so wide. */
static uint64_t count_samples(const struct level *level, double step)
{
    const double width = fmin((double)level->width, TILE);
    const double height = fmin((double)level->height, TILE);
    return (uint64_t)fmin(ceil(step), floor(sqrt(MOST_SAMPLES / (width * height))));
}

/* The part of the picture that a tile shows. */
static void cut(struct picture *p, const struct spec_facts *data, const struct level *level,
                struct range x, struct range y)
{
    const double step = ldexp((double)level->side, -(int)level->number);
    p->width = x.end - x.first;
    p->height = y.end - y.first;
    p->bbox[0] = (double)x.first * step;
    p->bbox[1] = (double)y.first * step;
    p->bbox[2] = (double)x.end * step;
    p->bbox[3] = (double)y.end * step;
    p->end[0] = (double)data->width;
    p->end[1] = (double)data->height;
    p->n_samples = count_samples(level, step);
}

/* --- arguments --- */

static bool begin_or_reply(const struct service *service, const struct http_request *request,
                           struct http_response *response, struct field_facts *facts)
{
    return field_facts_or_reply(service, request, response, facts) &&
           picture_is_flat_or_reply(request, response, &facts->data);
}

/* v: as of an image (image.c). */
static void read_xyz_query(const struct http_request *request, struct picture *p,
                           struct problem_list *problems)
{
    static const char *const known[] = {"channel", "range", "v", NULL};
    codec_args_known(request, known, problems);
    picture_read_channel(request, p, problems);
}

/* The descriptor's query is that of tiles, too: some clients carry it along. */
static void read_dzi_query(const struct http_request *request, const struct spec_facts *data,
                           struct picture *p, uint64_t *scale, struct problem_list *problems)
{
    static const char *const known[] = {"channel", "range", "scale", "v", NULL};
    const uint64_t deepest = (uint64_t)1 << (DEEPEST_LEVEL - own_level(data));
    const uint64_t most = deepest < DZI_MOST_SCALE ? deepest : DZI_MOST_SCALE;
    *scale = DZI_SCALE < most ? DZI_SCALE : most;
    codec_args_known(request, known, problems);
    picture_read_channel(request, p, problems);
    codec_args_integer(request, "scale", 1, most, scale, problems);
    if ((*scale & (*scale - 1)) != 0)
        problem_add(problems, STATUS_INVALID, "/scale",
                    "'scale' must be a power of two in 1..%llu, got %llu", (unsigned long long)most,
                    (unsigned long long)*scale);
}

/* Column and row of a tile that is there.  names: of both. */
static void read_tile(const char *const names[2], const char *const texts[2],
                      const struct level *level, uint64_t out[2], struct problem_list *problems)
{
    const uint64_t n_pixels[2] = {level->width, level->height};
    for (size_t i = 0; i < 2; i++)
        codec_args_place(names[i], texts[i], divide_up(n_pixels[i], TILE) - 1, &out[i], problems);
}

/* --- XYZ --- */

/* What is beside the picture is transparent, in tiles that reach over its end. */
void tiles_xyz(void *context, const struct http_request *request, struct http_response *response)
{
    static const char *const names[] = {"x", "y"};
    const char *const texts[] = {request->params[2], request->params[3]};
    struct field_facts facts;
    struct picture picture = {.format = PIXEL_PNG};
    struct problem_list problems = {0};
    uint64_t z = 0, tile[2] = {0, 0};
    if (!begin_or_reply(context, request, response, &facts))
        return;
    read_xyz_query(request, &picture, &problems);
    codec_args_place("z", request->params[1], DEEPEST_LEVEL - TILE_LEVEL, &z, &problems);
    const struct level level = level_of(&facts.data, longer_side(&facts.data), z + TILE_LEVEL);
    if (problems.status == STATUS_OK)
        read_tile(names, texts, &level, tile, &problems);
    if (problems.status != STATUS_OK) {
        reply_problems(request, response, &problems);
        return;
    }
    cut(&picture, &facts.data, &level, range_of(tile[0], level.width, 0),
        range_of(tile[1], level.height, 0));
    picture.canvas = picture.width < TILE || picture.height < TILE ? TILE : 0;
    picture_reply(context, request, response, &facts, &picture);
}

/* --- Deep Zoom --- */

static enum status write_dzi(const struct spec_facts *data, uint64_t scale, struct buffer *out,
                             struct error *err)
{
    const unsigned long long width = data->width * scale, height = data->height * scale;
    return buffer_printf(out, err,
                         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                         "<Image xmlns=\"http://schemas.microsoft.com/deepzoom/2008\" "
                         "Format=\"png\" Overlap=\"%d\" TileSize=\"%d\">\n"
                         "  <Size Width=\"%llu\" Height=\"%llu\"/>\n"
                         "</Image>\n",
                         DZI_OVERLAP, TILE, width, height);
}

/* Clients ask again each time: another version of the program may cut tiles otherwise. */
static void reply_dzi(const struct http_request *request, struct http_response *response,
                      const struct field_facts *facts, uint64_t scale)
{
    struct error err = {0};
    struct buffer body;
    char etag[ETAG_SIZE], text[64];
    snprintf(text, sizeof text, "dzi %llu", (unsigned long long)scale);
    reply_make_etag(etag, facts->weights_sha256, DZI_VERSION, text);
    if (reply_not_modified(request, response, etag, CACHE_REVALIDATE, 0))
        return;
    buffer_init(&body, DZI_MAX_BYTES);
    if (write_dzi(&facts->data, scale, &body, &err) == STATUS_OK) {
        http_response_take(response, 200, "application/xml", &body);
        reply_tag(response, etag, CACHE_REVALIDATE);
    } else {
        reply_error(request, response, &err);
    }
    buffer_deinit(&body);
}

void tiles_dzi(void *context, const struct http_request *request, struct http_response *response)
{
    struct field_facts facts;
    struct picture picture = {.format = PIXEL_PNG};
    struct problem_list problems = {0};
    uint64_t scale;
    if (!begin_or_reply(context, request, response, &facts))
        return;
    read_dzi_query(request, &facts.data, &picture, &scale, &problems);
    if (problems.status == STATUS_OK)
        reply_dzi(request, response, &facts, scale);
    else
        reply_problems(request, response, &problems);
}

/* A tile's name, "3_1": its column and row. */
static void read_tile_name(const char *name, const struct level *level, uint64_t out[2],
                           struct problem_list *problems)
{
    static const char *const names[] = {"column", "row"};
    char column[32];
    const size_t n = strcspn(name, "_");
    if (name[n] == '\0' || n >= sizeof column) {
        problem_add(problems, STATUS_NOT_FOUND, "/tile",
                    "'tile' must be a column and a row, as 3_1, got \"%.60s\"", name);
        return;
    }
    snprintf(column, sizeof column, "%.*s", (int)n, name);
    read_tile(names, (const char *const[]){column, name + n + 1}, level, out, problems);
}

void tiles_dzi_tile(void *context, const struct http_request *request,
                    struct http_response *response)
{
    struct field_facts facts;
    struct picture picture = {.format = PIXEL_PNG};
    struct problem_list problems = {0};
    uint64_t number = 0, scale, tile[2] = {0, 0};
    if (!begin_or_reply(context, request, response, &facts))
        return;
    read_dzi_query(request, &facts.data, &picture, &scale, &problems);
    codec_args_place("level", request->params[1], DEEPEST_LEVEL, &number, &problems);
    const uint64_t side = (uint64_t)1 << own_level(&facts.data);
    const struct level level = level_of(&facts.data, side, number);
    if (problems.status == STATUS_OK)
        read_tile_name(request->params[2], &level, tile, &problems);
    if (problems.status != STATUS_OK) {
        reply_problems(request, response, &problems);
        return;
    }
    cut(&picture, &facts.data, &level, range_of(tile[0], level.width, DZI_OVERLAP),
        range_of(tile[1], level.height, DZI_OVERLAP));
    picture_reply(context, request, response, &facts, &picture);
}
