/* What a body says about encodings beyond their tables (frequencies, parts), and the sizes that are
 * left to the service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/codec/codec_json.h"
#include "api/codec/codec_spec.h"
#include "core/base/mem.h"
#include "tests/api/spec_bodies.h"

static void explicit_frequencies_reach_core(void **state)
{
    (void)state;
    struct spec s;
    json_t *spec = resolve("{" DS ",\"field\":{\"encoding\":{\"type\":\"explicit\","
                           "\"b\":[[1,2],[3,4.5],[-1,0]],\"a\":[1,0.5,0]}}}",
                           &s);
    assert_int_equal(s.field.encoding.n_frequencies, 3);
    const double *b = s.field.encoding.b, *a = s.field.encoding.a;
    assert_true(b[3] == 4.5 && b[4] == -1.0 && a[1] == 0.5 && a[2] == 0.0);
    assert_ptr_equal(b, s.numbers[0]);
    spec_deinit(&s);
    json_decref(spec);
    spec = resolve("{" DS ",\"field\":{\"encoding\":{\"type\":\"explicit\",\"b\":[[1,2],[3,4]]}}}",
                   &s);
    a = s.field.encoding.a;
    assert_true(a[0] == 1.0 && a[1] == 1.0);
    expect(spec, "/field/encoding/a", "[1.0,1.0]");
    spec_deinit(&s);
    json_decref(spec);
}

static void grids_get_the_sizes_that_suit_the_picture(void **state)
{
    (void)state;
    struct spec s;
    json_t *spec = resolve(
        "{" DS ",\"preset\":\"paper\",\"field\":{\"encoding\":{\"type\":\"hashgrid\"}}}", &s);
    const struct encoding_spec *e = &s.field.encoding;
    assert_int_equal(e->type, ENCODING_HASHGRID);
    assert_true(e->n_levels == 16 && e->n_features_per_level == 2 && e->base_resolution == 16);
    assert_true(e->finest_resolution == 64.0); /* the longer side */
    assert_int_equal(e->log2_hashmap_size, 12);
    expect(spec, "/field/encoding/finest_resolution", "64.0");
    expect(spec, "/field/encoding/log2_hashmap_size", "12");
    expect(spec, "/field/encoding/per_level_scale", "null");
    spec_deinit(&s);
    json_decref(spec);
    /* a factor becomes the resolution that it leads to */
    spec = resolve("{" DS ",\"field\":{\"encoding\":{\"type\":\"densegrid\",\"n_levels\":3,"
                   "\"base_resolution\":10,\"per_level_scale\":1.5,\"interpolation\":"
                   "\"smoothstep\"}}}",
                   &s);
    assert_true(e->finest_resolution == 22.5 && e->interpolation == INTERPOLATION_SMOOTHSTEP);
    assert_true(e->per_level_scale == 0.0);
    expect(spec, "/field/encoding/per_level_scale", "null");
    spec_deinit(&s);
    json_decref(spec);
}

/* Less memory for a job: smaller tables. */
static void grids_stay_below_the_memory_of_a_job(void **state)
{
    (void)state;
    struct dataset_row large = picture;
    char large_info[] = "{\"shape\":[4000,4000,3],\"channels\":3,\"bits_per_channel\":8}";
    large.info_json = large_info;
    json_t *body = json_loads(
        "{" DS ",\"preset\":\"paper\",\"field\":{\"encoding\":{\"type\":\"hashgrid\"}}}", 0, NULL);
    static const struct {
        uint64_t bytes;
        size_t log2_size;
    } cases[] = {{0, 20}, {(uint64_t)16 << 30, 20}, {(uint64_t)1 << 30, 19}, {1, 12}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct problem_list problems = {.status = STATUS_OK};
        struct spec s;
        json_t *spec, *labels;
        assert_int_equal(
            codec_spec_resolve(body, &large, cases[i].bytes, &spec, &labels, &s, &problems),
            STATUS_OK);
        assert_int_equal(s.field.encoding.log2_hashmap_size, cases[i].log2_size);
        spec_deinit(&s);
        json_decref(spec);
        json_decref(labels);
    }
    json_decref(body);
}

static void parts_are_encodings_of_their_own(void **state)
{
    (void)state;
    struct spec s;
    json_t *spec = resolve("{" DS ",\"field\":{\"encoding\":{\"type\":\"concat\",\"parts\":["
                           "{\"type\":\"hashgrid\",\"n_levels\":4},"
                           "{\"type\":\"explicit\",\"b\":[[1,2]]},{\"type\":\"gaussian\"}]}}}",
                           &s);
    const struct encoding_spec *e = &s.field.encoding;
    assert_int_equal(e->n_parts, 3);
    assert_true(e->parts[0].type == ENCODING_HASHGRID && e->parts[0].n_levels == 4);
    assert_true(e->parts[0].finest_resolution == 64.0 && e->parts[0].n_inputs == 2);
    assert_true(e->parts[1].type == ENCODING_EXPLICIT && e->parts[1].b[1] == 2.0);
    assert_true(e->parts[2].type == ENCODING_GAUSSIAN && e->parts[2].n_frequencies == 256);
    json_t *parts =
        json_object_get(json_object_get(json_object_get(spec, "field"), "encoding"), "parts");
    expect(json_array_get(parts, 1), "/a", "[1.0]");
    expect(json_array_get(parts, 0), "/finest_resolution", "64.0");
    const struct spec_facts facts = spec_facts_of_image(64, 48, 3);
    struct spec again; /* as a worker reads it */
    char *text = json_dumps(spec, 0);
    assert_int_equal(codec_spec_read(text, &facts, &again, NULL), STATUS_OK);
    assert_true(again.field.encoding.n_parts == 3 && again.parts[1].b[0] == 1.0);
    free(text);
    spec_deinit(&again);
    spec_deinit(&s);
    json_decref(spec);
}

/* "auto", which is what fast says, goes by the picture. */
static void batches_grow_with_the_picture(void **state)
{
    (void)state;
    static const struct {
        char info[64];
        size_t batch_size;
    } cases[] = {{"{\"shape\":[1,1,3]}", 8192},
                 {"{\"shape\":[1448,1448,3]}", 8192},
                 {"{\"shape\":[2000,2000,3]}", 16384},
                 {"{\"shape\":[4344,3250,1]}", 32768}};
    json_t *body = body_of("{" DS ",\"train\":{\"batch_size\":\"auto\"}}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char info_text[64];
        struct dataset_row row = picture;
        struct problem_list problems = {0};
        struct spec s;
        json_t *spec, *labels;
        memcpy(info_text, cases[i].info, sizeof info_text);
        row.info_json = info_text;
        assert_int_equal(codec_spec_resolve(body, &row, 0, &spec, &labels, &s, &problems),
                         STATUS_OK);
        assert_int_equal(s.train.batch_size, cases[i].batch_size);
        spec_deinit(&s);
        json_decref(spec);
        json_decref(labels);
    }
    json_decref(body);
}

static void bad_grids_and_parts_are_refused_at_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *members; /* after the dataset's id */
        const char *pointer;
        enum status status;
    } cases[] = {
        {",\"field\":{\"encoding\":{\"type\":\"hashgrid\",\"n_levels\":33}}",
         "/field/encoding/n_levels", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"hashgrid\",\"n_features_per_level\":3}}",
         "/field/encoding/n_features_per_level", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"hashgrid\",\"log2_hashmap_size\":\"big\"}}",
         "/field/encoding/log2_hashmap_size", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"hashgrid\",\"finest_resolution\":8}}",
         "/field/encoding/finest_resolution", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"hashgrid\",\"finest_resolution\":64,"
         "\"per_level_scale\":1.5}}",
         "/field/encoding/per_level_scale", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"hashgrid\",\"per_level_scale\":9}}",
         "/field/encoding/per_level_scale", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"densegrid\",\"finest_resolution\":60000}}",
         "/field/encoding", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"densegrid\",\"log2_hashmap_size\":9}}",
         "/field/encoding/log2_hashmap_size", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"concat\"}}", "/field/encoding/parts",
         STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"concat\",\"parts\":[]}}", "/field/encoding/parts",
         STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"concat\",\"parts\":[{\"type\":\"basic\"},"
         "{\"sigma\":3}]}}",
         "/field/encoding/parts/1/type", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"concat\",\"parts\":[{\"type\":\"basic\"},"
         "{\"type\":\"concat\",\"parts\":[{\"type\":\"basic\"},{\"type\":\"basic\"}]}]}}",
         "/field/encoding/parts/1", STATUS_INVALID},
        {",\"field\":{\"encoding\":{\"type\":\"concat\",\"parts\":[{\"type\":\"basic\"},"
         "{\"type\":\"explicit\",\"b\":[[1,\"2\"]]}]}}",
         "/field/encoding/parts/1/b/0/1", STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        struct problem_list problems = {.status = STATUS_OK};
        snprintf(text, sizeof text, "{" DS ",\"preset\":\"paper\"%s}", cases[i].members);
        json_t *body = body_of(text), *spec = NULL, *labels = NULL;
        const enum status status =
            codec_spec_resolve(body, &picture, 0, &spec, &labels, NULL, &problems);
        if (status != cases[i].status || problems.n != 1 ||
            strcmp(problems.item[0].pointer, cases[i].pointer) != 0)
            fail_msg("%s: %zu problems, %s %s", text, problems.n, problems.item[0].pointer,
                     problems.item[0].detail);
        json_decref(body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explicit_frequencies_reach_core),
        cmocka_unit_test(grids_get_the_sizes_that_suit_the_picture),
        cmocka_unit_test(grids_stay_below_the_memory_of_a_job),
        cmocka_unit_test(parts_are_encodings_of_their_own),
        cmocka_unit_test(batches_grow_with_the_picture),
        cmocka_unit_test(bad_grids_and_parts_are_refused_at_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
