#include "core/format/mesh.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "tests/support/alloc.h"
#include "tests/support/data_files.h"

#define TRIANGLE_OFF "OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"

#define TRIANGLE_STL                                                                               \
    "solid\nfacet\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\n"      \
    "endsolid\n"

static enum status decode(const char *text, struct mesh *m, struct error *err)
{
    /* In memory of exactly its size. */
    const size_t n = strlen(text);
    uint8_t *bytes = malloc(n ? n : 1);
    assert_non_null(bytes);
    memcpy(bytes, text, n);
    error_clear(err);
    enum status status = mesh_decode(bytes, n, m, err);
    free(bytes);
    return status;
}

/* --- what is read --- */

static void every_way_to_write_a_mesh_is_read(void **state)
{
    (void)state;
    static const struct {
        enum mesh_format format;
        const char *text;
        size_t n_vertices, n_triangles;
    } cases[] = {
        {MESH_OBJ, "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", 3, 1},
        {MESH_OBJ, "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3", 3, 1},
        {MESH_OBJ, "# by hand\r\n\r\no x\r\nv 0 0 0\r\nv 1 0 0\r\nv 0 1 0\r\nf 1 2 3\r\n", 3, 1},
        {MESH_OBJ,
         "v 0 0 0 1\nv 1 0 0 .5 .5 .5\n v\t0 1 0 # c\nvt 0 0\nvn 0 0 1\n"
         "usemtl m\\\nf 1/1/1 2//1 3/1 # a face\nl 1 2\n",
         3, 1},
        {MESH_OBJ, "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf -4 -3 -2 -1\nv 9 9 9\n", 5, 2},
        {MESH_OBJ, "v 0 0 \\\n 0\nv 1 0 0\nv 0 1 0\nf 1 2\\\n 3\n", 3, 1},
        {MESH_OBJ, "g caf\xC3\xA9\nv +0.0e0 -.0 0.\nv 1e0 0 0\nv 0 1E+0 0\nf 3 2 1\n", 3, 1},
        {MESH_OFF, TRIANGLE_OFF, 3, 1},
        {MESH_OFF, "OFF 4 1 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3 255 0 0\n", 4, 2},
        {MESH_OFF, "# c\n\nOFF # c\n# c\n3\n1\n0\n\n0 0 0 # c\n1 0 0\n# c\n0 1 0\n3 0 1 2 # c\n#\n",
         3, 1},
        {MESH_OFF, "OFF\n3 1\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n", 3, 1},
        {MESH_OFF, "COFF\n3 1 0\n0 0 0 1 0 0 1\n1 0 0 1 0 0 1\n0 1 0 0 0 1 1\n3 0 1 2\n", 3, 1},
        {MESH_OFF, "STCNOFF\n3 1 0\n0 0 0 0 0 1\n1 0 0 0 0 1\n0 1 0 0 0 1\n3 0 1 2", 3, 1},
        {MESH_STL,
         "solid a b\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\n"
         "vertex 0 1 0\nendloop\nendfacet\nendsolid a b\n",
         3, 1},
        {MESH_STL,
         "solid\r\n facet normal 0 0 1\r\n  outer loop\r\n   vertex -0 0 0\r\n"
         "   vertex 1 0 0\r\n   vertex 0 1 0\r\n  endloop\r\n endfacet\r\n"
         " facet normal 0 0 1\r\n  outer loop\r\n   vertex 1 0 0\r\n"
         "   vertex 1 1 0\r\n   vertex 0 1 0\r\n  endloop\r\n endfacet\r\n"
         "endsolid\r\nsolid b\r\n facet normal 0 0 1\r\n  outer loop\r\n"
         "   vertex 0 0 0\r\n   vertex 0 1 0\r\n   vertex 0 0 1\r\n  endloop\r\n"
         " endfacet\r\nendsolid b\r\n",
         5, 3},
        {MESH_PLY,
         "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\n"
         "property float z\nelement face 1\nproperty list uchar int vertex_indices\n"
         "end_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n",
         3, 1},
        {MESH_PLY,
         "ply\r\nformat ascii 1.0\r\ncomment c\r\nobj_info o\r\nelement face 1\r\n"
         "property list uint32 uint16 vertex_index\r\nproperty uchar red\r\n"
         "element vertex 4\r\nproperty double z\r\nproperty int8 x\r\n"
         "property list uchar float w\r\nproperty short y\r\nelement edge 1\r\n"
         "property int vertex1\r\nend_header\r\n4 0 1 2 3 255\r\n"
         "0 0 2 .5 .5 0\r\n\r\n0 1 0 0\r\n0.0 1 1 7 1\r\n0 0 0 1\r\n7\r\n \r\n",
         4, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mesh m;
        struct error err = {.status = STATUS_OK};
        enum mesh_format format = MESH_N_FORMATS;
        if (decode(cases[i].text, &m, &err) != STATUS_OK)
            fail_msg("case %zu: %s", i, err.message);
        assert_true(mesh_recognize((const uint8_t *)cases[i].text, strlen(cases[i].text), &format));
        assert_int_equal(format, cases[i].format);
        assert_int_equal(m.n_vertices, cases[i].n_vertices);
        assert_int_equal(m.n_triangles, cases[i].n_triangles);
        /* The last triangle's corners are in the plane of the first three axes' points. */
        for (size_t k = 0; k < 3 * m.n_triangles; k++)
            assert_true(m.triangles[k] < m.n_vertices);
        mesh_deinit(&m);
    }
}

static void polygons_become_fans_around_their_first_corner(void **state)
{
    (void)state;
    struct mesh m;
    struct error err = {.status = STATUS_OK};
    assert_int_equal(decode("v 0 0 0\nv 1 0 0\nv 2 1 0\nv 1 2 0\nv 0 2 0\nf 2 3 4 5 1\n", &m, &err),
                     STATUS_OK);
    static const uint32_t fan[] = {1, 2, 3, 1, 3, 4, 1, 4, 0};
    assert_int_equal(m.n_triangles, 3);
    assert_memory_equal(m.triangles, fan, sizeof fan);
    mesh_deinit(&m);
}

static void numbers_are_the_nearest_floats(void **state)
{
    (void)state;
    struct mesh m;
    struct error err = {.status = STATUS_OK};
    assert_int_equal(decode("v 0.1 -3.4101800e-003 16777217\nv 1e-50 12345678901234567890 0\n"
                            "v 0 1 0\nf 1 2 3\n",
                            &m, &err),
                     STATUS_OK);
    static const float values[] = {0.1f, -3.41018e-3f, 16777216.0f, 0, 1.23456789e19f, 0, 0, 1, 0};
    assert_memory_equal(m.vertices, values, sizeof values);
    mesh_deinit(&m);
}

/* --- what is refused, and with which words --- */

static void faults_are_refused_where_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status status;
        const char *words;
    } cases[] = {
        {"", STATUS_INVALID, "no mesh"},
        {"hello", STATUS_INVALID, "no mesh"},
        {"{\"v\": 1}", STATUS_INVALID, "no mesh"},
        {"v 0 0 0\n", STATUS_INVALID, "no faces"},
        {"v 0 0\nf 1 1 1\n", STATUS_INVALID, "line 1: a vertex is three numbers"},
        {"v 0 0 0x1p3\n", STATUS_INVALID, "line 1"},
        {"v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", STATUS_INVALID, "line 1: 'x' is not a finite"},
        {"v 0 0 0\nv 1 -inf 0\nv 0 1 0\nf 1 2 3\n", STATUS_INVALID, "line 2: 'y' is not a finite"},
        {"v 0 0 0\nv 1 0 1e39\nv 0 1 0\nf 1 2 3\n", STATUS_INVALID, "line 2: 'z' is not a finite"},
        {"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 4\n", STATUS_INVALID, "line 4: a corner is not one"},
        {"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 0 1 2\n", STATUS_INVALID, "line 4: a corner is not one"},
        {"v 0 0 0\nv 1 0 0\nv 0 1 0\nf -4 1 2\n", STATUS_INVALID, "line 4: a corner is not one"},
        {"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2\n", STATUS_INVALID, "line 4: a face has three"},
        {"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3.5\n", STATUS_INVALID, "got '3.5'"},
        {"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1/ 2 3\n", STATUS_INVALID, "got '1/'"},
        {"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1/1/1/1 2 3\n", STATUS_INVALID, "got '1/1/1/1'"},
        {"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 99999999999999999999 2 3\n", STATUS_INVALID, "line 4"},
        {"v 0 0 0\nv 0 0 0\nv 0 0 0\nf 1 2 3\n", STATUS_INVALID, "has an area"},
        {"v 0 0 0\nv 1 1 1\nv 2 2 2\nf 1 2 3\n", STATUS_INVALID, "has an area"},
        {"v 0 0 0\ncstype bezier\n", STATUS_UNSUPPORTED, "line 2: free-form"},
        {"v 0 0 0\n\x01\x02\n", STATUS_INVALID, "got '\?\?'"},
        {"OFF", STATUS_INVALID, "ends before its counts"},
        {"OFF\n3 1\n0 0 0\n1 0 0\n0 1 0\n", STATUS_INVALID, "too short for 3 vertices and 1 faces"},
        {"OFF\n3 1 0\n0 0 0\n1 0 0\n# vertex\n0 1 0\n# face\n", STATUS_INVALID, "before its faces"},
        {"OFF\n3 x 0\n", STATUS_INVALID, "line 2 of the OFF file: expected"},
        {"OFF\n-3 1 0\n", STATUS_INVALID, "line 2 of the OFF file: expected"},
        {"OFF\n4000000000 1 0\n0 0 0\n", STATUS_INVALID, "too short"},
        {"OFF\n3 4611686018427387904 0\n0 0 0\n", STATUS_INVALID, "too short"},
        {"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 a\n3 0 1 2\n", STATUS_INVALID, "line 5 of the OFF file"},
        {"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 3\n", STATUS_INVALID, "line 6: a corner"},
        {"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 -1\n", STATUS_INVALID, "line 6: a corner"},
        {"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n4 0 1 2\n", STATUS_INVALID, "fewer corners"},
        {"OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n2 0 1     \n", STATUS_INVALID, "three corners"},
        {TRIANGLE_OFF "3 0 1 2\n", STATUS_INVALID, "goes on after"},
        {"OFF BINARY\n", STATUS_UNSUPPORTED, "binary"},
        {"4OFF\n1 1 0\n", STATUS_UNSUPPORTED, "three dimensions"},
        {"nOFF\n3\n1 1 0\n", STATUS_UNSUPPORTED, "three dimensions"},
        {"solid\n", STATUS_INVALID, "cut off: no 'facet'"},
        {"solid\nendsolid\n", STATUS_INVALID, "no faces"},
        {"solid\nfacet\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nendloop\n", STATUS_INVALID,
         "line 6: expected 'vertex', got 'endloop'"},
        {"solid\nfacet\nouter loop\nvertex 0 0\n", STATUS_INVALID, "line 4: a vertex is"},
        {"solid\nfacet\nouter loop\nvertex 0 0 nan\n", STATUS_INVALID, "line 4: 'z'"},
        {"solid\nvertex 0 0 0\n", STATUS_INVALID, "line 2: expected 'facet'"},
        {"ply\n", STATUS_INVALID, "line 1 of the PLY header: it does not end"},
        {"ply\nend_header\n", STATUS_INVALID, "does not say which format"},
        {"ply\nformat ascii 2.0\n", STATUS_INVALID, "line 2 of the PLY header: one format"},
        {"ply\nformat ascii 1.0\nformat ascii 1.0\n", STATUS_INVALID, "line 3"},
        {"ply\nproperty float x\n", STATUS_INVALID, "a property without an element"},
        {"ply\nelement vertex -1\n", STATUS_INVALID, "an element is a name"},
        {"ply\nelement vertex 1\nelement vertex 1\n", STATUS_INVALID, "two elements"},
        {"ply\nelement vertex 1\nproperty float x\nproperty int x\n", STATUS_INVALID, "two prop"},
        {"ply\nelement vertex 1\nproperty half x\n", STATUS_INVALID, "a property is a type"},
        {"ply\nelement face 1\nproperty list float int vertex_index\n", STATUS_INVALID, "a prop"},
        {"ply\nelement face 1\nproperty list int float vertex_index\n", STATUS_INVALID, "integers"},
        {"ply\nhello\n", STATUS_INVALID, "it has comments"},
        {"ply\nformat ascii 1.0\nend_header\n", STATUS_INVALID, "no element 'vertex'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mesh m = {0};
        struct error err = {.status = STATUS_OK};
        if (decode(cases[i].text, &m, &err) != cases[i].status || err.status != cases[i].status ||
            !strstr(err.message, cases[i].words) || m.vertices || m.triangles)
            fail_msg("case %zu: %s: %s", i, status_name(err.status), err.message);
    }
}

#define PLY_START                                                                                  \
    "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\n"                \
    "property float z\nelement face 1\nproperty list char int vertex_indices\nend_header\n"
static void faults_in_elements_of_ply_are_refused_where_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status status;
        const char *words;
    } cases[] = {
        {PLY_START "0 0 0\n1 0 0\n0 1\n3 0 1 2\n", STATUS_INVALID,
         "vertex 2 of the PLY file has too few"},
        {PLY_START "0 0 0\n1 0 0 9\n0 1 0\n3 0 1 2\n", STATUS_INVALID,
         "vertex 1 of the PLY file has too many"},
        {PLY_START "0 0 0\n1 x 0\n0 1 0\n3 0 1 2\n", STATUS_INVALID,
         "vertex 1 of the PLY file has a value"},
        {PLY_START "0 0 0\n1 nan 0\n0 1 0\n3 0 1 2\n", STATUS_INVALID, "vertex 1: 'y'"},
        {PLY_START "0 0 0\n1 0 0\n0 1 0\n3 0 1 3\n", STATUS_INVALID, "face 0: a corner"},
        {PLY_START "0 0 0\n1 0 0\n0 1 0\n3 0 1 -1\n", STATUS_INVALID, "face 0: a corner"},
        {PLY_START "0 0 0\n1 0 0\n0 1 0\n2 0 1   \n", STATUS_INVALID, "face 0: a face has three"},
        {PLY_START "0 0 0\n1 0 0\n0 1 0\n-3 0 1 2\n", STATUS_INVALID, "less than nothing"},
        {PLY_START "0 0 0\n1 0 0\n0 1 0\n300 0 1 2\n", STATUS_INVALID, "no number of its type"},
        {PLY_START "0 0 0\n1 0 0\n0 1 0\n4 0 1 2\n", STATUS_INVALID,
         "face 0 of the PLY file has too few"},
        {PLY_START "0 0 0\n1 0 0\n0 1 0\n3 0 1 2\nmore", STATUS_INVALID, "4 bytes follow"},
        {PLY_START "0 0 0\n1 0 0\n0 1 0          \n", STATUS_INVALID,
         "too short for the 1 of element 'face'"},
        {PLY_START "0 0 0\n", STATUS_INVALID, "too short for the 3 of element 'vertex'"},
        {"ply\nformat ascii 1.0\nelement vertex 4000000000\nproperty float x\nproperty float y\n"
         "property float z\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n",
         STATUS_INVALID, "too short"},
        {"ply\nformat ascii 1.0\nelement other 4000000000\nelement vertex 3\nproperty float x\n"
         "property float y\nproperty float z\nelement face 1\n"
         "property list uchar int vertex_indices\nend_header\n",
         STATUS_INVALID, "has no property"},
        {"ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\n"
         "property float z\nelement tristrips 1\nproperty list int int "
         "vertex_indices\nend_header\n",
         STATUS_UNSUPPORTED, "strips"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mesh m = {0};
        struct error err = {.status = STATUS_OK};
        if (decode(cases[i].text, &m, &err) != cases[i].status || err.status != cases[i].status ||
            !strstr(err.message, cases[i].words) || m.vertices || m.triangles)
            fail_msg("case %zu: %s: %s", i, status_name(err.status), err.message);
    }
}

/* --- bytes --- */

static void put(struct buffer *b, const void *bytes, size_t n, bool is_big)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < n; i++)
        assert_int_equal(buffer_append(b, p + (is_big ? n - 1 - i : i), 1, NULL), STATUS_OK);
}

/* A quadrilateral in bytes of either order: its lists counted by, and made of, every integer. */
static void binary_ply_is_read_in_both_orders_and_all_types(void **state)
{
    (void)state;
    static const char *const types[] = {"char", "uchar", "short", "ushort", "int", "uint"};
    static const size_t sizes[] = {1, 1, 2, 2, 4, 4};
    static const float corners[4][3] = {{0, 0, 0}, {1, 0, 0.5f}, {1, 1, 0}, {0, 1, 0}};
    for (size_t count = 0; count < 6; count++)
        for (size_t index = 0; index < 12; index++) {
            const bool is_big = index >= 6;
            const size_t type = index % 6;
            struct buffer b;
            struct mesh m;
            buffer_init(&b, 4096);
            assert_int_equal(
                buffer_printf(
                    &b, NULL,
                    "ply\nformat binary_%s_endian 1.0\nelement vertex 4\n"
                    "property double x\nproperty float y\nproperty list uchar short junk\n"
                    "property float z\nelement face 1\nproperty list %s %s vertex_index\n"
                    "end_header\n",
                    is_big ? "big" : "little", types[count], types[type]),
                STATUS_OK);
            for (size_t i = 0; i < 4; i++) {
                const double x = (double)corners[i][0];
                put(&b, &x, 8, is_big);
                put(&b, &corners[i][1], 4, is_big);
                put(&b, (const uint8_t[]){1, 7, 7}, 3, false);
                put(&b, &corners[i][2], 4, is_big);
            }
            const uint32_t n = 4;
            put(&b, &n, sizes[count], is_big); /* the machine is little endian */
            for (uint32_t i = 0; i < 4; i++)
                put(&b, &i, sizes[type], is_big);
            struct error err = {.status = STATUS_OK};
            if (mesh_ply_decode(b.data, b.size, &m, &err) != STATUS_OK)
                fail_msg("%s %s: %s", types[count], types[type], err.message);
            assert_memory_equal(m.vertices, corners, sizeof corners);
            static const uint32_t two[] = {0, 1, 2, 0, 2, 3};
            assert_memory_equal(m.triangles, two, sizeof two);
            mesh_deinit(&m);
            for (size_t cut = 0; cut < b.size; cut++) {
                uint8_t *copy = malloc(cut ? cut : 1);
                assert_non_null(copy);
                memcpy(copy, b.data, cut);
                assert_int_equal(mesh_ply_decode(copy, cut, &m, NULL), STATUS_INVALID);
                free(copy);
            }
            put(&b, "\n", 1, false); /* blanks may follow, nothing else */
            assert_int_equal(mesh_ply_decode(b.data, b.size, &m, NULL), STATUS_OK);
            mesh_deinit(&m);
            put(&b, "x", 1, false);
            assert_int_equal(mesh_ply_decode(b.data, b.size, &m, NULL), STATUS_INVALID);
            buffer_deinit(&b);
        }
}

/* Lines that end with \r alone leave a \n that is the first byte of the data. */
static void a_ply_header_of_carriage_returns_leaves_the_data_whole(void **state)
{
    (void)state;
    static const char *const ends[] = {"\n", "\r", "\r\n"};
    for (size_t i = 0; i < 3; i++) {
        struct buffer b;
        struct mesh m;
        const char *e = ends[i];
        const int8_t places[] = {10, 0, 0, 11, 0, 0, 10, 1, 0};
        buffer_init(&b, 4096);
        assert_int_equal(
            buffer_printf(
                &b, NULL,
                "ply%sformat binary_little_endian 1.0%selement vertex 3%sproperty char x%s"
                "property char y%sproperty char z%selement face 1%s"
                "property list uchar uchar vertex_indices%send_header%s",
                e, e, e, e, e, e, e, e, e),
            STATUS_OK);
        put(&b, places, sizeof places, false);
        put(&b, (const uint8_t[]){3, 0, 1, 2}, 4, false);
        assert_int_equal(mesh_decode(b.data, b.size, &m, NULL), STATUS_OK);
        assert_true(m.vertices[0] == 10.0f && m.vertices[3] == 11.0f && m.vertices[7] == 1.0f);
        mesh_deinit(&m);
        buffer_deinit(&b);
    }
}

/* --- out again --- */

static void what_is_written_as_ply_is_read_again(void **state)
{
    (void)state;
    float vertices[] = {0, 0, 0, 1.5f, 0, 0, 0, 1e-20f, 0, 0, 0, 3e38f};
    float normals[] = {0, 0, 1, 0, 0, 1, 0, 0, 1, 1, 0, 0};
    uint32_t triangles[] = {0, 1, 2, 0, 3, 1};
    const struct mesh m = {4, 2, vertices, triangles};
    for (size_t k = 0; k < 2; k++) {
        struct buffer b;
        struct mesh again;
        buffer_init(&b, 4096);
        assert_int_equal(mesh_ply_encode(&m, k ? normals : NULL, &b, NULL), STATUS_OK);
        assert_int_equal(mesh_ply_decode(b.data, b.size, &again, NULL), STATUS_OK);
        assert_memory_equal(again.vertices, vertices, sizeof vertices);
        assert_memory_equal(again.triangles, triangles, sizeof triangles);
        mesh_deinit(&again);
        buffer_deinit(&b);
        buffer_init(&b, 100);
        assert_int_equal(mesh_ply_encode(&m, k ? normals : NULL, &b, NULL), STATUS_TOO_LARGE);
        assert_int_equal(b.size, 0);
        assert_int_equal(mesh_glb_encode(&m, NULL, &b, NULL), STATUS_TOO_LARGE);
        assert_int_equal(b.size, 0);
        buffer_deinit(&b);
    }
}

static uint32_t word(const struct buffer *b, size_t at)
{
    uint32_t v;
    assert_true(at + 4 <= b->size);
    memcpy(&v, b->data + at, 4);
    return v;
}

/* The chunks are where glTF wants them; what they mean, a validator says (docs/performance.md). */
static void a_glb_holds_the_numbers_of_the_mesh(void **state)
{
    (void)state;
    float vertices[] = {0.1f, 0, 0, 1, 0, -7, 0, 1, 0};
    float normals[] = {0, 0, 1, 0, 0, 1, 0, 0, 1};
    uint32_t triangles[] = {0, 1, 2};
    const struct mesh m = {3, 1, vertices, triangles};
    for (size_t k = 0; k < 2; k++) {
        struct buffer b;
        buffer_init(&b, 1 << 16);
        assert_int_equal(mesh_glb_encode(&m, k ? normals : NULL, &b, NULL), STATUS_OK);
        assert_memory_equal(b.data, "glTF\2\0\0\0", 8);
        assert_int_equal(word(&b, 8), b.size);
        const size_t n_json = word(&b, 12), bin = 20 + n_json;
        assert_memory_equal(b.data + 16, "JSON", 4);
        assert_int_equal(n_json % 4, 0);
        assert_int_equal(word(&b, bin), b.size - bin - 8);
        assert_memory_equal(b.data + bin + 4, "BIN\0", 4);
        assert_memory_equal(b.data + bin + 8, vertices, sizeof vertices);
        assert_memory_equal(b.data + b.size - sizeof triangles, triangles, sizeof triangles);
        char *json = strndup((const char *)b.data + 20, n_json);
        assert_non_null(json);
        assert_non_null(strstr(json, "\"min\":[0,0,-7],\"max\":[1,1,0]"));
        assert_int_equal(strstr(json, "\"NORMAL\":1") != NULL, k);
        free(json);
        buffer_deinit(&b);
    }
}

/* --- the rest --- */

struct text_case {
    const char *text;
};

static enum status decode_once(void *context, struct error *err)
{
    struct mesh m;
    struct text_case *c = context;
    enum status status = mesh_decode((const uint8_t *)c->text, strlen(c->text), &m, err);
    if (status == STATUS_OK)
        mesh_deinit(&m);
    return status;
}

static void decoders_survive_every_failing_allocation(void **state)
{
    (void)state;
    static const char *const texts[] = {"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", TRIANGLE_OFF,
                                        PLY_START "0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n", TRIANGLE_STL};
    for (size_t i = 0; i < 4; i++)
        assert_true(alloc_fail_each(decode_once, &(struct text_case){texts[i]}) >= 2);
}

static void see_bad_file(void *context, const char *name, const uint8_t *bytes, size_t n)
{
    size_t *n_refused = context;
    const char *ending = strrchr(name, '.');
    if (!ending || !(strcmp(ending, ".obj") == 0 || strcmp(ending, ".off") == 0 ||
                     strcmp(ending, ".ply") == 0 || strcmp(ending, ".stl") == 0))
        return;
    struct mesh m = {0};
    struct error err = {.status = STATUS_OK};
    const enum status status = mesh_decode(bytes, n, &m, &err);
    /* Not watertight, but a mesh; and one whose name says so. */
    if (strcmp(name, "bunny_nonmanifold.ply") == 0 || strstr(name, "good")) {
        assert_int_equal(status, STATUS_OK);
        mesh_deinit(&m);
        return;
    }
    if (status != STATUS_INVALID || err.message[0] == '\0')
        fail_msg("%s: %s: %s", name, status_name(status), err.message);
    ++*n_refused;
}

static void bad_files_are_refused(void **state)
{
    (void)state;
    static const char *const folders[] = {"bad/mesh", "bad/made"};
    size_t n_refused = 0;
    for (size_t i = 0; i < 2; i++) {
        char *path = data_path(folders[i]);
        if (!path)
            skip();
        folder_each(path, see_bad_file, &n_refused);
        free(path);
    }
    assert_int_equal(n_refused, 20);
}

static void other_files_are_no_meshes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
    } cases[] = {
        {"\x89PNG\r\n\x1a\n", 8}, {"\x93NUMPY\1\0", 8},       {"PK\3\4", 4},
        {"NRRD0004\n", 9},        {"\xFF\xD8\xFF\xE0", 4},    {"plyx\n", 5},
        {"v\0 1 2 3\n", 9},       {"very long\n", 10},        {"OFFSET 1\n", 9},
        {"solidity\n", 9},        {"# only a comment\n", 17}, {"\x1f\x8b\x08\0", 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum mesh_format format;
        assert_false(mesh_recognize((const uint8_t *)cases[i].bytes, cases[i].n, &format));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_to_write_a_mesh_is_read),
        cmocka_unit_test(polygons_become_fans_around_their_first_corner),
        cmocka_unit_test(numbers_are_the_nearest_floats),
        cmocka_unit_test(faults_are_refused_where_they_are),
        cmocka_unit_test(faults_in_elements_of_ply_are_refused_where_they_are),
        cmocka_unit_test(binary_ply_is_read_in_both_orders_and_all_types),
        cmocka_unit_test(a_ply_header_of_carriage_returns_leaves_the_data_whole),
        cmocka_unit_test(what_is_written_as_ply_is_read_again),
        cmocka_unit_test(a_glb_holds_the_numbers_of_the_mesh),
        cmocka_unit_test(decoders_survive_every_failing_allocation),
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(other_files_are_no_meshes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
