/*
 * The chunks of a PNG file, found by their lengths: what libpng would not tell, or not cheaply.
 * Source: PNG specification, chapter 5 (layout, CRC).
 */
#ifndef CORE_FORMAT_PNG_CHUNKS_H
#define CORE_FORMAT_PNG_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

/* Borrows from the file's bytes. */
struct png_chunks {
    const uint8_t
        *pixels_end;     /* behind the first run of IDAT chunks; the file's end if cut there */
    const uint8_t *exif; /* body of the first eXIf chunk, NULL if there is none */
    size_t n_exif;
};

/* Walk a file of at least a signature from its IHDR chunk on to IEND, or to where it is cut.
 *
 * INVALID where a chunk that decides values (tRNS: transparency, the first eXIf: orientation) has a
 * wrong checksum, and where a remark has one whose packed text or profile (zTXt, iCCP) does not
 * unpack either: then bytes were lost, maybe not only there.  A remark that unpacks was only given
 * a wrong checksum by its writer, which happens.  Other chunks are libpng's to judge.  NO_MEMORY.
 * Linear in the file's length; unpacks 4 MiB of a remark at most. */
enum status png_chunks_find(const uint8_t *bytes, size_t n_bytes, struct png_chunks *out,
                            struct error *err) WARN_UNUSED;

#endif
