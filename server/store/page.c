/*
 * Pages of lists.  A cursor is the list's letter and the number of the last row seen, in 16
 * hexadecimal digits.
 */
#include "server/store/store_internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CURSOR_DIGITS = 16, MAX_PAGE = 200 };

static enum status read_cursor(const char *cursor, char list, int64_t *before, struct error *err)
{
    if (cursor[0] == '\0') {
        *before = INT64_MAX;
        return STATUS_OK;
    }
    uint64_t n = 0;
    bool is_ours = cursor[0] == list && strlen(cursor) == 1 + CURSOR_DIGITS &&
                   strspn(cursor + 1, "0123456789abcdef") == CURSOR_DIGITS;
    if (is_ours)
        n = strtoull(cursor + 1, NULL, 16);
    if (n == 0 || n > INT64_MAX)
        return error_set(err, STATUS_INVALID, "/cursor",
                         "'cursor' must be the 'next_cursor' of a page of this list");
    *before = (int64_t)n;
    return STATUS_OK;
}

enum status page_begin(const struct page *page, char list, struct page_walk *out, struct error *err)
{
    assert(page->limit >= 1 && page->limit <= MAX_PAGE);
    struct page_walk walk = {.list = list, .search = page->search, .limit = page->limit};
    enum status status = read_cursor(page->cursor, list, &walk.before, err);
    if (status == STATUS_OK)
        *out = walk;
    return status;
}

void page_bind(const struct page_walk *walk, struct statement *q)
{
    statement_bind_int(q, 1, walk->before);
    statement_bind_count(q, 2, walk->limit + 1); /* one more tells that there is another page */
    if (walk->search)
        statement_bind_text(q, 3, walk->search);
}

enum status page_step(struct page_walk *walk, struct statement *q, char next_cursor[CURSOR_SIZE],
                      bool *row, struct error *err)
{
    enum status status = statement_step(q, row, err);
    if (status != STATUS_OK || !*row)
        return status;
    if (walk->n == walk->limit) {
        snprintf(next_cursor, CURSOR_SIZE, "%c%016" PRIx64, walk->list, (uint64_t)walk->last);
        *row = false;
        return STATUS_OK;
    }
    walk->last = statement_int(q, 0);
    walk->n++;
    return STATUS_OK;
}
