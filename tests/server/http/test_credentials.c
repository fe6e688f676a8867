#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/http/credentials.h"

static void a_bearer_is_read_and_everything_else_is_not(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        enum credentials kind;
        const char *token;
    } rows[] = {
        {"Bearer abc", CREDENTIALS_BEARER, "abc"},
        {"bearer abc", CREDENTIALS_BEARER, "abc"},
        {"BEARER    abc  ", CREDENTIALS_BEARER, "abc"},
        {"Bearer a-B_9.~+/==", CREDENTIALS_BEARER, "a-B_9.~+/=="},
        {"Bearer abc\t", CREDENTIALS_BEARER, "abc"},
        {"", CREDENTIALS_OTHER, NULL},
        {"Bearer", CREDENTIALS_OTHER, NULL},
        {"Bearer ", CREDENTIALS_OTHER, NULL},
        {"Bearer\tabc", CREDENTIALS_OTHER, NULL},
        {"Bearer =", CREDENTIALS_OTHER, NULL},
        {"Bearer a=b", CREDENTIALS_OTHER, NULL},
        {"Bearer abc def", CREDENTIALS_OTHER, NULL},
        {"Bearer abc, Bearer def", CREDENTIALS_OTHER, NULL},
        {"Bearer \"abc\"", CREDENTIALS_OTHER, NULL},
        {"Bearer token=abc", CREDENTIALS_OTHER, NULL},
        {"Bearerabc", CREDENTIALS_OTHER, NULL},
        {"Bearers abc", CREDENTIALS_OTHER, NULL},
        {"Basic abc", CREDENTIALS_OTHER, NULL},
        {"abc", CREDENTIALS_OTHER, NULL},
        {"Bearer ab\xc3\xa9", CREDENTIALS_OTHER, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct http_pair headers[] = {{"Host", "x"}, {"aUTHORIZATION", rows[i].value}};
        const char *token = NULL;
        size_t n = 0;
        if (credentials_read(headers, 2, &token, &n) != rows[i].kind)
            fail_msg("'%s' was read wrongly", rows[i].value);
        if (!rows[i].token)
            continue;
        assert_int_equal(n, strlen(rows[i].token));
        assert_memory_equal(token, rows[i].token, n);
    }
}

static void none_and_several_are_told_apart(void **state)
{
    (void)state;
    const struct http_pair headers[] = {{"Host", "x"},
                                        {"Proxy-Authorization", "Bearer abc"},
                                        {"Authorization", "Bearer abc"},
                                        {"authorization", "Bearer abc"}};
    const char *token = NULL;
    size_t n = 0;
    assert_int_equal(credentials_read(headers, 0, &token, &n), CREDENTIALS_NONE);
    assert_int_equal(credentials_read(headers, 2, &token, &n), CREDENTIALS_NONE);
    assert_int_equal(credentials_read(headers, 3, &token, &n), CREDENTIALS_BEARER);
    assert_int_equal(credentials_read(headers, 4, &token, &n), CREDENTIALS_SEVERAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bearer_is_read_and_everything_else_is_not),
        cmocka_unit_test(none_and_several_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
