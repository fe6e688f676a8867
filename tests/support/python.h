/*
 * Programs in Python, which share no code with what they are asked about.
 *
 * Debian's python3 comes before any other of the PATH: its modules are what `make deps-test`
 * installs.
 */
#ifndef TESTS_SUPPORT_PYTHON_H
#define TESTS_SUPPORT_PYTHON_H

#include <stdbool.h>

/* Run python3 with these arguments (at most 15, ended by NULL): its exit status, 127 if it cannot
 * be run, -1 if it was killed. */
int python_run(const char *const *arguments);

/* There is a Python with NumPy here.  Where there is none, a test that needs it skips. */
bool python_has_numpy(void);

#endif
