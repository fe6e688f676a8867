/*
 * The field cache: fields ready to be queried, most recently used kept, bounded in bytes.
 *
 * A final field is loaded from the store when it is first asked for.  A field in training is
 * whatever the last snapshot was, put here by the supervisor; it stays until the final one takes
 * its place. Entries are reference counted: one that is being queried lives until the last user
 * lets it go.  Of final fields, those that nobody holds go first, the least recently used before
 * others, when all together are over the bound; snapshots stay.
 *
 * Threads: any.  The lock is never held while the store is asked or a field is made; two that ask
 * for the same cold field wait for one load.
 */
#ifndef SERVER_FIELDS_FIELD_CACHE_H
#define SERVER_FIELDS_FIELD_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"
#include "core/field/field.h"
#include "server/fields/draft.h"
#include "server/fields/seats.h"
#include "server/store/store.h"

struct field_cache;

/* Builds a field from a job's resolved spec and a weights file.  Given by api/ (it can read specs).
 */
typedef enum status (*field_opener)(const struct kernel *kernel, const char *spec_json,
                                    const uint8_t *weights, size_t n, struct field **out,
                                    struct error *err);

enum field_state { FIELD_TRAINING, FIELD_FINAL };

/* What a query holds while it runs. */
struct field_entry {
    const struct field *field;
    struct seats *seats; /* of the field, for whoever holds the entry */
    struct draft *draft; /* likewise */
    enum field_state state;
    uint64_t step;
    uint64_t bytes;                        /* of the weights file */
    char weights_sha256[SHA256_TEXT_SIZE]; /* identifies the content, also of a snapshot */
    const char *summary_json;              /* n_inputs, n_outputs, n_parameters, domain */
    const char *spec_json;                 /* of its job */
};

enum status field_cache_create(struct field_cache **out, struct store *store, uint64_t max_bytes,
                               const struct kernel *kernel, field_opener opener,
                               struct error *err) WARN_UNUSED;
void field_cache_free(struct field_cache *c);

/* Borrow the field with this id until field_cache_release.  NOT_FOUND: no such field; CONFLICT: its
 * job has made no snapshot yet. */
enum status field_cache_get(struct field_cache *c, const char *field_id,
                            const struct field_entry **out, struct error *err) WARN_UNUSED;
void field_cache_release(struct field_cache *c, const struct field_entry *entry);

/* A snapshot of a field in training, made by the opener: INVALID if it is not one.  The last one
 * also answers field_cache_weights.  The texts and bytes are copied. */
struct field_snapshot {
    const char *spec_json, *summary_json;
    uint64_t step;
    const uint8_t *weights;
    size_t n_weights;
};
enum status field_cache_publish(struct field_cache *c, const char *field_id,
                                const struct field_snapshot *snapshot,
                                char sha256_out[SHA256_TEXT_SIZE], struct error *err) WARN_UNUSED;

/* The field became final, or vanished: forget what is here (the store has the truth now).  Whoever
 * holds it keeps it until field_cache_release. */
void field_cache_forget(struct field_cache *c, const char *field_id);

/* A copy of the weights file of the last snapshot (mem_free); NOT_FOUND if there is none. */
enum status field_cache_weights(struct field_cache *c, const char *field_id, uint8_t **out,
                                size_t *n, struct error *err) WARN_UNUSED;

/* n_entries and bytes now; hits and misses since the start. */
void field_cache_counters(struct field_cache *c, uint64_t *n_entries, uint64_t *bytes,
                          uint64_t *hits, uint64_t *misses);

#endif
