#include "server/jobs/clean_text.h"

#include <string.h>

#include "server/utf8.h"

/* Bytes of the character at the start of the n >= 1 bytes at text; 0 if it is not UTF-8 or a
 * control character (C0, DEL, C1). */
static size_t character(const char *text, size_t n)
{
    uint32_t code;
    const size_t length = utf8_decode(text, n, &code);
    if (length == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
        return 0;
    return length;
}

void text_clean(char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t n = character(text, left);
        if (n == 0) {
            *text = '?';
            n = 1;
        }
        text += n;
        left -= n;
    }
}

enum status text_append_json(struct buffer *out, const char *text, struct error *err)
{
    size_t left = strlen(text);
    enum status status = buffer_append(out, "\"", 1, err);
    while (status == STATUS_OK && left > 0) {
        const size_t n = character(text, left);
        if (n == 0)
            status = buffer_append(out, "?", 1, err);
        else if (*text == '"' || *text == '\\')
            status = buffer_printf(out, err, "\\%c", *text);
        else
            status = buffer_append(out, text, n, err);
        text += n ? n : 1;
        left -= n ? n : 1;
    }
    return status == STATUS_OK ? buffer_append(out, "\"", 1, err) : status;
}
