/*
 * Design.  A landscape painted from back to front: sky with clouds, a sun, hazy ridges, water, and
 * balloons whose patterns (a star, rings, stripes, a checkerboard) hold edges at all angles and
 * every frequency up to the pixel grid.  Each part is a function of the place in [0,1]^2 and of
 * parameters drawn once; each edge is softened over about one pixel, so nothing aliases.
 */
#include "core/sample/sample.h"

#include <math.h>

#include "core/base/rng.h"

enum {
    LATTICE = 64, /* side of the table of noise; a power of two */
    N_RIDGES = 4,
    N_BALLOONS = 6,
    N_PALETTES = 3,
};

static const float pi = 3.14159265f;

struct color {
    float r, g, b;
};

enum pattern { STAR, RINGS, STRIPES, CHECKER, WEDGES, WEAVE, N_PATTERNS };

struct balloon {
    float x, y, radius;
    float angle;
    float cycles; /* of the pattern, over the diameter or around */
    enum pattern pattern;
    struct color light, dark;
};

struct ridge {
    float base;   /* height of its crest, 0 at the top */
    float relief; /* how far it rises and falls */
    float cycles; /* bumps over the width */
    float shift;
    struct color color;
};

struct scene {
    float side; /* pixels */
    float lattice[LATTICE][LATTICE];
    struct color zenith, horizon, glow;
    float sun_x, sun_y, sun_radius;
    float shore;
    struct ridge ridge[N_RIDGES];
    struct balloon balloon[N_BALLOONS];
};

static const struct {
    struct color zenith, horizon, glow, far, near;
} palettes[N_PALETTES] = {
    /* evening */
    {{0.16f, 0.20f, 0.42f},
     {0.98f, 0.62f, 0.38f},
     {1.00f, 0.90f, 0.62f},
     {0.58f, 0.44f, 0.56f},
     {0.08f, 0.09f, 0.16f}},
    /* noon */
    {{0.22f, 0.48f, 0.82f},
     {0.86f, 0.94f, 0.98f},
     {1.00f, 0.98f, 0.86f},
     {0.52f, 0.66f, 0.78f},
     {0.10f, 0.26f, 0.16f}},
    /* night falls */
    {{0.05f, 0.08f, 0.20f},
     {0.44f, 0.54f, 0.66f},
     {0.96f, 0.97f, 0.92f},
     {0.26f, 0.34f, 0.46f},
     {0.03f, 0.06f, 0.10f}},
};

static float clip(float v)
{
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

static float mix(float a, float b, float t)
{
    return a + (b - a) * t;
}

static struct color blend(struct color a, struct color b, float t)
{
    return (struct color){mix(a.r, b.r, t), mix(a.g, b.g, t), mix(a.b, b.b, t)};
}

static struct color shade(struct color c, float factor)
{
    return (struct color){c.r * factor, c.g * factor, c.b * factor};
}

static float smooth(float t)
{
    t = clip(t);
    return t * t * (3 - 2 * t);
}

/* 1 inside, 0 outside, a ramp of one pixel between; distance: to the edge, positive inside. */
static float coverage(const struct scene *s, float distance)
{
    return clip(0.5f + distance * s->side);
}

/* A square wave of the phase (in cycles) in [0,1], edges one pixel wide; beyond two thirds of the
 * pixel grid's limit it fades to its mean. */
static float square_wave(float phase, float cycles_per_pixel)
{
    float wave = sinf(2 * pi * phase);
    float sharp = clip(0.5f + wave / (2 * pi * fmaxf(cycles_per_pixel, 1e-4f)));
    float fade = clip((0.5f - cycles_per_pixel) / 0.17f);
    return mix(0.5f, sharp, fade);
}

/* Value noise in [0,1] with one lattice cell for each unit of x and y. */
static float noise(const struct scene *s, float x, float y)
{
    float fx = floorf(x), fy = floorf(y);
    unsigned i = (unsigned)(int)fx % LATTICE, k = (unsigned)(int)fy % LATTICE;
    unsigned i1 = (i + 1) % LATTICE, k1 = (k + 1) % LATTICE;
    float tx = smooth(x - fx), ty = smooth(y - fy);
    return mix(mix(s->lattice[k][i], s->lattice[k][i1], tx),
               mix(s->lattice[k1][i], s->lattice[k1][i1], tx), ty);
}

/* Octaves of noise, each of twice the frequency, down to cells of two pixels; in [0,1].
 * cells: of the first octave, over the side.  roughness: amplitude of an octave to the one before.
 */
static float fractal(const struct scene *s, float x, float y, float cells, float roughness)
{
    float sum = 0, weight = 0, amplitude = 1;
    while (cells < s->side / 2) {
        sum += amplitude * noise(s, x * cells + 17.3f * amplitude, y * cells + 5.1f * amplitude);
        weight += amplitude;
        cells *= 2;
        amplitude *= roughness;
    }
    return weight > 0 ? sum / weight : 0.5f;
}

/* --- the parts --- */

static struct color sky(const struct scene *s, float x, float y)
{
    struct color c = blend(s->zenith, s->horizon, powf(clip(y / s->shore), 1.4f));
    float cloud = smooth((fractal(s, x * 0.6f, y * 1.8f, 3, 0.58f) - 0.48f) * 4);
    c = blend(c, blend(s->horizon, s->glow, 0.6f), 0.55f * cloud);
    float distance = hypotf(x - s->sun_x, y - s->sun_y);
    c = blend(c, s->glow, 0.75f * expf(-distance * distance / 0.03f));
    return blend(c, shade(s->glow, 1.05f), coverage(s, s->sun_radius - distance));
}

static float crest(const struct scene *s, const struct ridge *r, float x)
{
    float t = fractal(s, x + r->shift, r->shift, r->cycles, 0.5f);
    return r->base - r->relief * (t - 0.5f) * 2;
}

static struct color ridges(const struct scene *s, struct color c, float x, float y)
{
    for (size_t i = 0; i < N_RIDGES; i++) {
        const struct ridge *r = &s->ridge[i];
        float depth = y - crest(s, r, x);
        if (depth * s->side < -1)
            continue;
        float trees = fractal(s, x * 1.7f + r->shift, y * 0.9f, 24, 0.8f);
        float haze = clip(depth * 4);
        struct color own = shade(r->color, 0.72f + 0.56f * trees);
        c = blend(c, blend(own, s->horizon, 0.22f * haze), coverage(s, depth));
    }
    return c;
}

/* Ripples, finer towards the shore: a chirp along y. */
static struct color water(const struct scene *s, struct color c, float x, float y)
{
    float depth = (y - s->shore) / (1 - s->shore);
    if (depth <= 0)
        return c;
    float phase = 26 * logf(0.03f + depth) + 2.2f * fractal(s, x * 1.2f, y * 3, 6, 0.5f);
    float frequency = 26 / (0.03f + depth) / ((1 - s->shore) * s->side);
    float ripple = square_wave(phase, frequency);
    float path = expf(-powf((x - s->sun_x) / (0.05f + 0.16f * depth), 2));
    struct color still = blend(s->horizon, s->zenith, 0.25f + 0.75f * depth);
    struct color moved = blend(shade(still, 0.72f), s->glow, 0.85f * path);
    struct color surface = blend(still, moved, 0.25f + 0.6f * ripple);
    return blend(c, surface, coverage(s, y - s->shore));
}

/* The pattern in a balloon's own turned coordinates, u, v in [-1,1]; 1: light, 0: dark.
 * pixel: side of a pixel in them. */
static float pattern_at(const struct balloon *b, float u, float v, float pixel)
{
    float radius = hypotf(u, v), turn = atan2f(v, u) / (2 * pi);
    float around = b->cycles / (2 * pi * fmaxf(radius, 1e-3f)) * pixel;
    switch (b->pattern) {
    case STAR:
        return square_wave(b->cycles * turn, around);
    case RINGS: /* a zone plate: the frequency grows with the radius */
        return square_wave(b->cycles * radius * radius, 2 * b->cycles * radius * pixel);
    case STRIPES: /* a chirp across the disc */
        return square_wave(b->cycles * (u + 1) * (u + 1) / 4, b->cycles * (u + 1) / 2 * pixel);
    case CHECKER: {
        float a = square_wave(b->cycles * u / 4, b->cycles / 4 * pixel);
        float c = square_wave(b->cycles * v / 4, b->cycles / 4 * pixel);
        return a + c - 2 * a * c;
    }
    case WEDGES: /* a spiral */
        return square_wave(6 * turn + 3 * radius, 6 / b->cycles * around + 3 * pixel);
    case WEAVE:
    case N_PATTERNS:
        break;
    }
    return 0.5f + 0.25f * sinf(2 * pi * b->cycles * u / 2) +
           0.25f * sinf(2 * pi * b->cycles * v / 2);
}

static struct color balloons(const struct scene *s, struct color c, float x, float y)
{
    for (size_t i = 0; i < N_BALLOONS; i++) {
        const struct balloon *b = &s->balloon[i];
        float dx = (x - b->x) / b->radius, dy = (y - b->y) / b->radius;
        float radius = hypotf(dx, dy);
        if ((radius - 1) * b->radius * s->side > 1)
            continue;
        float u = dx * cosf(b->angle) + dy * sinf(b->angle);
        float v = dy * cosf(b->angle) - dx * sinf(b->angle);
        struct color own = blend(b->dark, b->light, pattern_at(b, u, v, 1 / (b->radius * s->side)));
        float lit = 0.62f + 0.38f * clip(1 - hypotf(dx + 0.35f, dy + 0.4f) / 1.6f) * 1.4f;
        c = blend(c, shade(own, lit), coverage(s, (1 - radius) * b->radius));
    }
    return c;
}

/* --- drawing of the parameters --- */

static float between(struct rng *r, float low, float high)
{
    return low + (high - low) * (float)rng_uniform(r);
}

/* Saturated colours around the circle of hues; turn in [0,1]. */
static struct color hue(float turn, float brightness)
{
    return (struct color){brightness * (0.55f + 0.45f * cosf(2 * pi * turn)),
                          brightness * (0.55f + 0.45f * cosf(2 * pi * (turn - 0.33f))),
                          brightness * (0.55f + 0.45f * cosf(2 * pi * (turn - 0.67f)))};
}

/* Balloons stand in a loose row of slots, so that they seldom cover each other. */
static void set_balloons(struct scene *s, struct rng *r)
{
    for (size_t i = 0; i < N_BALLOONS; i++) {
        struct balloon *b = &s->balloon[i];
        float turn = (float)rng_uniform(r);
        b->radius = between(r, 0.065f, 0.125f);
        b->x = ((float)(i % 3) + between(r, 0.32f, 0.68f)) / 3;
        b->y = i < 3 ? between(r, 0.14f, 0.24f) : between(r, 0.38f, 0.55f);
        b->angle = between(r, 0, 2 * pi);
        b->pattern = (enum pattern)(i % N_PATTERNS);
        b->cycles = b->pattern == STAR ? 24 : between(r, 9, 18);
        b->light = blend((struct color){1, 1, 1}, hue(turn, 1), 0.25f);
        b->dark = hue(turn + between(r, 0.3f, 0.7f), 0.75f);
    }
}

static void set_scene(struct scene *s, uint64_t seed, size_t side)
{
    struct rng r = rng_at(seed, RNG_SAMPLE, 0);
    s->side = (float)side;
    for (size_t k = 0; k < LATTICE; k++)
        for (size_t i = 0; i < LATTICE; i++)
            s->lattice[k][i] = (float)rng_uniform(&r);
    size_t p = rng_below(&r, N_PALETTES);
    s->zenith = palettes[p].zenith;
    s->horizon = palettes[p].horizon;
    s->glow = palettes[p].glow;
    s->shore = between(&r, 0.74f, 0.80f);
    s->sun_x = between(&r, 0.15f, 0.85f);
    s->sun_y = between(&r, 0.30f, 0.46f);
    s->sun_radius = between(&r, 0.04f, 0.07f);
    for (size_t i = 0; i < N_RIDGES; i++) {
        float near = (float)i / (N_RIDGES - 1);
        s->ridge[i] = (struct ridge){.base = mix(0.56f, s->shore - 0.02f, near),
                                     .relief = mix(0.14f, 0.05f, near),
                                     .cycles = mix(2.5f, 7, near),
                                     .shift = between(&r, 0, 20),
                                     .color = blend(palettes[p].far, palettes[p].near, near)};
    }
    set_balloons(s, &r);
}

enum status sample_picture(const struct sample_spec *spec, struct image *out, struct error *err)
{
    size_t side;
    struct image image;
    enum status status = sample_side(spec, &side, err);
    if (status == STATUS_OK)
        status = image_create(&image, SAMPLE_FLOAT, side, side, 3, err);
    if (status != STATUS_OK)
        return status;
    struct scene scene;
    set_scene(&scene, spec->seed, side);
    float *pixel = image.values;
    for (size_t row = 0; row < side; row++)
        for (size_t column = 0; column < side; column++, pixel += 3) {
            float x = ((float)column + 0.5f) / scene.side, y = ((float)row + 0.5f) / scene.side;
            struct color c = sky(&scene, x, y);
            c = ridges(&scene, c, x, y);
            c = water(&scene, c, x, y);
            c = balloons(&scene, c, x, y);
            pixel[0] = clip(c.r);
            pixel[1] = clip(c.g);
            pixel[2] = clip(c.b);
        }
    *out = image;
    return STATUS_OK;
}
