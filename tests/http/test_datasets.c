/* Datasets: upload, what is refused, bytes back, preview, lists, delete. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/http/fit.h"

static struct service service;
static struct bytes picture;

enum { SIZE = 64 };

static int start(void **state)
{
    (void)state;
    service_start(&service, NULL);
    picture = sample_picture_png(SIZE, 7);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    bytes_free(&picture);
    service_remove(&service);
    return 0;
}

static struct answer upload(const char *query, const char *type, const void *body, size_t n)
{
    char path[1024];
    snprintf(path, sizeof(path), "/v1/datasets%s", query);
    return service_send(
        &service, &(struct request){.path = path, .content_type = type, .body = body, .n_body = n});
}

/* The picture as a dataset, there already or not. */
static json_t *upload_known(void)
{
    struct answer a = upload("?kind=image", "image/png", picture.data, picture.n);
    return answer_json(a, a.status == 200 ? 200 : 201);
}

static void upload_answers_201_and_describes_the_picture(void **state)
{
    (void)state;
    struct answer a = upload("?name=dawn.png", "image/png", picture.data, picture.n);
    char location[128], path[128];
    snprintf(location, sizeof(location), "%s", answer_header(&a, "Location"));
    assert_string_equal(answer_header(&a, "X-Content-Type-Options"), "nosniff");
    json_t *dataset = answer_json(a, 201);
    snprintf(path, sizeof(path), "/v1/datasets/%s", member_text(dataset, "id"));
    assert_string_equal(location, path);
    assert_string_equal(member_text(dataset, "kind"), "image");
    assert_string_equal(member_text(dataset, "name"), "dawn.png");
    assert_string_equal(member_text(dataset, "media_type"), "image/png");
    assert_int_equal(member_integer(dataset, "bytes"), picture.n);
    assert_int_equal(strlen(member_text(dataset, "sha256")), 64);
    assert_int_equal(member_text(dataset, "created_at")[19], '.');
    const json_t *shape = member_get(dataset, "info.shape");
    assert_int_equal(json_array_size(shape), 3);
    assert_int_equal(json_integer_value(json_array_get(shape, 0)), SIZE);
    assert_int_equal(json_integer_value(json_array_get(shape, 2)), 3);
    assert_int_equal(member_integer(dataset, "info.channels"), 3);

    json_t *again = answer_json(service_get(&service, "%s", path), 200);
    assert_true(json_equal(dataset, again));
    json_decref(again);
    json_decref(dataset);
}

static void same_bytes_again_answer_200_with_the_same_dataset(void **state)
{
    (void)state;
    json_t *first = upload_known();
    size_t n = count_items(&service, "/v1/datasets");
    json_t *second =
        answer_json(upload("?kind=image&name=other", NULL, picture.data, picture.n), 200);
    json_t *third = answer_json(upload("", NULL, picture.data, picture.n), 200);
    assert_true(json_equal(first, second));
    assert_true(json_equal(first, third));
    assert_int_equal(count_items(&service, "/v1/datasets"), n);
    json_decref(first);
    json_decref(second);
    json_decref(third);
}

static void upload_takes_one_multipart_part_named_file(void **state)
{
    (void)state;
    static const char head[] = "--limit\r\nContent-Disposition: form-data; name=\"file\"; "
                               "filename=\"evening.png\"\r\nContent-Type: image/png\r\n\r\n";
    static const char tail[] = "\r\n--limit--\r\n";
    struct bytes png = sample_picture_png(SIZE, 8), body = {0};
    bytes_append(&body, head, sizeof(head) - 1);
    bytes_append(&body, png.data, png.n);
    bytes_append(&body, tail, sizeof(tail) - 1);
    json_t *dataset = answer_json(
        upload("?kind=image", "multipart/form-data; boundary=limit", body.data, body.n), 201);
    assert_string_equal(member_text(dataset, "name"), "evening.png");
    assert_int_equal(member_integer(dataset, "bytes"), png.n);
    json_decref(dataset);
    bytes_free(&png);
    bytes_free(&body);
}

static void an_array_needs_its_kind(void **state)
{
    (void)state;
    static const unsigned char values[12] = {0, 50, 100, 150, 200, 250, 1, 2, 3, 4, 5, 6};
    struct bytes npy = make_npy("|u1", "3, 4", values, sizeof(values));
    answer_problem(upload("", "application/x-npy", npy.data, npy.n), 422, NULL);
    json_t *dataset = answer_json(upload("?kind=image", "application/x-npy", npy.data, npy.n), 201);
    bytes_free(&npy);
    assert_int_equal(member_integer(dataset, "info.channels"), 1);
    json_decref(dataset);
}

static void bad_uploads_are_refused_and_nothing_is_kept(void **state)
{
    (void)state;
    static const float not_finite[4] = {0, 1, (float)(1e300 * 1e300), 0.5F};
    struct bytes npy = make_npy("<f4", "2, 2", not_finite, sizeof(not_finite));
    size_t n = count_items(&service, "/v1/datasets");
    const struct {
        const char *query;
        const void *body;
        size_t n;
        const char *pointer;
    } cases[] = {
        {"?kind=image", picture.data, picture.n / 2, NULL},
        {"?kind=image", "not a picture", 13, NULL},
        {"", "not a picture", 13, NULL},
        {"?kind=image", "", 0, NULL},
        {"?kind=image", npy.data, npy.n, NULL},
        {"?kind=painting", picture.data, picture.n, "/kind"},
        {"?kind=volume", picture.data, picture.n, NULL},
        {"?kind=volume", npy.data, npy.n, NULL},
        {"?kind=image&name=%01", picture.data, picture.n, "/name"},
        {"?kind=image&colour=red", picture.data, picture.n, "/colour"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        answer_problem(upload(cases[i].query, NULL, cases[i].body, cases[i].n), 422,
                       cases[i].pointer);
    assert_int_equal(count_items(&service, "/v1/datasets"), n);
    bytes_free(&npy);
}

static void content_is_the_original_bytes_with_ranges_and_entity_tag(void **state)
{
    (void)state;
    json_t *dataset = upload_known();
    char path[128], tag[128], header[160];
    snprintf(path, sizeof(path), "/v1/datasets/%s/content", member_text(dataset, "id"));
    snprintf(tag, sizeof(tag), "\"%s\"", member_text(dataset, "sha256"));
    json_decref(dataset);

    struct answer all = service_get(&service, "%s", path);
    assert_int_equal(all.status, 200);
    assert_int_equal(all.body.n, picture.n);
    assert_memory_equal(all.body.data, picture.data, picture.n);
    assert_string_equal(answer_header(&all, "ETag"), tag);
    assert_string_equal(answer_header(&all, "Content-Type"), "image/png");
    assert_memory_equal(answer_header(&all, "Content-Disposition"), "attachment;", 11);
    answer_free(&all);

    struct answer part =
        service_send(&service, &(struct request){.path = path, .headers = {"Range: bytes=10-19"}});
    assert_int_equal(part.status, 206);
    assert_int_equal(part.body.n, 10);
    assert_memory_equal(part.body.data, picture.data + 10, 10);
    answer_free(&part);

    snprintf(header, sizeof(header), "If-None-Match: %s", tag);
    answer_status(service_send(&service, &(struct request){.path = path, .headers = {header}}),
                  304);
    answer_status(service_send(&service, &(struct request){.method = "HEAD", .path = path}), 200);
}

static void preview_is_a_png_of_the_width_asked_for(void **state)
{
    (void)state;
    json_t *dataset = upload_known();
    char path[128];
    snprintf(path, sizeof(path), "/v1/datasets/%s/preview", member_text(dataset, "id"));
    json_decref(dataset);
    struct answer a = service_get(&service, "%s?width=32", path);
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "Content-Type"), "image/png");
    assert_true(strlen(answer_header(&a, "ETag")) > 0);
    assert_memory_equal(a.body.data, "\x89PNG", 4);
    assert_int_equal(a.body.data[19], 32); /* IHDR: width, height, big-endian */
    assert_int_equal(a.body.data[23], 32);
    answer_free(&a);
    answer_problem(service_get(&service, "%s?width=5", path), 422, "/width");
}

static void list_is_newest_first_and_pages_do_not_shift(void **state)
{
    (void)state;
    char id[3][ID_TEXT], cursor[128], link[256];
    for (unsigned i = 0; i < 3; i++)
        upload_picture(&service, 16, 100 + i, id[i]);

    struct answer a = service_get(&service, "/v1/datasets?limit=2");
    snprintf(link, sizeof(link), "%s", answer_header(&a, "Link"));
    json_t *page = answer_json(a, 200);
    const json_t *items = member_get(page, "items");
    assert_int_equal(json_array_size(items), 2);
    assert_string_equal(member_text(json_array_get(items, 0), "id"), id[2]);
    assert_string_equal(member_text(json_array_get(items, 1), "id"), id[1]);
    snprintf(cursor, sizeof(cursor), "%s", member_text(page, "next_cursor"));
    json_decref(page);
    assert_non_null(strstr(link, "rel=\"next\""));
    assert_non_null(strstr(link, "limit=2"));

    char another[ID_TEXT];
    upload_picture(&service, 16, 200, another);
    page = answer_json(service_get(&service, "/v1/datasets?limit=2&cursor=%s", cursor), 200);
    assert_string_equal(member_text(json_array_get(member_get(page, "items"), 0), "id"), id[0]);
    json_decref(page);
    answer_problem(service_get(&service, "/v1/datasets?limit=0"), 422, "/limit");
    answer_problem(service_get(&service, "/v1/datasets?limit=201"), 422, "/limit");
    answer_problem(service_get(&service, "/v1/datasets?cursor=nonsense"), 422, "/cursor");
}

static void delete_answers_204_and_then_404(void **state)
{
    (void)state;
    char id[ID_TEXT];
    upload_picture(&service, 16, 300, id);
    answer_status(service_delete(&service, "/v1/datasets/%s", id), 204);
    answer_problem(service_get(&service, "/v1/datasets/%s", id), 404, NULL);
    answer_problem(service_delete(&service, "/v1/datasets/%s", id), 404, NULL);
    answer_problem(service_get(&service, "/v1/datasets/%s/content", id), 404, NULL);
    answer_problem(service_get(&service, "/v1/datasets/ds_x"), 404, NULL);
}

static void delete_is_refused_while_a_job_needs_the_dataset(void **state)
{
    (void)state;
    char id[ID_TEXT], job[ID_TEXT], path[128];
    upload_picture(&service, 32, 400, id);
    start_job(&service, id, 10000000, "", job);
    answer_problem(service_delete(&service, "/v1/datasets/%s", id), 409, NULL);
    snprintf(path, sizeof(path), "/v1/jobs/%s/cancel", job);
    answer_status(service_post_json(&service, path, "{}"), 200);
    json_decref(wait_for_job(&service, job, "canceled"));
    answer_status(service_delete(&service, "/v1/datasets/%s", id), 204);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(upload_answers_201_and_describes_the_picture),
        cmocka_unit_test(same_bytes_again_answer_200_with_the_same_dataset),
        cmocka_unit_test(upload_takes_one_multipart_part_named_file),
        cmocka_unit_test(an_array_needs_its_kind),
        cmocka_unit_test(bad_uploads_are_refused_and_nothing_is_kept),
        cmocka_unit_test(content_is_the_original_bytes_with_ranges_and_entity_tag),
        cmocka_unit_test(preview_is_a_png_of_the_width_asked_for),
        cmocka_unit_test(list_is_newest_first_and_pages_do_not_shift),
        cmocka_unit_test(delete_answers_204_and_then_404),
        cmocka_unit_test(delete_is_refused_while_a_job_needs_the_dataset),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
