#include "core/format/mesh.h"

#include "core/format/mesh_builder.h"
#include "core/format/text.h"

/* One file being read. */
struct reader {
    struct text_lines lines;
    struct text line;
    struct mesh_builder builder;
};

static struct mesh_place place(const struct reader *r)
{
    return (struct mesh_place){"line", r->lines.number};
}

/* The next word of the statement: of its next line where this one ends with a backslash. */
static bool next_word(struct reader *r, struct text *word)
{
    while (text_next_word(&r->line, word)) {
        if (r->line.at != r->line.end || word->end[-1] != '\\')
            return true;
        word->end--;
        r->line.at = word->end;
        if (word->at < word->end)
            return true; /* the backslash is left for the next call */
        if (!text_next_line(&r->lines, &r->line))
            return false;
    }
    return false;
}

static enum status broken(const struct reader *r, const char *why, struct text word,
                          struct error *err)
{
    return error_set(err, STATUS_INVALID, "", "line %zu: %s, got '%s'", r->lines.number, why,
                     text_quote(word).text);
}

static enum status read_vertex(struct reader *r, struct error *err)
{
    double xyz[3];
    for (size_t i = 0; i < 3; i++) {
        struct text word;
        if (!next_word(r, &word) || !text_double(word, &xyz[i]))
            return broken(r, "a vertex is three numbers", word, err);
    }
    return mesh_builder_vertex(&r->builder, xyz, place(r), err); /* w or a colour may follow */
}

/* v, v/vt, v//vn, v/vt/vn: the first counts.  Later ones must be numbers. */
static bool parse_corner(struct text word, int64_t *vertex)
{
    for (size_t i = 0; i < 3; i++) {
        struct text part = {word.at, word.at};
        int64_t number;
        while (part.end < word.end && *part.end != '/')
            part.end++;
        const bool is_empty = part.at == part.end;
        if (is_empty ? i != 1 : !text_integer(part, &number))
            return false;
        if (i == 0)
            *vertex = number;
        if (part.end == word.end)
            return !is_empty;
        word.at = part.end + 1;
    }
    return false;
}

static enum status read_face(struct reader *r, struct error *err)
{
    const size_t n = r->builder.mesh.n_vertices;
    struct text word;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && next_word(r, &word) && *word.at != '#') {
        int64_t vertex;
        if (!parse_corner(word, &vertex))
            return broken(r, "a corner is v, v/vt, v//vn or v/vt/vn", word, err);
        vertex += vertex < 0 ? (int64_t)n : -1; /* 0 is no vertex, and becomes none */
        status = mesh_builder_corner(&r->builder, vertex, n, place(r), err);
    }
    return status == STATUS_OK ? mesh_builder_end_polygon(&r->builder, place(r), err) : status;
}

static bool is_free_form(struct text word)
{
    static const char *const words[] = {"cstype", "deg", "curv", "curv2", "surf", "bmat"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (text_is(word, words[i]))
            return true;
    return false;
}

static bool is_printable(struct text word)
{
    for (; word.at < word.end; word.at++)
        if (*word.at < ' ' || *word.at > '~')
            return false;
    return true;
}

static enum status read_statement(struct reader *r, struct error *err)
{
    struct text word;
    if (!next_word(r, &word) || *word.at == '#')
        return STATUS_OK;
    if (text_is(word, "v"))
        return read_vertex(r, err);
    if (text_is(word, "f"))
        return read_face(r, err);
    if (is_free_form(word))
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "line %zu: free-form curves and surfaces ('%s') are not read, only "
                         "polygons",
                         r->lines.number, text_quote(word).text);
    if (!is_printable(word))
        return broken(r, "a line begins with a statement", word, err);
    return STATUS_OK; /* passed over */
}

enum status mesh_obj_decode(const uint8_t *bytes, size_t n_bytes, struct mesh *out,
                            struct error *err)
{
    struct reader r = {.lines = text_lines_start(bytes, n_bytes)};
    enum status status = STATUS_OK;
    mesh_builder_init(&r.builder);
    while (status == STATUS_OK && text_next_line(&r.lines, &r.line))
        status = read_statement(&r, err);
    if (status == STATUS_OK)
        status = mesh_builder_finish(&r.builder, out, err);
    mesh_builder_deinit(&r.builder);
    return status;
}
