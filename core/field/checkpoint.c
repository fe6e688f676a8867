#include "core/field/checkpoint.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/field/field_tensors.h"

/* Weights and up to two moments. */
enum { MAX_BLOCKS = 3 };
static const char *const prefixes[MAX_BLOCKS] = {"", "adam.m.", "adam.v."};

enum status checkpoint_encode(const struct checkpoint *c, const struct field *f,
                              enum optimizer_type optimizer, float *const *moments,
                              const char *spec, struct buffer *out, struct error *err)
{
    const size_t n_moments = optimizer_n_moments(optimizer);
    const int64_t step = (int64_t)c->step;
    assert(n_moments < MAX_BLOCKS);
    const struct tensor_metadata metadata[] = {
        {"format", "farfield checkpoint 1"},
        {"optimizer", optimizer_name(optimizer)},
        {"spec", spec},
    };
    struct tensor_set *set = tensor_set_create();
    if (!set)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = tensor_set_add_block(set, f, prefixes[0], field_params_const(f), err);
    for (size_t i = 0; i < n_moments && status == STATUS_OK; i++)
        status = tensor_set_add_block(set, f, prefixes[1 + i], moments[i], err);
    if (status == STATUS_OK) {
        tensor_set_add(set, "train.step", TENSOR_I64, 1, &step);
        tensor_set_add(set, "train.seconds", TENSOR_F64, 1, &c->seconds);
        status = safetensors_encode(set->tensor, set->n, metadata,
                                    sizeof metadata / sizeof *metadata, out, err);
    }
    tensor_set_free(set);
    return status;
}

/* Copy the one number of a tensor [1] of a type of eight bytes. */
static enum status read_number(const struct safetensors *file, const char *name,
                               enum tensor_type type, void *out, struct error *err)
{
    const struct tensor *t = safetensors_find(file, name);
    if (!t || t->type != type || t->n_dims != 1 || t->shape[0] != 1)
        return error_set(err, STATUS_INVALID, "", "tensor '%s' is missing or not a single number",
                         name);
    memcpy(out, t->data, 8);
    return STATUS_OK;
}

static enum status read_header(const struct safetensors *file, enum optimizer_type optimizer,
                               struct checkpoint *out, struct error *err)
{
    int64_t step = 0;
    double seconds = 0.0;
    enum status status = read_number(file, "train.step", TENSOR_I64, &step, err);
    if (status == STATUS_OK)
        status = read_number(file, "train.seconds", TENSOR_F64, &seconds, err);
    if (status != STATUS_OK)
        return status;
    if (step < 0 || !isfinite(seconds) || seconds < 0.0)
        return error_set(err, STATUS_INVALID, "", "a checkpoint at step %lld, second %g",
                         (long long)step, seconds);
    const char *name = safetensors_metadata(file, "optimizer");
    if (!name || strcmp(name, optimizer_name(optimizer)) != 0)
        return error_set(err, STATUS_INVALID, "", "the checkpoint is of optimizer '%s', not '%s'",
                         name ? name : "", optimizer_name(optimizer));
    *out = (struct checkpoint){(uint64_t)step, seconds};
    return STATUS_OK;
}

enum status checkpoint_decode(struct checkpoint *c, struct field *f, enum optimizer_type optimizer,
                              float *const *moments, const uint8_t *bytes, size_t n_bytes,
                              struct error *err)
{
    const size_t n_blocks = 1 + optimizer_n_moments(optimizer);
    const size_t n_params = field_n_params(f);
    struct safetensors *file = NULL;
    float *block[MAX_BLOCKS] = {0};
    struct checkpoint header = {0};
    assert(n_blocks >= 1 && n_blocks <= MAX_BLOCKS);
    enum status status = safetensors_parse(&file, bytes, n_bytes, err);
    if (status == STATUS_OK)
        status = read_header(file, optimizer, &header, err);
    for (size_t i = 0; i < n_blocks && status == STATUS_OK; i++) {
        block[i] = mem_alloc_floats(n_params);
        if (!block[i]) {
            status = error_status(err, STATUS_NO_MEMORY);
            goto out;
        }
        status = field_tensors_read(f, prefixes[i], file, block[i], err);
    }
    if (status != STATUS_OK)
        goto out;
    memcpy(field_params(f), block[0], n_params * sizeof(float));
    for (size_t i = 1; i < n_blocks; i++)
        memcpy(moments[i - 1], block[i], n_params * sizeof(float));
    *c = header;
out:
    for (size_t i = 0; i < n_blocks; i++)
        mem_free(block[i]);
    safetensors_free(file);
    return status;
}
