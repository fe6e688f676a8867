/*
 * "inspect": read uploaded bytes whole and say what they are, or make a small picture of them.
 * Runs before the answer to an upload, in a process of its own, so that a hostile file costs one
 * upload and nothing else.
 */
#include <sodium.h>

#include "api/codec/codec_json.h"
#include "api/jobs.h"
#include "api/kinds/kinds.h"
#include "core/base/mem.h"
#include "core/format/png.h"

/* {"kind", "media_type", "info"} */
static enum status make_facts(const struct kind *kind, const char *media_type, const uint8_t *bytes,
                              size_t n, json_t **answer, struct error *err)
{
    json_t *info = NULL;
    enum status status = kind->check(bytes, n, &info, err);
    if (status != STATUS_OK)
        return status;
    *answer =
        json_pack("{s:s, s:s, s:o}", "kind", kind->name, "media_type", media_type, "info", info);
    return *answer ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

/* {"preview_png_base64"} */
static enum status make_preview(const struct kind *kind, const uint8_t *bytes, size_t n,
                                size_t width, json_t **answer, struct error *err)
{
    enum { MAX_PNG = 8 << 20 };
    struct data data = {.kind = DATA_N_KINDS};
    struct image picture = {0};
    struct buffer png;
    char *text = NULL;
    buffer_init(&png, MAX_PNG);
    enum status status = kind->decode(bytes, n, NULL, &data, err);
    if (status == STATUS_OK)
        status = kind->picture(&data, width, &picture, err);
    if (status == STATUS_OK)
        status = png_encode(picture.u8, picture.width, picture.height, picture.channels, PNG_SMALL,
                            &png, err);
    if (status != STATUS_OK)
        goto out;
    const size_t size = sodium_base64_encoded_len(png.size, sodium_base64_VARIANT_ORIGINAL);
    text = mem_alloc(size);
    if (text) {
        sodium_bin2base64(text, size, png.data, png.size, sodium_base64_VARIANT_ORIGINAL);
        *answer = json_pack("{s:s}", "preview_png_base64", text);
    }
    if (!*answer)
        status = error_status(err, STATUS_NO_MEMORY);
out:
    mem_free(text);
    buffer_deinit(&png);
    image_deinit(&picture);
    data_deinit(&data);
    return status;
}

enum status job_inspect_answer(const char *question, const uint8_t *bytes, size_t n, char **answer,
                               struct error *err)
{
    json_t *value = NULL;
    json_t *asked = NULL;
    const struct kind *kind = NULL;
    const char *media_type = NULL;
    enum status status = codec_json_own(question, &asked, err);
    if (status != STATUS_OK)
        return status;
    const char *said = json_string_value(json_object_get(asked, "kind"));
    const json_int_t width = json_integer_value(json_object_get(asked, "preview_width"));
    status = kinds_recognise(bytes, n, said, &kind, &media_type, err);
    if (status == STATUS_OK)
        status = width > 0 ? make_preview(kind, bytes, n, (size_t)width, &value, err)
                           : make_facts(kind, media_type, bytes, n, &value, err);
    if (status == STATUS_OK)
        status = codec_json_text(value, answer, err);
    json_decref(value);
    json_decref(asked);
    return status;
}

enum status job_inspect(struct worker *w, struct error *err)
{
    size_t n;
    const uint8_t *bytes = worker_dataset(w, &n);
    char *answer = NULL;
    worker_phase(w, "loading");
    enum status status = job_inspect_answer(worker_spec(w), bytes, n, &answer, err);
    if (status == STATUS_OK)
        worker_result(w, "", 0, answer, "{}", NULL, 0);
    mem_free(answer);
    return status;
}
