#include "core/format/safetensors.h"

#include "tests/fuzz/fuzz.h"

void fuzz_seeds(void)
{
    static const double values[6] = {0.5, 1, -2};
    static const struct tensor tensors[] = {
        {"layers.0.weight", TENSOR_F32, 2, {2, 3}, values},
        {"step", TENSOR_I64, 0, {0}, values},
        {"moment \"m\"", TENSOR_F64, 3, {1, 2, 1}, values},
        {"bits", TENSOR_U8, 1, {5}, values},
    };
    static const struct tensor_metadata remark = {"format", "caf\xc3\xa9 \t \\"};
    for (size_t n = 0; n <= 4; n += 2) {
        struct buffer file;
        buffer_init(&file, FUZZ_MAX_SEED);
        enum status status = safetensors_encode(tensors, n, &remark, n / 2 % 2, &file, NULL);
        fuzz_seed(n == 0 ? "empty" : n == 2 ? "two" : "four", status, &file);
    }
}

/* Every byte of every tensor lies inside the file, and belongs to no other. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct safetensors *s = NULL;
    struct error err = {.status = STATUS_OK};
    size_t n_used = 0;
    const enum status status = safetensors_parse(&s, bytes, n_bytes, &err);
    REQUIRE(err.status == status && (status == STATUS_OK) == (s != NULL));
    if (status != STATUS_OK)
        return 0;
    REQUIRE(safetensors_n_tensors(s) <= LIMIT_TENSORS);
    for (size_t i = 0; i < safetensors_n_tensors(s); i++) {
        const struct tensor *t = safetensors_tensor(s, i);
        const uint8_t *data = t->data;
        REQUIRE(safetensors_find(s, t->name) == t);
        REQUIRE(data >= bytes && tensor_bytes(t) <= (size_t)(bytes + n_bytes - data));
        n_used += tensor_bytes(t);
    }
    REQUIRE(n_used <= n_bytes);
    safetensors_free(s);
    return 0;
}
