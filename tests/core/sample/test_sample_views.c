#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/format/views_zip.h"
#include "core/sample/sample.h"
#include "core/sample/scene.h"
#include "core/scene/camera.h"
#include "tests/support/alloc.h"
#include "tests/support/libzip_leaks.h"

enum { MAX_BYTES = 64 << 20, SIDE = 48 };

LIBZIP_LEAKS("leak:zip_close\n")

static void make(uint64_t seed, size_t size, struct buffer *file)
{
    const struct sample_spec spec = {.seed = seed, .size = size};
    buffer_init(file, MAX_BYTES);
    assert_int_equal(sample_views(&spec, file, NULL), STATUS_OK);
}

static void the_sample_is_a_scene_to_train_and_test_on(void **state)
{
    (void)state;
    struct buffer file;
    struct views_facts facts;
    make(3, SIDE, &file);
    bool is_scene = false;
    assert_int_equal(views_zip_recognize(file.data, file.size, &is_scene, NULL), STATUS_OK);
    assert_true(is_scene);
    assert_int_equal(views_zip_check(file.data, file.size, &facts, NULL), STATUS_OK);
    assert_true(facts.n_of[VIEW_TRAIN] == 60 && facts.n_of[VIEW_TEST] == 12);
    assert_true(facts.n_warnings == 0 && facts.channels == 4 && !facts.has_distortion);
    assert_true(facts.width[0] == SIDE && facts.width[1] == SIDE && facts.height[0] == SIDE);
    assert_true(facts.high[2] > 3 && facts.low[2] > 0 && facts.low[0] < -3 && facts.high[1] > 3);
    for (int d = 0; d < 3; d++) /* about the scene, and not much wider */
        assert_true(fabs(facts.scene.centre[d]) < 1e-6);
    assert_true(facts.scene.half > 1.2 && facts.scene.half < 1.6);
    buffer_deinit(&file);
}

/* What a camera sees in pixel (x, y): the mean of four rays, of those that hit; its alpha. */
static double see(const struct scene *scene, const struct camera *c, size_t x, size_t y,
                  double mean[3])
{
    size_t n_hits = 0;
    mean[0] = mean[1] = mean[2] = 0.0;
    for (size_t k = 0; k < 4; k++) {
        double color[3];
        struct ray r =
            camera_ray(c, (double)x + (k & 1 ? 0.75 : 0.25), (double)y + (k & 2 ? 0.75 : 0.25));
        ray_normalize(r.direction);
        if (!scene_trace(scene, &r, color))
            continue;
        for (int d = 0; d < 3; d++)
            mean[d] += color[d];
        n_hits++;
    }
    for (int d = 0; d < 3 && n_hits > 0; d++)
        mean[d] /= (double)n_hits;
    return (double)n_hits / 4.0;
}

/* The cameras that are read see what the pictures that are read show. */
static void the_cameras_of_the_sample_see_what_its_pictures_show(void **state)
{
    (void)state;
    struct buffer file;
    struct views views;
    const struct views_options all = {0};
    make(5, SIDE, &file);
    assert_int_equal(views_zip_decode(file.data, file.size, &all, &views, NULL), STATUS_OK);
    const struct scene scene = scene_make(5);
    size_t n_seen = 0, n_pixels = 0, n_other = 0;
    for (size_t i = 0; i < views.n_views; i += 7) {
        const struct camera c = camera_of_view(&views.view[i]);
        const uint8_t *pixel = views.view[i].image.u8;
        for (size_t k = 0; k < (size_t)SIDE * SIDE; k++, pixel += 4) {
            double color[3];
            const double alpha = see(&scene, &c, k % SIDE, k / SIDE, color);
            double most = fabs(alpha * 255.0 - pixel[3]);
            for (int d = 0; d < 3; d++)
                most = fmax(most, fabs(color[d] * 255.0 - pixel[d]));
            n_pixels++;
            n_seen += alpha > 0.0;
            n_other += most > 1.0; /* a pose's last digits may move a ray over an edge */
        }
    }
    assert_true(n_seen > 4000 && n_seen < n_pixels / 2);
    assert_true(n_other <= 5);
    views_deinit(&views);
    buffer_deinit(&file);
}

/* A distance is never more than it is: no step of a ray's goes through a wall; and nothing stands
 * outside the ball that rays are traced in. */
static void the_scene_of_any_seed_stays_in_its_ball(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        const struct scene scene = scene_make(seed);
        size_t n_kinds[SCENE_N_KINDS] = {0};
        for (size_t i = 0; i < SCENE_SHAPES; i++)
            n_kinds[scene.shape[i].kind]++;
        for (size_t k = 0; k < SCENE_N_KINDS; k++)
            assert_true(n_kinds[k] > 0);
        for (int i = 0; i < 40; i++)
            for (int j = 1; j < 20; j++) {
                const double a = 0.157 * i, b = 0.157 * j;
                const double at[3] = {SCENE_RADIUS * cos(a) * sin(b),
                                      SCENE_RADIUS * sin(a) * sin(b), SCENE_RADIUS * cos(b)};
                size_t shape;
                const double d = scene_distance(&scene, at, &shape);
                assert_true(d > 0.05);
                for (int k = 0; k < 3; k++) {
                    double beside[3] = {at[0], at[1], at[2]};
                    beside[k] -= 0.3 * at[k];
                    const double moved = fabs(0.3 * at[k]);
                    assert_true(fabs(scene_distance(&scene, beside, NULL) - d) <= moved + 1e-9);
                }
            }
    }
}

static enum status make_once(void *context, struct error *err)
{
    (void)context;
    struct buffer file;
    const struct sample_spec spec = {.size = 16};
    buffer_init(&file, MAX_BYTES);
    enum status status = sample_views(&spec, &file, NULL);
    buffer_deinit(&file);
    /* libzip takes some of its own failed allocations for something else */
    return status == STATUS_OK ? status : error_status(err, STATUS_NO_MEMORY);
}

/* Each try makes 72 pictures: failures every so often will do. */
static void the_sample_survives_failing_allocations(void **state)
{
    (void)state;
    for (size_t n = 1; n < 3000; n += 97) {
        struct error err = {.status = STATUS_OK};
        alloc_fail(n, ALLOC_FAIL_ON);
        const enum status status = make_once(NULL, &err);
        assert_true(alloc_stop() == (status != STATUS_OK));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_is_a_scene_to_train_and_test_on),
        cmocka_unit_test(the_cameras_of_the_sample_see_what_its_pictures_show),
        cmocka_unit_test(the_scene_of_any_seed_stays_in_its_ball),
        cmocka_unit_test(the_sample_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
