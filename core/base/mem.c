#include "core/base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

bool mem_mul(size_t *out, size_t a, size_t b)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *out = product;
    return true;
}

bool mem_add(size_t *out, size_t a, size_t b)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}

void *mem_alloc_array(size_t n, size_t size)
{
    size_t bytes;
    if (!mem_mul(&bytes, n ? n : 1, size ? size : 1))
        return NULL;
    return calloc(1, bytes);
}

void *mem_alloc(size_t size)
{
    return mem_alloc_array(1, size);
}

/* Tables of many megabytes are read here and there: with pages of 4 KiB most reads would first look
 * for their page.  Whether there are larger ones is the system's business. */
static void ask_for_huge_pages(void *p, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    enum { PAGE = 4096, WORTHWHILE = 8 << 20 };
    const size_t skipped = (PAGE - (uintptr_t)p % PAGE) % PAGE;
    if (bytes >= WORTHWHILE)
        madvise((uint8_t *)p + skipped, (bytes - skipped) / PAGE * PAGE, MADV_HUGEPAGE);
#else
    (void)p;
    (void)bytes;
#endif
}

float *mem_alloc_floats(size_t n)
{
    size_t bytes;
    if (!mem_mul(&bytes, n ? n : 1, sizeof(float)) || !mem_add(&bytes, bytes, MEM_ALIGNMENT - 1))
        return NULL;
    bytes -= bytes % MEM_ALIGNMENT;
    float *p = aligned_alloc(MEM_ALIGNMENT, bytes);
    if (!p)
        return NULL;
    ask_for_huge_pages(p, bytes);
    memset(p, 0, bytes);
    return p;
}

void *mem_realloc_array(void *p, size_t n, size_t size)
{
    size_t bytes;
    if (!mem_mul(&bytes, n ? n : 1, size))
        return NULL;
    return realloc(p, bytes);
}

char *mem_strdup(const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = mem_alloc(n);
    if (copy)
        memcpy(copy, text, n);
    return copy;
}

void mem_free(void *p)
{
    free(p);
}
