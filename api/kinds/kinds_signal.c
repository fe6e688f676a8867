/* Kind "signal": NPY of a function of one coordinate. */
#include <math.h>
#include <string.h>

#include "api/kinds/image_file.h"
#include "api/kinds/kinds.h"
#include "core/base/limits.h"
#include "core/format/npy.h"

enum { PICTURE_WIDTH = 1024, PICTURE_HEIGHT = 384 };

static enum status recognise(const uint8_t *bytes, size_t n, bool is_said, const char **media_type,
                             struct error *err)
{
    const bool is_npy = n >= 6 && memcmp(bytes, "\x93NUMPY", 6) == 0;
    (void)err;
    *media_type = is_said && is_npy ? "application/x-npy" : NULL;
    return STATUS_OK;
}

struct range {
    float low, high;
};

/* Of samples first … first + n - 1 of a channel. */
static struct range range_of(const struct signal *s, size_t channel, size_t first, size_t n)
{
    struct range r = {INFINITY, -INFINITY};
    for (size_t i = first; i < first + n; i++) {
        const float value = s->values[i * s->channels + channel];
        r = (struct range){fminf(r.low, value), fmaxf(r.high, value)};
    }
    return r;
}

static struct range range_of_all(const struct signal *s)
{
    struct range all = {INFINITY, -INFINITY};
    for (size_t c = 0; c < s->channels; c++) {
        const struct range r = range_of(s, c, 0, s->n_samples);
        all = (struct range){fminf(all.low, r.low), fmaxf(all.high, r.high)};
    }
    return all;
}

static json_t *warnings_of(const struct range *all)
{
    return all->low == all->high ? json_pack("[s]", "the signal is constant") : json_array();
}

static enum status check(const uint8_t *bytes, size_t n, json_t **info, struct error *err)
{
    struct signal s;
    enum status status = npy_decode_signal(bytes, n, &s, err);
    if (status != STATUS_OK)
        return status;
    const struct range r = range_of_all(&s);
    *info = json_pack("{s:[I,I], s:I, s:I, s:f, s:f, s:o}", "shape", (json_int_t)s.n_samples,
                      (json_int_t)s.channels, "n_samples", (json_int_t)s.n_samples, "channels",
                      (json_int_t)s.channels, "low", (double)r.low, "high", (double)r.high,
                      "warnings", warnings_of(&r));
    signal_deinit(&s);
    return *info ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

static enum status decode(const uint8_t *bytes, size_t n, const struct spec *spec, struct data *out,
                          struct error *err)
{
    (void)spec;
    struct data data = {.kind = DATA_SIGNAL};
    enum status status = npy_decode_signal(bytes, n, &data.signal, err);
    if (status == STATUS_OK)
        *out = data;
    return status;
}

/* --- picture: its curves, light on dark --- */

/* The row of a value, 0 on top; a margin of a twentieth above and below. */
static size_t row_of(const struct range *all, float value, size_t height)
{
    const double span = (double)all->high - (double)all->low;
    const double part = span > 0 ? ((double)value - (double)all->low) / span : 0.5;
    return (size_t)((1 - (0.05 + 0.9 * part)) * (double)(height - 1) + 0.5);
}

/* A column of a curve: from the least to the most of its samples and of the one before. */
static void draw_column(const struct signal *s, size_t channel, const struct range *all, size_t x,
                        struct image *image)
{
    const size_t n = s->n_samples, first = x * n / image->width;
    const size_t last = (x + 1) * n / image->width;
    const size_t from = first > 0 ? first - 1 : 0, to = last > first ? last : first + 1;
    const struct range r = range_of(s, channel, from, (to < n ? to : n) - from);
    const size_t top = row_of(all, r.high, image->height),
                 bottom = row_of(all, r.low, image->height);
    for (size_t y = top; y <= bottom; y++)
        for (size_t c = 0; c < 3; c++) {
            if (s->channels < 3 || c == channel % 3)
                image->values[(y * image->width + x) * 3 + c] = 0.9f;
        }
}

static enum status picture(const struct data *data, size_t width, struct image *out,
                           struct error *err)
{
    const struct signal *s = &data->signal;
    const struct range all = range_of_all(s);
    struct image image = {0};
    enum status status = image_create(&image, SAMPLE_FLOAT, PICTURE_WIDTH, PICTURE_HEIGHT, 3, err);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < image.width * image.height * 3; i++)
        image.values[i] = 0.08f;
    for (size_t c = 0; c < s->channels; c++)
        for (size_t x = 0; x < image.width; x++)
            draw_column(s, c, &all, x, &image);
    status = image_file_reduce(&image, width, out, err);
    image_deinit(&image);
    return status;
}

/* --- info -> facts --- */

static bool read_info(const json_t *info, const char *media_type, uint64_t file_bytes,
                      struct spec_facts *out)
{
    (void)media_type;
    size_t n, channels;
    if (!kinds_count(info, "n_samples", LIMIT_SIGNAL_SAMPLES, &n) ||
        !kinds_count(info, "channels", LIMIT_CHANNELS, &channels))
        return false;
    *out = (struct spec_facts){
        .kind = DATA_SIGNAL,
        .n_dims = 1,
        .width = n,
        .height = 1,
        .depth = 1,
        .channels = channels,
        .units = "periods",
        .source_from_unit = {{1, 0, 0, 0}},
        .value_high = 1.0,
        .data_bytes = (uint64_t)n * channels * sizeof(float),
        .decoding_bytes = file_bytes,
    };
    return true;
}

const struct kind kinds_signal = {
    .kind = DATA_SIGNAL,
    .name = "signal",
    .reads = "NPY of [N] or [N,C]",
    .recognise = recognise,
    .check = check,
    .decode = decode,
    .picture = picture,
    .read_info = read_info,
};
