#include "core/format/mesh.h"

#include "tests/fuzz/fuzz.h"

void fuzz_seeds(void)
{
    static const char *const texts[] = {
        "solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\n"
        "endloop\nendfacet\nendsolid a\n",
    };
    static const float corners[2][12] = {{0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0},
                                         {0, 0, 1, 1, 0, 0, 1, 1, 0, -0.0f, 1, 0}};
    struct buffer file;
    uint8_t head[84] = {[80] = 2};
    buffer_init(&file, FUZZ_MAX_SEED);
    enum status status = buffer_append(&file, head, sizeof head, NULL);
    for (size_t i = 0; i < 2 && status == STATUS_OK; i++) {
        status = buffer_append(&file, corners[i], sizeof corners[i], NULL);
        if (status == STATUS_OK)
            status = buffer_append(&file, "\0\0", 2, NULL);
    }
    fuzz_seed("binary", status, &file);
    fuzz_seed_texts(texts, sizeof texts / sizeof *texts);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct mesh mesh = {0};
    struct error err = {.status = STATUS_OK};
    fuzz_check_mesh(mesh_stl_decode(bytes, n_bytes, &mesh, &err), &err, &mesh);
    mesh_deinit(&mesh);
    return 0;
}
