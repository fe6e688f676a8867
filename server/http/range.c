#include "server/http/range.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A position: digits; one that does not fit is as good as the largest. */
static bool read_position(const char **text, uint64_t *out)
{
    if (**text < '0' || **text > '9')
        return false;
    char *end;
    errno = 0;
    *out = strtoull(*text, &end, 10); /* ULLONG_MAX where it does not fit */
    *text = end;
    return true;
}

struct range range_parse(const char *header, uint64_t size)
{
    struct range whole = {RANGE_WHOLE, 0, size};
    struct range none = {RANGE_UNSATISFIABLE, 0, 0};
    if (!header || strncasecmp(header, "bytes=", 6) != 0)
        return whole;
    const char *text = header + 6 + strspn(header + 6, " \t");
    uint64_t first = 0, last = UINT64_MAX;
    bool has_first = read_position(&text, &first);
    if (*text++ != '-')
        return whole;
    bool has_last = read_position(&text, &last);
    text += strspn(text, " \t");
    if (*text != '\0' || (!has_first && !has_last) || (has_first && has_last && last < first))
        return whole;
    if (!has_first) { /* "-500": the last 500 bytes */
        if (last == 0 || size == 0)
            return none;
        uint64_t count = last < size ? last : size;
        return (struct range){RANGE_PART, size - count, count};
    }
    if (first >= size)
        return none;
    uint64_t left = size - first;
    uint64_t count = last - first < left ? last - first + 1 : left;
    return (struct range){RANGE_PART, first, count};
}
