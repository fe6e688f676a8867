/*
 * A small disk of the test's own (tmpfs, in a mount namespace of this process and its children),
 * and a file that fills it.
 */
#ifndef TESTS_HARNESS_SMALL_DISK_H
#define TESTS_HARNESS_SMALL_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct small_disk {
    char folder[64]; /* where it is mounted */
    char filler[80];
};

/* False, with the reason printed, where this machine lets nobody mount (not root, and no user
 * namespaces).  Before any thread is started. */
bool small_disk_mount(struct small_disk *d, size_t megabytes);
void small_disk_unmount(struct small_disk *d);

/* Fill all but so many KiB; what is free is filled anew at each call.  Asserts (cmocka). */
void small_disk_fill(const struct small_disk *d, size_t left);
void small_disk_free(const struct small_disk *d);

/* Bytes that are free. */
uint64_t small_disk_left(const struct small_disk *d);

#endif
