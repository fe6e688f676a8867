/* Kind "sinogram": NPZ of projections and their angles. */
#include <math.h>

#include "api/kinds/image_file.h"
#include "api/kinds/kinds.h"
#include "core/base/limits.h"
#include "core/format/measured_npz.h"

static const double pi = 3.14159265358979323846;

/* How far the angles go round, from the least to the largest. */
static double span_of(const struct sinogram *s)
{
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < s->n_angles; i++) {
        least = fmin(least, s->angles[i]);
        most = fmax(most, s->angles[i]);
    }
    return most - least;
}

static json_t *warnings_of(const struct sinogram *s)
{
    const double span = span_of(s);
    if (span > 7.0)
        return json_pack("[o]",
                         json_sprintf("angles go over %.4g radians: are they degrees?", span));
    if (s->n_angles > 1 && span < 0.9 * pi * (1.0 - 1.0 / (double)s->n_angles))
        return json_pack("[o]", json_sprintf("angles go over %.4g radians, less than half a turn: "
                                             "some edges are seen by none of them",
                                             span));
    return json_array();
}

static enum status check(const uint8_t *bytes, size_t n, json_t **info, struct error *err)
{
    struct sinogram s;
    enum status status = sinogram_decode_npz(bytes, n, &s, err);
    if (status != STATUS_OK)
        return status;
    *info = json_pack("{s:[I,I], s:I, s:I, s:f, s:o}", "shape", (json_int_t)s.n_angles,
                      (json_int_t)s.width, "n_angles", (json_int_t)s.n_angles, "width",
                      (json_int_t)s.width, "angle_span", span_of(&s), "warnings", warnings_of(&s));
    sinogram_deinit(&s);
    return *info ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

static enum status decode(const uint8_t *bytes, size_t n, const struct spec *spec, struct data *out,
                          struct error *err)
{
    (void)spec;
    struct data data = {.kind = DATA_SINOGRAM};
    enum status status = sinogram_decode_npz(bytes, n, &data.sinogram, err);
    if (status == STATUS_OK)
        *out = data;
    return status;
}

/* Angles downward, from its least number to its largest. */
static enum status picture(const struct data *data, size_t width, struct image *out,
                           struct error *err)
{
    const struct sinogram *s = &data->sinogram;
    const size_t n = s->n_angles * s->width;
    struct image image = {0};
    enum status status = image_create(&image, SAMPLE_FLOAT, s->width, s->n_angles, 1, err);
    if (status != STATUS_OK)
        return status;
    float low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        low = fminf(low, s->values[i]);
        high = fmaxf(high, s->values[i]);
    }
    for (size_t i = 0; i < n; i++)
        image.values[i] = high > low ? (s->values[i] - low) / (high - low) : 0.0f;
    status = image_file_reduce(&image, width, out, err);
    image_deinit(&image);
    return status;
}

/* The picture that is looked for is as high as it is wide. */
static bool read_info(const json_t *info, const char *media_type, uint64_t file_bytes,
                      struct spec_facts *out)
{
    (void)media_type;
    size_t n_angles, width;
    if (!kinds_count(info, "n_angles", LIMIT_ANGLES, &n_angles) ||
        !kinds_count(info, "width", LIMIT_IMAGE_SIDE, &width))
        return false;
    const uint64_t n = (uint64_t)n_angles * width;
    *out = spec_facts_of_image(width, width, 1);
    out->kind = DATA_SINOGRAM;
    out->n_items = n_angles;
    out->data_bytes = n * sizeof(float) + (uint64_t)n_angles * sizeof(double);
    out->decoding_bytes = file_bytes + n * sizeof(double);
    return true;
}

const struct kind kinds_sinogram = {
    .kind = DATA_SINOGRAM,
    .name = "sinogram",
    .reads = "NPZ of 'sinogram' [A,W] and 'angles' [A]",
    .recognise = kinds_recognise_npz,
    .check = check,
    .decode = decode,
    .picture = picture,
    .read_info = read_info,
};
