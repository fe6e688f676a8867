#include "tests/support/python.h"

#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern char **environ;

int python_run(const char *const *arguments)
{
    static const char debian[] = "/usr/bin/python3";
    enum { MAX_ARGUMENTS = 15 };
    char *argv[1 + MAX_ARGUMENTS + 1] = {
        (char *)(uintptr_t)(access(debian, X_OK) == 0 ? debian : "python3")};
    for (size_t i = 0; arguments[i]; i++) {
        assert_in_range(i, 0, MAX_ARGUMENTS - 1);
        argv[i + 1] = (char *)(uintptr_t)arguments[i];
    }
    pid_t pid;
    int status;
    if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0)
        return 127;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool python_has_numpy(void)
{
    static const char *const probe[] = {"-c", "import numpy", NULL};
    return python_run(probe) == 0;
}
