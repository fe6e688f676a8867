/*
 * jansson's reader is the one thing in it that does not survive a failed allocation.  It collects
 * each word of the text in a buffer that doubles, and does not look whether it could: characters
 * are then missing from the word, an assertion ends the process where a number ends
 * (lex_unget_unsave), or a string without its closing quote is copied past the end of its place
 * (lex_scan_string).
 *
 * So a reserve is made before a text is read.  The first allocation that fails gets the reserve,
 * which is larger than any word's buffer can grow to; from then on the text has ended for the
 * reader: it is fed a character at a time, so that not a single one more comes into the buffer.
 * What else it allocates may fail, it looks at that; the outcome is NO_MEMORY in any case.
 */
#include "api/codec/codec_json.h"

#include <stdlib.h>

#include "core/base/mem.h"

/* A text that is being read. */
struct source {
    const char *at, *end;
    void *reserve; /* NULL: given away */
    size_t reserve_size;
    bool was_short;
};

/* jansson asks for memory without saying for whom: it is for this thread's text, if there is one.
 */
static _Thread_local struct source *under_way;

static void *allocate(size_t n)
{
    void *p = malloc(n);
    struct source *s = under_way;
    if (p || !s)
        return p;
    s->was_short = true;
    if (!s->reserve || n > s->reserve_size)
        return NULL;
    p = s->reserve;
    s->reserve = NULL;
    return p;
}

/* Before main: nobody reads jansson's pointers yet. */
__attribute__((constructor)) static void install(void)
{
    json_set_alloc_funcs(allocate, free);
}

static size_t feed(void *place, size_t n, void *context)
{
    struct source *s = context;
    if (n == 0 || s->was_short || s->at == s->end)
        return 0;
    *(char *)place = *s->at++;
    return 1;
}

enum status codec_json_load(const char *text, size_t n, size_t flags, json_t **out,
                            json_error_t *error)
{
    enum { FIRST_SIZE = 64 }; /* jansson begins with 16 */
    struct source s = {.at = text, .end = text + n};
    if (!mem_mul(&s.reserve_size, n, 2) || !mem_add(&s.reserve_size, s.reserve_size, FIRST_SIZE))
        return STATUS_NO_MEMORY;
    s.reserve = malloc(s.reserve_size);
    if (!s.reserve)
        return STATUS_NO_MEMORY;
    under_way = &s;
    json_t *value = json_load_callback(feed, &s, flags, error);
    under_way = NULL;
    free(s.reserve);
    if (value && !s.was_short) {
        *out = value;
        return STATUS_OK;
    }
    json_decref(value);
    return s.was_short ? STATUS_NO_MEMORY : STATUS_INVALID;
}
