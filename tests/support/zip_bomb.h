/*
 * ZIP archives that no library would write: members that share their bytes, or lie about them.
 */
#ifndef TESTS_SUPPORT_ZIP_BOMB_H
#define TESTS_SUPPORT_ZIP_BOMB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zip_bomb {
    size_t n_members;  /* 00000.npy, 00001.npy, … */
    size_t n_zeros;    /* packed in each */
    uint32_t declared; /* the size they are said to have; 0: the truth */
    bool is_shared;    /* all are the bytes of the first */
};

/* The archive, the caller's (free); *n its bytes.  Asserts (cmocka). */
uint8_t *zip_bomb_make(const struct zip_bomb *b, size_t *n);

/* n zeros as a raw deflate stream, appended to *out (grown by realloc, *size bytes so far). */
void zip_bomb_deflate_zeros(size_t n, uint8_t **out, size_t *size);

#endif
