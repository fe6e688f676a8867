#include "tests/http/fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The network of start_job and a batch that takes well under a millisecond. */
static const char small_spec[] =
    "\"field\":{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":32,\"sigma\":4},"
    "\"network\":{\"n_hidden_layers\":2,\"width\":32}}";
enum { SMALL_BATCH = 512 };

struct bytes sample_picture_png(size_t size, unsigned seed)
{
    char path[] = "/tmp/farfield-picture-XXXXXX", size_text[24], seed_text[24];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    snprintf(size_text, sizeof(size_text), "%zu", size);
    snprintf(seed_text, sizeof(seed_text), "%u", seed);
    const char *arguments[] = {"sample",  "picture", "--size", size_text, "--seed",
                               seed_text, "--out",   path,     NULL};
    assert_int_equal(program_run(arguments, NULL), 0);
    struct bytes png = {0};
    char part[4096];
    for (ssize_t n; (n = read(fd, part, sizeof(part))) > 0;)
        bytes_append(&png, part, (size_t)n);
    close(fd);
    unlink(path);
    assert_true(png.n > 0);
    return png;
}

struct bytes make_npy(const char *type, const char *shape, const void *data, size_t n)
{
    enum { PREFIX = 10, HEAD = 128 };
    struct bytes file = {0};
    char head[HEAD];
    int used = snprintf(head + PREFIX, sizeof(head) - PREFIX,
                        "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type, shape);
    assert_true(used > 0 && PREFIX + used < HEAD);
    memset(head + PREFIX + used, ' ', (size_t)(HEAD - PREFIX - used));
    head[HEAD - 1] = '\n';
    memcpy(head, "\x93NUMPY\x01\x00\x76\x00", PREFIX);
    bytes_append(&file, head, sizeof(head));
    bytes_append(&file, data, n);
    return file;
}

void upload_picture(const struct service *s, size_t size, unsigned seed, char id[ID_TEXT])
{
    struct bytes png = sample_picture_png(size, seed);
    struct answer a = service_send(s, &(struct request){.path = "/v1/datasets?kind=image",
                                                        .content_type = "image/png",
                                                        .body = png.data,
                                                        .n_body = png.n});
    json_t *dataset = answer_json(a, a.status == 200 ? 200 : 201);
    snprintf(id, ID_TEXT, "%s", member_text(dataset, "id"));
    json_decref(dataset);
    bytes_free(&png);
}

void start_job(const struct service *s, const char *dataset_id, unsigned steps, const char *more,
               char id[ID_TEXT])
{
    char body[2048];
    snprintf(body, sizeof(body),
             "{\"dataset_id\":\"%s\",%s,\"train\":{\"steps\":%u,\"batch_size\":%d,"
             "\"learning_rate\":0.005}%s}",
             dataset_id, small_spec, steps, SMALL_BATCH, more);
    json_t *job = answer_json(service_post_json(s, "/v1/jobs", body), 202);
    snprintf(id, ID_TEXT, "%s", member_text(job, "id"));
    json_decref(job);
}

static json_t *read_job(const struct service *s, const char *id)
{
    return answer_json(service_get(s, "/v1/jobs/%s", id), 200);
}

static bool is_end(const char *status)
{
    return strcmp(status, "queued") != 0 && strcmp(status, "running") != 0;
}

json_t *wait_for_job(const struct service *s, const char *id, const char *status)
{
    double end = now_seconds() + 60 * SLOWNESS;
    for (;;) {
        json_t *job = read_job(s, id);
        const char *now = member_text(job, "status");
        if (strcmp(now, status) == 0)
            return job;
        if (is_end(now) || now_seconds() > end) {
            char *text = json_dumps(job, 0);
            fail_msg("the job is %s, not %s: %.700s", now, status, text ? text : "");
        }
        json_decref(job);
        pause_briefly();
    }
}

void wait_for_step(const struct service *s, const char *id, int64_t step)
{
    double end = now_seconds() + 60 * SLOWNESS;
    for (int64_t now = 0; now < step;) {
        json_t *job = read_job(s, id);
        if (is_end(member_text(job, "status")) || now_seconds() > end)
            fail_msg("the job is %s at step %d", member_text(job, "status"), (int)now);
        now = member_integer(job, "step");
        json_decref(job);
        pause_briefly();
    }
}

/* The estimate of a preset that ends by steps is then more than nothing. */
void wait_for_measured_machine(const struct service *s)
{
    const double end = now_seconds() + 60 * SLOWNESS;
    for (double seconds = 0; seconds == 0; pause_briefly()) {
        size_t i;
        json_t *preset, *list = answer_json(service_get(s, "/v1/presets"), 200);
        json_array_foreach (json_object_get(list, "items"), i, preset) {
            const json_t *estimate = json_object_get(preset, "estimate");
            if (strcmp(member_text(preset, "name"), "paper") == 0)
                seconds += json_number_value(json_object_get(estimate, "seconds"));
        }
        json_decref(list);
        assert_true(now_seconds() < end);
    }
}

void make_field(const struct service *s, size_t size, unsigned steps, char field_id[ID_TEXT])
{
    char dataset[ID_TEXT], job[ID_TEXT];
    upload_picture(s, size, 1, dataset);
    start_job(s, dataset, steps, "", job);
    json_t *done = wait_for_job(s, job, "succeeded");
    snprintf(field_id, ID_TEXT, "%s", member_text(done, "field_id"));
    json_decref(done);
}

void make_solid(const struct service *s, char field_id[ID_TEXT])
{
    uint8_t voxels[4 * 5 * 6] = {0};
    char job[ID_TEXT];
    memset(voxels, 255, sizeof voxels / 2); /* so that there is a surface */
    struct bytes npy = make_npy("|u1", "4, 5, 6", voxels, sizeof voxels);
    const struct request upload = {
        .method = "POST", .path = "/v1/datasets?kind=volume", .body = npy.data, .n_body = npy.n};
    json_t *dataset = answer_json(service_send(s, &upload), 201);
    start_job(s, member_text(dataset, "id"), 20, "", job);
    json_t *done = wait_for_job(s, job, "succeeded");
    snprintf(field_id, ID_TEXT, "%s", member_text(done, "field_id"));
    json_decref(done);
    json_decref(dataset);
    bytes_free(&npy);
}

struct answer post_dataset(const struct service *s, const char *query, const void *body, size_t n)
{
    char path[256];
    snprintf(path, sizeof path, "/v1/datasets%s", query);
    return service_send(s, &(struct request){.path = path, .body = body, .n_body = n});
}

size_t count_items(const struct service *s, const char *path)
{
    size_t n = 0;
    char cursor[256] = "";
    do {
        json_t *page = answer_json(
            service_get(s, "%s?limit=200%s%s", path, cursor[0] ? "&cursor=" : "", cursor), 200);
        const json_t *next = json_object_get(page, "next_cursor");
        n += json_array_size(json_object_get(page, "items"));
        snprintf(cursor, sizeof cursor, "%s", json_is_string(next) ? json_string_value(next) : "");
        json_decref(page);
    } while (cursor[0]);
    return n;
}
