/*
 * Allocations that fail on the store's writer thread (tests/support/alloc.h: each thread counts its
 * own).
 */
#ifndef TESTS_SERVER_STORE_WRITER_ALLOC_H
#define TESTS_SERVER_STORE_WRITER_ALLOC_H

#include "tests/server/store/store_fixture.h"

#include "server/store/store_internal.h"
#include "tests/support/alloc.h"

static inline enum status write_nothing(struct store *s, void *context, struct error *err)
{
    (void)s, (void)context, (void)err;
    return STATUS_OK;
}

static inline void writer_arm(struct store *s, void *n, enum status status)
{
    (void)s, (void)status;
    alloc_fail(*(const size_t *)n, ALLOC_FAIL_ONCE);
}

static inline void writer_disarm(struct store *s, void *has_failed, enum status status)
{
    (void)s, (void)status;
    *(bool *)has_failed = alloc_stop();
}

/* Once this has returned, the writer's n-th allocation (1: the next) fails. */
static inline void writer_alloc_fail(struct fixture *f, size_t n)
{
    assert_ok(store_write(f->store, DATABASE_MAIN, write_nothing, writer_arm, &n, &f->err));
}

/* No more failures; whether one came, be it in the write that asks. */
static inline bool writer_alloc_stop(struct fixture *f)
{
    bool has_failed = false;
    struct error err = {0};
    if (store_write(f->store, DATABASE_MAIN, write_nothing, writer_disarm, &has_failed, &err) !=
        STATUS_OK)
        assert_string_equal(status_name(err.status), "no_memory");
    return has_failed;
}

#endif
