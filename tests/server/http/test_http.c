#include "tests/server/http/web.h"

static void a_get_is_answered(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    struct web_answer a = web_get(w, "/hello?name=world", "");
    assert_answer(a, 200, "hello world");
    assert_string_equal(web_header(&a, "Content-Type"), "text/plain");
    assert_string_equal(web_header(&a, "X-Content-Type-Options"), "nosniff");
    assert_memory_equal(web_header(&a, "X-Request-Id"), "req_", 4);
    assert_null(web_header(&a, "Content-Security-Policy"));
    web_forget(&a);
    web_stop(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_get_is_answered)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
