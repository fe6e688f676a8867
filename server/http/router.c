#include "server/http/router.h"

#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"

/* One piece between slashes: literal text, or before{name}after with a parameter. */
struct piece {
    bool is_param;
    char before[32], after[32]; /* the whole literal stands in `before` */
};

struct pattern {
    const struct http_route *route;
    size_t n_pieces;
    struct piece pieces[TARGET_MAX_SEGMENTS];
};

struct http_router {
    size_t n;
    struct pattern patterns[];
};

static const char *const method_names[] = {
    [HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD",     [HTTP_POST] = "POST",
    [HTTP_PUT] = "PUT", [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS",
};
enum { N_METHODS = sizeof method_names / sizeof method_names[0] };

unsigned http_method_of(const char *name)
{
    for (unsigned i = 0; i < N_METHODS; i++)
        if (strcmp(name, method_names[i]) == 0)
            return i;
    return strcmp(name, "PATCH") == 0 || strcmp(name, "TRACE") == 0 ? HTTP_METHOD_UNSERVED
                                                                    : HTTP_METHOD_UNKNOWN;
}

const char *http_method_name(enum http_method method)
{
    return method_names[method];
}

void http_allow_text(unsigned allowed, char out[HTTP_ALLOW_SIZE])
{
    size_t n = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < N_METHODS; i++)
        if (allowed & 1U << i)
            n += (size_t)snprintf(out + n, HTTP_ALLOW_SIZE - n, "%s%s", n ? ", " : "",
                                  method_names[i]);
}

/* --- patterns --- */

static bool copy(char *out, size_t size, const char *text, size_t n)
{
    if (n >= size)
        return false;
    memcpy(out, text, n);
    out[n] = '\0';
    return true;
}

static bool parse_piece(struct piece *p, const char *text, size_t n)
{
    const char *open = memchr(text, '{', n);
    const char *close = open ? memchr(open, '}', n - (size_t)(open - text)) : NULL;
    if (!open)
        return copy(p->before, sizeof p->before, text, n);
    if (!close)
        return false;
    p->is_param = true;
    return copy(p->before, sizeof p->before, text, (size_t)(open - text)) &&
           copy(p->after, sizeof p->after, close + 1, (size_t)(text + n - close) - 1);
}

static bool parse_pattern(struct pattern *out, const struct http_route *route)
{
    size_t n_params = 0;
    const char *text = route->pattern;
    out->route = route;
    while (*text == '/') {
        size_t n = strcspn(++text, "/");
        if (out->n_pieces == TARGET_MAX_SEGMENTS ||
            !parse_piece(&out->pieces[out->n_pieces], text, n))
            return false;
        n_params += out->pieces[out->n_pieces++].is_param;
        text += n;
    }
    return *text == '\0' && out->n_pieces > 0 && n_params <= HTTP_MAX_PARAMS;
}

enum status http_router_create(struct http_router **out, const struct http_route *routes, size_t n,
                               struct error *err)
{
    size_t bytes;
    struct http_router *r = NULL;
    if (mem_mul(&bytes, n, sizeof r->patterns[0]) && mem_add(&bytes, bytes, sizeof *r))
        r = mem_alloc(bytes);
    if (!r)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t i = 0; i < n; i++) {
        bool is_bad = !routes[i].handler || !parse_pattern(&r->patterns[i], &routes[i]);
        for (size_t k = 0; k < i; k++)
            is_bad = is_bad || (routes[k].method == routes[i].method &&
                                strcmp(routes[k].pattern, routes[i].pattern) == 0);
        if (is_bad) {
            http_router_free(r);
            return error_set(err, STATUS_INVALID, "", "route %zu, '%s', is malformed or doubled", i,
                             routes[i].pattern);
        }
    }
    r->n = n;
    *out = r;
    return STATUS_OK;
}

void http_router_free(struct http_router *r)
{
    mem_free(r);
}

/* --- matching --- */

static bool piece_matches(const struct piece *p, const char *segment)
{
    if (!p->is_param)
        return strcmp(p->before, segment) == 0;
    size_t n = strlen(segment), before = strlen(p->before), after = strlen(p->after);
    return n > before + after && memcmp(segment, p->before, before) == 0 &&
           strcmp(segment + n - after, p->after) == 0;
}

static bool pattern_matches(const struct pattern *p, const struct target *t)
{
    if (p->n_pieces != t->n_segments)
        return false;
    for (size_t i = 0; i < p->n_pieces; i++)
        if (!piece_matches(&p->pieces[i], t->segments[i]))
            return false;
    return true;
}

static void take_params(const struct pattern *p, struct target *t, struct route_match *out)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_pieces; i++) {
        const struct piece *piece = &p->pieces[i];
        if (!piece->is_param)
            continue;
        char *segment = t->segments[i];
        segment[strlen(segment) - strlen(piece->after)] = '\0';
        out->params[n++] = segment + strlen(piece->before);
    }
}

struct route_match http_router_find(const struct http_router *r, enum http_method method,
                                    struct target *t)
{
    struct route_match m = {.route = NULL};
    enum http_method wanted = method == HTTP_HEAD ? HTTP_GET : method;
    const struct pattern *found = NULL;
    for (size_t i = 0; i < r->n; i++) {
        const struct pattern *p = &r->patterns[i];
        if (!pattern_matches(p, t))
            continue;
        m.allowed |= 1U << p->route->method | 1U << HTTP_OPTIONS;
        if (p->route->method == HTTP_GET)
            m.allowed |= 1U << HTTP_HEAD;
        if (!found && p->route->method == wanted)
            found = p;
    }
    if (found) {
        m.route = found->route;
        take_params(found, t, &m);
    }
    return m;
}
