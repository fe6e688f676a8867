#include "core/format/npy.h"

#include <math.h>
#include <stdbool.h>

#include "core/base/mem.h"
#include "tests/fuzz/fuzz.h"

void fuzz_seeds(void)
{
    static const float values[12] = {0.5f, 1, -2};
    static const size_t shape[] = {2, 3, 2};
    static const char *const names[] = {"scalar", "line", "grey", "two_channels"};
    for (size_t n_dims = 0; n_dims <= 3; n_dims++) {
        struct buffer file;
        buffer_init(&file, FUZZ_MAX_SEED);
        enum status status = npy_encode_floats(values, shape, n_dims, &file, NULL);
        fuzz_seed(names[n_dims], status, &file);
    }
}

/* The numbers of an array lie in the file, each in at least one byte, so their floats fit in
 * memory; what comes out is finite. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct image image = {0};
    struct error err = {.status = STATUS_OK};
    struct npy_array a;
    const enum status parsed = npy_parse(bytes, n_bytes, &a, &err);
    REQUIRE(err.status == parsed);
    if (parsed == STATUS_OK) {
        size_t product = 1;
        bool is_empty = false;
        REQUIRE(a.n_dims <= LIMIT_NPY_DIMS && a.data >= bytes && a.data <= bytes + n_bytes);
        REQUIRE(a.n_elements <= (size_t)(bytes + n_bytes - a.data));
        for (size_t i = 0; i < a.n_dims; i++)
            is_empty = is_empty || a.shape[i] == 0;
        for (size_t i = 0; i < a.n_dims && !is_empty; i++)
            REQUIRE(mem_mul(&product, product, a.shape[i]));
        REQUIRE(a.n_elements == (is_empty ? 0 : product));
        float *values = mem_alloc_floats(a.n_elements);
        if (values && npy_to_floats(&a, values, NULL) == STATUS_OK)
            for (size_t i = 0; i < a.n_elements; i++)
                REQUIRE(isfinite(values[i]));
        mem_free(values);
    }
    error_clear(&err);
    const enum status decoded = npy_decode_image(bytes, n_bytes, &image, &err);
    fuzz_check_image(decoded, &err, &image);
    struct image_facts facts;
    fuzz_check_facts(decoded, &image, npy_check_image(bytes, n_bytes, &facts, NULL), &facts);
    REQUIRE(decoded != STATUS_OK || parsed == STATUS_OK);
    image_deinit(&image);
    return 0;
}
