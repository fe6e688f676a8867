/* Kind "shape": OBJ, PLY, STL, OFF. */
#include <math.h>
#include <string.h>

#include "api/kinds/kinds.h"
#include "core/base/limits.h"
#include "core/format/mesh.h"
#include "core/scene/mesh_facts.h"
#include "core/scene/mesh_picture.h"
#include "core/scene/solid.h"

static enum status recognise(const uint8_t *bytes, size_t n, bool is_said, const char **media_type,
                             struct error *err)
{
    (void)is_said;
    (void)err;
    enum mesh_format format;
    *media_type = mesh_recognize(bytes, n, &format) ? mesh_media_type(format) : NULL;
    return STATUS_OK;
}

static enum status decode(const uint8_t *bytes, size_t n, const struct spec *spec, struct data *out,
                          struct error *err)
{
    (void)spec;
    struct data data = {.kind = DATA_SHAPE};
    enum status status = mesh_decode(bytes, n, &data.mesh, err);
    if (status == STATUS_OK)
        *out = data;
    return status;
}

/* --- info --- */

/* Append a sentence to the warnings, which are NULL when out of memory. */
static void warn(json_t **warnings, json_t *sentence)
{
    if (*warnings && json_array_append_new(*warnings, sentence) == 0)
        return;
    json_decref(*warnings);
    *warnings = NULL;
}

static json_t *warnings_of(const struct mesh_facts *f)
{
    json_t *w = json_array();
    if (!f->is_watertight)
        warn(&w, json_sprintf("not watertight: %zu of %zu edges have one triangle, %zu have three "
                              "or more; what is inside is decided by the winding number",
                              f->n_border_edges, f->n_edges, f->n_nonmanifold_edges));
    if (f->n_misoriented_edges > 0)
        warn(&w,
             json_sprintf("at %zu edges two triangles face opposite ways", f->n_misoriented_edges));
    else if (f->is_watertight && f->volume < 0.0)
        warn(&w, json_string("the triangles face inwards: taken as if they faced outwards"));
    if (f->n_degenerate_triangles > 0)
        warn(&w, json_sprintf("triangles of no area: %zu", f->n_degenerate_triangles));
    if (f->n_duplicate_triangles > 0)
        warn(&w, json_sprintf("triangles that are there more than once: %zu",
                              f->n_duplicate_triangles));
    if (f->n_unused_vertices > 0)
        warn(&w, json_sprintf("vertices of no triangle: %zu", f->n_unused_vertices));
    return w;
}

static json_t *info_of(const struct mesh_facts *f, const struct solid_place *place)
{
    const float *low = f->low, *high = f->high;
    return json_pack(
        "{s:I, s:I, s:[f,f,f,f,f,f], s:[f,f,f], s:f, s:b, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:o}",
        "n_vertices", (json_int_t)f->n_vertices, "n_triangles", (json_int_t)f->n_triangles, "bbox",
        (double)low[0], (double)low[1], (double)low[2], (double)high[0], (double)high[1],
        (double)high[2], "centre", place->centre[0], place->centre[1], place->centre[2], "reach",
        place->reach, "watertight", f->is_watertight, "n_edges", (json_int_t)f->n_edges,
        "n_border_edges", (json_int_t)f->n_border_edges, "n_nonmanifold_edges",
        (json_int_t)f->n_nonmanifold_edges, "n_components", (json_int_t)f->n_components, "euler",
        (json_int_t)f->euler, "area", f->area, "volume", f->volume, "warnings", warnings_of(f));
}

static enum status check(const uint8_t *bytes, size_t n, json_t **info, struct error *err)
{
    struct mesh mesh;
    struct mesh_facts facts;
    struct solid_place place;
    enum status status = mesh_decode(bytes, n, &mesh, err);
    if (status != STATUS_OK)
        return status;
    status = mesh_facts_find(&mesh, &facts, err);
    if (status == STATUS_OK)
        status = solid_find(&place, &mesh, err);
    mesh_deinit(&mesh);
    if (status != STATUS_OK)
        return status;
    *info = info_of(&facts, &place);
    return *info ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

static enum status picture(const struct data *data, size_t width, struct image *out,
                           struct error *err)
{
    return mesh_picture(&data->mesh, width, out, err);
}

/* --- facts --- */

/* How many lattice points along the cube's side tell the triangles apart, about: the side over the
 * square root of a triangle's area.  Large triangles are not the whole of what there is to see. */
static size_t side_of(double reach, double area, double n_triangles)
{
    enum { LEAST = 64, MOST = 1024 };
    const double side = 2.0 * reach / sqrt(area / n_triangles);
    return side > LEAST ? (side < MOST ? (size_t)side : MOST) : LEAST;
}

/* What reading takes: arrays that have grown to twice what they hold and are copied, and for STL
 * the table of places. */
static void set_sizes(struct spec_facts *facts, const char *media_type, uint64_t file_bytes,
                      uint64_t n_vertices, uint64_t n_triangles)
{
    enum { SLOTS_PER_VERTEX = 6 };
    facts->data_bytes = 12 * (n_vertices + n_triangles);
    facts->decoding_bytes = file_bytes + 2 * facts->data_bytes;
    if (strcmp(media_type, mesh_media_type(MESH_STL)) == 0)
        facts->decoding_bytes += SLOTS_PER_VERTEX * sizeof(uint32_t) * n_vertices;
}

static bool read_info(const json_t *info, const char *media_type, uint64_t file_bytes,
                      struct spec_facts *out)
{
    const json_int_t n_vertices = json_integer_value(json_object_get(info, "n_vertices"));
    const json_int_t n_triangles = json_integer_value(json_object_get(info, "n_triangles"));
    const json_t *centre = json_object_get(info, "centre"), *bbox = json_object_get(info, "bbox");
    const double reach = json_number_value(json_object_get(info, "reach"));
    const double area = json_number_value(json_object_get(info, "area"));
    if (n_vertices < 3 || n_vertices > LIMIT_VERTICES || n_triangles < 1 ||
        n_triangles > LIMIT_TRIANGLES || !(reach > 0.0) || json_array_size(centre) != 3 ||
        json_array_size(bbox) != 6)
        return false;
    const size_t side = side_of(reach, area, (double)n_triangles);
    struct spec_facts facts = {
        .kind = DATA_SHAPE,
        .n_dims = 3,
        .width = side,
        .height = side,
        .depth = side,
        .channels = 1,
        .units = "units",
        .value_high = 1.0,
        .n_items = (size_t)n_triangles,
    };
    struct solid_place place = {.reach = reach};
    double box_low[3], box_high[3];
    for (size_t d = 0; d < 3; d++) {
        place.centre[d] = json_number_value(json_array_get(centre, d));
        place.low[d] = json_number_value(json_array_get(bbox, d));
        place.high[d] = json_number_value(json_array_get(bbox, 3 + d));
    }
    solid_box(&place, box_low, box_high);
    for (size_t d = 0; d < 3; d++) {
        facts.blank[d][0] = fmax(box_low[d], 0.0);
        facts.blank[d][1] = fmax(1.0 - box_high[d], 0.0);
        facts.source_from_unit[d][d] = 2.0 * reach;
        facts.source_from_unit[d][3] = place.centre[d] - reach;
    }
    set_sizes(&facts, media_type, file_bytes, (uint64_t)n_vertices, (uint64_t)n_triangles);
    *out = facts;
    return true;
}

const struct kind kinds_shape = {
    .kind = DATA_SHAPE,
    .name = "shape",
    .reads = "OBJ, PLY, STL and OFF",
    .recognise = recognise,
    .check = check,
    .decode = decode,
    .picture = picture,
    .read_info = read_info,
};
