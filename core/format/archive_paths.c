#include "core/format/archive_paths.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"

static bool is_slash(char c)
{
    return c == '/' || c == '\\';
}

static bool is_absolute(const char *path)
{
    const bool has_drive =
        ((path[0] >= 'a' && path[0] <= 'z') || (path[0] >= 'A' && path[0] <= 'Z')) &&
        path[1] == ':';
    return is_slash(path[0]) || has_drive;
}

/* Append path's parts to the n bytes that out holds, a '/' before each but the first.  False where
 * one is "..". */
static bool append_parts(const char *path, char *out, size_t n)
{
    while (*path) {
        size_t length = 0;
        while (path[length] && !is_slash(path[length]))
            length++;
        if (length == 2 && path[0] == '.' && path[1] == '.')
            return false;
        if (length > 0 && !(length == 1 && path[0] == '.')) {
            if (n > 0)
                out[n++] = '/';
            memcpy(out + n, path, length);
            n += length;
        }
        path += length;
        path += *path != '\0';
    }
    out[n] = '\0';
    return true;
}

enum status archive_path_join(const char *folder, const char *path, char **out, struct error *err)
{
    const size_t n = strlen(folder);
    char *joined = mem_alloc(n + strlen(path) + 2);
    if (!joined)
        return error_status(err, STATUS_NO_MEMORY);
    memcpy(joined, folder, n + 1);
    if (is_absolute(path) || !append_parts(path, joined, n)) {
        mem_free(joined);
        return error_set(err, STATUS_INVALID, "",
                         "the path '%.64s' leads out of the archive: paths are relative, without "
                         "'..'",
                         path);
    }
    *out = joined;
    return STATUS_OK;
}

static int compare(const void *a, const void *b)
{
    const struct archive_path *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static bool is_folder(const char *name)
{
    const size_t n = strlen(name);
    return n == 0 || is_slash(name[n - 1]);
}

static enum status add_members(struct archive_paths *p, const struct zip_archive *z,
                               struct error *err)
{
    for (size_t i = 0; i < zip_archive_n_members(z); i++) {
        struct archive_path *a = &p->paths[p->n];
        const char *name = zip_archive_name(z, i);
        if (is_folder(name))
            continue;
        enum status status = archive_path_join("", name, &a->path, err);
        if (status != STATUS_OK)
            return status;
        a->member = i;
        p->n++;
    }
    return STATUS_OK;
}

enum status archive_paths_create(struct archive_paths *out, const struct zip_archive *z,
                                 struct error *err)
{
    struct archive_paths p = {0};
    p.paths = mem_alloc_array(zip_archive_n_members(z), sizeof *p.paths);
    if (!p.paths)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = add_members(&p, z, err);
    qsort(p.paths, p.n, sizeof *p.paths, compare);
    for (size_t i = 1; i < p.n && status == STATUS_OK; i++)
        if (strcmp(p.paths[i - 1].path, p.paths[i].path) == 0)
            status = error_set(err, STATUS_INVALID, "",
                               "the archive has two members of the path '%.64s'", p.paths[i].path);
    if (status != STATUS_OK)
        archive_paths_deinit(&p);
    else
        *out = p;
    return status;
}

void archive_paths_deinit(struct archive_paths *p)
{
    for (size_t i = 0; i < p->n; i++)
        mem_free(p->paths[i].path);
    mem_free(p->paths);
    *p = (struct archive_paths){0};
}

bool archive_paths_find(const struct archive_paths *p, const char *path, size_t *member)
{
    size_t first = 0, end = p->n;
    while (first < end) {
        const size_t middle = first + (end - first) / 2;
        const int order = strcmp(path, p->paths[middle].path);
        if (order == 0) {
            *member = p->paths[middle].member;
            return true;
        }
        if (order < 0)
            end = middle;
        else
            first = middle + 1;
    }
    return false;
}
