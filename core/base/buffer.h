/*
 * A growing array of bytes that is born with a maximum, for encoders and messages.
 *
 * Invariants: size <= capacity <= max; data is owned by the buffer; after a failed append the
 * buffer is as it was.  Life cycle: buffer_init, appends, then buffer_deinit or buffer_take.
 */
#ifndef CORE_BASE_BUFFER_H
#define CORE_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t max;
};

/* An empty buffer that will never hold more than max bytes.  Cannot fail. */
void buffer_init(struct buffer *b, size_t max);

/* Release what it owns.  The buffer is then as after buffer_init. */
void buffer_deinit(struct buffer *b);

/* Append n bytes.  TOO_LARGE past max, NO_MEMORY. */
enum status buffer_append(struct buffer *b, const void *bytes, size_t n,
                          struct error *err) WARN_UNUSED;

/* Append n bytes of undefined content and give the place where they start, valid until the next
 * append. */
enum status buffer_extend(struct buffer *b, size_t n, uint8_t **out, struct error *err) WARN_UNUSED;

/* Append formatted text, without a final NUL. */
enum status buffer_printf(struct buffer *b, struct error *err, const char *format, ...) WARN_UNUSED
    PRINTF_LIKE(3, 4);

/* Hand the bytes over: the caller frees them with mem_free; the buffer is then empty. */
uint8_t *buffer_take(struct buffer *b, size_t *size);

#endif
