/*
 * A header of text says what follows: elements (vertex, face, others), each so many times the same
 * properties, each a number or a list of numbers.  Values are read one by one as doubles, which
 * hold every type exactly; two readers, of words and of bytes, stand behind one function.
 */
#include "core/format/mesh.h"

#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/mesh_builder.h"
#include "core/format/text.h"

enum { MAX_ELEMENTS = 32, MAX_PROPERTIES = 256, MAX_NAME = 32 };

enum ply_type { PLY_I8, PLY_U8, PLY_I16, PLY_U16, PLY_I32, PLY_U32, PLY_F32, PLY_F64, PLY_NONE };
static const size_t type_size[] = {1, 1, 2, 2, 4, 4, 4, 8, 0};
static const char *const type_name[][2] = {
    {"char", "int8"}, {"uchar", "uint8"}, {"short", "int16"},   {"ushort", "uint16"},
    {"int", "int32"}, {"uint", "uint32"}, {"float", "float32"}, {"double", "float64"},
};

/* What a property is to us. */
enum role { ROLE_NONE, ROLE_X, ROLE_Y, ROLE_Z, ROLE_CORNERS };

struct property {
    enum ply_type type;
    enum ply_type count_type; /* of a list; PLY_NONE for a number */
    enum role role;
};

struct element {
    char name[MAX_NAME];
    size_t n;
    size_t first_property, n_properties;
};

enum encoding { PLY_TEXT, PLY_LITTLE, PLY_BIG };

struct reader {
    enum encoding encoding;
    struct element element[MAX_ELEMENTS];
    struct property property[MAX_PROPERTIES];
    size_t n_elements, n_properties;
    size_t n_vertices; /* of the element `vertex` */
    struct text_lines lines;
    struct text line;
    char line_end[2];        /* of the first line: what ends lines here */
    const uint8_t *at, *end; /* of bytes */
    struct mesh_place place; /* the element that is being read */
    struct mesh_builder builder;
};

/* --- header --- */

static enum status broken_header(const struct reader *r, const char *why, struct error *err)
{
    return error_set(err, STATUS_INVALID, "", "line %zu of the PLY header: %s", r->lines.number,
                     why);
}

static enum status read_format(struct reader *r, struct text line, bool *is_known,
                               struct error *err)
{
    static const char *const names[] = {"ascii", "binary_little_endian", "binary_big_endian"};
    struct text word, version;
    if (text_next_word(&line, &word) && text_next_word(&line, &version) &&
        text_is(version, "1.0") && !*is_known)
        for (size_t i = 0; i < 3; i++)
            if (text_is(word, names[i])) {
                r->encoding = (enum encoding)i;
                *is_known = true;
                return STATUS_OK;
            }
    return broken_header(
        r, "one format is ascii, binary_little_endian or binary_big_endian, and 1.0", err);
}

static enum status read_element(struct reader *r, struct text line, struct error *err)
{
    struct text name, count;
    int64_t n;
    if (!text_next_word(&line, &name) || !text_next_word(&line, &count) ||
        !text_integer(count, &n) || n < 0)
        return broken_header(r, "an element is a name and how many there are", err);
    if (r->n_elements == MAX_ELEMENTS || name.end - name.at >= MAX_NAME)
        return broken_header(r, "too many elements, or too long a name", err);
    struct element *e = &r->element[r->n_elements++];
    *e = (struct element){.n = (size_t)n, .first_property = r->n_properties};
    memcpy(e->name, name.at, (size_t)(name.end - name.at));
    for (size_t i = 0; i + 1 < r->n_elements; i++)
        if (strcmp(r->element[i].name, e->name) == 0)
            return broken_header(r, "two elements of one name", err);
    if (strcmp(e->name, "vertex") == 0)
        r->n_vertices = e->n;
    return STATUS_OK;
}

static enum ply_type find_type(struct text word)
{
    size_t i = 0;
    while (i < PLY_NONE && !text_is(word, type_name[i][0]) && !text_is(word, type_name[i][1]))
        i++;
    return (enum ply_type)i;
}

static enum role find_role(const struct element *e, const struct property *p, struct text name)
{
    const bool is_list = p->count_type != PLY_NONE;
    if (strcmp(e->name, "vertex") == 0 && !is_list)
        return text_is(name, "x")   ? ROLE_X
               : text_is(name, "y") ? ROLE_Y
               : text_is(name, "z") ? ROLE_Z
                                    : ROLE_NONE;
    if (strcmp(e->name, "face") == 0 && is_list &&
        (text_is(name, "vertex_indices") || text_is(name, "vertex_index")))
        return ROLE_CORNERS;
    return ROLE_NONE;
}

static enum status read_property(struct reader *r, struct text line, struct error *err)
{
    struct property p = {.count_type = PLY_NONE};
    struct text word;
    if (r->n_elements == 0 || r->n_properties == MAX_PROPERTIES)
        return broken_header(r, "a property without an element, or too many", err);
    struct element *e = &r->element[r->n_elements - 1];
    bool is_right = text_next_word(&line, &word);
    if (is_right && text_is(word, "list")) {
        is_right = text_next_word(&line, &word);
        p.count_type = is_right ? find_type(word) : PLY_NONE;
        is_right = p.count_type < PLY_F32 && text_next_word(&line, &word);
    }
    p.type = is_right ? find_type(word) : PLY_NONE;
    if (p.type == PLY_NONE || !text_next_word(&line, &word))
        return broken_header(r, "a property is a type and a name, or a list of them", err);
    p.role = find_role(e, &p, word);
    for (size_t i = 0; i < e->n_properties; i++)
        if (p.role != ROLE_NONE && r->property[e->first_property + i].role == p.role)
            return broken_header(r, "two properties of one name", err);
    if (p.role == ROLE_CORNERS && p.type >= PLY_F32)
        return broken_header(r, "corners are integers", err);
    r->property[r->n_properties++] = p;
    e->n_properties++;
    return STATUS_OK;
}

/* Are the properties there that a mesh is made of? */
static enum status check_elements(const struct reader *r, struct error *err)
{
    bool has[ROLE_CORNERS + 1] = {false};
    for (size_t i = 0; i < r->n_properties; i++)
        has[r->property[i].role] = true;
    if (!has[ROLE_X] || !has[ROLE_Y] || !has[ROLE_Z])
        return error_set(err, STATUS_INVALID, "",
                         "the PLY file has no element 'vertex' of x, y, z");
    for (size_t i = 0; i < r->n_elements && !has[ROLE_CORNERS]; i++)
        if (strcmp(r->element[i].name, "tristrips") == 0)
            return error_set(err, STATUS_UNSUPPORTED, "",
                             "triangle strips are not read, only faces");
    if (!has[ROLE_CORNERS])
        return error_set(err, STATUS_INVALID, "",
                         "the PLY file has no element 'face' with a list 'vertex_indices'");
    return STATUS_OK;
}

static enum status read_header(struct reader *r, struct error *err)
{
    bool has_format = false;
    enum status status = STATUS_OK;
    struct text word;
    if (!text_next_line(&r->lines, &r->line) || !text_is(r->line, "ply"))
        return error_set(err, STATUS_INVALID, "", "a PLY file begins with the line 'ply'");
    memcpy(r->line_end, r->line.end, (size_t)(r->lines.at - r->line.end));
    while (status == STATUS_OK) {
        if (!text_next_line(&r->lines, &r->line))
            return broken_header(r, "it does not end", err);
        if (!text_next_word(&r->line, &word) || text_is(word, "comment") ||
            text_is(word, "obj_info"))
            continue;
        if (text_is(word, "end_header"))
            break;
        if (text_is(word, "format"))
            status = read_format(r, r->line, &has_format, err);
        else if (text_is(word, "element"))
            status = read_element(r, r->line, err);
        else if (text_is(word, "property"))
            status = read_property(r, r->line, err);
        else
            status = broken_header(r, "it has comments, a format, elements, properties", err);
    }
    if (status == STATUS_OK && !has_format)
        status = broken_header(r, "it does not say which format", err);
    if (status == STATUS_OK)
        status = check_elements(r, err);
    r->at = (const uint8_t *)r->lines.at;
    r->end = (const uint8_t *)r->lines.end;
    /* Where lines end with \r alone, a \n after the last is data. */
    if (r->at == (const uint8_t *)r->line.end + 2 && r->line_end[1] != '\n')
        r->at--;
    return status;
}

/* --- values --- */

static enum status broken_value(const struct reader *r, const char *why, struct error *err)
{
    return error_set(err, STATUS_INVALID, "", "%s %zu of the PLY file %s", r->place.what,
                     r->place.number, why);
}

static uint64_t load(const uint8_t *p, size_t size, bool is_big)
{
    uint64_t v = 0;
    for (size_t i = 0; i < size; i++)
        v |= (uint64_t)p[i] << 8 * (is_big ? size - 1 - i : i);
    return v;
}

static double number_of_bits(enum ply_type type, uint64_t bits)
{
    const uint32_t low = (uint32_t)bits;
    float single;
    double wide;
    switch (type) {
    case PLY_I8:
        return (int8_t)bits;
    case PLY_I16:
        return (int16_t)bits;
    case PLY_I32:
        return (int32_t)low;
    case PLY_U8:
    case PLY_U16:
    case PLY_U32:
        return low;
    case PLY_F32:
        memcpy(&single, &low, sizeof single);
        return (double)single;
    case PLY_F64:
        memcpy(&wide, &bits, sizeof wide);
        return wide;
    case PLY_NONE:
        break;
    }
    return 0.0;
}

static bool is_integer_of(enum ply_type type, int64_t v)
{
    static const int64_t low[] = {INT8_MIN, 0, INT16_MIN, 0, INT32_MIN, 0};
    static const int64_t high[] = {INT8_MAX,   UINT8_MAX, INT16_MAX,
                                   UINT16_MAX, INT32_MAX, UINT32_MAX};
    return v >= low[type] && v <= high[type];
}

/* The next value. */
static enum status read_value(struct reader *r, enum ply_type type, double *out, struct error *err)
{
    if (r->encoding != PLY_TEXT) {
        const size_t size = type_size[type];
        if ((size_t)(r->end - r->at) < size)
            return broken_value(r, "is cut off", err);
        *out = number_of_bits(type, load(r->at, size, r->encoding == PLY_BIG));
        r->at += size;
        return STATUS_OK;
    }
    struct text word;
    int64_t integer;
    if (!text_next_word(&r->line, &word))
        return broken_value(r, "has too few values", err);
    if (type >= PLY_F32)
        return text_double(word, out) ? STATUS_OK
                                      : broken_value(r, "has a value that is no number", err);
    if (!text_integer(word, &integer) || !is_integer_of(type, integer))
        return broken_value(r, "has a value that is no number of its type", err);
    *out = (double)integer;
    return STATUS_OK;
}

static enum status read_list(struct reader *r, const struct property *p, struct error *err)
{
    double count = 0, value = 0;
    enum status status = read_value(r, p->count_type, &count, err);
    if (status == STATUS_OK && count < 0)
        status = broken_value(r, "has a list of less than nothing", err);
    const uint64_t n = status == STATUS_OK ? (uint64_t)count : 0;
    for (uint64_t i = 0; i < n && status == STATUS_OK; i++) {
        status = read_value(r, p->type, &value, err);
        if (status == STATUS_OK && p->role == ROLE_CORNERS)
            status = mesh_builder_corner(&r->builder, (int64_t)value, r->n_vertices, r->place, err);
    }
    if (status == STATUS_OK && p->role == ROLE_CORNERS)
        status = mesh_builder_end_polygon(&r->builder, r->place, err);
    return status;
}

/* --- elements --- */

/* In text an element is a line; empty ones are passed over. */
static enum status next_text_element(struct reader *r, struct error *err)
{
    struct text rest, word;
    do {
        if (!text_next_line(&r->lines, &r->line))
            return broken_value(r, "is not there: the file is cut off", err);
        rest = r->line;
    } while (!text_next_word(&rest, &word));
    return STATUS_OK;
}

static enum status read_one(struct reader *r, const struct element *e, struct error *err)
{
    double xyz[3] = {0};
    struct text word;
    bool is_vertex = false;
    enum status status = r->encoding == PLY_TEXT ? next_text_element(r, err) : STATUS_OK;
    for (size_t i = 0; i < e->n_properties && status == STATUS_OK; i++) {
        const struct property *p = &r->property[e->first_property + i];
        double value = 0;
        if (p->count_type != PLY_NONE) {
            status = read_list(r, p, err);
            continue;
        }
        status = read_value(r, p->type, &value, err);
        if (p->role != ROLE_NONE) {
            xyz[p->role - ROLE_X] = value;
            is_vertex = true;
        }
    }
    if (status == STATUS_OK && r->encoding == PLY_TEXT && text_next_word(&r->line, &word))
        status = broken_value(r, "has too many values", err);
    if (status == STATUS_OK && is_vertex)
        status = mesh_builder_vertex(&r->builder, xyz, r->place, err);
    return status;
}

/* Could so many elements be in the bytes that are left?  A value of text takes two bytes, with what
 * parts it from the next, but for the last of the file. */
static enum status check_count(const struct reader *r, const struct element *e, struct error *err)
{
    const size_t left = r->encoding == PLY_TEXT ? (size_t)(r->lines.end - r->lines.at) + 1
                                                : (size_t)(r->end - r->at);
    size_t least = 0, total;
    for (size_t i = 0; i < e->n_properties; i++) {
        const struct property *p = &r->property[e->first_property + i];
        const enum ply_type type = p->count_type != PLY_NONE ? p->count_type : p->type;
        least += r->encoding == PLY_TEXT ? 2 : type_size[type];
        if (p->role == ROLE_CORNERS) /* three at least */
            least += 3 * (r->encoding == PLY_TEXT ? 2 : type_size[p->type]);
    }
    if (least == 0 && e->n > 0)
        return error_set(err, STATUS_INVALID, "",
                         "the element '%s' of the PLY file has no property", e->name);
    if (!mem_mul(&total, e->n, least) || total > left)
        return error_set(err, STATUS_INVALID, "",
                         "the PLY file is too short for the %zu of element '%s'", e->n, e->name);
    return STATUS_OK;
}

static enum status read_elements(struct reader *r, const struct element *e, struct error *err)
{
    enum status status = check_count(r, e, err);
    if (status == STATUS_OK && strcmp(e->name, "vertex") == 0)
        status = mesh_builder_reserve(&r->builder, e->n, 0, err);
    if (status == STATUS_OK && strcmp(e->name, "face") == 0)
        status = mesh_builder_reserve(&r->builder, 0, e->n, err);
    for (size_t i = 0; i < e->n && status == STATUS_OK; i++) {
        r->place = (struct mesh_place){e->name, i};
        status = read_one(r, e, err);
    }
    return status;
}

/* Blanks alone may follow. */
static enum status check_end(const struct reader *r, struct error *err)
{
    const uint8_t *p = r->encoding == PLY_TEXT ? (const uint8_t *)r->lines.at : r->at;
    while (p < r->end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p == r->end ? STATUS_OK
                       : error_set(err, STATUS_INVALID, "",
                                   "%zu bytes follow the last element of the PLY file",
                                   (size_t)(r->end - p));
}

enum status mesh_ply_decode(const uint8_t *bytes, size_t n_bytes, struct mesh *out,
                            struct error *err)
{
    struct reader r = {.lines = text_lines_start(bytes, n_bytes)};
    mesh_builder_init(&r.builder);
    enum status status = read_header(&r, err);
    for (size_t i = 0; i < r.n_elements && status == STATUS_OK; i++)
        status = read_elements(&r, &r.element[i], err);
    if (status == STATUS_OK)
        status = check_end(&r, err);
    if (status == STATUS_OK)
        status = mesh_builder_finish(&r.builder, out, err);
    mesh_builder_deinit(&r.builder);
    return status;
}
