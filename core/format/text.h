/*
 * Lines and words of a text that is held in memory and not ended by a NUL: what the text formats of
 * meshes and headers are read with.
 *
 * A line ends at \n, \r or \r\n, or with the text; words are separated by blanks and tabs.
 */
#ifndef CORE_FORMAT_TEXT_H
#define CORE_FORMAT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A part of the text; borrowed. */
struct text {
    const char *at;
    const char *end;
};

struct text_lines {
    const char *at; /* what is not read yet */
    const char *end;
    size_t number; /* of the line read last; 0 before the first */
};

struct text_lines text_lines_start(const uint8_t *bytes, size_t n_bytes);

/* The next line, without its end; false where there is none. */
bool text_next_line(struct text_lines *lines, struct text *line);

/* Step over the blanks and then over one word of the line; false where there is none. */
bool text_next_word(struct text *line, struct text *word);

bool text_is(struct text word, const char *other);
bool text_begins(struct text text, const char *start);

/* The whole word as a decimal number ("-1.5e-3"), rounded to the nearest double, or "nan", "inf",
 * "infinity" with a sign or not, in any case; false for anything else, and past 63 characters. */
bool text_double(struct text word, double *out);

/* The whole word as a decimal integer with a sign or not; false for anything else, and where it
 * does not fit. */
bool text_integer(struct text word, int64_t *out);

/* The first characters of a text for a message: what does not print becomes '?'. */
struct text_quote {
    char text[25];
};
struct text_quote text_quote(struct text text);

/* How many of the first `most` bytes of a UTF-8 string are whole characters: a precision for %.*s.
 */
int text_cut(const char *utf8, size_t most);

#endif
