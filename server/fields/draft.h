/*
 * A draft of a field: its weights for pictures of eight bits, whose values may be a little off.
 *
 * They are made when a picture is first asked for, in some milliseconds that this picture gives
 * back, and are compared with the field there and then: a field whose values they miss by more than
 * an eighth of a level of 255 is drawn in fp32 for ever.  So a snapshot that nobody looks at costs
 * nothing, and the same weights give the same picture.
 *
 * Threads: any.  Who asks while the draft is made waits for it.
 */
#ifndef SERVER_FIELDS_DRAFT_H
#define SERVER_FIELDS_DRAFT_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/field/field.h"

/* Fewer points are drawn in fp32: they do not pay for the draft. */
enum { DRAFT_LEAST_POINTS = 4096 };

struct draft;

/* The field outlives the draft. */
enum status draft_create(struct draft **out, const struct field *field,
                         struct error *err) WARN_UNUSED;
void draft_free(struct draft *d);

/* *split: as field_split gives it, owned by the draft, or NULL for fp32.  NO_MEMORY: ask again
 * later. */
enum status draft_get(struct draft *d, const uint32_t **split, struct error *err) WARN_UNUSED;

/* Bytes of memory that the draft of a field may take. */
size_t draft_bytes(const struct field *field);

#endif
