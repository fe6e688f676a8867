/*
 * Tables: how a step trains the grids of a field (core/nn/grid.h).
 *
 *   while tiles go by      the gradient of each point's grid features is kept, level by level
 *   when all have gone by  a level at a time, by whichever member is free: the batch's gradients
 *                          are added to the level's table in the order of points, and what was
 *                          touched is updated at once
 *
 * No two members meet in a table, and a table's numbers do not depend on how many there are.
 * Between steps all gradients are zero.  Memory: as much as the tables for the gradient, and for
 * each point of a batch its coordinates and features.
 */
#ifndef CORE_FIELD_TABLES_H
#define CORE_FIELD_TABLES_H

#include "core/field/field.h"
#include "core/nn/optimizer.h"

struct tables;

/* *out is NULL for a field without grids.  field is borrowed.  NO_MEMORY. */
enum status tables_create(struct tables **out, struct field *field, size_t batch_size,
                          struct error *err) WARN_UNUSED;
void tables_free(struct tables *t); /* NULL is fine */

/* Before a step, by one thread. */
void tables_begin(struct tables *t);

/* Keep what backward left of points first … first + n - 1 of the batch: coordinates [n, D],
 * d_input [n, ld].  Any member, for points of its own. */
void tables_keep(struct tables *t, size_t first, size_t n, const float *coords,
                 const float *d_input, size_t ld);

/* Once all points of the batch are kept: every member calls it and returns when no level is left.
 * `number` of the update, from 1; moments: blocks shaped like the field's parameters. */
void tables_update(struct tables *t, const struct optimizer_spec *optimizer, uint64_t number,
                   double rate, float *const *moments);

#endif
