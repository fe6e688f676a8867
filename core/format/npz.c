#include "core/format/npy.h"

#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/format/zip_archive.h"

enum { NAME_BYTES = 256 };

static const char what[] = "the NPZ archive";

struct npz {
    struct zip_archive *archive;
    size_t n_members;
    char **names; /* without ".npy" */
};

/* The name without ".npy"; NULL when out of memory. */
static char *member_name(const char *name)
{
    char *copy = mem_strdup(name);
    size_t n = strlen(name);
    if (copy && n >= 4 && strcmp(name + n - 4, ".npy") == 0)
        copy[n - 4] = '\0';
    return copy;
}

static enum status name_members(struct npz *z, struct error *err)
{
    const size_t n = zip_archive_n_members(z->archive);
    z->names = mem_alloc_array(n, sizeof *z->names);
    if (!z->names)
        return error_status(err, STATUS_NO_MEMORY);
    for (z->n_members = 0; z->n_members < n; z->n_members++) {
        char *name = member_name(zip_archive_name(z->archive, z->n_members));
        if (!name)
            return error_status(err, STATUS_NO_MEMORY);
        z->names[z->n_members] = name;
        for (size_t k = 0; k < z->n_members; k++)
            if (strcmp(z->names[k], name) == 0) {
                z->n_members++; /* this name is to be freed too */
                return error_set(err, STATUS_INVALID, "",
                                 "members %zu and %zu of the NPZ archive have one name", k,
                                 z->n_members - 1);
            }
    }
    return STATUS_OK;
}

enum status npz_open(struct npz **out, const uint8_t *bytes, size_t n_bytes, struct error *err)
{
    struct npz *z = mem_alloc(sizeof *z);
    if (!z)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = zip_archive_open(&z->archive, bytes, n_bytes, what, err);
    if (status == STATUS_OK)
        status = name_members(z, err);
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
        mem_free(z->names[i]);
    mem_free(z->names);
    zip_archive_close(z->archive);
    mem_free(z);
}

size_t npz_n_members(const struct npz *z)
{
    return z->n_members;
}

const char *npz_member_name(const struct npz *z, size_t i)
{
    return z->names[i];
}

static enum status find_member(const struct npz *z, const char *name, size_t *out,
                               struct error *err)
{
    for (size_t i = 0; i < z->n_members; i++)
        if (strcmp(z->names[i], name) == 0) {
            *out = i;
            return STATUS_OK;
        }
    return error_set(err, STATUS_NOT_FOUND, "", "the NPZ archive has no member '%s'", name);
}

enum status npz_read(struct npz *z, const char *name, uint8_t **storage, struct npy_array *out,
                     struct error *err)
{
    size_t i = 0;
    uint8_t *bytes = NULL;
    enum status status = find_member(z, name, &i, err);
    if (status == STATUS_OK)
        status = zip_archive_read(z->archive, i, &bytes, err);
    if (status == STATUS_OK)
        status = npy_parse(bytes, zip_archive_size(z->archive, i), out, err);
    if (status != STATUS_OK)
        mem_free(bytes);
    else
        *storage = bytes;
    return status;
}

/* --- encoding --- */

struct npz_member {
    char name[NAME_BYTES];
    struct buffer npy;
};

static enum status encode_member(const struct npz_entry *entry, struct npz_member *m,
                                 struct error *err)
{
    int n = snprintf(m->name, sizeof m->name, "%s.npy", entry->name);
    if (n < 0 || (size_t)n >= sizeof m->name)
        return error_set(err, STATUS_INVALID, "", "the name '%.64s' is too long for an NPZ archive",
                         entry->name);
    return npy_encode_floats(entry->values, entry->shape, entry->n_dims, &m->npy, err);
}

enum status npz_encode(const struct npz_entry *entries, size_t n, struct buffer *out,
                       struct error *err)
{
    if (n == 0)
        return error_set(err, STATUS_INVALID, "", "an NPZ archive of no arrays cannot be written");
    enum status status = STATUS_OK;
    struct npz_member *members = mem_alloc_array(n, sizeof *members);
    struct zip_entry *files = mem_alloc_array(n, sizeof *files);
    if (!members || !files) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        buffer_init(&members[i].npy, out->max);
        status = encode_member(&entries[i], &members[i], err);
        files[i] = (struct zip_entry){members[i].name, members[i].npy.data, members[i].npy.size};
    }
    if (status == STATUS_OK)
        status = zip_archive_encode(files, n, what, out, err);
out:
    for (size_t i = 0; members && i < n; i++)
        buffer_deinit(&members[i].npy);
    mem_free(members);
    mem_free(files);
    return status;
}
