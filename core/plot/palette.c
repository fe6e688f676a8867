#include "core/plot/palette.h"

#include <math.h>

static const struct color kinds[PALETTE_KINDS] = {
    {0, 114, 178}, {213, 94, 0}, {0, 158, 115}, {204, 121, 167}, {230, 159, 0}, {86, 180, 233},
};

/* viridis at 17 even places; straight lines between them are nowhere off by more than 6 of 255. */
static const struct color viridis[] = {
    {68, 1, 84},    {72, 24, 106},  {71, 45, 123},  {66, 64, 134},  {59, 82, 139},  {51, 99, 141},
    {44, 114, 142}, {38, 129, 142}, {33, 144, 140}, {31, 159, 136}, {40, 174, 128}, {62, 188, 116},
    {93, 201, 99},  {130, 211, 76}, {171, 220, 50}, {213, 226, 26}, {253, 231, 37},
};
enum { N_VIRIDIS = sizeof viridis / sizeof *viridis };

struct color palette_kind(size_t i)
{
    return kinds[i % PALETTE_KINDS];
}

static uint8_t between(uint8_t a, uint8_t b, double t)
{
    return (uint8_t)lround(a + t * (b - a));
}

struct color palette_order(double t)
{
    if (!isfinite(t))
        return (struct color){210, 210, 210};
    const double at = fmax(0, fmin(t, 1)) * (N_VIRIDIS - 1);
    const size_t i = at < N_VIRIDIS - 2 ? (size_t)at : N_VIRIDIS - 2;
    const struct color *a = &viridis[i], *b = &viridis[i + 1];
    const double part = at - (double)i;
    return (struct color){between(a->r, b->r, part), between(a->g, b->g, part),
                          between(a->b, b->b, part)};
}
