#include "core/format/zip_archive.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "core/base/limits.h"
#include "core/base/mem.h"

struct zip_archive {
    zip_t *zip;
    const char *what;
    size_t n_members;
    struct member *members;
};

struct member {
    char *name;
    size_t size;
};

static enum status zip_status(const zip_error_t *e)
{
    switch (zip_error_code_zip(e)) {
    case ZIP_ER_OK: /* libzip forgets to say so in places */
    case ZIP_ER_MEMORY:
        return STATUS_NO_MEMORY;
    case ZIP_ER_COMPNOTSUPP:
    case ZIP_ER_ENCRNOTSUPP:
    case ZIP_ER_MULTIDISK:
    case ZIP_ER_NOPASSWD:
    case ZIP_ER_OPNOTSUPP:
        return STATUS_UNSUPPORTED;
    default:
        return STATUS_INVALID;
    }
}

/* Where it has no memory libzip may say that an archive is none, or that a member is broken: errno,
 * which is 0 before it is called (begin_call), still knows. */
static void begin_call(void)
{
    errno = 0;
}

static bool had_no_memory(void)
{
    return errno == ENOMEM;
}

static enum status zip_failed(zip_error_t *e, const char *what, const char *how, struct error *err)
{
    enum status status = zip_status(e);
    if (status == STATUS_NO_MEMORY || had_no_memory())
        return error_status(err, STATUS_NO_MEMORY);
    return error_set(err, status, "", "%s %s: '%s'", what, how, zip_error_strerror(e));
}

/* libzip keeps an object for every directory entry it can find: count their marks before it does.
 * Packed data holds a few by chance. */
static bool has_too_many_entries(const uint8_t *bytes, size_t n_bytes)
{
    const uint8_t *at = bytes, *end = bytes + n_bytes;
    const size_t enough = (size_t)2 * LIMIT_ARCHIVE_MEMBERS;
    size_t n = 0;
    while (n <= enough && (at = memmem(at, (size_t)(end - at), "PK\1\2", 4))) {
        at += 4;
        n++;
    }
    return n > enough;
}

static enum status open_zip(struct zip_archive *z, const uint8_t *bytes, size_t n_bytes,
                            struct error *err)
{
    zip_error_t e;
    zip_error_init(&e);
    enum status status = STATUS_OK;
    begin_call();
    zip_source_t *source = zip_source_buffer_create(bytes, n_bytes, 0, &e);
    z->zip = source ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &e) : NULL;
    if (!z->zip) {
        status = zip_failed(&e, z->what, "is broken", err);
        zip_source_free(source);
    }
    zip_error_fini(&e);
    return status;
}

static enum status read_member(struct zip_archive *z, size_t i, struct error *err)
{
    const zip_uint64_t needed =
        ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    zip_stat_t s;
    begin_call();
    const bool is_told = zip_stat_index(z->zip, i, 0, &s) == 0;
    if (!is_told && had_no_memory())
        return error_status(err, STATUS_NO_MEMORY);
    if (!is_told || (s.valid & needed) != needed)
        return error_set(err, STATUS_INVALID, "", "%s is broken: entry %zu", z->what, i);
    if (s.encryption_method != ZIP_EM_NONE)
        return error_set(err, STATUS_UNSUPPORTED, "", "%s is encrypted, which is not supported",
                         z->what);
    if (s.comp_method != ZIP_CM_STORE && s.comp_method != ZIP_CM_DEFLATE)
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "%s uses packing method %u, which is not supported", z->what,
                         s.comp_method);
    struct member *m = &z->members[i];
    m->name = mem_strdup(s.name);
    m->size = s.size;
    return m->name ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum status check_names(const struct zip_archive *z, struct error *err)
{
    enum status status = STATUS_OK;
    const char **names = mem_alloc_array(z->n_members, sizeof *names);
    if (!names)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t i = 0; i < z->n_members; i++)
        names[i] = z->members[i].name;
    qsort(names, z->n_members, sizeof *names, compare_names);
    for (size_t i = 1; i < z->n_members && status == STATUS_OK; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            status = error_set(err, STATUS_INVALID, "", "%s has two members of the name '%.64s'",
                               z->what, names[i]);
    mem_free(names);
    return status;
}

static enum status read_directory(struct zip_archive *z, size_t n_bytes, struct error *err)
{
    zip_int64_t n = zip_get_num_entries(z->zip, 0);
    if (n <= 0)
        return error_set(err, STATUS_INVALID, "", "%s is empty", z->what);
    if (n > LIMIT_ARCHIVE_MEMBERS)
        return error_set(err, STATUS_TOO_LARGE, "", "%s has %lld members, at most %d are read",
                         z->what, (long long)n, LIMIT_ARCHIVE_MEMBERS);
    z->members = mem_alloc_array((size_t)n, sizeof *z->members);
    if (!z->members)
        return error_status(err, STATUS_NO_MEMORY);
    z->n_members = (size_t)n;
    size_t total = 0;
    for (size_t i = 0; i < z->n_members; i++) {
        enum status status = read_member(z, i, err);
        if (status != STATUS_OK)
            return status;
        if (!mem_add(&total, total, z->members[i].size) || total > LIMIT_ARCHIVE_UNPACKED ||
            total / LIMIT_ARCHIVE_RATIO > n_bytes)
            return error_set(err, STATUS_TOO_LARGE, "",
                             "%s unpacks to more than %zu bytes, or %d times its size", z->what,
                             LIMIT_ARCHIVE_UNPACKED, LIMIT_ARCHIVE_RATIO);
    }
    return check_names(z, err);
}

enum status zip_archive_open(struct zip_archive **out, const uint8_t *bytes, size_t n_bytes,
                             const char *what, struct error *err)
{
    if (has_too_many_entries(bytes, n_bytes))
        return error_set(err, STATUS_TOO_LARGE, "", "%s has more than %d members", what,
                         LIMIT_ARCHIVE_MEMBERS);
    struct zip_archive *z = mem_alloc(sizeof *z);
    if (!z)
        return error_status(err, STATUS_NO_MEMORY);
    z->what = what;
    enum status status = open_zip(z, bytes, n_bytes, err);
    if (status == STATUS_OK)
        status = read_directory(z, n_bytes, err);
    if (status != STATUS_OK)
        zip_archive_close(z);
    else
        *out = z;
    return status;
}

void zip_archive_close(struct zip_archive *z)
{
    if (!z)
        return;
    for (size_t i = 0; i < z->n_members; i++)
        mem_free(z->members[i].name);
    mem_free(z->members);
    if (z->zip)
        zip_discard(z->zip);
    mem_free(z);
}

size_t zip_archive_n_members(const struct zip_archive *z)
{
    return z->n_members;
}

const char *zip_archive_name(const struct zip_archive *z, size_t i)
{
    return z->members[i].name;
}

size_t zip_archive_size(const struct zip_archive *z, size_t i)
{
    return z->members[i].size;
}

/* --- unpacking --- */

enum status zip_member_open(struct zip_member *out, struct zip_archive *z, size_t i,
                            struct error *err)
{
    begin_call();
    zip_file_t *file = zip_fopen_index(z->zip, i, 0);
    if (!file)
        return zip_failed(zip_get_error(z->zip), z->what, "has a member that is broken", err);
    *out = (struct zip_member){z, file};
    return STATUS_OK;
}

void zip_member_close(struct zip_member *m)
{
    if (m->file)
        zip_fclose(m->file);
    m->file = NULL;
}

static enum status member_broken(const struct zip_member *m, struct error *err)
{
    return zip_failed(zip_file_get_error(m->file), m->archive->what, "has a member that is broken",
                      err);
}

enum status zip_member_read(struct zip_member *m, void *out, size_t n, struct error *err)
{
    uint8_t *at = out;
    begin_call();
    while (n > 0) {
        zip_int64_t got = zip_fread(m->file, at, n);
        if (got < 0)
            return member_broken(m, err);
        if (got == 0)
            return error_set(err, STATUS_INVALID, "", "%s has a member that ends too soon",
                             m->archive->what);
        at += got;
        n -= (size_t)got;
    }
    return STATUS_OK;
}

enum status zip_member_end(struct zip_member *m, struct error *err)
{
    uint8_t next;
    begin_call();
    zip_int64_t got = zip_fread(m->file, &next, 1); /* the checksum is compared here */
    if (got < 0)
        return member_broken(m, err);
    return got == 0 ? STATUS_OK
                    : error_set(err, STATUS_INVALID, "",
                                "%s has a member that is larger than declared", m->archive->what);
}

/* Bytes asked for come as they are unpacked: a size that is a lie costs no more than is there. */
static enum status unpack(struct zip_member *m, struct buffer *out, struct error *err)
{
    enum { CHUNK = 64 << 10 };
    enum status status = STATUS_OK;
    while (out->size < out->max && status == STATUS_OK) {
        const size_t left = out->max - out->size, n = left < CHUNK ? left : CHUNK;
        uint8_t *place;
        status = buffer_extend(out, n, &place, err);
        if (status == STATUS_OK)
            status = zip_member_read(m, place, n, err);
    }
    return status == STATUS_OK ? zip_member_end(m, err) : status;
}

enum status zip_archive_read(struct zip_archive *z, size_t i, uint8_t **out, struct error *err)
{
    struct buffer bytes;
    struct zip_member m = {z, NULL};
    buffer_init(&bytes, z->members[i].size);
    enum status status = zip_member_open(&m, z, i, err);
    if (status == STATUS_OK)
        status = unpack(&m, &bytes, err);
    zip_member_close(&m);
    if (status == STATUS_OK && !bytes.data) { /* of no bytes */
        *out = mem_alloc(1);
        return *out ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
    }
    if (status == STATUS_OK)
        *out = buffer_take(&bytes, &(size_t){0});
    buffer_deinit(&bytes);
    return status;
}

enum status zip_archive_read_most(struct zip_archive *z, size_t i, size_t most, uint8_t **out,
                                  size_t *n, struct error *err)
{
    *n = zip_archive_size(z, i);
    if (*n > most)
        return error_set(err, STATUS_TOO_LARGE, "", "'%.64s' has %zu bytes, at most %zu are read",
                         zip_archive_name(z, i), *n, most);
    return zip_archive_read(z, i, out, err);
}

/* --- encoding --- */

static enum status cannot_write(zip_error_t *e, const char *what, struct error *err)
{
    return zip_failed(e, what, "cannot be written", err);
}

static enum status add_member(zip_t *zip, const struct zip_entry *entry, const char *what,
                              struct error *err)
{
    zip_source_t *source = zip_source_buffer(zip, entry->bytes, entry->n, 0);
    if (!source)
        return cannot_write(zip_get_error(zip), what, err);
    zip_int64_t index = zip_file_add(zip, entry->name, source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
        zip_source_free(source);
        return cannot_write(zip_get_error(zip), what, err);
    }
    /* 1980-01-01, the first day of ZIP: same members, same bytes. */
    if (zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(zip, (zip_uint64_t)index, 0, 1 << 5 | 1, 0) != 0)
        return cannot_write(zip_get_error(zip), what, err);
    return STATUS_OK;
}

static enum status append_source(zip_source_t *source, const char *what, struct buffer *out,
                                 struct error *err)
{
    zip_stat_t s;
    if (zip_source_stat(source, &s) != 0 || !(s.valid & ZIP_STAT_SIZE) ||
        zip_source_open(source) != 0)
        return cannot_write(zip_source_error(source), what, err);
    uint8_t *place;
    enum status status = buffer_extend(out, s.size, &place, err);
    if (status == STATUS_OK && zip_source_read(source, place, s.size) != (zip_int64_t)s.size)
        status = cannot_write(zip_source_error(source), what, err);
    zip_source_close(source);
    return status;
}

enum status zip_archive_encode(const struct zip_entry *entries, size_t n, const char *what,
                               struct buffer *out, struct error *err)
{
    if (n == 0)
        return error_set(err, STATUS_INVALID, "", "%s cannot be written: it is empty", what);
    const size_t size_before = out->size;
    zip_error_t e;
    begin_call();
    zip_error_init(&e);
    enum status status = STATUS_OK;
    zip_t *zip = NULL;
    zip_source_t *archive = zip_source_buffer_create(NULL, 0, 0, &e);
    if (!archive) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    zip_source_keep(archive); /* it outlives the zip that writes it */
    zip = zip_open_from_source(archive, ZIP_CREATE | ZIP_TRUNCATE, &e);
    if (!zip) {
        zip_source_free(archive);
        status = cannot_write(&e, what, err);
        goto out;
    }
    for (size_t i = 0; i < n && status == STATUS_OK; i++)
        status = add_member(zip, &entries[i], what, err);
    if (status != STATUS_OK)
        goto out;
    if (zip_close(zip) != 0) {
        status = cannot_write(zip_get_error(zip), what, err);
        goto out;
    }
    zip = NULL;
    status = append_source(archive, what, out, err);
out:
    if (zip)
        zip_discard(zip);
    zip_source_free(archive);
    zip_error_fini(&e);
    if (status != STATUS_OK)
        out->size = size_before;
    return status;
}
