#include <string.h>

#include "core/base/mem.h"
#include "core/format/npy.h"
#include "tests/fuzz/fuzz.h"

void fuzz_seeds(void)
{
    static const float values[6] = {0.5f, 1, -2};
    const struct npz_entry entries[] = {{"color", values, 2, {2, 3}}, {"focal", values, 0, {0}}};
    for (size_t n = 1; n <= 2; n++) {
        struct buffer file;
        buffer_init(&file, FUZZ_MAX_SEED);
        enum status status = npz_encode(entries, n, &file, NULL);
        fuzz_seed(n == 1 ? "one" : "two", status, &file);
    }
}

/* Members have names of their own, and unpack to no more than the archive's size allows. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct npz *z = NULL;
    struct error err = {.status = STATUS_OK};
    const enum status opened = npz_open(&z, bytes, n_bytes, &err);
    REQUIRE(err.status == opened && (opened == STATUS_OK) == (z != NULL));
    if (opened != STATUS_OK)
        return 0;
    size_t n_unpacked = 0;
    REQUIRE(npz_n_members(z) >= 1 && npz_n_members(z) <= LIMIT_ARCHIVE_MEMBERS);
    for (size_t i = 0; i < npz_n_members(z); i++) {
        uint8_t *storage = NULL;
        struct npy_array a;
        error_clear(&err);
        enum status status = npz_read(z, npz_member_name(z, i), &storage, &a, &err);
        REQUIRE(err.status == status && (status == STATUS_OK) == (storage != NULL));
        n_unpacked += status == STATUS_OK ? a.n_elements : 0;
        mem_free(storage);
        for (size_t k = 0; k < i; k++)
            REQUIRE(strcmp(npz_member_name(z, k), npz_member_name(z, i)) != 0);
    }
    REQUIRE(n_unpacked / LIMIT_ARCHIVE_RATIO <= n_bytes);
    npz_close(z);
    return 0;
}
