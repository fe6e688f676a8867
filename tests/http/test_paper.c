/* The documents of docs/paper/sweeps: the service accepts each of their bodies, at every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/http/service.h"
#include "tests/support/python.h"

static struct service service;

static int start(void **state)
{
    (void)state;
    static const char *const settings[] = {"--json-bytes", "16MiB", NULL};
    service_start(&service, settings);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    service_remove(&service);
    return 0;
}

static void every_body_is_accepted(void **state)
{
    (void)state;
    if (!python_has_numpy())
        skip();
    char program[64];
    snprintf(program, sizeof program, "/proc/%ld/exe", (long)service.pid);
    const char *const check[] = {
        "-B", "docs/paper/paper.py", "--check", service.url, "--program", program, NULL};
    assert_int_equal(python_run(check), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_body_is_accepted)};
    return cmocka_run_group_tests(tests, start, stop);
}
