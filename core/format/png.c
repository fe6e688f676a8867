/*
 * Design.  libpng reports errors by a jump; both directions keep all they own in a struct of the
 * caller's, so the functions that set the jump's target have no local variable that could be lost.
 * Rows are decoded into the image itself: a picture costs its samples and libpng's two rows,
 * interlaced or not.  (One more copy where EXIF turns it.)  A check differs in one number: the
 * rows' distance is 0, so that each is written over the one before.
 */
#include "core/format/png.h"

#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/exif.h"
#include "core/format/png_chunks.h"

enum {
    SIGNATURE_BYTES = 8,
    HEADER_BYTES = 33, /* signature and the IHDR chunk, which comes first */

    /* What libpng may keep of one chunk, and of how many: the chunks that are looked at need less
     * than a kilobyte. */
    MAX_CHUNK_BYTES = 8 << 20,
    MAX_KEPT_CHUNKS = 8,

    /* deflate makes at most 1,032 bytes of one; fewer bytes than that cannot hold the rows. */
    MAX_DEFLATE_RATIO = 1040,

    /* Packed bytes behind the last row: encoders leave a checksum and a few bytes.  libpng would
     * inflate whatever is there, a thousand times its size. */
    MAX_BEHIND_ROWS = 64 << 10,

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
    struct png_chunks chunks;
    size_t width, height, channels; /* as stored, expanded */
    unsigned bits;
    int n_passes; /* 0 until the header is read */
    size_t row_bytes;
    bool is_stored; /* EXIF does not turn it */
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

/* Has the last row been read?  libpng counts rows of the current pass, and passes. */
static bool is_behind_rows(const struct reader *r)
{
    enum { N_PASSES = 7 };
    return r->n_passes > 1 ? png_get_current_pass_number(r->png) >= N_PASSES
                           : png_get_current_row_number(r->png) >= r->height;
}

/* libpng reads IDAT to its end together with the last row: here is where it can be stopped. */
static void on_read(png_structp png, png_bytep bytes, size_t n)
{
    struct reader *r = png_get_io_ptr(png);
    if (r->n_passes > 0 && r->chunks.pixels_end - r->at > MAX_BEHIND_ROWS && is_behind_rows(r))
        png_error(png, "its data goes on after the last row");
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
    /* A remark's wrong checksum does not make a picture bad, where png_chunks_find let it pass. */
    png_set_crc_action(r->png, PNG_CRC_ERROR_QUIT, PNG_CRC_QUIET_USE);
    /* Only IHDR, PLTE, tRNS, IDAT and IEND are looked at; the others are skipped unread. */
    png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
}

/* All before the pixels. */
static enum status read_header(struct reader *r)
{
    if (setjmp(png_jmpbuf(r->png)))
        return r->trouble.status;
    set_limits(r);
    png_set_read_fn(r->png, r, on_read);
    png_read_info(r->png, r->info);
    r->width = png_get_image_width(r->png, r->info);
    r->height = png_get_image_height(r->png, r->info);
    const size_t stored_row = png_get_rowbytes(r->png, r->info);
    if ((stored_row + 1) * r->height / MAX_DEFLATE_RATIO > (size_t)(r->end - r->at))
        png_error(r->png, "the file is too short for its pixels");
    png_set_expand(r->png);
    png_set_swap(r->png); /* 16 bits: as this machine has them */
    r->n_passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    r->bits = png_get_bit_depth(r->png, r->info);
    r->channels = png_get_channels(r->png, r->info);
    r->row_bytes = png_get_rowbytes(r->png, r->info);
    return STATUS_OK;
}

/* The rows and what follows them.  Row y is written at rows + y * stride. */
static enum status read_rows(struct reader *r, uint8_t *rows, size_t stride)
{
    if (setjmp(png_jmpbuf(r->png)))
        return r->trouble.status;
    for (int pass = 0; pass < r->n_passes; pass++)
        for (size_t y = 0; y < r->height; y++)
            png_read_row(r->png, rows + y * stride, NULL);
    png_read_end(r->png, r->info);
    return r->trouble.status;
}

/* Start reading a file; reader_deinit whatever comes of it. */
static enum status reader_init(struct reader *r, const uint8_t *bytes, size_t n_bytes,
                               struct error *err)
{
    *r = (struct reader){
        .trouble = {STATUS_OK, err, "the PNG file is broken"}, .at = bytes, .end = bytes + n_bytes};
    enum status status = check_header(bytes, n_bytes, err);
    if (status == STATUS_OK)
        status = png_chunks_find(bytes, n_bytes, &r->chunks, err);
    if (status != STATUS_OK)
        return status;
    r->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &r->trouble, on_error, on_warning,
                                      &r->trouble, on_malloc, on_free);
    if (r->png)
        r->info = png_create_info_struct(r->png);
    return r->info ? read_header(r) : STATUS_NO_MEMORY;
}

static void reader_deinit(struct reader *r)
{
    png_destroy_read_struct(&r->png, &r->info, NULL);
}

static unsigned orientation_of(const struct reader *r)
{
    return r->chunks.exif && !r->is_stored ? exif_orientation(r->chunks.exif, r->chunks.n_exif)
                                           : EXIF_UPRIGHT;
}

static enum status check(const uint8_t *bytes, size_t n_bytes, bool is_stored,
                         struct image_facts *out, struct error *err)
{
    struct reader r;
    uint8_t *row = NULL;
    enum status status = reader_init(&r, bytes, n_bytes, err);
    r.is_stored = is_stored;
    if (status == STATUS_OK)
        status = image_check_size(r.width, r.height, r.channels, err);
    if (status != STATUS_OK)
        goto out;
    row = mem_alloc(r.row_bytes);
    status = row ? read_rows(&r, row, 0) : error_status(err, STATUS_NO_MEMORY);
    if (status != STATUS_OK)
        goto out;
    const struct exif_placement upright = exif_place(orientation_of(&r), r.width, r.height);
    *out = (struct image_facts){
        .width = upright.width,
        .height = upright.height,
        .channels = r.channels,
        .bits_per_channel = r.bits,
        .low = 0.0f,
        .high = 1.0f,
    };
out:
    mem_free(row);
    reader_deinit(&r);
    return status;
}

enum status png_check(const uint8_t *bytes, size_t n_bytes, struct image_facts *out,
                      struct error *err)
{
    return check(bytes, n_bytes, false, out, err);
}

enum status png_check_stored(const uint8_t *bytes, size_t n_bytes, struct image_facts *out,
                             struct error *err)
{
    return check(bytes, n_bytes, true, out, err);
}

/* Turn an image, which stands as it is stored. */
static enum status turn_upright(struct image *image, unsigned orientation, struct error *err)
{
    const struct exif_placement p = exif_place(orientation, image->width, image->height);
    struct image upright;
    enum status status =
        image_create(&upright, image->type, p.width, p.height, image->channels, err);
    if (status != STATUS_OK)
        return status;
    const size_t n = image->channels * image_sample_size(image->type); /* bytes of a pixel */
    const uint8_t *from = image->samples;
    uint8_t *pixels = upright.samples;
    for (size_t y = 0; y < image->height; y++) {
        ptrdiff_t to = p.origin + (ptrdiff_t)y * p.step_y;
        for (size_t x = 0; x < image->width; x++, to += p.step_x, from += n)
            memcpy(pixels + (size_t)to * n, from, n);
    }
    image_deinit(image);
    *image = upright;
    return STATUS_OK;
}

static enum status decode(const uint8_t *bytes, size_t n_bytes, bool is_stored, struct image *out,
                          unsigned *bits_per_channel, struct error *err)
{
    struct reader r;
    struct image image = {0};
    enum status status = reader_init(&r, bytes, n_bytes, err);
    r.is_stored = is_stored;
    if (status == STATUS_OK)
        status = image_create(&image, r.bits == 16 ? SAMPLE_U16 : SAMPLE_U8, r.width, r.height,
                              r.channels, err);
    if (status == STATUS_OK)
        status = read_rows(&r, image.samples, r.row_bytes);
    if (status != STATUS_OK)
        goto out;
    const unsigned orientation = orientation_of(&r);
    if (orientation != EXIF_UPRIGHT)
        status = turn_upright(&image, orientation, err);
    if (status != STATUS_OK)
        goto out;
    *out = image;
    image.samples = NULL;
    if (bits_per_channel)
        *bits_per_channel = r.bits;
out:
    reader_deinit(&r);
    image_deinit(&image);
    return status;
}

enum status png_decode(const uint8_t *bytes, size_t n_bytes, struct image *out,
                       unsigned *bits_per_channel, struct error *err)
{
    return decode(bytes, n_bytes, false, out, bits_per_channel, err);
}

enum status png_decode_stored(const uint8_t *bytes, size_t n_bytes, struct image *out,
                              struct error *err)
{
    return decode(bytes, n_bytes, true, out, NULL, err);
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
    if (effort == PNG_FAST) { /* measured by tests/bench/bench_png.c: docs/decisions/0011 */
        png_set_compression_strategy(w->png, Z_RLE);
        png_set_filter(w->png, PNG_FILTER_TYPE_BASE, PNG_FILTER_AVG);
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
