/*
 * ZIP archives held in memory, by libzip: what NPZ files and posed views come in.
 *
 * Opening judges the directory before anything is unpacked: the number of members, their packing,
 * the sizes it declares in sum and against the archive's own size (so that members that share bytes
 * cannot multiply them), all held against LIMIT_ARCHIVE_*.  Unpacking then never makes more than
 * was declared, and compares the checksum at the end.  Nothing is ever written to a disk under a
 * member's name.  One thread at a time.
 */
#ifndef CORE_FORMAT_ZIP_ARCHIVE_H
#define CORE_FORMAT_ZIP_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"

struct zip_archive;

/* Open.  what begins every message ("the NPZ archive"); it and the bytes are borrowed until
 * zip_archive_close.  INVALID (broken, empty, or two members of one name), UNSUPPORTED (encrypted,
 * or packed otherwise than by deflate), TOO_LARGE, NO_MEMORY. */
enum status zip_archive_open(struct zip_archive **out, const uint8_t *bytes, size_t n_bytes,
                             const char *what, struct error *err) WARN_UNUSED;
void zip_archive_close(struct zip_archive *z); /* NULL is fine; after its open members */

size_t zip_archive_n_members(const struct zip_archive *z);

/* In UTF-8, as the archive has it: not a path to be trusted. */
const char *zip_archive_name(const struct zip_archive *z, size_t i);

/* Bytes of a member, unpacked. */
size_t zip_archive_size(const struct zip_archive *z, size_t i);

/* Unpack a whole member: *out is the caller's (mem_free), zip_archive_size bytes, never NULL.
 * INVALID (broken, not of its declared size), NO_MEMORY. */
enum status zip_archive_read(struct zip_archive *z, size_t i, uint8_t **out,
                             struct error *err) WARN_UNUSED;

/* The same of a member of at most `most` bytes, n of them; TOO_LARGE, with its name, for others. */
enum status zip_archive_read_most(struct zip_archive *z, size_t i, size_t most, uint8_t **out,
                                  size_t *n, struct error *err) WARN_UNUSED;

/* Unpack a member piece by piece: open, read, end, close. */
struct zip_file; /* libzip's */
struct zip_member {
    struct zip_archive *archive;
    struct zip_file *file;
};
enum status zip_member_open(struct zip_member *out, struct zip_archive *z, size_t i,
                            struct error *err) WARN_UNUSED;
void zip_member_close(struct zip_member *m); /* one of zeros is fine */

/* The next n bytes.  INVALID where so many are not left, or broken. */
enum status zip_member_read(struct zip_member *m, void *out, size_t n,
                            struct error *err) WARN_UNUSED;

/* Nothing is left, and the checksum agrees.  INVALID. */
enum status zip_member_end(struct zip_member *m, struct error *err) WARN_UNUSED;

/* Append an archive of n >= 1 members, stored, not deflated, dated 1980-01-01: same members, same
 * bytes.  INVALID (no member, two of one name), TOO_LARGE (the buffer's maximum), NO_MEMORY; *out
 * is then as it was. */
struct zip_entry {
    const char *name;
    const void *bytes;
    size_t n;
};
enum status zip_archive_encode(const struct zip_entry *entries, size_t n, const char *what,
                               struct buffer *out, struct error *err) WARN_UNUSED;

#endif
