#include "server/http/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *head_find(const struct http_pair *headers, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(headers[i].name, name) == 0)
            return headers[i].value;
    return NULL;
}

/* --- collecting --- */

struct collection {
    struct head *head;
    const char *end; /* where the last line's text ended */
    bool is_plain;   /* every line so far follows the one before by CR LF */
    bool is_too_many;
};

/*
 * The library ends every string inside its buffer by overwriting what follows with NUL: ':' after a
 * name, CR LF after a line.  Names and values therefore still lie where the client put them, and
 * the distance between them tells what the strings do not: a line that ended in LF alone is one
 * byte nearer, a value cut at a NUL byte is further away, a folded line lies somewhere else.
 */
static enum MHD_Result collect(void *context, enum MHD_ValueKind kind, const char *name,
                               size_t name_size, const char *value, size_t value_size)
{
    (void)kind;
    struct collection *c = context;
    struct head *h = c->head;
    if (h->n_headers == GUARD_MAX_HEADERS) {
        c->is_too_many = true;
        return MHD_NO;
    }
    value = value ? value : "";
    c->is_plain = c->is_plain && name == c->end + 2 && strlen(name) == name_size &&
                  value > name + name_size && strlen(value) == value_size;
    for (const char *p = name + name_size + 1; c->is_plain && p < value; p++)
        c->is_plain = *p == ' ' || *p == '\t';
    c->end = value + value_size;
    h->headers[h->n_headers++] = (struct http_pair){.name = name, .value = value};
    return MHD_YES;
}

/* The head's pieces lie one behind the other, from the method to the empty line. */
static bool is_plain(const struct head *h, const struct collection *c)
{
    return h->target == h->method + strlen(h->method) + 1 &&
           h->version == h->target + h->target_size + 1 && c->is_plain &&
           c->end + 4 == h->method + h->size;
}

/* Is the library the one whose buffer is known to look like this?  (Later versions parse strictly
 * themselves.) */
static bool keeps_head_in_place(void)
{
    return strncmp(MHD_get_version(), "0.9.7", 5) == 0;
}

/* --- checks --- */

static bool is_token(const char *text)
{
    if (*text == '\0')
        return false;
    for (; *text; text++) {
        char c = *text;
        bool is_alphanumeric =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!is_alphanumeric && !strchr("!#$%&'*+-.^_`|~", c))
            return false;
    }
    return true;
}

static bool is_field_value(const char *text)
{
    for (; *text; text++)
        if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7F)
            return false;
    return true;
}

static size_t count(const struct head *h, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n_headers; i++)
        n += strcasecmp(h->headers[i].name, name) == 0;
    return n;
}

static const char *value_of(const struct head *h, const char *name)
{
    return head_find(h->headers, h->n_headers, name);
}

static unsigned refuse(unsigned status, const char *words, char *reason, size_t n)
{
    snprintf(reason, n, "%s", words);
    return status;
}

static unsigned check_size(const struct head *h, const struct config *config, char *reason,
                           size_t n)
{
    size_t line = strlen(h->method) + 1 + h->target_size + 1 + strlen(h->version);
    if (line > config->request_line_bytes) {
        snprintf(reason, n, "the request line has %zu bytes; the limit is %llu", line,
                 (unsigned long long)config->request_line_bytes);
        return MHD_HTTP_URI_TOO_LONG;
    }
    if (h->size > config->head_bytes) {
        snprintf(reason, n, "the request head has %zu bytes; the limit is %llu", h->size,
                 (unsigned long long)config->head_bytes);
        return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
    }
    return 0;
}

static unsigned check_syntax(const struct head *h, char *reason, size_t n)
{
    if (!is_token(h->method))
        return refuse(400, "the method is not a token", reason, n);
    for (size_t i = 0; i < h->n_headers; i++) {
        if (!is_token(h->headers[i].name))
            return refuse(400, "a header name is not a token", reason, n);
        if (!is_field_value(h->headers[i].value))
            return refuse(400, "a header value has a control character", reason, n);
    }
    return 0;
}

static unsigned check_host(const struct head *h, char *reason, size_t n)
{
    size_t hosts = count(h, "Host");
    if (hosts > 1)
        return refuse(400, "there is more than one Host header", reason, n);
    if (hosts == 0 && strcmp(h->version, "HTTP/1.0") != 0)
        return refuse(400, "there is no Host header", reason, n);
    const char *host = hosts ? value_of(h, "Host") : "";
    size_t length = strcspn(host, " \t/\\?#@<>\"{}|^`,");
    if (host[length + strspn(host + length, " \t")] != '\0') /* blanks may only follow it */
        return refuse(400, "the Host header is not a host", reason, n);
    return 0;
}

/* RFC 9112 section 6: one way to tell the end of the body, told once. */
static unsigned check_framing(struct head *h, char *reason, size_t n)
{
    size_t lengths = count(h, "Content-Length"), codings = count(h, "Transfer-Encoding");
    if (lengths + codings > 1)
        return refuse(400, "there is more than one Content-Length or Transfer-Encoding header",
                      reason, n);
    if (codings == 1) {
        if (strcasecmp(value_of(h, "Transfer-Encoding"), "chunked") != 0)
            return refuse(501, "the only transfer coding is 'chunked'", reason, n);
        if (strcmp(h->version, "HTTP/1.0") == 0)
            return refuse(400, "HTTP/1.0 has no transfer codings", reason, n);
        h->is_chunked = true;
    }
    if (lengths == 1) {
        const char *text = value_of(h, "Content-Length");
        size_t digits = strspn(text, "0123456789");
        if (digits == 0 || digits > 18 || text[digits] != '\0')
            return refuse(400, "the Content-Length header is not a length", reason, n);
        h->content_length = strtoull(text, NULL, 10);
    }
    h->has_length = lengths + codings > 0;
    h->has_body = h->is_chunked || h->content_length > 0;
    return 0;
}

static unsigned check_expectation(const struct head *h, char *reason, size_t n)
{
    size_t expectations = count(h, "Expect");
    if (expectations > 1 ||
        (expectations == 1 && strcasecmp(value_of(h, "Expect"), "100-continue") != 0))
        return refuse(417, "the only expectation that can be met is '100-continue'", reason, n);
    return 0;
}

/* A page of another site can have a browser post for it, with all that its user may do; what it may
 * not do is hide it.  (It can read no answer: we allow no other origin.) */
static unsigned check_site(const struct head *h, char *reason, size_t n)
{
    const char *site = value_of(h, "Sec-Fetch-Site");
    bool is_safe = strcmp(h->method, "GET") == 0 || strcmp(h->method, "HEAD") == 0 ||
                   strcmp(h->method, "OPTIONS") == 0;
    if (site && !is_safe && strcasecmp(site, "cross-site") == 0)
        return refuse(403, "a page of another site asks for this", reason, n);
    return 0;
}

unsigned guard_check(struct head *h, const struct config *config, char *reason, size_t n)
{
    struct collection c = {
        .head = h, .end = h->version + strlen(h->version), .is_plain = true, .is_too_many = false};
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(h->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    h->size = info ? info->header_size : 0;
    MHD_get_connection_values_n(h->connection, MHD_HEADER_KIND, collect, &c);
    unsigned status = check_size(h, config, reason, n);
    if (status == 0 && c.is_too_many) {
        snprintf(reason, n, "the request has more than %d headers", GUARD_MAX_HEADERS);
        status = MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
    }
    if (status == 0)
        status = check_syntax(h, reason, n);
    if (status == 0 && keeps_head_in_place() && !is_plain(h, &c))
        status = refuse(400,
                        "the request head has a NUL byte, a folded line, a line that does not end "
                        "in CR LF, or more than one space in its first line",
                        reason, n);
    if (status == 0)
        status = check_framing(h, reason, n);
    if (status == 0)
        status = check_host(h, reason, n);
    if (status == 0)
        status = check_expectation(h, reason, n);
    if (status == 0)
        status = check_site(h, reason, n);
    return status;
}
