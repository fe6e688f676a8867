/* The documents of docs/paper/sweeps: the service accepts each of their bodies, at every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/http/fit.h"

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

/* Run python3 with these arguments (ended by NULL): its exit status. */
static int run_python(const char *const *arguments)
{
    /* Debian's, whose modules `make deps-test` installs, before any other of the PATH */
    char *argv[10] = {access("/usr/bin/python3", X_OK) == 0 ? (char[]){"/usr/bin/python3"}
                                                            : (char[]){"python3"}};
    for (size_t i = 0; arguments[i]; i++)
        argv[i + 1] = (char *)(uintptr_t)arguments[i];
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[0], argv);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void every_body_is_accepted(void **state)
{
    (void)state;
    static const char *const probe[] = {"-c", "import numpy", NULL};
    if (run_python(probe) != 0) /* `make deps-test` installs it */
        skip();
    char program[64];
    snprintf(program, sizeof program, "/proc/%ld/exe", (long)service.pid);
    const char *const check[] = {
        "-B", "docs/paper/paper.py", "--check", service.url, "--program", program, NULL};
    assert_int_equal(run_python(check), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_body_is_accepted)};
    return cmocka_run_group_tests(tests, start, stop);
}
