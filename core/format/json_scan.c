#include "core/format/json_scan.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"

struct json_scan json_scan_start(const char *text, size_t n_bytes, const char *what,
                                 struct error *err)
{
    return (struct json_scan){text, text + n_bytes, what, err};
}

enum status json_scan_broken(const struct json_scan *s, const char *why)
{
    return error_set(s->err, STATUS_INVALID, "", "%s: %s", s->what, why);
}

static void skip_blanks(struct json_scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

bool json_scan_take(struct json_scan *s, char mark)
{
    skip_blanks(s);
    if (s->at == s->end || *s->at != mark)
        return false;
    s->at++;
    return true;
}

enum status json_scan_expect(struct json_scan *s, char mark)
{
    if (json_scan_take(s, mark))
        return STATUS_OK;
    return error_set(s->err, STATUS_INVALID, "", "%s: '%c' is missing", s->what, mark);
}

enum status json_scan_end(struct json_scan *s)
{
    skip_blanks(s);
    return s->at == s->end ? STATUS_OK : json_scan_broken(s, "something follows the last bracket");
}

enum status json_scan_more(struct json_scan *s, char close, bool *is_first, bool *more)
{
    const bool was_first = *is_first;
    *is_first = false;
    *more = !json_scan_take(s, close);
    return *more && !was_first ? json_scan_expect(s, ',') : STATUS_OK;
}

enum status json_scan_size(struct json_scan *s, size_t *out)
{
    skip_blanks(s);
    const char *first = s->at;
    size_t v = 0;
    for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++)
        if (!mem_mul(&v, v, 10) || !mem_add(&v, v, (size_t)(*s->at - '0')))
            return json_scan_broken(s, "a number is too large");
    bool is_whole = s->at == s->end || !strchr(".eE", *s->at);
    if (s->at == first || (*first == '0' && s->at - first > 1) || !is_whole)
        return json_scan_broken(s, "a whole number is missing");
    *out = v;
    return STATUS_OK;
}

static size_t skip_digits(struct json_scan *s)
{
    const char *first = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return (size_t)(s->at - first);
}

static bool skip_one_of(struct json_scan *s, const char *marks)
{
    if (s->at == s->end || *s->at == '\0' || !strchr(marks, *s->at))
        return false;
    s->at++;
    return true;
}

/* -? (0 | 1-9 digits) (. digits)? (e sign? digits)?  False where there is none. */
static bool skip_number(struct json_scan *s)
{
    skip_one_of(s, "-");
    const bool is_zero = skip_one_of(s, "0");
    if (!is_zero && skip_digits(s) == 0)
        return false;
    if (skip_one_of(s, ".") && skip_digits(s) == 0)
        return false;
    if (skip_one_of(s, "eE")) {
        skip_one_of(s, "+-");
        return skip_digits(s) > 0;
    }
    return true;
}

enum status json_scan_number(struct json_scan *s, double *out)
{
    char text[512];
    skip_blanks(s);
    const char *first = s->at;
    if (!skip_number(s))
        return json_scan_broken(s, "a number is missing");
    const size_t n = (size_t)(s->at - first);
    if (n >= sizeof text)
        return json_scan_broken(s, "a number is too long");
    memcpy(text, first, n);
    text[n] = '\0';
    const double v = strtod(text, NULL);
    if (!isfinite(v))
        return json_scan_broken(s, "a number is too large");
    *out = v;
    return STATUS_OK;
}

static bool take_word(struct json_scan *s, const char *word)
{
    const size_t n = strlen(word);
    skip_blanks(s);
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0)
        return false;
    s->at += n;
    return true;
}

enum status json_scan_flag(struct json_scan *s, bool *out)
{
    const bool is_true = take_word(s, "true");
    if (!is_true && !take_word(s, "false"))
        return json_scan_broken(s, "true or false is missing");
    *out = is_true;
    return STATUS_OK;
}

/* --- values that nobody asks for --- */

static enum status skip_string(struct json_scan *s)
{
    char *text = NULL;
    enum status status = json_scan_string(s, &text);
    mem_free(text);
    return status;
}

static enum status skip_value(struct json_scan *s, size_t depth);

/* The members or elements behind an opening bracket. */
static enum status skip_list(struct json_scan *s, bool is_object, size_t depth)
{
    bool is_first = true, more = true;
    if (depth > LIMIT_JSON_DEPTH)
        return json_scan_broken(s, "it is nested too deep");
    for (;;) {
        enum status status = json_scan_more(s, is_object ? '}' : ']', &is_first, &more);
        if (status != STATUS_OK || !more)
            return status;
        if (is_object)
            status = skip_string(s);
        if (is_object && status == STATUS_OK)
            status = json_scan_expect(s, ':');
        if (status == STATUS_OK)
            status = skip_value(s, depth);
        if (status != STATUS_OK)
            return status;
    }
}

static enum status skip_value(struct json_scan *s, size_t depth)
{
    double number;
    if (json_scan_take(s, '{'))
        return skip_list(s, true, depth + 1);
    if (json_scan_take(s, '['))
        return skip_list(s, false, depth + 1);
    if (s->at < s->end && *s->at == '"')
        return skip_string(s);
    if (take_word(s, "true") || take_word(s, "false") || take_word(s, "null"))
        return STATUS_OK;
    return json_scan_number(s, &number);
}

enum status json_scan_skip(struct json_scan *s)
{
    return skip_value(s, 0);
}

/* --- strings --- */

/* Bytes of the UTF-8 sequence at the front of n bytes; 0 if there is none (RFC 3629: shortest form,
 * no surrogates, up to U+10FFFF). */
static size_t utf8_sequence(const char *text, size_t n)
{
    const uint8_t *b = (const uint8_t *)text;
    if (n == 0)
        return 0;
    if (b[0] < 0x80)
        return 1;
    size_t length = b[0] >= 0xF0 ? 4 : b[0] >= 0xE0 ? 3 : 2;
    if (b[0] < 0xC2 || b[0] > 0xF4 || n < length)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((b[i] & 0xC0) != 0x80)
            return 0;
    bool is_long = (b[0] == 0xE0 && b[1] < 0xA0) || (b[0] == 0xF0 && b[1] < 0x90);
    bool is_surrogate = b[0] == 0xED && b[1] > 0x9F;
    bool is_past_end = b[0] == 0xF4 && b[1] > 0x8F;
    return is_long || is_surrogate || is_past_end ? 0 : length;
}

static size_t utf8_write(uint32_t code, char *out)
{
    uint8_t *b = (uint8_t *)out;
    if (code < 0x80) {
        b[0] = (uint8_t)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = length - 1; i > 0; i--, code >>= 6)
        b[i] = (uint8_t)(0x80 | (code & 0x3F));
    b[0] = (uint8_t)(lead[length] | code);
    return length;
}

/* The four hexadecimal digits after \u. */
static bool take_unit(struct json_scan *s, uint32_t *out)
{
    uint32_t v = 0;
    if (s->end - s->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = *s->at++;
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                                : 16;
        if (digit == 16)
            return false;
        v = v << 4 | digit;
    }
    *out = v;
    return true;
}

/* After \u: one unit, or a pair of surrogates. */
static bool take_code(struct json_scan *s, uint32_t *out)
{
    uint32_t high, low;
    if (!take_unit(s, &high))
        return false;
    *out = high;
    if (high < 0xD800 || high > 0xDFFF)
        return high != 0;
    if (high > 0xDBFF || s->end - s->at < 2 || s->at[0] != '\\' || s->at[1] != 'u')
        return false;
    s->at += 2;
    if (!take_unit(s, &low) || low < 0xDC00 || low > 0xDFFF)
        return false;
    *out = 0x10000 + ((high - 0xD800) << 10 | (low - 0xDC00));
    return true;
}

/* After a backslash: what it stands for. */
static bool take_escape(struct json_scan *s, uint32_t *out)
{
    static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (s->at == s->end)
        return false;
    char c = *s->at++;
    if (c == 'u')
        return take_code(s, out);
    const char *found = memchr(escapes, c, sizeof escapes - 1);
    if (!found)
        return false;
    *out = (uint32_t)meanings[found - escapes];
    return true;
}

/* Resolve what stands up to the closing quote.  No escape is shorter than what it stands for, so
 * the rest of the text bounds the room that is needed. */
static enum status resolve(struct json_scan *s, char *out)
{
    for (;;) {
        if (s->at == s->end)
            return json_scan_broken(s, "a string has no end");
        if (*s->at == '"')
            break;
        if (*s->at == '\\') {
            uint32_t code;
            s->at++;
            if (!take_escape(s, &code))
                return json_scan_broken(s, "a string has a wrong escape");
            out += utf8_write(code, out);
            continue;
        }
        size_t n = utf8_sequence(s->at, (size_t)(s->end - s->at));
        if (n == 0 || (uint8_t)*s->at < 0x20)
            return json_scan_broken(s, "a string is not plain UTF-8");
        memcpy(out, s->at, n);
        out += n;
        s->at += n;
    }
    s->at++;
    *out = '\0';
    return STATUS_OK;
}

/* Bytes up to the closing quote, or to the end of the text. */
static size_t raw_length(const struct json_scan *s)
{
    const char *at = s->at;
    while (at < s->end && *at != '"')
        at += *at == '\\' && s->end - at > 1 ? 2 : 1;
    return (size_t)(at - s->at);
}

enum status json_scan_string(struct json_scan *s, char **out)
{
    enum status status = json_scan_expect(s, '"');
    if (status != STATUS_OK)
        return status;
    char *text = mem_alloc(raw_length(s) + 1);
    if (!text)
        return error_status(s->err, STATUS_NO_MEMORY);
    status = resolve(s, text);
    if (status != STATUS_OK)
        mem_free(text);
    else
        *out = text;
    return status;
}

enum status json_append_string(const char *text, struct buffer *out, struct error *err)
{
    const size_t size_before = out->size;
    enum status status = buffer_append(out, "\"", 1, err);
    for (size_t left = strlen(text), n; left > 0 && status == STATUS_OK; left -= n, text += n) {
        n = utf8_sequence(text, left);
        if (n == 0)
            status = error_set(err, STATUS_INVALID, "", "a text to be kept is not UTF-8");
        else if (*text == '"' || *text == '\\')
            status = buffer_printf(out, err, "\\%c", *text);
        else if ((uint8_t)*text < 0x20)
            status = buffer_printf(out, err, "\\u%04x", (unsigned)*text);
        else
            status = buffer_append(out, text, n, err);
        if (status != STATUS_OK)
            break;
    }
    if (status == STATUS_OK)
        status = buffer_append(out, "\"", 1, err);
    if (status != STATUS_OK)
        out->size = size_before;
    return status;
}
