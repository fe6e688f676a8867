/* The closed form against the numbers of the paper's own program, and against wide networks whose
 * gradients are multiplied. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/field/ntk.h"
#include "tests/support/alloc.h"

/* An encoding and its numbers. */
struct mapped {
    struct encoding *e;
    float *params;
};

static struct mapped mapped(const struct encoding_spec *spec, uint64_t seed)
{
    struct mapped m = {0};
    struct error err = {0};
    if (encoding_create(&m.e, spec, &err) != STATUS_OK)
        fail_msg("%s: %s", err.where, err.message);
    m.params = mem_alloc_floats(encoding_n_params(m.e) + 1);
    assert_non_null(m.params);
    encoding_init(m.e, spec, seed, m.params);
    return m;
}

static void unmap(struct mapped *m)
{
    mem_free(m->params);
    encoding_free(m->e);
}

static void assert_near(double got, double want, double relative)
{
    if (!(fabs(got - want) <= relative * fabs(want)))
        fail_msg("%.9g is not %.9g", got, want);
}

/* b = 1 … 16, a = j^-p, normalized; 4 layers of 1024; p infinite leaves the first alone. */
static struct mapped powers(double p)
{
    static double b[16], a[16];
    for (size_t j = 0; j < 16; j++) {
        b[j] = (double)(j + 1);
        a[j] = isinf(p) ? (j == 0 ? 1.0 : 0.0) : pow((double)(j + 1), -p);
    }
    return mapped(&(struct encoding_spec){.type = ENCODING_EXPLICIT,
                                          .n_inputs = 1,
                                          .n_frequencies = 16,
                                          .normalize = true,
                                          .b = b,
                                          .a = a},
                  0);
}

static const struct ntk_network wide = {.n_hidden_layers = 3,
                                        .width = 1024,
                                        .parametrization = NTK_STANDARD,
                                        .sigma_w = 1,
                                        .has_bias = true};

/* Figure 2 of the paper. */
static void test_rows_and_eigenvalues_of_the_papers_powers(void **state)
{
    (void)state;
    const size_t at[4] = {0, 1, 8, 16}, bins[5] = {0, 1, 5, 15, 16};
    const struct {
        double p, row[4], eigenvalues[5];
    } known[] = {
        {0, {14, 5.5186, 5.699, 5.699}, {187.782, 8.301, 8.301, 8.301, 11.187}},
        {1, {14, 10.768, 5.3424, 4.5647}, {201.604, 41.185, 6.7012, 2.1416, 2.1934}},
        {INFINITY, {14, 12.9869, 5.699, 4.1198}, {224.601, 65.223, 2.3205, .4415, .4387}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct mapped m = powers(known[i].p);
        double row[32], wrapped[32], spectrum[32];
        assert_int_equal(ntk_row(&wide, m.e, m.params, 1, 32, false, row, NULL), STATUS_OK);
        assert_int_equal(ntk_row(&wide, m.e, m.params, 1, 32, true, wrapped, NULL), STATUS_OK);
        assert_int_equal(ntk_spectrum(1, 32, wrapped, spectrum, NULL), STATUS_OK);
        for (size_t k = 0; k < 4; k++)
            assert_near(row[at[k]], known[i].row[k], 1e-4);
        for (size_t k = 0; k < 5; k++)
            assert_near(spectrum[bins[k]], known[i].eigenvalues[k], 2e-4);
        for (size_t k = 0; k < 32; k++)
            assert_near(wrapped[k], row[k], 1e-9);
        unmap(&m);
    }
}

/* Figure 7: |orthonormal transform| / K(0, 1/2) of 128 points, features padded to 12. */
static void test_deep_networks_of_figure_7(void **state)
{
    (void)state;
    const double one[6] = {1}, two[6] = {1, 0, 0, 0, 0, 43}, ones[6] = {1, 1, 1, 1, 1, 1};
    const double alone[6] = {1};
    const struct {
        const double *b, *a;
        size_t n_hidden, bins[4];
        double want[4];
    } known[] = {
        {two, ones, 4, {0, 1, 43, 64}, {16.661, 1.948, 2.006, .0049}},
        {two, ones, 16, {0, 1, 43, 64}, {13.949, 1.374, 1.456, .0213}},
        {one, alone, 4, {0, 1, 2, 2}, {21.217, 7.645, 3.587, 3.587}},
    };
    const double last_digit[3][4] = {
        {6e-4, 6e-4, 6e-4, 6e-5}, {6e-4, 6e-4, 6e-4, 6e-5}, {6e-4, 6e-4, 6e-4, 6e-4}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct ntk_network network = {.n_hidden_layers = known[i].n_hidden,
                                            .width = 1024,
                                            .parametrization = NTK_NTK,
                                            .sigma_w = 1,
                                            .has_bias = true};
        struct mapped m = mapped(&(struct encoding_spec){.type = ENCODING_EXPLICIT,
                                                         .n_inputs = 1,
                                                         .n_frequencies = 6,
                                                         .b = known[i].b,
                                                         .a = known[i].a},
                                 0);
        double row[128], spectrum[128];
        assert_int_equal(ntk_row(&network, m.e, m.params, 1, 128, true, row, NULL), STATUS_OK);
        assert_int_equal(ntk_spectrum(1, 128, row, spectrum, NULL), STATUS_OK);
        for (size_t k = 0; k < 4; k++) {
            const double got = fabs(spectrum[known[i].bins[k]]) / sqrt(128) / row[64];
            if (fabs(got - known[i].want[k]) > last_digit[i][k])
                fail_msg("%zu hidden, bin %zu: %.5f is not %.5f", known[i].n_hidden,
                         known[i].bins[k], got, known[i].want[k]);
        }
        unmap(&m);
    }
}

/* --- beside networks of a finite width --- */

enum { WIDTH = 1500, N_DRAWS = 6 };

/* Two points' activations and gradients with respect to them. */
struct pair {
    double of[2][WIDTH];
};

/* out = W in / scale + b of both points, W and b standard normals times the sigmas, `transposed`
 * the other way and without b.  The same (seed, layer) is the same W. */
static void apply(const struct ntk_network *network, uint64_t seed, size_t layer, size_t n_in,
                  size_t n_out, bool is_backward, const struct pair *in, struct pair *out)
{
    struct rng rng = rng_at(seed, RNG_ENCODING, layer);
    const double scale = network->sigma_w / sqrt((double)n_in);
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < n_out; i++) {
        const double b = network->sigma_b * rng_normal(&rng);
        for (size_t j = 0; j < n_in; j++) {
            const double w = scale * rng_normal(&rng);
            for (size_t k = 0; k < 2; k++)
                if (is_backward)
                    out->of[k][j] += w * in->of[k][i];
                else
                    out->of[k][i] += w * in->of[k][j];
        }
        for (size_t k = 0; k < 2 && !is_backward; k++)
            out->of[k][i] += network->has_bias ? b : 0;
    }
}

static double product(const struct pair *p, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += p->of[0][i] * p->of[1][i];
    return sum;
}

/* The product of the gradients of one network's output at two points.  A layer's weights get
 * (gradient after) (input before)^T, so that its part is a product of two products; with the NTK
 * parametrisation times sigma_w^2 / inputs, and sigma_b^2 for the bias. */
static double finite_kernel(const struct ntk_network *network, uint64_t seed, size_t n_features,
                            const struct pair *features)
{
    static struct pair before[3], after[2], d_after, d_before;
    before[0] = *features;
    for (size_t l = 0; l < 2; l++) {
        apply(network, seed, l, l == 0 ? n_features : WIDTH, WIDTH, false, &before[l], &after[l]);
        for (size_t k = 0; k < 2; k++)
            for (size_t i = 0; i < WIDTH; i++)
                before[l + 1].of[k][i] = fmax(after[l].of[k][i], 0);
    }
    memset(&d_after, 0, sizeof d_after);
    d_after.of[0][0] = d_after.of[1][0] = 1;
    double kernel = 0;
    for (size_t l = 3; l-- > 0;) {
        const size_t n_in = l == 0 ? n_features : WIDTH, n_out = l == 2 ? 1 : WIDTH;
        const bool is_standard = network->parametrization == NTK_STANDARD;
        const double w = is_standard ? 1 : network->sigma_w * network->sigma_w / (double)n_in;
        const double b = is_standard ? 1 : network->sigma_b * network->sigma_b;
        kernel += product(&d_after, n_out) *
                  (w * product(&before[l], n_in) + (network->has_bias ? b : 0));
        if (l == 0)
            break;
        apply(network, seed, l, n_in, n_out, true, &d_after, &d_before);
        for (size_t k = 0; k < 2; k++)
            for (size_t i = 0; i < WIDTH; i++)
                d_after.of[k][i] = after[l - 1].of[k][i] > 0 ? d_before.of[k][i] : 0;
    }
    return kernel;
}

/* Random pairs of features, both parametrisations, with and without bias. */
static void test_wide_networks_have_this_kernel(void **state)
{
    (void)state;
    enum { F = 12 };
    for (size_t c = 0; c < 4; c++) {
        const struct ntk_network network = {.n_hidden_layers = 2,
                                            .width = WIDTH,
                                            .parametrization = c & 1 ? NTK_NTK : NTK_STANDARD,
                                            .sigma_w = 1.3,
                                            .sigma_b = c & 2 ? 0.7 : 0,
                                            .has_bias = c & 2};
        static struct pair features;
        struct rng rng = rng_at(c, RNG_ENCODING, 77);
        for (size_t i = 0; i < F; i++) {
            features.of[0][i] = rng_normal(&rng);
            features.of[1][i] = 0.6 * features.of[0][i] + rng_normal(&rng);
        }
        double xx = 0, yy = 0, mean = 0;
        for (size_t i = 0; i < F; i++) {
            xx += features.of[0][i] * features.of[0][i];
            yy += features.of[1][i] * features.of[1][i];
        }
        for (uint64_t seed = 0; seed < N_DRAWS; seed++)
            mean += finite_kernel(&network, seed, F, &features) / N_DRAWS;
        assert_near(ntk_of_products(&network, F, xx, yy, product(&features, F)), mean, 0.06);
    }
}

/* --- points and planes --- */

/* More points than a block: each value is the pair's own. */
static void test_blocks_are_made_of_pairs(void **state)
{
    (void)state;
    enum { N = 300, M = 270 };
    struct mapped m = mapped(
        &(struct encoding_spec){
            .type = ENCODING_GAUSSIAN, .n_inputs = 2, .n_frequencies = 9, .sigma = 3},
        5);
    static double x[N * 2], y[M * 2], out[N * M];
    struct rng rng = rng_at(1, RNG_ENCODING, 0);
    for (size_t i = 0; i < N * 2; i++)
        x[i] = rng_uniform(&rng);
    memcpy(y, x, sizeof y);
    assert_int_equal(ntk_between(&wide, m.e, m.params, N, x, M, y, out, NULL, NULL), STATUS_OK);
    for (size_t i = 0; i < N; i += 7)
        for (size_t j = 0; j < M; j += 11) {
            double one = 0;
            assert_int_equal(
                ntk_between(&wide, m.e, m.params, 1, x + 2 * i, 1, y + 2 * j, &one, NULL, NULL),
                STATUS_OK);
            assert_near(out[i * M + j], one, 1e-12);
        }
    for (size_t i = 0; i < M; i++)
        assert_near(out[i * M + i], out[0], 1e-7); /* sin^2 + cos^2, but for a's rounding */
    unmap(&m);
}

/* The plane's transform by its definition. */
static void test_spectrum_of_a_plane(void **state)
{
    (void)state;
    enum { N = 12 };
    struct mapped m = mapped(
        &(struct encoding_spec){
            .type = ENCODING_GAUSSIAN, .n_inputs = 2, .n_frequencies = 5, .sigma = 2},
        5);
    double plane[N * N], spectrum[N * N];
    assert_int_equal(ntk_row(&wide, m.e, m.params, 2, N, true, plane, NULL), STATUS_OK);
    assert_int_equal(ntk_spectrum(2, N, plane, spectrum, NULL), STATUS_OK);
    for (size_t l = 0; l < N; l++)
        for (size_t k = 0; k < N; k++) {
            double sum = 0;
            for (size_t v = 0; v < N; v++)
                for (size_t u = 0; u < N; u++)
                    sum +=
                        plane[v * N + u] * cos(6.283185307179586477 * (double)(k * u + l * v) / N);
            assert_true(fabs(spectrum[l * N + k] - sum) < 1e-9 * plane[0] * N * N);
        }
    unmap(&m);
}

/* A stationary kernel's plane, made of its sides' features, is that of point by point; with a point
 * that is none of the grid's, that of ntk_between. */
static void test_planes_and_rows_are_made_of_points(void **state)
{
    (void)state;
    enum { N = 10 };
    const double origin[2] = {0}, at[2] = {0.37, -1.25};
    struct mapped m = mapped(
        &(struct encoding_spec){
            .type = ENCODING_GAUSSIAN, .n_inputs = 2, .n_frequencies = 7, .sigma = 2},
        9);
    double whole[N * N], alone[N * N];
    assert_int_equal(ntk_row(&wide, m.e, m.params, 2, N, false, whole, NULL), STATUS_OK);
    assert_int_equal(ntk_row_at(&wide, m.e, m.params, 2, N, origin, alone, NULL), STATUS_OK);
    for (size_t i = 0; i < N * N; i++)
        assert_near(whole[i], alone[i], 1e-7);
    assert_int_equal(ntk_row_at(&wide, m.e, m.params, 2, N, at, alone, NULL), STATUS_OK);
    for (size_t v = 0; v < N; v++)
        for (size_t u = 0; u < N; u++) {
            const double x[2] = {(double)u / N, (double)v / N};
            double one = 0;
            assert_int_equal(ntk_between(&wide, m.e, m.params, 1, x, 1, at, &one, NULL, NULL),
                             STATUS_OK);
            assert_near(alone[v * N + u], one, 1e-12);
        }
    unmap(&m);
}

static void test_checks(void **state)
{
    (void)state;
    struct mapped m = powers(1);
    struct error err = {0};
    assert_int_equal(ntk_check(&wide, m.e, &err), STATUS_OK);
    struct ntk_network bad = wide;
    bad.sigma_w = NAN;
    assert_int_equal(ntk_check(&bad, m.e, &err), STATUS_INVALID);
    assert_string_equal(err.where, "/network/sigma_w");
    unmap(&m);
    m = mapped(&(struct encoding_spec){.type = ENCODING_DENSEGRID,
                                       .n_inputs = 1,
                                       .n_levels = 1,
                                       .n_features_per_level = 1,
                                       .base_resolution = 4,
                                       .finest_resolution = 4},
               0);
    error_clear(&err);
    assert_int_equal(ntk_check(&wide, m.e, &err), STATUS_UNSUPPORTED);
    assert_string_equal(err.where, "/encoding");
    unmap(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_and_eigenvalues_of_the_papers_powers),
        cmocka_unit_test(test_deep_networks_of_figure_7),
        cmocka_unit_test(test_wide_networks_have_this_kernel),
        cmocka_unit_test(test_blocks_are_made_of_pairs),
        cmocka_unit_test(test_spectrum_of_a_plane),
        cmocka_unit_test(test_planes_and_rows_are_made_of_points),
        cmocka_unit_test(test_checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
