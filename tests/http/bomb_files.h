/*
 * Small files that claim, or are, large pictures: made here, never kept anywhere.  All are the
 * caller's (bytes_free).
 */
#ifndef TESTS_HTTP_BOMB_FILES_H
#define TESTS_HTTP_BOMB_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/http/answer.h"

struct png_bomb {
    uint32_t width, height;
    uint8_t depth, color; /* as in IHDR */
    bool is_interlaced;
    bool has_no_rows;   /* a header with a few bytes of data behind it */
    size_t more_zeros;  /* unpacked, behind the last row */
    const char *chunk;  /* "zTXt", "iTXt", "iCCP", "tEXt": before the pixels, or NULL */
    size_t n_chunk;     /* zeros in it, packed but for tEXt */
    bool is_chunk_torn; /* its checksum is wrong */
};
struct bytes png_bomb_make(const struct png_bomb *b);

struct jpeg_bomb {
    unsigned width, height;
    int channels;     /* 1 or 3 */
    bool is_full;     /* 4:4:4, not 4:2:0 */
    int n_scans;      /* 0: baseline; -1: progressive as encoders do it; else of one coefficient
                         each, the last repeated */
    size_t n_tables;  /* Huffman tables put before the others, of no use */
    bool has_restart; /* a restart interval is declared, and not kept */
};
struct bytes jpeg_bomb_make(const struct jpeg_bomb *b);

/* The same file with another size in its header. */
void jpeg_set_size(struct bytes *file, unsigned width, unsigned height);

#endif
