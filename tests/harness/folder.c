#include "tests/harness/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_SIZE = 512 };

static void copy_file(const char *from, const char *to)
{
    enum { PART = 1 << 20 };
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0 && errno == ENOENT)
        return;
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(in >= 0 && out >= 0);
    ssize_t n;
    while ((n = sendfile(out, in, NULL, PART)) > 0)
        ;
    assert_int_equal(n, 0);
    close(in);
    close(out);
}

static void link_files(const char *from, const char *to)
{
    assert_int_equal(mkdir(to, 0700), 0);
    DIR *folder = opendir(from);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char old[PATH_SIZE], new[PATH_SIZE];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(old, sizeof old, "%s/%s", from, entry->d_name);
        snprintf(new, sizeof new, "%s/%s", to, entry->d_name);
        assert_int_equal(link(old, new), 0);
    }
    closedir(folder);
}

void folder_copy(const char *from, const char *to)
{
    static const char *const files[] = {"main.db", "main.db-wal", "blob.db", "blob.db-wal"};
    static const char *const folders[] = {"blobs", "tmp"};
    char old[PATH_SIZE / 2], new[PATH_SIZE / 2];
    assert_int_equal(mkdir(to, 0700), 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(old, sizeof old, "%s/%s", from, files[i]);
        snprintf(new, sizeof new, "%s/%s", to, files[i]);
        copy_file(old, new);
    }
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(old, sizeof old, "%s/%s", from, folders[i]);
        snprintf(new, sizeof new, "%s/%s", to, folders[i]);
        if (access(old, F_OK) == 0)
            link_files(old, new);
    }
}

static int remove_entry(const char *path, const struct stat *facts, int type, struct FTW *ftw)
{
    (void)facts;
    (void)type;
    (void)ftw;
    return remove(path);
}

void folder_remove(const char *path)
{
    if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0)
        assert_int_equal(errno, ENOENT);
}

size_t folder_count(const char *path, const char *beginning, uint64_t *bytes)
{
    size_t n = 0;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        struct stat facts;
        if (strncmp(entry->d_name, beginning, strlen(beginning)) != 0 ||
            fstatat(dirfd(folder), entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(facts.st_mode))
            continue;
        n++;
        if (bytes)
            *bytes += (uint64_t)facts.st_size;
    }
    closedir(folder);
    return n;
}
