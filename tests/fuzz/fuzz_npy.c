#include "core/format/npy.h"

#include <math.h>

#include "core/base/mem.h"
#include "tests/fuzz/seed.h"

int LLVMFuzzerInitialize(int *n_arguments, char ***arguments)
{
    (void)n_arguments;
    (void)arguments;
    static const float values[12] = {0.5f, 1, -2};
    static const size_t shape[] = {2, 3, 2};
    static const char *const names[] = {"scalar", "line", "grey", "two_channels"};
    for (size_t n_dims = 0; n_dims <= 3; n_dims++) {
        struct buffer file;
        buffer_init(&file, SEED_MAX_BYTES);
        enum status status = npy_encode_floats(values, shape, n_dims, &file, NULL);
        seed_write(names[n_dims], status, &file);
    }
    return 0;
}

/* An array may claim no more elements than the file has bytes, so the floats fit in memory. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct image image = {0};
    struct npy_array a;
    if (npy_parse(bytes, n_bytes, &a, NULL) == STATUS_OK) {
        if (a.n_elements > n_bytes)
            abort();
        float *values = mem_alloc_floats(a.n_elements);
        if (values && npy_to_floats(&a, values, NULL) == STATUS_OK)
            for (size_t i = 0; i < a.n_elements; i++)
                if (!isfinite(values[i]))
                    abort();
        mem_free(values);
    }
    struct image_facts facts = {0};
    if (npy_check_image(bytes, n_bytes, &facts, NULL) !=
            npy_decode_image(bytes, n_bytes, &image, NULL) ||
        facts.width != image.width || facts.height != image.height)
        abort();
    image_deinit(&image);
    return 0;
}
