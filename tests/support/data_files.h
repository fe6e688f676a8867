/*
 * Files for tests: the development data, which a checkout may lack, and files in general.
 * Everything here fails the running test when it cannot do what it says.
 */
#ifndef TESTS_SUPPORT_DATA_FILES_H
#define TESTS_SUPPORT_DATA_FILES_H

#include <stddef.h>
#include <stdint.h>

/* The path of a file or folder of the data ($FARFIELD_TEST_DATA, else ../shared/data), as a new
 * string (free), if it is there; NULL if not: the test then skips. */
char *data_path(const char *name);

/* The whole file; *n its bytes.  The caller frees. */
uint8_t *file_read(const char *path, size_t *n);

void file_write(const char *path, const void *bytes, size_t n);

/* Call visit with every plain file of a folder, in the order of names.  Returns how many. */
typedef void (*file_visit)(void *context, const char *name, const uint8_t *bytes, size_t n);
size_t folder_each(const char *folder, file_visit visit, void *context);

#endif
