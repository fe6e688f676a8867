#include "core/format/mesh.h"

#include "tests/fuzz/fuzz.h"

void fuzz_seeds(void)
{
    static const char *const texts[] = {
        "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\n"
        "property float z\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n"
        "0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n",
        "ply\nformat binary_big_endian 1.0\ncomment c\nelement face 1\n"
        "property list uchar uchar vertex_index\nelement vertex 3\nproperty char x\n"
        "property char y\nproperty list char char l\nproperty char z\nend_header\n"
        "\3\0\1\2",
    };
    static float vertices[] = {0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0};
    static uint32_t triangles[] = {0, 1, 2, 0, 2, 3};
    const struct mesh mesh = {4, 2, vertices, triangles};
    struct buffer file;
    for (size_t i = 0; i < 2; i++) {
        buffer_init(&file, FUZZ_MAX_SEED);
        const enum status status = mesh_ply_encode(&mesh, i ? vertices : NULL, &file, NULL);
        fuzz_seed(i ? "normals" : "plain", status, &file);
    }
    fuzz_seed_texts(texts, sizeof texts / sizeof *texts);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct mesh mesh = {0};
    struct error err = {.status = STATUS_OK};
    fuzz_check_mesh(mesh_ply_decode(bytes, n_bytes, &mesh, &err), &err, &mesh);
    mesh_deinit(&mesh);
    return 0;
}
