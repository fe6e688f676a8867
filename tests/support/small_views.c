#include "tests/support/small_views.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/scene/camera.h"

static const double distance = 4.0, radius = 1.0;

/* The colour that a ray sees; false: it misses the ball. */
static bool meet_ball(const struct ray *r, double colour[3])
{
    struct ray unit = *r;
    ray_normalize(unit.direction);
    const double along = -ray_dot(unit.origin, unit.direction);
    const double square = ray_dot(unit.origin, unit.origin) - along * along;
    if (square > radius * radius)
        return false;
    const double t = along - sqrt(radius * radius - square);
    for (int d = 0; d < 3; d++)
        colour[d] = 0.5 + 0.4 * (unit.origin[d] + t * unit.direction[d] > 0.0 ? 1.0 : -1.0);
    return true;
}

static void take(struct view *v, size_t channels)
{
    const struct camera camera = camera_of_view(v);
    for (size_t y = 0; y < v->image.height; y++)
        for (size_t x = 0; x < v->image.width; x++) {
            double colour[3];
            const struct ray r = camera_ray(&camera, (double)x + 0.5, (double)y + 0.5);
            uint8_t *pixel = v->image.u8 + (y * v->image.width + x) * channels;
            if (!meet_ball(&r, colour))
                continue;
            for (size_t c = 0; c < 3; c++)
                pixel[c] = (uint8_t)lround(255.0 * colour[c]);
            if (channels == 4)
                pixel[3] = 255;
        }
}

struct views small_views(size_t n, size_t side, bool has_alpha)
{
    const size_t channels = has_alpha ? 4 : 3;
    struct views v = {.n_views = n, .view = mem_alloc_array(n, sizeof *v.view)};
    for (size_t i = 0; v.view && i < n; i++) {
        struct camera camera = {.fx = 1.4 * (double)side};
        const double turn = 2.4 * (double)i, height = -0.8 + 1.6 * ((double)i + 0.5) / (double)n;
        const double flat = sqrt(1.0 - height * height);
        const double eye[3] = {distance * flat * cos(turn), distance * flat * sin(turn),
                               distance * height};
        if (!camera_look_at(&camera, eye, (const double[3]){0, 0, 0}, (const double[3]){0, 0, 1}))
            abort();
        v.view[i].fx = v.view[i].fy = camera.fx;
        v.view[i].cx = v.view[i].cy = 0.5 * (double)side;
        memcpy(v.view[i].c2w, camera.c2w, sizeof camera.c2w);
        if (image_create(&v.view[i].image, SAMPLE_U8, side, side, channels, NULL) != STATUS_OK)
            abort();
        take(&v.view[i], channels);
    }
    if (!v.view)
        abort();
    return v;
}
