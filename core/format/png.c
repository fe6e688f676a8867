/*
 * Design.  libpng reports errors by a jump; both directions keep all they own in a struct of the
 * caller's, so the functions that set the jump's target have no local variable that could be lost.
 * Integer rows are decoded to the front of the image's own memory and widened there: a picture
 * costs its floats and libpng's two rows, interlaced or not.  (One more copy where EXIF turns it.)
 */
#include "core/format/png.h"

#include <png.h>
#include <setjmp.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/exif.h"
#include "core/format/pixels.h"

enum {
    SIGNATURE_BYTES = 8,
    HEADER_BYTES = 33, /* signature and the IHDR chunk, which comes first */

    CHUNK_BYTES = 12, /* of a chunk around its body: length, type, CRC */

    /* What libpng may keep of one chunk, and of how many: the chunks that are looked at need less
     * than a kilobyte. */
    MAX_CHUNK_BYTES = 8 << 20,
    MAX_KEPT_CHUNKS = 8,

    /* deflate makes at most 1,032 bytes of one; fewer bytes than that cannot hold the rows. */
    MAX_DEFLATE_RATIO = 1040,

    COMPRESSED_BLOCK = 64 << 10, /* of the encoder: fewer and larger IDAT chunks */
};

/* What went wrong first, for the callbacks of both directions. */
struct trouble {
    enum status status;
    struct error *err;
    const char *what; /* begins the message */
};

struct reader {
    struct trouble trouble;
    const uint8_t *at;
    const uint8_t *end;
    png_structp png;
    png_infop info;
    struct image image;
    unsigned bits;
};

struct writer {
    struct trouble trouble;
    struct buffer *out;
    png_structp png;
    png_infop info;
};

static _Noreturn void on_error(png_structp png, png_const_charp message)
{
    struct trouble *t = png_get_error_ptr(png);
    if (t->status == STATUS_OK)
        t->status = error_set(t->err, STATUS_INVALID, "", "%s: '%s'", t->what, message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static png_voidp on_malloc(png_structp png, png_alloc_size_t size)
{
    void *p = mem_realloc_array(NULL, size, 1);
    if (!p) {
        struct trouble *t = png_get_mem_ptr(png);
        t->status = error_status(t->err, STATUS_NO_MEMORY);
    }
    return p;
}

static void on_free(png_structp png, png_voidp p)
{
    (void)png;
    mem_free(p);
}

static void on_read(png_structp png, png_bytep bytes, size_t n)
{
    struct reader *r = png_get_io_ptr(png);
    if (n > (size_t)(r->end - r->at))
        png_error(png, "the file is cut short");
    memcpy(bytes, r->at, n);
    r->at += n;
}

static void on_write(png_structp png, png_bytep bytes, size_t n)
{
    struct writer *w = png_get_io_ptr(png);
    enum status status = buffer_append(w->out, bytes, n, w->trouble.err);
    if (status != STATUS_OK) {
        w->trouble.status = status;
        png_error(png, "no room");
    }
}

static void on_flush(png_structp png)
{
    (void)png;
}

/* The size stands at a fixed place: look before libpng allocates anything.  What else is wrong with
 * the header libpng says. */
static enum status check_header(const uint8_t *bytes, size_t n_bytes, struct error *err)
{
    if (n_bytes < HEADER_BYTES || png_sig_cmp(bytes, 0, SIGNATURE_BYTES) != 0)
        return error_set(err, STATUS_INVALID, "", "not a PNG file");
    size_t width = png_get_uint_32(bytes + 16), height = png_get_uint_32(bytes + 20);
    if (memcmp(bytes + 12, "IHDR", 4) != 0 || width > PNG_UINT_31_MAX || height > PNG_UINT_31_MAX)
        return error_set(err, STATUS_INVALID, "", "the PNG file does not begin with a header");
    if (width > LIMIT_IMAGE_SIDE || height > LIMIT_IMAGE_SIDE ||
        width * height > LIMIT_IMAGE_PIXELS)
        return error_set(err, STATUS_TOO_LARGE, "",
                         "a PNG image of %zu x %zu pixels is over the limit of %d pixels", width,
                         height, LIMIT_IMAGE_PIXELS);
    return STATUS_OK;
}

static void set_limits(struct reader *r)
{
    png_set_user_limits(r->png, LIMIT_IMAGE_SIDE, LIMIT_IMAGE_SIDE);
    png_set_chunk_malloc_max(r->png, MAX_CHUNK_BYTES);
    png_set_chunk_cache_max(r->png, MAX_KEPT_CHUNKS);
    /* A damaged remark tells of a damaged file. */
    png_set_crc_action(r->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    /* Only IHDR, PLTE, tRNS, IDAT and IEND are looked at; the others are skipped unread. */
    png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
}

/* Decode into r->image, whose values are then still integers at the front of their memory. */
static enum status read_samples(struct reader *r)
{
    if (setjmp(png_jmpbuf(r->png)))
        return r->trouble.status;
    set_limits(r);
    png_set_read_fn(r->png, r, on_read);
    png_read_info(r->png, r->info);

    size_t width = png_get_image_width(r->png, r->info);
    size_t height = png_get_image_height(r->png, r->info);
    size_t stored_row = png_get_rowbytes(r->png, r->info);
    if ((stored_row + 1) * height / MAX_DEFLATE_RATIO > (size_t)(r->end - r->at))
        png_error(r->png, "the file is too short for its pixels");

    png_set_expand(r->png);
    int n_passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    r->bits = png_get_bit_depth(r->png, r->info);
    enum status status =
        image_create(&r->image, width, height, png_get_channels(r->png, r->info), r->trouble.err);
    if (status != STATUS_OK)
        return status;

    size_t row = png_get_rowbytes(r->png, r->info);
    for (int pass = 0; pass < n_passes; pass++)
        for (size_t y = 0; y < height; y++)
            png_read_row(r->png, (uint8_t *)r->image.values + y * row, NULL);
    png_read_end(r->png, r->info);
    return r->trouble.status;
}

/* The orientation told by the file's eXIf chunk; libpng has read the file to its end and compared
 * the checksums.  (It would allocate whatever length this chunk claims, so it skips it.) */
static unsigned find_orientation(const uint8_t *bytes, size_t n_bytes)
{
    const uint8_t *at = bytes + HEADER_BYTES, *end = bytes + n_bytes;
    while (end - at >= CHUNK_BYTES) {
        size_t n = png_get_uint_32(at);
        const uint8_t *type = at + 4, *body = at + 8;
        if (n > (size_t)(end - at) - CHUNK_BYTES || memcmp(type, "IEND", 4) == 0)
            break;
        if (memcmp(type, "eXIf", 4) == 0)
            return exif_orientation(body, n);
        at = body + n + 4;
    }
    return EXIF_UPRIGHT;
}

/* Turn r->image, which stands as it is stored. */
static enum status turn_upright(struct reader *r, unsigned orientation)
{
    const struct image *stored = &r->image;
    struct exif_placement p = exif_place(orientation, stored->width, stored->height);
    struct image upright;
    enum status status =
        image_create(&upright, p.width, p.height, stored->channels, r->trouble.err);
    if (status != STATUS_OK)
        return status;
    const size_t n = stored->channels;
    const float *from = stored->values;
    for (size_t y = 0; y < stored->height; y++) {
        ptrdiff_t to = p.origin + (ptrdiff_t)y * p.step_y;
        for (size_t x = 0; x < stored->width; x++, to += p.step_x, from += n)
            memcpy(upright.values + (size_t)to * n, from, n * sizeof *from);
    }
    image_deinit(&r->image);
    r->image = upright;
    return STATUS_OK;
}

enum status png_decode(const uint8_t *bytes, size_t n_bytes, struct image *out,
                       unsigned *bits_per_channel, struct error *err)
{
    struct reader r = {
        .trouble = {STATUS_OK, err, "the PNG file is broken"}, .at = bytes, .end = bytes + n_bytes};
    enum status status = check_header(bytes, n_bytes, err);
    if (status != STATUS_OK)
        goto out;
    status = STATUS_NO_MEMORY;
    r.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &r.trouble, on_error, on_warning,
                                     &r.trouble, on_malloc, on_free);
    if (r.png)
        r.info = png_create_info_struct(r.png);
    if (!r.info)
        goto out;
    status = read_samples(&r);
    if (status != STATUS_OK)
        goto out;
    size_t n = r.image.width * r.image.height * r.image.channels;
    if (r.bits == 16)
        pixels_widen_u16(r.image.values, n);
    else
        pixels_widen_u8(r.image.values, n);
    unsigned orientation = find_orientation(bytes, n_bytes);
    if (orientation != EXIF_UPRIGHT)
        status = turn_upright(&r, orientation);
    if (status != STATUS_OK)
        goto out;
    *out = r.image;
    r.image.values = NULL;
    if (bits_per_channel)
        *bits_per_channel = r.bits;
out:
    png_destroy_read_struct(&r.png, &r.info, NULL);
    image_deinit(&r.image);
    return status;
}

static enum status write_image(struct writer *w, const uint8_t *pixels, size_t width, size_t height,
                               size_t channels, enum png_effort effort)
{
    static const int color_type[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA,
                                     PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
    if (setjmp(png_jmpbuf(w->png)))
        return w->trouble.status;
    png_set_write_fn(w->png, w, on_write, on_flush);
    png_set_user_limits(w->png, LIMIT_IMAGE_SIDE, LIMIT_IMAGE_SIDE);
    png_set_compression_buffer_size(w->png, COMPRESSED_BLOCK);
    png_set_IHDR(w->png, w->info, (png_uint_32)width, (png_uint_32)height, 8, color_type[channels],
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (effort == PNG_FAST) {
        png_set_compression_level(w->png, 1);
        png_set_filter(w->png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
    }
    png_write_info(w->png, w->info);
    for (size_t y = 0; y < height; y++)
        png_write_row(w->png, pixels + y * width * channels);
    png_write_end(w->png, w->info);
    return w->trouble.status;
}

enum status png_encode(const uint8_t *pixels, size_t width, size_t height, size_t channels,
                       enum png_effort effort, struct buffer *out, struct error *err)
{
    if (width == 0 || height == 0 || channels == 0 || channels > LIMIT_CHANNELS)
        return error_set(err, STATUS_INVALID, "", "no PNG has %zu x %zu pixels of %zu channels",
                         width, height, channels);
    if (width > LIMIT_IMAGE_SIDE || height > LIMIT_IMAGE_SIDE)
        return error_set(err, STATUS_TOO_LARGE, "",
                         "a PNG image of %zu x %zu pixels is over the limit of %d a side", width,
                         height, LIMIT_IMAGE_SIDE);
    const size_t size_before = out->size;
    struct writer w = {.trouble = {STATUS_OK, err, "cannot write the PNG image"}, .out = out};
    enum status status = STATUS_NO_MEMORY;
    w.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &w.trouble, on_error, on_warning,
                                      &w.trouble, on_malloc, on_free);
    if (w.png)
        w.info = png_create_info_struct(w.png);
    if (w.info)
        status = write_image(&w, pixels, width, height, channels, effort);
    png_destroy_write_struct(&w.png, &w.info);
    if (status != STATUS_OK)
        out->size = size_before;
    return status;
}
