#include "tests/harness/small_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cmocka.h>

enum { PAGE = 4096 };

static bool write_text(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = file >= 0 ? write(file, text, strlen(text)) : -1;
    if (file >= 0)
        close(file);
    return n == (ssize_t)strlen(text);
}

/* Root gets a mount namespace, others a user namespace around it in which they are root. */
static bool enter_namespace(void)
{
    char map[64];
    const unsigned user = geteuid(), group = getegid();
    if (user == 0)
        return unshare(CLONE_NEWNS) == 0;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return false;
    snprintf(map, sizeof map, "0 %u 1", user);
    if (!write_text("/proc/self/uid_map", map) || !write_text("/proc/self/setgroups", "deny"))
        return false;
    snprintf(map, sizeof map, "0 %u 1", group);
    return write_text("/proc/self/gid_map", map);
}

bool small_disk_mount(struct small_disk *d, size_t megabytes)
{
    const char *root = getenv("TMPDIR");
    char options[64];
    snprintf(d->folder, sizeof d->folder, "%.40s/farfield-XXXXXX", root ? root : "/tmp");
    snprintf(options, sizeof options, "size=%zum,mode=0700", megabytes);
    if (!mkdtemp(d->folder))
        return false;
    snprintf(d->filler, sizeof d->filler, "%s/filler", d->folder);
    if (enter_namespace() && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mount("tmpfs", d->folder, "tmpfs", 0, options) == 0)
        return true;
    fprintf(stderr, "no disk of its own can be mounted here: %s\n", strerror(errno));
    rmdir(d->folder);
    return false;
}

void small_disk_unmount(struct small_disk *d)
{
    umount2(d->folder, MNT_DETACH);
    rmdir(d->folder);
}

/* Append until nothing more goes in. */
static off_t fill_up(int file)
{
    static const char page[PAGE];
    ssize_t n;
    while ((n = write(file, page, sizeof page)) > 0)
        ;
    assert_true(n < 0 && errno == ENOSPC);
    return lseek(file, 0, SEEK_END);
}

void small_disk_fill(const struct small_disk *d, size_t left)
{
    int file = open(d->filler, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    off_t size = fill_up(file), spared = (off_t)(left * 1024);
    assert_int_equal(ftruncate(file, size > spared ? size - spared : 0), 0);
    close(file);
}

void small_disk_free(const struct small_disk *d)
{
    assert_true(unlink(d->filler) == 0 || errno == ENOENT);
}

uint64_t small_disk_left(const struct small_disk *d)
{
    struct statvfs facts;
    assert_int_equal(statvfs(d->folder, &facts), 0);
    return (uint64_t)facts.f_bavail * facts.f_frsize;
}
