#include "core/format/mesh.h"

#include <string.h>

#include "core/format/text.h"

static bool begins_with_line(const uint8_t *bytes, size_t n_bytes, const char *word)
{
    const size_t n = strlen(word);
    return n_bytes > n && memcmp(bytes, word, n) == 0 &&
           (bytes[n] == ' ' || bytes[n] == '\t' || bytes[n] == '\n' || bytes[n] == '\r');
}

/* [ST][C][N][4][n]OFF, after comments. */
static bool is_off(const uint8_t *bytes, size_t n_bytes)
{
    struct text_lines lines = text_lines_start(bytes, n_bytes);
    struct text line, word;
    do {
        if (!text_next_line(&lines, &line))
            return false;
    } while (!text_next_word(&line, &word) || *word.at == '#');
    if (word.end - word.at > 8 || word.end - word.at < 3 ||
        !text_is((struct text){word.end - 3, word.end}, "OFF"))
        return false;
    for (const char *p = word.at; p < word.end - 3; p++)
        if (!strchr("STCN4n", *p) || *p == '\0')
            return false;
    return true;
}

/* The first statement is one of OBJ's, and its line is text. */
static bool is_obj(const uint8_t *bytes, size_t n_bytes)
{
    static const char *const statements[] = {"v", "vt", "vn", "vp",     "f",     "o",
                                             "g", "s",  "l",  "usemtl", "mtllib"};
    struct text_lines lines = text_lines_start(bytes, n_bytes);
    struct text line, rest, word;
    do {
        if (!text_next_line(&lines, &line))
            return false;
        for (const char *p = line.at; p < line.end; p++)
            if ((*p >= 0 && *p < ' ' && *p != '\t') || *p == 0x7F)
                return false;
        rest = line;
    } while (!text_next_word(&rest, &word) || *word.at == '#');
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (text_is(word, statements[i]))
            return true;
    return false;
}

bool mesh_recognize(const uint8_t *bytes, size_t n_bytes, enum mesh_format *out)
{
    if (begins_with_line(bytes, n_bytes, "ply"))
        *out = MESH_PLY;
    else if (begins_with_line(bytes, n_bytes, "solid") || mesh_stl_is_binary(bytes, n_bytes))
        *out = MESH_STL;
    else if (is_off(bytes, n_bytes))
        *out = MESH_OFF;
    else if (is_obj(bytes, n_bytes))
        *out = MESH_OBJ;
    else
        return false;
    return true;
}

const char *mesh_media_type(enum mesh_format format)
{
    static const char *const types[] = {
        [MESH_OBJ] = "model/obj",
        [MESH_PLY] = "application/ply",
        [MESH_STL] = "model/stl",
        [MESH_OFF] = "model/vnd.off",
    };
    return types[format];
}

enum status mesh_decode(const uint8_t *bytes, size_t n_bytes, struct mesh *out, struct error *err)
{
    enum mesh_format format;
    if (!mesh_recognize(bytes, n_bytes, &format))
        return error_set(err, STATUS_INVALID, "",
                         "the file is no mesh: neither OBJ, PLY or OFF, nor STL, text or as long "
                         "as it counts");
    switch (format) {
    case MESH_PLY:
        return mesh_ply_decode(bytes, n_bytes, out, err);
    case MESH_STL:
        return mesh_stl_decode(bytes, n_bytes, out, err);
    case MESH_OFF:
        return mesh_off_decode(bytes, n_bytes, out, err);
    case MESH_OBJ:
    case MESH_N_FORMATS:
        break;
    }
    return mesh_obj_decode(bytes, n_bytes, out, err);
}
