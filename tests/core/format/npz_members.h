/* Every member of an NPZ, as a reader of it would ask for them. */
#ifndef TESTS_CORE_FORMAT_NPZ_MEMBERS_H
#define TESTS_CORE_FORMAT_NPZ_MEMBERS_H

#include "core/base/mem.h"
#include "core/format/npy.h"

/* Open and read every member: the first failure, or OK. */
static inline enum status npz_read_all(const uint8_t *bytes, size_t n, struct error *err)
{
    struct npz *z;
    enum status status = npz_open(&z, bytes, n, err);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < npz_n_members(z) && status == STATUS_OK; i++) {
        uint8_t *storage = NULL;
        struct npy_array a;
        status = npz_read(z, npz_member_name(z, i), &storage, &a, err);
        mem_free(storage);
    }
    npz_close(z);
    return status;
}

#endif
