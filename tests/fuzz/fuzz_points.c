#include <math.h>
#include <string.h>

#include "api/codec/codec_query.h"
#include "core/format/npy.h"
#include "tests/fuzz/fuzz.h"

enum { N_DIMS = 2, MAX_POINTS = 64 };

void fuzz_seeds(void)
{
    static const float values[8] = {0.5f, 1, -2, 1e-45f};
    for (size_t n = 1; n <= 4; n++) {
        const char name[] = {(char)('0' + n), '\0'};
        struct buffer file;
        buffer_init(&file, FUZZ_MAX_SEED);
        enum status status = npy_encode_floats(values, (size_t[]){n, 2}, 2, &file, NULL);
        fuzz_seed(name, status, &file);
    }
}

static void check(enum status status, struct query *q, const struct problem_list *problems)
{
    fuzz_check_problems(status, problems);
    REQUIRE((status == STATUS_OK) == (q->coords != NULL));
    if (status != STATUS_OK)
        return;
    REQUIRE(q->n_points >= 1 && q->n_points <= MAX_POINTS && q->outputs == OUTPUT_VALUE);
    for (size_t i = 0; i < q->n_points * N_DIMS; i++)
        REQUIRE(isfinite(q->coords[i]));
}

/* The bytes as an NPY file of points, and as points themselves. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    const struct http_request request = {.body = bytes, .body_size = n_bytes};
    struct query npy = {.coords = NULL}, raw = {.coords = NULL};
    struct problem_list npy_problems = {.status = STATUS_OK}, raw_problems = npy_problems;
    enum status status = codec_query_npy(&request, N_DIMS, MAX_POINTS, &npy, &npy_problems);
    check(status, &npy, &npy_problems);
    status = codec_query_raw(&request, N_DIMS, MAX_POINTS, &raw, &raw_problems);
    check(status, &raw, &raw_problems);
    if (status == STATUS_OK)
        REQUIRE(raw.n_points * N_DIMS * sizeof(float) == n_bytes &&
                memcmp(raw.coords, bytes, n_bytes) == 0);
    query_deinit(&npy);
    query_deinit(&raw);
    return 0;
}
