/*
 * Text that quotes what others sent, made safe to store, to send and to write as JSON: UTF-8
 * without control characters.
 */
#ifndef SERVER_JOBS_CLEAN_TEXT_H
#define SERVER_JOBS_CLEAN_TEXT_H

#include "core/base/buffer.h"
#include "core/base/status.h"

/* Put '?' in place of every byte that is not UTF-8, or is a control character. */
void text_clean(char *text);

/* Append the text as a JSON string, quotes included, with '?' in the same places. */
enum status text_append_json(struct buffer *out, const char *text, struct error *err) WARN_UNUSED;

#endif
