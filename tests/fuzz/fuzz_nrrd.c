#include "core/format/nrrd.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/support/volume_files.h"

enum { MAX_VOXELS = 1 << 16 };

static const char *const headers[][2] = {
    {"raw", "type: uchar\ndimension: 3\nsizes: 3 2 4\nencoding: raw\nspacings: 1 2 0.5\n"},
    {"gzip", "type: uchar\ndimension: 3\nsizes: 3 2 4\nencoding: gzip\nbyte skip: 0\n"},
    {"floats", "type: float\ndimension: 3\nsizes: 1 2 3\nencoding: raw\nendian: big\n"},
    {"space",
     "type: uint8\ndimension: 3\nsizes: 3 2 4\nencoding: raw\nspace: LPS\nspace directions: "
     "(1,0,0) (0,0,2) (0,3,0)\nspace origin: (1,2,3)\nspace units: \"mm\" \"mm\" \"mm\"\n"},
    {"channels", "type: uchar\ndimension: 4\nsizes: 2 3 2 2\nkinds: vector domain domain domain\n"
                 "encoding: raw\nline skip: 0\n"},
};

void fuzz_seeds(void)
{
    static const uint8_t data[24] = {1, 2, 3, 4, 5, 6, 7};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        struct buffer file;
        buffer_init(&file, FUZZ_MAX_SEED);
        enum status status = buffer_printf(&file, NULL, "NRRD0004\n%s\n", headers[i][1]);
        if (strcmp(headers[i][0], "gzip") == 0)
            gzip_append(&file, data, sizeof data);
        else if (status == STATUS_OK)
            status = buffer_append(&file, data, sizeof data, NULL);
        fuzz_seed(headers[i][0], status, &file);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct volume volume = {0};
    struct volume_facts facts;
    struct error err = {.status = STATUS_OK};
    const enum status checked = nrrd_check(bytes, n_bytes, &facts, NULL);
    /* packed zeros may be many: a check has seen them all, a decode would keep them */
    if (checked != STATUS_OK || facts.width * facts.height * facts.depth <= MAX_VOXELS) {
        const enum status decoded = nrrd_decode(bytes, n_bytes, &volume, &err);
        fuzz_check_volume(decoded, &err, &volume, checked, &facts);
        volume_deinit(&volume);
    }
    return 0;
}
