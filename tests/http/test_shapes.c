/* Meshes as datasets: what their info says, their preview, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/http/fit.h"
#include "tests/support/data_files.h"

static struct service service;

static int start(void **state)
{
    (void)state;
    service_start(&service, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static struct answer upload(const char *query, const void *body, size_t n)
{
    return post_dataset(&service, query, body, n);
}

static const char tetrahedron[] = "v 9 19 29\nv 11 19 29\nv 9 21 29\nv 9 19 31\n"
                                  "f 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n";

static void a_mesh_says_where_it_is_and_that_it_is_closed(void **state)
{
    (void)state;
    json_t *d = answer_json(upload("?name=t.obj", tetrahedron, strlen(tetrahedron)), 201);
    assert_string_equal(member_text(d, "kind"), "shape");
    assert_string_equal(member_text(d, "media_type"), "model/obj");
    assert_int_equal(member_integer(d, "info.n_vertices"), 4);
    assert_int_equal(member_integer(d, "info.n_triangles"), 4);
    assert_int_equal(member_integer(d, "info.n_edges"), 6);
    assert_int_equal(member_integer(d, "info.euler"), 2);
    assert_true(json_is_true(member_get(d, "info.watertight")));
    assert_int_equal(json_array_size(member_get(d, "info.warnings")), 0);
    static const double box[] = {9, 19, 29, 11, 21, 31};
    for (size_t i = 0; i < 6; i++)
        assert_true(json_number_value(json_array_get(member_get(d, "info.bbox"), i)) == box[i]);
    const double volume = json_number_value(member_get(d, "info.volume"));
    assert_true(volume > 1.3333 && volume < 1.3334);

    /* Open, turned around here and there: it is taken, and said. */
    static const char odd[] = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nv 5 5 5\n"
                              "f 1 2 3\nf 1 2 4\nf 1 1 2\nf 1 2 3\n";
    json_t *o = answer_json(upload("", odd, strlen(odd)), 201);
    assert_true(json_is_false(member_get(o, "info.watertight")));
    const json_t *warnings = member_get(o, "info.warnings");
    assert_int_equal(json_array_size(warnings), 5);
    assert_memory_equal(json_string_value(json_array_get(warnings, 0)), "not watertight: ", 16);
    json_decref(o);

    char path[128];
    snprintf(path, sizeof(path), "/v1/datasets/%s/preview?width=40", member_text(d, "id"));
    struct answer a = service_get(&service, "%s", path);
    assert_int_equal(a.status, 200);
    assert_memory_equal(a.body.data, "\x89PNG", 4);
    assert_int_equal(a.body.data[19], 40);
    assert_int_equal(a.body.data[23], 40);
    answer_free(&a);
    json_decref(d);
}

static void broken_meshes_are_refused_with_words_and_nothing_is_kept(void **state)
{
    (void)state;
    static const struct {
        const char *query, *body, *words;
    } cases[] = {
        {"", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 4\n", "line 4: a corner is not one of the 3"},
        {"", "v 0 0 0\n", "no faces"},
        {"", "OFF\n4000000000 1 0\n0 0 0\n", "too short for 4000000000 vertices"},
        {"", "solid\nfacet\n", "cut off"},
        {"", "ply\nformat ascii 1.0\nend_header\n", "no element 'vertex'"},
        {"?kind=shape", "hello", "the bytes are no shape: OBJ, PLY, STL and OFF can be read"},
        {"?kind=image", tetrahedron, "the bytes are no image"},
    };
    const size_t n = count_items(&service, "/v1/datasets");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        json_t *problem =
            answer_json(upload(cases[i].query, cases[i].body, strlen(cases[i].body)), 422);
        const char *detail = member_text(problem, "detail");
        if (!strstr(detail, cases[i].words))
            fail_msg("case %zu: %s", i, detail);
        json_decref(problem);
    }
    assert_int_equal(count_items(&service, "/v1/datasets"), n);
}

static void send_file(void *context, const char *name, const uint8_t *bytes, size_t n)
{
    struct answer a = upload("", bytes, n);
    size_t *n_seen = context;
    const bool is_good = strcmp(name, "bunny_nonmanifold.ply") == 0 || n_seen[0] == 0;
    if (a.status != (is_good ? 201 : 422))
        fail_msg("%s: %ld", name, a.status);
    answer_free(&a);
    n_seen[1]++;
}

static void every_real_mesh_is_taken_and_every_bad_one_refused(void **state)
{
    (void)state;
    static const char *const folders[] = {"shapes", "bad/mesh"};
    for (size_t i = 0; i < 2; i++) {
        char *path = data_path(folders[i]);
        size_t seen[2] = {i, 0};
        if (!path)
            skip();
        folder_each(path, send_file, seen);
        free(path);
        assert_true(seen[1] >= 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mesh_says_where_it_is_and_that_it_is_closed),
        cmocka_unit_test(broken_meshes_are_refused_with_words_and_nothing_is_kept),
        cmocka_unit_test(every_real_mesh_is_taken_and_every_bad_one_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
