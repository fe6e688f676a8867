#include "core/format/safetensors.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/format/json_scan.h"

/* Data is copied as it lies in memory. */
_Static_assert(__BYTE_ORDER == __LITTLE_ENDIAN, "files are little endian, so must the machine be");

enum {
    LENGTH_BYTES = 8, /* of the header's length, before the header */
    ALIGNMENT = 8,
    MAX_DIMS = 3,
    MAX_METADATA = 256,
};

static const char metadata_name[] = "__metadata__";

static const struct {
    const char *name;
    size_t size;
} types[] = {
    [TENSOR_F32] = {"F32", 4},
    [TENSOR_F64] = {"F64", 8},
    [TENSOR_I64] = {"I64", 8},
    [TENSOR_U8] = {"U8", 1},
};
enum { N_TYPES = sizeof types / sizeof *types };

/* Bytes of the data; false if they wrap. */
static bool count_bytes(const struct tensor *t, size_t *out)
{
    size_t n = types[t->type].size;
    for (size_t d = 0; d < t->n_dims; d++)
        if (!mem_mul(&n, n, t->shape[d]))
            return false;
    *out = n;
    return true;
}

size_t tensor_bytes(const struct tensor *t)
{
    size_t n = 0;
    return count_bytes(t, &n) ? n : 0;
}

/* --- encoding --- */

/* The data stands in the order of falling element size: every tensor is then aligned to its
 * elements without a gap.  Byte offset, in the data, of each tensor. */
static enum status lay_out(const struct tensor *tensors, size_t n, size_t *offset,
                           struct error *err)
{
    size_t at = 0;
    for (size_t size = ALIGNMENT; size > 0; size /= 2)
        for (size_t i = 0; i < n; i++) {
            size_t n_bytes;
            if (types[tensors[i].type].size != size)
                continue;
            if (!count_bytes(&tensors[i], &n_bytes) || !mem_add(&n_bytes, at, n_bytes))
                return error_set(err, STATUS_TOO_LARGE, "", "the tensors are too large");
            offset[i] = at;
            at = n_bytes;
        }
    return STATUS_OK;
}

static enum status check_names(const struct tensor *tensors, size_t n_tensors,
                               const struct tensor_metadata *metadata, size_t n_metadata,
                               struct error *err)
{
    if (n_tensors > LIMIT_TENSORS || n_metadata > MAX_METADATA)
        return error_set(err, STATUS_TOO_LARGE, "", "a file has at most %d tensors and %d remarks",
                         LIMIT_TENSORS, MAX_METADATA);
    for (size_t i = 0; i < n_tensors; i++) {
        if (tensors[i].n_dims > MAX_DIMS || strcmp(tensors[i].name, metadata_name) == 0)
            return error_set(err, STATUS_INVALID, "", "tensor %zu cannot be written", i);
        for (size_t k = 0; k < i; k++)
            if (strcmp(tensors[i].name, tensors[k].name) == 0)
                return error_set(err, STATUS_INVALID, "", "tensors %zu and %zu have one name", k,
                                 i);
    }
    for (size_t i = 0; i < n_metadata; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(metadata[i].key, metadata[k].key) == 0)
                return error_set(err, STATUS_INVALID, "", "remarks %zu and %zu have one key", k, i);
    return STATUS_OK;
}

static enum status append_metadata(const struct tensor_metadata *metadata, size_t n,
                                   struct buffer *out, struct error *err)
{
    enum status status = buffer_printf(out, err, "\"%s\":{", metadata_name);
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        if (i > 0)
            status = buffer_append(out, ",", 1, err);
        if (status == STATUS_OK)
            status = json_append_string(metadata[i].key, out, err);
        if (status == STATUS_OK)
            status = buffer_append(out, ":", 1, err);
        if (status == STATUS_OK)
            status = json_append_string(metadata[i].value, out, err);
    }
    return status == STATUS_OK ? buffer_append(out, "}", 1, err) : status;
}

static enum status append_tensor(const struct tensor *t, size_t offset, struct buffer *out,
                                 struct error *err)
{
    enum status status = json_append_string(t->name, out, err);
    if (status == STATUS_OK)
        status = buffer_printf(out, err, ":{\"dtype\":\"%s\",\"shape\":[", types[t->type].name);
    for (size_t d = 0; d < t->n_dims && status == STATUS_OK; d++)
        status = buffer_printf(out, err, d ? ",%zu" : "%zu", t->shape[d]);
    if (status == STATUS_OK)
        status = buffer_printf(out, err, "],\"data_offsets\":[%zu,%zu]}", offset,
                               offset + tensor_bytes(t));
    return status;
}

/* The header's JSON, padded with blanks so that the data behind it is aligned. */
static enum status append_header(const struct tensor *tensors, size_t n_tensors,
                                 const struct tensor_metadata *metadata, size_t n_metadata,
                                 const size_t *offset, struct buffer *out, struct error *err)
{
    const size_t start = out->size;
    enum status status = buffer_append(out, "{", 1, err);
    if (status == STATUS_OK && n_metadata > 0)
        status = append_metadata(metadata, n_metadata, out, err);
    for (size_t i = 0; i < n_tensors && status == STATUS_OK; i++) {
        if (i > 0 || n_metadata > 0)
            status = buffer_append(out, ",", 1, err);
        if (status == STATUS_OK)
            status = append_tensor(&tensors[i], offset[i], out, err);
    }
    if (status == STATUS_OK)
        status = buffer_append(out, "}", 1, err);
    if (status != STATUS_OK)
        return status;
    size_t unaligned = (out->size - start) % ALIGNMENT;
    return buffer_printf(out, err, "%*s", unaligned ? (int)(ALIGNMENT - unaligned) : 0, "");
}

enum status safetensors_encode(const struct tensor *tensors, size_t n_tensors,
                               const struct tensor_metadata *metadata, size_t n_metadata,
                               struct buffer *out, struct error *err)
{
    size_t offset[LIMIT_TENSORS] = {0};
    const size_t start = out->size;
    uint8_t length[LENGTH_BYTES] = {0};
    enum status status = check_names(tensors, n_tensors, metadata, n_metadata, err);
    if (status == STATUS_OK)
        status = lay_out(tensors, n_tensors, offset, err);
    if (status == STATUS_OK)
        status = buffer_append(out, length, sizeof length, err);
    if (status == STATUS_OK)
        status = append_header(tensors, n_tensors, metadata, n_metadata, offset, out, err);
    if (status != STATUS_OK)
        goto out;
    const size_t n_header = out->size - start - LENGTH_BYTES;
    if (n_header > LIMIT_TENSORS_HEADER) {
        status = error_set(err, STATUS_TOO_LARGE, "", "the header has %zu bytes, at most %d",
                           n_header, LIMIT_TENSORS_HEADER);
        goto out;
    }
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        out->data[start + i] = (uint8_t)((uint64_t)n_header >> 8 * i);
    for (size_t size = ALIGNMENT; size > 0; size /= 2) /* the order of lay_out */
        for (size_t i = 0; i < n_tensors && status == STATUS_OK; i++)
            if (types[tensors[i].type].size == size)
                status = buffer_append(out, tensors[i].data, tensor_bytes(&tensors[i]), err);
out:
    if (status != STATUS_OK)
        out->size = start;
    return status;
}

/* --- parsing --- */

struct remark {
    char *key;
    char *value;
};

struct safetensors {
    size_t n_tensors;
    size_t n_remarks;
    struct tensor tensor[LIMIT_TENSORS];
    char *name[LIMIT_TENSORS];                       /* owns what tensor[].name borrows */
    size_t begin[LIMIT_TENSORS], end[LIMIT_TENSORS]; /* data_offsets */
    struct remark remark[MAX_METADATA];
};

static enum status scan_remark(struct safetensors *s, struct json_scan *scan)
{
    if (s->n_remarks == MAX_METADATA)
        return error_set(scan->err, STATUS_TOO_LARGE, "", "a tensor file has at most %d remarks",
                         MAX_METADATA);
    struct remark *r = &s->remark[s->n_remarks++];
    enum status status = json_scan_string(scan, &r->key);
    if (status == STATUS_OK)
        status = json_scan_expect(scan, ':');
    if (status == STATUS_OK)
        status = json_scan_string(scan, &r->value);
    if (status != STATUS_OK)
        return status;
    for (const struct remark *other = s->remark; other < r; other++)
        if (strcmp(other->key, r->key) == 0)
            return json_scan_broken(scan, "two remarks have one key");
    return STATUS_OK;
}

static enum status scan_metadata(struct safetensors *s, struct json_scan *scan)
{
    enum status status = json_scan_expect(scan, '{');
    if (status != STATUS_OK || json_scan_take(scan, '}'))
        return status;
    do
        status = scan_remark(s, scan);
    while (status == STATUS_OK && json_scan_take(scan, ','));
    return status == STATUS_OK ? json_scan_expect(scan, '}') : status;
}

static enum status scan_type(struct json_scan *scan, enum tensor_type *out)
{
    char *name;
    enum status status = json_scan_string(scan, &name);
    if (status != STATUS_OK)
        return status;
    size_t i = 0;
    while (i < N_TYPES && strcmp(name, types[i].name) != 0)
        i++;
    mem_free(name);
    if (i == N_TYPES)
        return error_set(scan->err, STATUS_UNSUPPORTED, "",
                         "tensors are of type F32, F64, I64 or U8");
    *out = (enum tensor_type)i;
    return STATUS_OK;
}

static enum status scan_shape(struct json_scan *scan, struct tensor *t)
{
    enum status status = json_scan_expect(scan, '[');
    if (status != STATUS_OK || json_scan_take(scan, ']'))
        return status;
    do {
        if (t->n_dims == MAX_DIMS)
            return error_set(scan->err, STATUS_UNSUPPORTED, "",
                             "tensors have at most %d dimensions", MAX_DIMS);
        status = json_scan_size(scan, &t->shape[t->n_dims++]);
    } while (status == STATUS_OK && json_scan_take(scan, ','));
    return status == STATUS_OK ? json_scan_expect(scan, ']') : status;
}

static enum status scan_offsets(struct json_scan *scan, size_t *begin, size_t *end)
{
    enum status status = json_scan_expect(scan, '[');
    if (status == STATUS_OK)
        status = json_scan_size(scan, begin);
    if (status == STATUS_OK)
        status = json_scan_expect(scan, ',');
    if (status == STATUS_OK)
        status = json_scan_size(scan, end);
    return status == STATUS_OK ? json_scan_expect(scan, ']') : status;
}

/* {"dtype": …, "shape": …, "data_offsets": …} of tensor i: each once, in any order. */
static enum status scan_tensor(struct safetensors *s, size_t i, struct json_scan *scan)
{
    static const char *const keys[] = {"dtype", "shape", "data_offsets"};
    enum { DTYPE, SHAPE, OFFSETS, N_KEYS };
    bool seen[N_KEYS] = {false};
    enum status status = json_scan_expect(scan, '{');
    for (size_t n = 0; n < N_KEYS && status == STATUS_OK; n++) {
        char *key;
        if (n > 0 && !json_scan_take(scan, ','))
            return json_scan_broken(scan, "a tensor lacks dtype, shape or data_offsets");
        status = json_scan_string(scan, &key);
        if (status != STATUS_OK)
            return status;
        size_t k = 0;
        while (k < N_KEYS && strcmp(key, keys[k]) != 0)
            k++;
        mem_free(key);
        if (k == N_KEYS || seen[k])
            return json_scan_broken(scan, "a tensor has a key that is unknown or twice there");
        seen[k] = true;
        status = json_scan_expect(scan, ':');
        if (status == STATUS_OK)
            status = k == DTYPE   ? scan_type(scan, &s->tensor[i].type)
                     : k == SHAPE ? scan_shape(scan, &s->tensor[i])
                                  : scan_offsets(scan, &s->begin[i], &s->end[i]);
    }
    return status == STATUS_OK ? json_scan_expect(scan, '}') : status;
}

/* One member of the header: the remarks or a tensor. */
static enum status scan_member(struct safetensors *s, struct json_scan *scan, bool *has_metadata)
{
    char *name;
    enum status status = json_scan_string(scan, &name);
    if (status != STATUS_OK)
        return status;
    const size_t i = s->n_tensors;
    const bool is_metadata = strcmp(name, metadata_name) == 0;
    bool is_twice = is_metadata && *has_metadata;
    for (size_t k = 0; k < i; k++)
        is_twice |= strcmp(s->name[k], name) == 0;
    if (is_twice)
        status = json_scan_broken(scan, "two members have one name");
    else if (!is_metadata && i == LIMIT_TENSORS)
        status = error_set(scan->err, STATUS_TOO_LARGE, "", "a file has at most %d tensors",
                           LIMIT_TENSORS);
    else
        status = json_scan_expect(scan, ':');
    if (status != STATUS_OK || is_metadata) {
        mem_free(name);
        *has_metadata |= is_metadata;
        return status == STATUS_OK ? scan_metadata(s, scan) : status;
    }
    s->name[i] = name;
    s->tensor[i].name = name;
    s->n_tensors++;
    return scan_tensor(s, i, scan);
}

static enum status scan_header(struct safetensors *s, struct json_scan *scan)
{
    if (scan->at == scan->end || *scan->at != '{')
        return json_scan_broken(scan, "it does not begin with '{'");
    enum status status = json_scan_expect(scan, '{');
    if (status == STATUS_OK && !json_scan_take(scan, '}')) {
        bool has_metadata = false;
        do
            status = scan_member(s, scan, &has_metadata);
        while (status == STATUS_OK && json_scan_take(scan, ','));
        if (status == STATUS_OK)
            status = json_scan_expect(scan, '}');
    }
    return status == STATUS_OK ? json_scan_end(scan) : status;
}

static int compare_begins(const void *a, const void *b, void *context)
{
    const struct safetensors *s = context;
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    if (s->begin[i] != s->begin[k])
        return s->begin[i] < s->begin[k] ? -1 : 1;
    return (s->end[i] > s->end[k]) - (s->end[i] < s->end[k]); /* empty ones first */
}

/* Every tensor has the bytes its shape needs, and together they cover the data once. */
static enum status check_data(struct safetensors *s, const uint8_t *data, size_t n_data,
                              struct error *err)
{
    size_t order[LIMIT_TENSORS];
    for (size_t i = 0; i < s->n_tensors; i++)
        order[i] = i;
    qsort_r(order, s->n_tensors, sizeof *order, compare_begins, s);
    size_t at = 0;
    for (size_t n = 0; n < s->n_tensors; n++) {
        const size_t i = order[n];
        struct tensor *t = &s->tensor[i];
        size_t n_bytes;
        if (s->begin[i] != at || s->end[i] < at || s->end[i] > n_data)
            return error_set(err, STATUS_INVALID, "",
                             "the data of tensor %zu leaves a gap, overlaps or passes the end", i);
        if (!count_bytes(t, &n_bytes) || n_bytes != s->end[i] - at)
            return error_set(err, STATUS_INVALID, "",
                             "the data of tensor %zu does not have the size of its shape", i);
        if (at % types[t->type].size != 0)
            return error_set(err, STATUS_UNSUPPORTED, "",
                             "the data of tensor %zu is not aligned to its elements", i);
        t->data = data + at;
        at = s->end[i];
    }
    if (at != n_data)
        return error_set(err, STATUS_INVALID, "", "%zu bytes of data belong to no tensor",
                         n_data - at);
    return STATUS_OK;
}

enum status safetensors_parse(struct safetensors **out, const uint8_t *bytes, size_t n_bytes,
                              struct error *err)
{
    if (n_bytes < LENGTH_BYTES)
        return error_set(err, STATUS_INVALID, "", "not a safetensors file");
    uint64_t n_header = 0;
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        n_header |= (uint64_t)bytes[i] << 8 * i;
    if (n_header > n_bytes - LENGTH_BYTES)
        return error_set(err, STATUS_INVALID, "", "the tensor file is cut short");
    if (n_header > LIMIT_TENSORS_HEADER)
        return error_set(err, STATUS_TOO_LARGE, "",
                         "the header of the tensor file has at most %d bytes",
                         LIMIT_TENSORS_HEADER);
    if (n_header % ALIGNMENT != 0)
        return error_set(err, STATUS_UNSUPPORTED, "",
                         "the header of the tensor file does not end at a multiple of %d",
                         ALIGNMENT);
    struct safetensors *s = mem_alloc(sizeof *s);
    if (!s)
        return error_status(err, STATUS_NO_MEMORY);
    const uint8_t *header = bytes + LENGTH_BYTES;
    struct json_scan scan = json_scan_start((const char *)header, n_header,
                                            "the header of the tensor file is broken", err);
    enum status status = scan_header(s, &scan);
    if (status == STATUS_OK)
        status = check_data(s, header + n_header, n_bytes - LENGTH_BYTES - n_header, err);
    if (status != STATUS_OK)
        safetensors_free(s);
    else
        *out = s;
    return status;
}

void safetensors_free(struct safetensors *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_tensors; i++)
        mem_free(s->name[i]);
    for (size_t i = 0; i < s->n_remarks; i++) {
        mem_free(s->remark[i].key);
        mem_free(s->remark[i].value);
    }
    mem_free(s);
}

size_t safetensors_n_tensors(const struct safetensors *s)
{
    return s->n_tensors;
}

const struct tensor *safetensors_tensor(const struct safetensors *s, size_t i)
{
    return &s->tensor[i];
}

const struct tensor *safetensors_find(const struct safetensors *s, const char *name)
{
    for (size_t i = 0; i < s->n_tensors; i++)
        if (strcmp(s->tensor[i].name, name) == 0)
            return &s->tensor[i];
    return NULL;
}

const char *safetensors_metadata(const struct safetensors *s, const char *key)
{
    for (size_t i = 0; i < s->n_remarks; i++)
        if (strcmp(s->remark[i].key, key) == 0)
            return s->remark[i].value;
    return NULL;
}
