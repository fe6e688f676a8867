/*
 * Query arguments: ?width=512&bbox=0,0,1,1 as numbers in a range, and what a client accepts.
 *
 * An argument that is absent leaves *out as it was: the caller puts the default there first.  One
 * that is there and wrong is a problem at "/width"; nothing is clamped or ignored.
 */
#ifndef API_CODEC_ARGS_H
#define API_CODEC_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/problem.h"
#include "server/http/http.h"
#include "server/store/store.h"

/* Refuse arguments not in names (ended by NULL), and any that comes twice. */
enum status codec_args_known(const struct http_request *r, const char *const *names,
                             struct problem_list *problems);

enum status codec_args_integer(const struct http_request *r, const char *name, uint64_t min,
                               uint64_t max, uint64_t *out, struct problem_list *problems);

/* A part of a path, which is not found where it is not an integer in 0..max. */
enum status codec_args_place(const char *name, const char *text, uint64_t max, uint64_t *out,
                             struct problem_list *problems);

/* A finite number in [min, max]. */
enum status codec_args_number(const struct http_request *r, const char *name, double min,
                              double max, double *out, struct problem_list *problems);

/* Exactly n finite numbers, separated by commas.  *is_given (may be NULL): was it there? */
enum status codec_args_numbers(const struct http_request *r, const char *name, size_t n,
                               double *out, bool *is_given, struct problem_list *problems);

/* One of `names` (ended by NULL): *out is its index. */
enum status codec_args_name(const struct http_request *r, const char *name,
                            const char *const *names, size_t *out, struct problem_list *problems);

/* Several of `names`, separated by commas: bit i of *out stands for names[i]. */
enum status codec_args_names(const struct http_request *r, const char *name,
                             const char *const *names, unsigned *out,
                             struct problem_list *problems);

/* limit (1..200, default 50), cursor, and q: 1..128 bytes that print, borrowed from the request. */
enum status codec_args_page(const struct http_request *r, struct page *out,
                            struct problem_list *problems);

/* Which of the offered media types (ended by NULL, the first is preferred) does an Accept header
 * allow?  Quality values, ranges ("image/" and a star) and absence are understood.  False: none
 * (406).
 */
bool codec_accept(const char *accept, const char *const *offers, size_t *out);

#endif
