/*
 * Seats: where small queries of one field meet.
 *
 * The network reads all its weights for one point as for a tile of them, so a tile-full costs
 * little more than a point.  A query that finds fewer than two tiles under way takes one for itself
 * and computes at once, on its own thread; others meanwhile sit down together, and the first of
 * them computes for all when a tile is free.  Nobody waits for company.  A value is the same alone
 * and in company.
 *
 * Seats live with their field, and keep scratch memory from one query to the next.  Any thread.
 */
#ifndef SERVER_FIELDS_SEATS_H
#define SERVER_FIELDS_SEATS_H

#include <stddef.h>

#include "core/base/status.h"
#include "core/field/field.h"

/* Points of one query: more than this fill a good part of a tile by themselves. */
enum { SEATS_POINTS = MLP_TILE / 3 };

struct seats;

/* field: borrowed until seats_free, when nobody sits here any more. */
enum status seats_create(struct seats **out, const struct field *field,
                         struct error *err) WARN_UNUSED;
void seats_free(struct seats *s);

/* Bytes of memory that seats of a field keep. */
size_t seats_bytes(const struct field *field);

/* values [n, C] at unit coordinates [n, D], 1 <= n <= SEATS_POINTS.  NO_MEMORY. */
enum status seats_query(struct seats *s, size_t n, const float *unit, float *values,
                        struct error *err) WARN_UNUSED;

#endif
