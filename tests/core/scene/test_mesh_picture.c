#include "core/scene/mesh_picture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/mem.h"
#include "tests/support/alloc.h"
#include "tests/support/small_mesh.h"

static const uint8_t *pixel(const struct image *image, size_t x, size_t y)
{
    return image->u8 + 3 * (y * image->width + x);
}

static bool is_white(const uint8_t *p)
{
    return p[0] == 255 && p[1] == 255 && p[2] == 255;
}

static struct image picture(const struct mesh *m, size_t side)
{
    struct image image;
    assert_int_equal(mesh_picture(m, side, &image, NULL), STATUS_OK);
    assert_int_equal(image.width, side);
    assert_int_equal(image.height, side);
    assert_int_equal(image.channels, 3);
    assert_int_equal(image.type, SAMPLE_U8);
    return image;
}

/* Wherever it is and however large: in the middle, round, bright where it faces the eye. */
static void a_sphere_is_a_shaded_disc(void **state)
{
    (void)state;
    static const float centres[][3] = {{0, 0, 0}, {1000, -2000, 500}};
    static const float radii[] = {1, 100, 1e-3f};
    enum { SIDE = 64 };
    for (size_t i = 0; i < 3; i++) {
        struct mesh m = small_sphere(centres[i == 1], radii[i], 4);
        struct image image = picture(&m, SIDE);
        size_t n_drawn = 0;
        for (size_t k = 0; k < SIDE * SIDE; k++)
            n_drawn += !is_white(pixel(&image, k % SIDE, k / SIDE));
        /* pi / 4 of 0.92^2 of the picture, and a rim that is drawn in part */
        assert_in_range(n_drawn, 2600, 2950);
        assert_true(is_white(pixel(&image, 0, 0)) && is_white(pixel(&image, SIDE - 1, SIDE - 1)));
        assert_true(is_white(pixel(&image, 8, 8)) && is_white(pixel(&image, 0, SIDE / 2)));
        const uint8_t middle = pixel(&image, SIDE / 2, SIDE / 2)[0];
        const uint8_t rim = pixel(&image, SIDE / 2, 5)[0];
        assert_in_range(middle, 215, 230);
        assert_true(rim + 40 < middle);
        image_deinit(&image);
        mesh_deinit(&m);
    }
}

static void what_is_nearer_hides_what_is_behind_whichever_comes_first(void **state)
{
    (void)state;
    /* A square across the line of sight in front of a larger one that is tilted. */
    static float vertices[] = {-1, -1, 1,  1, -1, 1, 1, 1, 1, -1, 1, 1,
                               -3, -3, -4, 3, -3, 2, 3, 3, 2, -3, 3, -4};
    static uint32_t orders[2][12] = {{0, 1, 2, 0, 2, 3, 4, 5, 6, 4, 6, 7},
                                     {4, 6, 5, 4, 7, 6, 0, 2, 1, 0, 3, 2}};
    struct image image[2];
    for (size_t i = 0; i < 2; i++) {
        const struct mesh m = {8, 4, vertices, orders[i]};
        image[i] = picture(&m, 48);
    }
    assert_memory_equal(image[0].u8, image[1].u8, 3UL * 48 * 48);
    image_deinit(&image[0]);
    image_deinit(&image[1]);
}

static void odd_meshes_are_drawn_too(void **state)
{
    (void)state;
    /* One triangle seen from the side, one point, one as far as floats go. */
    static float vertices[] = {0,     0,     0,     0.42f,  0.30f,  0.86f, 0.84f, 0.60f,
                               1.72f, 3e38f, 3e38f, -3e38f, -3e38f, 0,     3e38f};
    static uint32_t triangles[][3] = {{0, 1, 2}, {0, 0, 0}, {0, 3, 4}};
    for (size_t i = 0; i < 3; i++) {
        const struct mesh m = {5, 1, vertices, triangles[i]};
        for (size_t side = 1; side <= 16; side += 15) {
            struct image image = picture(&m, side);
            image_deinit(&image);
        }
    }
    struct mesh soup = small_soup(500, 0.2f, 3);
    struct image image = picture(&soup, 32), again = picture(&soup, 32);
    assert_memory_equal(image.u8, again.u8, 3UL * 32 * 32);
    image_deinit(&image);
    image_deinit(&again);
    mesh_deinit(&soup);
}

/* The slivers of a rod that lies across the picture: looking at each one's box would take minutes.
 * The rod is drawn whole, and nothing else is. */
static void long_slivers_are_drawn_along_themselves(void **state)
{
    enum { N = 30000, SIDE = 512 };
    static const double pi = 3.14159265358979323846, radius = 0.2, half = 2.0;
    float *vertices = mem_alloc_array(2UL * N, 3 * sizeof *vertices);
    uint32_t *triangles = mem_alloc_array(2UL * N, 3 * sizeof *triangles);
    (void)state;
    for (uint32_t i = 0; i < N; i++) {
        const double angle = 2.0 * pi * i / N;
        const uint32_t next = (i + 1) % N, a = 2 * i, b = 2 * next;
        const uint32_t corners[6] = {a, b, a + 1, b, b + 1, a + 1};
        memcpy(triangles + 6UL * i, corners, sizeof corners);
        for (size_t end = 0; end < 2; end++) { /* the axis is (1, 1, 0) */
            const double along = end ? half : -half, across = radius * cos(angle);
            float *v = vertices + 6UL * i + 3 * end;
            v[0] = (float)((along - across) / sqrt(2.0));
            v[1] = (float)((along + across) / sqrt(2.0));
            v[2] = (float)(radius * sin(angle));
        }
    }
    const struct mesh m = {2UL * N, 2UL * N, vertices, triangles};
    struct image image = picture(&m, SIDE);
    size_t n_drawn = 0;
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++)
        n_drawn += image.u8[3 * i] < 250;
    assert_true(n_drawn > SIDE * SIDE / 10 && n_drawn < SIDE * SIDE / 5);
    image_deinit(&image);
    mem_free(vertices);
    mem_free(triangles);
}

static enum status draw_once(void *context, struct error *err)
{
    struct image image;
    enum status status = mesh_picture(context, 16, &image, err);
    if (status == STATUS_OK)
        image_deinit(&image);
    return status;
}

static void a_picture_survives_every_failing_allocation(void **state)
{
    (void)state;
    struct mesh m = small_soup(10, 0.5f, 1);
    assert_true(alloc_fail_each(draw_once, &m) >= 3);
    mesh_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sphere_is_a_shaded_disc),
        cmocka_unit_test(what_is_nearer_hides_what_is_behind_whichever_comes_first),
        cmocka_unit_test(odd_meshes_are_drawn_too),
        cmocka_unit_test(long_slivers_are_drawn_along_themselves),
        cmocka_unit_test(a_picture_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
