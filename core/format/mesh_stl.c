/*
 * STL repeats the corners of each triangle.  They become vertices again by a table of the places
 * seen so far (open addressing, linear probing, never more than half full), keyed by the
 * coordinates: equal ones only, so that nothing that is only near is drawn together.  Where a place
 * goes in the table hangs on an address, which no file knows: one made to fill a single part of it
 * would be read in the square of its length.  What is read does not: vertices stand in the order of
 * the file.
 */
#include "core/format/mesh.h"

#include <endian.h>
#include <math.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/mesh_builder.h"
#include "core/format/text.h"

enum { STL_HEADER = 84, STL_TRIANGLE = 50, FIRST_SLOTS = 1024 };
#define FREE_SLOT UINT32_MAX

struct reader {
    struct mesh_builder builder;
    uint32_t *slot; /* [n_slots], a power of two: vertices */
    size_t n_slots;
    uint64_t salt;
};

/* --- corners --- */

static size_t hash(const struct reader *r, const float *xyz)
{
    uint64_t h = r->salt;
    for (size_t i = 0; i < 3; i++) {
        uint32_t bits;
        memcpy(&bits, &xyz[i], sizeof bits);
        h = (h ^ bits) * 0x9E3779B97F4A7C15ULL;
        h ^= h >> 29;
    }
    return (size_t)h;
}

static bool is_at(const float *a, const float *b)
{
    return a[0] == b[0] && a[1] == b[1] && a[2] == b[2];
}

/* The slot of a place, or the free one where it belongs. */
static uint32_t *find_slot(struct reader *r, const float *xyz)
{
    const float *vertices = r->builder.mesh.vertices;
    size_t i = hash(r, xyz) & (r->n_slots - 1);
    while (r->slot[i] != FREE_SLOT && !is_at(vertices + 3 * (size_t)r->slot[i], xyz))
        i = (i + 1) & (r->n_slots - 1);
    return &r->slot[i];
}

static enum status grow_table(struct reader *r, struct error *err)
{
    const size_t n = r->n_slots ? 2 * r->n_slots : FIRST_SLOTS;
    uint32_t *slot = mem_alloc_array(n, sizeof *slot);
    if (!slot)
        return error_status(err, STATUS_NO_MEMORY);
    memset(slot, 0xFF, n * sizeof *slot);
    mem_free(r->slot);
    r->slot = slot;
    r->n_slots = n;
    for (size_t v = 0; v < r->builder.mesh.n_vertices; v++)
        *find_slot(r, r->builder.mesh.vertices + 3 * v) = (uint32_t)v;
    return STATUS_OK;
}

static enum status read_corner(struct reader *r, const double *xyz, struct mesh_place place,
                               struct error *err)
{
    struct mesh_builder *b = &r->builder;
    float key[3];
    for (size_t i = 0; i < 3; i++)
        key[i] = (float)xyz[i] + 0.0f; /* -0 is 0 */
    enum status status = STATUS_OK;
    if (2 * (b->mesh.n_vertices + 1) > r->n_slots)
        status = grow_table(r, err);
    if (status != STATUS_OK)
        return status;
    uint32_t *slot = find_slot(r, key);
    if (*slot == FREE_SLOT) {
        const double clean[3] = {(double)key[0], (double)key[1], (double)key[2]};
        status = mesh_builder_vertex(b, clean, place, err);
        if (status != STATUS_OK)
            return status;
        *slot = (uint32_t)(b->mesh.n_vertices - 1);
    }
    return mesh_builder_corner(b, *slot, b->mesh.n_vertices, place, err);
}

/* --- bytes --- */

static uint32_t load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

bool mesh_stl_is_binary(const uint8_t *bytes, size_t n_bytes)
{
    return n_bytes > STL_HEADER &&
           (uint64_t)load32(bytes + STL_HEADER - 4) * STL_TRIANGLE == n_bytes - STL_HEADER;
}

static enum status read_binary(struct reader *r, const uint8_t *bytes, size_t n_bytes,
                               struct error *err)
{
    const size_t n = load32(bytes + STL_HEADER - 4);
    if (!mesh_stl_is_binary(bytes, n_bytes))
        return error_set(err, STATUS_INVALID, "",
                         "the STL file counts %zu triangles, which take %zu bytes; it has %zu", n,
                         STL_HEADER + n * STL_TRIANGLE, n_bytes);
    enum status status = mesh_builder_reserve(&r->builder, 0, n, err);
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        const uint8_t *p = bytes + STL_HEADER + i * STL_TRIANGLE + 12; /* after the normal */
        const struct mesh_place place = {"triangle", i};
        for (size_t k = 0; k < 3 && status == STATUS_OK; k++) {
            double xyz[3];
            for (size_t d = 0; d < 3; d++, p += 4) {
                const uint32_t bits = load32(p);
                float value;
                memcpy(&value, &bits, sizeof value);
                xyz[d] = (double)value;
            }
            status = read_corner(r, xyz, place, err);
        }
        if (status == STATUS_OK)
            status = mesh_builder_end_polygon(&r->builder, place, err);
    }
    return status;
}

/* --- text --- */

/* Statements in the order in which they must come; what follows their words is not looked at but
 * for the three numbers of a vertex. */
enum { STL_SOLID, STL_FACET, STL_LOOP, STL_VERTEX, STL_END_LOOP, STL_END_FACET, STL_END_SOLID };
static const char *const statement[] = {"solid",   "facet",    "outer",   "vertex",
                                        "endloop", "endfacet", "endsolid"};

static enum status read_vertex(struct reader *r, struct text line, struct mesh_place place,
                               struct error *err)
{
    double xyz[3];
    struct text word;
    for (size_t i = 0; i < 3; i++)
        if (!text_next_word(&line, &word) || !text_double(word, &xyz[i]))
            return error_set(err, STATUS_INVALID, "", "line %zu: a vertex is three numbers",
                             place.number);
    return read_corner(r, xyz, place, err);
}

static enum status read_text(struct reader *r, struct text_lines lines, struct error *err)
{
    size_t next = STL_SOLID, n_corners = 0;
    struct text line, word;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && text_next_line(&lines, &line)) {
        const struct mesh_place place = {"line", lines.number};
        if (!text_next_word(&line, &word))
            continue;
        if (next == STL_FACET && text_is(word, statement[STL_END_SOLID]))
            next = STL_END_SOLID;
        if (!text_is(word, statement[next]))
            return error_set(err, STATUS_INVALID, "", "line %zu: expected '%s', got '%s'",
                             lines.number, statement[next], text_quote(word).text);
        switch (next) {
        case STL_VERTEX:
            status = read_vertex(r, line, place, err);
            n_corners++;
            next = n_corners % 3 == 0 ? STL_END_LOOP : STL_VERTEX;
            break;
        case STL_END_LOOP:
            status = mesh_builder_end_polygon(&r->builder, place, err);
            next = STL_END_FACET;
            break;
        case STL_END_FACET:
            next = STL_FACET;
            break;
        case STL_END_SOLID:
            next = STL_SOLID;
            break;
        default:
            next++;
        }
    }
    if (status == STATUS_OK && next != STL_SOLID)
        return error_set(err, STATUS_INVALID, "", "the STL file is cut off: no '%s' after line %zu",
                         statement[next], lines.number);
    return status;
}

enum status mesh_stl_decode(const uint8_t *bytes, size_t n_bytes, struct mesh *out,
                            struct error *err)
{
    struct reader r = {.n_slots = 0};
    enum status status;
    r.salt = (uintptr_t)&r * 0x9E3779B97F4A7C15ULL;
    mesh_builder_init(&r.builder);
    struct text_lines lines = text_lines_start(bytes, n_bytes);
    const bool is_text = n_bytes >= 5 && memcmp(bytes, "solid", 5) == 0;
    if (mesh_stl_is_binary(bytes, n_bytes) || (!is_text && n_bytes >= STL_HEADER))
        status = read_binary(&r, bytes, n_bytes, err);
    else if (is_text)
        status = read_text(&r, lines, err);
    else
        status = error_set(err, STATUS_INVALID, "",
                           "an STL file begins with 'solid' or has 84 bytes or more, this one has "
                           "%zu",
                           n_bytes);
    if (status == STATUS_OK)
        status = mesh_builder_finish(&r.builder, out, err);
    mesh_builder_deinit(&r.builder);
    mem_free(r.slot);
    return status;
}
