#include <math.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/format/measured_npz.h"
#include "core/format/npy.h"
#include "tests/fuzz/fuzz.h"

void fuzz_seeds(void)
{
    static const float values[8] = {0.5f, 1, -2, 3, 4, 5}, ones[4] = {1, 0, 1, 1};
    const struct npz_entry entries[2][2] = {
        {{"sinogram", values, 2, {2, 4}}, {"angles", values, 1, {2}}},
        {{"kspace", values, 2, {2, 2}}, {"mask", ones, 2, {2, 2}}},
    };
    for (size_t i = 0; i < 2; i++) {
        struct buffer file;
        buffer_init(&file, FUZZ_MAX_SEED);
        enum status status = npz_encode(entries[i], 2, &file, NULL);
        fuzz_seed(i ? "kspace" : "sinogram", status, &file);
    }
}

/* What is taken is within the limits, finite, and measured somewhere. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct sinogram s = {0};
    struct kspace k = {0};
    struct error err = {.status = STATUS_OK};
    enum status status = sinogram_decode_npz(bytes, n_bytes, &s, &err);
    REQUIRE(err.status == status && (status == STATUS_OK) == (s.values != NULL));
    if (status == STATUS_OK) {
        REQUIRE(s.n_angles >= 1 && s.n_angles <= LIMIT_ANGLES && s.width >= 1);
        REQUIRE(s.n_angles * s.width <= LIMIT_MEASURED);
        for (size_t i = 0; i < s.n_angles * s.width; i++)
            REQUIRE(isfinite(s.values[i]));
        for (size_t i = 0; i < s.n_angles; i++)
            REQUIRE(isfinite(s.angles[i]));
    }
    sinogram_deinit(&s);
    error_clear(&err);
    status = kspace_decode_npz(bytes, n_bytes, &k, &err);
    REQUIRE(err.status == status && (status == STATUS_OK) == (k.samples != NULL));
    if (status == STATUS_OK) {
        const size_t n = k.width * k.height * k.depth;
        size_t n_measured = 0;
        REQUIRE(n >= 1 && n <= LIMIT_MEASURED);
        for (size_t i = 0; i < n; i++) {
            REQUIRE(isfinite(k.samples[2 * i]) && isfinite(k.samples[2 * i + 1]) && k.mask[i] <= 1);
            n_measured += k.mask[i];
        }
        REQUIRE(n_measured > 0);
    }
    kspace_deinit(&k);
    return 0;
}
