/*
 * Memory: all heap memory of core comes from here.
 *
 * Invariants: every pointer from these functions is released by mem_free, mem_free(NULL) does
 * nothing, a size that would wrap is refused before anything is allocated, nothing here aborts.
 * Threads: all functions may be called from any thread.
 */
#ifndef CORE_BASE_MEM_H
#define CORE_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/status.h"

/* Alignment of mem_alloc_floats: one cache line, one AVX-512 register. */
enum { MEM_ALIGNMENT = 64 };

/* *out = a * b; false, and *out untouched, if that wraps. */
bool mem_mul(size_t *out, size_t a, size_t b) WARN_UNUSED;

/* *out = a + b; false, and *out untouched, if that wraps. */
bool mem_add(size_t *out, size_t a, size_t b) WARN_UNUSED;

/* n * size bytes, zeroed, for objects of any type; NULL when out of memory or when the product
 * wraps. */
void *mem_alloc_array(size_t n, size_t size) WARN_UNUSED;

/* One zeroed object of this many bytes; NULL when out of memory. */
void *mem_alloc(size_t size) WARN_UNUSED;

/* n floats, zeroed, aligned to MEM_ALIGNMENT; NULL when out of memory. */
float *mem_alloc_floats(size_t n) WARN_UNUSED;

/* p grown or shrunk to n * size bytes (new bytes are not zeroed); NULL, and p still owned by the
 * caller, on failure.  Not for pointers from mem_alloc_floats. */
void *mem_realloc_array(void *p, size_t n, size_t size) WARN_UNUSED;

/* A copy of a string; NULL when out of memory. */
char *mem_strdup(const char *text) WARN_UNUSED;

/* Release; p may be NULL. */
void mem_free(void *p);

#endif
