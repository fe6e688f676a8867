/* Request bodies: framing, limits to the byte, files and their hashes, forms, slowness. */
#include "tests/server/http/web.h"

#define ABC_SHA256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* POST n bytes 'a', by length or in chunks of 1,000; false where the server closed meanwhile. */
static bool post(int s, const char *path, const char *headers, size_t n, bool is_chunked)
{
    char head[512];
    char *bytes = malloc(n + 1);
    memset(bytes, 'a', n);
    if (is_chunked)
        snprintf(head, sizeof head,
                 "POST %s HTTP/1.1\r\nHost: x\r\n%sTransfer-Encoding: chunked\r\n\r\n", path,
                 headers);
    else
        snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n",
                 path, headers, n);
    bool ok = web_send(s, head);
    if (!is_chunked)
        ok = ok && web_send_bytes(s, bytes, n);
    for (size_t i = 0; ok && is_chunked && i < n; i += 1000) {
        size_t part = n - i < 1000 ? n - i : 1000;
        char size[16];
        snprintf(size, sizeof size, "%zx\r\n", part);
        ok = web_send(s, size) && web_send_bytes(s, bytes, part) && web_send(s, "\r\n");
    }
    if (is_chunked)
        ok = ok && web_send(s, "0\r\n\r\n");
    free(bytes);
    return ok;
}

/* A chunked body ends its connection. */
static int connect_again(const struct web *w, int s)
{
    assert_true(web_is_at_end(s));
    close(s);
    return web_connect(w);
}

static void limits_hold_to_the_byte_however_the_body_is_framed(void **state)
{
    (void)state;
    enum { JSON_LIMIT = 5000, UPLOAD_LIMIT = 300000 };
    static const struct {
        const char *path, *headers;
        size_t limit;
        unsigned status;
    } rows[] = {
        {"/json", "Content-Type: application/json\r\n", JSON_LIMIT, 200},
        {"/binary", "Content-Type: application/octet-stream\r\n", 100 * 12 + 4096, 200},
        {"/none", "", JSON_LIMIT, 200},
        {"/file", "", UPLOAD_LIMIT, 201},
    };
    struct web *w = web_start(&(struct web_wishes){
        .json_bytes = JSON_LIMIT, .upload_bytes = UPLOAD_LIMIT, .query_points_binary = 100});
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
            int s = web_connect(w);
            assert_true(post(s, rows[i].path, rows[i].headers, rows[i].limit, is_chunked));
            struct web_answer a = web_read_answer(s, false);
            assert_int_equal(a.status, rows[i].status);
            web_forget(&a);
            if (is_chunked)
                s = connect_again(w, s);
            post(s, rows[i].path, rows[i].headers, rows[i].limit + 1, is_chunked);
            a = web_read_answer(s, false);
            assert_int_equal(a.status, 413);
            char limit[32];
            snprintf(limit, sizeof limit, "%zu", rows[i].limit);
            assert_non_null(strstr((char *)a.body, limit));
            assert_string_equal(web_header(&a, "Connection"), "close");
            assert_true(web_is_at_end(s));
            web_forget(&a);
            close(s);
        }
    web_stop(w);
}

static void a_body_too_large_is_refused_before_it_is_read(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){.upload_bytes = 1000});
    struct web_answer a = web_ask(w, "POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n"
                                     "Expect: 100-continue\r\n\r\n");
    assert_int_equal(a.status, 413);
    assert_non_null(strstr((char *)a.body, "1000"));
    web_forget(&a);
    a = web_ask(w, "POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\n");
    assert_int_equal(a.status, 413);
    web_forget(&a);
    web_stop(w);
}

static void an_expected_continue_comes_before_the_body(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    int s = web_connect(w);
    web_send(s,
             "POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n");
    struct web_answer a = web_read_answer(s, false);
    assert_int_equal(a.status, 100);
    web_send(s, "abc");
    a = web_read_answer(s, false);
    assert_answer(a, 201, "0 3 3 " ABC_SHA256 "  ");
    web_forget(&a);
    close(s);
    web_stop(w);
}

/* The answer must not be overtaken by the reset of a socket that is closed with unread bytes. */
static void a_refusal_is_heard_by_who_is_still_sending(void **state)
{
    (void)state;
    enum { MUCH = 4000000 };
    struct web *w = web_start(&(struct web_wishes){.upload_bytes = 1000, .json_bytes = 2000});
    for (int i = 0; i < 10; i++) {
        int s = web_connect(w);
        post(s, "/file", "", MUCH, i % 2 == 0);
        struct web_answer a = web_read_answer(s, false);
        assert_int_equal(a.status, 413);
        web_forget(&a);
        close(s);
        s = web_connect(w);
        post(s, "/no-such-path", "", MUCH, i % 2 == 0);
        a = web_read_answer(s, false);
        assert_int_equal(a.status, 404);
        web_forget(&a);
        close(s);
    }
    web_stop(w);
}

static void bodies_in_memory_come_whole(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    int s = web_connect(w);
    for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
        assert_true(
            post(s, "/binary", "Content-Type: Application/X-NPY; a=b\r\n", 3000000, is_chunked));
        struct web_answer a = web_read_answer(s, false);
        char expected[64];
        uint32_t sum = 0;
        for (int i = 0; i < 3000000; i++)
            sum = sum * 31 + 'a';
        snprintf(expected, sizeof expected, "3000000 %u application/x-npy", sum);
        assert_answer(a, 200, expected);
        web_forget(&a);
    }
    s = connect_again(w, s);
    web_send(s, "POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    struct web_answer a = web_read_answer(s, false);
    assert_answer(a, 200, "0 0 ");
    web_forget(&a);
    close(s);
    web_stop(w);
}

static void files_are_spooled_hashed_and_removed(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    int s = web_connect(w);
    web_send(s, "POST /file HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: "
                "3\r\n\r\nabc");
    struct web_answer a = web_read_answer(s, false);
    assert_answer(a, 201, "0 3 3 " ABC_SHA256 "  image/png");
    web_forget(&a);
    web_send(s, "POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    a = web_read_answer(s, false);
    assert_answer(a, 201, "0 0 0 " EMPTY_SHA256 "  ");
    web_forget(&a);
    assert_true(post(s, "/file", "", 5000000, true));
    a = web_read_answer(s, false);
    assert_int_equal(a.status, 201);
    assert_memory_equal(a.body, "0 5000000 5000000 ", 18);
    web_forget(&a);
    s = connect_again(w, s);
    assert_int_equal(web_files(w), 0);
    web_send(s, "POST /file?keep HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    a = web_read_answer(s, false);
    assert_answer(a, 201, "0 3 3 " ABC_SHA256 "  ");
    web_forget(&a);
    assert_int_equal(web_files(w), 1); /* renamed by the handler: its own now */
    char kept[128];
    snprintf(kept, sizeof kept, "%s/kept", w->folder);
    assert_int_equal(unlink(kept), 0);
    close(s);
    web_stop(w);
}

static void an_upload_that_breaks_off_leaves_no_file(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    for (int i = 0; i < 10; i++) {
        int s = web_connect(w);
        web_send(s, "POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc");
        struct http_counters c = {.bytes_received = 0};
        for (int k = 0; k < 2000 && c.bytes_received < 3 * (uint64_t)(i + 1); k++) {
            http_server_counters(w->server, &c);
            usleep(1000);
        }
        close(s);
    }
    for (int k = 0; k < 2000 && web_files(w) > 0; k++)
        usleep(1000);
    assert_int_equal(web_files(w), 0);
    assert_int_equal(w->n_handled, 0);
    web_stop(w);
}

static void a_folder_that_cannot_be_written_is_a_500(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    assert_int_equal(rmdir(w->folder), 0);
    struct web_answer a =
        web_ask(w, "POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    assert_int_equal(a.status, 500);
    web_forget(&a);
    assert_int_equal(mkdir(w->folder, 0700), 0);
    web_stop(w);
}

static void what_a_body_says_of_itself_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        unsigned status;
    } rows[] = {
        {"POST /json HTTP/1.1\r\nHost: x\r\n\r\n", 411},
        {"POST /file HTTP/1.1\r\nHost: x\r\n\r\n", 411},
        {"POST /none HTTP/1.1\r\nHost: x\r\n\r\n", 200},
        {"POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 200},
        {"POST /json HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 415},
        {"POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: "
         "2\r\n\r\n{}",
         415},
        {"POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
         "Content-Length: 2\r\n\r\n{}",
         415},
        {"POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/jsonx\r\nContent-Length: "
         "2\r\n\r\n{}",
         415},
        {"POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/JSON; charset=utf-8\r\n"
         "Content-Length: 2\r\n\r\n{}",
         200},
        {"POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/merge-patch+json\r\n"
         "Content-Length: 2\r\n\r\n{}",
         200},
        {"POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Encoding: "
         "gzip\r\n"
         "Content-Length: 2\r\n\r\n{}",
         415},
        {"POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Encoding: "
         "identity\r\n"
         "Content-Length: 2\r\n\r\n{}",
         200},
        {"POST /file HTTP/1.1\r\nHost: x\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
         415},
    };
    struct web *w = web_start(&(struct web_wishes){0});
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct web_answer a = web_ask(w, rows[i].request);
        if (a.status != rows[i].status)
            fail_msg("%s: %u", rows[i].request, a.status);
        web_forget(&a);
    }
    web_stop(w);
}

#define PART(disposition, more, content)                                                           \
    "--bb\r\nContent-Disposition: form-data; " disposition "\r\n" more "\r\n" content "\r\n"

static void a_form_has_one_part_named_file(void **state)
{
    (void)state;
    static const struct {
        const char *form;
        unsigned status;
        const char *body;
    } rows[] = {
        {PART("name=\"file\"; filename=\"a.png\"", "Content-Type: image/PNG; x=y\r\n",
              "abc") "--bb--\r\n",
         201, "0 3 3 " ABC_SHA256 " a.png image/png"},
        {PART("name=\"file\"", "", "abc") "--bb--\r\n", 201, "0 3 3 " ABC_SHA256 "  "},
        {PART("name=\"file\"", "", "abc") "--bb--", 201, "0 3 3 " ABC_SHA256 "  "},
        {PART("name=\"file\"", "Content-Transfer-Encoding: binary\r\n", "abc") "--bb--\r\n", 201,
         "0 3 3 " ABC_SHA256 "  "},
        {PART("name=\"file\"; filename=\"\"", "", "") "--bb--\r\n", 201,
         "0 0 0 " EMPTY_SHA256 "  "},
        {PART("name=\"picture\"", "", "abc") "--bb--\r\n", 422, NULL},
        {PART("filename=\"a\"", "", "abc") "--bb--\r\n", 422, NULL},
        {PART("name=\"file\"", "Content-Transfer-Encoding: base64\r\n", "YWJj") "--bb--\r\n", 422,
         NULL},
        {PART("name=\"file\"", "", "abc") PART("name=\"file\"", "", "d") "--bb--\r\n", 422, NULL},
        {PART("name=\"file\"", "", "abc") PART("name=\"kind\"", "", "d") "--bb--\r\n", 422, NULL},
        {PART("name=\"file\"", "", "abc"), 400, NULL},
        {PART("name=\"file\"", "", "abc") "--bb", 400, NULL},
        {"--bb--\r\n", 400, NULL},
        {"abc", 400, NULL},
        {"", 400, NULL},
    };
    struct web *w = web_start(&(struct web_wishes){0});
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char request[2048];
        snprintf(request, sizeof request,
                 "POST /file HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; "
                 "boundary=bb\r\nContent-Length: %zu\r\n\r\n%s",
                 strlen(rows[i].form), rows[i].form);
        struct web_answer a = web_ask(w, request);
        if (a.status != rows[i].status)
            fail_msg("row %zu: %u %s", i, a.status, a.body ? (char *)a.body : "");
        if (rows[i].body)
            assert_string_equal((char *)a.body, rows[i].body);
        web_forget(&a);
    }
    struct web_answer a =
        web_ask(w, "POST /file HTTP/1.1\r\nHost: x\r\n"
                   "Content-Type: multipart/form-data\r\nContent-Length: 3\r\n\r\nabc");
    assert_int_equal(a.status, 400);
    web_forget(&a);
    web_stop(w);
}

static void a_form_is_held_to_the_same_limit(void **state)
{
    (void)state;
    enum { LIMIT = 200000 };
    struct web *w = web_start(&(struct web_wishes){.upload_bytes = LIMIT});
    for (size_t extra = 0; extra < 2; extra++)
        for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
            size_t n = LIMIT + extra;
            static const char head[] =
                "--bb\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n";
            static const char tail[] = "\r\n--bb--\r\n";
            char *form = malloc(n + 200), request[256];
            size_t total = strlen(head) + n + strlen(tail);
            memcpy(form, head, strlen(head));
            memset(form + strlen(head), 'a', n);
            memcpy(form + strlen(head) + n, tail, strlen(tail));
            snprintf(request, sizeof request,
                     is_chunked
                         ? "POST /file HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; "
                           "boundary=\"bb\"\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n"
                         : "POST /file HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; "
                           "boundary=bb\r\nContent-Length: %zu\r\n\r\n",
                     total);
            int s = web_connect(w);
            web_send(s, request);
            web_send_bytes(s, form, total);
            if (is_chunked)
                web_send(s, "\r\n0\r\n\r\n");
            struct web_answer a = web_read_answer(s, false);
            assert_int_equal(a.status, extra ? 413 : 201);
            web_forget(&a);
            close(s);
            free(form);
        }
    web_stop(w);
}

static void a_body_that_dawdles_is_cut_with_408(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){.body_seconds = 0.2});
    static const char *const requests[] = {
        "POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc",
        ("POST /json HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
         "Transfer-Encoding: chunked\r\n\r\n5\r\nab"),
        "POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n",
    };
    for (size_t i = 0; i < 3; i++) {
        struct web_answer a = web_ask(w, requests[i]);
        assert_int_equal(a.status, 408);
        assert_string_equal(web_header(&a, "Connection"), "close");
        web_forget(&a);
    }
    int s = web_connect(w); /* slow, but not too slow: 4 KiB/s for three windows */
    web_send(s, "POST /binary HTTP/1.1\r\nHost: x\r\nContent-Length: 3072\r\n\r\n");
    char some[128] = {0};
    for (int i = 0; i < 24; i++) {
        assert_true(web_send_bytes(s, some, sizeof some));
        usleep(25000);
    }
    struct web_answer a = web_read_answer(s, false);
    assert_int_equal(a.status, 200);
    web_forget(&a);
    close(s);
    assert_int_equal(w->n_handled, 1);
    web_stop(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_hold_to_the_byte_however_the_body_is_framed),
        cmocka_unit_test(a_body_too_large_is_refused_before_it_is_read),
        cmocka_unit_test(an_expected_continue_comes_before_the_body),
        cmocka_unit_test(a_refusal_is_heard_by_who_is_still_sending),
        cmocka_unit_test(bodies_in_memory_come_whole),
        cmocka_unit_test(files_are_spooled_hashed_and_removed),
        cmocka_unit_test(an_upload_that_breaks_off_leaves_no_file),
        cmocka_unit_test(a_folder_that_cannot_be_written_is_a_500),
        cmocka_unit_test(what_a_body_says_of_itself_is_checked),
        cmocka_unit_test(a_form_has_one_part_named_file),
        cmocka_unit_test(a_form_is_held_to_the_same_limit),
        cmocka_unit_test(a_body_that_dawdles_is_cut_with_408),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
