/*
 * libzip 1.7.3 loses small objects of its own when an allocation fails inside some of its
 * functions.
 */
#ifndef TESTS_SUPPORT_LIBZIP_LEAKS_H
#define TESTS_SUPPORT_LIBZIP_LEAKS_H

/* Once in a program: what its sanitizer is not to report, "leak:zip_close\n", and whole stacks, in
 * which it finds these names.  Nothing reads them in a program without one. */
#define LIBZIP_LEAKS(suppressions)                                                                 \
    const char *__lsan_default_suppressions(void);                                                 \
    const char *__lsan_default_suppressions(void)                                                  \
    {                                                                                              \
        return suppressions;                                                                       \
    }                                                                                              \
    const char *__asan_default_options(void);                                                      \
    const char *__asan_default_options(void)                                                       \
    {                                                                                              \
        return "fast_unwind_on_malloc=0";                                                          \
    }

#endif
