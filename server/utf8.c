#include "server/utf8.h"

#include <string.h>

/* By number of continuation bytes: the smallest character that may be written so. */
static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};

size_t utf8_decode(const char *text, size_t n, uint32_t *code)
{
    const uint8_t *p = (const uint8_t *)text;
    size_t more = p[0] < 0x80 ? 0 : p[0] < 0xC0 ? 4 : p[0] < 0xE0 ? 1 : p[0] < 0xF0 ? 2 : 3;
    if (more == 4 || more >= n || p[0] >= 0xF8)
        return 0;
    uint32_t c = more == 0 ? p[0] : p[0] & (0x3FU >> more);
    for (size_t i = 1; i <= more; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3FU);
    }
    if (c < smallest[more] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return 0;
    *code = c;
    return more + 1;
}

bool utf8_is_valid(const char *text, size_t n)
{
    uint32_t code;
    for (size_t i = 0; i < n;) {
        size_t length = utf8_decode(text + i, n - i, &code);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || (code >= 0x200b && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
           code == 0xfeff;
}

bool utf8_is_printable(const char *text)
{
    const size_t n = strlen(text);
    for (size_t i = 0; i < n;) {
        uint32_t code;
        const size_t length = utf8_decode(text + i, n - i, &code);
        if (length == 0 || is_control(code))
            return false;
        i += length;
    }
    return true;
}
