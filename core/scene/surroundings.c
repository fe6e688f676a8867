#include "core/scene/surroundings.h"

#include <math.h>

#include "core/base/limits.h"
#include "core/scene/ray.h"

const char *backdrop_name(enum backdrop b)
{
    static const char *const names[] = {[BACKDROP_ALPHA] = "alpha",
                                        [BACKDROP_BLACK] = "black",
                                        [BACKDROP_WHITE] = "white",
                                        [BACKDROP_SCENERY] = "scenery"};
    return (size_t)b < sizeof names / sizeof *names ? names[b] : NULL;
}

/* To two digits, so that nothing hangs on the last ones. */
static double two_digits(double x)
{
    if (!(x > 0.0))
        return x;
    const double unit = pow(10.0, floor(log10(x)) - 1.0);
    return round(x / unit) * unit;
}

/* Counts of outermost pixels: all, and those that are exactly black or white. */
struct border {
    size_t n, n_black, n_white;
};

static void look_at_pixel(const struct image *image, size_t x, size_t y, struct border *b)
{
    float value[LIMIT_CHANNELS];
    image_read(image, (y * image->width + x) * image->channels, image->channels, value);
    b->n++;
    b->n_black += value[0] == 0.0f && value[1] == 0.0f && value[2] == 0.0f;
    b->n_white += value[0] == 1.0f && value[1] == 1.0f && value[2] == 1.0f;
}

static enum backdrop find_backdrop(const struct views *v)
{
    struct border border = {0};
    for (size_t i = 0; i < v->n_views; i++) {
        const struct image *image = &v->view[i].image;
        if (image->channels == 4)
            return BACKDROP_ALPHA;
        if (!image->samples)
            continue;
        for (size_t x = 0; x < image->width; x++) {
            look_at_pixel(image, x, 0, &border);
            look_at_pixel(image, x, image->height - 1, &border);
        }
        for (size_t y = 0; y < image->height; y++) {
            look_at_pixel(image, 0, y, &border);
            look_at_pixel(image, image->width - 1, y, &border);
        }
    }
    if (2 * border.n_black > border.n)
        return BACKDROP_BLACK;
    return 2 * border.n_white > border.n ? BACKDROP_WHITE : BACKDROP_SCENERY;
}

struct surroundings surroundings_of(const struct views *v, const double centre[3], double half_side)
{
    struct surroundings s = {.half_side = half_side, .backdrop = find_backdrop(v)};
    double sum = 0.0;
    for (size_t i = 0; i < v->n_views; i++) {
        double way[3];
        for (int d = 0; d < 3; d++)
            way[d] = v->view[i].c2w[d][3] - centre[d];
        sum += sqrt(ray_dot(way, way));
    }
    for (int d = 0; d < 3; d++)
        s.centre[d] = centre[d];
    s.distance = two_digits(sum / (double)v->n_views);
    if (!(s.distance > 0.0)) /* every camera stands in the centre: a panorama */
        s.distance = half_side;
    const bool is_object = s.backdrop != BACKDROP_SCENERY;
    s.near = s.distance * (is_object ? 0.5 : 0.05);
    s.far = s.distance * (is_object ? 1.5 : 3.0);
    return s;
}

struct domain surroundings_domain(const double centre[3], double half_side)
{
    struct domain domain = {.n_dims = 3};
    for (int d = 0; d < 3; d++) {
        domain.matrix[d][d] = 0.5 / half_side;
        domain.offset[d] = 0.5 - centre[d] * 0.5 / half_side;
    }
    return domain;
}
