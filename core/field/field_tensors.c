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

/* A matrix and the row beside it: a layer's weight and bias, the encoding's b and a. */
struct pair {
    char matrix_name[32], row_name[32];
    size_t n_rows, n_columns; /* of the matrix; the row has n_rows numbers */
};

/* The pairs of a field: the encoding's, if it has one, then the layers'. */
static size_t n_pairs(const struct field *f)
{
    return mlp_n_layers(field_mlp(f)) + (encoding_n_frequencies(field_encoding(f)) ? 1 : 0);
}

/* *layer: the layer it is of, or SIZE_MAX for the encoding. */
static struct pair pair_at(const struct field *f, size_t i, size_t *layer)
{
    const size_t n_frequencies = encoding_n_frequencies(field_encoding(f));
    if (n_frequencies && i == 0) {
        *layer = SIZE_MAX;
        return (struct pair){"encoding.b", "encoding.a", n_frequencies, field_n_inputs(f)};
    }
    *layer = n_frequencies ? i - 1 : i;
    struct pair p;
    snprintf(p.matrix_name, sizeof p.matrix_name, "layers.%zu.weight", *layer);
    snprintf(p.row_name, sizeof p.row_name, "layers.%zu.bias", *layer);
    mlp_layer_shape(field_mlp(f), *layer, &p.n_rows, &p.n_columns);
    return p;
}

enum status tensor_set_add_block(struct tensor_set *set, const struct field *f, const char *prefix,
                                 const float *block, struct error *err)
{
    const float *network = block + encoding_n_params(field_encoding(f));
    for (size_t i = 0; i < n_pairs(f); i++) {
        size_t layer;
        struct pair p = pair_at(f, i, &layer);
        float *matrix = mem_alloc_floats(p.n_rows * p.n_columns);
        float *row = mem_alloc_floats(p.n_rows);
        if (!matrix || !row) {
            mem_free(matrix);
            mem_free(row);
            return error_status(err, STATUS_NO_MEMORY);
        }
        if (layer == SIZE_MAX)
            encoding_export(field_encoding(f), block, matrix, row);
        else
            mlp_export_layer(field_mlp(f), network, layer, matrix, row);
        add(set, prefix, p.matrix_name,
            (struct tensor){
                .type = TENSOR_F32, .n_dims = 2, .shape = {p.n_rows, p.n_columns}, .data = matrix},
            matrix);
        add(set, prefix, p.row_name,
            (struct tensor){.type = TENSOR_F32, .n_dims = 1, .shape = {p.n_rows}, .data = row},
            row);
    }
    return STATUS_OK;
}

/* Copy a tensor's numbers if it is what it should be.  n_columns 0: one dimension. */
static enum status read_tensor(const struct safetensors *file, const char *prefix, const char *name,
                               size_t n_rows, size_t n_columns, float *out, struct error *err)
{
    char full[TENSOR_NAME_SIZE];
    snprintf(full, sizeof full, "%s%s", prefix, name);
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
    const size_t n = n_columns ? n_rows * n_columns : n_rows;
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
    float *network = block + encoding_n_params(field_encoding(f));
    enum status status = STATUS_OK;
    for (size_t i = 0; i < n_pairs(f) && status == STATUS_OK; i++) {
        size_t layer;
        struct pair p = pair_at(f, i, &layer);
        float *matrix = mem_alloc_floats(p.n_rows * p.n_columns);
        float *row = mem_alloc_floats(p.n_rows);
        if (!matrix || !row) {
            status = error_status(err, STATUS_NO_MEMORY);
        } else {
            status = read_tensor(file, prefix, p.matrix_name, p.n_rows, p.n_columns, matrix, err);
            if (status == STATUS_OK)
                status = read_tensor(file, prefix, p.row_name, p.n_rows, 0, row, err);
            if (status == STATUS_OK && layer == SIZE_MAX)
                encoding_import(field_encoding(f), block, matrix, row);
            else if (status == STATUS_OK)
                mlp_import_layer(field_mlp(f), network, layer, matrix, row);
        }
        mem_free(matrix);
        mem_free(row);
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
    if (status == STATUS_OK)
        status = safetensors_encode(set->tensor, set->n, metadata, n_metadata, out, err);
    tensor_set_free(set);
    return status;
}

enum status field_load(struct field *f, const uint8_t *bytes, size_t n_bytes, struct error *err)
{
    struct safetensors *file = NULL;
    float *block = NULL;
    enum status status = safetensors_parse(&file, bytes, n_bytes, err);
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
out:
    safetensors_free(file);
    mem_free(block);
    return status;
}
