#include "core/format/mesh.h"

#include <string.h>

#include "core/base/mem.h"
#include "core/format/mesh_builder.h"
#include "core/format/text.h"

struct reader {
    struct text_lines lines;
    struct text line;
    struct mesh_builder builder;
};

/* The next word of the header, on whichever line. */
static bool next_header_word(struct reader *r, struct text *word)
{
    while (!text_next_word(&r->line, word) || *word->at == '#')
        if (!text_next_line(&r->lines, &r->line))
            return false;
    return true;
}

/* The next line that says something. */
static bool next_line(struct reader *r)
{
    struct text rest, word;
    do {
        if (!text_next_line(&r->lines, &r->line))
            return false;
        rest = r->line;
    } while (!text_next_word(&rest, &word) || *word.at == '#');
    return true;
}

static enum status broken(const struct reader *r, const char *why, struct error *err)
{
    return error_set(err, STATUS_INVALID, "", "line %zu of the OFF file: %s", r->lines.number, why);
}

/* OFF, after any of ST, C, N in this order.  4 and n (more dimensions) are words of the format that
 * are not read. */
static enum status read_name(struct text word, struct error *err)
{
    struct text rest = word;
    const char *const marks[] = {"ST", "C", "N"};
    for (size_t i = 0; i < 3; i++)
        if (text_begins(rest, marks[i]))
            rest.at += strlen(marks[i]);
    if (text_is(rest, "OFF"))
        return STATUS_OK;
    if (text_is(rest, "4OFF") || text_is(rest, "nOFF") || text_is(rest, "4nOFF"))
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "an OFF file of three dimensions is read, not '%s'",
                         text_quote(word).text);
    return error_set(err, STATUS_INVALID, "", "an OFF file begins with 'OFF', not '%s'",
                     text_quote(word).text);
}

/* The number of edges says nothing that is needed, and some leave it out.  It ends the line of the
 * other counts or, where these have lines of their own, is alone on its line, as no vertex is. */
static void pass_over_edges(struct reader *r)
{
    struct reader ahead = *r;
    struct text word, more;
    if (text_next_word(&ahead.line, &word) || !next_line(&ahead))
        return;
    if (text_next_word(&ahead.line, &word) && !text_next_word(&ahead.line, &more))
        r->lines = ahead.lines;
}

static enum status read_header(struct reader *r, size_t count[2], struct error *err)
{
    struct text word;
    if (!next_header_word(r, &word))
        return error_set(err, STATUS_INVALID, "", "the OFF file is empty");
    enum status status = read_name(word, err);
    for (size_t i = 0; i < 2 && status == STATUS_OK; i++) {
        int64_t n;
        if (!next_header_word(r, &word))
            return broken(r, "it ends before its counts", err);
        if (i == 0 && text_is(word, "BINARY"))
            return error_set(err, STATUS_UNSUPPORTED, "", "a binary OFF file is not read");
        if (!text_integer(word, &n) || n < 0)
            return broken(r, "expected the number of vertices, of faces and of edges", err);
        count[i] = (size_t)n;
    }
    pass_over_edges(r);
    return status;
}

/* A line of a vertex takes six bytes or more, of a face eight; the last of the file one less. */
static enum status check_counts(const struct reader *r, const size_t count[2], struct error *err)
{
    const size_t left = (size_t)(r->lines.end - r->lines.at) + 1;
    size_t vertices, faces, total;
    if (!mem_mul(&vertices, count[0], 6) || !mem_mul(&faces, count[1], 8) ||
        !mem_add(&total, vertices, faces) || total > left)
        return error_set(err, STATUS_INVALID, "",
                         "the OFF file is too short for %zu vertices and %zu faces", count[0],
                         count[1]);
    return STATUS_OK;
}

static enum status read_vertex(struct reader *r, struct error *err)
{
    double xyz[3];
    struct text word;
    if (!next_line(r))
        return broken(r, "it ends before its vertices do", err);
    for (size_t i = 0; i < 3; i++)
        if (!text_next_word(&r->line, &word) || !text_double(word, &xyz[i]))
            return broken(r, "a vertex is three numbers", err);
    return mesh_builder_vertex(&r->builder, xyz, (struct mesh_place){"line", r->lines.number}, err);
}

static enum status read_face(struct reader *r, size_t n_vertices, struct error *err)
{
    struct text word;
    int64_t n, vertex;
    enum status status = STATUS_OK;
    if (!next_line(r))
        return broken(r, "it ends before its faces do", err);
    const struct mesh_place place = {"line", r->lines.number};
    if (!text_next_word(&r->line, &word) || !text_integer(word, &n) || n < 0)
        return broken(r, "a face is a number of corners and then they", err);
    for (int64_t i = 0; i < n && status == STATUS_OK; i++) {
        if (!text_next_word(&r->line, &word) || !text_integer(word, &vertex))
            return broken(r, "a face has fewer corners than it counts", err);
        status = mesh_builder_corner(&r->builder, vertex, n_vertices, place, err);
    }
    return status == STATUS_OK ? mesh_builder_end_polygon(&r->builder, place, err) : status;
}

static enum status read_body(struct reader *r, const size_t count[2], struct error *err)
{
    enum status status = check_counts(r, count, err);
    if (status == STATUS_OK)
        status = mesh_builder_reserve(&r->builder, count[0], count[1], err);
    for (size_t i = 0; i < count[0] && status == STATUS_OK; i++)
        status = read_vertex(r, err);
    for (size_t i = 0; i < count[1] && status == STATUS_OK; i++)
        status = read_face(r, count[0], err);
    if (status == STATUS_OK && next_line(r))
        status = broken(r, "it goes on after its last face", err);
    return status;
}

enum status mesh_off_decode(const uint8_t *bytes, size_t n_bytes, struct mesh *out,
                            struct error *err)
{
    struct reader r = {.lines = text_lines_start(bytes, n_bytes)};
    size_t count[2] = {0};
    mesh_builder_init(&r.builder);
    r.line = (struct text){r.lines.at, r.lines.at};
    enum status status = read_header(&r, count, err);
    if (status == STATUS_OK)
        status = read_body(&r, count, err);
    if (status == STATUS_OK)
        status = mesh_builder_finish(&r.builder, out, err);
    mesh_builder_deinit(&r.builder);
    return status;
}
