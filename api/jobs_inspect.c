/*
 * "inspect": decode uploaded bytes whole and say what they are.  Runs before the answer to an
 * upload, in a process of its own, so that a hostile file costs one upload and nothing else.
 */
#include <sodium.h>
#include <string.h>

#include "api/codec/codec_json.h"
#include "api/image_file.h"
#include "api/jobs.h"
#include "core/base/mem.h"

/* Float files may hold any number; a field of a picture and its PSNR live in [0, 1]. */
static json_t *warnings_of(const struct image *image)
{
    float low = image->values[0], high = image->values[0];
    const size_t n = image->width * image->height * image->channels;
    for (size_t i = 1; i < n; i++) {
        low = image->values[i] < low ? image->values[i] : low;
        high = image->values[i] > high ? image->values[i] : high;
    }
    if (low >= 0.0f && high <= 1.0f)
        return json_array();
    return json_pack("[o]", json_sprintf("values are in [%.6g, %.6g]: PSNR clips what is fitted to "
                                         "[0, 1], and a sigmoid output cannot leave it",
                                         (double)low, (double)high));
}

static json_t *info_of(const struct image_file *file)
{
    const struct image *image = &file->image;
    return json_pack("{s:[I,I,I], s:I, s:I, s:I, s:I, s:o}", "shape", (json_int_t)image->height,
                     (json_int_t)image->width, (json_int_t)image->channels, "width",
                     (json_int_t)image->width, "height", (json_int_t)image->height, "channels",
                     (json_int_t)image->channels, "bits_per_channel",
                     (json_int_t)file->bits_per_channel, "warnings", warnings_of(image));
}

/* Add "preview_png_base64" to the answer. */
static enum status add_preview(json_t *answer, const struct image *image, size_t width,
                               struct error *err)
{
    enum { MAX_PNG = 8 << 20 };
    struct buffer png;
    char *text = NULL;
    buffer_init(&png, MAX_PNG);
    enum status status = image_file_preview(image, width, &png, err);
    if (status != STATUS_OK)
        goto out;
    const size_t size = sodium_base64_encoded_len(png.size, sodium_base64_VARIANT_ORIGINAL);
    text = mem_alloc(size);
    if (!text) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    sodium_bin2base64(text, size, png.data, png.size, sodium_base64_VARIANT_ORIGINAL);
    if (json_object_set_new(answer, "preview_png_base64", json_string(text)) != 0)
        status = error_status(err, STATUS_NO_MEMORY);
out:
    mem_free(text);
    buffer_deinit(&png);
    return status;
}

enum status job_inspect_answer(const char *question, const uint8_t *bytes, size_t n, char **answer,
                               struct error *err)
{
    struct image_file file = {0};
    json_t *value = NULL;
    json_t *asked = NULL;
    enum status status = codec_json_own(question, &asked, err);
    if (status != STATUS_OK)
        return status;
    const char *kind = json_string_value(json_object_get(asked, "kind"));
    const json_int_t width = json_integer_value(json_object_get(asked, "preview_width"));
    status = image_file_decode(bytes, n, kind && strcmp(kind, "image") == 0, &file, err);
    if (status != STATUS_OK)
        goto out;
    value = json_pack("{s:s, s:s, s:o}", "kind", "image", "media_type", file.media_type, "info",
                      info_of(&file));
    if (value && width > 0)
        status = add_preview(value, &file.image, (size_t)width, err);
    if (status == STATUS_OK)
        status = codec_json_text(value, answer, err);
out:
    json_decref(value);
    json_decref(asked);
    image_deinit(&file.image);
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
