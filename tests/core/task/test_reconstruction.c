/* Tasks ct and mri: their loss and its gradient, what they take, and fits by them. */
#include "core/task/reconstruction.h"

#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/field/trainer.h"
#include "core/scene/fourier.h"
#include "core/task/task_ct.h"
#include "core/task/task_mri.h"
#include "tests/support/alloc.h"
#include "tests/support/random.h"
#include "tests/support/small_fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct task_ct_spec ct_spec = {
    .n_angles = 12, .interpolation = PROJECTION_NEAREST, .normalize = NORMALIZE_MAX, .seed = 3};
static const struct task_mri_spec mri_spec = {
    .mask_sigma = 5, .n_draws = 500, .normalize = NORMALIZE_MAX, .seed = 3};

/* A grey picture, brightest 0.8. */
static struct data grey_picture(size_t width, size_t height)
{
    struct data data = {.kind = DATA_IMAGE};
    assert_int_equal(image_create(&data.image, SAMPLE_FLOAT, width, height, 1, NULL), STATUS_OK);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            const double u = ((double)x + 0.5) / (double)width - 0.45;
            const double v = ((double)y + 0.5) / (double)height - 0.5;
            const double value = hypot(u, v) < 0.3 ? 0.8 : hypot(u - 0.05, v) < 0.4 ? 0.3 : 0.0;
            data.image.values[y * width + x] = (float)value;
        }
    return data;
}

/* Eight bits, a ball. */
static struct data ball(size_t width, size_t height, size_t depth, size_t channels)
{
    struct data data = {.kind = DATA_VOLUME};
    assert_int_equal(volume_create(&data.volume, SAMPLE_U8, width, height, depth, channels, NULL),
                     STATUS_OK);
    data.volume.unit = 1.0f / 255.0f;
    for (size_t i = 0; i < width * height * depth; i++) {
        const double x = (double)(i % width) - (double)width / 2;
        const double y = (double)(i / width % height) - (double)height / 2;
        const double z = (double)(i / width / height) - (double)depth / 2;
        data.volume.u8[i * channels] =
            (uint8_t)(20.0 + 180.0 * exp(-(x * x + y * y + z * z) / 12.0));
    }
    return data;
}

static struct task *new_ct(const struct data *data, const struct task_ct_spec *spec)
{
    struct task *t = NULL;
    assert_int_equal(task_ct_create(&t, data, spec, NULL), STATUS_OK);
    return t;
}

static struct task *new_mri(const struct data *data, const struct task_mri_spec *spec)
{
    struct task *t = NULL;
    assert_int_equal(task_mri_create(&t, data, spec, NULL), STATUS_OK);
    return t;
}

/* One task of every kind: what is to hold for all. */
enum { N_KINDS = 5 };
static struct task *new_task(size_t kind, struct data *data)
{
    struct task_ct_spec ct = ct_spec;
    *data = kind == 4   ? ball(12, 10, 14, 1)
            : kind == 3 ? grey_picture(22, 26)
                        : grey_picture(40, 34);
    switch (kind) {
    case 0:
        return new_ct(data, &ct);
    case 1:
        ct.interpolation = PROJECTION_LINEAR;
        return new_ct(data, &ct);
    case 2:
        ct.normalize = NORMALIZE_NONE;
        ct.n_angles = 5;
        return new_ct(data, &ct);
    default:
        return new_mri(data, &mri_spec);
    }
}

/* --- the measurement --- */

struct measured {
    const struct task *task;
    struct team *team;
    const float *values;
    float *d_values, *scratch;
    double loss[2];
};

static void measure_member(void *context, size_t member)
{
    struct measured *m = context;
    const struct task_measurement measurement = {.team = m->team,
                                                 .member = member,
                                                 .n_members = team_size(m->team),
                                                 .n_parts = 2,
                                                 .values = m->values,
                                                 .d_values = m->d_values,
                                                 .scratch = m->scratch,
                                                 .loss = m->loss};
    m->task->class->measure(m->task, &measurement);
}

/* The loss of values [n_samples], and its gradient (may be NULL). */
static double loss_of(const struct task *t, size_t n_threads, const float *values, float *d_values)
{
    struct measured m = {.task = t, .values = values};
    assert_int_equal(team_create(&m.team, n_threads, NULL), STATUS_OK);
    m.scratch = mem_alloc_floats(t->class->n_scratch(t, 2));
    m.d_values = mem_alloc_floats(t->n_samples);
    assert_non_null(m.scratch);
    assert_non_null(m.d_values);
    team_run(m.team, measure_member, &m);
    if (d_values)
        memcpy(d_values, m.d_values, t->n_samples * sizeof *d_values);
    mem_free(m.scratch);
    mem_free(m.d_values);
    team_free(m.team);
    return m.loss[0] + m.loss[1];
}

static void the_lattice_itself_has_no_loss(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < N_KINDS; kind++) {
        struct data data;
        struct task *t = new_task(kind, &data);
        const float *truth = ((const struct reconstruction *)t)->truth;
        float *zeros = mem_alloc_floats(t->n_samples);
        assert_true(loss_of(t, 1, truth, NULL) < 1e-12);
        /* and a field that is 0 has half the energy of what was measured */
        const double energy = ((const struct reconstruction *)t)->energy;
        assert_true(energy > 1e-4);
        assert_true(fabs(2.0 * loss_of(t, 1, zeros, NULL) / energy - 1.0) < 1e-5);
        mem_free(zeros);
        task_free(t);
        data_deinit(&data);
    }
}

/* The loss is a quadratic form: its central differences are exact for any step. */
static void gradients_are_those_of_differences(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < N_KINDS; kind++) {
        struct data data;
        struct task *t = new_task(kind, &data);
        const size_t n = t->n_samples;
        float *values = random_floats(n, 1), *along = random_floats(n, 2);
        float *gradient = mem_alloc_floats(n), *moved = mem_alloc_floats(n);
        double slope = 0.0, size = 0.0;
        loss_of(t, 1, values, gradient);
        for (size_t i = 0; i < n; i++) {
            slope += (double)gradient[i] * (double)along[i];
            size += fabs((double)gradient[i] * (double)along[i]);
        }
        for (size_t i = 0; i < n; i++)
            moved[i] = values[i] + along[i];
        double difference = loss_of(t, 1, moved, NULL);
        for (size_t i = 0; i < n; i++)
            moved[i] = values[i] - along[i];
        difference = (difference - loss_of(t, 1, moved, NULL)) / 2.0;
        assert_true(size > 1e-4);
        assert_true(fabs(slope - difference) < 1e-5 * size);
        mem_free(values);
        mem_free(along);
        mem_free(gradient);
        mem_free(moved);
        task_free(t);
        data_deinit(&data);
    }
}

static void one_thread_and_two_measure_the_same_bytes(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < N_KINDS; kind++) {
        struct data data;
        struct task *t = new_task(kind, &data);
        const size_t n = t->n_samples;
        float *values = random_floats(n, 1);
        float *one = mem_alloc_floats(n), *two = mem_alloc_floats(n);
        const double loss = loss_of(t, 1, values, one);
        assert_true(loss == loss_of(t, 2, values, two));
        assert_memory_equal(one, two, n * sizeof *one);
        mem_free(values);
        mem_free(one);
        mem_free(two);
        task_free(t);
        data_deinit(&data);
    }
}

/* Of unitary F and mask M, F^-1 M F projects: the gradient of the gradient's direction is itself.
 */
static void the_gradient_of_mri_is_a_projection(void **state)
{
    (void)state;
    struct data data;
    struct task *t = new_task(3, &data);
    const struct reconstruction *r = (const struct reconstruction *)t;
    const size_t n = t->n_samples;
    float *values = mem_alloc_floats(n), *d_values = mem_alloc_floats(n);
    double loss = loss_of(t, 1, values, d_values);
    for (int i = 0; i < 200; i++) { /* of steepest descent, step N: at least half of it each time */
        for (size_t k = 0; k < n; k++)
            values[k] -= (float)n * d_values[k];
        const double next = loss_of(t, 1, values, d_values);
        assert_true(next <= loss * 1.0001 || next < 1e-10 * r->energy);
        loss = next;
    }
    assert_true(loss < 1e-6 * r->energy);
    mem_free(values);
    mem_free(d_values);
    task_free(t);
    data_deinit(&data);
}

/* --- points --- */

static void points_are_those_of_queries_for_centres(void **state)
{
    (void)state;
    struct data data = grey_picture(37, 21);
    struct task *t = new_ct(&data, &ct_spec);
    const struct domain domain = domain_of_image(37, 21);
    float coords[2 * 128];
    struct task_tile tile = {.first = 300, .n = 128, .batch_size = 777, .coords = coords};
    assert_int_equal(t->n_samples, 777);
    assert_int_equal(t->n_inputs, 2);
    t->class->draw(t, &tile);
    for (size_t i = 0; i < 128; i++) {
        float centre[2] = {(float)((300 + i) % 37) + 0.5f, (float)((300 + i) / 37) + 0.5f};
        domain_unit_from_source(&domain, 1, centre, centre);
        assert_memory_equal(coords + 2 * i, centre, sizeof centre);
    }
    task_free(t);
    data_deinit(&data);

    data = ball(4, 5, 6, 1);
    t = new_mri(&data, &mri_spec);
    assert_int_equal(t->n_inputs, 3);
    tile = (struct task_tile){.first = 119, .n = 1, .batch_size = 120, .coords = coords};
    t->class->draw(t, &tile);
    assert_true(coords[0] == 3.5f / 4 && fabsf(coords[1] - 4.5f / 5) < 1e-7f &&
                fabsf(coords[2] - 5.5f / 6) < 1e-7f);
    task_free(t);
    data_deinit(&data);
}

/* --- what they take --- */

static void max_divides_by_the_largest_value(void **state)
{
    (void)state;
    struct data data = grey_picture(20, 20);
    struct task *t = new_ct(&data, &ct_spec);
    const struct reconstruction *r = (const struct reconstruction *)t;
    assert_true(fabs(r->scale - 0.8) < 1e-6);
    for (size_t i = 0; i < 400; i++)
        assert_true(fabsf(r->truth[i] * 0.8f - data.image.values[i]) < 1e-6f);
    task_free(t);
    for (size_t i = 0; i < 400; i++)
        data.image.values[i] = -1.0f;
    struct error err = {0};
    assert_int_equal(task_ct_create(&t, &data, &ct_spec, &err), STATUS_INVALID);
    assert_string_equal(err.where, "/measure/normalize");
    data_deinit(&data);
}

static void colours_are_seen_as_grey(void **state)
{
    (void)state;
    struct data data = {.kind = DATA_IMAGE, .image = small_picture(16, 16, 3)};
    struct task_mri_spec spec = mri_spec;
    spec.normalize = NORMALIZE_NONE;
    struct task *t = new_mri(&data, &spec);
    const struct reconstruction *r = (const struct reconstruction *)t;
    for (size_t i = 0; i < 256; i++) {
        const float *c = data.image.values + 3 * i;
        assert_true(fabsf(r->truth[i] - (0.299f * c[0] + 0.587f * c[1] + 0.114f * c[2])) < 1e-6f);
    }
    assert_true(r->scale == 1.0);
    task_free(t);
    data_deinit(&data);
}

static void what_is_not_for_them_is_refused(void **state)
{
    (void)state;
    const struct {
        bool is_mri;
        size_t channels; /* of a ball; 0: the grey picture */
        struct task_ct_spec ct;
        struct task_mri_spec mri;
        enum status status;
        const char *where;
    } cases[] = {
        {.channels = 1, .ct = ct_spec, .status = STATUS_UNSUPPORTED, .where = ""},
        {.ct = {.n_angles = 0}, .status = STATUS_INVALID, .where = "/measure/n_angles"},
        {.ct = {.n_angles = 4097}, .status = STATUS_INVALID, .where = "/measure/n_angles"},
        {.is_mri = true, .channels = 2, .mri = mri_spec, .status = STATUS_UNSUPPORTED, .where = ""},
        {.is_mri = true,
         .mri = {.mask_sigma = NAN},
         .status = STATUS_INVALID,
         .where = "/measure/mask_sigma"},
        {.is_mri = true,
         .mri = {.n_draws = TASK_MRI_MAX_DRAWS + 1},
         .status = STATUS_INVALID,
         .where = "/measure/n_draws"},
        {.is_mri = true,
         .mri = {.mask_sigma = 1e9, .n_draws = 3},
         .status = STATUS_INVALID,
         .where = "/measure/n_draws"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct data data =
            cases[i].channels ? ball(6, 6, 6, cases[i].channels) : grey_picture(8, 8);
        struct task *t = NULL;
        struct error err = {0};
        const enum status status = cases[i].is_mri ? task_mri_create(&t, &data, &cases[i].mri, &err)
                                                   : task_ct_create(&t, &data, &cases[i].ct, &err);
        assert_int_equal(status, cases[i].status);
        assert_string_equal(err.where, cases[i].where);
        assert_true(err.message[0] != '\0');
        assert_null(t);
        data_deinit(&data);
    }
}

/* --- measured data --- */

/* The projections of a picture of three times its values, as a file would bring them. */
static struct data measured_sinogram(const struct data *picture, size_t n_angles)
{
    struct data data = {.kind = DATA_SINOGRAM};
    const size_t side = picture->image.width;
    data.sinogram = (struct sinogram){.n_angles = n_angles, .width = side};
    data.sinogram.angles = mem_alloc_array(n_angles, sizeof(double));
    data.sinogram.values = mem_alloc_array(n_angles * side, sizeof(float));
    projection_spread_angles(n_angles, data.sinogram.angles);
    const struct projection p = {side, side, n_angles, PROJECTION_NEAREST, data.sinogram.angles};
    projection_forward(&p, 0, projection_n_items(&p), picture->image.values, data.sinogram.values);
    for (size_t i = 0; i < n_angles * side; i++)
        data.sinogram.values[i] *= 3.0f;
    return data;
}

static void measured_projections_are_those_of_the_picture(void **state)
{
    (void)state;
    struct data picture = grey_picture(32, 32), data = measured_sinogram(&picture, 30);
    struct task_ct_spec spec = ct_spec;
    spec.normalize = NORMALIZE_NONE;
    struct task *t = new_ct(&data, &spec);
    float *values = mem_alloc_floats(32UL * 32);
    assert_int_equal(t->n_samples, 32 * 32);
    assert_int_equal(t->n_evaluated, 0);
    for (size_t i = 0; i < 32UL * 32; i++)
        values[i] = 3.0f * picture.image.values[i];
    assert_true(loss_of(t, 1, values, NULL) < 1e-10);
    task_free(t);

    t = new_ct(&data, &ct_spec); /* divided by about the largest value, 2.4 */
    const double scale = ((const struct reconstruction *)t)->scale;
    assert_true(scale > 2.2 && scale < 3.2);
    for (size_t i = 0; i < 32UL * 32; i++)
        values[i] = (float)((double)values[i] / scale);
    assert_true(loss_of(t, 1, values, NULL) < 1e-10);
    task_free(t);
    mem_free(values);
    data_deinit(&data);
    data_deinit(&picture);
}

static struct data measured_kspace(const struct data *volume)
{
    const struct volume *v = &volume->volume;
    const size_t n = v->width * v->height * v->depth;
    struct data data = {.kind = DATA_KSPACE};
    struct fourier *f = NULL;
    struct team *team = NULL;
    data.kspace = (struct kspace){.width = v->width, .height = v->height, .depth = v->depth};
    data.kspace.samples = mem_alloc_floats(2 * n);
    data.kspace.mask = mem_alloc_array(n, 1);
    for (size_t i = 0; i < n; i++) {
        volume_read(v, i, 1, &data.kspace.samples[2 * i]);
        data.kspace.mask[i] = i % 3 != 1;
    }
    assert_int_equal(fourier_create(&f, v->width, v->height, v->depth, NULL), STATUS_OK);
    assert_int_equal(team_create(&team, 1, NULL), STATUS_OK);
    assert_int_equal(fourier_transform(f, FOURIER_FORWARD, team, data.kspace.samples, NULL),
                     STATUS_OK);
    for (size_t i = 0; i < n; i++)
        if (!data.kspace.mask[i]) /* what is not measured is of no account */
            data.kspace.samples[2 * i] = NAN;
    fourier_free(f);
    team_free(team);
    return data;
}

static void measured_frequencies_are_those_of_the_volume(void **state)
{
    (void)state;
    struct data volume = ball(10, 12, 9, 1), data = measured_kspace(&volume);
    struct task_mri_spec spec = mri_spec;
    spec.normalize = NORMALIZE_NONE;
    struct task *t = new_mri(&data, &spec);
    float *values = mem_alloc_floats(t->n_samples);
    assert_int_equal(t->n_samples, 10 * 12 * 9);
    assert_int_equal(t->n_inputs, 3);
    volume_read(&volume.volume, 0, t->n_samples, values);
    assert_true(loss_of(t, 1, values, NULL) < 1e-12);
    task_free(t);
    t = new_mri(&data, &mri_spec);
    const double scale = ((const struct reconstruction *)t)->scale;
    assert_true(scale > 0.5 && scale < 1.5); /* of 200 / 255, and what the mask makes of it */
    mem_free(values);
    task_free(t);
    data_deinit(&data);
    data_deinit(&volume);
}

/* --- fits --- */

/* Metrics of a field after some steps. */
static void fit(const struct task *t, uint64_t steps, struct task_metrics *quick,
                struct task_metrics *full)
{
    struct field_spec spec = {
        .encoding = {.type = ENCODING_GAUSSIAN,
                     .n_inputs = t->n_inputs,
                     .n_frequencies = 32,
                     .sigma = t->n_inputs == 3 ? 0.7 : 2.0},
        .network = {.n_outputs = 1,
                    .n_hidden_layers = 2,
                    .width = 32,
                    .activation = ACTIVATION_RELU,
                    .output_activation = ACTIVATION_SIGMOID},
        .domain = {.n_dims = t->n_inputs, .matrix = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}},
    };
    struct train_spec train = small_train_spec();
    const struct task_evaluation quickly = {.effort = EVALUATE_QUICK},
                                 fully = {.effort = EVALUATE_FULL};
    struct field *field = small_field(&spec, 1);
    struct team *team = NULL;
    struct trainer *trainer = NULL;
    assert_int_equal(team_create(&team, 2, NULL), STATUS_OK);
    assert_int_equal(trainer_create(&trainer, &train, field, t, team, NULL), STATUS_OK);
    for (uint64_t i = 0; i < steps; i++)
        trainer_step(trainer);
    assert_int_equal(t->class->evaluate(t, field, team, &quickly, quick, NULL), STATUS_OK);
    assert_int_equal(t->class->evaluate(t, field, team, &fully, full, NULL), STATUS_OK);
    const bool stop = true;
    const struct task_evaluation stopped = {.effort = EVALUATE_FULL, .stop = &stop};
    struct task_metrics none = {0};
    assert_int_equal(t->class->evaluate(t, field, team, &stopped, &none, NULL), STATUS_CANCELED);
    trainer_free(trainer);
    team_free(team);
    field_free(field);
}

static double metric(const struct task_metrics *m, const char *key)
{
    const double *found = task_metrics_find(m, key);
    assert_non_null(found);
    return *found;
}

static void a_picture_comes_back_from_its_projections(void **state)
{
    (void)state;
    struct data data = grey_picture(48, 48);
    struct task *t = new_ct(&data, &ct_spec);
    struct task_metrics quick = {0}, full = {0};
    fit(t, 150, &quick, &full);
    assert_true(metric(&full, "psnr") > metric(&full, "baseline_psnr") + 2.0);
    assert_true(metric(&full, "baseline_psnr") > 10.0);
    assert_true(metric(&full, "residual") < 0.1);
    assert_true(metric(&full, "baseline_residual") > metric(&full, "residual"));
    assert_true(metric(&full, "ssim") > 0.3);
    assert_true(fabs(metric(&full, "scale") - 0.8) < 1e-6);
    /* all samples are fewer than a quick look takes */
    assert_true(fabs(metric(&quick, "psnr") - metric(&full, "psnr")) < 1e-9);
    assert_int_equal(quick.n, 1);
    task_free(t);
    data_deinit(&data);
}

static void a_volume_comes_back_from_some_frequencies(void **state)
{
    (void)state;
    struct data data = ball(16, 16, 16, 1);
    struct task_mri_spec spec = mri_spec;
    spec.mask_sigma = 3;
    spec.n_draws = 1500;
    struct task *t = new_mri(&data, &spec);
    struct task_metrics quick = {0}, full = {0};
    fit(t, 150, &quick, &full);
    assert_true(metric(&full, "psnr") > 25.0);
    assert_true(metric(&full, "baseline_psnr") > 25.0);
    assert_true(metric(&full, "residual") < 0.2);
    assert_null(task_metrics_find(&full, "ssim"));
    assert_true(fabs(metric(&quick, "psnr") - metric(&full, "psnr")) < 1e-9);
    task_free(t);
    data_deinit(&data);
}

static void a_fit_of_measured_data_has_residuals_and_no_psnr(void **state)
{
    (void)state;
    struct data picture = grey_picture(32, 32), data = measured_sinogram(&picture, 20);
    struct task *t = new_ct(&data, &ct_spec);
    struct task_metrics quick = {0}, full = {0};
    fit(t, 150, &quick, &full);
    assert_int_equal(quick.n, 0);
    assert_null(task_metrics_find(&full, "psnr"));
    assert_null(task_metrics_find(&full, "baseline_psnr"));
    assert_true(metric(&full, "residual") < 0.1);
    assert_true(metric(&full, "baseline_residual") < 0.5);
    task_free(t);
    data_deinit(&data);
    data_deinit(&picture);
}

static enum status create_ct(void *context, struct error *err)
{
    struct task *t = NULL;
    enum status status = task_ct_create(&t, context, &ct_spec, err);
    if (status == STATUS_OK)
        task_free(t);
    return status;
}

static enum status create_mri(void *context, struct error *err)
{
    struct task *t = NULL;
    enum status status = task_mri_create(&t, context, &mri_spec, err);
    if (status == STATUS_OK)
        task_free(t);
    return status;
}

static void creation_survives_each_failed_allocation(void **state)
{
    (void)state;
    struct data picture = grey_picture(14, 14), sinogram = measured_sinogram(&picture, 3);
    struct data volume = ball(4, 7, 5, 1), kspace = measured_kspace(&volume);
    assert_true(alloc_fail_each(create_ct, &picture) >= 4);
    assert_true(alloc_fail_each(create_ct, &sinogram) >= 5);
    assert_true(alloc_fail_each(create_mri, &volume) >= 8);
    assert_true(alloc_fail_each(create_mri, &kspace) >= 8);
    data_deinit(&picture);
    data_deinit(&sinogram);
    data_deinit(&volume);
    data_deinit(&kspace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lattice_itself_has_no_loss),
        cmocka_unit_test(gradients_are_those_of_differences),
        cmocka_unit_test(one_thread_and_two_measure_the_same_bytes),
        cmocka_unit_test(the_gradient_of_mri_is_a_projection),
        cmocka_unit_test(points_are_those_of_queries_for_centres),
        cmocka_unit_test(max_divides_by_the_largest_value),
        cmocka_unit_test(colours_are_seen_as_grey),
        cmocka_unit_test(what_is_not_for_them_is_refused),
        cmocka_unit_test(measured_projections_are_those_of_the_picture),
        cmocka_unit_test(measured_frequencies_are_those_of_the_volume),
        cmocka_unit_test(a_picture_comes_back_from_its_projections),
        cmocka_unit_test(a_volume_comes_back_from_some_frequencies),
        cmocka_unit_test(a_fit_of_measured_data_has_residuals_and_no_psnr),
        cmocka_unit_test(creation_survives_each_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
