/*
 * Levels and filters of PNG for rendered pictures: milliseconds on one thread, and kilobytes, of a
 * tile of 256 x 256 and of a picture of 1,024 x 1,024, both drawn by a field that was fitted to the
 * sample picture.  Prints rows `name value unit`; lines with # are remarks.
 */
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/base/mem.h"
#include "core/field/trainer.h"
#include "core/format/pixels.h"
#include "core/format/png.h"
#include "core/sample/sample.h"
#include "core/task/task_image.h"
#include "tests/support/bench.h"
#include "tests/support/small_fit.h"

enum { PICTURE_SIDE = 512, STEPS = 400, RUNS = 9, CHANNELS = 3 };

struct drawing {
    size_t side;
    uint8_t *pixels; /* [side, side, 3] */
    struct buffer out;
};

/* --- what is drawn --- */

static struct field *fit_sample(struct team *team)
{
    struct error err = {0};
    struct image picture = {0};
    struct task *task = NULL;
    struct trainer *trainer = NULL;
    const struct sample_spec sample = {.size = PICTURE_SIDE};
    bench_must(sample_picture(&sample, &picture, &err), &err);
    struct field_spec spec = small_field_spec(&picture);
    spec.encoding.n_frequencies = 256;
    spec.encoding.sigma = 10;
    spec.network.n_hidden_layers = 3;
    spec.network.width = 256;
    struct train_spec train = small_train_spec();
    train.batch_size = 4096;
    train.learning_rate = 1e-3;
    struct field *f = small_field(&spec, 1);
    const struct task_image_spec task_spec = {.output_activation = ACTIVATION_SIGMOID, .seed = 1};
    bench_must(task_image_create(&task, &picture, &task_spec, &err), &err);
    bench_must(trainer_create(&trainer, &train, f, task, team, &err), &err);
    for (size_t i = 0; i < STEPS; i++)
        trainer_step(trainer);
    trainer_free(trainer);
    task_free(task);
    image_deinit(&picture);
    return f;
}

/* The part [first, first + extent]^2 of the domain. */
static void draw(const struct field *f, struct team *team, float first, float extent,
                 struct drawing *d)
{
    struct error err = {0};
    const size_t n = d->side * d->side;
    const float step = extent / (float)d->side;
    float *unit = mem_alloc_floats(2 * n), *values = mem_alloc_floats(CHANNELS * n);
    d->pixels = mem_alloc_array(n, CHANNELS);
    for (size_t i = 0; i < n; i++) {
        unit[2 * i] = first + ((float)(i % d->side) + 0.5f) * step;
        unit[2 * i + 1] = first + ((float)(i / d->side) + 0.5f) * step;
    }
    bench_must(task_query(f, team, n, unit, values, NULL, &err), &err);
    pixels_quantize(values, CHANNELS * n, d->pixels);
    buffer_init(&d->out, 8 * CHANNELS * n);
    mem_free(unit);
    mem_free(values);
}

/* --- ways to write it --- */

struct way {
    const char *name;
    int level, filters, strategy;
};

struct writing {
    struct drawing *drawing;
    const struct way *way; /* NULL: as the service does */
};

static void on_write(png_structp png, png_bytep bytes, size_t n)
{
    struct error err = {0};
    bench_must(buffer_append(png_get_io_ptr(png), bytes, n, &err), &err);
}

static void write_png(void *context)
{
    const struct writing *w = context;
    struct drawing *d = w->drawing;
    struct error err = {0};
    d->out.size = 0;
    if (!w->way) {
        bench_must(png_encode(d->pixels, d->side, d->side, CHANNELS, PNG_FAST, &d->out, &err),
                   &err);
        return;
    }
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    const png_uint_32 side = (png_uint_32)d->side;
    png_set_write_fn(png, &d->out, on_write, NULL);
    png_set_compression_buffer_size(png, 1 << 16);
    png_set_IHDR(png, info, side, side, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(png, w->way->level);
    png_set_compression_strategy(png, w->way->strategy);
    png_set_filter(png, PNG_FILTER_TYPE_BASE, w->way->filters);
    png_write_info(png, info);
    for (size_t y = 0; y < d->side; y++)
        png_write_row(png, d->pixels + y * d->side * CHANNELS);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
}

static void measure(struct drawing *d, const struct way *way)
{
    char name[64];
    struct writing w = {d, way};
    const struct bench_times t = bench_time(RUNS, write_png, &w);
    snprintf(name, sizeof name, "png_%zu_%s", d->side, way ? way->name : "service");
    bench_row(name, t.median * 1e3, "ms");
    snprintf(name, sizeof name, "png_%zu_%s_size", d->side, way ? way->name : "service");
    bench_row(name, (double)d->out.size / 1024, "KiB");
}

int main(void)
{
    static const struct way ways[] = {
        {"avg_huffman", 1, PNG_FILTER_AVG, Z_HUFFMAN_ONLY},
        {"paeth_huffman", 1, PNG_FILTER_PAETH, Z_HUFFMAN_ONLY},
        {"sub_rle", 1, PNG_FILTER_SUB, Z_RLE},
        {"avg_rle", 1, PNG_FILTER_AVG, Z_RLE},
        {"paeth_rle", 1, PNG_FILTER_PAETH, Z_RLE},
        {"none_1", 1, PNG_FILTER_NONE, Z_DEFAULT_STRATEGY},
        {"sub_1", 1, PNG_FILTER_SUB, Z_FILTERED},
        {"avg_1", 1, PNG_FILTER_AVG, Z_FILTERED},
        {"paeth_1", 1, PNG_FILTER_PAETH, Z_FILTERED},
        {"all_1", 1, PNG_ALL_FILTERS, Z_FILTERED},
        {"all_6", 6, PNG_ALL_FILTERS, Z_FILTERED},
    };
    struct team *team = NULL;
    struct error err = {0};
    bench_must(team_create(&team, bench_cores(), &err), &err);
    struct field *f = fit_sample(team);
    struct drawing drawings[] = {{.side = 256}, {.side = 1024}};
    draw(f, team, 0.25f, 0.5f, &drawings[0]);
    draw(f, team, 0, 1, &drawings[1]);
    for (size_t i = 0; i < 2; i++) {
        measure(&drawings[i], NULL);
        for (size_t k = 0; k < sizeof ways / sizeof *ways; k++)
            measure(&drawings[i], &ways[k]);
        buffer_deinit(&drawings[i].out);
        mem_free(drawings[i].pixels);
    }
    field_free(f);
    team_free(team);
    return 0;
}
