/*
 * Grids in AVX-512: two features a level, the usual case; others in plain C.
 *
 * Forward, the lanes are the levels of one point, so that its features come out as a row of the
 * network's input.  Backward, the lanes are 16 points of one level.
 */
#ifdef __x86_64__
#include <immintrin.h>

#include "core/nn/kernel_grid.h"
#include "core/nn/kernel_rows.h"

/* A sanitizer looks at loops before it knows how long they are. */
#ifdef SANITIZED
#undef UNROLL
#define UNROLL(n)
#endif

#define INLINE static inline __attribute__((always_inline))

enum { LANES = GRID_LANES, PAIR = 2, HALF = LANES / PAIR };

/* Entries and weights of the corners of 16 cells. */
struct corners {
    __m512i entry[MAX_CORNERS];
    __m512 weight[MAX_CORNERS];
};

/* What 16 lanes have of their levels. */
struct levels {
    __m512 scale[LIMIT_DIMS];
    __m512i factor[LIMIT_DIMS], mask, first;
};

INLINE __m512 inside(__m512 x)
{
    const __m512 zero = _mm512_setzero_ps(), one = _mm512_set1_ps(1.0f);
    return _mm512_min_ps(_mm512_max_ps(x, zero), one); /* of NaN the second operand: 0 */
}

INLINE void find_corners(struct corners *out, const struct levels *l, const __m512 *x,
                         size_t n_dims, bool is_smooth)
{
    const __m512 one = _mm512_set1_ps(1.0f), half = _mm512_set1_ps(0.5f);
    const __mmask16 is_hashed = _mm512_test_epi32_mask(l->mask, l->mask);
    __m512i term[LIMIT_DIMS][2];
    __m512 weight[LIMIT_DIMS][2];
    UNROLL(3)
    for (size_t d = 0; d < n_dims; d++) {
        const __m512 p = _mm512_add_ps(_mm512_mul_ps(inside(x[d]), l->scale[d]), half);
        const __m512i cell = _mm512_cvttps_epi32(p);
        __m512 t = _mm512_sub_ps(p, _mm512_cvtepi32_ps(cell));
        if (is_smooth)
            t = _mm512_mul_ps(_mm512_mul_ps(t, t),
                              _mm512_sub_ps(_mm512_set1_ps(3.0f), _mm512_add_ps(t, t)));
        weight[d][0] = _mm512_sub_ps(one, t);
        weight[d][1] = t;
        /* along x the factor is 1 */
        term[d][0] = d == 0 ? cell : _mm512_mullo_epi32(cell, l->factor[d]);
        term[d][1] = _mm512_add_epi32(term[d][0], d == 0 ? _mm512_set1_epi32(1) : l->factor[d]);
    }
    UNROLL(8)
    for (size_t c = 0; c < (size_t)1 << n_dims; c++) {
        __m512i sum = term[0][c & 1], mixed = sum;
        __m512 w = weight[0][c & 1];
        UNROLL(3)
        for (size_t d = 1; d < n_dims; d++) {
            sum = _mm512_add_epi32(sum, term[d][c >> d & 1]);
            mixed = _mm512_xor_si512(mixed, term[d][c >> d & 1]);
            w = _mm512_mul_ps(w, weight[d][c >> d & 1]);
        }
        sum = _mm512_mask_and_epi32(sum, is_hashed, mixed, l->mask);
        out->entry[c] = _mm512_add_epi32(sum, l->first);
        out->weight[c] = w;
    }
}

/* Each of the first, or last, eight lanes twice. */
INLINE __m512 twice(__m512 x, bool is_last)
{
    const __m512i first = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    const __m512i last = _mm512_add_epi32(first, _mm512_set1_epi32(8));
    return _mm512_permutexvar_ps(is_last ? last : first, x);
}

/* Pairs of floats at four entries. */
INLINE __m256d load_four(const float *table, const uint32_t *entry)
{
    const double *pairs = (const double *)table;
    const __m128d a = _mm_loadh_pd(_mm_load_sd(pairs + entry[0]), pairs + entry[1]);
    const __m128d b = _mm_loadh_pd(_mm_load_sd(pairs + entry[2]), pairs + entry[3]);
    return _mm256_insertf128_pd(_mm256_castpd128_pd256(a), b, 1);
}

/* Pairs at up to eight entries, as many as levels need, and 0 behind.  A gather takes up to twice
 * the time of loads one by one. */
INLINE __m512 load_pairs(const float *table, const uint32_t *entry, size_t n)
{
    const __m512d first = _mm512_zextpd256_pd512(load_four(table, entry));
    return _mm512_castpd_ps(n > 4 ? _mm512_insertf64x4(first, load_four(table, entry + 4), 1)
                                  : first);
}

/* Lanes of floats that hold pairs of n levels. */
INLINE __mmask16 mask_of_pairs(size_t n)
{
    const unsigned bits = n >= HALF ? 0xffff : (1u << PAIR * n) - 1;
    return (__mmask16)bits;
}

INLINE void forward_pairs(const struct grid *g, const float *table, size_t n, const float *x,
                          float *out, size_t ld, size_t n_dims, bool is_smooth)
{
    for (size_t level = 0; level < g->n_levels; level += LANES) {
        const size_t n_left = g->n_levels - level;
        const __mmask16 low = mask_of_pairs(n_left);
        const __mmask16 high = n_left > HALF ? mask_of_pairs(n_left - HALF) : 0;
        struct levels l = {.mask = _mm512_loadu_si512(g->mask + level),
                           .first = _mm512_loadu_si512(g->first + level)};
        for (size_t d = 0; d < n_dims; d++) {
            l.scale[d] = _mm512_loadu_ps(g->scale[d] + level);
            l.factor[d] = _mm512_loadu_si512(g->factor[d] + level);
        }
        for (size_t i = 0; i < n; i++) {
            float *row = out + i * ld + PAIR * level;
            __m512 sum[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()}, place[LIMIT_DIMS];
            struct corners corners;
            _Alignas(64) uint32_t entry[LANES];
            for (size_t d = 0; d < n_dims; d++)
                place[d] = _mm512_set1_ps(x[i * n_dims + d]);
            find_corners(&corners, &l, place, n_dims, is_smooth);
            UNROLL(8)
            for (size_t c = 0; c < (size_t)1 << n_dims; c++) {
                const __m512 weight = corners.weight[c];
                _mm512_store_si512(entry, corners.entry[c]);
                sum[0] =
                    _mm512_fmadd_ps(load_pairs(table, entry, n_left), twice(weight, false), sum[0]);
                if (n_left > HALF)
                    sum[1] = _mm512_fmadd_ps(load_pairs(table, entry + HALF, n_left - HALF),
                                             twice(weight, true), sum[1]);
            }
            _mm512_mask_storeu_ps(row, low, sum[0]);
            _mm512_mask_storeu_ps(row + LANES, high, sum[1]);
        }
    }
}

INLINE void add_pair(float *to, const float *from)
{
    const __m128 sum = _mm_add_ps(_mm_castpd_ps(_mm_load_sd((const double *)to)),
                                  _mm_castpd_ps(_mm_load_sd((const double *)from)));
    _mm_store_sd((double *)to, _mm_castps_pd(sum));
}

/* 16 points, those from count on without a gradient. */
INLINE void scatter_16(const struct levels *l, const __m512 *place, const float *d_features,
                       size_t count, float *gradient, uint8_t *touched, size_t n_dims,
                       bool is_smooth)
{
    _Alignas(64) uint32_t entry[MAX_CORNERS][LANES];
    _Alignas(64) float part[MAX_CORNERS][PAIR * LANES];
    struct corners corners;
    find_corners(&corners, l, place, n_dims, is_smooth);
    const __m512 d[2] = {_mm512_loadu_ps(d_features), _mm512_loadu_ps(d_features + LANES)};
    UNROLL(8)
    for (size_t c = 0; c < (size_t)1 << n_dims; c++) {
        _mm512_store_si512(entry[c], corners.entry[c]);
        _mm512_store_ps(part[c], _mm512_mul_ps(d[0], twice(corners.weight[c], false)));
        _mm512_store_ps(part[c] + LANES, _mm512_mul_ps(d[1], twice(corners.weight[c], true)));
    }
    for (size_t k = 0; k < count; k++)
        UNROLL(8)
    for (size_t c = 0; c < (size_t)1 << n_dims; c++) {
        add_pair(gradient + (size_t)PAIR * entry[c][k], part[c] + PAIR * k);
        touched[entry[c][k] / (GRID_LINE / PAIR)] = 1;
    }
}

INLINE void scatter_pairs(const struct grid *g, size_t level, size_t n, const float *x,
                          const float *d_features, float *gradient, uint8_t *touched, size_t n_dims,
                          bool is_smooth)
{
    struct levels l = {.mask = _mm512_set1_epi32((int)g->mask[level]),
                       .first = _mm512_setzero_si512()};
    for (size_t d = 0; d < n_dims; d++) {
        l.scale[d] = _mm512_set1_ps(g->scale[d][level]);
        l.factor[d] = _mm512_set1_epi32((int)g->factor[d][level]);
    }
    for (size_t i = 0; i < n; i += LANES) {
        const size_t count = n - i < LANES ? n - i : (size_t)LANES;
        float along[LIMIT_DIMS][LANES] = {{0}}, rest[PAIR * LANES] = {0};
        __m512 place[LIMIT_DIMS];
        const float *d = d_features + PAIR * i;
        for (size_t a = 0; a < n_dims; a++) {
            for (size_t k = 0; k < count; k++)
                along[a][k] = x[(i + k) * n_dims + a];
            place[a] = _mm512_loadu_ps(along[a]);
        }
        if (count < LANES) {
            for (size_t k = 0; k < PAIR * count; k++)
                rest[k] = d[k];
            d = rest;
        }
        scatter_16(&l, place, d, count, gradient, touched, n_dims, is_smooth);
    }
}

/* Call function with dimensions and smoothness that the compiler knows. */
#define BY_DIMS(function, is_smooth, ...)                                                          \
    switch (g->n_dims) {                                                                           \
    case 1:                                                                                        \
        function(__VA_ARGS__, 1, is_smooth);                                                       \
        break;                                                                                     \
    case 2:                                                                                        \
        function(__VA_ARGS__, 2, is_smooth);                                                       \
        break;                                                                                     \
    default:                                                                                       \
        function(__VA_ARGS__, 3, is_smooth);                                                       \
        break;                                                                                     \
    }
#define DISPATCH(function, ...)                                                                    \
    if (g->is_smooth)                                                                              \
        BY_DIMS(function, true, __VA_ARGS__)                                                       \
    else                                                                                           \
        BY_DIMS(function, false, __VA_ARGS__)

static void forward(const struct grid *g, const float *table, size_t n, const float *x, float *out,
                    size_t ld)
{
    if (g->n_features == PAIR)
        DISPATCH(forward_pairs, g, table, n, x, out, ld)
    else
        grid_forward(g, table, n, x, out, ld);
}

static void scatter(const struct grid *g, size_t level, size_t n, const float *x,
                    const float *d_features, float *gradient, uint8_t *touched)
{
    if (g->n_features == PAIR)
        DISPATCH(scatter_pairs, g, level, n, x, d_features, gradient, touched)
    else
        grid_scatter(g, level, n, x, d_features, gradient, touched);
}

const struct kernel_grid grid_avx512 = {forward, scatter};

#endif
