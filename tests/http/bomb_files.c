#include "tests/http/bomb_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jpeglib.h>
#include <zlib.h>

#include "tests/support/zip_bomb.h"

/* --- PNG --- */

static void append_u32(struct bytes *b, uint32_t v)
{
    const uint8_t bytes[] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    bytes_append(b, bytes, sizeof(bytes));
}

/* A zlib stream.  Adler-32 of n zeros: the first sum stays 1, the second counts them. */
static void append_zlib_zeros(struct bytes *out, size_t n)
{
    bytes_append(out, "\x78\xda", 2);
    zip_bomb_deflate_zeros(n, &out->data, &out->n);
    append_u32(out, (uint32_t)(n % 65521) << 16 | 1);
}

static void append_chunk(struct bytes *file, const char *type, const void *body, size_t n)
{
    append_u32(file, (uint32_t)n);
    const size_t start = file->n;
    bytes_append(file, type, 4);
    bytes_append(file, body, n);
    append_u32(file, (uint32_t)crc32(0, file->data + start, (uInt)(file->n - start)));
}

static void append_header(struct bytes *file, const struct png_bomb *b)
{
    struct bytes header = {0};
    const uint8_t kind[] = {b->depth, b->color, 0, 0, b->is_interlaced};
    append_u32(&header, b->width);
    append_u32(&header, b->height);
    bytes_append(&header, kind, sizeof(kind));
    bytes_append(file, "\x89PNG\r\n\x1a\n", 8);
    append_chunk(file, "IHDR", header.data, header.n);
    bytes_free(&header);
}

static void append_remark(struct bytes *file, const struct png_bomb *b)
{
    struct bytes body = {0};
    const bool is_text = strcmp(b->chunk, "tEXt") == 0;
    bytes_append(&body, "Comment\0\0", is_text ? 8 : 9); /* name, method */
    if (strcmp(b->chunk, "iTXt") == 0) {
        body.n = 8;
        bytes_append(&body, "\1\0\0\0", 4); /* packed, method, language, translation */
    }
    if (is_text) {
        uint8_t *zeros = calloc(1, b->n_chunk);
        bytes_append(&body, zeros, b->n_chunk);
        free(zeros);
    } else {
        append_zlib_zeros(&body, b->n_chunk);
    }
    append_chunk(file, b->chunk, body.data, body.n);
    file->data[file->n - 1] ^= b->is_chunk_torn;
    bytes_free(&body);
}

/* Bytes of all rows, each with its filter byte; by passes where it is interlaced. */
static size_t count_rows(const struct png_bomb *b)
{
    static const unsigned channels[] = {1, 0, 3, 1, 2, 0, 4};
    static const struct {
        unsigned x, y, dx, dy;
    } passes[] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                  {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
    const size_t bits = (size_t)b->depth * channels[b->color];
    size_t n = 0;
    if (!b->is_interlaced)
        return (1 + (b->width * bits + 7) / 8) * b->height;
    for (size_t i = 0; i < 7; i++) {
        const size_t w = (b->width - passes[i].x + passes[i].dx - 1) / passes[i].dx;
        const size_t h = (b->height - passes[i].y + passes[i].dy - 1) / passes[i].dy;
        n += (1 + (w * bits + 7) / 8) * h;
    }
    return n;
}

struct bytes png_bomb_make(const struct png_bomb *b)
{
    struct bytes file = {0}, rows = {0};
    append_header(&file, b);
    if (b->chunk)
        append_remark(&file, b);
    append_zlib_zeros(&rows, (b->has_no_rows ? 64 : count_rows(b)) + b->more_zeros);
    append_chunk(&file, "IDAT", rows.data, rows.n);
    append_chunk(&file, "IEND", "", 0);
    bytes_free(&rows);
    return file;
}

/* --- JPEG --- */

static void write_rows(struct jpeg_compress_struct *j)
{
    const size_t n = (size_t)j->image_width * (size_t)j->input_components;
    uint8_t *row = malloc(n);
    assert_non_null(row);
    memset(row, 100, n);
    while (j->next_scanline < j->image_height) {
        JSAMPROW line = row;
        jpeg_write_scanlines(j, &line, 1);
    }
    free(row);
}

/* The same bytes again and again, from offset `at` of the file on. */
static void insert(struct bytes *file, size_t at, const void *bytes, size_t n, size_t times)
{
    struct bytes rest = {0};
    uint8_t *all = malloc(n * times + 1);
    assert_non_null(all);
    for (size_t i = 0; i < times; i++)
        memcpy(all + i * n, bytes, n);
    bytes_append(&rest, file->data + at, file->n - at);
    file->n = at;
    bytes_append(file, all, n * times);
    bytes_append(file, rest.data, rest.n);
    bytes_free(&rest);
    free(all);
}

/* Before the end: the last scan once more, so many times. */
static void repeat_last_scan(struct bytes *file, size_t n_more)
{
    const size_t end = file->n - 2;
    size_t scan = end;
    while (file->data[scan] != 0xFF || file->data[scan + 1] != 0xDA)
        scan--;
    struct bytes copy = {0};
    bytes_append(&copy, file->data + scan, end - scan);
    insert(file, end, copy.data, copy.n, n_more);
    bytes_free(&copy);
}

struct bytes jpeg_bomb_make(const struct jpeg_bomb *b)
{
    enum { COEFFICIENTS = 64 };
    static const uint8_t table[] = {0xFF, 0xC4, 0, 20, 0x13, 1, 0, 0, 0, 0, 0,
                                    0,    0,    0, 0,  0,    0, 0, 0, 0, 0, 0};
    static const uint8_t restart[] = {0xFF, 0xDD, 0, 4, 0, 7};
    jpeg_scan_info scans[COEFFICIENTS];
    struct jpeg_compress_struct j = {0};
    struct jpeg_error_mgr e;
    unsigned char *bytes = NULL;
    unsigned long n = 0;
    const int n_scans = b->n_scans < COEFFICIENTS ? b->n_scans : COEFFICIENTS;
    j.err = jpeg_std_error(&e);
    jpeg_create_compress(&j);
    jpeg_mem_dest(&j, &bytes, &n);
    j.image_width = b->width;
    j.image_height = b->height;
    j.input_components = b->channels;
    j.in_color_space = b->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&j);
    if (b->is_full)
        j.comp_info[0].h_samp_factor = j.comp_info[0].v_samp_factor = 1;
    if (n_scans < 0)
        jpeg_simple_progression(&j);
    for (int i = 0; i < n_scans; i++)
        scans[i] = (jpeg_scan_info){.comps_in_scan = 1, .Ss = i, .Se = i};
    if (n_scans > 0) {
        j.scan_info = scans;
        j.num_scans = n_scans;
    }
    jpeg_start_compress(&j, TRUE);
    write_rows(&j);
    jpeg_finish_compress(&j);
    jpeg_destroy_compress(&j);
    struct bytes file = {0};
    bytes_append(&file, bytes, n);
    free(bytes);
    if (b->n_scans > COEFFICIENTS)
        repeat_last_scan(&file, (size_t)(b->n_scans - COEFFICIENTS));
    insert(&file, 2, table, sizeof(table), b->n_tables);
    insert(&file, 2, restart, sizeof(restart), b->has_restart);
    return file;
}

void jpeg_set_size(struct bytes *file, unsigned width, unsigned height)
{
    const uint8_t size[] = {(uint8_t)(height >> 8), (uint8_t)height, (uint8_t)(width >> 8),
                            (uint8_t)width};
    for (size_t i = 0; i + 9 < file->n; i++)
        if (file->data[i] == 0xFF && (file->data[i + 1] == 0xC0 || file->data[i + 1] == 0xC2)) {
            memcpy(file->data + i + 5, size, sizeof(size));
            return;
        }
    fail_msg("no frame header");
}
