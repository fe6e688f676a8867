#include "tests/support/compare.h"

#include <math.h>

struct comparison {
    double difference, scale;
};

static void look_at(struct comparison *c, double value, double expected)
{
    const double difference = isfinite(value) ? fabs(value - expected) : INFINITY;
    c->difference = fmax(c->difference, difference);
    c->scale = fmax(c->scale, fabs(expected));
}

static double result(const struct comparison *c)
{
    return c->difference == 0 ? 0 : c->difference / c->scale;
}

double compare_relative(size_t n, const float *values, const double *expected)
{
    struct comparison c = {0, 0};
    for (size_t i = 0; i < n; i++)
        look_at(&c, (double)values[i], expected[i]);
    return result(&c);
}

double compare_relative_double(size_t n, const double *values, const double *expected)
{
    struct comparison c = {0, 0};
    for (size_t i = 0; i < n; i++)
        look_at(&c, values[i], expected[i]);
    return result(&c);
}

double compare_relative_float(size_t n, const float *values, const float *expected)
{
    struct comparison c = {0, 0};
    for (size_t i = 0; i < n; i++)
        look_at(&c, (double)values[i], (double)expected[i]);
    return result(&c);
}

double compare_absolute(size_t n, const double *values, const double *expected)
{
    struct comparison c = {0, 0};
    for (size_t i = 0; i < n; i++)
        look_at(&c, values[i], expected[i]);
    return c.difference;
}
