/* The first byte of an input says whether the rest is packed by gzip before it is read: as it is,
 * no bytes that a fuzzer changes would be unpacked. */
#include "core/format/nifti.h"

#include "tests/fuzz/fuzz.h"
#include "tests/support/volume_files.h"

enum { MAX_VOXELS = 1 << 16, MAX_FILE = 1 << 20 };

static void seed(const char *name, const struct buffer *file, uint8_t packing)
{
    struct buffer bytes;
    buffer_init(&bytes, FUZZ_MAX_SEED);
    enum status status = buffer_append(&bytes, &packing, 1, NULL);
    if (status == STATUS_OK)
        status = buffer_append(&bytes, file->data, file->size, NULL);
    fuzz_seed(name, status, &bytes);
}

void fuzz_seeds(void)
{
    static const char *const names[] = {"u8", "i16", "i32", "f32", "f64",
                                        "i8", "u16", "u32", "i64", "u64"};
    static const size_t four[] = {3, 2, 2, 3};
    static const float values[12] = {0.5f, 1, -2};
    static const double affine[3][4] = {{2, 0, 0, -9}, {0, 0, 3, 1}, {0, -1, 0, 7}};
    struct buffer file;
    for (size_t i = 0; i < N_NIFTI_DATATYPES; i++) {
        nifti_ramp(&file, i % 2, nifti_datatypes[i], 3, 5);
        seed(names[i], &file, i % 3 == 0);
        buffer_deinit(&file);
    }
    buffer_init(&file, MAX_FILE);
    nifti_make(&file, false, 2, 4, four, 36);
    seed("four_dimensions", &file, 0);
    buffer_deinit(&file);
    const struct nifti_shape shape = {3, 2, 2, 1, affine};
    buffer_init(&file, MAX_FILE);
    REQUIRE(nifti_encode(&shape, values, -1, 4, NULL, &file, NULL) == STATUS_OK);
    seed("written", &file, 0);
    buffer_deinit(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct volume volume = {0};
    struct volume_facts facts;
    struct error err = {.status = STATUS_OK};
    struct buffer packed;
    if (n_bytes < 1)
        return 0;
    buffer_init(&packed, MAX_FILE);
    if (bytes[0] & 1)
        gzip_append(&packed, bytes + 1, n_bytes - 1);
    const uint8_t *file = bytes[0] & 1 ? packed.data : bytes + 1;
    const size_t n = bytes[0] & 1 ? packed.size : n_bytes - 1;
    const enum status checked = nifti_check(file, n, &facts, NULL);
    /* packed zeros may be many: a check has seen them all, a decode would keep them */
    if (checked != STATUS_OK || facts.width * facts.height * facts.depth <= MAX_VOXELS) {
        const enum status decoded = nifti_decode(file, n, &volume, &err);
        fuzz_check_volume(decoded, &err, &volume, checked, &facts);
        volume_deinit(&volume);
    }
    buffer_deinit(&packed);
    return 0;
}
