/*
 * Data folders as wholes: copies to look at, and their end.  Everything here asserts (cmocka).
 */
#ifndef TESTS_HARNESS_FOLDER_H
#define TESTS_HARNESS_FOLDER_H

#include <stddef.h>
#include <stdint.h>

/* A copy as a crash would leave it: databases and their logs byte by byte, datasets and uploads as
 * further links to the same files, no shared memory.  `to` must not be there. */
void folder_copy(const char *from, const char *to);

/* With all that is in it; one that is not there is fine. */
void folder_remove(const char *path);

/* How many files of a folder have names with this beginning; their bytes are added to *bytes,
 * which may be NULL. */
size_t folder_count(const char *path, const char *beginning, uint64_t *bytes);

#endif
