/*
 * The compute pool: threads that evaluate fields for queries and renders.
 *
 * Work comes as a number of points and a function from a range of points to their coordinates.  It
 * is cut into slices of a few thousand points; slices of all requests under way are taken in turn,
 * so a small query does not wait for a large render.  What becomes of the values is a function too,
 * called by the thread that has just computed them: nothing is kept in floats that ends as bytes.
 * Small requests run on the caller's thread, very small ones together (seats.h).  The same
 * arithmetic everywhere: a point's value does not depend on how the work was cut.
 */
#ifndef SERVER_FIELDS_COMPUTE_H
#define SERVER_FIELDS_COMPUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/field/field.h"
#include "server/fields/seats.h"

struct compute;

enum status compute_start(struct compute **out, size_t n_threads, struct error *err) WARN_UNUSED;

/* Give up what is under way (CANCELED) and end the threads; whoever asks for more than a little
 * later is CANCELED too.  All who asked have left the pool when this returns. */
void compute_quiesce(struct compute *c);

/* compute_quiesce, then free: nobody calls anything any more. */
void compute_stop(struct compute *c);

/* Write unit coordinates [n, D] of points first … first + n - 1.  Called on any thread, for
 * disjoint ranges. */
typedef void (*compute_points)(void *context, size_t first, size_t n, float *unit);

/* Take what was asked for at these points; the rest is NULL.  Gone afterwards.  Called on any
 * thread, for disjoint ranges. */
typedef void (*compute_take)(void *context, size_t first, size_t n,
                             const struct field_outputs *out);

/* Work that is not points but items that ask the field for points themselves (rays). */
struct compute_craft {
    double item_points;            /* of an item, about */
    size_t n_together;             /* items that are best handled together */
    void *(*begin)(void *context); /* what a thread needs; NULL: no memory */
    void (*work)(void *context, void *own, size_t first, size_t n); /* n <= n_together */
    void (*end)(void *own);
};

struct compute_request {
    const struct field *field;
    struct seats *seats;   /* of the field, or NULL */
    const uint32_t *split; /* as field_split gives it, for values in bf16x2, or NULL */
    enum field_use use;
    bool in_source; /* derivatives: with respect to source coordinates, else unit coordinates */
    size_t n_points;
    compute_points points;
    compute_take take;
    const struct compute_craft *craft; /* instead of points and take: n_points are items */
    void *context;
};

/* Evaluate and wait.  NO_MEMORY; CANCELED while the pool stops. */
enum status compute_run(struct compute *c, const struct compute_request *request,
                        struct error *err) WARN_UNUSED;

/* n places among the works that take long, of which there are `most`: whoever takes some gives them
 * back.  False: there are not so many left. */
bool compute_take_places(struct compute *c, size_t n, size_t most) WARN_UNUSED;
void compute_give_places(struct compute *c, size_t n);

/* Is it being stopped?  For long work outside of the pool, which must end then, too. */
bool compute_is_stopping(struct compute *c);

/* Threads that evaluate. */
size_t compute_n_threads(const struct compute *c);

#endif
