#include "core/task/task_shape.h"

#include <math.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/field/trainer.h"
#include "core/nn/kernel.h"
#include "core/scene/solid.h"
#include "tests/support/alloc.h"
#include "tests/support/small_fit.h"
#include "tests/support/small_mesh.h"

static const float centre[3] = {10.0f, 20.0f, 30.0f};
static const double pi = 3.14159265358979323846;

static struct task_shape_spec spec_of(enum shape_target target)
{
    return (struct task_shape_spec){
        .target = target,
        .near_surface = 0.5,
        .near_sigma = 0.01,
        .pool = 4096,
        .loss = target == SHAPE_SDF ? LOSS_MAPE : LOSS_BCE,
        .output_activation = target == SHAPE_SDF ? ACTIVATION_LINEAR : ACTIVATION_SIGMOID,
        .seed = 5,
    };
}

static struct team *team_of(size_t n_members)
{
    struct team *team = NULL;
    assert_int_equal(team_create(&team, n_members, NULL), STATUS_OK);
    return team;
}

static struct task *task_of(const struct mesh *m, const struct task_shape_spec *spec,
                            size_t n_members)
{
    struct task *t = NULL;
    struct team *team = team_of(n_members);
    const struct task_shape_making making = {.team = team};
    assert_int_equal(task_shape_create(&t, m, spec, &making, NULL), STATUS_OK);
    assert_int_equal(t->n_inputs, 3);
    assert_int_equal(t->n_outputs, 1);
    assert_int_equal(t->group_size, 1);
    team_free(team);
    return t;
}

enum { BATCH = 2048 };

struct batch {
    float coords[3 * BATCH], targets[BATCH];
};

/* A whole batch, in tiles of n. */
static void draw_batch(const struct task *t, uint64_t step, size_t n, struct batch *out)
{
    for (size_t first = 0; first < BATCH; first += n) {
        struct task_tile tile = {.step = step,
                                 .batch_size = BATCH,
                                 .first = first,
                                 .n = BATCH - first < n ? BATCH - first : n,
                                 .coords = out->coords + 3 * first,
                                 .targets = out->targets + first};
        t->class->draw(t, &tile);
    }
}

static double distance_from_middle(const float p[3])
{
    double square = 0.0;
    for (int a = 0; a < 3; a++)
        square += pow((double)p[a] - 0.5, 2);
    return sqrt(square) - 0.5;
}

/* Of a sphere, with and without a pool, softness, and for both targets. */
static void targets_are_those_of_the_sphere(void **state)
{
    (void)state;
    static struct batch batch;
    struct mesh m = small_sphere(centre, 3.0f, 5);
    for (int kind = 0; kind < 6; kind++) {
        struct task_shape_spec spec = spec_of(kind % 3 == 2 ? SHAPE_SDF : SHAPE_OCCUPANCY);
        spec.softness = kind % 3 == 1 ? 0.02 : 0.0;
        spec.pool = kind < 3 ? 4096 : 0;
        struct task *t = task_of(&m, &spec, 2);
        size_t n_near = 0, n_inside = 0;
        draw_batch(t, 3, MLP_TILE, &batch);
        for (size_t i = 0; i < BATCH; i++) {
            const double d = distance_from_middle(batch.coords + 3 * i);
            const double target = (double)batch.targets[i];
            n_near += fabs(d) < 0.03;
            n_inside += d < 0.0;
            if (spec.target == SHAPE_SDF)
                assert_true(fabs(target - d) < 6e-4); /* facets are inside of the sphere */
            else if (spec.softness > 0.0)
                assert_true(fabs(target - 1.0 / (1.0 + exp(d / 0.02))) < 0.01);
            else if (fabs(d) > 6e-4)
                assert_true(target == (d < 0.0 ? 1.0 : 0.0));
        }
        /* half of them within three deviations of the surface, of the others a tenth: 4 pi r^2 0.06
         * of the box is in that shell */
        const double near = 0.5 + 0.5 * pi * 0.06;
        assert_true(fabs((double)n_near / BATCH - near) < 0.05);
        assert_true(n_inside > BATCH / 3 && n_inside < 2 * BATCH / 3);
        task_free(t);
    }
    mesh_deinit(&m);
}

static void points_are_where_they_are_asked_for(void **state)
{
    (void)state;
    static struct batch batch;
    struct mesh m = small_sphere(centre, 3.0f, 4);
    for (int near = 0; near < 2; near++) {
        struct task_shape_spec spec = spec_of(SHAPE_SDF);
        spec.near_surface = near;
        spec.near_sigma = 0.0;
        struct task *t = task_of(&m, &spec, 1);
        double sum = 0.0;
        draw_batch(t, 0, MLP_TILE, &batch);
        for (size_t i = 0; i < BATCH; i++) {
            sum += fabs((double)batch.targets[i]);
            if (near)
                assert_true(fabs((double)batch.targets[i]) < 1e-6);
        }
        assert_true(near || sum / BATCH > 0.05);
        task_free(t);
    }
    mesh_deinit(&m);
}

/* A mesh that is flat leaves most of its cube empty: half of the points are told so. */
static void points_are_drawn_beside_the_box_where_that_is_asked_for(void **state)
{
    (void)state;
    static struct batch batch;
    struct mesh m = small_sphere(centre, 3.0f, 4);
    for (size_t i = 0; i < m.n_vertices; i++)
        m.vertices[3 * i + 2] *= 0.1f;
    for (int everywhere = 0; everywhere < 2; everywhere++) {
        struct task_shape_spec spec = spec_of(SHAPE_OCCUPANCY);
        spec.near_surface = 0.0;
        spec.softness = 0.0;
        spec.everywhere = everywhere;
        struct task *t = task_of(&m, &spec, 1);
        size_t n_beside = 0;
        draw_batch(t, 0, MLP_TILE, &batch);
        for (size_t i = 0; i < BATCH; i++) {
            const bool is_beside = fabs((double)batch.coords[3 * i + 2] - 0.5) > 0.06;
            n_beside += is_beside;
            assert_true(!is_beside || batch.targets[i] == 0.0f);
        }
        assert_true(everywhere ? fabs((double)n_beside / BATCH - 0.88) < 0.05 : n_beside == 0);
        task_free(t);
    }
    mesh_deinit(&m);
}

/* Draws are a function of seed, step and index. */
static void a_batch_does_not_depend_on_how_it_is_cut(void **state)
{
    (void)state;
    static struct batch whole, cut;
    struct mesh m = small_sphere(centre, 1.0f, 2);
    for (int pool = 0; pool < 2; pool++) {
        struct task_shape_spec spec = spec_of(SHAPE_OCCUPANCY);
        spec.pool = pool ? 4096 : 0;
        struct task *t = task_of(&m, &spec, 1), *again = task_of(&m, &spec, 3);
        draw_batch(t, 7, MLP_TILE, &whole);
        draw_batch(again, 7, 13, &cut);
        assert_memory_equal(&whole, &cut, sizeof whole);
        draw_batch(t, 8, MLP_TILE, &cut);
        assert_memory_not_equal(&whole, &cut, sizeof whole);
        task_free(again);
        spec.seed = 6;
        again = task_of(&m, &spec, 1);
        draw_batch(again, 7, MLP_TILE, &cut);
        assert_memory_not_equal(&whole, &cut, sizeof whole);
        task_free(again);
        task_free(t);
    }
    mesh_deinit(&m);
}

/* Two batches of half a pool are all of it; neighbours in a batch are near each other. */
static void an_epoch_visits_the_pool_in_the_order_of_a_curve(void **state)
{
    (void)state;
    static struct batch batch[2];
    struct mesh m = small_sphere(centre, 1.0f, 2);
    struct task_shape_spec spec = spec_of(SHAPE_OCCUPANCY);
    spec.near_surface = 0.0;
    spec.pool = 2 * BATCH;
    struct task *t = task_of(&m, &spec, 1);
    assert_int_equal(t->n_samples, spec.pool);
    draw_batch(t, 0, MLP_TILE, &batch[0]);
    draw_batch(t, 1, MLP_TILE, &batch[1]);
    double between = 0.0;
    for (size_t i = 0; i < BATCH; i++) {
        for (size_t k = 0; k < BATCH; k++)
            assert_memory_not_equal(batch[0].coords + 3 * i, batch[1].coords + 3 * k,
                                    3 * sizeof(float));
        for (int a = 0; a < 3 && i > 0; a++)
            between += fabs((double)batch[0].coords[3 * i + (size_t)a] -
                            (double)batch[0].coords[3 * (i - 1) + (size_t)a]);
    }
    assert_true(between / BATCH < 0.3); /* 1 for points in any order */
    task_free(t);
    mesh_deinit(&m);
}

/* raw = w x + b, of the first coordinate. */
static struct field *plane_field(enum activation output, float w, float b)
{
    const struct field_spec spec = {
        .encoding = {.type = ENCODING_NONE, .n_inputs = 3, .input_range = {0.0, 1.0}},
        .network = {.n_outputs = 1,
                    .n_hidden_layers = 0,
                    .width = 16,
                    .activation = ACTIVATION_RELU,
                    .output_activation = output},
        .domain = {.n_dims = 3},
    };
    struct field *f = small_field(&spec, 1);
    const float weight[3] = {w, 0.0f, 0.0f};
    mlp_import_layer(field_mlp(f), field_params(f) + encoding_n_params(field_encoding(f)), 0,
                     weight, &b);
    return f;
}

static void evaluate(const struct task *t, const struct field *f, enum task_effort effort,
                     size_t n_members, struct task_metrics *out)
{
    struct team *team = team_of(n_members);
    const struct task_evaluation how = {.effort = effort};
    *out = (struct task_metrics){0};
    assert_int_equal(t->class->evaluate(t, f, team, &how, out, NULL), STATUS_OK);
    team_free(team);
}

static double metric(const struct task_metrics *m, const char *key)
{
    const double *value = task_metrics_find(m, key);
    assert_non_null(value);
    return *value;
}

/* A field that calls one half of the box inside, of which the sphere has half its volume. */
static void metrics_are_those_of_the_closed_form(void **state)
{
    (void)state;
    struct mesh m = small_sphere(centre, 3.0f, 5);
    const double sphere = pi / 6.0, box = pow(1.002, 3);
    const double uniform = 0.5 * sphere / (0.5 * box + 0.5 * sphere);
    for (int target = SHAPE_OCCUPANCY; target <= SHAPE_SDF; target++)
        for (int effort = EVALUATE_QUICK; effort <= EVALUATE_FULL; effort++) {
            struct task_shape_spec spec = spec_of((enum shape_target)target);
            struct task *t = task_of(&m, &spec, 1);
            struct field *f = target == SHAPE_SDF ? plane_field(ACTIVATION_LINEAR, 0.004f, -0.002f)
                                                  : plane_field(ACTIVATION_SIGMOID, -2.0f, 1.0f);
            struct task_metrics got, again;
            evaluate(t, f, (enum task_effort)effort, 1, &got);
            const double n = effort == EVALUATE_QUICK ? 16384 : 262144;
            assert_true(fabs(metric(&got, "iou_uniform") - uniform) < 4 / sqrt(n));
            /* of points at the surface half are inside, a few less as it is curved */
            assert_true(fabs(metric(&got, "iou_boundary") - 1.0 / 3.0) < 4 / sqrt(n) + 0.005);
            assert_int_equal(got.n, target == SHAPE_SDF ? 3 : 2);
            if (target == SHAPE_SDF) /* mean of |N(0, 0.01^2)|, hardly more */
                assert_true(fabs(metric(&got, "distance_error") - 0.01 * sqrt(2.0 / pi)) < 4e-4);
            evaluate(t, f, (enum task_effort)effort, 3, &again);
            for (size_t i = 0; i < got.n; i++)
                assert_true(got.metric[i].value == again.metric[i].value);
            field_free(f);
            task_free(t);
        }
    mesh_deinit(&m);
}

/* A small grid on a sphere, for both targets: the same bits whatever the team. */
static void a_small_field_learns_a_sphere(void **state)
{
    (void)state;
    struct mesh m = small_sphere(centre, 3.0f, 4);
    for (int target = SHAPE_OCCUPANCY; target <= SHAPE_SDF; target++) {
        double iou[2][2];
        for (size_t n_members = 1; n_members <= 2; n_members++) {
            struct task_shape_spec spec = spec_of((enum shape_target)target);
            spec.pool = 1 << 14;
            struct field_spec field = {
                .encoding = {.type = ENCODING_DENSEGRID,
                             .n_inputs = 3,
                             .n_levels = 3,
                             .n_features_per_level = 2,
                             .base_resolution = 4,
                             .finest_resolution = 16},
                .network = {.n_outputs = 1,
                            .n_hidden_layers = 1,
                            .width = 16,
                            .activation = ACTIVATION_RELU,
                            .output_activation = spec.output_activation},
                .domain = {.n_dims = 3},
            };
            struct train_spec train = small_train_spec();
            train.batch_size = 1024;
            train.steps = 200;
            struct team *team = team_of(n_members);
            struct task *t = task_of(&m, &spec, n_members);
            struct field *f = small_field(&field, 1);
            struct trainer *trainer = NULL;
            assert_int_equal(trainer_create(&trainer, &train, f, t, team, NULL), STATUS_OK);
            for (int i = 0; i < 200; i++)
                trainer_step(trainer);
            struct task_metrics got;
            evaluate(t, f, EVALUATE_QUICK, n_members, &got);
            iou[n_members - 1][0] = metric(&got, "iou_uniform");
            iou[n_members - 1][1] = metric(&got, "iou_boundary");
            assert_true(iou[n_members - 1][0] > 0.97);
            assert_true(iou[n_members - 1][1] > 0.8);
            trainer_free(trainer);
            field_free(f);
            task_free(t);
            team_free(team);
        }
        assert_memory_equal(iou[0], iou[1], sizeof iou[0]);
    }
    mesh_deinit(&m);
}

static void what_does_not_go_together_is_refused(void **state)
{
    (void)state;
    static const struct {
        enum shape_target target;
        enum loss loss;
        enum activation output;
        const char *where; /* "": accepted */
    } cases[] = {
        {SHAPE_OCCUPANCY, LOSS_BCE, ACTIVATION_SIGMOID, ""},
        {SHAPE_OCCUPANCY, LOSS_MSE, ACTIVATION_LINEAR, ""},
        {SHAPE_OCCUPANCY, LOSS_BCE, ACTIVATION_LINEAR, "/train/loss"},
        {SHAPE_SDF, LOSS_MSE, ACTIVATION_LINEAR, ""},
        {SHAPE_SDF, LOSS_BCE, ACTIVATION_LINEAR, "/train/loss"},
        {SHAPE_SDF, LOSS_MSE, ACTIVATION_SIGMOID, "/field/network/output_activation"},
        {SHAPE_SDF, LOSS_MAPE, ACTIVATION_RELU, "/field/network/output_activation"},
    };
    struct mesh m = small_sphere(centre, 1.0f, 1);
    struct team *team = team_of(1);
    const struct task_shape_making making = {.team = team};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct task_shape_spec spec = spec_of(cases[i].target);
        spec.loss = cases[i].loss;
        spec.output_activation = cases[i].output;
        spec.pool = 16;
        struct task *t = NULL;
        struct error err = {0};
        const bool is_fine = *cases[i].where == '\0';
        assert_int_equal(task_shape_create(&t, &m, &spec, &making, &err),
                         is_fine ? STATUS_OK : STATUS_INVALID);
        assert_string_equal(err.where, cases[i].where);
        task_free(t);
    }
    team_free(team);
    mesh_deinit(&m);
}

/* A flat sheet has no inside to learn, but a distance. */
static void a_mesh_that_encloses_nothing_is_refused_as_an_occupancy(void **state)
{
    (void)state;
    float vertices[] = {0, 0, 0, 1, 0, 0, 0, 1, 0};
    uint32_t triangles[] = {0, 1, 2};
    const struct mesh m = {
        .n_vertices = 3, .n_triangles = 1, .vertices = vertices, .triangles = triangles};
    struct team *team = team_of(1);
    const struct task_shape_making making = {.team = team};
    for (int target = SHAPE_OCCUPANCY; target <= SHAPE_SDF; target++) {
        const struct task_shape_spec spec = spec_of((enum shape_target)target);
        struct task *t = NULL;
        struct error err = {0};
        const enum status status = task_shape_create(&t, &m, &spec, &making, &err);
        assert_int_equal(status, target == SHAPE_SDF ? STATUS_OK : STATUS_INVALID);
        assert_true(target == SHAPE_SDF || strstr(err.message, "encloses nothing"));
        task_free(t);
    }
    team_free(team);
}

struct progress {
    double last;
    size_t n;
    volatile bool *stop;
};

static void on_progress(void *context, double done)
{
    struct progress *p = context;
    assert_true(done >= p->last && done <= 1.0);
    p->last = done;
    p->n++;
    if (p->stop)
        __atomic_store_n(p->stop, true, __ATOMIC_RELAXED); /* others read it meanwhile */
}

static void making_tells_its_progress_and_can_be_stopped(void **state)
{
    (void)state;
    struct mesh m = small_sphere(centre, 1.0f, 2);
    struct team *team = team_of(2);
    volatile bool stop = false;
    for (int stops = 0; stops < 2; stops++) {
        struct progress progress = {.stop = stops ? &stop : NULL};
        const struct task_shape_making making = {
            .team = team, .stop = &stop, .progress = on_progress, .context = &progress};
        const struct task_shape_spec spec = spec_of(SHAPE_OCCUPANCY);
        struct task *t = NULL;
        struct error err = {0};
        assert_int_equal(task_shape_create(&t, &m, &spec, &making, &err),
                         stops ? STATUS_CANCELED : STATUS_OK);
        assert_true(progress.n > 0);
        task_free(t);
    }
    team_free(team);
    mesh_deinit(&m);
}

static enum status create_and_evaluate(void *context, struct error *err)
{
    const struct mesh *m = context;
    struct team *team = NULL;
    struct task *t = NULL;
    struct field *f = NULL;
    struct task_shape_spec spec = spec_of(SHAPE_OCCUPANCY);
    const struct field_spec field = {
        .encoding = {.type = ENCODING_NONE, .n_inputs = 3, .input_range = {0.0, 1.0}},
        .network = {.n_outputs = 1,
                    .width = 16,
                    .activation = ACTIVATION_RELU,
                    .output_activation = ACTIVATION_SIGMOID},
        .domain = {.n_dims = 3},
    };
    spec.pool = 64;
    enum status status = team_create(&team, 1, err);
    const struct task_shape_making making = {.team = team};
    if (status == STATUS_OK)
        status = task_shape_create(&t, m, &spec, &making, err);
    if (status == STATUS_OK)
        status = field_create(&f, &field, kernel_find(NULL), err);
    const struct task_evaluation how = {.effort = EVALUATE_QUICK};
    struct task_metrics metrics = {0};
    if (status == STATUS_OK)
        status = t->class->evaluate(t, f, team, &how, &metrics, err);
    field_free(f);
    task_free(t);
    team_free(team);
    return status;
}

static void making_survives_every_failed_allocation(void **state)
{
    (void)state;
    struct mesh m = small_sphere(centre, 1.0f, 1);
    assert_true(alloc_fail_each(create_and_evaluate, &m) >= 25);
    mesh_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_those_of_the_sphere),
        cmocka_unit_test(points_are_where_they_are_asked_for),
        cmocka_unit_test(points_are_drawn_beside_the_box_where_that_is_asked_for),
        cmocka_unit_test(a_batch_does_not_depend_on_how_it_is_cut),
        cmocka_unit_test(an_epoch_visits_the_pool_in_the_order_of_a_curve),
        cmocka_unit_test(metrics_are_those_of_the_closed_form),
        cmocka_unit_test(a_small_field_learns_a_sphere),
        cmocka_unit_test(what_does_not_go_together_is_refused),
        cmocka_unit_test(a_mesh_that_encloses_nothing_is_refused_as_an_occupancy),
        cmocka_unit_test(making_tells_its_progress_and_can_be_stopped),
        cmocka_unit_test(making_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
