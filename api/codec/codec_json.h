/*
 * JSON at the edge: bytes <-> json_t, and the one reader of settings.
 *
 * Bodies are refused when they hold a NUL, are nested too deep, repeat a member, or are not JSON.
 * Settings are read by tables: one row says a member's name, type, range, whether null is allowed,
 * and where it goes.  Unknown members, wrong types and values out of range are added to a
 * problem_list with their JSON pointer: "'width' must be an integer in 1..2048, got 4096".
 */
#ifndef API_CODEC_JSON_H
#define API_CODEC_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/problem.h"
#include "core/base/buffer.h"

/* Read a whole body.  *out is the caller's (json_decref).  A broken text is a syntax problem (400);
 * repeated members, numbers beyond double or int64, and nesting past max_depth are INVALID.  The
 * problem's pointer is the place where reading stopped. */
enum status codec_json_parse(const uint8_t *bytes, size_t n, size_t max_depth, json_t **out,
                             struct problem_list *problems) WARN_UNUSED;

/* Any text at all: the way to jansson's reader, which must not run out of memory by itself
 * (codec_json_load.c).  NO_MEMORY; INVALID, and then *error has jansson's words. */
enum status codec_json_load(const char *text, size_t n, size_t flags, json_t **out,
                            json_error_t *error) WARN_UNUSED;

/* A body that must be an object. */
enum status codec_json_parse_object(const uint8_t *bytes, size_t n, size_t max_depth, json_t **out,
                                    struct problem_list *problems) WARN_UNUSED;

/* JSON text that this program wrote itself (a row's spec_json, a worker's answer).  *out is the
 * caller's (json_decref).  INTERNAL if it is not an object, NO_MEMORY. */
enum status codec_json_own(const char *text, json_t **out, struct error *err) WARN_UNUSED;

/* The same for builders, where NULL and "" stand for {}.  NULL if there is none. */
json_t *codec_json_object(const char *text);

/* A shallow copy of an object, whole or NULL (json_copy drops members when memory is short). */
json_t *codec_json_copy(const json_t *object);

/* Append compact text.  value is borrowed; NULL is NO_MEMORY (so that builders need no checks). */
enum status codec_json_append(const json_t *value, struct buffer *out,
                              struct error *err) WARN_UNUSED;

/* The same as a string; the caller frees it with mem_free. */
enum status codec_json_text(const json_t *value, char **out, struct error *err) WARN_UNUSED;

/* A measured number as a JSON real: nine digits are more than it is worth, and read well. */
json_t *codec_json_measured(double value);

/* Write the JSON pointer of a member (RFC 6901: "~" and "/" of its name escaped). */
enum { POINTER_SIZE = 96 };
void codec_json_pointer(char out[POINTER_SIZE], const char *parent, const char *name);

/* --- settings by tables --- */

enum member_type {
    MEMBER_INTEGER, /* uint64_t at offset */
    MEMBER_NUMBER,  /* double at offset */
    MEMBER_NUMBERS, /* `count` doubles at offset */
    MEMBER_LIST,    /* at most `count` integers: struct { uint64_t n, item[count]; } at offset */
    MEMBER_BOOL,    /* bool at offset */
    MEMBER_NAME,    /* one of `names`: int (an enum's value) at offset */
    MEMBER_CUSTOM,  /* known here, checked and read by the caller */
};

enum { MEMBER_MAX_LIST = 8 };

struct member {
    const char *name;
    enum member_type type;
    double min, max;               /* inclusive … */
    bool is_min_open, is_max_open; /* … but for these */
    bool is_nullable;              /* null is written as 0 */
    bool may_be_auto;              /* "auto" is written as 0 */
    size_t count;
    size_t offset;            /* in the struct that is read into */
    const char *fallback;     /* JSON text of the default; NULL: the member has none */
    const char *const *names; /* indexed by value, ended by NULL; "" cannot be chosen */
    const char *const *later; /* texts that are promised for later, ended by NULL: UNSUPPORTED */
    const char *with, *with_value; /* it has a meaning only where this member is this text */
};

/* One value against one row; target may be NULL: only check. */
enum status codec_json_member(const json_t *value, const char *pointer, const struct member *member,
                              void *target, struct problem_list *problems);

/* The members of an object that are there, into *target (may be NULL); absent ones are left alone.
 * A value that is no object, and unknown members, are problems. */
enum status codec_json_members(json_t *object, const char *pointer, const struct member *members,
                               size_t n, void *target, struct problem_list *problems);

/* Fill in an object: each row's value is the caller's, else the base's, else the row's default; a
 * row without any is a problem.  caller and base may be NULL; the base is trusted.  *out is the
 * caller's (json_decref), its members in the rows' order, numbers as JSON reals. */
enum status codec_json_resolve(json_t *caller, const json_t *base, const char *pointer,
                               const struct member *members, size_t n, json_t **out,
                               struct problem_list *problems) WARN_UNUSED;

#endif
