#include "core/format/mesh.h"

#include "tests/fuzz/fuzz.h"

void fuzz_seeds(void)
{
    static const char *const texts[] = {
        "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
        "# c\r\nv 0 0 0 1\r\nv 1 0 0 .5 .5 .5\r\nv 0 1e0 0\r\nvt 0 0\r\nf 1/1 2//1 3/1/1\r\n",
        "v 0 0 \\\n 0\nv 1 0 0\nv 1 1 0\nv 0 1 -2.5e-3\nf -4 -3 \\\n-2 -1\ncstype bezier\n",
    };
    fuzz_seed_texts(texts, sizeof texts / sizeof *texts);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct mesh mesh = {0};
    struct error err = {.status = STATUS_OK};
    fuzz_check_mesh(mesh_obj_decode(bytes, n_bytes, &mesh, &err), &err, &mesh);
    mesh_deinit(&mesh);
    return 0;
}
