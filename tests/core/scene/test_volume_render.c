/* Colours of rays against closed forms, and their gradients against finite differences. */
#include "core/scene/volume_render.h"

#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/scene/ray.h"
#include "tests/support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_close(double value, double expected, double tolerance)
{
    assert_true(fabs(value - expected) <= tolerance);
}

enum { N = 12 };

/* A medium of one density and one colour over a length: 1 - exp(-density length) of the colour. */
static void constant_density_follows_the_exponential_law(void **state)
{
    static const float densities[] = {0.0f, 0.1f, 1.0f, 7.5f, 300.0f};
    const struct volume_shading shading = {DENSITY_RELU, 0};
    const float basis[] = {1.0f}, length = 2.0f;
    (void)state;
    for (size_t k = 0; k < sizeof densities / sizeof *densities; k++) {
        float raw[N * 4], dt[N], t[N];
        for (size_t i = 0; i < N; i++) {
            raw[4 * i] = densities[k];
            raw[4 * i + 1] = logf(0.25f / 0.75f);
            raw[4 * i + 2] = 0.0f;
            raw[4 * i + 3] = 30.0f;
            dt[i] = length / N * (i % 2 ? 1.5f : 0.5f);
            t[i] = 3.0f;
        }
        struct volume_sum sum = {.transmittance = 1.0f};
        volume_forward(&shading, basis, N, raw, dt, t, &sum, NULL);
        const float opacity = 1.0f - expf(-densities[k] * length);
        assert_float_equal(1.0f - sum.transmittance, opacity, 2e-6f);
        assert_float_equal(sum.colour[0], 0.25f * opacity, 2e-6f);
        assert_float_equal(sum.colour[1], 0.5f * opacity, 2e-6f);
        assert_float_equal(sum.colour[2], opacity, 2e-6f);
        assert_float_equal(sum.depth, 3.0f * opacity, 5e-6f);
    }
}

static void a_ray_may_be_composited_in_pieces(void **state)
{
    const struct volume_shading shading = {DENSITY_EXP, 2};
    const size_t n_outputs = volume_n_outputs(2);
    const double direction[3] = {0.6, 0.0, -0.8};
    float basis[VOLUME_MAX_BASIS], *raw = random_floats(N * n_outputs, 3),
                                   *dt = random_floats(N, 4);
    (void)state;
    volume_basis(2, direction, basis);
    for (size_t i = 0; i < N; i++)
        dt[i] = 0.3f + 0.2f * dt[i];
    struct volume_sum whole = {.transmittance = 1.0f}, pieces = whole;
    volume_forward(&shading, basis, N, raw, dt, dt, &whole, NULL);
    volume_forward(&shading, basis, 5, raw, dt, dt, &pieces, NULL);
    volume_forward(&shading, basis, N - 5, raw + 5 * n_outputs, dt + 5, dt + 5, &pieces, NULL);
    assert_memory_equal(&whole, &pieces, sizeof whole);
    mem_free(raw);
    mem_free(dt);
}

/* What the ray looks like along a direction of colours, in double, from the formulas as they
 * stand. */
static double look(const struct volume_shading *s, const double direction[3], const double *raw,
                   const float *dt, const float background[3], const float d_colour[3])
{
    float basis[VOLUME_MAX_BASIS];
    const size_t n_basis = volume_n_basis(s->degree), n_outputs = volume_n_outputs(s->degree);
    double transmittance = 1.0, sum = 0.0;
    volume_basis(s->degree, direction, basis);
    for (size_t i = 0; i < N; i++) {
        const double x = raw[i * n_outputs];
        const double density = s->density == DENSITY_RELU  ? fmax(x, 0.0)
                               : s->density == DENSITY_EXP ? exp(x)
                                                           : log1p(exp(x));
        const double alpha = 1.0 - exp(-density * (double)dt[i]);
        for (size_t c = 0; c < 3; c++) {
            double y = 0.0;
            for (size_t k = 0; k < n_basis; k++)
                y += raw[i * n_outputs + 1 + c * n_basis + k] * (double)basis[k];
            sum += (double)d_colour[c] * transmittance * alpha / (1.0 + exp(-y));
        }
        transmittance *= 1.0 - alpha;
    }
    for (size_t c = 0; c < 3; c++)
        sum += (double)d_colour[c] * transmittance * (double)background[c];
    return sum;
}

static void backward_matches_finite_differences(void **state)
{
    static const float background[3] = {0.2f, 0.9f, 0.5f}, d_colour[3] = {0.7f, -1.1f, 0.4f};
    double direction[3] = {0.3, -0.5, 0.7};
    (void)state;
    ray_normalize(direction);
    for (enum density_activation a = DENSITY_RELU; a <= DENSITY_SOFTPLUS; a++)
        for (size_t degree = 0; degree <= VOLUME_MAX_DEGREE; degree++) {
            const struct volume_shading s = {a, degree};
            const size_t n_outputs = volume_n_outputs(degree);
            float basis[VOLUME_MAX_BASIS], dt[N], t[N] = {0}, d_raw[N * 49];
            double at[N * 49];
            struct volume_sample kept[N];
            float *raw = random_floats(N * n_outputs, degree + 10 * (uint64_t)a);
            for (size_t i = 0; i < N; i++)
                dt[i] = 0.05f + 0.02f * (float)i;
            for (size_t i = 0; i < N * n_outputs; i++)
                at[i] = (double)raw[i];
            struct volume_sum sum = {.transmittance = 1.0f};
            volume_basis(degree, direction, basis);
            volume_forward(&s, basis, N, raw, dt, t, &sum, kept);
            volume_backward(&s, basis, N, raw, dt, kept, background, d_colour, d_raw);
            for (size_t i = 0; i < N * n_outputs; i++) {
                const double step = 1e-5, before = at[i];
                at[i] = before + step;
                double slope = look(&s, direction, at, dt, background, d_colour);
                at[i] = before - step;
                slope = (slope - look(&s, direction, at, dt, background, d_colour)) / (2.0 * step);
                at[i] = before;
                assert_close((double)d_raw[i], slope, 2e-6);
            }
            mem_free(raw);
        }
}

/* Spherical harmonics are orthonormal over the sphere: a sum over many directions says so. */
static void the_basis_is_orthonormal(void **state)
{
    enum { RINGS = 60, K = VOLUME_MAX_BASIS };
    double product[K][K] = {0};
    (void)state;
    for (int i = 0; i < RINGS; i++)
        for (int j = 0; j < 2 * RINGS; j++) {
            const double theta = M_PI * (i + 0.5) / RINGS, phi = M_PI * (j + 0.5) / RINGS;
            const double area = sin(theta) * (M_PI / RINGS) * (M_PI / RINGS);
            const double d[3] = {sin(theta) * cos(phi), sin(theta) * sin(phi), cos(theta)};
            float basis[K];
            volume_basis(VOLUME_MAX_DEGREE, d, basis);
            for (int a = 0; a < K; a++)
                for (int b = 0; b < K; b++)
                    product[a][b] += (double)basis[a] * (double)basis[b] * area;
        }
    for (int a = 0; a < K; a++)
        for (int b = 0; b < K; b++)
            assert_close(product[a][b], a == b ? 1.0 : 0.0, 2e-3);
}

static void densities_stay_finite(void **state)
{
    (void)state;
    for (enum density_activation a = DENSITY_RELU; a <= DENSITY_SOFTPLUS; a++) {
        assert_true(isfinite(volume_density(a, 1e30f)));
        assert_true(volume_density(a, -1e30f) == 0.0f);
        assert_true(isnan(volume_density(a, NAN)));
        assert_true(isfinite(volume_density_slope(a, 1e30f, volume_density(a, 1e30f))));
    }
    assert_null(density_activation_name(DENSITY_SOFTPLUS + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_density_follows_the_exponential_law),
        cmocka_unit_test(a_ray_may_be_composited_in_pieces),
        cmocka_unit_test(backward_matches_finite_differences),
        cmocka_unit_test(the_basis_is_orthonormal),
        cmocka_unit_test(densities_stay_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
