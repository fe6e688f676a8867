/*
 * The members of an archive, found by path.
 *
 * Paths are compared after they were made plain: '\' is '/', "./", "//" and a folder's last '/' are
 * gone.  Paths that leave the archive ("..", "/etc", "C:\") name nothing and are INVALID.
 */
#ifndef CORE_FORMAT_ARCHIVE_PATHS_H
#define CORE_FORMAT_ARCHIVE_PATHS_H

#include <stdbool.h>

#include "core/format/zip_archive.h"

struct archive_paths {
    size_t n;
    struct archive_path *paths; /* [n], sorted */
};
struct archive_path {
    char *path; /* plain */
    size_t member;
};

/* The plain form of folder/path; folder is plain already, "" for none.  *out is the caller's
 * (mem_free).  INVALID, NO_MEMORY. */
enum status archive_path_join(const char *folder, const char *path, char **out,
                              struct error *err) WARN_UNUSED;

/* All members but folders.  INVALID: a member's path leaves the archive, or two are the same. */
enum status archive_paths_create(struct archive_paths *out, const struct zip_archive *z,
                                 struct error *err) WARN_UNUSED;
void archive_paths_deinit(struct archive_paths *p);

/* The member of a plain path.  False if there is none. */
bool archive_paths_find(const struct archive_paths *p, const char *path, size_t *member);

#endif
