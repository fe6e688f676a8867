/*
 * "inspect": read uploaded bytes whole and say what they are, or make a small picture of them.
 * Runs before the answer to an upload, in a process of its own, so that a hostile file costs one
 * upload and nothing else.
 */
#include <sodium.h>
#include <string.h>

#include "api/codec/codec_json.h"
#include "api/image_file.h"
#include "api/jobs.h"
#include "core/base/mem.h"

/* Float files may hold any number; a field of a picture and its PSNR live in [0, 1]. */
static json_t *warnings_of(const struct image_facts *facts)
{
    if (facts->low >= 0.0f && facts->high <= 1.0f)
        return json_array();
    return json_pack("[o]", json_sprintf("values are in [%.6g, %.6g]: PSNR clips what is fitted to "
                                         "[0, 1], and a sigmoid output cannot leave it",
                                         (double)facts->low, (double)facts->high));
}

static json_t *info_of(const struct image_facts *facts)
{
    return json_pack("{s:[I,I,I], s:I, s:I, s:I, s:I, s:o}", "shape", (json_int_t)facts->height,
                     (json_int_t)facts->width, (json_int_t)facts->channels, "width",
                     (json_int_t)facts->width, "height", (json_int_t)facts->height, "channels",
                     (json_int_t)facts->channels, "bits_per_channel",
                     (json_int_t)facts->bits_per_channel, "warnings", warnings_of(facts));
}

/* {"kind", "media_type", "info"} */
static enum status make_facts(const uint8_t *bytes, size_t n, bool is_image_said, json_t **answer,
                              struct error *err)
{
    struct image_file_facts facts;
    enum status status = image_file_check(bytes, n, is_image_said, &facts, err);
    if (status != STATUS_OK)
        return status;
    *answer = json_pack("{s:s, s:s, s:o}", "kind", "image", "media_type", facts.media_type, "info",
                        info_of(&facts.image));
    return *answer ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

/* {"preview_png_base64"} */
static enum status make_preview(const uint8_t *bytes, size_t n, bool is_image_said, size_t width,
                                json_t **answer, struct error *err)
{
    enum { MAX_PNG = 8 << 20 };
    struct image image = {0};
    struct buffer png;
    char *text = NULL;
    buffer_init(&png, MAX_PNG);
    enum status status = image_file_decode(bytes, n, is_image_said, &image, err);
    if (status == STATUS_OK)
        status = image_file_preview(&image, width, &png, err);
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
    image_deinit(&image);
    return status;
}

enum status job_inspect_answer(const char *question, const uint8_t *bytes, size_t n, char **answer,
                               struct error *err)
{
    json_t *value = NULL;
    json_t *asked = NULL;
    enum status status = codec_json_own(question, &asked, err);
    if (status != STATUS_OK)
        return status;
    const char *kind = json_string_value(json_object_get(asked, "kind"));
    const bool is_image_said = kind && strcmp(kind, "image") == 0;
    const json_int_t width = json_integer_value(json_object_get(asked, "preview_width"));
    status = width > 0 ? make_preview(bytes, n, is_image_said, (size_t)width, &value, err)
                       : make_facts(bytes, n, is_image_said, &value, err);
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
