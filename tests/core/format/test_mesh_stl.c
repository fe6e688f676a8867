/* Binary STL: how long it is, and its corners, which become vertices. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/buffer.h"
#include "core/base/rng.h"
#include "core/format/mesh.h"

enum { MAX_BYTES = 8 << 20 };

static void put(struct buffer *b, const void *bytes, size_t n)
{
    assert_int_equal(buffer_append(b, bytes, n, NULL), STATUS_OK);
}

/* n triangles of a strip, each with corners of its own. */
static struct buffer binary_stl(uint32_t n, uint32_t counted)
{
    struct buffer b;
    uint8_t header[80] = "solid is what some binary files begin with";
    buffer_init(&b, MAX_BYTES);
    put(&b, header, sizeof header);
    put(&b, &counted, 4);
    for (uint32_t i = 0; i < n; i++) {
        float v[12] = {0, 0, 1};
        for (uint32_t k = 0; k < 3; k++) {
            v[3 + 3 * k] = (float)((i + k) / 2);
            v[4 + 3 * k] = (i + k) % 2 ? 1.0f : -0.0f;
        }
        put(&b, v, sizeof v);
        put(&b, "\0\0", 2);
    }
    return b;
}

static void corners_of_stl_in_one_place_become_one_vertex(void **state)
{
    (void)state;
    enum { N = 5000 };
    struct buffer b = binary_stl(N, N);
    struct mesh m;
    assert_int_equal(mesh_decode(b.data, b.size, &m, NULL), STATUS_OK);
    assert_int_equal(m.n_triangles, N);
    assert_int_equal(m.n_vertices, N + 2);
    for (uint32_t i = 0; i < N; i++)
        for (uint32_t k = 0; k < 3; k++)
            assert_int_equal(m.triangles[3 * i + k], i + k);
    mesh_deinit(&m);
    buffer_deinit(&b);
}

static void binary_stl_must_be_as_long_as_it_counts(void **state)
{
    (void)state;
    static const uint32_t counts[] = {0, 1, 3, UINT32_MAX, 0x80000000U, 85899346};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct buffer b = binary_stl(2, counts[i]);
        struct mesh m;
        struct error err = {.status = STATUS_OK};
        memset(b.data, 0, 80);
        assert_int_equal(mesh_stl_decode(b.data, b.size, &m, &err), STATUS_INVALID);
        assert_non_null(strstr(err.message, "it has 184"));
        assert_int_equal(mesh_decode(b.data, b.size, &m, NULL), STATUS_INVALID);
        buffer_deinit(&b);
    }
    struct buffer b = binary_stl(2, 2);
    struct mesh m;
    memcpy(b.data + 84 + 12, &(float){NAN}, 4);
    assert_int_equal(mesh_decode(b.data, b.size, &m, NULL), STATUS_INVALID);
    buffer_deinit(&b);
}

/* How the table of corners mixes their bits, but for what it begins with. */
static uint64_t mixed(const float xyz[3])
{
    uint64_t h = 0;
    for (size_t i = 0; i < 3; i++) {
        uint32_t bits;
        memcpy(&bits, &xyz[i], sizeof bits);
        h = (h ^ bits) * 0x9E3779B97F4A7C15ULL;
        h ^= h >> 29;
    }
    return h;
}

/* Corners that a table of known mixing would put into an eighth of the room they need: each would
 * be looked for among all before it, which takes minutes. */
static void corners_chosen_for_one_part_of_the_table_are_read_as_fast(void **state)
{
    enum { N = 60000, CORNERS = 3 * N, SLOTS = 1 << 19 };
    static const uint8_t header[80];
    const uint32_t n = N;
    struct rng rng = rng_at(1, RNG_PROBE, 0);
    struct buffer b;
    struct mesh m;
    (void)state;
    buffer_init(&b, MAX_BYTES);
    put(&b, header, sizeof header);
    put(&b, &n, sizeof n);
    for (size_t i = 0; i < N; i++) {
        float v[12] = {0};
        for (size_t k = 1; k < 4; k++)
            do {
                for (size_t d = 0; d < 3; d++)
                    v[3 * k + d] = (float)rng_uniform(&rng);
            } while ((mixed(v + 3 * k) & (SLOTS - 1)) >= CORNERS / 8);
        put(&b, v, sizeof v);
        put(&b, "\0\0", 2);
    }
    assert_int_equal(mesh_stl_decode(b.data, b.size, &m, NULL), STATUS_OK);
    assert_int_equal(m.n_triangles, N);
    assert_int_equal(m.n_vertices, CORNERS);
    mesh_deinit(&m);
    buffer_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(corners_of_stl_in_one_place_become_one_vertex),
        cmocka_unit_test(binary_stl_must_be_as_long_as_it_counts),
        cmocka_unit_test(corners_chosen_for_one_part_of_the_table_are_read_as_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
