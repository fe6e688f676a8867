/*
 * One pass over the text with a stack of what is open.  A place that fits into a pointer is at most
 * MAX_LEVELS deep ("/0" is the shortest step), so deeper levels are only counted.
 */
#include "api/codec/json_place.h"

#include <string.h>

enum { MAX_LEVELS = POINTER_SIZE / 2 };

/* An object or array that is open, and which of its members is being written. */
struct level {
    bool is_object;
    bool has_name;       /* of an object: the member's name has been read */
    const uint8_t *name; /* between its quotes, as written */
    size_t name_size;
    size_t index; /* of an array */
};

struct places {
    struct level level[MAX_LEVELS];
    size_t depth; /* may be more than MAX_LEVELS */
};

static struct level *innermost(struct places *p)
{
    return p->depth > 0 && p->depth <= MAX_LEVELS ? &p->level[p->depth - 1] : NULL;
}

static void enter(struct places *p, bool is_object)
{
    if (p->depth < MAX_LEVELS)
        p->level[p->depth] = (struct level){.is_object = is_object};
    p->depth++;
}

static void leave(struct places *p)
{
    if (p->depth > 0)
        p->depth--;
}

/* A comma: the next member. */
static void advance(struct places *p)
{
    struct level *l = innermost(p);
    if (!l)
        return;
    l->has_name = false;
    l->index++;
}

/* A string: the name of a member, if an object waits for one. */
static void take_string(struct places *p, const uint8_t *text, size_t n)
{
    struct level *l = innermost(p);
    if (!l || !l->is_object || l->has_name)
        return;
    l->has_name = true;
    l->name = text;
    l->name_size = n;
}

/* The end of the string that begins at `at`, behind its first quote: its last quote, or end. */
static const uint8_t *string_end(const uint8_t *at, const uint8_t *end)
{
    while (at < end && *at != '"')
        at += *at == '\\' && end - at > 1 ? 2 : 1;
    return at;
}

static void walk(struct places *p, const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        const uint8_t c = *at++;
        if (c == '"') {
            const uint8_t *last = string_end(at, end);
            if (last < end) /* one that is cut names nothing */
                take_string(p, at, (size_t)(last - at));
            at = last < end ? last + 1 : end;
        } else if (c == '{' || c == '[') {
            enter(p, c == '{');
        } else if (c == '}' || c == ']') {
            leave(p);
        } else if (c == ',') {
            advance(p);
        }
    }
}

/* A name as it is meant, escapes undone: false if it is none, or far too long for a pointer. */
static bool read_name(const struct level *l, char out[POINTER_SIZE])
{
    enum { MOST_WRITTEN = 6 * POINTER_SIZE }; /* as \u0041 each */
    char quoted[MOST_WRITTEN + 2];
    if (l->name_size > MOST_WRITTEN)
        return false;
    quoted[0] = '"';
    memcpy(quoted + 1, l->name, l->name_size);
    quoted[l->name_size + 1] = '"';
    json_t *name = json_loadb(quoted, l->name_size + 2, JSON_DECODE_ANY, NULL);
    const size_t n = json_string_length(name);
    const bool fits = json_is_string(name) && n < POINTER_SIZE;
    if (fits)
        memcpy(out, json_string_value(name), n + 1);
    json_decref(name);
    return fits;
}

/* Room for every character escaped, the slash and the end. */
static bool fits(const char *pointer, const char *name)
{
    return strlen(pointer) + 2 * strlen(name) + 2 <= POINTER_SIZE;
}

bool json_place(const uint8_t *bytes, size_t n, size_t offset, char out[POINTER_SIZE])
{
    struct places places = {.depth = 0};
    walk(&places, bytes, bytes + (offset < n ? offset : n));
    const size_t depth = places.depth < MAX_LEVELS ? places.depth : MAX_LEVELS;
    out[0] = '\0';
    for (size_t i = 0; i < depth; i++) {
        const struct level *l = &places.level[i];
        char name[POINTER_SIZE], parent[POINTER_SIZE];
        if (l->is_object && (!l->has_name || !read_name(l, name)))
            break;
        if (!l->is_object)
            snprintf(name, sizeof name, "%zu", l->index);
        if (!fits(out, name))
            break;
        snprintf(parent, sizeof parent, "%s", out);
        codec_json_pointer(out, parent, name);
    }
    const struct level *last = innermost(&places);
    return !last || !last->is_object || last->has_name;
}
