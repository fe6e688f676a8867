/*
 * The table of dataset kinds: what may be uploaded, how it is checked, shown and read.
 *
 *   bytes  ──kinds_recognise──► kind, media type
 *   bytes  ──check────────────► info, what a dataset says of itself (JSON, kept in its row)
 *   info   ──read_info────────► struct spec_facts: what jobs and estimates need to know
 *   bytes  ──decode───────────► struct data, which tasks learn from
 *   data   ──picture──────────► a small picture of it
 *
 * check and picture run in a process of their own before an upload is answered; decode in the
 * worker of a job.  A kind is one file kinds_*.c and one row here.
 */
#ifndef API_KINDS_KINDS_H
#define API_KINDS_KINDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/codec/codec_spec.h"
#include "core/base/data.h"
#include "core/base/status.h"

struct kind {
    enum data_kind kind;
    const char *name;  /* "image" */
    const char *reads; /* "PNG, JPEG and NPY": for errors */

    /* *media_type: static text if the bytes, by how they begin or by the names in an archive, are
     * of this kind; else NULL.  is_said: the client named the kind; else only bytes that can be no
     * other kind are.  NO_MEMORY. */
    enum status (*recognise)(const uint8_t *bytes, size_t n, bool is_said, const char **media_type,
                             struct error *err);

    /* Read it all and keep nothing: *info is a new object with "shape", "warnings" and what else
     * the kind tells.  INVALID for broken bytes and numbers that are not finite, UNSUPPORTED,
     * TOO_LARGE past limits.h. */
    enum status (*check)(const uint8_t *bytes, size_t n, json_t **info, struct error *err);

    /* The caller owns *out (data_deinit).  spec: of the job that will learn from it, NULL for a
     * picture.  The same errors as check. */
    enum status (*decode)(const uint8_t *bytes, size_t n, const struct spec *spec, struct data *out,
                          struct error *err);

    /* What is shown of it at about this width (never finer than the data): the caller's
     * (image_deinit). */
    enum status (*picture)(const struct data *data, size_t width, struct image *out,
                           struct error *err);

    /* An info that check made; false if it is none.  kind and file's bytes are set already. */
    bool (*read_info)(const json_t *info, const char *media_type, uint64_t file_bytes,
                      struct spec_facts *out);
};

/* The rows in order; NULL past the last. */
const struct kind *kinds_at(size_t i);

/* NULL if there is none. */
const struct kind *kinds_find(const char *name);

/* Which kind are these bytes?  said: the client's word, "" or NULL for none.  INVALID or
 * UNSUPPORTED, at "/kind" where saying it would help; NO_MEMORY. */
enum status kinds_recognise(const uint8_t *bytes, size_t n, const char *said,
                            const struct kind **out, const char **media_type,
                            struct error *err) WARN_UNUSED;

/* What a dataset's row tells jobs.  INTERNAL if its info does not. */
enum status kinds_facts(const char *kind, const char *media_type, uint64_t file_bytes,
                        const char *info_json, struct spec_facts *out,
                        struct error *err) WARN_UNUSED;

/* For kinds that are NPZ archives: which arrays one holds it does not tell at its beginning, so
 * only where the kind is said. */
enum status kinds_recognise_npz(const uint8_t *bytes, size_t n, bool is_said,
                                const char **media_type, struct error *err);

/* A count that an info tells: a whole number in 1..most.  False, *out untouched, if it is none. */
bool kinds_count(const json_t *info, const char *name, size_t most, size_t *out);

/* --- the rows --- */
extern const struct kind kinds_image;
extern const struct kind kinds_volume;
extern const struct kind kinds_shape;
extern const struct kind kinds_views;
extern const struct kind kinds_sinogram;
extern const struct kind kinds_kspace;
extern const struct kind kinds_signal;

#endif
