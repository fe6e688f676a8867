/*
 * Design.  libjpeg reports errors by a jump; both directions keep all they own in a struct of the
 * caller's, so the functions that set the jump's target have no local variable that could be lost.
 * Rows are put straight where they stand in the upright picture: a picture costs its samples,
 * one row, and for files of several scans libjpeg's coefficients.  A check lets go of each row.
 */
#include "core/format/jpeg.h"

#include <stdbool.h>
#include <stdio.h> /* before jpeglib.h, which wants FILE */
#include <setjmp.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "core/base/limits.h"
#include "core/format/exif.h"

enum {
    /* Each 8 x 8 block of a Huffman-coded file takes 2 bits or more (1 in a progressive one), so a
     * byte holds 512 pixels at most; the rest is slack for odd subsampling. */
    MAX_PIXELS_PER_BYTE = 4096,

    MARKER_START = 0xD8,   /* SOI */
    MARKER_SCAN = 0xDA,    /* SOS: coded data follows */
    MARKER_APP1 = 0xE1,    /* EXIF is here */
    MARKER_RESTART = 0xD0, /* RST0 … RST7 */
    OUTPUT_BLOCK = 16 << 10,
};

/* What went wrong first; base is libjpeg's part and comes first. */
struct trouble {
    struct jpeg_error_mgr base;
    jmp_buf jump;
    enum status status;
    struct error *err;
    const char *what; /* begins the message */
};

struct reader {
    struct jpeg_decompress_struct jpeg;
    struct trouble trouble;
    struct jpeg_progress_mgr progress;
    const uint8_t *bytes;
    size_t n_bytes;
    bool is_stored; /* EXIF does not turn it */
    struct exif_placement upright;
};

struct writer {
    struct jpeg_compress_struct jpeg;
    struct trouble trouble;
    struct jpeg_destination_mgr destination;
    struct buffer *out;
    uint8_t block[OUTPUT_BLOCK];
};

static enum status status_of(int message)
{
    switch (message) {
    case JERR_OUT_OF_MEMORY:
        return STATUS_NO_MEMORY;
    case JERR_IMAGE_TOO_BIG:
    case JERR_WIDTH_OVERFLOW:
        return STATUS_TOO_LARGE;
    case JERR_ARITH_NOTIMPL:
    case JERR_BAD_PRECISION:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_SOF_UNSUPPORTED:
        return STATUS_UNSUPPORTED;
    default:
        return STATUS_INVALID;
    }
}

static _Noreturn void give_up(j_common_ptr jpeg)
{
    struct trouble *t = (struct trouble *)jpeg->err;
    if (t->status == STATUS_OK) {
        char words[JMSG_LENGTH_MAX];
        t->base.format_message(jpeg, words);
        t->status = error_set(t->err, status_of(t->base.msg_code), "", "%s: '%s'", t->what, words);
    }
    longjmp(t->jump, 1);
}

/* Some warnings are about remarks in the file, or bytes between its segments; the others mean that
 * pixels were made up. */
static bool is_damage(const struct jpeg_error_mgr *e)
{
    switch (e->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_BOGUS_ICC:
    case JWRN_JFIF_MAJOR:
        return false;
    case JWRN_EXTRANEOUS_DATA: /* parameter 1: the marker that follows */
        return (e->msg_parm.i[1] & ~7) == MARKER_RESTART;
    default:
        return true;
    }
}

static void on_message(j_common_ptr jpeg, int level)
{
    if (level < 0 && is_damage(jpeg->err))
        give_up(jpeg);
}

static void trouble_init(struct trouble *t, struct error *err, const char *what)
{
    jpeg_std_error(&t->base);
    t->base.error_exit = give_up;
    t->base.emit_message = on_message;
    t->err = err;
    t->what = what;
}

static void on_progress(j_common_ptr jpeg)
{
    struct trouble *t = (struct trouble *)jpeg->err;
    if (((j_decompress_ptr)jpeg)->input_scan_number <= LIMIT_JPEG_SCANS)
        return;
    t->status = error_set(t->err, STATUS_TOO_LARGE, "", "a JPEG file has at most %d scans",
                          LIMIT_JPEG_SCANS);
    give_up(jpeg);
}

/* The orientation told by the first EXIF segment before the coded data. */
static unsigned find_orientation(const uint8_t *bytes, size_t n_bytes)
{
    static const uint8_t exif[] = {'E', 'x', 'i', 'f', 0, 0};
    size_t at = 2; /* after SOI */
    while (n_bytes - at >= 4 && bytes[at] == 0xFF) {
        unsigned marker = bytes[at + 1];
        if (marker == 0xFF) { /* filling */
            at++;
            continue;
        }
        size_t n = (size_t)bytes[at + 2] << 8 | bytes[at + 3]; /* counts its own two bytes */
        if (marker == MARKER_SCAN || n < 2 || n > n_bytes - at - 2)
            break;
        const uint8_t *body = bytes + at + 4;
        size_t n_body = n - 2;
        if (marker == MARKER_APP1 && n_body >= sizeof exif && memcmp(body, exif, sizeof exif) == 0)
            return exif_orientation(body + sizeof exif, n_body - sizeof exif);
        at += 2 + n;
    }
    return EXIF_UPRIGHT;
}

/* Bytes of the coefficients that libjpeg keeps where a file has several scans: two for each sample
 * of each component, in whole blocks. */
static size_t coefficient_bytes(const struct jpeg_decompress_struct *j)
{
    size_t n_blocks = 0;
    for (int i = 0; i < j->num_components; i++) {
        const jpeg_component_info *c = &j->comp_info[i];
        n_blocks += (size_t)(c->width_in_blocks + (JDIMENSION)c->h_samp_factor) *
                    (c->height_in_blocks + (JDIMENSION)c->v_samp_factor);
    }
    return n_blocks * sizeof(JBLOCK);
}

/* Read the header, refuse what will not be decoded, and choose the colours of the output. */
static enum status read_header(struct reader *r)
{
    struct jpeg_decompress_struct *j = &r->jpeg;
    struct error *err = r->trouble.err;
    if (setjmp(r->trouble.jump))
        return r->trouble.status;
    jpeg_create_decompress(j);
    jpeg_mem_src(j, r->bytes, r->n_bytes);
    r->progress.progress_monitor = on_progress;
    j->progress = &r->progress;
    jpeg_read_header(j, TRUE);
    if (j->jpeg_color_space == JCS_CMYK || j->jpeg_color_space == JCS_YCCK)
        return error_set(err, STATUS_UNSUPPORTED, "", "a CMYK JPEG is not supported");
    if (j->num_components != 1 && j->num_components != 3)
        return error_set(err, STATUS_UNSUPPORTED, "", "a JPEG of %d components is not supported",
                         j->num_components);
    size_t pixels = (size_t)j->image_width * j->image_height; /* both are 16 bits */
    if (pixels > LIMIT_IMAGE_PIXELS)
        return error_set(err, STATUS_TOO_LARGE, "",
                         "a JPEG image of %u x %u pixels is over the limit of %d pixels",
                         j->image_width, j->image_height, LIMIT_IMAGE_PIXELS);
    if (!j->arith_code && pixels / MAX_PIXELS_PER_BYTE > r->n_bytes)
        return error_set(err, STATUS_INVALID, "", "%s: 'the file is too short for its pixels'",
                         r->trouble.what);
    j->out_color_space = j->num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    const unsigned orientation =
        r->is_stored ? EXIF_UPRIGHT : find_orientation(r->bytes, r->n_bytes);
    r->upright = exif_place(orientation, j->image_width, j->image_height);
    const size_t n_kept = jpeg_has_multiple_scans(j) ? coefficient_bytes(j) : 0;
    if (n_kept > LIMIT_JPEG_COEFFICIENTS)
        return error_set(err, STATUS_TOO_LARGE, "",
                         "a progressive JPEG of %u x %u pixels takes %zu MiB to decode, the limit "
                         "is %d MiB: save it as a baseline JPEG",
                         j->image_width, j->image_height, n_kept >> 20,
                         LIMIT_JPEG_COEFFICIENTS >> 20);
    return STATUS_OK;
}

static void place_row(struct image *image, const struct exif_placement *p, size_t y,
                      const uint8_t *row, size_t width)
{
    const size_t n = image->channels;
    ptrdiff_t to = p->origin + (ptrdiff_t)y * p->step_y;
    if (p->step_x == 1) { /* as nearly all are */
        memcpy(image->u8 + (size_t)to * n, row, width * n);
        return;
    }
    for (size_t x = 0; x < width; x++, to += p->step_x)
        memcpy(image->u8 + (size_t)to * n, row + x * n, n);
}

/* image: where the rows go; NULL for a check. */
static enum status read_rows(struct reader *r, struct image *image)
{
    struct jpeg_decompress_struct *j = &r->jpeg;
    if (setjmp(r->trouble.jump))
        return r->trouble.status;
    jpeg_start_decompress(j);
    JSAMPARRAY row = j->mem->alloc_sarray((j_common_ptr)j, JPOOL_IMAGE,
                                          j->output_width * (JDIMENSION)j->num_components, 1);
    while (j->output_scanline < j->output_height) {
        size_t y = j->output_scanline;
        if (jpeg_read_scanlines(j, row, 1) == 1 && image)
            place_row(image, &r->upright, y, row[0], j->output_width);
    }
    jpeg_finish_decompress(j);
    return STATUS_OK;
}

/* Start reading a file; reader_deinit whatever comes of it. */
static enum status reader_init(struct reader *r, const uint8_t *bytes, size_t n_bytes,
                               bool is_stored, struct error *err)
{
    *r = (struct reader){.bytes = bytes, .n_bytes = n_bytes, .is_stored = is_stored};
    if (n_bytes < 4 || bytes[0] != 0xFF || bytes[1] != MARKER_START)
        return error_set(err, STATUS_INVALID, "", "not a JPEG file");
    trouble_init(&r->trouble, err, "the JPEG file is broken");
    r->jpeg.err = &r->trouble.base;
    return read_header(r);
}

static void reader_deinit(struct reader *r)
{
    if (r->jpeg.err)
        jpeg_destroy_decompress(&r->jpeg);
}

static enum status check(const uint8_t *bytes, size_t n_bytes, bool is_stored,
                         struct image_facts *out, struct error *err)
{
    struct reader r;
    enum status status = reader_init(&r, bytes, n_bytes, is_stored, err);
    if (status == STATUS_OK)
        status = read_rows(&r, NULL);
    if (status == STATUS_OK)
        *out = (struct image_facts){
            .width = r.upright.width,
            .height = r.upright.height,
            .channels = (size_t)r.jpeg.num_components,
            .bits_per_channel = 8,
            .low = 0.0f,
            .high = 1.0f,
        };
    reader_deinit(&r);
    return status;
}

enum status jpeg_check(const uint8_t *bytes, size_t n_bytes, struct image_facts *out,
                       struct error *err)
{
    return check(bytes, n_bytes, false, out, err);
}

enum status jpeg_check_stored(const uint8_t *bytes, size_t n_bytes, struct image_facts *out,
                              struct error *err)
{
    return check(bytes, n_bytes, true, out, err);
}

static enum status decode(const uint8_t *bytes, size_t n_bytes, bool is_stored, struct image *out,
                          struct error *err)
{
    struct reader r;
    struct image image = {0};
    enum status status = reader_init(&r, bytes, n_bytes, is_stored, err);
    if (status == STATUS_OK)
        status = image_create(&image, SAMPLE_U8, r.upright.width, r.upright.height,
                              (size_t)r.jpeg.num_components, err);
    if (status == STATUS_OK)
        status = read_rows(&r, &image);
    reader_deinit(&r);
    if (status != STATUS_OK)
        image_deinit(&image);
    else
        *out = image;
    return status;
}

enum status jpeg_decode(const uint8_t *bytes, size_t n_bytes, struct image *out, struct error *err)
{
    return decode(bytes, n_bytes, false, out, err);
}

enum status jpeg_decode_stored(const uint8_t *bytes, size_t n_bytes, struct image *out,
                               struct error *err)
{
    return decode(bytes, n_bytes, true, out, err);
}

/* --- encoding --- */

static void rewind_block(struct writer *w)
{
    w->destination.next_output_byte = w->block;
    w->destination.free_in_buffer = sizeof w->block;
}

static void flush_block(struct writer *w, size_t n)
{
    w->trouble.status = buffer_append(w->out, w->block, n, w->trouble.err);
    if (w->trouble.status != STATUS_OK)
        give_up((j_common_ptr)&w->jpeg);
}

static void on_start(j_compress_ptr jpeg)
{
    rewind_block(jpeg->client_data);
}

static boolean on_full(j_compress_ptr jpeg)
{
    struct writer *w = jpeg->client_data;
    flush_block(w, sizeof w->block);
    rewind_block(w);
    return TRUE;
}

static void on_end(j_compress_ptr jpeg)
{
    struct writer *w = jpeg->client_data;
    flush_block(w, sizeof w->block - w->destination.free_in_buffer);
}

static enum status write_image(struct writer *w, const uint8_t *pixels, size_t width, size_t height,
                               size_t channels, int quality)
{
    struct jpeg_compress_struct *j = &w->jpeg;
    if (setjmp(w->trouble.jump))
        return w->trouble.status;
    jpeg_create_compress(j);
    j->client_data = w;
    w->destination = (struct jpeg_destination_mgr){
        .init_destination = on_start, .empty_output_buffer = on_full, .term_destination = on_end};
    j->dest = &w->destination;
    j->image_width = (JDIMENSION)width;
    j->image_height = (JDIMENSION)height;
    j->input_components = (int)channels;
    j->in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(j);
    jpeg_set_quality(j, quality, TRUE);
    jpeg_start_compress(j, TRUE);
    while (j->next_scanline < j->image_height) {
        JSAMPROW row = (JSAMPROW)(pixels + j->next_scanline * width * channels);
        jpeg_write_scanlines(j, &row, 1); /* only reads it, though its type does not say so */
    }
    jpeg_finish_compress(j);
    return STATUS_OK;
}

enum status jpeg_encode(const uint8_t *pixels, size_t width, size_t height, size_t channels,
                        int quality, struct buffer *out, struct error *err)
{
    if (channels != 1 && channels != 3)
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "a JPEG image has 1 or 3 channels, not %zu: use PNG", channels);
    if (width == 0 || height == 0 || quality < 1 || quality > 100)
        return error_set(err, STATUS_INVALID, "", "no JPEG has %zu x %zu pixels at quality %d",
                         width, height, quality);
    if (width > JPEG_MAX_DIMENSION || height > JPEG_MAX_DIMENSION)
        return error_set(err, STATUS_TOO_LARGE, "",
                         "a JPEG image of %zu x %zu pixels is over the limit of %ld a side", width,
                         height, JPEG_MAX_DIMENSION);
    const size_t size_before = out->size;
    struct writer w = {.out = out};
    trouble_init(&w.trouble, err, "cannot write the JPEG image");
    w.jpeg.err = &w.trouble.base;
    enum status status = write_image(&w, pixels, width, height, channels, quality);
    jpeg_destroy_compress(&w.jpeg);
    if (status != STATUS_OK)
        out->size = size_before;
    return status;
}
