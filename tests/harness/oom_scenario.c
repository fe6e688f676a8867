#include "tests/harness/oom_scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct oom_scene oom;

const char oom_datasets[] = "/v1/datasets?limit=200";
const char oom_queue[] = "/v1/jobs?status=queued";

void oom_fill_in(const char *template, char *out, size_t size)
{
    size_t n = 0;
    char number[16];
    snprintf(number, sizeof(number), "%u", oom.n_tries);
    for (const char *at = template; *at && n + 1 < size; at++) {
        const char *value = at[0] != '$'                   ? NULL
                            : at[1] == 'D'                 ? oom.dataset
                            : at[1] == 'F'                 ? oom.field
                            : at[1] == 'H'                 ? oom.heavy
                            : at[1] == 'J'                 ? oom.done
                            : at[1] == 'R'                 ? oom.running
                            : at[1] == 'G'                 ? oom.training
                            : at[1] == 'T'                 ? oom.own
                            : at[1] == 'N'                 ? number
                            : at[1] == 'v'                 ? oom.of_kind[SPECIMEN_VIEWS]
                            : at[1] == 'c'                 ? oom.of_kind[SPECIMEN_KSPACE]
                            : at[1] >= '0' && at[1] <= '9' ? oom.of_fit[at[1] - '0']
                                                           : NULL;
        if (value) {
            n += (size_t)snprintf(out + n, size - n, "%s", value);
            at++;
        } else {
            out[n++] = *at;
        }
    }
    assert_true(n < size);
    out[n] = '\0';
}

/* --- after a try --- */

static void repeat(const struct try *try, long status)
{
    struct answer a = service_send(&oom.starved.service, &try->request);
    if (a.status != status)
        starved_fail(&oom.starved, "the same request again is answered %ld, not %ld: %.300s",
                     a.status, status, a.body.data ? (const char *)a.body.data : "");
    answer_free(&a);
}

json_t *oom_get_items(const char *path)
{
    json_t *list = answer_json(service_get(&oom.starved.service, "%s", path), 200);
    json_t *items = json_incref(json_object_get(list, "items"));
    json_decref(list);
    assert_true(json_is_array(items));
    return items;
}

size_t oom_count_items(const char *path)
{
    json_t *items = oom_get_items(path);
    size_t n = json_array_size(items);
    json_decref(items);
    return n;
}

/* Is the thing that the try was to make there?  After success it must be, after refusal not. */
static bool was_made(const struct try *try, size_t n_before, const char *list)
{
    size_t n = oom_count_items(list);
    if (n > n_before + 1 || n < n_before)
        starved_fail(&oom.starved, "%zu of %s, before it were %zu", n, list, n_before);
    bool is_there = n == n_before + 1;
    if (try->outcome == GOOD && !is_there)
        starved_fail(&oom.starved, "answered %ld, but nothing was stored", try->answer.status);
    if (try->outcome == REFUSED && is_there)
        starved_fail(&oom.starved, "answered 503, but it was stored");
    return is_there;
}

static void check_upload(const struct try *try)
{
    bool is_there = was_made(try, oom.n_datasets, oom_datasets);
    repeat(try, is_there ? 200 : 201);
    json_t *items = oom_get_items(oom_datasets);
    const char *id = member_text(json_array_get(items, 0), "id");
    const struct bytes *body = try->scenario->bytes, *file = body == &oom.form ? &oom.png : body;
    struct answer a = service_get(&oom.starved.service, "/v1/datasets/%s/content", id);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body.n, file->n);
    assert_memory_equal(a.body.data, file->data, a.body.n);
    answer_free(&a);
    answer_status(service_delete(&oom.starved.service, "/v1/datasets/%s", id), 204);
    json_decref(items);
}

static void prepare_dataset(void)
{
    uint8_t pixels[12];
    for (size_t i = 0; i < sizeof(pixels); i++)
        pixels[i] = (uint8_t)(oom.n_tries >> (i % 4 * 8));
    struct bytes npy = make_npy("|u1", "3, 4", pixels, sizeof(pixels));
    const struct request request = {.path = "/v1/datasets?kind=image",
                                    .content_type = "application/x-npy",
                                    .body = npy.data,
                                    .n_body = npy.n};
    json_t *dataset = answer_json(service_send(&oom.starved.service, &request), 201);
    snprintf(oom.own, sizeof(oom.own), "%s", member_text(dataset, "id"));
    json_decref(dataset);
    bytes_free(&npy);
}

static void check_delete(const struct try *try)
{
    bool is_there = was_made(&(struct try){.outcome = try->outcome == GOOD      ? REFUSED
                                                      : try->outcome == REFUSED ? GOOD
                                                                                : CUT},
                             oom.n_datasets, oom_datasets);
    repeat(try, is_there ? 204 : 404);
}

static void cancel_queued(void)
{
    json_t *items = oom_get_items(oom_queue);
    for (size_t i = 0; i < json_array_size(items); i++) {
        char path[128];
        snprintf(path, sizeof(path), "/v1/jobs/%s/cancel",
                 member_text(json_array_get(items, i), "id"));
        answer_status(service_post_json(&oom.starved.service, path, "{}"), 200);
    }
    json_decref(items);
}

static void check_job(const struct try *try)
{
    was_made(try, 0, oom_queue);
    cancel_queued();
    repeat(try, 202);
    cancel_queued();
}

/* With an Idempotency-Key the repetition makes nothing new. */
static void check_keyed_job(const struct try *try)
{
    was_made(try, 0, oom_queue);
    repeat(try, 202);
    was_made(&(struct try){.outcome = GOOD, .answer.status = 202}, 0, oom_queue);
    cancel_queued();
}

static void prepare_job(void)
{
    start_job(&oom.starved.service, oom.dataset, 100, "", oom.own);
}

static void check_cancel(const struct try *try)
{
    json_t *job = answer_json(service_get(&oom.starved.service, "/v1/jobs/%s", oom.own), 200);
    const char *status = member_text(job, "status");
    if (try->outcome == GOOD && strcmp(status, "canceled") != 0)
        starved_fail(&oom.starved, "answered %ld, but the job is %s", try->answer.status, status);
    json_decref(job);
    repeat(try, 200);
    assert_int_equal(oom_count_items(oom_queue), 0);
}

/* Both of a sweep's jobs wait, or none. */
static void check_sweep_jobs(enum outcome outcome)
{
    const size_t n = oom_count_items(oom_queue);
    if ((n != 0 && n != 2) || (outcome == GOOD && n == 0) || (outcome == REFUSED && n != 0))
        starved_fail(&oom.starved, "%zu of a sweep's two jobs were stored", n);
}

static void check_sweep(const struct try *try)
{
    check_sweep_jobs(try->outcome);
    cancel_queued();
    repeat(try, 202);
    check_sweep_jobs(GOOD);
    cancel_queued();
}

static void check_keyed_sweep(const struct try *try)
{
    check_sweep_jobs(try->outcome);
    repeat(try, 202);
    check_sweep_jobs(GOOD); /* the same two */
    cancel_queued();
}

static const char sweep_text[] =
    "{\"dataset_ids\":[\"$D\"],\"base\":{\"preset\":\"paper\",\"train\":{\"steps\":100,"
    "\"batch_size\":64}},\"grid\":{\"/field/encoding\":[{\"type\":\"none\"}],\"/train/seed\":[1,2],"
    "\"/field/network/width\":[16]},\"name\":\"try $N\"}";

static void prepare_sweep(void)
{
    char body[1024];
    oom_fill_in(sweep_text, body, sizeof(body));
    json_t *sweep = answer_json(service_post_json(&oom.starved.service, "/v1/sweeps", body), 202);
    snprintf(oom.own, sizeof(oom.own), "%s", member_text(sweep, "id"));
    json_decref(sweep);
}

static void check_sweep_read(const struct try *try)
{
    repeat(try, 200);
    cancel_queued();
}

static void check_sweep_cancel(const struct try *try)
{
    const size_t n = oom_count_items(oom_queue);
    if ((n != 0 && n != 2) || (try->outcome == GOOD && n > 0))
        starved_fail(&oom.starved, "%zu of a sweep's two jobs still wait", n);
    repeat(try, 200);
    assert_int_equal(oom_count_items(oom_queue), 0);
}

static void prepare_ended_job(void)
{
    prepare_job();
    cancel_queued();
}

static void prepare_ended_sweep(void)
{
    prepare_sweep();
    cancel_queued();
}

/* Gone after success, there after refusal. */
static void check_delete_ended(const struct try *try)
{
    struct answer a = service_get(&oom.starved.service, "%s", try->request.path);
    const bool is_there = a.status == 200;
    answer_free(&a);
    if ((try->outcome == GOOD && is_there) || (try->outcome == REFUSED && !is_there))
        starved_fail(&oom.starved, "answered %ld, but it is %s", try->answer.status,
                     is_there ? "there" : "gone");
    repeat(try, is_there ? 204 : 404);
}

void oom_check(const struct try *try)
{
    if (try->scenario->check)
        try->scenario->check(try);
    else
        repeat(try, try->scenario->good);
}

/* --- the table --- */

static const char job_text[] =
    "{\"dataset_id\":\"$D\",\"preset\":\"paper\",\"field\":{\"encoding\":{\"type\":\"explicit\","
    "\"b\":[[1,0],[0,1],[2,3]]},\"network\":{\"n_hidden_layers\":1,\"width\":16}},"
    "\"train\":{\"steps\":100,\"batch_size\":64,\"optimizer\":{\"type\":\"adam\",\"beta1\":0.8},"
    "\"schedule\":\"cosine\"},\"labels\":{\"try\":\"$N\",\"of\":\"oom\"}}";
static const char form_type[] = "multipart/form-data; boundary=oom-7d1f";

#define UPLOAD(kind_, words)                                                                       \
    {                                                                                              \
        .name = "upload_" words, .path = "/v1/datasets?kind=" words,                               \
        .type = "application/octet-stream", .bytes = &oom.files[kind_], .good = 201,               \
        .check = check_upload,                                                                     \
    }
#define FIT(number, words)                                                                         \
    {                                                                                              \
        .name = "job_create_" words, .path = "/v1/jobs", .type = "application/json",               \
        .text = oom.fits[number], .good = 202, .check = check_job,                                 \
    }
#define GET(words, path_)                                                                          \
    {                                                                                              \
        .name = words, .path = path_, .good = 200, .is_stable = true,                              \
    }
#define RENDER(words, path_, members)                                                              \
    {                                                                                              \
        .name = words, .path = path_, .type = "application/json", .good = 200, .is_stable = true,  \
        .text = "{\"width\":12,\"height\":10,\"camera\":{\"look_at\":{\"eye\":[3,2.5,2],"          \
                "\"target\":[0,0,0]},\"fov_degrees\":45}" members "}",                             \
    }

const struct scenario oom_scenarios[] = {
    /* the service */
    {.name = "healthz", .path = "/healthz", .good = 200, .is_stable = true},
    {.name = "readyz", .path = "/readyz", .good = 200, .is_stable = true},
    {.name = "metrics", .path = "/metrics", .good = 200},
    {.name = "service", .path = "/v1/service", .good = 200},
    {.name = "dashboard", .path = "/", .good = 200, .is_stable = true},
    {.name = "links",
     .path = "/",
     .headers = {"Accept: application/json"},
     .good = 200,
     .is_stable = true},
    {.name = "asset", .path = "/assets/app.js", .good = 200, .is_stable = true},
    {.name = "openapi", .path = "/openapi.json", .good = 200, .is_stable = true},
    {.name = "not_modified", .path = "/openapi.json", .headers = {"If-None-Match: *"}, .good = 304},
    {.name = "presets", .path = "/v1/presets", .good = 200, .is_stable = true},
    /* datasets */
    {.name = "upload",
     .path = "/v1/datasets?kind=image&name=a%20picture",
     .type = "image/png",
     .bytes = &oom.png,
     .good = 201,
     .check = check_upload},
    {.name = "upload_form",
     .path = "/v1/datasets",
     .type = form_type,
     .bytes = &oom.form,
     .good = 201,
     .check = check_upload},
    {.name = "upload_chunked",
     .path = "/v1/datasets",
     .type = "image/png",
     .bytes = &oom.png,
     .headers = {"Transfer-Encoding: chunked"},
     .good = 201,
     .check = check_upload},
    UPLOAD(SPECIMEN_VOLUME, "volume"),
    UPLOAD(SPECIMEN_SHAPE, "shape"),
    UPLOAD(SPECIMEN_VIEWS, "views"),
    UPLOAD(SPECIMEN_SINOGRAM, "sinogram"),
    UPLOAD(SPECIMEN_KSPACE, "kspace"),
    UPLOAD(SPECIMEN_SIGNAL, "signal"),
    GET("dataset_get_views", "/v1/datasets/$v"),
    GET("dataset_preview_views", "/v1/datasets/$v/preview?width=16"),
    GET("dataset_preview_kspace", "/v1/datasets/$c/preview?width=16"),
    {.name = "dataset_list", .path = "/v1/datasets?limit=1&q=ds_", .good = 200, .is_stable = true},
    {.name = "dataset_get", .path = "/v1/datasets/$D", .good = 200, .is_stable = true},
    {.name = "dataset_preview",
     .path = "/v1/datasets/$D/preview?width=16",
     .good = 200,
     .is_stable = true},
    {.name = "dataset_range",
     .path = "/v1/datasets/$D/content",
     .headers = {"Range: bytes=5-99"},
     .good = 206,
     .is_stable = true},
    {.name = "dataset_delete",
     .method = "DELETE",
     .path = "/v1/datasets/$T",
     .good = 204,
     .prepare = prepare_dataset,
     .check = check_delete},
    {.name = "dataset_needed", .method = "DELETE", .path = "/v1/datasets/$D", .good = 409},
    /* jobs */
    {.name = "job_create",
     .path = "/v1/jobs",
     .type = "application/json",
     .text = job_text,
     .good = 202,
     .check = check_job},
    {.name = "job_create_keyed",
     .path = "/v1/jobs",
     .type = "application/json",
     .text = job_text,
     .headers = {"Idempotency-Key: oom-$N"},
     .good = 202,
     .check = check_keyed_job},
    FIT(1, "grid"),
    FIT(2, "ct"),
    FIT(3, "mri"),
    FIT(4, "volume"),
    FIT(5, "shape"),
    FIT(6, "views"),
    FIT(7, "ct_measured"),
    FIT(8, "mri_measured"),
    FIT(9, "shape_distance"),
    FIT(10, "views_even"),
    {.name = "job_invalid",
     .path = "/v1/jobs",
     .type = "application/json",
     .text = "{\"dataset_id\":\"$D\",\"train\":{\"steps\":0,\"bathc_size\":2},\"labels\":[]}",
     .good = 422,
     .is_stable = true},
    {.name = "estimate",
     .path = "/v1/estimates",
     .type = "application/json",
     .text = "{\"dataset_id\":\"$D\",\"labels\":{\"of\":\"oom\"}}",
     .good = 200},
    {.name = "forecast",
     .path = "/v1/estimates?forecast=true",
     .type = "application/json",
     .text = "{\"dataset_id\":\"$D\",\"preset\":\"paper\",\"train\":{\"steps\":9}}",
     .good = 200},
    {.name = "job_get", .path = "/v1/jobs/$J", .good = 200, .is_stable = true},
    {.name = "job_list",
     .path = "/v1/jobs?status=succeeded&dataset_id=$D&label=of:parent",
     .good = 200,
     .is_stable = true},
    {.name = "job_metrics",
     .path = "/v1/jobs/$J/metrics?keys=psnr,loss&since_step=1",
     .good = 200,
     .is_stable = true},
    {.name = "job_events", .path = "/v1/jobs/$J/events", .good = 200},
    {.name = "job_events_over",
     .path = "/v1/jobs/$J/events",
     .headers = {"Last-Event-ID: 99999"},
     .good = 204},
    {.name = "job_events_running",
     .path = "/v1/jobs/$R/events",
     .until = "event: progress",
     .good = 200},
    {.name = "job_cancel",
     .method = "POST",
     .path = "/v1/jobs/$T/cancel",
     .good = 200,
     .prepare = prepare_job,
     .check = check_cancel},
    {.name = "job_delete",
     .method = "DELETE",
     .path = "/v1/jobs/$T",
     .good = 204,
     .prepare = prepare_ended_job,
     .check = check_delete_ended},
    {.name = "job_resume",
     .path = "/v1/jobs/$J/resume",
     .type = "application/json",
     .text = "{\"train\":{\"steps\":100000}}",
     .headers = {"Idempotency-Key: again-$N"},
     .good = 202,
     .check = check_keyed_job},
    {.name = "sweep_create",
     .path = "/v1/sweeps",
     .type = "application/json",
     .text = sweep_text,
     .good = 202,
     .check = check_sweep},
    {.name = "sweep_create_keyed",
     .path = "/v1/sweeps",
     .type = "application/json",
     .text = sweep_text,
     .headers = {"Idempotency-Key: sweep-$N"},
     .good = 202,
     .check = check_keyed_sweep},
    {.name = "sweep_get",
     .path = "/v1/sweeps/$T",
     .good = 200,
     .prepare = prepare_sweep,
     .check = check_sweep_read},
    {.name = "sweep_csv",
     .path = "/v1/sweeps/$T",
     .headers = {"Accept: text/csv"},
     .good = 200,
     .prepare = prepare_sweep,
     .check = check_sweep_read},
    {.name = "sweep_plot",
     .path = "/v1/sweeps/$T?format=png&width=160&height=160",
     .good = 200,
     .prepare = prepare_sweep,
     .check = check_sweep_read},
    {.name = "ntk_plot",
     .path = "/v1/ntk?format=png&width=160&height=160",
     .type = "application/json",
     .text = "{\"n\":4,\"dims\":2,\"encoding\":{\"type\":\"basic\"}}",
     .good = 200,
     .is_stable = true},
    {.name = "sweep_list", .path = "/v1/sweeps?limit=3", .good = 200, .is_stable = true},
    {.name = "sweep_cancel",
     .method = "POST",
     .path = "/v1/sweeps/$T/cancel",
     .good = 200,
     .prepare = prepare_sweep,
     .check = check_sweep_cancel},
    {.name = "sweep_delete",
     .method = "DELETE",
     .path = "/v1/sweeps/$T",
     .good = 204,
     .prepare = prepare_ended_sweep,
     .check = check_delete_ended},
    /* fields */
    {.name = "field_list", .path = "/v1/fields", .good = 200, .is_stable = true},
    {.name = "field_get", .path = "/v1/fields/$F", .good = 200, .is_stable = true},
    {.name = "field_evaluate", .path = "/v1/fields/$F/evaluate", .good = 200, .is_stable = true},
    {.name = "field_training", .path = "/v1/fields/$G", .good = 200, .is_stable = true},
    {.name = "value_training",
     .path = "/v1/fields/$G/value?x=3&y=4",
     .good = 200,
     .is_stable = true},
    {.name = "weights_training", .path = "/v1/fields/$G/weights", .good = 200, .is_stable = true},
    {.name = "query_json",
     .path = "/v1/fields/$F/query",
     .type = "application/json",
     .text = "{\"coords\":[[1,2],[3.5,4.5]],\"frame\":\"source\",\"outputs\":[\"value\","
             "\"gradient\"]}",
     .good = 200,
     .is_stable = true},
    {.name = "query_npy",
     .path = "/v1/fields/$F/query?frame=unit",
     .type = "application/x-npy",
     .bytes = &oom.npy_points,
     .good = 200,
     .is_stable = true},
    {.name = "query_raw_gradient",
     .path = "/v1/fields/$F/query?outputs=gradient",
     .type = "application/octet-stream",
     .bytes = &oom.raw_points,
     .good = 200,
     .is_stable = true},
    {.name = "query_json_laplacian",
     .path = "/v1/fields/$F/query",
     .type = "application/json",
     .text = "{\"coords\":[[1,2],[3.5,4.5]],\"outputs\":[\"value\",\"gradient\",\"laplacian\"]}",
     .good = 200,
     .is_stable = true},
    {.name = "value", .path = "/v1/fields/$F/value?x=3&y=4", .good = 200, .is_stable = true},
    {.name = "value_loaded", .path = "/v1/fields/$H/value?x=3&y=4", .good = 200, .is_stable = true},
    {.name = "image_png", .path = "/v1/fields/$F/image?width=48", .good = 200, .is_stable = true},
    {.name = "image_jpeg",
     .path = "/v1/fields/$F/image?width=48&format=jpeg",
     .good = 200,
     .is_stable = true},
    {.name = "image_npy",
     .path = "/v1/fields/$F/image?width=48&format=npy",
     .good = 200,
     .is_stable = true},
    {.name = "image_gradient",
     .path = "/v1/fields/$F/image?width=48&channel=gradient_norm",
     .good = 200,
     .is_stable = true},
    {.name = "image_laplacian",
     .path = "/v1/fields/$F/image?width=48&channel=laplacian&format=npy",
     .good = 200,
     .is_stable = true},
    {.name = "weights_range",
     .path = "/v1/fields/$H/weights",
     .headers = {"Range: bytes=8-500000"},
     .good = 206,
     .is_stable = true},
    {.name = "weights", .path = "/v1/fields/$H/weights", .good = 200, .is_stable = true},
    /* fields of grids, and of three dimensions */
    GET("image_grid", "/v1/fields/$1/image?width=48"),
    GET("field_get_views", "/v1/fields/$6"),
    GET("field_evaluate_volume", "/v1/fields/$4/evaluate"),
    GET("value_volume", "/v1/fields/$4/value?x=1&y=2&z=3"),
    {.name = "query_volume",
     .path = "/v1/fields/$4/query",
     .type = "application/json",
     .text = "{\"coords\":[[1,2,3],[3.5,4.5,0]],\"outputs\":[\"value\",\"gradient\"]}",
     .good = 200,
     .is_stable = true},
    GET("tile_beside", "/xyz/$1/1/0/0.png"),
    GET("tile_averaged", "/dzi/$F_files/3/0_0.png"),
    GET("tile_magnified", "/dzi/$F_files/9/1_1.png"),
    GET("tile_descriptor", "/dzi/$F.dzi"),
    GET("slice_png", "/v1/fields/$4/slice?axis=y&width=40"),
    GET("slice_npy", "/v1/fields/$4/slice?axis=x&width=40&format=npy"),
    GET("slice_views", "/v1/fields/$6/slice?axis=z&width=24&format=npy"),
    GET("volume_nifti", "/v1/fields/$4/volume?shape=9,10,11"),
    GET("volume_npy", "/v1/fields/$5/volume?shape=9,10,11&format=npy"),
    GET("mesh_glb", "/v1/fields/$4/mesh?resolution=12"),
    GET("mesh_ply", "/v1/fields/$5/mesh?resolution=12&format=ply"),
    RENDER("render_shape", "/v1/fields/$5/render", ""),
    RENDER("render_distance", "/v1/fields/$9/render", ""),
    RENDER("render_views", "/v1/fields/$6/render", ""),
    RENDER("render_views_npz", "/v1/fields/$6/render",
           ",\"outputs\":[\"color\",\"depth\",\"normal\",\"opacity\"],\"format\":\"npz\""),
    {.name = "render_invalid",
     .path = "/v1/fields/$6/render",
     .type = "application/json",
     .text = "{\"width\":0,\"camera\":{\"look_at\":{\"eye\":[0,0,0],\"target\":[0,0,0]}}}",
     .good = 422,
     .is_stable = true},
    {.name = "mesh_without_surface",
     .path = "/v1/fields/$4/mesh?resolution=12&level=1e20",
     .good = 422,
     .is_stable = true},
    /* what is refused anyway */
    {.name = "malformed_json",
     .path = "/v1/jobs",
     .type = "application/json",
     .text = "{\"dataset_id\": \"$D\",",
     .good = 400},
    {.name = "no_such_path", .path = "/v1/nothing/at/all", .good = 404},
    {.name = "no_such_field", .path = "/v1/fields/fld_00000000000000000000000000", .good = 404},
    {.name = "no_such_method", .method = "PUT", .path = "/v1/jobs", .good = 405},
    {.name = "too_large",
     .path = "/v1/jobs",
     .type = "application/json",
     .bytes = &oom.large,
     .good = 413},
    {.name = "too_large_chunked",
     .path = "/v1/jobs",
     .type = "application/json",
     .bytes = &oom.large,
     .headers = {"Transfer-Encoding: chunked"},
     .good = 413},
};
const size_t oom_n_scenarios = sizeof oom_scenarios / sizeof oom_scenarios[0];
