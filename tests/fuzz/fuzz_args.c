#include "api/codec/codec_args.h"

#include <math.h>
#include <string.h>

#include "api/codec/codec_query.h"
#include "server/http/target.h"
#include "tests/fuzz/fuzz.h"

void fuzz_seeds(void)
{
    static const char *const texts[] = {
        "limit=7&cursor=abc&q=%25_'%20OR",
        "cursor=0123456789012345678901234567890123456789012345678901234567890123456789",
        "x=0.25&y=-1e-3",
        "bbox=0,0,1.5,+2e1&width=512",
        "frame=unit&outputs=laplacian,gradient",
        "limit=0&limit=1&bbox=1,2,3&x=nan&frame=&outputs=,",
        "width=18446744073709551616&x=1e999&y=0x10&bbox=1,2,3,inf",
    };
    fuzz_seed_texts(texts, sizeof texts / sizeof *texts);
}

/* What is given wrong leaves what was there; what is given right is in its range. */
static void check_numbers(const struct http_request *r, struct problem_list *problems)
{
    uint64_t width = 77;
    double x = 77, bbox[4] = {77, 77, 77, 77};
    bool is_given = false;
    const enum status integer = codec_args_integer(r, "width", 1, 4096, &width, problems);
    const enum status number = codec_args_number(r, "x", -1.0, 1.0, &x, problems);
    const enum status numbers = codec_args_numbers(r, "bbox", 4, bbox, &is_given, problems);
    const bool has_width = http_query(r, "width") && integer == STATUS_OK;
    const bool has_x = http_query(r, "x") && number == STATUS_OK;
    REQUIRE(has_width ? width >= 1 && width <= 4096 : width == 77);
    REQUIRE(has_x ? x >= -1.0 && x <= 1.0 : x == 77.0);
    REQUIRE(is_given == (http_query(r, "bbox") != NULL));
    for (size_t i = 0; i < 4; i++)
        REQUIRE(is_given && numbers == STATUS_OK ? isfinite(bbox[i]) : bbox[i] == 77.0);
}

static void check_names(const struct http_request *r, struct problem_list *problems)
{
    enum query_frame frame = FRAME_UNIT;
    unsigned outputs = 0;
    struct page page = {.limit = 0};
    const enum status status = codec_query_arguments(r, &frame, &outputs, problems);
    REQUIRE(status == problems->status);
    REQUIRE(frame == FRAME_SOURCE || frame == FRAME_UNIT);
    REQUIRE(outputs >= 1 && outputs <= (OUTPUT_VALUE | OUTPUT_GRADIENT | OUTPUT_LAPLACIAN));
    const char *cursor = http_query(r, "cursor");
    if (codec_args_page(r, &page, problems) == STATUS_OK)
        REQUIRE(page.limit >= 1 && page.limit <= 200 &&
                strcmp(page.cursor, cursor ? cursor : "") == 0 &&
                (!page.search || (*page.search && strlen(page.search) <= 128)));
    else
        REQUIRE(page.limit == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static const char *const known[] = {"limit", "cursor", "q",     "x",       "y",
                                        "bbox",  "width",  "frame", "outputs", NULL};
    struct target t;
    struct problem_list problems = {.status = STATUS_OK};
    struct http_request request = {.id = "req_fuzz"};
    char *raw = malloc(n_bytes + 2);
    REQUIRE(raw);
    memcpy(raw, "/?", 2);
    if (n_bytes > 0)
        memcpy(raw + 2, bytes, n_bytes);
    if (target_parse(&t, raw, n_bytes + 2, NULL) == STATUS_OK) {
        request.n_query = t.n_query;
        memcpy(request.query, t.query, sizeof t.query);
        codec_args_known(&request, known, &problems);
        check_numbers(&request, &problems);
        check_names(&request, &problems);
        fuzz_check_problems(problems.status, &problems);
        target_deinit(&t);
    }
    free(raw);
    return 0;
}
