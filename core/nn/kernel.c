#include "core/nn/kernel.h"

#include <stdbool.h>
#include <string.h>

#include "core/nn/kernel_rows.h"

/* Best first, so that what a processor can run is always the end of the table. */
static const struct kernel *const rows[] = {
#ifdef __x86_64__
    &kernel_avx512,
    &kernel_avx2,
#endif
    &kernel_portable,
};

enum { N_ROWS = sizeof rows / sizeof rows[0] };

#ifdef __x86_64__
static bool can_run(const struct kernel *k)
{
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (k == &kernel_avx512)
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return k == &kernel_portable || avx2;
}
#else
static bool can_run(const struct kernel *k)
{
    return k == &kernel_portable;
}
#endif

const struct kernel *const *kernel_table(size_t *n)
{
    size_t first = 0;
    while (first + 1 < N_ROWS && !can_run(rows[first]))
        first++;
    *n = N_ROWS - first;
    return rows + first;
}

const struct kernel *kernel_find(const char *name)
{
    size_t n;
    const struct kernel *const *table = kernel_table(&n);
    if (!name || strcmp(name, "auto") == 0)
        return table[0];
    for (size_t i = 0; i < n; i++)
        if (strcmp(table[i]->name, name) == 0)
            return table[i];
    return NULL;
}
