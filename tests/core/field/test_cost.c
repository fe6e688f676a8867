#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "core/field/cost.h"
#include "core/nn/kernel.h"
#include "tests/support/small_fit.h"
#include "tests/support/some_costs.h"

static struct field_spec gaussian(size_t n_frequencies, size_t n_hidden_layers, size_t width)
{
    return (struct field_spec){.encoding = {.type = ENCODING_GAUSSIAN,
                                            .n_inputs = 2,
                                            .n_frequencies = n_frequencies,
                                            .sigma = 10},
                               .network = {.n_outputs = 3,
                                           .n_hidden_layers = n_hidden_layers,
                                           .width = width,
                                           .activation = ACTIVATION_RELU,
                                           .output_activation = ACTIVATION_SIGMOID},
                               .domain = domain_of_image(64, 64)};
}

static struct field_spec hashgrid(size_t n_levels, size_t log2_hashmap_size, double finest)
{
    struct field_spec spec = gaussian(1, 1, 16);
    spec.encoding = (struct encoding_spec){.type = ENCODING_HASHGRID,
                                           .n_inputs = 2,
                                           .n_levels = n_levels,
                                           .n_features_per_level = 2,
                                           .log2_hashmap_size = log2_hashmap_size,
                                           .base_resolution = 16,
                                           .finest_resolution = finest};
    return spec;
}

static struct train_spec training(size_t batch_size)
{
    return (struct train_spec){.batch_size = batch_size,
                               .precision = PRECISION_FP32,
                               .optimizer = {OPTIMIZER_ADAM, 0.9, 0.99, 1e-8}};
}

static void assert_near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-9 * fabs(b)))
        fail_msg("%.12g is not %.12g", a, b);
}

/* Costs in which all but some points of one thread are free. */
static struct costs only_points(void)
{
    struct costs c = some_costs(1);
    c.update = c.average = 0;
    for (size_t p = 0; p < COST_N_PASSES; p++)
        c.network[p].derive = 0;
    for (size_t i = 0; i < COST_TABLES; i++)
        c.tables[i].line[0] = c.tables[i].line[1] = 0;
    return c;
}

static void points_take_what_their_parts_take(void **state)
{
    (void)state;
    const struct costs c = only_points();
    const struct train_spec train = training(1000);
    /* 16 frequencies are the 32 features that were measured: draw, sines, ends, two hidden layers
     */
    struct field_spec spec = gaussian(16, 3, 16);
    const double point = 20 + 16 + 10 + 2 * 4;
    assert_near(cost_step(&c, &spec, &train), 1000 * point * 1e-9);
    /* each further feature */
    spec = gaussian(26, 3, 16);
    assert_near(cost_step(&c, &spec, &train), 1000 * (point + 10 + 20) * 1e-9);
    /* between two widths that were measured, and beyond the widest */
    spec = gaussian(16, 2, 48);
    assert_near(cost_step(&c, &spec, &train), 1000 * (20 + 16 + 30 + 36) * 1e-9);
    spec = gaussian(16, 2, 512);
    assert_near(cost_step(&c, &spec, &train), 1000 * (20.0 + 16 + 320 + 4096) * 1e-9);
    /* other activations: of each number of each hidden layer */
    spec = gaussian(16, 3, 16);
    spec.network.activation = ACTIVATION_TANH;
    assert_near(cost_step(&c, &spec, &train), 1000 * (point + 3 * 16) * 1e-9);
    spec.network.activation = ACTIVATION_SIN;
    spec.network.omega = 30;
    assert_near(cost_step(&c, &spec, &train), 1000 * (point + 2 * 3 * 16) * 1e-9);
    /* trained frequencies */
    spec = gaussian(16, 3, 16);
    spec.encoding.trainable = true;
    assert_near(cost_step(&c, &spec, &train), 1000 * (point + 3 * 16) * 1e-9);
}

static void bf16_is_what_was_measured_of_it(void **state)
{
    (void)state;
    const struct costs c = only_points();
    const struct field_spec spec = gaussian(16, 3, 16);
    struct train_spec train = training(1000);
    train.precision = PRECISION_BF16;
    assert_near(cost_step(&c, &spec, &train), 1000 * (20 + 16 + 18.0 / 4) * 1e-9);
}

static void points_of_grids_take_what_their_levels_take(void **state)
{
    (void)state;
    struct costs c = only_points();
    for (size_t i = 0; i < COST_TABLES; i++)
        c.tables[i] = (struct cost_tables){c.tables[i].n, 3e-9, 1e-9, 5e-9, {0}, {0}};
    const struct train_spec train = training(1000);
    struct field_spec spec = hashgrid(16, 10, 512);
    assert_near(cost_step(&c, &spec, &train), 1000 * (20 + 10 + 16 * (3 + 1 + 5)) * 1e-9);
    /* four levels are looked up as sixteen */
    spec = hashgrid(4, 10, 512);
    assert_near(cost_step(&c, &spec, &train), 1000 * (20 + 10 + 4 * (3 + 1 + 5) + 12) * 1e-9);
    /* more features of a level */
    spec = hashgrid(16, 10, 512);
    spec.encoding.n_features_per_level = 4;
    const double levels = 16 * (3 + 1 + 5 + 2 * (1 + 1 + 2)), more_inputs = 32 * 1.5;
    assert_near(cost_step(&c, &spec, &train), 1000 * (20 + 10 + levels + more_inputs) * 1e-9);
}

static void lines_are_updated_once_however_many_points_touch_them(void **state)
{
    (void)state;
    struct costs c = {.n_threads = 1};
    for (size_t i = 0; i < COST_TABLES; i++)
        c.tables[i] = (struct cost_tables){
            .n = some_costs(1).tables[i].n, .density = {0.05, 0.5}, .line = {20e-9, 20e-9}};
    const struct field_spec spec = hashgrid(1, 10, 16);
    /* one level: its vertices, 17 x 17 of 2 numbers, in lines of 16 */
    const double n_lines = ceil(17.0 * 17.0 * 2.0 / GRID_LINE);
    struct train_spec train = training(1 << 20);
    assert_near(cost_step(&c, &spec, &train), n_lines * 20e-9);
    /* few points: two rows of a cell each, which sometimes cross a line */
    train = training(1);
    const double few = cost_step(&c, &spec, &train);
    assert_true(few > 2 * 20e-9 && few < 2.25 * 20e-9);
    /* without update of a line there is none for the optimizer either */
    c.tables[0].line[0] = c.tables[0].line[1] = 0;
    assert_true(cost_step(&c, &spec, &train) == 0);
}

static void lines_that_few_points_touch_cost_more(void **state)
{
    (void)state;
    struct costs c = {.n_threads = 1};
    for (size_t i = 0; i < COST_TABLES; i++)
        c.tables[i] = (struct cost_tables){
            .n = some_costs(1).tables[i].n, .density = {0.01, 1}, .line = {40e-9, 20e-9}};
    /* one level of 1025 x 1025 vertices: all its lines, a few, and a share between */
    struct field_spec spec = hashgrid(1, 22, 1024);
    spec.encoding.base_resolution = 1024;
    const double n_lines = ceil(1025.0 * 1025.0 * 2.0 / GRID_LINE);
    struct train_spec train = training(1 << 24);
    assert_near(cost_step(&c, &spec, &train), n_lines * 20e-9);
    train = training(1);
    assert_near(cost_step(&c, &spec, &train), n_lines * -expm1(-2.25 / n_lines) * 40e-9);
    train = training(16384);
    const double share = -expm1(-16384 * 2.25 / n_lines);
    assert_true(share > 0.1 && share < 0.5);
    assert_near(cost_step(&c, &spec, &train),
                n_lines * share * 40e-9 * pow(0.5, log(share / 0.01) / log(100)));
}

static void larger_tables_cost_more(void **state)
{
    (void)state;
    const struct costs c = some_costs(2);
    const struct train_spec train = training(4096);
    double last = 0;
    for (size_t size = 8; size <= 22; size += 2) {
        const struct field_spec spec = hashgrid(16, size, 4096);
        const double seconds = cost_step(&c, &spec, &train);
        assert_true(seconds > last);
        last = seconds;
    }
}

static void threads_share_points_levels_and_updates(void **state)
{
    (void)state;
    struct costs one = some_costs(1), two = some_costs(2);
    two.meet = two.fetch = 0;
    struct train_spec train = training(1 << 16); /* too long for one thread alone to be tried */
    train.ema_decay = 0.9;
    struct field_spec spec = gaussian(64, 3, 64);
    assert_near(cost_step(&two, &spec, &train), cost_step(&one, &spec, &train) / 2);
    /* two equal levels are a thread's each; the third makes it twice as long */
    struct costs levels = {.n_threads = 2};
    for (size_t i = 0; i < COST_TABLES; i++)
        levels.tables[i] = (struct cost_tables){.n = one.tables[i].n, .scatter = 1e-6};
    spec = hashgrid(2, 4, 16);
    const double pair = cost_step(&levels, &spec, &train);
    spec = hashgrid(3, 4, 16);
    assert_near(cost_step(&levels, &spec, &train), 2 * pair);
}

static void a_short_step_goes_to_one_thread_where_meeting_takes_longer(void **state)
{
    (void)state;
    const struct costs one = some_costs(1);
    struct costs two = some_costs(2);
    const struct field_spec spec = gaussian(16, 1, 16);
    const struct train_spec train = training(256);
    two.meet = 1e-3;
    assert_near(cost_step(&two, &spec, &train), cost_step(&one, &spec, &train));
    two.meet = 1e-2; /* longer than what is tried: pace.h */
    assert_true(cost_step(&two, &spec, &train) > 1e-2);
}

static void averages_take_their_part(void **state)
{
    (void)state;
    struct costs c = {.n_threads = 1, .average = 16e-9};
    const struct field_spec spec = gaussian(16, 1, 16);
    struct field *f = small_field(&spec, 1);
    struct train_spec train = training(1);
    assert_true(cost_step(&c, &spec, &train) == 0);
    train.ema_decay = 0.9; /* every 16th step */
    assert_near(cost_step(&c, &spec, &train), (double)field_n_params(f) * 1e-9);
    field_free(f);
}

static void queries_take_a_pass_for_each_plane(void **state)
{
    (void)state;
    const struct costs c = some_costs(2);
    struct field_spec spec = gaussian(16, 3, 16);
    spec.network.activation = ACTIVATION_TANH;
    struct field *f = small_field(&spec, 1);
    const double network = (10 + 2 * 4 + 3 * 16) / 2.0;
    assert_near(cost_point(&c, f, FIELD_VALUES), (network + 16) * 1e-9);
    assert_near(cost_point(&c, f, FIELD_GRADIENTS), 3 * (network + 2 * 16) * 1e-9);
    assert_near(cost_point(&c, f, FIELD_LAPLACIANS), 4 * (network + 2 * 16) * 1e-9);
    field_free(f);

    spec = hashgrid(16, 8, 512); /* smaller than any that was measured */
    f = small_field(&spec, 1);
    assert_near(cost_point(&c, f, FIELD_VALUES), (5 + 16 * 2) * 1e-9);
    assert_near(cost_point(&c, f, FIELD_GRADIENTS), (3 * (5 + 16 * 6) + 16 * 2) * 1e-9);
    field_free(f);
}

static void a_spec_that_no_field_has_costs_nothing(void **state)
{
    (void)state;
    const struct costs c = some_costs(2);
    const struct train_spec train = training(100);
    struct field_spec spec = gaussian(0, 1, 16);
    assert_true(cost_step(&c, &spec, &train) == 0);
    spec = gaussian(16, 1, 0);
    assert_true(cost_step(&c, &spec, &train) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_take_what_their_parts_take),
        cmocka_unit_test(bf16_is_what_was_measured_of_it),
        cmocka_unit_test(points_of_grids_take_what_their_levels_take),
        cmocka_unit_test(lines_are_updated_once_however_many_points_touch_them),
        cmocka_unit_test(lines_that_few_points_touch_cost_more),
        cmocka_unit_test(larger_tables_cost_more),
        cmocka_unit_test(threads_share_points_levels_and_updates),
        cmocka_unit_test(a_short_step_goes_to_one_thread_where_meeting_takes_longer),
        cmocka_unit_test(averages_take_their_part),
        cmocka_unit_test(queries_take_a_pass_for_each_plane),
        cmocka_unit_test(a_spec_that_no_field_has_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
