#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/buffer.h"
#include "core/format/nifti.h"
#include "core/format/png.h"
#include "core/sample/sample.h"
#include "core/scene/mesh_facts.h"
#include "tests/support/alloc.h"

enum { MAX_BYTES = 8 << 20, SIDE = 64 };

static void samples_are_found_by_their_names(void **state)
{
    (void)state;
    size_t n;
    const struct sample *table = sample_table(&n);
    assert_true(n >= 3);
    for (size_t i = 0; i < n; i++)
        assert_ptr_equal(sample_find(table[i].name), &table[i]);
    assert_null(sample_find("nothing"));
}

static void samples_are_the_same_bytes_for_the_same_seed_and_others_for_another(void **state)
{
    (void)state;
    size_t n;
    const struct sample *table = sample_table(&n);
    for (size_t i = 0; i < n; i++) {
        struct buffer file[3];
        for (size_t k = 0; k < 3; k++) {
            buffer_init(&file[k], MAX_BYTES);
            const struct sample_spec spec = {.seed = k == 2 ? 8 : 7, .size = SIDE};
            assert_int_equal(table[i].make(&spec, &file[k], NULL), STATUS_OK);
        }
        assert_int_equal(file[0].size, file[1].size);
        assert_memory_equal(file[0].data, file[1].data, file[0].size);
        assert_true(file[0].size != file[2].size ||
                    memcmp(file[0].data, file[2].data, file[0].size) != 0);
        for (size_t k = 0; k < 3; k++)
            buffer_deinit(&file[k]);
    }
}

static void pictures_are_8_bit_png_files_of_the_size_asked_for(void **state)
{
    (void)state;
    size_t n;
    const struct sample *table = sample_table(&n);
    for (size_t i = 0; i < n; i++)
        for (size_t size = 0; size <= 16; size += 16) {
            struct buffer file;
            struct image image;
            unsigned bits;
            const struct sample_spec spec = {.seed = 1, .size = size};
            if (strcmp(table[i].media_type, "image/png") != 0)
                continue;
            buffer_init(&file, MAX_BYTES);
            assert_int_equal(table[i].make(&spec, &file, NULL), STATUS_OK);
            assert_int_equal(png_decode(file.data, file.size, &image, &bits, NULL), STATUS_OK);
            assert_int_equal(bits, 8);
            assert_int_equal(image.width, size ? size : 512);
            assert_int_equal(image.height, image.width);
            assert_int_equal(image.channels, strcmp(table[i].name, "phantom") == 0 ? 1 : 3);
            image_deinit(&image);
            buffer_deinit(&file);
        }
}

static void samples_refuse_sizes_out_of_bounds(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 15, 4097, SIZE_MAX};
    size_t n;
    const struct sample *table = sample_table(&n);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            struct buffer file;
            struct error err = {.status = STATUS_OK};
            const struct sample_spec spec = {.size = sizes[k]};
            if (strcmp(table[i].name, "signal") == 0 && sizes[k] > 1 && sizes[k] < SIZE_MAX)
                continue; /* which may be short, and long */
            buffer_init(&file, MAX_BYTES);
            assert_int_equal(table[i].make(&spec, &file, &err), STATUS_INVALID);
            assert_string_equal(err.where, "/size");
            assert_int_equal(file.size, 0);
        }
}

static void sample_text_is_mostly_white_and_never_empty(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) {
        const struct sample_spec spec = {.seed = seed, .size = 128};
        struct image image;
        size_t n_white = 0, n = 128 * 128;
        assert_int_equal(sample_text(&spec, &image, NULL), STATUS_OK);
        for (size_t i = 0; i < n; i++) {
            const float *p = image.values + 3 * i;
            n_white += p[0] == 1.0f && p[1] == 1.0f && p[2] == 1.0f;
        }
        assert_in_range(n_white, n * 6 / 10, n * 995 / 1000);
        image_deinit(&image);
    }
}

/* The unperturbed head is 0.2 in the middle of its brain; the perturbed ones stay near it. */
static void sample_phantom_looks_like_a_head(void **state)
{
    (void)state;
    double sum = 0;
    enum { N_SEEDS = 40 };
    for (uint64_t seed = 0; seed < N_SEEDS; seed++) {
        const struct sample_spec spec = {.seed = seed, .size = SIDE};
        struct image image;
        assert_int_equal(sample_phantom(&spec, &image, NULL), STATUS_OK);
        assert_true(image.values[0] == 0.0f); /* corners are air */
        assert_true(image.values[SIDE * SIDE - 1] == 0.0f);
        for (size_t i = 0; i < SIDE * SIDE; i++)
            assert_true(image.values[i] >= 0.0f && image.values[i] <= 1.0f);
        sum += (double)image.values[SIDE / 2 * SIDE + SIDE / 2];
        image_deinit(&image);
    }
    assert_true(fabs(sum / N_SEEDS - 0.2) < 0.06);
}

/* Neighbouring pixels differ by what is there, the fine texture and the smooth sky. */
static void sample_picture_uses_fine_and_coarse_bands(void **state)
{
    (void)state;
    const struct sample_spec spec = {.seed = 0, .size = 256};
    struct image image;
    size_t n_smooth = 0, n_sharp = 0;
    assert_int_equal(sample_picture(&spec, &image, NULL), STATUS_OK);
    for (size_t i = 0; i + 1 < 256 * 256; i++) {
        float step = fabsf(image.values[3 * i] - image.values[3 * i + 3]);
        n_smooth += step < 0.01f;
        n_sharp += step > 0.2f;
    }
    assert_true(n_smooth > 256 * 256 / 4);
    assert_true(n_sharp > 256 * 256 / 100);
    image_deinit(&image);
}

/* One piece, closed, seen rightly from outside, whatever the seed. */
static void sample_shape_is_a_solid(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 6; seed++) {
        const struct sample_spec spec = {.seed = seed, .size = 48};
        struct mesh m;
        struct mesh_facts f;
        assert_int_equal(sample_shape(&spec, &m, NULL), STATUS_OK);
        assert_int_equal(mesh_facts_find(&m, &f, NULL), STATUS_OK);
        assert_true(f.is_watertight && f.n_components == 1 && f.euler <= 0);
        assert_int_equal(f.n_misoriented_edges, 0);
        assert_true(f.volume > 0.1 && f.volume < 2);
        for (size_t d = 0; d < 3; d++)
            assert_true(f.low[d] > -1.0f && f.high[d] < 1.0f);
        mesh_deinit(&m);
    }
}

static enum status make_once(void *context, struct error *err)
{
    const struct sample *sample = context;
    const struct sample_spec spec = {.seed = 3, .size = 16};
    struct buffer file;
    buffer_init(&file, MAX_BYTES);
    enum status status = sample->make(&spec, &file, err);
    buffer_deinit(&file);
    return status;
}

static void samples_survive_every_failing_allocation(void **state)
{
    (void)state;
    static const char *const names[] = {"picture", "text", "phantom", "shape"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(alloc_fail_each(make_once, (void *)(uintptr_t)sample_find(names[i])) > 4);
}

/* The same head in three dimensions: its skull is around what is inside, and nothing outside; where
 * it lies is the same at any size. */
static void sample_phantom3d_is_a_head_of_200_millimetres(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 33; size += 33) {
        struct buffer file;
        struct volume v;
        const struct sample_spec spec = {.seed = 3, .size = size};
        buffer_init(&file, MAX_BYTES);
        assert_int_equal(sample_phantom3d(&spec, &file, NULL), STATUS_OK);
        assert_int_equal(nifti_decode(file.data, file.size, &v, NULL), STATUS_OK);
        const size_t side = size ? size : 96, middle = side / 2;
        assert_true(v.width == side && v.height == side && v.depth == side && v.channels == 1);
        assert_true(v.has_affine && v.affine[2][3] == -100.0);
        assert_true(fabs(v.affine[0][0] * (double)(side - 1) - 200.0) < 1e-4);
        float centre, corner, skull = 0.0f;
        volume_read(&v, 0, 1, &corner);
        volume_read(&v, (middle * side + middle) * side + middle, 1, &centre);
        for (size_t x = 0; x < side * side * side; x++) {
            float value;
            volume_read(&v, x, 1, &value);
            skull = value > skull ? value : skull;
        }
        assert_true(corner == 0.0f && centre < 0.6f && skull > 0.8f);
        volume_deinit(&v);
        buffer_deinit(&file);
    }
}

/* Means over seeds of |transform|^2 times (1 + k)^(2 alpha) are one number, and nothing is past the
 * band. */
static void signals_have_the_spectrum_asked_for(void **state)
{
    (void)state;
    enum { N = 64, SEEDS = 200 };
    static double power[N];
    const double alpha = 1.5;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct signal s = {0};
        const struct sample_spec spec = {.seed = seed, .size = N, .alpha = alpha, .band = 0.25};
        assert_int_equal(sample_signal(&spec, &s, NULL), STATUS_OK);
        double low = 1, high = -1, scale = 0;
        double own[N] = {0};
        for (size_t k = 1; k < N / 2; k++) {
            double re = 0, im = 0;
            for (size_t i = 0; i < N; i++) {
                re += (double)s.values[i] * cos(6.283185307179586 * (double)(k * i) / N);
                im += (double)s.values[i] * sin(6.283185307179586 * (double)(k * i) / N);
            }
            own[k] = re * re + im * im;
            scale += own[k];
        }
        for (size_t i = 0; i < N; i++) {
            low = fmin(low, (double)s.values[i]);
            high = fmax(high, (double)s.values[i]);
        }
        assert_true(low == -0.5 && fabs(high - 0.5) < 1e-6);
        for (size_t k = 1; k < N / 2; k++)
            power[k] += own[k] / scale / SEEDS;
        signal_deinit(&s);
    }
    for (size_t k = 1; k < N / 2; k++)
        if (k >= N / 4)
            assert_true(power[k] < 1e-9);
        else { /* of a real part, half of the frequencies' power is here: the ratio stays */
            const double ratio = power[k] / power[1] * pow((1 + (double)k) / 2, 2 * alpha);
            assert_true(ratio > 0.6 && ratio < 1.9);
        }
    assert_int_equal(sample_signal(&(struct sample_spec){.size = 1}, &(struct signal){0}, NULL),
                     STATUS_INVALID);
}

/* The first of a family is the signal alone, on another scale. */
static void a_family_of_signals_has_one_scale(void **state)
{
    (void)state;
    enum { N = 32, SIGNALS = 20 };
    const struct sample_spec spec = {.seed = 4, .size = N, .alpha = 1};
    float family[SIGNALS * N], low = 1, high = -1;
    struct signal alone = {0};
    assert_int_equal(sample_signals(&spec, SIGNALS, family, NULL), STATUS_OK);
    assert_int_equal(sample_signal(&spec, &alone, NULL), STATUS_OK);
    for (size_t i = 0; i < SIGNALS * N; i++) {
        low = fminf(low, family[i]);
        high = fmaxf(high, family[i]);
    }
    assert_true(low == -0.5f && fabsf(high - 0.5f) < 1e-6f);
    size_t least = 0, most = 0;
    for (size_t i = 0; i < N; i++) {
        least = family[i] < family[least] ? i : least;
        most = family[i] > family[most] ? i : most;
    }
    const float scale = family[most] - family[least];
    for (size_t i = 0; i < N; i++)
        assert_true(fabsf(alone.values[i] - ((family[i] - family[least]) / scale - 0.5f)) < 1e-5f);
    signal_deinit(&alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_found_by_their_names),
        cmocka_unit_test(samples_are_the_same_bytes_for_the_same_seed_and_others_for_another),
        cmocka_unit_test(pictures_are_8_bit_png_files_of_the_size_asked_for),
        cmocka_unit_test(samples_refuse_sizes_out_of_bounds),
        cmocka_unit_test(sample_text_is_mostly_white_and_never_empty),
        cmocka_unit_test(sample_phantom_looks_like_a_head),
        cmocka_unit_test(sample_picture_uses_fine_and_coarse_bands),
        cmocka_unit_test(sample_shape_is_a_solid),
        cmocka_unit_test(samples_survive_every_failing_allocation),
        cmocka_unit_test(sample_phantom3d_is_a_head_of_200_millimetres),
        cmocka_unit_test(signals_have_the_spectrum_asked_for),
        cmocka_unit_test(a_family_of_signals_has_one_scale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
