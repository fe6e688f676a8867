#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/codec/codec_args.h"
#include "api/codec/codec_dataset.h"

static struct http_request query_of(const char *name, const char *value)
{
    struct http_request r = {.path = "/", .n_query = name != NULL};
    r.query[0] = (struct http_pair){name, value};
    return r;
}

static void integers_are_read_whole_and_in_range(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_ok;
        uint64_t value;
    } cases[] = {
        {"1", true, 1},    {"200", true, 200}, {"007", true, 7},
        {"0", false, 0},   {"201", false, 0},  {"", false, 0},
        {" 5", false, 0},  {"5 ", false, 0},   {"+5", false, 0},
        {"-5", false, 0},  {"5.0", false, 0},  {"0x10", false, 0},
        {"1e2", false, 0}, {"x", false, 0},    {"99999999999999999999999", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_request r = query_of("limit", cases[i].text);
        struct problem_list problems = {0};
        uint64_t value = 50;
        enum status status = codec_args_integer(&r, "limit", 1, 200, &value, &problems);
        assert_int_equal(status == STATUS_OK, cases[i].is_ok);
        assert_int_equal(value, cases[i].is_ok ? cases[i].value : 50);
        if (!cases[i].is_ok)
            assert_string_equal(problems.item[0].pointer, "/limit");
    }
}

static void numbers_are_finite_and_whole(void **state)
{
    (void)state;
    static const char *const good[] = {"0.5", "-1", "1e1", "5", "007", "+1", ".5"};
    static const char *const bad[] = {"",      " 1", "nan", "inf", "0x1", "1,2",
                                      "1e999", "11", "1 ",  "--1", "e",   "1f"};
    double value = 7.0;
    struct problem_list problems = {0};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct http_request r = query_of("x", good[i]);
        assert_int_equal(codec_args_number(&r, "x", -10.0, 10.0, &value, &problems), STATUS_OK);
    }
    assert_true(value == 0.5);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct http_request r = query_of("x", bad[i]);
        assert_int_equal(codec_args_number(&r, "x", -10.0, 10.0, &value, &problems),
                         STATUS_INVALID);
    }
    assert_true(value == 0.5);
}

static void lists_have_exactly_their_length(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_ok;
    } cases[] = {
        {"0,0,1,1", true},  {"-1.5,0,2e2,4", true}, {"0,0,1", false},     {"0,0,1,1,1", false},
        {"", false},        {"0,,1,1", false},      {"0,0,1,1,", false},  {",0,0,1", false},
        {"a,b,c,d", false}, {"0 ,0,1,1", false},    {"nan,0,1,1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_request r = query_of("bbox", cases[i].text);
        struct problem_list problems = {0};
        double box[4] = {9, 9, 9, 9};
        bool is_given = false;
        enum status status = codec_args_numbers(&r, "bbox", 4, box, &is_given, &problems);
        assert_int_equal(status == STATUS_OK, cases[i].is_ok);
        assert_true(is_given);
    }
    struct http_request none = query_of(NULL, NULL);
    struct problem_list problems = {0};
    double box[4] = {9, 9, 9, 9};
    bool is_given = true;
    assert_int_equal(codec_args_numbers(&none, "bbox", 4, box, &is_given, &problems), STATUS_OK);
    assert_false(is_given);
    assert_true(box[0] == 9);
}

static void names_are_found_or_listed(void **state)
{
    (void)state;
    static const char *const names[] = {"value", "gradient", NULL};
    struct problem_list problems = {0};
    size_t index = 9;
    unsigned bits = 0;
    struct http_request r = query_of("outputs", "gradient");
    assert_int_equal(codec_args_name(&r, "outputs", names, &index, &problems), STATUS_OK);
    assert_int_equal(index, 1);
    r = query_of("outputs", "gradient,value");
    assert_int_equal(codec_args_names(&r, "outputs", names, &bits, &problems), STATUS_OK);
    assert_int_equal(bits, 3);
    static const char *const bad[] = {"", "values", "value,", ",value", "value,,gradient", "VALUE"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        r = query_of("outputs", bad[i]);
        assert_int_equal(codec_args_names(&r, "outputs", names, &bits, &problems), STATUS_INVALID);
    }
    assert_non_null(strstr(problems.item[0].detail, "value gradient"));
}

static void unknown_and_repeated_arguments_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"limit", "cursor", NULL};
    struct problem_list problems = {0};
    struct http_request r = query_of("limit", "5");
    assert_int_equal(codec_args_known(&r, names, &problems), STATUS_OK);
    r.query[r.n_query++] = (struct http_pair){"limit", "6"};
    assert_int_equal(codec_args_known(&r, names, &problems), STATUS_INVALID);
    r = query_of("limits", "5");
    assert_int_equal(codec_args_known(&r, names, &problems), STATUS_INVALID);
    assert_string_equal(problems.item[1].pointer, "/limits");
}

static void pages_have_limits_and_cursors(void **state)
{
    (void)state;
    struct problem_list problems = {0};
    struct page page = {0};
    struct http_request r = query_of(NULL, NULL);
    assert_int_equal(codec_args_page(&r, &page, &problems), STATUS_OK);
    assert_int_equal(page.limit, 50);
    assert_string_equal(page.cursor, "");
    char long_cursor[200];
    memset(long_cursor, 'a', sizeof long_cursor - 1);
    long_cursor[sizeof long_cursor - 1] = '\0';
    r = query_of("cursor", long_cursor);
    assert_int_equal(codec_args_page(&r, &page, &problems), STATUS_INVALID);
    assert_string_equal(problems.item[0].pointer, "/cursor");
}

static void accept_headers_choose_an_offer(void **state)
{
    (void)state;
    static const char *const offers[] = {"application/json", "application/x-npy",
                                         "application/octet-stream", NULL};
    static const struct {
        const char *accept;
        int chosen; /* -1: none */
    } cases[] = {
        {NULL, 0},
        {"", 0},
        {"*/*", 0},
        {"application/*", 0},
        {"application/json", 0},
        {"APPLICATION/JSON", 0},
        {"application/x-npy", 1},
        {"application/x-npy, */*", 0},
        {"application/x-npy, */*;q=0.5", 1},
        {"application/json;q=0.1, application/octet-stream;q=0.2", 2},
        {"application/json;q=0, */*", 1},
        {"text/html,application/xhtml+xml,*/*;q=0.8", 0},
        {"image/png", -1},
        {"image/*", -1},
        {"application/json;q=0", -1},
        {"*/*;q=0", -1},
        {"application/json; charset=utf-8", 0},
        {"application/json ; q=0.000", -1},
        {"application", -1},
        {",,,application/x-npy", 1},
        {"application/json;q=x", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t chosen = 99;
        bool ok = codec_accept(cases[i].accept, offers, &chosen);
        if (ok != (cases[i].chosen >= 0) || (ok && (int)chosen != cases[i].chosen))
            fail_msg("%s: %d %zu", cases[i].accept, ok, chosen);
    }
}

static void dataset_names_are_printable_utf8_within_128_bytes(void **state)
{
    (void)state;
    char longest[130];
    memset(longest, 'n', sizeof longest);
    longest[128] = '\0';
    const struct {
        const char *name;
        bool is_ok;
    } cases[] = {
        {"kodim01.png", true}, {"\xc3\xa9t\xc3\xa9 \xf0\x9f\x98\x80", true},
        {longest, true},       {"", false},
        {"a\nb", false},       {"a\x7f", false},
        {"\xff", false},       {"a\xe2\x80\xae", false}, /* U+202E turns what follows */
        {"\xc2\x85", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_request r = query_of("name", cases[i].name);
        struct problem_list problems = {0};
        char name[NAME_SIZE];
        enum status status = codec_dataset_name(&r, "", name, &problems);
        assert_int_equal(status == STATUS_OK, cases[i].is_ok);
    }
    longest[128] = 'n';
    longest[129] = '\0';
    struct http_request r = query_of("name", longest);
    struct problem_list problems = {0};
    char name[NAME_SIZE];
    assert_int_equal(codec_dataset_name(&r, "", name, &problems), STATUS_INVALID);
    r = query_of(NULL, NULL);
    assert_int_equal(codec_dataset_name(&r, "file.png", name, &problems), STATUS_OK);
    assert_string_equal(name, "file.png");
}

static void dataset_kinds_are_those_there_are(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        enum status status;
    } cases[] = {
        {"image", STATUS_OK},      {"volume", STATUS_OK}, {"views", STATUS_OK},
        {"shape", STATUS_OK},      {"signal", STATUS_OK}, {"picture", STATUS_INVALID},
        {"sinogram", STATUS_OK},   {"kspace", STATUS_OK}, {"", STATUS_INVALID},
        {"Image", STATUS_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_request r = query_of("kind", cases[i].kind);
        struct problem_list problems = {0};
        char kind[KIND_SIZE];
        assert_int_equal(codec_dataset_kind(&r, kind, &problems), cases[i].status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_read_whole_and_in_range),
        cmocka_unit_test(numbers_are_finite_and_whole),
        cmocka_unit_test(lists_have_exactly_their_length),
        cmocka_unit_test(names_are_found_or_listed),
        cmocka_unit_test(unknown_and_repeated_arguments_are_refused),
        cmocka_unit_test(pages_have_limits_and_cursors),
        cmocka_unit_test(accept_headers_choose_an_offer),
        cmocka_unit_test(dataset_names_are_printable_utf8_within_128_bytes),
        cmocka_unit_test(dataset_kinds_are_those_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
