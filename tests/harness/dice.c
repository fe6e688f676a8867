#include "tests/harness/dice.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

uint64_t dice_roll(struct dice *d)
{
    uint64_t z = d->state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

size_t dice_below(struct dice *d, size_t n)
{
    return (size_t)(dice_roll(d) % n);
}

double dice_uniform(struct dice *d)
{
    return (double)(dice_roll(d) >> 11) * 0x1p-53;
}

void sleep_seconds(double seconds)
{
    struct timespec left = {.tv_sec = (time_t)seconds};
    left.tv_nsec = (long)(1e9 * (seconds - (double)left.tv_sec));
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double quantile(double *values, size_t n, double p)
{
    if (n == 0)
        return 0;
    qsort(values, n, sizeof *values, by_size);
    return values[(size_t)(p * (double)(n - 1) + 0.5)];
}
