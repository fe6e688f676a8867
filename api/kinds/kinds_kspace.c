/* Kind "kspace": NPZ of measured frequencies and their mask. */
#include <math.h>

#include "api/kinds/image_file.h"
#include "api/kinds/kinds.h"
#include "core/base/limits.h"
#include "core/format/measured_npz.h"

static double power_at(const struct kspace *k, size_t i)
{
    const double re = (double)k->samples[2 * i], im = (double)k->samples[2 * i + 1];
    return re * re + im * im;
}

/* The frequency of most power is 0 of what has no negative values; one in the middle tells of a
 * file that was shifted. */
static json_t *warnings_of(const struct kspace *k)
{
    const size_t n = k->width * k->height * k->depth;
    size_t most = 0;
    for (size_t i = 1; i < n; i++)
        if (k->mask[i] && power_at(k, i) > power_at(k, most))
            most = i;
    const size_t middle = (k->depth / 2 * k->height + k->height / 2) * k->width + k->width / 2;
    if (most == middle && most != 0)
        return json_pack("[s]", "the strongest frequency stands in the middle: the zero frequency "
                                "must come first (numpy's ifftshift)");
    return json_array();
}

static json_t *shape_of(const struct kspace *k)
{
    return k->depth > 1 ? json_pack("[I,I,I]", (json_int_t)k->depth, (json_int_t)k->height,
                                    (json_int_t)k->width)
                        : json_pack("[I,I]", (json_int_t)k->height, (json_int_t)k->width);
}

static enum status check(const uint8_t *bytes, size_t n, json_t **info, struct error *err)
{
    struct kspace k;
    enum status status = kspace_decode_npz(bytes, n, &k, err);
    if (status != STATUS_OK)
        return status;
    const size_t n_samples = k.width * k.height * k.depth;
    size_t n_measured = 0;
    for (size_t i = 0; i < n_samples; i++)
        n_measured += k.mask[i];
    *info =
        json_pack("{s:o, s:I, s:I, s:I, s:I, s:f, s:o}", "shape", shape_of(&k), "width",
                  (json_int_t)k.width, "height", (json_int_t)k.height, "depth", (json_int_t)k.depth,
                  "n_measured", (json_int_t)n_measured, "fraction_measured",
                  (double)n_measured / (double)n_samples, "warnings", warnings_of(&k));
    kspace_deinit(&k);
    return *info ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

static enum status decode(const uint8_t *bytes, size_t n, const struct spec *spec, struct data *out,
                          struct error *err)
{
    (void)spec;
    struct data data = {.kind = DATA_KSPACE};
    enum status status = kspace_decode_npz(bytes, n, &data.kspace, err);
    if (status == STATUS_OK)
        *out = data;
    return status;
}

/* Logarithms of magnitudes, five decades of them, on the plane of frequency 0 along z; the zero
 * frequency in the middle, as they are usually shown.  Black: not measured. */
static enum status picture(const struct data *data, size_t width, struct image *out,
                           struct error *err)
{
    const struct kspace *k = &data->kspace;
    struct image image = {0};
    double most = 0.0;
    enum status status = image_create(&image, SAMPLE_FLOAT, k->width, k->height, 1, err);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < k->width * k->height; i++)
        most = k->mask[i] ? fmax(most, power_at(k, i)) : most;
    for (size_t y = 0; y < k->height; y++)
        for (size_t x = 0; x < k->width; x++) {
            const size_t i = y * k->width + x;
            const size_t row = (y + k->height / 2) % k->height,
                         column = (x + k->width / 2) % k->width;
            const double decades = 0.5 * log10(power_at(k, i) / most);
            if (k->mask[i] && most > 0.0)
                image.values[row * k->width + column] = (float)fmax(0.05, 1.0 + decades / 5.0);
        }
    status = image_file_reduce(&image, width, out, err);
    image_deinit(&image);
    return status;
}

static bool read_info(const json_t *info, const char *media_type, uint64_t file_bytes,
                      struct spec_facts *out)
{
    (void)media_type;
    size_t width, height, depth;
    if (!kinds_count(info, "width", LIMIT_MEASURED, &width) ||
        !kinds_count(info, "height", LIMIT_MEASURED, &height) ||
        !kinds_count(info, "depth", LIMIT_MEASURED, &depth))
        return false;
    const uint64_t n = (uint64_t)width * height * depth;
    *out = spec_facts_of_image(width, height, 1);
    out->kind = DATA_KSPACE;
    out->n_items = (size_t)json_integer_value(json_object_get(info, "n_measured"));
    if (depth > 1) { /* indices of voxels, the centre of the first at 0 */
        out->n_dims = 3;
        out->depth = depth;
        out->units = "voxels";
        out->source_from_unit[2][2] = (double)depth;
        for (size_t d = 0; d < 3; d++)
            out->source_from_unit[d][3] = -0.5;
    }
    out->data_bytes = n * (2 * sizeof(float) + 1);
    out->decoding_bytes = file_bytes + n * (2 * sizeof(double) + sizeof(float));
    return true;
}

const struct kind kinds_kspace = {
    .kind = DATA_KSPACE,
    .name = "kspace",
    .reads = "NPZ of 'kspace' [H,W] or [D,H,W], complex, and 'mask'",
    .recognise = kinds_recognise_npz,
    .check = check,
    .decode = decode,
    .picture = picture,
    .read_info = read_info,
};
