/* Kind "image": PNG, JPEG, NPY. */
#include <string.h>

#include "api/kinds/image_file.h"
#include "api/kinds/kinds.h"
#include "core/base/limits.h"

static enum status recognise(const uint8_t *bytes, size_t n, bool is_said, const char **media_type,
                             struct error *err)
{
    (void)err;
    *media_type = image_file_type(bytes, n, is_said);
    return STATUS_OK;
}

/* Float files may hold any number; a field of a picture and its PSNR live in [0, 1]. */
static json_t *warnings_of(const struct image_facts *facts)
{
    if (facts->low >= 0.0f && facts->high <= 1.0f)
        return json_array();
    return json_pack("[o]", json_sprintf("values are in [%.6g, %.6g]: PSNR clips what is fitted to "
                                         "[0, 1], and a sigmoid output cannot leave it",
                                         (double)facts->low, (double)facts->high));
}

static enum status check(const uint8_t *bytes, size_t n, json_t **info, struct error *err)
{
    struct image_file_facts file;
    enum status status = image_file_check(bytes, n, &file, err);
    if (status != STATUS_OK)
        return status;
    const struct image_facts *facts = &file.image;
    *info = json_pack("{s:[I,I,I], s:I, s:I, s:I, s:I, s:o}", "shape", (json_int_t)facts->height,
                      (json_int_t)facts->width, (json_int_t)facts->channels, "width",
                      (json_int_t)facts->width, "height", (json_int_t)facts->height, "channels",
                      (json_int_t)facts->channels, "bits_per_channel",
                      (json_int_t)facts->bits_per_channel, "warnings", warnings_of(facts));
    return *info ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

static enum status decode(const uint8_t *bytes, size_t n, const struct spec *spec, struct data *out,
                          struct error *err)
{
    (void)spec;
    struct data data = {.kind = DATA_IMAGE};
    enum status status = image_file_decode(bytes, n, &data.image, err);
    if (status == STATUS_OK)
        *out = data;
    return status;
}

static enum status picture(const struct data *data, size_t width, struct image *out,
                           struct error *err)
{
    return image_file_reduce(&data->image, width, out, err);
}

/* A picture is kept as its file has it (core/base/data.h); what reading it takes is the most that a
 * file of its format makes a decoder take: a second copy that stands upright (PNG), the
 * coefficients of several scans (JPEG). */
static void set_sizes(struct spec_facts *facts, const char *media_type, uint64_t file_bytes,
                      json_int_t bits)
{
    const uint64_t n = (uint64_t)facts->width * facts->height * facts->channels;
    const bool is_npy = strcmp(media_type, "application/x-npy") == 0;
    const bool is_jpeg = strcmp(media_type, "image/jpeg") == 0;
    const uint64_t coefficients = n * sizeof(int16_t);
    facts->data_bytes = n * (bits <= 8 ? sizeof(uint8_t)
                             : is_npy  ? sizeof(float) /* 16 bits: integers or halves */
                                       : sizeof(uint16_t));
    facts->decoding_bytes = file_bytes;
    if (is_jpeg)
        facts->decoding_bytes +=
            coefficients < LIMIT_JPEG_COEFFICIENTS ? coefficients : LIMIT_JPEG_COEFFICIENTS;
    else if (!is_npy)
        facts->decoding_bytes += facts->data_bytes;
}

static bool read_info(const json_t *info, const char *media_type, uint64_t file_bytes,
                      struct spec_facts *out)
{
    const json_t *shape = json_object_get(info, "shape");
    json_int_t side[3];
    for (size_t i = 0; i < 3; i++)
        side[i] = json_integer_value(json_array_get(shape, i));
    if (side[0] < 1 || side[0] > LIMIT_IMAGE_SIDE || side[1] < 1 || side[1] > LIMIT_IMAGE_SIDE ||
        side[2] < 1 || side[2] > LIMIT_CHANNELS)
        return false;
    *out = spec_facts_of_image((size_t)side[1], (size_t)side[0], (size_t)side[2]);
    set_sizes(out, media_type, file_bytes,
              json_integer_value(json_object_get(info, "bits_per_channel")));
    return true;
}

const struct kind kinds_image = {
    .kind = DATA_IMAGE,
    .name = "image",
    .reads = "PNG, JPEG and NPY",
    .recognise = recognise,
    .check = check,
    .decode = decode,
    .picture = picture,
    .read_info = read_info,
};
