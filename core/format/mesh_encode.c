#include "core/format/mesh.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"

/* Data is copied as it lies in memory. */
_Static_assert(__BYTE_ORDER == __LITTLE_ENDIAN, "files are little endian, so must the machine be");

/* --- PLY --- */

static void ply_vertices(const struct mesh *m, const float *normals, uint8_t *out)
{
    const size_t size = 3 * sizeof(float);
    for (size_t i = 0; i < m->n_vertices; i++) {
        memcpy(out, m->vertices + 3 * i, size);
        out += size;
        if (normals) {
            memcpy(out, normals + 3 * i, size);
            out += size;
        }
    }
}

static void ply_faces(const struct mesh *m, uint8_t *out)
{
    const size_t size = 3 * sizeof(uint32_t);
    for (size_t i = 0; i < m->n_triangles; i++, out += 1 + size) {
        *out = 3;
        memcpy(out + 1, m->triangles + 3 * i, size);
    }
}

enum status mesh_ply_encode(const struct mesh *m, const float *normals, struct buffer *out,
                            struct error *err)
{
    const size_t before = out->size;
    const size_t vertex = (normals ? 6 : 3) * sizeof(float), face = 1 + 3 * sizeof(uint32_t);
    uint8_t *at;
    enum status status = buffer_printf(
        out, err,
        "ply\nformat binary_little_endian 1.0\nelement vertex %zu\n"
        "property float x\nproperty float y\nproperty float z\n%s"
        "element face %zu\nproperty list uchar int vertex_indices\nend_header\n",
        m->n_vertices, normals ? "property float nx\nproperty float ny\nproperty float nz\n" : "",
        m->n_triangles);
    if (status == STATUS_OK)
        status = buffer_extend(out, m->n_vertices * vertex + m->n_triangles * face, &at, err);
    if (status != STATUS_OK) {
        out->size = before;
        return status;
    }
    ply_vertices(m, normals, at);
    ply_faces(m, at + m->n_vertices * vertex);
    return STATUS_OK;
}

/* --- GLB --- */

enum { GLB_HEADER = 12, GLB_CHUNK = 8, GLB_VERSION = 2, MAX_JSON = 4096 };
#define GLB_MAGIC 0x46546C67U /* "glTF" */
#define GLB_JSON 0x4E4F534AU
#define GLB_BIN 0x004E4942U

static void find_box(const struct mesh *m, float *low, float *high)
{
    for (size_t d = 0; d < 3; d++)
        low[d] = high[d] = m->n_vertices ? m->vertices[d] : 0.0f;
    for (size_t i = 0; i < 3 * m->n_vertices; i++) {
        const float v = m->vertices[i];
        low[i % 3] = v < low[i % 3] ? v : low[i % 3];
        high[i % 3] = v > high[i % 3] ? v : high[i % 3];
    }
}

/* The JSON chunk, its length a multiple of four.  Views of the one buffer: positions, normals where
 * there are any, indices. */
static enum status describe(const struct mesh *m, bool has_normals, struct buffer *out,
                            struct error *err)
{
    const size_t n = m->n_vertices, bytes = n * 3 * sizeof(float);
    const size_t vertex_bytes = has_normals ? 2 * bytes : bytes;
    const size_t index_bytes = m->n_triangles * 3 * sizeof(uint32_t);
    float low[3], high[3];
    find_box(m, low, high);
    enum status status = buffer_printf(
        out, err,
        "{\"asset\":{\"version\":\"2.0\",\"generator\":\"farfield " FARFIELD_VERSION "\"},"
        "\"scene\":0,\"scenes\":[{\"nodes\":[0]}],\"nodes\":[{\"mesh\":0}],"
        "\"meshes\":[{\"primitives\":[{\"attributes\":{\"POSITION\":0%s},\"indices\":%d,"
        "\"material\":0}]}],"
        "\"materials\":[{\"doubleSided\":true,\"pbrMetallicRoughness\":{"
        "\"baseColorFactor\":[0.8,0.8,0.8,1],\"metallicFactor\":0,\"roughnessFactor\":0.7}}],",
        has_normals ? ",\"NORMAL\":1" : "", has_normals ? 2 : 1);
    if (status == STATUS_OK)
        status =
            buffer_printf(out, err,
                          "\"buffers\":[{\"byteLength\":%zu}],\"bufferViews\":["
                          "{\"buffer\":0,\"byteOffset\":0,\"byteLength\":%zu,\"target\":34962},",
                          vertex_bytes + index_bytes, bytes);
    if (status == STATUS_OK && has_normals)
        status = buffer_printf(
            out, err, "{\"buffer\":0,\"byteOffset\":%zu,\"byteLength\":%zu,\"target\":34962},",
            bytes, bytes);
    if (status == STATUS_OK)
        status =
            buffer_printf(out, err,
                          "{\"buffer\":0,\"byteOffset\":%zu,\"byteLength\":%zu,\"target\":34963}],"
                          "\"accessors\":[{\"bufferView\":0,\"componentType\":5126,\"count\":%zu,"
                          "\"type\":\"VEC3\",\"min\":[%.9g,%.9g,%.9g],\"max\":[%.9g,%.9g,%.9g]},",
                          vertex_bytes, index_bytes, n, (double)low[0], (double)low[1],
                          (double)low[2], (double)high[0], (double)high[1], (double)high[2]);
    if (status == STATUS_OK && has_normals)
        status = buffer_printf(
            out, err, "{\"bufferView\":1,\"componentType\":5126,\"count\":%zu,\"type\":\"VEC3\"},",
            n);
    if (status == STATUS_OK)
        status = buffer_printf(out, err,
                               "{\"bufferView\":%d,\"componentType\":5125,\"count\":%zu,"
                               "\"type\":\"SCALAR\"}]}",
                               has_normals ? 2 : 1, 3 * m->n_triangles);
    while (status == STATUS_OK && out->size % 4 != 0)
        status = buffer_append(out, " ", 1, err);
    return status;
}

static uint8_t *put_words(uint8_t *at, const uint32_t *words, size_t n)
{
    memcpy(at, words, n * sizeof *words);
    return at + n * sizeof *words;
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t n)
{
    if (n > 0)
        memcpy(at, bytes, n);
    return at + n;
}

enum status mesh_glb_encode(const struct mesh *m, const float *normals, struct buffer *out,
                            struct error *err)
{
    const size_t vertex_bytes = m->n_vertices * 3 * sizeof(float);
    const size_t index_bytes = m->n_triangles * 3 * sizeof(uint32_t);
    const size_t data = vertex_bytes * (normals ? 2 : 1) + index_bytes; /* a multiple of four */
    struct buffer json;
    uint8_t *at;
    buffer_init(&json, MAX_JSON);
    enum status status = describe(m, normals != NULL, &json, err);
    const size_t total = GLB_HEADER + 2 * GLB_CHUNK + json.size + data;
    if (status == STATUS_OK && total > UINT32_MAX)
        status = error_set(err, STATUS_TOO_LARGE, "", "a GLB of %zu bytes is over 4 GiB", total);
    if (status == STATUS_OK)
        status = buffer_extend(out, total, &at, err);
    if (status == STATUS_OK) {
        at = put_words(at, (uint32_t[]){GLB_MAGIC, GLB_VERSION, (uint32_t)total}, 3);
        at = put_words(at, (uint32_t[]){(uint32_t)json.size, GLB_JSON}, 2);
        at = put_bytes(at, json.data, json.size);
        at = put_words(at, (uint32_t[]){(uint32_t)data, GLB_BIN}, 2);
        at = put_bytes(at, m->vertices, vertex_bytes);
        if (normals)
            at = put_bytes(at, normals, vertex_bytes);
        put_bytes(at, m->triangles, index_bytes);
    }
    buffer_deinit(&json);
    return status;
}
