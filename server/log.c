/*
 * A line is built in a buffer of fixed size.  Whatever is appended leaves room for what must still
 * follow (the quote that ends a text, the brace, the line feed), so a line that is cut is still one
 * JSON object.
 */
#include "server/log.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/store/id.h"
#include "server/utf8.h"

enum { LINE_MAX_BYTES = 4096, ROOM_FOR_END = 3 /* quote, brace, line feed */ };

static enum log_level lowest = LOG_INFO;

void log_set_level(enum log_level level)
{
    lowest = level;
}

struct line {
    char text[LINE_MAX_BYTES];
    size_t n;
};

static size_t room(const struct line *l)
{
    size_t end = sizeof l->text - ROOM_FOR_END;
    return l->n < end ? end - l->n : 0;
}

/* Append all of n bytes or nothing. */
static bool put(struct line *l, const char *bytes, size_t n)
{
    if (n > room(l))
        return false;
    memcpy(l->text + l->n, bytes, n);
    l->n += n;
    return true;
}

/* One character as JSON: printable ASCII as it is, everything else (control characters, and beyond
 * ASCII, where direction marks and look-alikes live) as \uXXXX. */
static bool put_character(struct line *l, uint32_t c)
{
    char text[16];
    int n;
    if (c == '"' || c == '\\')
        n = snprintf(text, sizeof text, "\\%c", (char)c);
    else if (c >= 0x20 && c < 0x7F)
        n = snprintf(text, sizeof text, "%c", (char)c);
    else if (c < 0x10000)
        n = snprintf(text, sizeof text, "\\u%04x", c);
    else
        n = snprintf(text, sizeof text, "\\u%04x\\u%04x", 0xD800 + ((c - 0x10000) >> 10),
                     0xDC00 + ((c - 0x10000) & 0x3FF));
    return put(l, text, (size_t)n);
}

static void put_text(struct line *l, const char *text)
{
    size_t n = strlen(text);
    if (!put(l, "\"", 1))
        return;
    for (size_t i = 0; i < n;) {
        uint32_t c;
        size_t length = utf8_decode(text + i, n - i, &c);
        if (length == 0) {
            c = 0xFFFD; /* the replacement character stands for a byte that is no text */
            length = 1;
        }
        if (!put_character(l, c))
            break;
        i += length;
    }
    l->text[l->n++] = '"';
}

static void put_number(struct line *l, const struct log_value *v)
{
    char text[48];
    int n;
    if (v->type == LOG_VALUE_INT)
        n = snprintf(text, sizeof text, "%lld", (long long)v->integer);
    else if (isfinite(v->real))
        n = snprintf(text, sizeof text, "%.9g", v->real);
    else
        n = snprintf(text, sizeof text, "null");
    put(l, text, (size_t)n);
}

/* A member is left out when not even its key and a few characters of its value fit. */
static void put_member(struct line *l, const struct log_value *v)
{
    enum { SMALLEST_VALUE = 48 };
    if (strlen(v->key) * 6 + SMALLEST_VALUE > room(l))
        return;
    if (l->n > 1)
        put(l, ",", 1);
    put_text(l, v->key);
    put(l, ":", 1);
    if (v->type == LOG_VALUE_TEXT)
        put_text(l, v->text ? v->text : "");
    else
        put_number(l, v);
}

void log_event(enum log_level level, const char *event, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error", "info"};
    if (level < lowest && level != LOG_ALWAYS)
        return;
    char time[TIME_TEXT_SIZE];
    clock_format(clock_now_ms(), time);
    struct line l = {.text = "{", .n = 1};
    put_member(&l, &LOG_TEXT("time", time));
    put_member(&l, &LOG_TEXT("level", names[level]));
    put_member(&l, &LOG_TEXT("event", event));
    va_list values;
    va_start(values, event);
    for (;;) {
        struct log_value v = va_arg(values, struct log_value);
        if (!v.key)
            break;
        put_member(&l, &v);
    }
    va_end(values);
    l.text[l.n++] = '}';
    l.text[l.n++] = '\n';
    ssize_t written = write(STDERR_FILENO, l.text, l.n);
    (void)written; /* there is nowhere to say that the log cannot be written */
}
