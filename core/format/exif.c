#include "core/format/exif.h"

#include <stdbool.h>
#include <string.h>

enum {
    TAG_ORIENTATION = 0x0112,
    TYPE_SHORT = 3,
    ENTRY_BYTES = 12, /* tag u16, type u16, count u32, value u32 */
};

struct block {
    const uint8_t *bytes;
    bool big_endian;
};

static unsigned u16_at(const struct block *b, size_t at)
{
    unsigned first = b->bytes[at], second = b->bytes[at + 1];
    return b->big_endian ? first << 8 | second : second << 8 | first;
}

static uint32_t u32_at(const struct block *b, size_t at)
{
    uint32_t first = u16_at(b, at), second = u16_at(b, at + 2);
    return b->big_endian ? first << 16 | second : second << 16 | first;
}

unsigned exif_orientation(const uint8_t *tiff, size_t n_bytes)
{
    if (n_bytes < 8 || (memcmp(tiff, "MM\0*", 4) != 0 && memcmp(tiff, "II*", 4) != 0))
        return EXIF_UPRIGHT;
    struct block b = {tiff, tiff[0] == 'M'};
    size_t directory = u32_at(&b, 4);
    if (directory > n_bytes - 2)
        return EXIF_UPRIGHT;
    size_t first = directory + 2;
    size_t n_entries = u16_at(&b, directory);
    for (size_t i = 0; i < n_entries && n_bytes - first >= (i + 1) * ENTRY_BYTES; i++) {
        size_t entry = first + i * ENTRY_BYTES;
        if (u16_at(&b, entry) != TAG_ORIENTATION)
            continue;
        unsigned value = u16_at(&b, entry + 8);
        bool is_sound = u16_at(&b, entry + 2) == TYPE_SHORT && u32_at(&b, entry + 4) == 1 &&
                        value >= 1 && value <= 8;
        return is_sound ? value : EXIF_UPRIGHT;
    }
    return EXIF_UPRIGHT;
}

struct exif_placement exif_place(unsigned orientation, size_t width, size_t height)
{
    bool swaps_axes = orientation >= 5;
    bool flips_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool flips_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    struct exif_placement p = {.width = swaps_axes ? height : width,
                               .height = swaps_axes ? width : height};
    ptrdiff_t row = (ptrdiff_t)p.width;
    p.step_x = swaps_axes ? row : 1;
    p.step_y = swaps_axes ? 1 : row;
    if (flips_x) {
        p.origin += (ptrdiff_t)(width - 1) * p.step_x;
        p.step_x = -p.step_x;
    }
    if (flips_y) {
        p.origin += (ptrdiff_t)(height - 1) * p.step_y;
        p.step_y = -p.step_y;
    }
    return p;
}
