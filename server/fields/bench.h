/*
 * A bench: the scratch memory with which one thread evaluates one field, a tile of its network at a
 * time.
 */
#ifndef SERVER_FIELDS_BENCH_H
#define SERVER_FIELDS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/field/field.h"

struct bench {
    struct field_workspace *workspace;
    size_t n_room;            /* points that fit */
    float *unit;              /* [n_room, D] */
    struct field_outputs out; /* of n_room points; what `use` does not give is NULL */
    struct bench *next;
};

/* split: as field_split gives it, for values in bf16x2, or NULL.  NULL when out of memory. */
struct bench *bench_create(const struct field *f, enum field_use use, const uint32_t *split,
                           size_t n_room);
void bench_free(struct bench *b);

/* Fill out at the first n <= n_room points of unit.  in_source: as field_derivatives takes it. */
void bench_evaluate(struct bench *b, const struct field *f, bool in_source, size_t n);

#endif
