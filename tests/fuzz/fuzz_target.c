#include "server/http/target.h"

#include <stdbool.h>
#include <string.h>

#include "api/routes.h"
#include "core/base/buffer.h"
#include "server/http/router.h"
#include "server/utf8.h"
#include "tests/fuzz/fuzz.h"

static struct http_router *router;

void fuzz_seeds(void)
{
    static const char *const texts[] = {
        "/v1/fields/fld_x/value?x=0.5&y=0.5",
        "/v1/jobs?limit=2&cursor=c%2B1&flag&=v",
        "/v1/jobs/%6Aob_1/resume",
        "http://host:80/v1//a%2ejs?q=+",
        "HTTPS://host?x=%C3%A9",
        "/xyz/fld_x/3/1/2.png?v=1",
        "/dzi/fld_x.dzi?scale=4",
        "/dzi/fld_x_files/10/3_1.png",
        "/assets/..%2f..%5c",
        "/%2e%2E/%00/%ff",
        "/?a=%00&b=%01",
        "*",
        "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q",
    };
    size_t n;
    const struct http_route *routes = routes_table(&n);
    fuzz_seed_texts(texts, sizeof texts / sizeof *texts);
    REQUIRE(http_router_create(&router, routes, n, NULL) == STATUS_OK);
}

static void check_text(const char *text)
{
    REQUIRE(utf8_is_valid(text, strlen(text)));
}

/* Segments are one name each, and joined they are the path. */
static void check_path(const struct target *t)
{
    const char *at = t->path;
    check_text(t->path);
    if (t->is_asterisk) {
        REQUIRE(t->n_segments == 0 && strcmp(t->path, "*") == 0);
        return;
    }
    REQUIRE(t->path[0] == '/' && t->n_segments >= 1);
    for (size_t i = 0; i < t->n_segments && i < TARGET_MAX_SEGMENTS; i++) {
        const char *s = t->segments[i];
        const size_t n = strlen(s);
        REQUIRE(!strchr(s, '/') && strcmp(s, ".") != 0 && strcmp(s, "..") != 0);
        REQUIRE(*at == '/' && strncmp(at + 1, s, n) == 0);
        at += 1 + n;
    }
    REQUIRE(*at == '\0' || t->n_segments > TARGET_MAX_SEGMENTS);
    for (at = t->path; *at; at++)
        REQUIRE((unsigned char)*at >= 0x20 && *at != 0x7F);
}

static void put(struct buffer *raw, char mark, const char *text, bool is_encoded)
{
    if (mark)
        REQUIRE(buffer_append(raw, &mark, 1, NULL) == STATUS_OK);
    for (; *text; text++)
        REQUIRE((is_encoded ? buffer_printf(raw, NULL, "%%%02X", (unsigned char)*text)
                            : buffer_append(raw, text, 1, NULL)) == STATUS_OK);
}

/* The decoded target written again, every byte of a name encoded, is the same target. */
static void check_round_trip(const struct target *t)
{
    struct buffer raw;
    struct target again;
    buffer_init(&raw, 1 << 20);
    if (t->is_asterisk)
        put(&raw, 0, "*", false);
    if (t->n_segments > TARGET_MAX_SEGMENTS) /* the last ones are not kept */
        put(&raw, '/', "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", false);
    for (size_t i = 0; i < t->n_segments && t->n_segments <= TARGET_MAX_SEGMENTS; i++)
        put(&raw, '/', t->segments[i], true);
    for (size_t i = 0; i < t->n_query; i++) {
        put(&raw, i ? '&' : '?', t->query[i].name, true);
        put(&raw, '=', t->query[i].value, true);
    }
    REQUIRE(target_parse(&again, (const char *)raw.data, raw.size, NULL) == STATUS_OK);
    REQUIRE(again.n_segments == t->n_segments);
    REQUIRE(strcmp(again.path, t->path) == 0 || t->n_segments > TARGET_MAX_SEGMENTS);
    REQUIRE(again.n_query == t->n_query);
    for (size_t i = 0; i < t->n_query; i++)
        REQUIRE(strcmp(again.query[i].name, t->query[i].name) == 0 &&
                strcmp(again.query[i].value, t->query[i].value) == 0);
    target_deinit(&again);
    buffer_deinit(&raw);
}

static void check_route(enum http_method method, const uint8_t *bytes, size_t n_bytes)
{
    struct target t;
    REQUIRE(target_parse(&t, (const char *)bytes, n_bytes, NULL) == STATUS_OK);
    const struct route_match m = http_router_find(router, method, &t);
    const enum http_method served = method == HTTP_HEAD ? HTTP_GET : method;
    REQUIRE(!m.route || (m.route->method == served && m.allowed & 1U << method));
    for (size_t i = 0; i < HTTP_MAX_PARAMS; i++)
        REQUIRE(!m.params[i] || (m.route && *m.params[i] && !strchr(m.params[i], '/')));
    target_deinit(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct target t = {.storage = NULL};
    struct error err = {.status = STATUS_OK};
    const enum status status = target_parse(&t, (const char *)bytes, n_bytes, &err);
    REQUIRE(err.status == status && (status == STATUS_OK || status == STATUS_INVALID));
    REQUIRE((status == STATUS_OK) == (t.storage != NULL));
    if (status != STATUS_OK)
        return 0;
    REQUIRE(n_bytes > 0 && !memchr(bytes, 0, n_bytes) && t.n_query <= HTTP_MAX_QUERY);
    REQUIRE(bytes[0] != '/' || !memmem(bytes, n_bytes, "%00", 3));
    check_path(&t);
    for (size_t i = 0; i < t.n_query; i++) {
        check_text(t.query[i].name);
        check_text(t.query[i].value);
    }
    check_round_trip(&t);
    target_deinit(&t);
    for (enum http_method method = HTTP_GET; method <= HTTP_OPTIONS; method++)
        check_route(method, bytes, n_bytes);
    return 0;
}
