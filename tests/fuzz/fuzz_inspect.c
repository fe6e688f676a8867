#include <jansson.h>

#include "api/jobs.h"
#include "api/kinds/image_file.h"
#include "core/base/mem.h"
#include "core/format/jpeg.h"
#include "core/format/npy.h"
#include "core/format/png.h"
#include "tests/fuzz/fuzz.h"

void fuzz_seeds(void)
{
    static const float values[4 * 3 * 2] = {0.5f, -1, 2};
    static const uint8_t pixels[4 * 3] = {1, 2, 3, 255};
    struct buffer b;
    buffer_init(&b, FUZZ_MAX_SEED);
    fuzz_seed("npy", npy_encode_floats(values, (size_t[]){4, 3, 2}, 3, &b, NULL), &b);
    fuzz_seed("png", png_encode(pixels, 4, 3, 1, PNG_SMALL, &b, NULL), &b);
    fuzz_seed("jpeg", jpeg_encode(pixels, 4, 3, 1, 50, &b, NULL), &b);
}

static json_t *ask(const char *question, const uint8_t *bytes, size_t n_bytes, enum status *status)
{
    char *answer = NULL;
    struct error err = {.status = STATUS_OK};
    *status = job_inspect_answer(question, bytes, n_bytes, &answer, &err);
    REQUIRE(err.status == *status && (*status == STATUS_OK) == (answer != NULL));
    json_t *value = answer ? json_loads(answer, JSON_REJECT_DUPLICATES, NULL) : NULL;
    REQUIRE((answer != NULL) == (value != NULL));
    mem_free(answer);
    return value;
}

static size_t side(const json_t *facts, size_t i)
{
    const json_t *shape = json_object_get(json_object_get(facts, "info"), "shape");
    return (size_t)json_integer_value(json_array_get(shape, i));
}

/* An upload, as its process answers for it: what it is, its preview, and the picture that a fit
 * would learn are of one mind. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    if (fuzz_is_large_png(bytes, n_bytes) || fuzz_is_large_jpeg(bytes, n_bytes))
        return 0;
    enum status told, shown;
    struct image image = {.samples = NULL};
    struct error err = {.status = STATUS_OK};
    json_t *facts = ask("{\"kind\":\"image\"}", bytes, n_bytes, &told);
    json_t *preview = ask("{\"kind\":\"image\",\"preview_width\":8}", bytes, n_bytes, &shown);
    const enum status decoded = image_file_decode(bytes, n_bytes, &image, &err);
    fuzz_check_image(decoded, &err, &image);
    REQUIRE(told == decoded && shown == decoded);
    if (decoded == STATUS_OK) {
        REQUIRE(side(facts, 0) == image.height && side(facts, 1) == image.width);
        REQUIRE(side(facts, 2) == image.channels);
        REQUIRE(json_string_length(json_object_get(preview, "preview_png_base64")) > 0);
    }
    image_deinit(&image);
    json_decref(facts);
    json_decref(preview);
    return 0;
}
