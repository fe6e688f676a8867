#include "core/format/byte_reader.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

#include "core/base/mem.h"

enum {
    GZIP_WINDOW = 15 + 16, /* zlib's way to say: 32 KiB, and a gzip header before */
    SKIPPED_AT_ONCE = 16 << 10,
};

struct byte_reader {
    const uint8_t *at, *end;
    bool is_gzip;
    bool is_done; /* of gzip: behind the last member */
    z_stream z;   /* of gzip; its input is [at, end) */
};

static void *zlib_alloc(void *opaque, unsigned n, unsigned size)
{
    (void)opaque;
    return mem_alloc_array(n, size);
}

static void zlib_free(void *opaque, void *p)
{
    (void)opaque;
    mem_free(p);
}

enum status byte_reader_open(struct byte_reader **out, const uint8_t *bytes, size_t n_bytes,
                             bool is_gzip, struct error *err)
{
    if (is_gzip && (n_bytes < 2 || bytes[0] != 0x1f || bytes[1] != 0x8b))
        return error_set(err, STATUS_INVALID, "", "the bytes are not packed by gzip");
    struct byte_reader *r = mem_alloc(sizeof *r);
    if (!r)
        return error_status(err, STATUS_NO_MEMORY);
    r->at = bytes;
    r->end = bytes + n_bytes;
    r->is_gzip = is_gzip;
    r->z.zalloc = zlib_alloc;
    r->z.zfree = zlib_free;
    if (is_gzip && inflateInit2(&r->z, GZIP_WINDOW) != Z_OK) {
        mem_free(r);
        return error_status(err, STATUS_NO_MEMORY);
    }
    *out = r;
    return STATUS_OK;
}

void byte_reader_close(struct byte_reader *r)
{
    if (r && r->is_gzip)
        inflateEnd(&r->z);
    mem_free(r);
}

static enum status broken(struct error *err, const char *why)
{
    return error_set(err, STATUS_INVALID, "", "the gzip data is broken: %s", why);
}

/* Behind a member: another one, padding, or the end. */
static enum status next_member(struct byte_reader *r, struct error *err)
{
    if (r->at < r->end && *r->at != 0)
        return inflateReset(&r->z) == Z_OK ? STATUS_OK : error_status(err, STATUS_INTERNAL);
    while (r->at < r->end && *r->at == 0)
        r->at++;
    if (r->at < r->end)
        return broken(err, "there are bytes behind its end");
    r->is_done = true;
    return STATUS_OK;
}

/* Unpack some of the n bytes that are asked for, at least one, but at the end. */
static enum status unpack(struct byte_reader *r, uint8_t *out, size_t n, size_t *got,
                          struct error *err)
{
    const size_t n_packed = (size_t)(r->end - r->at);
    const unsigned n_in = n_packed < INT_MAX ? (unsigned)n_packed : INT_MAX;
    const unsigned n_out = n < INT_MAX ? (unsigned)n : INT_MAX;
    /* zlib's declaration is older than const: it does not write there */
    r->z.next_in = (z_const Bytef *)r->at;
    r->z.avail_in = n_in;
    r->z.next_out = out;
    r->z.avail_out = n_out;
    const int result = inflate(&r->z, Z_NO_FLUSH);
    r->at += n_in - r->z.avail_in;
    *got = n_out - r->z.avail_out;
    switch (result) {
    case Z_OK:
        return STATUS_OK;
    case Z_STREAM_END:
        return next_member(r, err);
    case Z_BUF_ERROR:
        return broken(err, "it is cut short");
    case Z_MEM_ERROR:
        return error_status(err, STATUS_NO_MEMORY);
    default:
        return broken(err, r->z.msg ? r->z.msg : "it has a preset dictionary");
    }
}

enum status byte_reader_read(struct byte_reader *r, uint8_t *out, size_t n, size_t *got,
                             struct error *err)
{
    size_t n_read = 0;
    if (!r->is_gzip) {
        const size_t left = (size_t)(r->end - r->at);
        n_read = n < left ? n : left;
        if (n_read > 0)
            memcpy(out, r->at, n_read);
        r->at += n_read;
    }
    while (r->is_gzip && !r->is_done && n_read < n) {
        size_t n_some = 0;
        enum status status = unpack(r, out + n_read, n - n_read, &n_some, err);
        if (status != STATUS_OK)
            return status;
        n_read += n_some;
    }
    *got = n_read;
    return STATUS_OK;
}

enum status byte_reader_skip(struct byte_reader *r, size_t n, struct error *err)
{
    uint8_t skipped[SKIPPED_AT_ONCE];
    while (n > 0) {
        const size_t some = n < sizeof skipped ? n : sizeof skipped;
        size_t got;
        enum status status = byte_reader_read(r, skipped, some, &got, err);
        if (status != STATUS_OK)
            return status;
        if (got < some)
            return error_set(err, STATUS_INVALID, "", "the file ends before its data begins");
        n -= some;
    }
    return STATUS_OK;
}
