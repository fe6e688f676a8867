/*
 * Where in a JSON text an offset lies, as a JSON pointer (RFC 6901): a parser that stops in the
 * middle knows a line and a column, a user thinks in names.
 *
 *   {"train": {"steps": 5, "seed": Na|N}}      the offset at the bar is in "/train/seed"
 *
 * The text need not be valid, nor UTF-8: what has been opened before the offset counts, what makes
 * no sense is passed over.  The time is linear in the offset, the memory constant; any thread.
 */
#ifndef API_CODEC_JSON_PLACE_H
#define API_CODEC_JSON_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/codec/codec_json.h"

/* The value that is being written when `offset` bytes of the text have been read, from its first
 * character (or its name) up to the comma or bracket behind it.  Where that place is too deep, or
 * its names too long, for the room there is, the innermost place around it that fits.  "" is the
 * whole text.  offset may be beyond n: the end.  Returns whether a value may stand there: not where
 * an object waits for a name. */
bool json_place(const uint8_t *bytes, size_t n, size_t offset, char out[POINTER_SIZE]);

#endif
