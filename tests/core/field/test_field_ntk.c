/* The empirical kernel against gradients by differences, number by number, and that of a wide
 * network against the closed form. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/field/field_ntk.h"
#include "core/field/ntk.h"
#include "tests/support/alloc.h"
#include "tests/support/small_encoding.h"
#include "tests/support/small_fit.h"

enum { N = 5, MAX_C = 3 };

static void scatter(size_t n, size_t n_dims, float *unit)
{
    struct rng rng = rng_at(7, RNG_SAMPLE, 0);
    for (size_t i = 0; i < n * n_dims; i++)
        unit[i] = (float)rng_uniform(&rng);
}

/* --- by differences --- */

/* d v_c(x_i) / d theta of one number of the block, all points and outputs. */
static void difference(struct field *f, struct field_workspace *w, const float *unit, size_t theta,
                       double out[N * MAX_C])
{
    const float h = 0.01f;
    float *number = field_params(f) + theta, kept = *number;
    float above[N * MAX_C], below[N * MAX_C];
    *number = kept + h;
    const float high = *number;
    field_query(f, w, N, unit, above);
    *number = kept - h;
    const float low = *number;
    field_query(f, w, N, unit, below);
    *number = kept;
    for (size_t i = 0; i < N * field_n_outputs(f); i++)
        out[i] = ((double)above[i] - (double)below[i]) / ((double)high - (double)low);
}

static void kernel_by_differences(struct field *f, const float *unit, size_t first_output,
                                  size_t n_outputs, double *out)
{
    struct field_workspace *w = NULL;
    size_t first, count;
    const size_t n_table = encoding_n_table(field_encoding(f)), n_all = field_n_outputs(f);
    assert_int_equal(field_workspace_create(&w, f, FIELD_VALUES, NULL), STATUS_OK);
    field_trainable_range(f, &first, &count);
    memset(out, 0, N * N * sizeof *out);
    for (size_t k = 0; k < n_table + count; k++) {
        double d[N * MAX_C];
        difference(f, w, unit, k < n_table ? k : first + k - n_table, d);
        for (size_t c = first_output; c < first_output + n_outputs; c++)
            for (size_t i = 0; i < N; i++)
                for (size_t j = 0; j < N; j++)
                    out[i * N + j] += d[i * n_all + c] * d[j * n_all + c];
    }
    field_workspace_free(w);
}

static void check(const struct field_spec *spec, size_t first_output, size_t n_outputs)
{
    struct field *f = small_field(spec, 3);
    float unit[N * 3];
    double got[N * N], want[N * N];
    small_encoding_enlarge_tables(field_encoding(f), field_params(f));
    scatter(N, field_n_inputs(f), unit);
    assert_int_equal(field_ntk(f, N, unit, first_output, n_outputs, got, NULL, NULL), STATUS_OK);
    kernel_by_differences(f, unit, first_output, n_outputs, want);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++) {
            const double size = sqrt(want[i * N + i] * want[j * N + j]);
            assert_true(size > 0);
            if (!(fabs(got[i * N + j] - want[i * N + j]) <= 3e-3 * size))
                fail_msg("%s, %zu and %zu: %g, by differences %g",
                         encoding_type_name(spec->encoding.type), i, j, got[i * N + j],
                         want[i * N + j]);
        }
    field_free(f);
}

static struct field_spec spec_of(enum encoding_type type, size_t n_inputs)
{
    struct field_spec spec = {.encoding = small_encoding(type, n_inputs),
                              .network = {.n_outputs = MAX_C,
                                          .n_hidden_layers = 2,
                                          .width = 9,
                                          .activation = ACTIVATION_TANH,
                                          .output_activation = ACTIVATION_SIGMOID}};
    spec.domain.n_dims = n_inputs;
    return spec;
}

static void it_is_the_product_of_gradients(void **state)
{
    (void)state;
    for (size_t type = 0; type < encoding_n_types(); type++)
        for (size_t n_inputs = 1; n_inputs <= 3; n_inputs++) {
            struct field_spec spec = spec_of((enum encoding_type)type, n_inputs);
            check(&spec, 0, MAX_C);
            spec.encoding.trainable = true;
            spec.network.activation = ACTIVATION_SIN;
            spec.network.omega = 2;
            spec.network.output_activation = ACTIVATION_LINEAR;
            check(&spec, 1, 1);
        }
    struct field_spec affine = spec_of(ENCODING_NONE, 2);
    affine.network.n_hidden_layers = 0;
    check(&affine, 0, MAX_C);
}

/* --- wide networks --- */

static void a_wide_network_has_the_kernel_in_closed_form(void **state)
{
    (void)state;
    enum { SEEDS = 4, WIDTH = 1024 };
    static const double b[] = {1, 2, 3}, a[] = {1, 0.5, 0.3};
    const struct field_spec spec = {
        .encoding = {.type = ENCODING_EXPLICIT,
                     .n_inputs = 1,
                     .n_frequencies = 3,
                     .normalize = true,
                     .b = b,
                     .a = a},
        .network = {.n_outputs = 1,
                    .n_hidden_layers = 2,
                    .width = WIDTH,
                    .activation = ACTIVATION_RELU,
                    .output_activation = ACTIVATION_LINEAR,
                    .init = MLP_INIT_FAN_IN},
        .domain = {.n_dims = 1},
    };
    const struct ntk_network network = {
        .n_hidden_layers = 2, .width = WIDTH, .sigma_w = 1, .has_bias = true};
    float unit[N];
    double x[N], one[N * N], mean[N * N] = {0}, want[N * N];
    scatter(N, 1, unit);
    for (size_t i = 0; i < N; i++)
        x[i] = (double)unit[i];
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct field *f = small_field(&spec, seed);
        assert_int_equal(field_ntk(f, N, unit, 0, 1, one, NULL, NULL), STATUS_OK);
        assert_true(field_ntk_bytes(f, N) > 8.0 * WIDTH * WIDTH); /* the hidden layer's weights */
        for (size_t i = 0; i < N * N; i++)
            mean[i] += one[i] / SEEDS;
        if (seed == 0)
            assert_int_equal(ntk_between(&network, field_encoding(f), field_params(f), N, x, N, x,
                                         want, NULL, NULL),
                             STATUS_OK);
        field_free(f);
    }
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            assert_true(fabs(mean[i * N + j] - want[i * N + j]) <
                        0.1 * sqrt(want[i * N + i] * want[j * N + j]));
}

/* --- memory --- */

static enum status attempt(void *context, struct error *err)
{
    const struct field *f = context;
    const float unit[2 * 2] = {0.1f, 0.2f, 0.7f, 0.4f};
    double out[4];
    return field_ntk(f, 2, unit, 0, 1, out, NULL, err);
}

static void memory_that_is_refused_is_told(void **state)
{
    (void)state;
    const struct field_spec spec = spec_of(ENCODING_CONCAT, 2);
    struct field *f = small_field(&spec, 0);
    assert_true(alloc_fail_each(attempt, f) > 10);
    field_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_product_of_gradients),
        cmocka_unit_test(a_wide_network_has_the_kernel_in_closed_form),
        cmocka_unit_test(memory_that_is_refused_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
