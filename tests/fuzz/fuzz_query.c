#include "api/codec/codec_query.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "api/codec/codec_json.h"
#include "core/field/field.h"
#include "tests/fuzz/fuzz.h"

enum { N_DIMS = 2, MAX_POINTS = 16, MAX_DEPTH = 32 };

void fuzz_seeds(void)
{
    static const char *const texts[] = {
        "{\"coords\": [[0.5, 0.5]]}",
        "{\"coords\":[[1,2],[-3e0,4.25]],\"frame\":\"unit\",\"outputs\":[\"value\",\"gradient\"]}",
        "{\"outputs\":[\"gradient\"],\"frame\":\"source\",\"coords\" : [ [ 1E-45 , -0.0 ] ] }",
        "{\"coords\":[[1000.00006,16777215],[3.40282347e38,1.17549435e-38]]}",
        "{\"coords\":[[1]],\"coords\":0}",
        "{\"frame\":\"\\u00e9\",\"x\":{\"coords\":[[1,2]]},\"coords\":[]}",
        "{\"coords\":[[1e38,0]],\"outputs\":[\"value\",\"laplacian\"]}",
    };
    fuzz_seed_texts(texts, sizeof texts / sizeof *texts);
}

/* Our own reading of coordinates is a JSON library's: no text that it refuses, no other number. */
static void compare(const uint8_t *bytes, size_t n_bytes, const struct query *q)
{
    json_t *body = json_loadb((const char *)bytes, n_bytes,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
    const json_t *coords = json_object_get(body, "coords");
    REQUIRE(body && json_array_size(coords) == q->n_points);
    for (size_t i = 0; i < q->n_points; i++) {
        const json_t *point = json_array_get(coords, i);
        REQUIRE(json_array_size(point) == N_DIMS);
        for (size_t d = 0; d < N_DIMS; d++) {
            const float theirs = (float)json_real_value(json_array_get(point, d));
            REQUIRE(isfinite(q->coords[i * N_DIMS + d]));
            REQUIRE(memcmp(&q->coords[i * N_DIMS + d], &theirs, sizeof theirs) == 0);
        }
    }
    json_decref(body);
}

/* The coordinates as an answer's values, in JSON, are the same bits again. */
static void answer(const struct query *q)
{
    struct buffer text;
    buffer_init(&text, 1 << 16);
    const struct field_outputs outputs = {q->coords, q->coords, q->coords};
    REQUIRE(codec_query_answer(q->n_points, N_DIMS, 1, &outputs, &text, NULL) == STATUS_OK);
    json_t *body = json_loadb((const char *)text.data, text.size, JSON_DECODE_INT_AS_REAL, NULL);
    const json_t *values = json_object_get(body, "value");
    for (size_t i = 0; i < q->n_points * N_DIMS; i++) {
        const json_t *row = json_array_get(values, i / N_DIMS);
        const float value = (float)json_real_value(json_array_get(row, i % N_DIMS));
        REQUIRE(memcmp(&value, &q->coords[i], sizeof value) == 0);
    }
    json_decref(body);
    buffer_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct query q = {.coords = NULL};
    struct problem_list problems = {.status = STATUS_OK};
    const enum status status =
        codec_query_json(bytes, n_bytes, MAX_DEPTH, N_DIMS, MAX_POINTS, &q, &problems);
    fuzz_check_problems(status, &problems);
    REQUIRE((status == STATUS_OK) == (q.coords != NULL));
    if (status != STATUS_OK)
        return 0;
    REQUIRE(q.n_points >= 1 && q.n_points <= MAX_POINTS);
    REQUIRE(q.frame == FRAME_SOURCE || q.frame == FRAME_UNIT);
    REQUIRE(q.outputs >= 1 && q.outputs <= (OUTPUT_VALUE | OUTPUT_GRADIENT | OUTPUT_LAPLACIAN));
    REQUIRE((q.outputs & OUTPUT_LAPLACIAN) || q.laplacian_at == 0);
    compare(bytes, n_bytes, &q);
    answer(&q);
    query_deinit(&q);
    return 0;
}
