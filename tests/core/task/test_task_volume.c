#include "core/task/task_volume.h"

#include <malloc.h>
#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/field/metrics.h"
#include "core/field/trainer.h"
#include "core/task/baseline_volume.h"
#include "tests/support/small_fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Voxels of 2 x 1.5 x 4 mm, sheared, far from the origin. */
static const double place[3][4] = {{-2, 0.1, 0, 90}, {0.2, 1.5, -0.3, -126}, {0, 0.4, 4, -72}};

/* A gradient, an edge and waves. */
static struct volume small_volume(size_t width, size_t height, size_t depth, size_t channels)
{
    struct volume v;
    assert_int_equal(volume_create(&v, SAMPLE_FLOAT, width, height, depth, channels, NULL),
                     STATUS_OK);
    memcpy(v.affine, place, sizeof place);
    v.has_affine = true;
    for (size_t z = 0; z < depth; z++)
        for (size_t y = 0; y < height; y++)
            for (size_t x = 0; x < width; x++)
                for (size_t c = 0; c < channels; c++) {
                    const double p = ((double)x + 0.5) / (double)width;
                    const double q = ((double)y + 0.5) / (double)height;
                    const double r = ((double)z + 0.5) / (double)depth;
                    const double edge = p + 0.3 * q - 0.5 * r > 0.4 ? 0.2 : -0.1;
                    const double waves = 0.15 * sin(9 * p + (double)c) * cos(7 * q + 5 * r);
                    v.values[((z * height + y) * width + x) * channels + c] =
                        (float)(0.45 + 0.1 * q + edge + waves);
                }
    return v;
}

static struct task *task_of(const struct volume *v, enum holdout holdout, double fraction,
                            uint64_t seed)
{
    const struct task_volume_spec spec = {.holdout = holdout,
                                          .holdout_fraction = fraction,
                                          .loss = LOSS_MSE,
                                          .output_activation = ACTIVATION_SIGMOID,
                                          .seed = seed};
    struct task *t = NULL;
    assert_int_equal(task_volume_create(&t, v, &spec, NULL), STATUS_OK);
    assert_int_equal(t->n_inputs, 3);
    assert_int_equal(t->n_outputs, v->channels);
    assert_int_equal(t->group_size, 1);
    assert_int_equal(t->n_targets, v->channels);
    return t;
}

static size_t voxels_of(const struct volume *v)
{
    return v->width * v->height * v->depth;
}

/* Where the centre of a voxel is, as a client would ask: source coordinates in float. */
static void centre_of(const struct volume *v, size_t voxel, float *source)
{
    const double index[4] = {(double)(voxel % v->width), (double)(voxel / v->width % v->height),
                             (double)(voxel / v->width / v->height), 1.0};
    for (size_t r = 0; r < 3; r++) {
        double sum = 0.0;
        for (size_t c = 0; c < 4; c++)
            sum += v->affine[r][c] * index[c];
        source[r] = (float)sum;
    }
}

/* Draw part of a batch and say which voxels it is made of: values and coordinates must be bit for
 * bit those of the voxel, and of a query at its centre. */
static void draw_voxels(const struct task *t, const struct volume *v, uint64_t step,
                        size_t batch_size, size_t first, size_t n, size_t *voxels)
{
    const struct domain domain = domain_of_volume(v->width, v->height, v->depth, v->affine);
    float coords[3 * MLP_TILE], targets[4 * MLP_TILE];
    struct task_tile tile = {.step = step,
                             .batch_size = batch_size,
                             .first = first,
                             .n = n,
                             .coords = coords,
                             .targets = targets};
    t->class->draw(t, &tile);
    for (size_t i = 0; i < n; i++) {
        const size_t x = (size_t)((double)coords[3 * i] * (double)v->width);
        const size_t y = (size_t)((double)coords[3 * i + 1] * (double)v->height);
        const size_t z = (size_t)((double)coords[3 * i + 2] * (double)v->depth);
        float centre[3];
        voxels[i] = (z * v->height + y) * v->width + x;
        centre_of(v, voxels[i], centre);
        domain_unit_from_source(&domain, 1, centre, centre);
        assert_memory_equal(centre, coords + 3 * i, sizeof centre);
        assert_true(fabs((double)centre[0] * (double)v->width - (double)x - 0.5) < 1e-3);
        assert_memory_equal(targets + i * v->channels, v->values + voxels[i] * v->channels,
                            v->channels * sizeof *targets);
    }
}

static void count_visits(const struct task *t, const struct volume *v, size_t batch_size,
                         size_t n_points, size_t *visits)
{
    enum { TILE = 7 };
    memset(visits, 0, voxels_of(v) * sizeof *visits);
    for (size_t point = 0; point < n_points;) {
        size_t step = point / batch_size, first = point % batch_size;
        size_t n = batch_size - first < TILE ? batch_size - first : TILE;
        n = n_points - point < n ? n_points - point : n;
        size_t voxels[TILE];
        draw_voxels(t, v, step, batch_size, first, n, voxels);
        for (size_t i = 0; i < n; i++)
            visits[voxels[i]]++;
        point += n;
    }
}

/* Points of as many steps as visit every training sample (core/task/visit.h). */
static size_t epoch_points(const struct task *t, size_t batch_size)
{
    const size_t rest = batch_size % t->n_samples;
    return rest ? (t->n_samples + rest - 1) / rest * batch_size : batch_size;
}

static const struct {
    size_t width, height, depth, channels;
    enum holdout holdout;
    double fraction;
    size_t n_samples, n_test;
} table[] = {
    {9, 10, 3, 1, HOLDOUT_NONE, 0.0, 270, 0},       {1, 1, 1, 4, HOLDOUT_NONE, 0.0, 1, 0},
    {1, 20, 1, 1, HOLDOUT_NONE, 0.0, 20, 0},        {8, 6, 4, 1, HOLDOUT_ODD_PIXELS, 0.0, 24, 24},
    {9, 7, 5, 2, HOLDOUT_ODD_PIXELS, 0.0, 60, 24},  {2, 2, 2, 3, HOLDOUT_ODD_PIXELS, 0.0, 1, 1},
    {9, 10, 3, 1, HOLDOUT_FRACTION, 0.25, 202, 68}, {5, 2, 3, 1, HOLDOUT_FRACTION, 1e-9, 29, 1},
    {5, 2, 3, 1, HOLDOUT_FRACTION, 0.9999, 1, 29},
};
enum { N_TABLE = sizeof table / sizeof *table };

static void volume_task_visits_training_voxels_alone_and_each_in_every_epoch(void **state)
{
    (void)state;
    static const size_t batch_sizes[] = {1, 5, 64, 1000};
    size_t visits[400];
    for (size_t i = 0; i < N_TABLE; i++)
        for (size_t b = 0; b < sizeof batch_sizes / sizeof *batch_sizes; b++) {
            struct volume v =
                small_volume(table[i].width, table[i].height, table[i].depth, table[i].channels);
            struct task *t = task_of(&v, table[i].holdout, table[i].fraction, 5);
            assert_int_equal(t->n_samples, table[i].n_samples);
            assert_int_equal(t->n_held_out, table[i].n_test);
            count_visits(t, &v, batch_sizes[b], epoch_points(t, batch_sizes[b]), visits);
            size_t n_visited = 0;
            for (size_t p = 0; p < voxels_of(&v); p++) {
                const size_t x = p % v.width, row = p / v.width;
                n_visited += visits[p] > 0;
                if (table[i].holdout == HOLDOUT_ODD_PIXELS)
                    assert_int_equal(visits[p] > 0, x % 2 == 0 && row % v.height % 2 == 0 &&
                                                        row / v.height % 2 == 0);
            }
            assert_int_equal(n_visited, t->n_samples);
            task_free(t);
            volume_deinit(&v);
        }
}

static void volume_task_follows_its_seed(void **state)
{
    (void)state;
    struct volume v = small_volume(8, 8, 8, 1);
    for (int holdout = HOLDOUT_NONE; holdout <= HOLDOUT_FRACTION; holdout++) {
        size_t voxels[3][32];
        static const uint64_t seeds[] = {5, 6, 5};
        for (size_t i = 0; i < 3; i++) {
            struct task *t = task_of(&v, (enum holdout)holdout, 0.5, seeds[i]);
            draw_voxels(t, &v, 0, 32, 0, 32, voxels[i]);
            task_free(t);
        }
        assert_memory_not_equal(voxels[0], voxels[1], sizeof voxels[0]);
        assert_memory_equal(voxels[0], voxels[2], sizeof voxels[0]);
    }
    volume_deinit(&v);
}

static void volume_task_refuses_what_it_cannot_train_on(void **state)
{
    (void)state;
    static const struct {
        size_t width, height, depth;
        struct task_volume_spec spec;
        enum status expected;
        const char *where;
    } cases[] = {
        {1,
         1,
         1,
         {.holdout = HOLDOUT_FRACTION, .holdout_fraction = 0.5},
         STATUS_INVALID,
         "/train/holdout"},
        {9, 9, 1, {.holdout = HOLDOUT_ODD_PIXELS}, STATUS_INVALID, "/train/holdout"},
        {9, 9, 9, {.holdout = HOLDOUT_FRACTION}, STATUS_INVALID, "/train/holdout_fraction"},
        {9,
         9,
         9,
         {.holdout = HOLDOUT_FRACTION, .holdout_fraction = 1},
         STATUS_INVALID,
         "/train/holdout_fraction"},
        {9,
         9,
         9,
         {.loss = LOSS_BCE, .output_activation = ACTIVATION_LINEAR},
         STATUS_INVALID,
         "/train/loss"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct volume v = small_volume(cases[i].width, cases[i].height, cases[i].depth, 1);
        struct task *t = NULL;
        struct error err = {0};
        assert_int_equal(task_volume_create(&t, &v, &cases[i].spec, &err), cases[i].expected);
        assert_string_equal(err.where, cases[i].where);
        assert_null(t);
        volume_deinit(&v);
    }
}

static struct field_spec field_spec_of(const struct volume *v)
{
    return (struct field_spec){
        .encoding = {.type = ENCODING_GAUSSIAN, .n_inputs = 3, .n_frequencies = 16, .sigma = 1.0},
        .network = {.n_outputs = v->channels,
                    .n_hidden_layers = 2,
                    .width = 24,
                    .activation = ACTIVATION_RELU,
                    .output_activation = ACTIVATION_SIGMOID},
        .domain = domain_of_volume(v->width, v->height, v->depth, v->affine),
    };
}

/* psnr over what training visits, test_psnr over the rest (of odd voxels: odd along all axes), for
 * quick and full, and for any number of threads the same. */
static void volume_task_measures_its_sets(void **state)
{
    (void)state;
    struct volume v = small_volume(21, 14, 17, 2);
    const size_t n_voxels = voxels_of(&v);
    const struct field_spec spec = field_spec_of(&v);
    struct field *f = small_field(&spec, 1);
    struct team *teams[2];
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(team_create(&teams[i], 1 + 2 * i, NULL), STATUS_OK);
    float *unit = mem_alloc_floats(n_voxels * 3), *values = mem_alloc_floats(n_voxels * 2);
    size_t *visits = mem_alloc_array(n_voxels, sizeof *visits);
    for (size_t p = 0; p < n_voxels; p++)
        centre_of(&v, p, unit + 3 * p);
    domain_unit_from_source(field_domain(f), n_voxels, unit, unit);
    assert_int_equal(task_query(f, teams[0], n_voxels, unit, values, NULL, NULL), STATUS_OK);
    for (int holdout = HOLDOUT_NONE; holdout <= HOLDOUT_FRACTION; holdout++) {
        struct task *t = task_of(&v, (enum holdout)holdout, 0.3, 5);
        double sum[2] = {0.0};
        size_t n[2] = {0};
        count_visits(t, &v, 100, epoch_points(t, 100), visits);
        for (size_t p = 0; p < n_voxels; p++) {
            const size_t row = p / v.width;
            const bool is_odd =
                p % v.width % 2 == 1 && row % v.height % 2 == 1 && row / v.height % 2 == 1;
            if (!visits[p] && holdout == HOLDOUT_ODD_PIXELS && !is_odd)
                continue;
            const int set = visits[p] == 0;
            sum[set] += metrics_squared_error(2, values + 2 * p, v.values + 2 * p);
            n[set] += 2;
        }
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
            assert_true(fabs(*task_metrics_find(&m[0], "psnr") - metrics_psnr(sum[0], n[0])) <
                        1e-9);
            const double *test_psnr = task_metrics_find(&m[0], "test_psnr");
            const double *baseline = task_metrics_find(&m[0], "baseline_psnr");
            assert_int_equal(test_psnr != NULL, holdout != HOLDOUT_NONE);
            assert_int_equal(baseline != NULL, holdout != HOLDOUT_NONE && effort == EVALUATE_FULL);
            if (test_psnr)
                assert_true(fabs(*test_psnr - metrics_psnr(sum[1], n[1])) < 1e-9);
            if (baseline) {
                const double nearest = *task_metrics_find(&m[0], "baseline_nearest_psnr");
                const double trilinear = *task_metrics_find(&m[0], "baseline_trilinear_psnr");
                assert_true(nearest > 15.0 && trilinear > nearest + 1.0);
                assert_true(*baseline == trilinear);
            }
        }
        task_free(t);
    }
    mem_free(unit);
    mem_free(values);
    mem_free(visits);
    for (size_t i = 0; i < 2; i++)
        team_free(teams[i]);
    field_free(f);
    volume_deinit(&v);
}

/* More voxels than are evaluated at once, told in order, and stopped when told to. */
static void volume_task_evaluates_in_slabs(void **state)
{
    (void)state;
    struct volume v = small_volume(60, 50, 45, 1);
    struct field_spec spec = field_spec_of(&v);
    spec.encoding.n_frequencies = 2;
    spec.network.width = 4;
    struct field *f = small_field(&spec, 1);
    struct task *t = task_of(&v, HOLDOUT_NONE, 0.0, 1);
    struct team *team = NULL;
    struct task_metrics full = {0}, quick = {0}, none = {0};
    volatile bool stop = true;
    const struct mallinfo2 before = mallinfo2();
    assert_int_equal(team_create(&team, 2, NULL), STATUS_OK);
    assert_int_equal(t->class->evaluate(t, f, team,
                                        &(struct task_evaluation){.effort = EVALUATE_FULL}, &full,
                                        NULL),
                     STATUS_OK);
    assert_int_equal(t->class->evaluate(t, f, team,
                                        &(struct task_evaluation){.effort = EVALUATE_QUICK}, &quick,
                                        NULL),
                     STATUS_OK);
    const double difference =
        *task_metrics_find(&full, "psnr") - *task_metrics_find(&quick, "psnr");
    assert_true(difference != 0.0 && fabs(difference) < 0.2); /* 16,384 of 135,000 */
    for (int effort = EVALUATE_QUICK; effort <= EVALUATE_FULL; effort++)
        assert_int_equal(t->class->evaluate(t, f, team,
                                            &(struct task_evaluation){
                                                .effort = (enum task_effort)effort, .stop = &stop},
                                            &none, NULL),
                         STATUS_CANCELED);
    assert_int_equal(none.n, 0);
    team_free(team);
    assert_true(mallinfo2().uordblks <= before.uordblks + 4096);
    task_free(t);
    field_free(f);
    volume_deinit(&v);
}

static void volume_task_keeps_as_much_as_it_says(void **state)
{
    (void)state;
#ifdef SANITIZED
    skip();
#endif
    for (int holdout = HOLDOUT_NONE; holdout <= HOLDOUT_FRACTION; holdout++) {
        struct volume v = small_volume(100, 90, 80, 1);
        const struct mallinfo2 before = mallinfo2();
        struct task *t = task_of(&v, (enum holdout)holdout, 0.01, 1);
        const struct mallinfo2 after = mallinfo2();
        const size_t used = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
        const size_t said =
            task_volume_bytes(v.width, v.height, v.depth, v.channels, (enum holdout)holdout);
        assert_true(used <= said + 4096);
        assert_true((double)said < 1.3 * (double)used + 4096);
        task_free(t);
        volume_deinit(&v);
    }
}

/* d_raw is the gradient of the loss by central differences of its terms. */
static void volume_task_gives_the_gradient_of_its_loss(void **state)
{
    (void)state;
    enum { POINTS = 5, CHANNELS = 2, N = POINTS * CHANNELS };
    struct volume v = small_volume(4, 3, 2, CHANNELS);
    struct task *t = task_of(&v, HOLDOUT_NONE, 0.0, 2);
    float coords[3 * POINTS], targets[N], raw[N], values[N], d_raw[N], other[N];
    struct task_tile tile = {.batch_size = 12,
                             .n = POINTS,
                             .coords = coords,
                             .targets = targets,
                             .raw = raw,
                             .values = values,
                             .d_raw = d_raw};
    t->class->draw(t, &tile);
    for (size_t i = 0; i < N; i++)
        raw[i] = (float)sin(3.0 * (double)i);
    for (size_t i = 0; i < N; i++)
        values[i] = (float)(1.0 / (1.0 + exp(-(double)raw[i])));
    double sum = 0.0;
    for (size_t i = 0; i < N; i++)
        sum += 0.5 * pow((double)values[i] - (double)targets[i], 2) / (12.0 * CHANNELS);
    assert_true(fabs(t->class->loss(t, &tile) - sum) < 1e-6);
    memcpy(other, d_raw, sizeof other);
    for (size_t i = 0; i < N; i++) {
        double loss[2];
        for (size_t k = 0; k < 2; k++) {
            const double x = (double)raw[i] + (k ? 1e-4 : -1e-4);
            loss[k] = 0.5 * pow(1.0 / (1.0 + exp(-x)) - (double)targets[i], 2) / (12.0 * CHANNELS);
        }
        assert_true(fabs((loss[1] - loss[0]) / 2e-4 - (double)other[i]) < 1e-6);
    }
    task_free(t);
    volume_deinit(&v);
}

static void a_field_learns_a_volume(void **state)
{
    (void)state;
    struct volume v = small_volume(16, 12, 10, 1);
    const struct field_spec spec = field_spec_of(&v);
    struct train_spec train = small_train_spec();
    struct field *f = small_field(&spec, 1);
    struct task *t = task_of(&v, HOLDOUT_ODD_PIXELS, 0.0, 1);
    struct team *team = NULL;
    struct trainer *trainer = NULL;
    struct task_metrics m = {0};
    train.steps = 400;
    assert_int_equal(team_create(&team, 2, NULL), STATUS_OK);
    assert_int_equal(trainer_create(&trainer, &train, f, t, team, NULL), STATUS_OK);
    for (size_t i = 0; i < train.steps; i++)
        trainer_step(trainer);
    assert_int_equal(t->class->evaluate(
                         t, f, team, &(struct task_evaluation){.effort = EVALUATE_FULL}, &m, NULL),
                     STATUS_OK);
    assert_true(*task_metrics_find(&m, "psnr") > 30.0);
    assert_true(*task_metrics_find(&m, "test_psnr") > 20.0);
    trainer_free(trainer);
    team_free(team);
    task_free(t);
    field_free(f);
    volume_deinit(&v);
}

/* --- baselines --- */

struct test_set {
    const struct volume *volume;
    const uint8_t *held;
};

static size_t held_voxel(const void *context, size_t i)
{
    const struct test_set *s = context;
    for (size_t voxel = 0;; voxel++)
        if (s->held[voxel / 8] >> voxel % 8 & 1 && i-- == 0)
            return voxel;
}

/* Scattered samples of a linear function give it back; nearest gives back what is nearest. */
static void interpolation_of_scattered_voxels_gives_back_planes(void **state)
{
    (void)state;
    enum { SIDE = 9, N_VOXELS = SIDE * SIDE * SIDE };
    struct volume v = small_volume(SIDE, SIDE, SIDE, 1);
    static uint8_t held[N_VOXELS / 8 + 1];
    struct team *team = NULL;
    double error[N_VOLUME_BASELINES];
    size_t n = 0;
    for (size_t i = 0; i < N_VOXELS; i++) {
        const double x = (double)(i % SIDE), y = (double)(i / SIDE % SIDE),
                     z = (double)i / (SIDE * SIDE);
        v.values[i] = (float)(0.1 + 0.03 * x + 0.02 * y + 0.04 * floor(z));
        if (i * 2654435761u % 97 < 60) {
            held[i / 8] |= (uint8_t)(1u << i % 8);
            n++;
        }
    }
    assert_int_equal(team_create(&team, 3, NULL), STATUS_OK);
    const struct test_set set = {&v, held};
    const struct baseline_voxels voxels = {n, held_voxel, &set};
    assert_int_equal(baseline_volume_measure(&v, held, &voxels, team, NULL, error, NULL),
                     STATUS_OK);
    assert_true(error[BASELINE_TRILINEAR] < 1e-12);
    double expected = 0.0;
    for (size_t i = 0; i < n; i++) {
        const size_t p = held_voxel(&set, i);
        long best = 1000;
        double value = 0.0;
        for (size_t q = 0; q < N_VOXELS; q++) {
            const long x = (long)(p % SIDE) - (long)(q % SIDE);
            const long y = (long)(p / SIDE % SIDE) - (long)(q / SIDE % SIDE);
            const long z = (long)(p / SIDE / SIDE) - (long)(q / SIDE / SIDE);
            const long d2 = x * x + y * y + z * z;
            if (!(held[q / 8] >> q % 8 & 1) && d2 < best) {
                best = d2;
                value = (double)v.values[q];
            }
        }
        expected += pow(value - (double)v.values[p], 2);
    }
    assert_true(fabs(error[BASELINE_NEAREST_VOXEL] - expected / (double)n) < 1e-9);
    team_free(team);
    volume_deinit(&v);
}

static size_t only_voxel(const void *context, size_t i)
{
    (void)i;
    return *(const size_t *)context;
}

/* Odd voxels: the mean of eight, the lowest one, and the border. */
static void interpolation_of_odd_voxels_is_the_mean_of_eight(void **state)
{
    (void)state;
    struct volume v = small_volume(4, 3, 3, 1);
    struct team *team = NULL;
    double error[N_VOLUME_BASELINES];
    for (size_t i = 0; i < 36; i++)
        v.values[i] = (float)i / 36.0f;
    assert_int_equal(team_create(&team, 1, NULL), STATUS_OK);
    static const struct {
        size_t voxel;
        double nearest, mean;
    } cases[] = {{17, 0, 17}, {19, 2, 18}}; /* (1,1,1), and (3,1,1): nothing at x = 4 */
    for (size_t i = 0; i < 2; i++) {
        const struct baseline_voxels voxels = {1, only_voxel, &cases[i].voxel};
        assert_int_equal(baseline_volume_measure(&v, NULL, &voxels, team, NULL, error, NULL),
                         STATUS_OK);
        const double nearest = (cases[i].nearest - (double)cases[i].voxel) / 36.0;
        const double mean = (cases[i].mean - (double)cases[i].voxel) / 36.0;
        assert_true(fabs(error[BASELINE_NEAREST_VOXEL] - nearest * nearest) < 1e-7);
        assert_true(fabs(error[BASELINE_TRILINEAR] - mean * mean) < 1e-7);
    }
    team_free(team);
    volume_deinit(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(volume_task_visits_training_voxels_alone_and_each_in_every_epoch),
        cmocka_unit_test(volume_task_follows_its_seed),
        cmocka_unit_test(volume_task_refuses_what_it_cannot_train_on),
        cmocka_unit_test(volume_task_measures_its_sets),
        cmocka_unit_test(volume_task_evaluates_in_slabs),
        cmocka_unit_test(volume_task_keeps_as_much_as_it_says),
        cmocka_unit_test(volume_task_gives_the_gradient_of_its_loss),
        cmocka_unit_test(a_field_learns_a_volume),
        cmocka_unit_test(interpolation_of_scattered_voxels_gives_back_planes),
        cmocka_unit_test(interpolation_of_odd_voxels_is_the_mean_of_eight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
