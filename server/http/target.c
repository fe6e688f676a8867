#include "server/http/target.h"

#include <string.h>
#include <strings.h>

#include "core/base/mem.h"
#include "server/utf8.h"

static enum status refuse(struct error *err, const char *reason)
{
    return error_set(err, STATUS_INVALID, "", "the request target %s", reason);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decode n bytes into out, which takes n + 1, and end them with NUL.  In a query '+' is a space. */
static enum status decode(const char *raw, size_t n, bool is_query, char *out, struct error *err)
{
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        char c = raw[i];
        if (c == '%') {
            int high = i + 2 < n ? hex_digit(raw[i + 1]) : -1;
            int low = i + 2 < n ? hex_digit(raw[i + 2]) : -1;
            if (high < 0 || low < 0)
                return refuse(err, "has bad percent-encoding");
            c = (char)(high * 16 + low);
            if (c == '\0')
                return refuse(err, "has an encoded NUL");
            if (c == '/' && !is_query)
                return refuse(err, "has an encoded slash");
            i += 2;
        } else if (c == '+' && is_query) {
            c = ' ';
        }
        if (!is_query && ((unsigned char)c < 0x20 || c == 0x7F))
            return refuse(err, "has a control character in its path");
        out[used++] = c;
    }
    out[used] = '\0';
    return utf8_is_valid(out, used) ? STATUS_OK : refuse(err, "does not decode to UTF-8");
}

/* The part after scheme and authority, if there are any; NULL for a form that is not served. */
static const char *skip_authority(const char *raw, const char *end)
{
    size_t n = (size_t)(end - raw);
    size_t scheme = n >= 7 && strncasecmp(raw, "http://", 7) == 0    ? 7
                    : n >= 8 && strncasecmp(raw, "https://", 8) == 0 ? 8
                                                                     : 0;
    if (scheme == 0)
        return n > 0 && raw[0] == '/' ? raw : NULL;
    const char *authority = raw += scheme;
    while (raw < end && *raw != '/' && *raw != '?')
        raw++;
    return raw > authority ? raw : NULL;
}

static enum status parse_path(struct target *t, const char *raw, const char *end, char **free_place,
                              struct error *err)
{
    char *whole = *free_place;
    size_t used = 0;
    char *place = whole + (end - raw) + 2;
    while (raw < end) {
        raw++; /* the slash */
        const char *stop = memchr(raw, '/', (size_t)(end - raw));
        stop = stop ? stop : end;
        enum status status = decode(raw, (size_t)(stop - raw), false, place, err);
        if (status != STATUS_OK)
            return status;
        if (strcmp(place, ".") == 0 || strcmp(place, "..") == 0)
            return refuse(err, "has a '.' or '..' segment");
        if (t->n_segments < TARGET_MAX_SEGMENTS)
            t->segments[t->n_segments] = place;
        if (t->n_segments <= TARGET_MAX_SEGMENTS)
            t->n_segments++;
        size_t n = strlen(place);
        whole[used++] = '/';
        memcpy(whole + used, place, n);
        used += n;
        place += n + 1;
        raw = stop;
    }
    if (used == 0) { /* "http://host" and "http://host?x" mean the root */
        whole[used++] = '/';
        *place = '\0';
        t->segments[t->n_segments++] = place++;
    }
    whole[used] = '\0';
    t->path = whole;
    *free_place = place;
    return STATUS_OK;
}

static enum status parse_query(struct target *t, const char *raw, const char *end, char *place,
                               struct error *err)
{
    for (const char *stop; raw < end; raw = stop + 1) {
        stop = memchr(raw, '&', (size_t)(end - raw));
        stop = stop ? stop : end;
        if (stop == raw)
            continue;
        if (t->n_query == HTTP_MAX_QUERY)
            return error_set(err, STATUS_INVALID, "", "the query has more than %d arguments",
                             HTTP_MAX_QUERY);
        const char *equals = memchr(raw, '=', (size_t)(stop - raw));
        const char *name_end = equals ? equals : stop;
        struct http_pair *pair = &t->query[t->n_query++];
        pair->name = place;
        enum status status = decode(raw, (size_t)(name_end - raw), true, place, err);
        if (status != STATUS_OK)
            return status;
        place += strlen(place) + 1;
        pair->value = place;
        const char *value = equals ? equals + 1 : stop;
        status = decode(value, (size_t)(stop - value), true, place, err);
        if (status != STATUS_OK)
            return status;
        place += strlen(place) + 1;
    }
    return STATUS_OK;
}

enum status target_parse(struct target *out, const char *raw, size_t n, struct error *err)
{
    struct target t = {.storage = NULL};
    const char *end = raw + n;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)raw[i] <= ' ' || (unsigned char)raw[i] >= 0x7F || raw[i] == '#')
            return refuse(err, "has a byte that must be percent-encoded");
    const char *path = n == 1 && raw[0] == '*' ? raw : skip_authority(raw, end);
    if (!path)
        return refuse(err, "must begin with '/' or 'http://' and a host");
    /* Every decoded part is no longer than its raw one; each of at most HTTP_MAX_QUERY pairs adds
     * one NUL more than it has separators, the path is kept twice, and the root may be added. */
    size_t size = 2 * n + HTTP_MAX_QUERY + 8;
    t.storage = mem_alloc(size);
    if (!t.storage)
        return error_status(err, STATUS_NO_MEMORY);
    char *place = t.storage;
    enum status status = STATUS_OK;
    if (path == raw && raw[0] == '*') {
        t.is_asterisk = true;
        t.path = memcpy(place, "*", 2);
    } else {
        const char *mark = memchr(path, '?', (size_t)(end - path));
        status = parse_path(&t, path, mark ? mark : end, &place, err);
        if (status == STATUS_OK && mark)
            status = parse_query(&t, mark + 1, end, place, err);
    }
    if (status != STATUS_OK) {
        target_deinit(&t);
        return status;
    }
    *out = t;
    return STATUS_OK;
}

void target_deinit(struct target *t)
{
    mem_free(t->storage);
    *t = (struct target){.storage = NULL};
}
