/*
 * Design.  The archive's directory is judged before anything is unpacked: number of members,
 * methods, and the sizes it declares, in sum and against the archive's own size (so that members
 * that share bytes cannot multiply them).  Unpacking then never makes more than was declared.
 */
#include "core/format/npy.h"

#include <string.h>
#include <zip.h>

#include "core/base/mem.h"

enum {
    CHUNK = 64 << 10, /* bytes unpacked at a time */
    NAME_BYTES = 256,
};

struct npz {
    zip_t *zip;
    size_t n_members;
    struct member *members;
};

struct member {
    char *name; /* without ".npy" */
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

static enum status zip_failed(zip_error_t *e, const char *what, struct error *err)
{
    enum status status = zip_status(e);
    if (status == STATUS_NO_MEMORY)
        return error_status(err, status);
    return error_set(err, status, "", "%s: '%s'", what, zip_error_strerror(e));
}

/* libzip keeps an object for every directory entry it can find: count their marks before it does.
 * Packed data holds a few by chance. */
static bool has_too_many_entries(const uint8_t *bytes, size_t n_bytes)
{
    const uint8_t *at = bytes, *end = bytes + n_bytes;
    const size_t enough = (size_t)2 * LIMIT_NPZ_MEMBERS;
    size_t n = 0;
    while (n <= enough && (at = memmem(at, (size_t)(end - at), "PK\1\2", 4))) {
        at += 4;
        n++;
    }
    return n > enough;
}

static enum status open_zip(zip_t **out, const uint8_t *bytes, size_t n_bytes, struct error *err)
{
    zip_error_t e;
    zip_error_init(&e);
    enum status status = STATUS_OK;
    zip_source_t *source = zip_source_buffer_create(bytes, n_bytes, 0, &e);
    zip_t *zip = source ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &e) : NULL;
    if (!zip) {
        status = zip_failed(&e, "the NPZ archive is broken", err);
        zip_source_free(source);
    } else {
        *out = zip;
    }
    zip_error_fini(&e);
    return status;
}

/* The name without ".npy"; NULL when out of memory. */
static char *member_name(const char *name)
{
    char *copy = mem_strdup(name);
    size_t n = strlen(name);
    if (copy && n >= 4 && strcmp(name + n - 4, ".npy") == 0)
        copy[n - 4] = '\0';
    return copy;
}

static enum status read_member(struct npz *z, size_t i, struct error *err)
{
    const zip_uint64_t needed =
        ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    zip_stat_t s;
    if (zip_stat_index(z->zip, i, 0, &s) != 0 || (s.valid & needed) != needed)
        return error_set(err, STATUS_INVALID, "", "the NPZ archive is broken: entry %zu", i);
    if (s.encryption_method != ZIP_EM_NONE)
        return error_set(err, STATUS_UNSUPPORTED, "", "encrypted NPZ archives are not supported");
    if (s.comp_method != ZIP_CM_STORE && s.comp_method != ZIP_CM_DEFLATE)
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "the NPZ archive uses packing method %u, which is not supported",
                         s.comp_method);
    struct member *m = &z->members[i];
    m->name = member_name(s.name);
    m->size = s.size;
    if (!m->name)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t k = 0; k < i; k++)
        if (strcmp(z->members[k].name, m->name) == 0)
            return error_set(err, STATUS_INVALID, "",
                             "members %zu and %zu of the NPZ archive have one name", k, i);
    return STATUS_OK;
}

static enum status read_directory(struct npz *z, size_t n_bytes, struct error *err)
{
    zip_int64_t n = zip_get_num_entries(z->zip, 0);
    if (n <= 0)
        return error_set(err, STATUS_INVALID, "", "the NPZ archive is empty");
    if (n > LIMIT_NPZ_MEMBERS)
        return error_set(err, STATUS_TOO_LARGE, "", "an NPZ archive has at most %d members",
                         LIMIT_NPZ_MEMBERS);
    z->members = mem_alloc_array((size_t)n, sizeof *z->members);
    if (!z->members)
        return error_status(err, STATUS_NO_MEMORY);
    z->n_members = (size_t)n;
    size_t total = 0;
    for (size_t i = 0; i < z->n_members; i++) {
        enum status status = read_member(z, i, err);
        if (status != STATUS_OK)
            return status;
        if (!mem_add(&total, total, z->members[i].size) || total > LIMIT_NPZ_UNPACKED ||
            total / LIMIT_NPZ_RATIO > n_bytes)
            return error_set(err, STATUS_TOO_LARGE, "",
                             "an NPZ archive unpacks to at most %zu bytes and %d times its size",
                             LIMIT_NPZ_UNPACKED, LIMIT_NPZ_RATIO);
    }
    return STATUS_OK;
}

enum status npz_open(struct npz **out, const uint8_t *bytes, size_t n_bytes, struct error *err)
{
    if (has_too_many_entries(bytes, n_bytes))
        return error_set(err, STATUS_TOO_LARGE, "", "an NPZ archive has at most %d members",
                         LIMIT_NPZ_MEMBERS);
    struct npz *z = mem_alloc(sizeof *z);
    if (!z)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = open_zip(&z->zip, bytes, n_bytes, err);
    if (status == STATUS_OK)
        status = read_directory(z, n_bytes, err);
    if (status != STATUS_OK)
        npz_close(z);
    else
        *out = z;
    return status;
}

void npz_close(struct npz *z)
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

size_t npz_n_members(const struct npz *z)
{
    return z->n_members;
}

const char *npz_member_name(const struct npz *z, size_t i)
{
    return z->members[i].name;
}

static enum status unpack(struct npz *z, size_t i, struct buffer *out, struct error *err)
{
    zip_file_t *file = zip_fopen_index(z->zip, i, 0);
    if (!file)
        return zip_failed(zip_get_error(z->zip), "cannot unpack a member of the NPZ archive", err);
    uint8_t chunk[CHUNK];
    enum status status = STATUS_OK;
    zip_int64_t n = 0;
    while (status == STATUS_OK && (n = zip_fread(file, chunk, sizeof chunk)) > 0)
        status = (size_t)n > out->max - out->size
                     ? error_set(err, STATUS_INVALID, "",
                                 "a member of the NPZ archive is larger than declared")
                     : buffer_append(out, chunk, (size_t)n, err);
    if (status == STATUS_OK && n < 0) /* the checksum is compared at the end */
        status = zip_failed(zip_file_get_error(file), "a member of the NPZ archive is broken", err);
    zip_fclose(file);
    return status;
}

enum status npz_read(struct npz *z, const char *name, uint8_t **storage, struct npy_array *out,
                     struct error *err)
{
    size_t i = 0;
    while (i < z->n_members && strcmp(z->members[i].name, name) != 0)
        i++;
    if (i == z->n_members)
        return error_set(err, STATUS_NOT_FOUND, "", "the NPZ archive has no member '%s'", name);
    struct buffer unpacked;
    buffer_init(&unpacked, z->members[i].size);
    enum status status = unpack(z, i, &unpacked, err);
    if (status == STATUS_OK)
        status = npy_parse(unpacked.data, unpacked.size, out, err);
    if (status == STATUS_OK)
        *storage = buffer_take(&unpacked, &(size_t){0});
    buffer_deinit(&unpacked);
    return status;
}

/* --- encoding --- */

/* Add one array.  npy keeps the member's bytes until the archive is written. */
static enum status add_member(zip_t *zip, const struct npz_entry *entry, struct buffer *npy,
                              struct error *err)
{
    char name[NAME_BYTES];
    int n = snprintf(name, sizeof name, "%s.npy", entry->name);
    if (n < 0 || (size_t)n >= sizeof name)
        return error_set(err, STATUS_INVALID, "", "the name '%.64s' is too long for an NPZ archive",
                         entry->name);
    enum status status = npy_encode_floats(entry->values, entry->shape, entry->n_dims, npy, err);
    if (status != STATUS_OK)
        return status;
    zip_source_t *source = zip_source_buffer(zip, npy->data, npy->size, 0);
    if (!source)
        return zip_failed(zip_get_error(zip), "cannot write the NPZ archive", err);
    zip_int64_t index = zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
        zip_source_free(source);
        return zip_failed(zip_get_error(zip), "cannot write the NPZ archive", err);
    }
    /* 1980-01-01, the first day of ZIP: same arrays, same bytes. */
    if (zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(zip, (zip_uint64_t)index, 0, 1 << 5 | 1, 0) != 0)
        return zip_failed(zip_get_error(zip), "cannot write the NPZ archive", err);
    return STATUS_OK;
}

static enum status append_source(zip_source_t *source, struct buffer *out, struct error *err)
{
    zip_stat_t s;
    if (zip_source_stat(source, &s) != 0 || !(s.valid & ZIP_STAT_SIZE) ||
        zip_source_open(source) != 0)
        return zip_failed(zip_source_error(source), "cannot write the NPZ archive", err);
    uint8_t *place;
    enum status status = buffer_extend(out, s.size, &place, err);
    if (status == STATUS_OK && zip_source_read(source, place, s.size) != (zip_int64_t)s.size)
        status = zip_failed(zip_source_error(source), "cannot write the NPZ archive", err);
    zip_source_close(source);
    return status;
}

enum status npz_encode(const struct npz_entry *entries, size_t n, struct buffer *out,
                       struct error *err)
{
    if (n == 0)
        return error_set(err, STATUS_INVALID, "", "an NPZ archive of no arrays cannot be written");
    const size_t size_before = out->size;
    zip_error_t e;
    zip_error_init(&e);
    zip_t *zip = NULL;
    enum status status = STATUS_OK;
    struct buffer *npy = mem_alloc_array(n, sizeof *npy);
    zip_source_t *archive = zip_source_buffer_create(NULL, 0, 0, &e);
    if (!npy || !archive) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    zip_source_keep(archive); /* it outlives the zip that writes it */
    zip = zip_open_from_source(archive, ZIP_CREATE | ZIP_TRUNCATE, &e);
    if (!zip) {
        zip_source_free(archive);
        status = zip_failed(&e, "cannot write the NPZ archive", err);
        goto out;
    }
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        buffer_init(&npy[i], out->max);
        status = add_member(zip, &entries[i], &npy[i], err);
    }
    if (status != STATUS_OK)
        goto out;
    if (zip_close(zip) != 0) {
        status = zip_failed(zip_get_error(zip), "cannot write the NPZ archive", err);
        goto out;
    }
    zip = NULL;
    status = append_source(archive, out, err);
out:
    if (zip)
        zip_discard(zip);
    zip_source_free(archive);
    for (size_t i = 0; npy && i < n; i++)
        buffer_deinit(&npy[i]);
    mem_free(npy);
    zip_error_fini(&e);
    if (status != STATUS_OK)
        out->size = size_before;
    return status;
}
