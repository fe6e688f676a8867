/*
 * Text by FreeType, from a font that is part of the program (DejaVu Serif Bold), so that the same
 * seed gives the same picture on every machine.  A font that is known to be sound leaves FreeType
 * one reason to fail, memory; its own codes name several others then (unknown format,
 * unimplemented).
 */
#include "core/sample/sample.h"

#include <ft2build.h>
#include FT_FREETYPE_H
#include <math.h>

#include "core/base/rng.h"

extern const uint8_t font_start[] __asm__("_binary_font_start");
extern const uint8_t font_end[] __asm__("_binary_font_end");

enum { N_STRINGS = 8, MAX_LETTERS = 10 };

/* Height of an em, in parts of the side: capitals of 9 to 58 pixels at 512. */
static const double min_em = 12.0 / 512, max_em = 80.0 / 512;

/* Lay the rendered glyph over the image, its top left corner at (left, top); what is outside is
 * dropped. */
static void blend(struct image *image, const FT_Bitmap *glyph, long left, long top,
                  const float color[3])
{
    for (long row = 0; row < (long)glyph->rows; row++)
        for (long column = 0; column < (long)glyph->width; column++) {
            long x = left + column, y = top + row;
            if (x < 0 || y < 0 || x >= (long)image->width || y >= (long)image->height)
                continue;
            float coverage = (float)glyph->buffer[row * glyph->pitch + column] / 255.0f;
            float *pixel = image->values + 3 * ((size_t)y * image->width + (size_t)x);
            for (size_t c = 0; c < 3; c++)
                pixel[c] += coverage * (color[c] - pixel[c]);
        }
}

static char random_letter(struct rng *r)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return letters[rng_below(r, sizeof letters - 1)];
}

/* One string: size, place and colour come first, then its letters. */
static enum status draw_string(FT_Face face, struct rng *r, struct image *image, struct error *err)
{
    const double side = (double)image->width;
    double em = side * (min_em + (max_em - min_em) * rng_uniform(r));
    long x = lround(side * (-0.1 + rng_uniform(r)));
    long baseline = lround(side * (0.02 + 1.05 * rng_uniform(r)));
    float color[3];
    for (size_t c = 0; c < 3; c++)
        color[c] = (float)rng_below(r, 256) / 255.0f;

    FT_Error e = FT_Set_Char_Size(face, 0, lround(em < 1 ? 64 : em * 64), 72, 72);
    uint64_t n_letters = 1 + rng_below(r, MAX_LETTERS);
    for (uint64_t i = 0; i < n_letters && e == 0; i++) {
        FT_ULong letter = (FT_ULong)random_letter(r);
        e = FT_Load_Char(face, letter, FT_LOAD_RENDER | FT_LOAD_NO_HINTING);
        if (e != 0)
            break;
        FT_GlyphSlot glyph = face->glyph;
        blend(image, &glyph->bitmap, x + glyph->bitmap_left, baseline - glyph->bitmap_top, color);
        x += (glyph->advance.x + 32) >> 6; /* 26.6 fixed point */
    }
    return e == 0 ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

enum status sample_text(const struct sample_spec *spec, struct image *out, struct error *err)
{
    FT_Library library = NULL;
    FT_Face face = NULL;
    struct image image = {0};
    size_t side;
    enum status status = sample_side(spec, &side, err);
    if (status == STATUS_OK)
        status = image_create(&image, SAMPLE_FLOAT, side, side, 3, err);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < side * side * 3; i++)
        image.values[i] = 1.0f;

    FT_Error e = FT_Init_FreeType(&library);
    if (e == 0)
        e = FT_New_Memory_Face(library, font_start, font_end - font_start, 0, &face);
    if (e != 0) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    for (uint64_t i = 0; i < N_STRINGS && status == STATUS_OK; i++) {
        struct rng r = rng_at(spec->seed, RNG_SAMPLE, i);
        status = draw_string(face, &r, &image, err);
    }
    if (status == STATUS_OK) {
        *out = image;
        image.samples = NULL;
    }
out:
    FT_Done_Face(face);
    FT_Done_FreeType(library);
    image_deinit(&image);
    return status;
}
