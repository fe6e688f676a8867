/*
 * UTF-8, strictly: no overlong forms, no surrogates, nothing beyond U+10FFFF.
 */
#ifndef SERVER_UTF8_H
#define SERVER_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character at the start of the n >= 1 bytes at text: *code is set and its length (1..4)
 * returned; 0, and *code untouched, where the bytes are not one. */
size_t utf8_decode(const char *text, size_t n, uint32_t *code);

/* Are all n bytes UTF-8?  (A NUL is a character like others.) */
bool utf8_is_valid(const char *text, size_t n);

/* Is all of it UTF-8 that prints?  Controls do not, nor do marks that are not seen or turn the
 * direction of text. */
bool utf8_is_printable(const char *text);

#endif
