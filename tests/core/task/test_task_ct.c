/* The task of projections alone; what it has in common with others: test_reconstruction.c. */
#include "core/task/task_ct.h"

#include <math.h>

#include "core/base/mem.h"
#include "core/nn/kernel.h"
#include "tests/support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Once it is told to stop it neither projects nor goes back, and its loss is a number. */
static void ct_stops_in_the_middle_of_a_step(void **state)
{
    (void)state;
    enum { WIDTH = 40, HEIGHT = 30 };
    const struct task_ct_spec spec = {.n_angles = 7};
    struct data data = {.kind = DATA_IMAGE};
    struct task *t = NULL;
    assert_int_equal(image_create(&data.image, SAMPLE_U8, WIDTH, HEIGHT, 1, NULL), STATUS_OK);
    data.image.u8[5 * WIDTH + 7] = 255;
    assert_int_equal(task_ct_create(&t, &data, &spec, NULL), STATUS_OK);
    const bool stop = true;
    const size_t n = t->n_samples;
    float *values = random_floats(n, 3), *d_values = mem_alloc_floats(n);
    float *scratch = mem_alloc_floats(t->class->n_scratch(t, 2));
    double loss[2] = {NAN, NAN};
    const struct task_measurement m = {.n_members = 1,
                                       .n_parts = 2,
                                       .stop = &stop,
                                       .values = values,
                                       .d_values = d_values,
                                       .scratch = scratch,
                                       .loss = loss};
    t->class->measure(t, &m);
    assert_true(isfinite(loss[0] + loss[1]));
    for (size_t i = 0; i < n; i++)
        assert_true(d_values[i] == 0.0f);
    mem_free(values);
    mem_free(d_values);
    mem_free(scratch);
    task_free(t);
    data_deinit(&data);
}

/* No part of nothing: a field of one half is not without a residual. */
static void nothing_measured_has_no_residual(void **state)
{
    (void)state;
    const struct task_ct_spec spec = {.n_angles = 3, .normalize = NORMALIZE_NONE};
    struct data data = {.kind = DATA_IMAGE};
    struct task *t = NULL;
    struct field *f = NULL;
    struct team *team = NULL;
    assert_int_equal(image_create(&data.image, SAMPLE_U8, 8, 8, 1, NULL), STATUS_OK);
    assert_int_equal(task_ct_create(&t, &data, &spec, NULL), STATUS_OK);
    const struct field_spec field = {.encoding = {.type = ENCODING_BASIC, .n_inputs = 2},
                                     .network = {.n_outputs = 1,
                                                 .n_hidden_layers = 1,
                                                 .width = 8,
                                                 .activation = ACTIVATION_RELU,
                                                 .output_activation = ACTIVATION_SIGMOID},
                                     .domain = domain_of_image(8, 8)};
    assert_int_equal(field_create(&f, &field, kernel_find(NULL), NULL), STATUS_OK);
    assert_int_equal(team_create(&team, 1, NULL), STATUS_OK);
    struct task_metrics metrics = {0};
    const struct task_evaluation how = {.effort = EVALUATE_FULL};
    assert_int_equal(t->class->evaluate(t, f, team, &how, &metrics, NULL), STATUS_OK);
    assert_true(fabs(*task_metrics_find(&metrics, "psnr") - 20.0 * log10(2.0)) < 1e-6);
    assert_null(task_metrics_find(&metrics, "residual"));
    assert_null(task_metrics_find(&metrics, "baseline_residual"));
    team_free(team);
    field_free(f);
    task_free(t);
    data_deinit(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ct_stops_in_the_middle_of_a_step),
        cmocka_unit_test(nothing_measured_has_no_residual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
