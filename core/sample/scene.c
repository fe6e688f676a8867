#include "core/sample/scene.h"

#include <math.h>

#include "core/base/rng.h"

enum { MAX_STEPS = 256 };

static const double on_surface = 1e-4;  /* distance at which a ray has arrived */
static const double normal_step = 1e-4; /* of the differences that make a normal */
static const double ambient = 0.4, sun = 0.6;
static const double pi = 3.14159265358979323846;

/* --- distances --- */

static double length2(double x, double y)
{
    return sqrt(x * x + y * y);
}

/* To a shape about the origin. */
static double shape_distance(const struct scene_shape *s, const double p[3])
{
    switch (s->kind) {
    case SCENE_SPHERE:
        return sqrt(ray_dot(p, p)) - s->size[0];
    case SCENE_BOX: {
        double outside = 0.0, inside = -INFINITY;
        for (int d = 0; d < 3; d++) {
            const double q = fabs(p[d]) - s->size[d];
            outside += q > 0.0 ? q * q : 0.0;
            inside = fmax(inside, q);
        }
        return sqrt(outside) + fmin(inside, 0.0);
    }
    case SCENE_TORUS:
        return length2(length2(p[0], p[1]) - s->size[0], p[2]) - s->size[1];
    case SCENE_CYLINDER: {
        const double side = length2(p[0], p[1]) - s->size[0], end = fabs(p[2]) - s->size[1];
        return fmin(fmax(side, end), 0.0) + length2(fmax(side, 0.0), fmax(end, 0.0));
    }
    case SCENE_N_KINDS:
        break;
    }
    return INFINITY;
}

/* A point as the shape sees it. */
static void to_shape(const struct scene_shape *s, const double at[3], double p[3])
{
    const double x = at[0] - s->centre[0], y = at[1] - s->centre[1];
    p[0] = s->cosine * x + s->sine * y;
    p[1] = s->cosine * y - s->sine * x;
    p[2] = at[2] - s->centre[2];
}

double scene_distance(const struct scene *s, const double at[3], size_t *shape)
{
    double least = INFINITY;
    for (size_t i = 0; i < SCENE_SHAPES; i++) {
        double p[3];
        to_shape(&s->shape[i], at, p);
        const double d = shape_distance(&s->shape[i], p);
        if (d < least && shape)
            *shape = i;
        least = fmin(least, d);
    }
    return least;
}

/* --- light --- */

static void normal_at(const struct scene *s, const double at[3], double normal[3])
{
    for (int d = 0; d < 3; d++) {
        double ahead[3] = {at[0], at[1], at[2]}, behind[3] = {at[0], at[1], at[2]};
        ahead[d] += normal_step;
        behind[d] -= normal_step;
        normal[d] = scene_distance(s, ahead, NULL) - scene_distance(s, behind, NULL);
    }
    ray_normalize(normal);
}

static void color_at(const struct scene *s, size_t shape, const double at[3], double color[3])
{
    static const double to_sun[3] = {0.48, -0.36, 0.8};
    const struct scene_shape *own = &s->shape[shape];
    double p[3], normal[3];
    to_shape(own, at, p);
    int n = 0;
    for (int d = 0; d < 3; d++) /* half a check off: no edge runs through the middle */
        n += (int)floor(p[d] / own->pattern + 0.5);
    normal_at(s, at, normal);
    const double light = ambient + sun * fmax(ray_dot(normal, to_sun), 0.0);
    for (int c = 0; c < 3; c++)
        color[c] = fmin(own->color[n & 1][c] * light, 1.0);
}

bool scene_trace(const struct scene *s, const struct ray *r, double color[3])
{
    /* Where it enters the ball that holds everything, and leaves it. */
    const double along = -ray_dot(r->origin, r->direction);
    const double half2 =
        SCENE_RADIUS * SCENE_RADIUS + along * along - ray_dot(r->origin, r->origin);
    if (half2 <= 0.0)
        return false;
    double t = fmax(along - sqrt(half2), 0.0);
    const double end = along + sqrt(half2);
    for (int i = 0; i < MAX_STEPS && t < end; i++) {
        double at[3];
        size_t shape = 0;
        for (int d = 0; d < 3; d++)
            at[d] = r->origin[d] + t * r->direction[d];
        const double distance = scene_distance(s, at, &shape);
        if (distance < on_surface) {
            color_at(s, shape, at, color);
            return true;
        }
        t += distance;
    }
    return false;
}

/* --- what stands where --- */

static double between(struct rng *r, double low, double high)
{
    return low + (high - low) * rng_uniform(r);
}

/* A bright colour of a hue in [0, 1), and a darker one beside it. */
static void choose_colors(struct rng *r, double hue, struct scene_shape *s)
{
    const double dark = between(r, 0.35, 0.6), pale = between(r, 0.0, 0.25);
    for (int c = 0; c < 3; c++) {
        const double wave = 0.5 + 0.5 * cos(2.0 * pi * (hue - c / 3.0));
        s->color[0][c] = pale + (1.0 - pale) * wave;
        s->color[1][c] = dark * s->color[0][c];
    }
}

static void choose_size(struct rng *r, struct scene_shape *s)
{
    const double size = between(r, 0.16, 0.26);
    switch (s->kind) {
    case SCENE_SPHERE:
        s->size[0] = size;
        s->centre[2] = size;
        break;
    case SCENE_BOX:
        for (int d = 0; d < 3; d++)
            s->size[d] = size * between(r, 0.6, 1.1);
        s->centre[2] = s->size[2];
        break;
    case SCENE_TORUS:
        s->size[0] = size;
        s->size[1] = 0.4 * size;
        s->centre[2] = s->size[1];
        break;
    case SCENE_CYLINDER:
        s->size[0] = 0.7 * size;
        s->size[1] = size * between(r, 1.0, 1.8);
        s->centre[2] = s->size[1];
        break;
    case SCENE_N_KINDS:
        break;
    }
}

/* A floor, a tower in the middle with a ball on it, and a ring of shapes around: all kinds, in an
 * order, sizes and colours of the seed's. */
struct scene scene_make(uint64_t seed)
{
    enum { FLOOR, TOWER, BALL, FIRST, N_RING = SCENE_SHAPES - FIRST };
    struct scene scene = {0};
    struct rng r = rng_at(seed, RNG_SAMPLE, 0);
    const double hue = rng_uniform(&r), turn = rng_uniform(&r);
    const uint64_t first = rng_below(&r, SCENE_N_KINDS);
    for (size_t i = 0; i < SCENE_SHAPES; i++) {
        struct scene_shape *s = &scene.shape[i];
        const double angle = 2.0 * pi * between(&r, 0.0, 1.0);
        s->cosine = cos(angle);
        s->sine = sin(angle);
        s->pattern = between(&r, 0.09, 0.16);
        choose_colors(&r, hue + (double)i / SCENE_SHAPES, s);
        if (i < FIRST)
            continue;
        const double place =
            2.0 * pi * (turn + ((double)(i - FIRST) + between(&r, -0.12, 0.12)) / N_RING);
        const double away = between(&r, 0.72, 0.84);
        s->kind = (enum scene_shape_kind)((first + i) % SCENE_N_KINDS);
        s->centre[0] = away * cos(place);
        s->centre[1] = away * sin(place);
        choose_size(&r, s);
    }
    struct scene_shape *floor = &scene.shape[FLOOR], *tower = &scene.shape[TOWER],
                       *ball = &scene.shape[BALL];
    floor->kind = SCENE_CYLINDER;
    floor->size[0] = 1.2;
    floor->size[1] = 0.05;
    floor->centre[2] = -0.05;
    floor->pattern = 0.2;
    for (int c = 0; c < 3; c++) { /* grey, so that the shapes stand out */
        floor->color[0][c] = 0.85;
        floor->color[1][c] = 0.55;
    }
    tower->kind = SCENE_BOX;
    tower->size[0] = tower->size[1] = between(&r, 0.2, 0.28);
    tower->size[2] = between(&r, 0.3, 0.4);
    tower->centre[2] = tower->size[2];
    ball->kind = SCENE_SPHERE;
    ball->size[0] = between(&r, 0.18, 0.26);
    ball->centre[2] = 2.0 * tower->size[2] + ball->size[0] - 0.03;
    /* The middle of it all is where the cameras look. */
    for (size_t i = 0; i < SCENE_SHAPES; i++)
        scene.shape[i].centre[2] -= 0.4;
    return scene;
}
