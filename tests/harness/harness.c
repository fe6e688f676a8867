#include "tests/harness/harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

unsigned harness_count(unsigned sample)
{
    return (unsigned)setting("HARNESS_N", sample);
}

bool harness_is_long(void)
{
    return setting("HARNESS_N", 0) > 0;
}

bool harness_is_asked(void)
{
    return getenv("HARNESS_N") != NULL;
}

uint64_t harness_seed(void)
{
    return setting("HARNESS_SEED", 1);
}

void harness_print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fflush(stderr);
}
