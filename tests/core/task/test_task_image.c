#include "core/task/task_image.h"

#include <malloc.h>
#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/field/metrics.h"
#include "tests/support/small_fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct task *task_of(const struct image *image, enum holdout holdout, double fraction)
{
    const struct task_image_spec spec = {.holdout = holdout,
                                         .holdout_fraction = fraction,
                                         .loss = LOSS_MSE,
                                         .output_activation = ACTIVATION_SIGMOID,
                                         .seed = 5};
    struct task *t = NULL;
    assert_int_equal(task_image_create(&t, image, &spec, NULL), STATUS_OK);
    assert_int_equal(t->n_inputs, 2);
    assert_int_equal(t->n_outputs, image->channels);
    assert_int_equal(t->group_size, 1);
    assert_int_equal(t->n_targets, image->channels);
    return t;
}

/* Draw part of a batch and say which pixels it is made of, checking colours and coordinates: they
 * must be bit for bit what a query at the pixel's centre would use. */
static void draw_pixels(const struct task *t, const struct image *image, uint64_t step,
                        size_t batch_size, size_t first, size_t n, size_t *pixels)
{
    const struct domain domain = domain_of_image(image->width, image->height);
    float coords[2 * MLP_TILE], targets[4 * MLP_TILE];
    struct task_tile tile = {.step = step,
                             .batch_size = batch_size,
                             .first = first,
                             .n = n,
                             .coords = coords,
                             .targets = targets};
    t->class->draw(t, &tile);
    for (size_t i = 0; i < n; i++) {
        size_t x = (size_t)((double)coords[2 * i] * (double)image->width);
        size_t y = (size_t)((double)coords[2 * i + 1] * (double)image->height);
        float centre[2] = {(float)x + 0.5f, (float)y + 0.5f};
        domain_unit_from_source(&domain, 1, centre, centre);
        assert_memory_equal(centre, coords + 2 * i, sizeof centre);
        pixels[i] = y * image->width + x;
        assert_memory_equal(targets + i * image->channels,
                            image->values + pixels[i] * image->channels,
                            image->channels * sizeof *targets);
    }
}

/* How often each pixel is visited in the first n_points points of training. */
static void count_visits(const struct task *t, const struct image *image, size_t batch_size,
                         size_t n_points, size_t *visits)
{
    enum { TILE = 7 };
    memset(visits, 0, image->width * image->height * sizeof *visits);
    for (size_t point = 0; point < n_points;) {
        size_t step = point / batch_size, first = point % batch_size;
        size_t n = batch_size - first < TILE ? batch_size - first : TILE;
        n = n_points - point < n ? n_points - point : n;
        size_t pixels[TILE];
        draw_pixels(t, image, step, batch_size, first, n, pixels);
        for (size_t i = 0; i < n; i++)
            visits[pixels[i]]++;
        point += n;
    }
}

static const struct {
    size_t width, height, channels;
    enum holdout holdout;
    double fraction;
    size_t n_samples; /* of training */
} table[] = {
    {13, 9, 3, HOLDOUT_NONE, 0.0, 117},      {1, 1, 1, HOLDOUT_NONE, 0.0, 1},
    {8, 6, 1, HOLDOUT_ODD_PIXELS, 0.0, 12},  {9, 7, 4, HOLDOUT_ODD_PIXELS, 0.0, 20},
    {2, 2, 2, HOLDOUT_ODD_PIXELS, 0.0, 1},   {10, 10, 3, HOLDOUT_FRACTION, 0.25, 75},
    {11, 9, 3, HOLDOUT_FRACTION, 0.1, 89},   {5, 2, 1, HOLDOUT_FRACTION, 1e-9, 9},
    {5, 2, 1, HOLDOUT_FRACTION, 0.99999, 1},
};
enum { N_TABLE = sizeof table / sizeof *table };

/* Points of as many steps as visit every training sample (core/task/visit.h). */
static size_t epoch_points(const struct task *t, size_t batch_size)
{
    const size_t rest = batch_size % t->n_samples;
    return rest ? (t->n_samples + rest - 1) / rest * batch_size : batch_size;
}

static void image_task_visits_training_samples_alone_and_each_in_every_epoch(void **state)
{
    (void)state;
    static const size_t batch_sizes[] = {1, 5, 64, 1000};
    size_t visits[117];
    for (size_t i = 0; i < N_TABLE; i++)
        for (size_t b = 0; b < sizeof batch_sizes / sizeof *batch_sizes; b++)
            for (size_t epochs = 1; epochs <= 3; epochs++) {
                struct image image =
                    small_picture(table[i].width, table[i].height, table[i].channels);
                struct task *t = task_of(&image, table[i].holdout, table[i].fraction);
                assert_int_equal(t->n_samples, table[i].n_samples);
                const size_t n_points = epochs * epoch_points(t, batch_sizes[b]);
                const size_t least = n_points / batch_sizes[b] * (batch_sizes[b] / t->n_samples) +
                                     (batch_sizes[b] % t->n_samples ? epochs : 0);
                count_visits(t, &image, batch_sizes[b], n_points, visits);
                size_t n_visited = 0;
                for (size_t p = 0; p < image.width * image.height; p++) {
                    /* one of a piece that is shorter than others is visited twice in an epoch */
                    assert_true(visits[p] == 0 ||
                                (visits[p] >= least && visits[p] <= least + epochs));
                    n_visited += visits[p] > 0;
                    size_t x = p % image.width, y = p / image.width;
                    if (table[i].holdout == HOLDOUT_ODD_PIXELS)
                        assert_int_equal(visits[p] > 0, x % 2 == 0 && y % 2 == 0);
                }
                assert_int_equal(n_visited, t->n_samples);
                task_free(t);
                image_deinit(&image);
            }
}

static void image_task_draws_epochs_in_different_orders(void **state)
{
    (void)state;
    struct image image = small_picture(16, 16, 1);
    struct task *t = task_of(&image, HOLDOUT_NONE, 0.0);
    size_t first[64], second[64];
    draw_pixels(t, &image, 0, 64, 0, 64, first);
    draw_pixels(t, &image, 4, 64, 0, 64, second);
    assert_memory_not_equal(first, second, sizeof first);
    task_free(t);
    image_deinit(&image);
}

/* Another seed holds out others and draws in another order. */
static void image_task_follows_its_seed(void **state)
{
    (void)state;
    struct image image = small_picture(16, 16, 1);
    for (int holdout = HOLDOUT_NONE; holdout <= HOLDOUT_FRACTION; holdout++) {
        size_t visits[2][256], pixels[3][32];
        static const uint64_t seeds[] = {5, 6, 5};
        for (size_t i = 0; i < 3; i++) {
            const struct task_image_spec spec = {.holdout = (enum holdout)holdout,
                                                 .holdout_fraction = 0.5,
                                                 .output_activation = ACTIVATION_SIGMOID,
                                                 .seed = seeds[i]};
            struct task *t = NULL;
            assert_int_equal(task_image_create(&t, &image, &spec, NULL), STATUS_OK);
            draw_pixels(t, &image, 0, 32, 0, 32, pixels[i]);
            count_visits(t, &image, 32, epoch_points(t, 32), visits[i % 2]);
            task_free(t);
        }
        assert_memory_not_equal(pixels[0], pixels[1], sizeof pixels[0]);
        assert_memory_equal(pixels[0], pixels[2], sizeof pixels[0]);
        size_t n_others = 0;
        for (size_t p = 0; p < 256; p++)
            n_others += (visits[0][p] > 0) != (visits[1][p] > 0);
        assert_int_equal(n_others > 0, holdout == HOLDOUT_FRACTION);
    }
    image_deinit(&image);
}

/* What it is said to keep beside the picture: the sets of a fraction, and a window of it. */
static void image_task_keeps_as_much_as_it_says(void **state)
{
    (void)state;
#ifdef SANITIZED
    skip();
#endif
    for (int holdout = HOLDOUT_NONE; holdout <= HOLDOUT_FRACTION; holdout++) {
        struct image image = small_picture(1000, 700, 1);
        const struct mallinfo2 before = mallinfo2();
        struct task *t = task_of(&image, (enum holdout)holdout, 0.01);
        const struct mallinfo2 after = mallinfo2();
        const size_t used = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
        const size_t said = task_image_bytes(1000, 700, 1, (enum holdout)holdout);
        assert_true(used <= said + 4096);
        assert_true((double)said < 1.3 * (double)used + 4096);
        task_free(t);
        image_deinit(&image);
    }
}

static double psnr_over(const struct image *image, const struct image *predicted,
                        const size_t *visits, bool visited, bool odd_only)
{
    double sum = 0.0;
    size_t n = 0;
    for (size_t p = 0; p < image->width * image->height; p++) {
        bool is_odd = p % image->width % 2 == 1 && p / image->width % 2 == 1;
        if ((visits[p] > 0) != visited || (odd_only && !is_odd))
            continue;
        sum += metrics_squared_error(image->channels, predicted->values + p * image->channels,
                                     image->values + p * image->channels);
        n += image->channels;
    }
    return metrics_psnr(sum, n);
}

/* psnr over what training visits, test_psnr over the rest (of odd_pixels: its odd rows and
 * columns), ssim over everything; quick evaluation of few samples sees them all. */
static void image_task_measures_its_sets(void **state)
{
    (void)state;
    static const enum holdout holdouts[] = {HOLDOUT_NONE, HOLDOUT_ODD_PIXELS, HOLDOUT_FRACTION};
    enum { WIDTH = 30, HEIGHT = 190 };
    static size_t visits[WIDTH * HEIGHT];
    struct image image = small_picture(WIDTH, HEIGHT, 3),
                 predicted = small_picture(WIDTH, HEIGHT, 3);
    const struct field_spec spec = small_field_spec(&image);
    struct field *f = small_field(&spec, 1);
    struct team *teams[2];
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(team_create(&teams[i], 1 + 2 * i, NULL), STATUS_OK);
    float *unit = mem_alloc_floats((size_t)WIDTH * HEIGHT * 2);
    for (size_t p = 0; p < WIDTH * HEIGHT; p++) {
        unit[2 * p] = (float)(p % WIDTH) + 0.5f;
        unit[2 * p + 1] = (float)(p / WIDTH) + 0.5f;
    }
    domain_unit_from_source(field_domain(f), WIDTH * HEIGHT, unit, unit);
    assert_int_equal(task_query(f, teams[0], WIDTH * HEIGHT, unit, predicted.values, NULL, NULL),
                     STATUS_OK);
    double ssim = 0.0;
    assert_int_equal(metrics_ssim(&image, &predicted, &ssim, NULL), STATUS_OK);

    for (size_t h = 0; h < 3; h++) {
        struct task *t = task_of(&image, holdouts[h], 0.3);
        count_visits(t, &image, 100, epoch_points(t, 100), visits);
        const double psnr = psnr_over(&image, &predicted, visits, true, false);
        for (int effort = EVALUATE_QUICK; effort <= EVALUATE_FULL; effort++) {
            struct task_metrics m[2] = {{0}, {0}};
            for (size_t i = 0; i < 2; i++)
                assert_int_equal(t->class->evaluate(
                                     t, f, teams[i],
                                     &(struct task_evaluation){.effort = (enum task_effort)effort},
                                     &m[i], NULL),
                                 STATUS_OK);
            assert_int_equal(m[0].n, m[1].n);
            for (size_t i = 0; i < m[0].n; i++)
                assert_true(m[0].metric[i].value == m[1].metric[i].value);
            assert_true(fabs(*task_metrics_find(&m[0], "psnr") - psnr) < 1e-9);
            const double *test_psnr = task_metrics_find(&m[0], "test_psnr");
            assert_int_equal(test_psnr != NULL, holdouts[h] != HOLDOUT_NONE);
            if (test_psnr) {
                double expected =
                    psnr_over(&image, &predicted, visits, false, holdouts[h] == HOLDOUT_ODD_PIXELS);
                assert_true(fabs(*test_psnr - expected) < 1e-9);
            }
            const double *baseline = task_metrics_find(&m[0], "baseline_psnr");
            const bool has_baselines = holdouts[h] != HOLDOUT_NONE && effort == EVALUATE_FULL;
            assert_int_equal(baseline != NULL, has_baselines);
            if (baseline) {
                const double nearest = *task_metrics_find(&m[0], "baseline_nearest_psnr");
                const double bilinear = *task_metrics_find(&m[0], "baseline_bilinear_psnr");
                const double bicubic = *task_metrics_find(&m[0], "baseline_bicubic_psnr");
                assert_true(nearest > 15.0 && bilinear > nearest && bicubic > nearest);
                assert_true(*baseline == fmax(bilinear, bicubic));
            }
            const double *measured = task_metrics_find(&m[0], "ssim");
            assert_int_equal(measured != NULL, effort == EVALUATE_FULL);
            if (measured)
                assert_true(fabs(*measured - ssim) < 1e-12);
        }
        task_free(t);
    }
    mem_free(unit);
    for (size_t i = 0; i < 2; i++)
        team_free(teams[i]);
    field_free(f);
    image_deinit(&image);
    image_deinit(&predicted);
}

/* Pictures that are cut into bands otherwise: wide, low, narrow, of one band more than threads. */
static void image_task_measures_pictures_of_every_shape(void **state)
{
    (void)state;
    static const struct {
        size_t width, height;
    } sizes[] = {{40000, 50}, {9, 300}, {300, 9}, {13, 202}, {11, 75}, {1, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct image image = small_picture(sizes[i].width, sizes[i].height, 1);
        struct image predicted = small_picture(sizes[i].width, sizes[i].height, 1);
        struct field_spec spec = small_field_spec(&image);
        spec.encoding.n_frequencies = 1;
        spec.network.width = 2;
        struct field *f = small_field(&spec, 1);
        struct task *t = task_of(&image, HOLDOUT_NONE, 0.0);
        struct team *team = NULL;
        struct task_metrics m = {0};
        const size_t n = image.width * image.height;
        float *unit = mem_alloc_floats(n * 2);
        double ssim = 0.0;
        assert_int_equal(team_create(&team, 2, NULL), STATUS_OK);
        for (size_t p = 0; p < n; p++) {
            unit[2 * p] = (float)(p % image.width) + 0.5f;
            unit[2 * p + 1] = (float)(p / image.width) + 0.5f;
        }
        domain_unit_from_source(field_domain(f), n, unit, unit);
        assert_int_equal(task_query(f, team, n, unit, predicted.values, NULL, NULL), STATUS_OK);
        assert_int_equal(metrics_ssim(&image, &predicted, &ssim, NULL), STATUS_OK);
        assert_int_equal(t->class->evaluate(t, f, team,
                                            &(struct task_evaluation){.effort = EVALUATE_FULL}, &m,
                                            NULL),
                         STATUS_OK);
        const double psnr =
            metrics_psnr(metrics_squared_error(n, predicted.values, image.values), n);
        assert_true(fabs(*task_metrics_find(&m, "psnr") - psnr) < 1e-9);
        assert_true(fabs(*task_metrics_find(&m, "ssim") - ssim) < 1e-9);
        mem_free(unit);
        team_free(team);
        task_free(t);
        field_free(f);
        image_deinit(&image);
        image_deinit(&predicted);
    }
}

static void note_progress(void *context, double done)
{
    double *last = context;
    assert_true(done > *last && done <= 1.0);
    *last = done;
}

static void image_task_tells_how_far_a_full_evaluation_has_come(void **state)
{
    (void)state;
    struct image image = small_picture(16, 300, 1);
    const struct field_spec spec = small_field_spec(&image);
    struct field *f = small_field(&spec, 1);
    struct task *t = task_of(&image, HOLDOUT_NONE, 0.0);
    struct team *team = NULL;
    struct task_metrics m = {0};
    double last = 0.0;
    const struct task_evaluation how = {
        .effort = EVALUATE_FULL, .progress = note_progress, .context = &last};
    assert_int_equal(team_create(&team, 2, NULL), STATUS_OK);
    assert_int_equal(t->class->evaluate(t, f, team, &how, &m, NULL), STATUS_OK);
    assert_true(last == 1.0);
    team_free(team);
    task_free(t);
    field_free(f);
    image_deinit(&image);
}

/* A picture of bytes trains as one of floats with the same values. */
static void image_task_draws_the_same_values_however_they_are_kept(void **state)
{
    (void)state;
    enum { SIDE = 10 };
    struct image bytes, floats;
    assert_int_equal(image_create(&bytes, SAMPLE_U8, SIDE, SIDE, 3, NULL), STATUS_OK);
    assert_int_equal(image_create(&floats, SAMPLE_FLOAT, SIDE, SIDE, 3, NULL), STATUS_OK);
    for (size_t i = 0; i < SIDE * SIDE * 3; i++)
        bytes.u8[i] = (uint8_t)(i * 7);
    image_read(&bytes, 0, SIDE * SIDE * 3, floats.values);
    struct task *t = task_of(&bytes, HOLDOUT_NONE, 0.0);
    size_t pixels[MLP_TILE];
    draw_pixels(t, &floats, 3, MLP_TILE, 0, MLP_TILE, pixels);
    task_free(t);
    image_deinit(&bytes);
    image_deinit(&floats);
}

static void image_task_quick_evaluation_is_a_fair_sample(void **state)
{
    (void)state;
    struct image image = small_picture(200, 150, 1);
    const struct field_spec spec = small_field_spec(&image);
    struct field *f = small_field(&spec, 1);
    struct task *t = task_of(&image, HOLDOUT_NONE, 0.0);
    struct team *team = NULL;
    struct task_metrics quick = {0}, again = {0}, full = {0};
    assert_int_equal(team_create(&team, 2, NULL), STATUS_OK);
    assert_int_equal(t->class->evaluate(t, f, team,
                                        &(struct task_evaluation){.effort = EVALUATE_QUICK}, &quick,
                                        NULL),
                     STATUS_OK);
    assert_int_equal(t->class->evaluate(t, f, team,
                                        &(struct task_evaluation){.effort = EVALUATE_QUICK}, &again,
                                        NULL),
                     STATUS_OK);
    assert_int_equal(t->class->evaluate(t, f, team,
                                        &(struct task_evaluation){.effort = EVALUATE_FULL}, &full,
                                        NULL),
                     STATUS_OK);
    double a = *task_metrics_find(&quick, "psnr"), b = *task_metrics_find(&full, "psnr");
    assert_true(a == *task_metrics_find(&again, "psnr"));
    assert_true(a != b); /* 16,384 of 30,000 */
    assert_true(fabs(a - b) < 0.2);
    team_free(team);
    task_free(t);
    field_free(f);
    image_deinit(&image);
}

static void image_task_stops_evaluating_when_told(void **state)
{
    (void)state;
    struct image image = small_picture(64, 64, 1);
    const struct field_spec spec = small_field_spec(&image);
    struct field *f = small_field(&spec, 1);
    struct task *t = task_of(&image, HOLDOUT_ODD_PIXELS, 0.0);
    struct team *team = NULL;
    volatile bool stop = true;
    assert_int_equal(team_create(&team, 2, NULL), STATUS_OK);
    for (int effort = EVALUATE_QUICK; effort <= EVALUATE_FULL; effort++) {
        struct task_metrics m = {0};
        assert_int_equal(t->class->evaluate(t, f, team,
                                            &(struct task_evaluation){
                                                .effort = (enum task_effort)effort, .stop = &stop},
                                            &m, NULL),
                         STATUS_CANCELED);
        assert_int_equal(m.n, 0);
    }
    team_free(team);
    task_free(t);
    field_free(f);
    image_deinit(&image);
}

/* The batch's loss is the sum of its tiles' losses, with the gradient of the mean. */
static void image_task_loss_is_half_the_mean_square_of_the_batch(void **state)
{
    (void)state;
    struct image image = small_picture(6, 6, 2);
    struct task *t = task_of(&image, HOLDOUT_NONE, 0.0);
    const float raw[] = {0.0f, 0.0f}, values[] = {0.5f, 0.5f}, targets[] = {0.25f, 1.0f};
    float wanted[] = {0.25f, 1.0f}, d_raw[2];
    struct task_tile tile = {
        .batch_size = 10, .n = 1, .targets = wanted, .raw = raw, .values = values, .d_raw = d_raw};
    double loss = t->class->loss(t, &tile);
    assert_true(fabs(loss - 0.5 * (0.0625 + 0.25) / 20.0) < 1e-12);
    for (size_t i = 0; i < 2; i++) {
        double expected = ((double)values[i] - (double)targets[i]) / 20.0 * 0.25; /* sigmoid' */
        assert_true(fabs((double)d_raw[i] - expected) < 1e-9);
    }
    task_free(t);
    image_deinit(&image);
}

static void image_task_refuses_bad_settings(void **state)
{
    (void)state;
    struct image image = small_picture(4, 4, 1), line = small_picture(9, 1, 1);
    struct image dot = small_picture(1, 1, 1), beyond = small_picture(4, 4, 1);
    beyond.values[7] = 1.5f;
    const struct task_image_spec good = {.loss = LOSS_MSE, .output_activation = ACTIVATION_SIGMOID};
    struct {
        const struct image *image;
        struct task_image_spec spec;
        const char *where;
    } bad[] = {
        {&line, good, "/train/holdout"},
        {&dot, good, "/train/holdout"},
        {&image, good, "/train/holdout_fraction"},
        {&image, good, "/train/holdout_fraction"},
        {&image, good, "/train/holdout_fraction"},
        {&image, good, "/train/loss"},
        {&image, good, "/train/loss"},
        {&beyond, good, "/train/loss"},
    };
    bad[0].spec.holdout = HOLDOUT_ODD_PIXELS;
    bad[1].spec.holdout = HOLDOUT_FRACTION, bad[1].spec.holdout_fraction = 0.5;
    bad[2].spec.holdout = HOLDOUT_FRACTION, bad[2].spec.holdout_fraction = 0.0;
    bad[3].spec.holdout = HOLDOUT_FRACTION, bad[3].spec.holdout_fraction = 1.0;
    bad[4].spec.holdout = HOLDOUT_FRACTION, bad[4].spec.holdout_fraction = NAN;
    bad[5].spec.loss = LOSS_BCE, bad[5].spec.output_activation = ACTIVATION_LINEAR;
    bad[6].spec.loss = LOSS_BCE, bad[6].spec.output_activation = ACTIVATION_RELU;
    bad[7].spec.loss = LOSS_BCE;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct task *t = NULL;
        struct error err = {0};
        assert_int_equal(task_image_create(&t, bad[i].image, &bad[i].spec, &err), STATUS_INVALID);
        assert_string_equal(err.where, bad[i].where);
        assert_null(t);
    }
    image_deinit(&image);
    image_deinit(&line);
    image_deinit(&dot);
    image_deinit(&beyond);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(image_task_visits_training_samples_alone_and_each_in_every_epoch),
        cmocka_unit_test(image_task_draws_epochs_in_different_orders),
        cmocka_unit_test(image_task_follows_its_seed),
        cmocka_unit_test(image_task_keeps_as_much_as_it_says),
        cmocka_unit_test(image_task_measures_its_sets),
        cmocka_unit_test(image_task_measures_pictures_of_every_shape),
        cmocka_unit_test(image_task_tells_how_far_a_full_evaluation_has_come),
        cmocka_unit_test(image_task_draws_the_same_values_however_they_are_kept),
        cmocka_unit_test(image_task_quick_evaluation_is_a_fair_sample),
        cmocka_unit_test(image_task_stops_evaluating_when_told),
        cmocka_unit_test(image_task_loss_is_half_the_mean_square_of_the_batch),
        cmocka_unit_test(image_task_refuses_bad_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
