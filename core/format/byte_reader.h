/*
 * Bytes read one after another: as they lie in memory, or unpacked from gzip on the way (RFC 1952,
 * several members in a row too, as pigz and bgzip write them; zeros behind the last are padding).
 * Nothing is kept but a window of 32 KiB: whoever reads decides how much is unpacked, whatever the
 * file would unpack to.
 */
#ifndef CORE_FORMAT_BYTE_READER_H
#define CORE_FORMAT_BYTE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

/* bytes are borrowed until it is closed.  INVALID for what does not begin as gzip does, NO_MEMORY.
 * One thread at a time. */
struct byte_reader;
enum status byte_reader_open(struct byte_reader **out, const uint8_t *bytes, size_t n_bytes,
                             bool is_gzip, struct error *err) WARN_UNUSED;
void byte_reader_close(struct byte_reader *r); /* NULL is fine */

/* The next n bytes; *got: how many there were, fewer than n only at the end of all, where the
 * checksums have been found right.  INVALID for broken gzip, NO_MEMORY. */
enum status byte_reader_read(struct byte_reader *r, uint8_t *out, size_t n, size_t *got,
                             struct error *err) WARN_UNUSED;

/* Leave n bytes out.  INVALID if there are fewer. */
enum status byte_reader_skip(struct byte_reader *r, size_t n, struct error *err) WARN_UNUSED;

#endif
