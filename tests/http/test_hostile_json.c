/*
 * A mebibyte of JSON that is made to cost: deep, wide, repeated, long.  Each is answered at once
 * and in little memory, and begins nothing.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/harness/harness.h"
#include "tests/http/fit.h"
#include "tests/http/footprint.h"

enum {
    BODY = 1 << 20,      /* the default limit of a JSON body */
    MOST_SECONDS = 2,    /* they take hundredths */
    MOST_KIB = 64 << 10, /* of a body of a mebibyte, above the service at rest */
};

static struct service service;
static char dataset[ID_TEXT], field[ID_TEXT];

/* Writes at most n bytes of a body; how many. */
typedef size_t (*body_maker)(char *out, size_t n);

static size_t repeat(char *out, size_t n, const char *start, const char *unit, const char *end)
{
    size_t at = (size_t)sprintf(out, "%s", start);
    const size_t n_unit = strlen(unit), n_end = strlen(end);
    while (at + n_unit + n_end <= n) {
        memcpy(out + at, unit, n_unit);
        at += n_unit;
    }
    memcpy(out + at, end, n_end);
    return at + n_end;
}

static size_t deep_and_open(char *out, size_t n)
{
    return repeat(out, n, "{\"field\":", "[", "");
}

static size_t deep_and_closed(char *out, size_t n)
{
    enum { START = 9 };
    const size_t half = (n - START - 1) / 2;
    memcpy(out, "{\"field\":", START);
    memset(out + START, '[', half);
    memset(out + START + half, ']', half);
    out[START + 2 * half] = '}';
    return START + 2 * half + 1;
}

static size_t deep_objects(char *out, size_t n)
{
    return repeat(out, n, "", "{\"a\":", "");
}

static size_t numbered_members(char *out, size_t n, const char *value, const char *start)
{
    size_t at = (size_t)sprintf(out, "%s", start);
    for (unsigned i = 0; at + 32 < n; i++)
        at += (size_t)sprintf(out + at, "%s\"%x\":%s", i ? "," : "", i, value);
    out[at++] = '}';
    return at;
}

static size_t many_members(char *out, size_t n)
{
    return numbered_members(out, n, "0", "{");
}

static size_t many_labels(char *out, size_t n)
{
    size_t size = numbered_members(out, n - 1, "\"\"", "{\"labels\":{");
    out[size++] = '}';
    return size;
}

static size_t one_member_again_and_again(char *out, size_t n)
{
    return repeat(out, n, "{\"a\":0", ",\"a\":0", "}");
}

/* Names that hash alike under a hash that adds or shifts bytes: pairs of swapped letters. */
static size_t names_that_look_alike(char *out, size_t n)
{
    size_t at = (size_t)sprintf(out, "{");
    for (unsigned i = 0; at + 64 < n; i++) {
        at += (size_t)sprintf(out + at, "%s\"", i ? "," : "");
        for (unsigned bit = 0; bit < 20; bit++)
            at += (size_t)sprintf(out + at, "%s", i >> bit & 1 ? "Ez" : "FY");
        at += (size_t)sprintf(out + at, "\":0");
    }
    out[at++] = '}';
    return at;
}

static size_t a_long_name(char *out, size_t n)
{
    return repeat(out, n, "{\"", "x", "\":1}");
}

static size_t a_long_text(char *out, size_t n)
{
    return repeat(out, n, "{\"preset\":\"", "\\u00e9", "\"}");
}

static size_t a_long_integer(char *out, size_t n)
{
    return repeat(out, n, "{\"train\":{\"steps\":1", "7", "}}");
}

static size_t a_long_fraction(char *out, size_t n)
{
    return repeat(out, n, "{\"train\":{\"learning_rate\":0.", "1", "}}");
}

static size_t a_long_exponent(char *out, size_t n)
{
    return repeat(out, n, "{\"train\":{\"learning_rate\":1e", "0", "5}}");
}

static size_t many_numbers(char *out, size_t n)
{
    return repeat(out, n, "{\"field\":{\"encoding\":{\"type\":\"explicit\",\"b\":[[1,1]", ",[1,1]",
                  "]}}}");
}

static size_t blanks(char *out, size_t n)
{
    return repeat(out, n, "{\"preset\":", "\n", "\"fast\"}");
}

static size_t quotes(char *out, size_t n)
{
    return repeat(out, n, "{\"a\":\"", "\\\"", "");
}

static const struct {
    const char *name;
    body_maker make;
    long status;
    const char *pointer; /* NULL: of no account */
} bodies[] = {
    {"500,000 open brackets", deep_and_open, 400, NULL},
    {"250,000 nested arrays", deep_and_closed, 422, NULL},
    {"200,000 nested objects", deep_objects, 400, NULL},
    {"100,000 members", many_members, 422, NULL},
    {"80,000 labels", many_labels, 422, NULL},
    {"one member again and again", one_member_again_and_again, 422, "/a"},
    {"names that look alike", names_that_look_alike, 422, NULL},
    {"a name of a mebibyte", a_long_name, 422, NULL},
    {"a text of a mebibyte", a_long_text, 422, NULL},
    {"an integer of a million digits", a_long_integer, 422, "/train/steps"},
    {"a fraction of a million digits", a_long_fraction, 202, NULL},
    {"an exponent of a million zeros", a_long_exponent, 422, "/train/learning_rate"},
    {"200,000 frequencies", many_numbers, 422, "/field/encoding/b"},
    {"a mebibyte of blanks", blanks, 202, NULL},
    {"a text without an end", quotes, 400, "/a"},
};

/* The dataset is the first member: what follows is looked at, too. */
static size_t with_dataset(body_maker make, char *out, size_t n)
{
    char head[64];
    const size_t size = (size_t)snprintf(head, sizeof(head), "{\"dataset_id\":\"%s\",", dataset);
    const size_t n_body = make(out + size - 1, n - size + 1);
    memcpy(out, head, size); /* over the body's first bracket */
    return size - 1 + n_body;
}

static bool names_place(const struct answer *a, const char *pointer)
{
    json_t *problem = json_loadb((const char *)a->body.data, a->body.n, 0, NULL);
    const json_t *first = json_array_get(json_object_get(problem, "errors"), 0);
    const char *named = json_string_value(json_object_get(first, "pointer"));
    const bool ok = !pointer || (named && strcmp(named, pointer) == 0);
    json_decref(problem);
    return ok;
}

/* Cancel what was accepted. */
static void cancel(const struct answer *a)
{
    char path[128];
    json_t *job = json_loadb((const char *)a->body.data, a->body.n, 0, NULL);
    snprintf(path, sizeof(path), "/v1/jobs/%s/cancel", member_text(job, "id"));
    answer_status(service_send(&service, &(struct request){.method = "POST", .path = path}), 200);
    json_decref(job);
}

static void bodies_made_to_cost_are_answered_at_once(void **state)
{
    (void)state;
    char *body = malloc(BODY);
    assert_non_null(body);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        const size_t base = service_resident_kib(&service);
        const size_t n = with_dataset(bodies[i].make, body, BODY);
        assert_true(n <= BODY);
        struct footprint *footprint = footprint_start(&service);
        const double start = now_seconds();
        struct answer a = service_send(
            &service,
            &(struct request){
                .path = "/v1/jobs", .content_type = "application/json", .body = body, .n_body = n});
        const double seconds = now_seconds() - start;
        const size_t peak = footprint_stop(footprint, NULL);
        harness_print("hostile JSON: %-32s %ld in %.3f s, %zu KiB above rest\n", bodies[i].name,
                      a.status, seconds, peak > base ? peak - base : 0);
        if (a.status != bodies[i].status || !names_place(&a, bodies[i].pointer))
            fail_msg("%s: %ld %.500s", bodies[i].name, a.status, (char *)a.body.data);
        assert_true(a.body.n < 64 << 10); /* an answer does not repeat what it was sent */
        if (a.status == 202)
            cancel(&a);
        assert_true(seconds < MOST_SECONDS * SLOWNESS);
        if (SLOWNESS == 1)
            assert_true(peak < base + MOST_KIB);
        answer_free(&a);
    }
    free(body);
}

/* A query reads its coordinates by itself. */
static void queries_made_to_cost_are_answered_at_once(void **state)
{
    (void)state;
    static const struct {
        const char *start, *unit, *end;
        long status;
    } queries[] = {
        {"{\"coords\":", "[", "", 400},           {"{\"coords\":[[1,2]", ",[1,2]", "]}", 200},
        {"{\"coords\":[[0.", "1", ",2]]}", 422}, /* longer than a number need be */
        {"{\"coords\":[[1,1", "7", "]]}", 422},   {"{\"coords\":0", ",\"coords\":0", "}", 422},
        {"{\"coords\":[[1,2]", ",[1,2", "", 400},
    };
    char *body = malloc(BODY), path[128];
    assert_non_null(body);
    snprintf(path, sizeof(path), "/v1/fields/%s/query", field);
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        const size_t n =
            repeat(body, BODY / SLOWNESS, queries[i].start, queries[i].unit, queries[i].end);
        const double start = now_seconds();
        struct answer a = service_send(
            &service,
            &(struct request){
                .path = path, .content_type = "application/json", .body = body, .n_body = n});
        const double seconds = now_seconds() - start;
        if (a.status != queries[i].status)
            fail_msg("query %zu: %ld %.500s", i, a.status, (char *)a.body.data);
        assert_true(seconds < MOST_SECONDS * SLOWNESS);
        answer_free(&a);
    }
    free(body);
}

static int start(void **state)
{
    (void)state;
    service_start(&service, NULL);
    upload_picture(&service, 16, 1, dataset);
    make_field(&service, 16, 10, field);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_made_to_cost_are_answered_at_once),
        cmocka_unit_test(queries_made_to_cost_are_answered_at_once),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
