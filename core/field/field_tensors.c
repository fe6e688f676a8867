#include "core/field/field_tensors.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"

struct tensor_set *tensor_set_create(void)
{
    return mem_alloc(sizeof(struct tensor_set));
}

void tensor_set_free(struct tensor_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->n; i++)
        mem_free(set->owned[i]);
    mem_free(set);
}

static void add(struct tensor_set *set, const char *prefix, const char *name, struct tensor tensor,
                float *owned)
{
    assert(set->n < LIMIT_TENSORS);
    snprintf(set->name[set->n], TENSOR_NAME_SIZE, "%s%s", prefix, name);
    tensor.name = set->name[set->n];
    set->tensor[set->n] = tensor;
    set->owned[set->n++] = owned;
}

void tensor_set_add(struct tensor_set *set, const char *name, enum tensor_type type, size_t n,
                    const void *data)
{
    add(set, "", name, (struct tensor){.type = type, .n_dims = 1, .shape = {n}, .data = data},
        NULL);
}

/* One tensor of a field. */
struct part {
    char name[40];
    size_t n_rows, n_columns; /* n_columns 0: one dimension */
};

static size_t n_numbers(const struct part *p)
{
    return p->n_rows * (p->n_columns ? p->n_columns : 1);
}

/* The encoding's tensors, then a matrix and a row of each layer. */
static size_t n_parts(const struct field *f)
{
    return encoding_n_tensors(field_encoding(f)) + 2 * mlp_n_layers(field_mlp(f));
}

static struct part part_at(const struct field *f, size_t i)
{
    const size_t n_encoding = encoding_n_tensors(field_encoding(f));
    struct part p;
    if (i < n_encoding) {
        const struct encoding_tensor t = encoding_tensor(field_encoding(f), i);
        p.n_rows = t.n_rows;
        p.n_columns = t.n_columns;
        snprintf(p.name, sizeof p.name, "encoding.%.30s", t.name);
        return p;
    }
    const size_t layer = (i - n_encoding) / 2;
    const bool is_bias = (i - n_encoding) % 2;
    mlp_layer_shape(field_mlp(f), layer, &p.n_rows, &p.n_columns);
    if (is_bias)
        p.n_columns = 0;
    snprintf(p.name, sizeof p.name, "layers.%zu.%s", layer, is_bias ? "bias" : "weight");
    return p;
}

/* The numbers of part i, out of a block and into one. */
static void export_part(const struct field *f, const float *block, size_t i, float *out)
{
    const struct encoding *encoding = field_encoding(f);
    const size_t n_encoding = encoding_n_tensors(encoding), n_params = encoding_n_params(encoding);
    const bool is_bias = (i - n_encoding) % 2;
    if (i < n_encoding)
        encoding_export(encoding, block, i, out);
    else
        mlp_export_layer(field_mlp(f), block + n_params, (i - n_encoding) / 2, is_bias ? NULL : out,
                         is_bias ? out : NULL);
}

static void import_part(const struct field *f, float *block, size_t i, const float *in)
{
    const struct encoding *encoding = field_encoding(f);
    const size_t n_encoding = encoding_n_tensors(encoding), n_params = encoding_n_params(encoding);
    const bool is_bias = (i - n_encoding) % 2;
    if (i < n_encoding)
        encoding_import(encoding, block, i, in);
    else
        mlp_import_layer(field_mlp(f), block + n_params, (i - n_encoding) / 2, is_bias ? NULL : in,
                         is_bias ? in : NULL);
}

enum status tensor_set_add_block(struct tensor_set *set, const struct field *f, const char *prefix,
                                 const float *block, struct error *err)
{
    for (size_t i = 0; i < n_parts(f); i++) {
        const struct part p = part_at(f, i);
        float *numbers = mem_alloc_floats(n_numbers(&p));
        if (!numbers)
            return error_status(err, STATUS_NO_MEMORY);
        export_part(f, block, i, numbers);
        add(set, prefix, p.name,
            (struct tensor){.type = TENSOR_F32,
                            .n_dims = p.n_columns ? 2 : 1,
                            .shape = {p.n_rows, p.n_columns},
                            .data = numbers},
            numbers);
    }
    return STATUS_OK;
}

/* Copy a tensor's numbers if it is what it should be. */
static enum status read_part(const struct safetensors *file, const char *prefix,
                             const struct part *p, float *out, struct error *err)
{
    char full[TENSOR_NAME_SIZE];
    const size_t n_rows = p->n_rows, n_columns = p->n_columns;
    snprintf(full, sizeof full, "%s%s", prefix, p->name);
    const struct tensor *t = safetensors_find(file, full);
    if (!t)
        return error_set(err, STATUS_INVALID, "", "tensor '%s' is missing", full);
    const size_t n_dims = n_columns ? 2 : 1;
    if (t->type != TENSOR_F32)
        return error_set(err, STATUS_INVALID, "", "tensor '%s' must be of type F32", full);
    if (t->n_dims != n_dims || t->shape[0] != n_rows || (n_columns && t->shape[1] != n_columns))
        return n_columns ? error_set(err, STATUS_INVALID, "",
                                     "tensor '%s' must have the shape [%zu, %zu]", full, n_rows,
                                     n_columns)
                         : error_set(err, STATUS_INVALID, "",
                                     "tensor '%s' must have the shape [%zu]", full, n_rows);
    const size_t n = n_numbers(p);
    memcpy(out, t->data, n * sizeof *out); /* the file's bytes may lie unaligned */
    for (size_t i = 0; i < n; i++)
        if (!isfinite(out[i]))
            return error_set(err, STATUS_INVALID, "",
                             "tensor '%s' holds a number that is not finite", full);
    return STATUS_OK;
}

enum status field_tensors_read(const struct field *f, const char *prefix,
                               const struct safetensors *file, float *block, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < n_parts(f) && status == STATUS_OK; i++) {
        const struct part p = part_at(f, i);
        float *numbers = mem_alloc_floats(n_numbers(&p));
        status = numbers ? read_part(file, prefix, &p, numbers, err)
                         : error_status(err, STATUS_NO_MEMORY);
        if (status == STATUS_OK)
            import_part(f, block, i, numbers);
        mem_free(numbers);
    }
    return status;
}

enum status field_save(const struct field *f, const struct tensor_metadata *metadata,
                       size_t n_metadata, struct buffer *out, struct error *err)
{
    struct tensor_set *set = tensor_set_create();
    if (!set)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = tensor_set_add_block(set, f, "", field_params_const(f), err);
    if (field_n_mask(f) > 0)
        tensor_set_add(set, "mask", TENSOR_U8, field_n_mask(f), field_mask_const(f));
    if (status == STATUS_OK)
        status = safetensors_encode(set->tensor, set->n, metadata, n_metadata, out, err);
    tensor_set_free(set);
    return status;
}

static enum status find_mask(const struct safetensors *file, size_t n, const struct tensor **out,
                             struct error *err)
{
    const struct tensor *t = safetensors_find(file, "mask");
    if (!t || t->type != TENSOR_U8 || t->n_dims != 1 || t->shape[0] != n)
        return error_set(err, STATUS_INVALID, "", "tensor 'mask' is missing or not U8 [%zu]", n);
    *out = t;
    return STATUS_OK;
}

enum status field_load(struct field *f, const uint8_t *bytes, size_t n_bytes, struct error *err)
{
    struct safetensors *file = NULL;
    const struct tensor *mask = NULL;
    float *block = NULL;
    enum status status = safetensors_parse(&file, bytes, n_bytes, err);
    if (status == STATUS_OK && field_n_mask(f) > 0)
        status = find_mask(file, field_n_mask(f), &mask, err);
    if (status != STATUS_OK)
        goto out;
    block = mem_alloc_floats(field_n_params(f));
    if (!block) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    status = field_tensors_read(f, "", file, block, err);
    if (status == STATUS_OK)
        memcpy(field_params(f), block, field_n_params(f) * sizeof *block);
    if (status == STATUS_OK && mask)
        memcpy(field_mask(f), mask->data, field_n_mask(f));
out:
    safetensors_free(file);
    mem_free(block);
    return status;
}
