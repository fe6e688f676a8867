#include "core/field/checkpoint.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/field/field_tensors.h"

/* Weights, up to two moments, the average and the best weights. */
enum { MAX_BLOCKS = 5 };

struct named_block {
    const char *prefix;
    float *values;
};

/* What a file of these blocks consists of.  Returns how many. */
static size_t list_blocks(const struct checkpoint_blocks *blocks, enum optimizer_type optimizer,
                          bool has_average, bool has_best, struct named_block out[MAX_BLOCKS])
{
    static const char *const moments[] = {"adam.m.", "adam.v."};
    const size_t n_moments = optimizer_n_moments(optimizer);
    size_t n = 0;
    assert(n_moments <= sizeof moments / sizeof *moments);
    out[n++] = (struct named_block){"", blocks->params};
    for (size_t i = 0; i < n_moments; i++)
        out[n++] = (struct named_block){moments[i], blocks->moments[i]};
    if (has_average)
        out[n++] = (struct named_block){"average.", blocks->average};
    if (has_best)
        out[n++] = (struct named_block){"best.", blocks->best};
    return n;
}

enum status checkpoint_encode(const struct checkpoint *c, const struct checkpoint_blocks *blocks,
                              enum optimizer_type optimizer, const char *spec, struct buffer *out,
                              struct error *err)
{
    const bool has_best = c->best_step > 0;
    const int64_t step = (int64_t)c->step, best_step = (int64_t)c->best_step;
    const struct tensor_metadata metadata[] = {
        {"format", "farfield checkpoint 1"},
        {"optimizer", optimizer_name(optimizer)},
        {"spec", spec},
    };
    struct named_block block[MAX_BLOCKS];
    const size_t n_blocks = list_blocks(blocks, optimizer, blocks->average, has_best, block);
    struct tensor_set *set = tensor_set_create();
    if (!set)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < n_blocks && status == STATUS_OK; i++)
        status = tensor_set_add_block(set, blocks->field, block[i].prefix, block[i].values, err);
    if (status == STATUS_OK) {
        tensor_set_add(set, "train.step", TENSOR_I64, 1, &step);
        tensor_set_add(set, "train.seconds", TENSOR_F64, 1, &c->seconds);
        if (has_best) {
            tensor_set_add(set, "best.train.step", TENSOR_I64, 1, &best_step);
            tensor_set_add(set, "best.psnr", TENSOR_F64, 1, &c->best_psnr);
        }
        if (blocks->state)
            tensor_set_add(set, "task.state", TENSOR_F32, blocks->n_state, blocks->state);
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

/* A file without "best.psnr" keeps no best parameters. */
static enum status read_best(const struct safetensors *file, struct checkpoint *c,
                             struct error *err)
{
    int64_t step = 0;
    double psnr = 0.0;
    if (!safetensors_find(file, "best.psnr"))
        return STATUS_OK;
    enum status status = read_number(file, "best.train.step", TENSOR_I64, &step, err);
    if (status == STATUS_OK)
        status = read_number(file, "best.psnr", TENSOR_F64, &psnr, err);
    if (status != STATUS_OK)
        return status;
    if (step < 1 || (uint64_t)step > c->step || !isfinite(psnr))
        return error_set(err, STATUS_INVALID, "", "the best of a checkpoint at step %lld, %g dB",
                         (long long)step, psnr);
    c->best_step = (uint64_t)step;
    c->best_psnr = psnr;
    return STATUS_OK;
}

/* Every field has a layer. */
static bool has_block(const struct safetensors *file, const char *prefix)
{
    char name[TENSOR_NAME_SIZE];
    snprintf(name, sizeof name, "%slayers.0.bias", prefix);
    return safetensors_find(file, name) != NULL;
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
    *out = (struct checkpoint){.step = (uint64_t)step, .seconds = seconds};
    return STATUS_OK;
}

/* The state of a task, borrowed from the file. */
static enum status find_state(const struct safetensors *file, size_t n, const struct tensor **out,
                              struct error *err)
{
    const struct tensor *t = safetensors_find(file, "task.state");
    bool ok = t && t->type == TENSOR_F32 && t->n_dims == 1 && t->shape[0] == n;
    for (size_t i = 0; ok && i < n; i++) {
        float value; /* the file's bytes may lie unaligned */
        memcpy(&value, (const uint8_t *)t->data + i * sizeof value, sizeof value);
        ok = isfinite(value);
    }
    if (!ok)
        return error_set(err, STATUS_INVALID, "",
                         "tensor 'task.state' is missing or not %zu finite numbers", n);
    *out = t;
    return STATUS_OK;
}

enum status checkpoint_decode(struct checkpoint *c, const struct checkpoint_blocks *blocks,
                              enum optimizer_type optimizer, const uint8_t *bytes, size_t n_bytes,
                              struct error *err)
{
    const size_t n_params = field_n_params(blocks->field);
    struct safetensors *file = NULL;
    struct named_block block[MAX_BLOCKS];
    float *read[MAX_BLOCKS] = {0};
    struct checkpoint header = {0};
    const struct tensor *state = NULL;
    size_t n_blocks = 0;
    enum status status = safetensors_parse(&file, bytes, n_bytes, err);
    if (status == STATUS_OK)
        status = read_header(file, optimizer, &header, err);
    if (status == STATUS_OK && blocks->best)
        status = read_best(file, &header, err);
    if (status == STATUS_OK && blocks->state)
        status = find_state(file, blocks->n_state, &state, err);
    if (status != STATUS_OK)
        goto out;
    const bool has_average = blocks->average && has_block(file, "average.");
    n_blocks = list_blocks(blocks, optimizer, has_average, header.best_step > 0, block);
    for (size_t i = 0; i < n_blocks && status == STATUS_OK; i++) {
        read[i] = mem_alloc_floats(n_params);
        if (!read[i]) {
            status = error_status(err, STATUS_NO_MEMORY);
            goto out;
        }
        status = field_tensors_read(blocks->field, block[i].prefix, file, read[i], err);
    }
    if (status != STATUS_OK)
        goto out;
    for (size_t i = 0; i < n_blocks; i++)
        memcpy(block[i].values, read[i], n_params * sizeof(float));
    if (state)
        memcpy(blocks->state, state->data, blocks->n_state * sizeof(float));
    if (blocks->average && !has_average)
        memcpy(blocks->average, blocks->params, n_params * sizeof(float));
    *c = header;
out:
    for (size_t i = 0; i < n_blocks; i++)
        mem_free(read[i]);
    safetensors_free(file);
    return status;
}
