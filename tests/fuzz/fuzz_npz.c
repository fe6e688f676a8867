#include "core/format/npy.h"
#include "core/base/mem.h"
#include "tests/fuzz/seed.h"

int LLVMFuzzerInitialize(int *n_arguments, char ***arguments)
{
    (void)n_arguments;
    (void)arguments;
    static const float values[6] = {0.5f, 1, -2};
    const struct npz_entry entries[] = {{"color", values, 2, {2, 3}}, {"focal", values, 0, {0}}};
    for (size_t n = 1; n <= 2; n++) {
        struct buffer file;
        buffer_init(&file, SEED_MAX_BYTES);
        enum status status = npz_encode(entries, n, &file, NULL);
        seed_write(n == 1 ? "one" : "two", status, &file);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct npz *z;
    if (npz_open(&z, bytes, n_bytes, NULL) != STATUS_OK)
        return 0;
    for (size_t i = 0; i < npz_n_members(z); i++) {
        uint8_t *storage = NULL;
        struct npy_array a;
        enum status status = npz_read(z, npz_member_name(z, i), &storage, &a, NULL);
        if ((status == STATUS_OK) != (storage != NULL))
            abort();
        mem_free(storage);
    }
    npz_close(z);
    return 0;
}
