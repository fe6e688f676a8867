#include "core/format/safetensors.h"
#include "tests/fuzz/seed.h"

int LLVMFuzzerInitialize(int *n_arguments, char ***arguments)
{
    (void)n_arguments;
    (void)arguments;
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
        buffer_init(&file, SEED_MAX_BYTES);
        enum status status = safetensors_encode(tensors, n, &remark, n / 2 % 2, &file, NULL);
        seed_write(n == 0 ? "empty" : n == 2 ? "two" : "four", status, &file);
    }
    return 0;
}

/* Every byte of every tensor lies inside the file. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct safetensors *s;
    if (safetensors_parse(&s, bytes, n_bytes, NULL) != STATUS_OK)
        return 0;
    for (size_t i = 0; i < safetensors_n_tensors(s); i++) {
        const struct tensor *t = safetensors_tensor(s, i);
        const uint8_t *data = t->data;
        if (safetensors_find(s, t->name) != t || data < bytes ||
            tensor_bytes(t) > (size_t)(bytes + n_bytes - data))
            abort();
    }
    safetensors_free(s);
    return 0;
}
