/*
 * Byte ranges (RFC 9110, section 14): one range is served, several are answered in full.
 */
#ifndef SERVER_HTTP_RANGE_H
#define SERVER_HTTP_RANGE_H

#include <stdint.h>

enum range_kind {
    RANGE_WHOLE,         /* no range, one that is malformed, or several: all of it, 200 */
    RANGE_PART,          /* 206 */
    RANGE_UNSATISFIABLE, /* 416 */
};

struct range {
    enum range_kind kind;
    uint64_t first, count; /* of RANGE_WHOLE: 0 and the size */
};

/* header: the value of Range, or NULL; size: of the whole representation. */
struct range range_parse(const char *header, uint64_t size);

#endif
