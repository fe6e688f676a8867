#include "server/http/range.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tests/fuzz/fuzz.h"

void fuzz_seeds(void)
{
    static const char *const texts[] = {
        "bytes=0-499", "bytes=500-", "bytes=-500", "Bytes= 0 - 1", "bytes=0-0,2-3", "items=0-1",
    };
    fuzz_seed_texts(texts, sizeof texts / sizeof *texts);
}

/* A part lies inside the whole; said in the plainest form, it is the same part. */
static void check(const char *header, uint64_t size)
{
    const struct range r = range_parse(header, size);
    switch (r.kind) {
    case RANGE_WHOLE:
        REQUIRE(r.first == 0 && r.count == size);
        break;
    case RANGE_UNSATISFIABLE:
        REQUIRE(r.first == 0 && r.count == 0);
        break;
    case RANGE_PART: {
        char plain[64];
        REQUIRE(r.count >= 1 && r.first < size && r.count <= size - r.first);
        snprintf(plain, sizeof plain, "bytes=%llu-%llu", (unsigned long long)r.first,
                 (unsigned long long)(r.first + r.count - 1));
        const struct range again = range_parse(plain, size);
        REQUIRE(again.kind == RANGE_PART && again.first == r.first && again.count == r.count);
        break;
    }
    }
    if (r.kind != RANGE_WHOLE)
        REQUIRE(strncasecmp(header, "bytes=", 6) == 0 && !strchr(header, ','));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static const uint64_t sizes[] = {0, 1, 2, 500, 1ULL << 40, UINT64_MAX};
    char *header = fuzz_text(bytes, n_bytes);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        check(header, sizes[i]);
    free(header);
    return 0;
}
