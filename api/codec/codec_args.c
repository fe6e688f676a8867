#include "api/codec/codec_args.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/codec/codec_json.h"
#include "server/utf8.h"

static enum status refuse(const char *name, const char *what, const char *given,
                          struct problem_list *problems)
{
    char pointer[POINTER_SIZE];
    codec_json_pointer(pointer, "", name);
    return problem_add(problems, STATUS_INVALID, pointer, "'%.40s' must be %s, got \"%.60s\"", name,
                       what, given);
}

enum status codec_args_known(const struct http_request *r, const char *const *names,
                             struct problem_list *problems)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < r->n_query; i++) {
        const char *name = r->query[i].name;
        const char *what = "an argument known here";
        bool is_known = false;
        for (const char *const *n = names; *n && !is_known; n++)
            is_known = strcmp(*n, name) == 0;
        for (size_t j = 0; j < i && is_known; j++)
            if (strcmp(r->query[j].name, name) == 0) {
                what = "given once";
                is_known = false;
            }
        if (!is_known)
            status = refuse(name, what, r->query[i].value, problems);
    }
    return status;
}

/* In decimal digits alone: as many as fit 64 bits. */
static bool read_integer(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    const size_t n = strlen(text);
    if (n < 1 || n > 19 || strspn(text, "0123456789") != n)
        return false;
    const uint64_t value = strtoull(text, NULL, 10);
    if (value < min || value > max)
        return false;
    *out = value;
    return true;
}

enum status codec_args_integer(const struct http_request *r, const char *name, uint64_t min,
                               uint64_t max, uint64_t *out, struct problem_list *problems)
{
    const char *text = http_query(r, name);
    if (!text)
        return STATUS_OK;
    if (read_integer(text, min, max, out))
        return STATUS_OK;
    char what[96];
    snprintf(what, sizeof what, "an integer in %llu..%llu", (unsigned long long)min,
             (unsigned long long)max);
    return refuse(name, what, text, problems);
}

enum status codec_args_place(const char *name, const char *text, uint64_t max, uint64_t *out,
                             struct problem_list *problems)
{
    if (read_integer(text, 0, max, out))
        return STATUS_OK;
    char pointer[POINTER_SIZE];
    codec_json_pointer(pointer, "", name);
    return problem_add(problems, STATUS_NOT_FOUND, pointer,
                       "'%.40s' must be an integer in 0..%llu, got \"%.60s\"", name,
                       (unsigned long long)max, text);
}

/* A decimal number as JSON writes them (a leading "+", "." or zeros may do no harm in a query):
 * strtod without its hexadecimal, infinite and blank forms. */
static bool read_number(const char *text, size_t n, double *out)
{
    char copy[64];
    if (n < 1 || n >= sizeof copy)
        return false;
    memcpy(copy, text, n);
    copy[n] = '\0';
    char *end;
    if (strspn(copy, "+-.0123456789eE") != n)
        return false;
    *out = strtod(copy, &end);
    return end == copy + n && isfinite(*out);
}

enum status codec_args_number(const struct http_request *r, const char *name, double min,
                              double max, double *out, struct problem_list *problems)
{
    const char *text = http_query(r, name);
    double value;
    if (!text)
        return STATUS_OK;
    if (!read_number(text, strlen(text), &value) || value < min || value > max) {
        char what[96];
        snprintf(what, sizeof what, "a number in [%.9g, %.9g]", min, max);
        return refuse(name, what, text, problems);
    }
    *out = value;
    return STATUS_OK;
}

enum status codec_args_numbers(const struct http_request *r, const char *name, size_t n,
                               double *out, bool *is_given, struct problem_list *problems)
{
    const char *text = http_query(r, name);
    double values[16];
    if (is_given)
        *is_given = text != NULL;
    if (!text)
        return STATUS_OK;
    const char *at = text;
    bool ok = n <= sizeof values / sizeof *values;
    for (size_t i = 0; ok && i < n; i++) {
        const size_t length = strcspn(at, ",");
        ok = read_number(at, length, &values[i]) && at[length] == (i + 1 < n ? ',' : '\0');
        at += length + (i + 1 < n);
    }
    if (!ok) {
        char what[64];
        snprintf(what, sizeof what, "%zu numbers separated by commas", n);
        return refuse(name, what, text, problems);
    }
    memcpy(out, values, n * sizeof *out);
    return STATUS_OK;
}

static void list_names(const char *const *names, const char *start, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "%s", start);
    for (; *names && n < size; names++)
        n += (size_t)snprintf(out + n, size - n, " %s", *names);
}

static bool find_name(const char *text, size_t n, const char *const *names, size_t *out)
{
    for (size_t i = 0; names[i]; i++)
        if (strlen(names[i]) == n && memcmp(names[i], text, n) == 0) {
            *out = i;
            return true;
        }
    return false;
}

enum status codec_args_name(const struct http_request *r, const char *name,
                            const char *const *names, size_t *out, struct problem_list *problems)
{
    const char *text = http_query(r, name);
    if (!text || find_name(text, strlen(text), names, out))
        return STATUS_OK;
    char what[160];
    list_names(names, "one of", what, sizeof what);
    return refuse(name, what, text, problems);
}

enum status codec_args_names(const struct http_request *r, const char *name,
                             const char *const *names, unsigned *out, struct problem_list *problems)
{
    const char *text = http_query(r, name);
    if (!text)
        return STATUS_OK;
    unsigned bits = 0;
    for (const char *at = text;; at++) {
        const size_t length = strcspn(at, ",");
        size_t i;
        if (!find_name(at, length, names, &i)) {
            char what[160];
            list_names(names, "a list, separated by commas, of", what, sizeof what);
            return refuse(name, what, text, problems);
        }
        bits |= 1u << i;
        at += length;
        if (!*at)
            break;
    }
    *out = bits;
    return STATUS_OK;
}

enum status codec_args_page(const struct http_request *r, struct page *out,
                            struct problem_list *problems)
{
    enum { MAX_LIMIT = 200, DEFAULT_LIMIT = 50, MAX_SEARCH = 128 };
    uint64_t limit = DEFAULT_LIMIT;
    enum status status = codec_args_integer(r, "limit", 1, MAX_LIMIT, &limit, problems);
    const char *cursor = http_query(r, "cursor");
    if (cursor && strlen(cursor) >= CURSOR_SIZE)
        status = refuse("cursor", "a next_cursor of this list", cursor, problems);
    const char *search = http_query(r, "q");
    if (search && (!*search || strlen(search) > MAX_SEARCH || !utf8_is_printable(search)))
        status = refuse("q", "1..128 printable bytes of UTF-8", search, problems);
    if (status != STATUS_OK)
        return status;
    *out = (struct page){.limit = limit, .search = search};
    snprintf(out->cursor, sizeof out->cursor, "%s", cursor ? cursor : "");
    return STATUS_OK;
}

/* --- Accept --- */

/* How well a range of the Accept header names a type: 0 not at all, 1 by any type, 2 by the first
 * half, 3 wholly. */
static int match_range(const char *range, size_t n, const char *type)
{
    const char *slash = strchr(type, '/');
    const size_t half = slash ? (size_t)(slash - type) + 1 : 0;
    if (n == 3 && memcmp(range, "*/*", 3) == 0)
        return 1;
    if (n == half + 1 && range[half] == '*' && strncasecmp(range, type, half) == 0)
        return 2;
    return strlen(type) == n && strncasecmp(range, type, n) == 0 ? 3 : 0;
}

/* The weight among an element's parameters ";q=0.5"; 1 if there is none, 0 if it is broken. */
static double read_weight(const char *parameters, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (parameters[i] != ';')
            continue;
        size_t j = i + 1;
        while (j < n && (parameters[j] == ' ' || parameters[j] == '\t'))
            j++;
        if (n - j < 2 || (parameters[j] != 'q' && parameters[j] != 'Q') || parameters[j + 1] != '=')
            continue;
        size_t end = j += 2;
        while (end < n && strchr("0123456789.", parameters[end]))
            end++;
        double weight;
        return read_number(parameters + j, end - j, &weight) && weight <= 1.0 ? weight : 0.0;
    }
    return 1.0;
}

/* The weight the header gives a type: that of the closest range. */
static double weight_of(const char *accept, const char *type)
{
    int best = 0;
    double weight = 0.0;
    while (*accept) {
        accept += strspn(accept, " \t,");
        const size_t element = strcspn(accept, ",");
        const size_t range = strcspn(accept, ",; \t");
        int match = match_range(accept, range, type);
        if (match > best) {
            best = match;
            weight = read_weight(accept + range, element - range);
        }
        accept += element;
    }
    return weight;
}

bool codec_accept(const char *accept, const char *const *offers, size_t *out)
{
    double best = 0.0;
    if (!accept || accept[strspn(accept, " \t,")] == '\0') {
        *out = 0;
        return true;
    }
    for (size_t i = 0; offers[i]; i++) {
        double weight = weight_of(accept, offers[i]);
        if (weight > best) {
            best = weight;
            *out = i;
        }
    }
    return best > 0.0;
}
