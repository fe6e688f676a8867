#include "tests/support/small_fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/nn/kernel.h"

static void must(enum status status, const struct error *err)
{
    if (status == STATUS_OK)
        return;
    fprintf(stderr, "small fit: %s\n", err->message);
    abort();
}

struct image small_picture(size_t width, size_t height, size_t channels)
{
    struct image image;
    struct error err = {0};
    must(image_create(&image, SAMPLE_FLOAT, width, height, channels, &err), &err);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            for (size_t c = 0; c < channels; c++) {
                double u = ((double)x + 0.5) / (double)width;
                double v = ((double)y + 0.5) / (double)height;
                double edge = u + 0.3 * v > 0.6 ? 0.25 : -0.15;
                double waves = 0.2 * sin(25.0 * u + (double)c) * cos(19.0 * v);
                image.values[(y * width + x) * channels + c] =
                    (float)(0.45 + 0.1 * v + edge + waves);
            }
    return image;
}

struct field_spec small_field_spec(const struct image *image)
{
    return (struct field_spec){
        .encoding = {.type = ENCODING_GAUSSIAN, .n_inputs = 2, .n_frequencies = 16, .sigma = 3.0},
        .network = {.n_outputs = image->channels,
                    .n_hidden_layers = 2,
                    .width = 24,
                    .activation = ACTIVATION_RELU,
                    .output_activation = ACTIVATION_SIGMOID},
        .domain = domain_of_image(image->width, image->height),
    };
}

struct field_spec small_grid_field_spec(const struct image *image)
{
    struct field_spec spec = small_field_spec(image);
    spec.encoding = (struct encoding_spec){.type = ENCODING_HASHGRID,
                                           .n_inputs = 2,
                                           .n_levels = 4,
                                           .n_features_per_level = 2,
                                           .log2_hashmap_size = 8,
                                           .base_resolution = 4,
                                           .finest_resolution = 32};
    return spec;
}

struct train_spec small_train_spec(void)
{
    return (struct train_spec){
        .steps = 100,
        .batch_size = 200,
        .learning_rate = 1e-2,
        .optimizer = {OPTIMIZER_ADAM, 0.9, 0.999, 1e-8},
        .schedule = {.type = SCHEDULE_CONSTANT},
        .seed = 1,
    };
}

struct field *small_field(const struct field_spec *spec, uint64_t seed)
{
    struct field *f = NULL;
    struct error err = {0};
    must(field_create(&f, spec, kernel_find(NULL), &err), &err);
    field_init(f, spec, seed);
    return f;
}
