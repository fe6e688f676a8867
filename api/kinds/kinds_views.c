/* Kind "views": ZIP of posed pictures, NPZ. */
#include <string.h>

#include "api/kinds/kinds.h"
#include "api/kinds/views_sheet.h"
#include "core/base/limits.h"
#include "core/format/views_npz.h"
#include "core/format/views_zip.h"
#include "core/scene/surroundings.h"

static const char zip_type[] = "application/zip", npz_type[] = "application/x-npz";

/* What a picture of the dataset is made of. */
enum { SHEET_VIEWS = 16, SHEET_SIDE = 512 };

/* An archive that names poses can be nothing else; an NPZ does not tell what its arrays are. */
static enum status recognise(const uint8_t *bytes, size_t n, bool is_said, const char **media_type,
                             struct error *err)
{
    bool is_scene = false, is_npz = false;
    *media_type = NULL;
    if (n < 4 || memcmp(bytes, "PK", 2) != 0)
        return STATUS_OK;
    enum status status = views_zip_recognize(bytes, n, &is_scene, err);
    if (status == STATUS_OK && !is_scene && is_said)
        status = views_npz_recognize(bytes, n, &is_npz, err);
    if (status == STATUS_OK && (is_scene || is_said))
        *media_type = is_npz ? npz_type : zip_type;
    return status;
}

static enum status decode_views(const uint8_t *bytes, size_t n, const struct views_options *options,
                                struct views *out, struct error *err)
{
    const char *type;
    enum status status = recognise(bytes, n, true, &type, err);
    if (status != STATUS_OK)
        return status;
    return type == npz_type ? views_npz_decode(bytes, n, options, out, err)
                            : views_zip_decode(bytes, n, options, out, err);
}

static enum status check_views(const uint8_t *bytes, size_t n, struct views_facts *out,
                               struct error *err)
{
    const char *type;
    enum status status = recognise(bytes, n, true, &type, err);
    if (status != STATUS_OK)
        return status;
    return type == npz_type ? views_npz_check(bytes, n, out, err)
                            : views_zip_check(bytes, n, out, err);
}

static enum status decode(const uint8_t *bytes, size_t n, const struct spec *spec, struct data *out,
                          struct error *err)
{
    const struct views_options asked = {.factor = spec ? spec->measure.views.downscale : 1};
    const struct views_options sheet = {.n_most = SHEET_VIEWS, .max_side = SHEET_SIDE};
    const struct views_options *options = spec ? &asked : &sheet;
    struct data data = {.kind = DATA_VIEWS};
    enum status status = decode_views(bytes, n, options, &data.views, err);
    if (status == STATUS_OK)
        *out = data;
    return status;
}

static enum status picture(const struct data *data, size_t width, struct image *out,
                           struct error *err)
{
    return views_sheet_make(&data->views, width, out, err);
}

/* --- info --- */

/* What is before and behind the cameras: some of the pictures, made small, tell as well as all.
 * Very large ones are not read for it: then only an alpha channel speaks for an object.  Of an NPZ,
 * where pictures are reached through all before them, the first ones have to do. */
static enum status look_around(const uint8_t *bytes, size_t n, const struct views_facts *f,
                               struct surroundings *out, struct error *err)
{
    enum { MOST_BYTES = 128 << 20 /* of one picture while it is read; that are unpacked */ };
    const struct views_options few = {.n_most = 24,
                                      .max_side = 128,
                                      .cameras_only = f->n_largest > MOST_BYTES,
                                      .max_unpacked = MOST_BYTES};
    struct views views = {0};
    enum status status = decode_views(bytes, n, &few, &views, err);
    if (status == STATUS_OK)
        *out = surroundings_of(&views, f->scene.centre, f->scene.half);
    views_deinit(&views);
    return status;
}

static json_t *surroundings_json(const struct surroundings *s)
{
    return json_pack("{s:f, s:f, s:f, s:s}", "distance", s->distance, "near", s->near, "far",
                     s->far, "backdrop", backdrop_name(s->backdrop));
}

/* False if it is none. */
static bool read_surroundings(const json_t *value, struct surroundings *out)
{
    const char *name = json_string_value(json_object_get(value, "backdrop"));
    out->distance = json_number_value(json_object_get(value, "distance"));
    out->near = json_number_value(json_object_get(value, "near"));
    out->far = json_number_value(json_object_get(value, "far"));
    for (int b = 0; name && backdrop_name((enum backdrop)b); b++)
        if (strcmp(backdrop_name((enum backdrop)b), name) == 0) {
            out->backdrop = (enum backdrop)b;
            return out->distance > 0.0 && out->near >= 0.0 && out->far > out->near;
        }
    return false;
}

static json_t *warnings_of(const struct views_facts *f)
{
    json_t *w = json_array();
    for (size_t i = 0; w && i < f->n_warnings; i++)
        if (json_array_append_new(w, json_string(f->warnings[i])) != 0) {
            json_decref(w);
            return NULL;
        }
    return w;
}

static json_t *box_of(const struct views_facts *f)
{
    const double *c = f->scene.centre, half = f->scene.half;
    return json_pack("[f,f,f,f,f,f]", c[0] - half, c[1] - half, c[2] - half, c[0] + half,
                     c[1] + half, c[2] + half);
}

static enum status check(const uint8_t *bytes, size_t n, json_t **info, struct error *err)
{
    struct views_facts f = {0};
    struct surroundings around = {0};
    enum status status = check_views(bytes, n, &f, err);
    if (status == STATUS_OK)
        status = look_around(bytes, n, &f, &around, err);
    if (status != STATUS_OK)
        return status;
    *info = json_pack(
        "{s:[I,I,I,I], s:I, s:{s:I,s:I,s:I}, s:I, s:[I,I], s:[I,I], s:I, s:I, s:I, s:b, s:o, "
        "s:[f,f,f,f,f,f], s:o, s:o}",
        "shape", (json_int_t)f.n_views, (json_int_t)f.height[1], (json_int_t)f.width[1],
        (json_int_t)f.channels, "n_views", (json_int_t)f.n_views, "splits", "train",
        (json_int_t)f.n_of[VIEW_TRAIN], "validation", (json_int_t)f.n_of[VIEW_VALIDATION], "test",
        (json_int_t)f.n_of[VIEW_TEST], "channels", (json_int_t)f.channels, "widths",
        (json_int_t)f.width[0], (json_int_t)f.width[1], "heights", (json_int_t)f.height[0],
        (json_int_t)f.height[1], "n_pixels", (json_int_t)f.n_pixels, "decoded_bytes",
        (json_int_t)f.n_bytes, "largest_bytes", (json_int_t)f.n_largest, "has_distortion",
        f.has_distortion, "bbox", box_of(&f), "cameras_bbox", f.low[0], f.low[1], f.low[2],
        f.high[0], f.high[1], f.high[2], "surroundings", surroundings_json(&around), "warnings",
        warnings_of(&f));
    return *info ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

/* --- facts --- */

/* Of a cube that a picture shows from side to side: as many places along it as pixels. */
static size_t side_of(json_int_t width, json_int_t height)
{
    enum { LEAST = 64, MOST = 1024 };
    const json_int_t side = width > height ? width : height;
    return side < LEAST ? LEAST : side > MOST ? MOST : (size_t)side;
}

static bool read_info(const json_t *info, const char *media_type, uint64_t file_bytes,
                      struct spec_facts *out)
{
    (void)media_type;
    const json_t *shape = json_object_get(info, "shape"), *box = json_object_get(info, "bbox");
    const json_int_t n_bytes = json_integer_value(json_object_get(info, "decoded_bytes"));
    const json_int_t n_largest = json_integer_value(json_object_get(info, "largest_bytes"));
    const json_int_t n_pixels = json_integer_value(json_object_get(info, "n_pixels"));
    json_int_t n[4];
    for (size_t i = 0; i < 4; i++)
        n[i] = json_integer_value(json_array_get(shape, i));
    if (n[0] < 1 || n[0] > LIMIT_VIEWS || n[1] < 1 || n[2] < 1 || n[3] < 3 ||
        n[3] > LIMIT_CHANNELS || n_bytes < 1 || n_largest < 1 || n_pixels < 1)
        return false;
    const size_t side = side_of(n[2], n[1]);
    struct spec_facts facts = {
        .kind = DATA_VIEWS,
        .n_dims = 3,
        .width = side,
        .height = side,
        .depth = side,
        .channels = (size_t)n[3],
        .units = "units",
        .value_high = 1.0,
        .n_items = (size_t)n[0],
        .n_pixels = (uint64_t)n_pixels,
        .data_bytes = (uint64_t)n_bytes,
        .decoding_bytes = file_bytes + (uint64_t)n_largest,
    };
    for (size_t d = 0; d < 3; d++) {
        const double low = json_number_value(json_array_get(box, d));
        const double high = json_number_value(json_array_get(box, d + 3));
        if (!(high > low))
            return false;
        facts.source_from_unit[d][d] = high - low;
        facts.source_from_unit[d][3] = low;
        facts.around.centre[d] = 0.5 * (low + high);
        facts.around.half_side = 0.5 * (high - low);
    }
    if (!read_surroundings(json_object_get(info, "surroundings"), &facts.around))
        return false;
    *out = facts;
    return true;
}

const struct kind kinds_views = {
    .kind = DATA_VIEWS,
    .name = "views",
    .reads = "ZIP of transforms.json and pictures, and NPZ",
    .recognise = recognise,
    .check = check,
    .decode = decode,
    .picture = picture,
    .read_info = read_info,
};
