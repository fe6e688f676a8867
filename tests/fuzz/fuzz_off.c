#include "core/format/mesh.h"

#include "tests/fuzz/fuzz.h"

void fuzz_seeds(void)
{
    static const char *const texts[] = {
        "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n",
        "# c\nSTCNOFF 4 1 # c\n\n0 0 0 1\n1 0 0 1\n1 1 0 1\n0 1 0 1\n4 0 1 2 3 255 0 0\n",
        "COFF\n3\n1\n3\n0 0 0\n1 0 0\n0 1e0 0\n3 0 1 2\n#\n",
    };
    fuzz_seed_texts(texts, sizeof texts / sizeof *texts);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct mesh mesh = {0};
    struct error err = {.status = STATUS_OK};
    fuzz_check_mesh(mesh_off_decode(bytes, n_bytes, &mesh, &err), &err, &mesh);
    mesh_deinit(&mesh);
    return 0;
}
