#include "core/format/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct text_lines text_lines_start(const uint8_t *bytes, size_t n_bytes)
{
    const char *text = (const char *)bytes;
    return (struct text_lines){.at = text, .end = n_bytes > 0 ? text + n_bytes : text};
}

bool text_next_line(struct text_lines *lines, struct text *line)
{
    if (lines->at == lines->end)
        return false;
    const char *p = lines->at;
    while (p < lines->end && *p != '\n' && *p != '\r')
        p++;
    *line = (struct text){lines->at, p};
    if (p < lines->end)
        p += *p == '\r' && p + 1 < lines->end && p[1] == '\n' ? 2 : 1;
    lines->at = p;
    lines->number++;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\v' || c == '\f';
}

bool text_next_word(struct text *line, struct text *word)
{
    const char *p = line->at;
    while (p < line->end && is_blank(*p))
        p++;
    word->at = p;
    while (p < line->end && !is_blank(*p))
        p++;
    word->end = p;
    line->at = p;
    return word->at < word->end;
}

static size_t length(struct text text)
{
    return (size_t)(text.end - text.at);
}

bool text_is(struct text word, const char *other)
{
    return length(word) == strlen(other) && memcmp(word.at, other, length(word)) == 0;
}

bool text_begins(struct text text, const char *start)
{
    return length(text) >= strlen(start) && memcmp(text.at, start, strlen(start)) == 0;
}

/* A copy that C's own functions can read: false where it is too long. */
struct number {
    char text[64];
};
static bool copy_number(struct text word, struct number *out)
{
    const size_t n = length(word);
    if (n == 0 || n >= sizeof out->text)
        return false;
    memcpy(out->text, word.at, n);
    out->text[n] = '\0';
    return true;
}

bool text_double(struct text word, double *out)
{
    struct number number;
    if (!copy_number(word, &number))
        return false;
    const char *digits = number.text + (number.text[0] == '-' || number.text[0] == '+');
    const bool is_named = strcasecmp(digits, "nan") == 0 || strcasecmp(digits, "inf") == 0 ||
                          strcasecmp(digits, "infinity") == 0;
    if (!is_named && strspn(number.text, "+-.0123456789eE") != strlen(number.text))
        return false; /* hexadecimal, blanks, a NUL */
    char *end;
    const double value = strtod(number.text, &end);
    if (end != number.text + length(word))
        return false;
    *out = value;
    return true;
}

bool text_integer(struct text word, int64_t *out)
{
    struct number number;
    if (!copy_number(word, &number) || strspn(number.text, "+-0123456789") != strlen(number.text))
        return false;
    char *end;
    errno = 0;
    const long long value = strtoll(number.text, &end, 10);
    if (errno != 0 || end != number.text + length(word))
        return false;
    *out = value;
    return true;
}

struct text_quote text_quote(struct text text)
{
    struct text_quote q = {{0}};
    size_t n = length(text) < sizeof q.text - 1 ? length(text) : sizeof q.text - 1;
    for (size_t i = 0; i < n; i++)
        q.text[i] = (char)(text.at[i] >= ' ' && text.at[i] <= '~' ? text.at[i] : '?');
    return q;
}

int text_cut(const char *utf8, size_t most)
{
    size_t n = strnlen(utf8, most);
    while (n > 0 && ((uint8_t)utf8[n] & 0xC0) == 0x80) /* in the middle of one */
        n--;
    return (int)n;
}
