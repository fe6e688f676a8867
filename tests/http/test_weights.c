/* Weights files: the lines of NumPy in docs/numpy_field.py compute what the service answers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/http/fit.h"
#include "tests/support/data_files.h"
#include "tests/support/python.h"

static struct service service;
static char dataset[ID_TEXT];

enum { POINTS = 50 };

static int start(void **state)
{
    (void)state;
    service_start(&service, NULL);
    upload_picture(&service, 32, 1, dataset);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static struct bytes make_points(void)
{
    float coords[2 * POINTS];
    for (size_t i = 0; i < POINTS; i++) {
        coords[2 * i] = (float)fmod((double)i * 0.7548776662466927, 1);
        coords[2 * i + 1] = (float)fmod((double)i * 0.5698402909980532, 1);
    }
    /* the first is (0, 0): both ends of the domain */
    coords[2 * POINTS - 2] = coords[2 * POINTS - 1] = 1.0F;
    return make_npy("<f4", "50, 2", coords, sizeof(coords));
}

/* Fit with this `field` member, fetch weights and values, compare with NumPy's. */
static void compare(const char *field_json)
{
    char body[1024], id[ID_TEXT], path[128], files[3][128];
    static const char *const names[] = {"weights", "points.npy", "values.npy"};
    for (size_t i = 0; i < 3; i++)
        snprintf(files[i], sizeof(files[i]), "%s/%s", service.folder, names[i]);
    snprintf(body, sizeof(body),
             "{\"dataset_id\":\"%s\",\"field\":%s,\"train\":{\"steps\":30,\"batch_size\":256}}",
             dataset, field_json);
    json_t *job = answer_json(service_post_json(&service, "/v1/jobs", body), 202);
    json_t *done = wait_for_job(&service, member_text(job, "id"), "succeeded");
    snprintf(id, sizeof(id), "%s", member_text(done, "field_id"));
    json_decref(job);
    json_decref(done);

    struct bytes points = make_points();
    struct answer weights = service_get(&service, "/v1/fields/%s/weights", id);
    snprintf(path, sizeof(path), "/v1/fields/%s/query?frame=unit", id);
    struct answer ours =
        service_send(&service, &(struct request){.path = path,
                                                 .content_type = "application/x-npy",
                                                 .body = points.data,
                                                 .n_body = points.n});
    assert_int_equal(ours.status, 200);
    file_write(files[0], weights.body.data, weights.body.n);
    file_write(files[1], points.data, points.n);
    const char *const script[] = {"docs/numpy_field.py", files[0], files[1], files[2], NULL};
    assert_int_equal(python_run(script), 0);

    float theirs[3 * POINTS];
    FILE *file = fopen(files[2], "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, -(long)sizeof(theirs), SEEK_END), 0);
    assert_int_equal(fread(theirs, sizeof(float), 3 * (size_t)POINTS, file), 3 * POINTS);
    fclose(file);
    for (size_t i = 0; i < 3 * (size_t)POINTS; i++) {
        float value;
        memcpy(&value, ours.body.data + ours.body.n - sizeof(theirs) + i * sizeof(float),
               sizeof(value));
        assert_true(fabsf(value - theirs[i]) <= 1e-5F);
    }
    bytes_free(&points);
    answer_free(&weights);
    answer_free(&ours);
}

static void numpy_computes_the_same_values(void **state)
{
    (void)state;
    if (access("docs/numpy_field.py", R_OK) != 0 || !python_has_numpy())
        skip();
    compare("{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":40,\"sigma\":5},"
            "\"network\":{\"n_hidden_layers\":2,\"width\":40}}");
    compare("{\"encoding\":{\"type\":\"positional\",\"normalize\":true,\"rotate\":true},"
            "\"network\":{\"n_hidden_layers\":1,\"width\":30,\"activation\":\"tanh\","
            "\"output_activation\":\"linear\"}}");
    compare("{\"encoding\":{\"type\":\"none\",\"input_range\":[-1,1]},"
            "\"network\":{\"n_hidden_layers\":2,\"width\":32,\"activation\":\"sin\",\"omega\":30,"
            "\"output_activation\":\"sigmoid\"}}");
    /* levels with an entry for each vertex, and hashed ones */
    compare("{\"encoding\":{\"type\":\"hashgrid\",\"n_levels\":5,\"log2_hashmap_size\":7,"
            "\"base_resolution\":4,\"finest_resolution\":40},"
            "\"network\":{\"n_hidden_layers\":1,\"width\":32}}");
    compare("{\"encoding\":{\"type\":\"densegrid\",\"n_levels\":3,\"n_features_per_level\":4,"
            "\"base_resolution\":3,\"per_level_scale\":1.7,\"interpolation\":\"smoothstep\"},"
            "\"network\":{\"n_hidden_layers\":0,\"width\":1}}");
    compare("{\"encoding\":{\"type\":\"concat\",\"parts\":["
            "{\"type\":\"gaussian\",\"n_frequencies\":10,\"sigma\":2},"
            "{\"type\":\"hashgrid\",\"n_levels\":3,\"n_features_per_level\":1,"
            "\"log2_hashmap_size\":4,\"interpolation\":\"smoothstep\"},"
            "{\"type\":\"none\"},{\"type\":\"densegrid\",\"n_levels\":1}]},"
            "\"network\":{\"n_hidden_layers\":2,\"width\":24}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numpy_computes_the_same_values),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
