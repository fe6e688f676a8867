/*
 * A data folder that no service holds, looked at from below: both databases, what they say of each
 * other, and the files beside them.  Everything here asserts (cmocka).
 */
#ifndef TESTS_HARNESS_AUDIT_H
#define TESTS_HARNESS_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct audit_figures {
    int64_t n_datasets, n_jobs, n_fields, n_blobs, n_events;
    uint64_t database_bytes;
};

/* What is a fault in jobs. */
enum audit_jobs {
    AUDIT_NO_CRASHES,  /* no job may have failed, and no worker have crashed */
    AUDIT_NO_FAILURES, /* no job may have failed */
};

/* Open and close the folder as the service does (recover, sweep), then check:
 *   - integrity_check and foreign_key_check of both databases say ok;
 *   - tmp/ is empty; every file in blobs/ has a row, every dataset row its file, and the bytes hash
 *     to their name; every blob is named by a row, every name has its blob, and the bytes hash to
 *     it;
 *   - no job is running; of ended jobs the log has one `done`, which is its last line, of others
 *     none; states in the log only move forward; a job has at most one field, which is its own;
 *     there is one job at most for each value of the label "key". */
void audit_folder(const char *data, enum audit_jobs jobs, struct audit_figures *out);

/* The same for a copy of it, which is made beside it and removed. */
void audit_copy(const char *data, enum audit_jobs jobs, struct audit_figures *out);

#endif
