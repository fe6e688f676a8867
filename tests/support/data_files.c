#include "tests/support/data_files.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char *join(const char *folder, const char *name)
{
    char *path;
    assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
    return path;
}

char *data_path(const char *name)
{
    const char *folder = getenv("FARFIELD_TEST_DATA");
    char *path = join(folder ? folder : "../shared/data", name);
    if (access(path, R_OK) == 0)
        return path;
    free(path);
    return NULL;
}

uint8_t *file_read(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct stat s;
    assert_int_equal(fstat(fileno(file), &s), 0);
    *n = (size_t)s.st_size;
    uint8_t *bytes = malloc(*n ? *n : 1); /* exact: a sanitizer sees a read past the end */
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *n, file), *n);
    fclose(file);
    return bytes;
}

void file_write(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

size_t folder_each(const char *folder, file_visit visit, void *context)
{
    struct dirent **entries;
    size_t n_visited = 0;
    int n = scandir(folder, &entries, is_visible, alphasort);
    assert_true(n >= 0);
    for (int i = 0; i < n; i++) {
        char *path = join(folder, entries[i]->d_name);
        struct stat s;
        assert_int_equal(stat(path, &s), 0);
        if (S_ISREG(s.st_mode)) {
            size_t size;
            uint8_t *bytes = file_read(path, &size);
            visit(context, entries[i]->d_name, bytes, size);
            free(bytes);
            n_visited++;
        }
        free(path);
        free(entries[i]);
    }
    free(entries);
    return n_visited;
}
