/*
 * Allocations that fail on purpose.  The test program's malloc, calloc, realloc and aligned_alloc
 * stand before libc's (or the sanitizer's), so allocations inside libpng, libjpeg, libzip, … count
 * too.  Each thread counts its own.
 */
#ifndef TESTS_SUPPORT_ALLOC_H
#define TESTS_SUPPORT_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

/* From now on the n-th allocation of this thread (1: the next) fails: it alone, or all after it
 * too. */
enum alloc_failure { ALLOC_FAIL_ONCE, ALLOC_FAIL_ON };
void alloc_fail(size_t n, enum alloc_failure how);

/* No more failures; whether one came. */
bool alloc_stop(void);

/* Call attempt(context) with the first, second, … allocation failing, in both ways, until none is
 * left to fail.  An attempt with failures must answer NO_MEMORY, or OK where one alone was failed
 * (libjpeg tries again with less), the last attempt OK; what an attempt makes it must release
 * itself.  Returns how many allocations were made to fail. */
typedef enum status (*alloc_attempt)(void *context, struct error *err);
size_t alloc_fail_each(alloc_attempt attempt, void *context);

#endif
