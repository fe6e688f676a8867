#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "core/field/calibration.h"
#include "core/nn/kernel.h"
#include "core/task/task_image.h"
#include "tests/support/alloc.h"
#include "tests/support/small_fit.h"

struct drawn {
    struct image image;
    struct task *task;
};

static void drawn_init(struct drawn *d)
{
    d->image = small_picture(64, 64, COST_OUTPUTS);
    const struct task_image_spec spec = {.output_activation = ACTIVATION_LINEAR};
    assert_int_equal(task_image_create(&d->task, &d->image, &spec, NULL), STATUS_OK);
}

static void drawn_deinit(struct drawn *d)
{
    task_free(d->task);
    image_deinit(&d->image);
}

/* Of everything, whatever comes in between. */
static enum status calibrate_all(struct costs *out, const struct kernel *kernel,
                                 const struct task *task, struct team *team, struct error *err)
{
    const struct calibration wish = {
        .kernel = kernel, .task = task, .team = team, .longest_seconds = 1e9, .most_lost = 1.0};
    return calibrate(out, &wish, err);
}

static void assert_time(double seconds)
{
    assert_true(isfinite(seconds) && seconds > 0);
}

static void every_part_has_a_time_with_every_kernel_on_one_thread_and_more(void **state)
{
    (void)state;
    size_t n_kernels;
    const struct kernel *const *kernels = kernel_table(&n_kernels);
    struct drawn d;
    drawn_init(&d);
    for (size_t k = 0; k < n_kernels; k++)
        for (size_t n_threads = 1; n_threads <= 3; n_threads += k == 0 ? 1 : 2) {
            struct team *team = NULL;
            struct costs c;
            assert_int_equal(team_create(&team, n_threads, NULL), STATUS_OK);
            assert_int_equal(calibrate_all(&c, kernels[k], d.task, team, NULL), STATUS_OK);
            assert_int_equal(c.n_threads, n_threads);
            assert_true(c.lost >= 0.0 && c.lost <= 1.0);
            for (size_t p = 0; p < COST_N_PASSES; p++)
                for (size_t i = 0; i < COST_WIDTHS; i++) {
                    assert_time(c.network[p].ends[i]);
                    assert_time(c.network[p].hidden[i]);
                    assert_true(c.network[p].input[i] >= 0);
                }
            for (size_t i = 0; i < COST_TABLES; i++) {
                assert_true(c.tables[i].n > (i > 0 ? c.tables[i - 1].n : 0));
                assert_time(c.tables[i].lookup);
                assert_time(c.tables[i].keep);
                assert_time(c.tables[i].scatter);
                for (size_t s = 0; s < COST_DENSITIES; s++) {
                    assert_time(c.tables[i].line[s]);
                    assert_true(c.tables[i].density[s] > 0 && c.tables[i].density[s] <= 1);
                }
                assert_true(c.tables[i].density[0] <= c.tables[i].density[1]);
            }
            assert_time(c.sines);
            assert_time(c.sines_backward);
            assert_time(c.sines_jet);
            assert_time(c.draw);
            assert_time(c.update);
            assert_time(c.fetch);
            assert_time(c.average);
            assert_time(c.meet);
            team_free(team);
        }
    drawn_deinit(&d);
}

static bool has_come_to_an_end(void *context)
{
    size_t *n_left = context;
    return (*n_left)-- == 0;
}

static void what_is_unwanted_or_too_disturbed_or_too_long_is_given_up(void **state)
{
    (void)state;
    size_t n_left = 0;
    struct drawn d;
    drawn_init(&d);
    struct calibration wish = {.kernel = kernel_find(NULL),
                               .task = d.task,
                               .longest_seconds = 1e9,
                               .most_lost = 1.0,
                               .is_unwanted = has_come_to_an_end,
                               .context = &n_left};
    struct costs c = {.n_threads = 7};
    assert_int_equal(team_create(&wish.team, 1, NULL), STATUS_OK);
    for (size_t n = 0; n < 40; n += 13) { /* parts that are measured before */
        n_left = n;
        assert_int_equal(calibrate(&c, &wish, NULL), STATUS_CANCELED);
    }
    wish.is_unwanted = NULL;
    wish.most_lost = -1.0; /* even nothing is more */
    assert_int_equal(calibrate(&c, &wish, NULL), STATUS_CANCELED);
    struct error err = {0};
    wish.most_lost = 1.0;
    wish.longest_seconds = 0.0;
    assert_int_equal(calibrate(&c, &wish, &err), STATUS_INTERNAL);
    assert_non_null(strstr(err.message, "too long"));
    assert_int_equal(c.n_threads, 7); /* untouched */
    team_free(wish.team);
    drawn_deinit(&d);
}

struct want {
    const struct task *task;
    struct team *team;
};

static enum status attempt(void *context, struct error *err)
{
    const struct want *w = context;
    struct costs c;
    return calibrate_all(&c, kernel_find(NULL), w->task, w->team, err);
}

/* The first allocations of each part, which are alike in the rounds; each attempt takes as long as
 * it comes. */
static void without_memory_it_says_so(void **state)
{
    (void)state;
    static const size_t places[] = {1, 2, 3, 5, 9, 14, 20};
    struct drawn d;
    drawn_init(&d);
    struct want w = {.task = d.task};
    assert_int_equal(team_create(&w.team, 1, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct error err = {0};
        alloc_fail(places[i], ALLOC_FAIL_ON);
        const enum status status = attempt(&w, &err);
        assert_true(alloc_stop());
        assert_int_equal(status, STATUS_NO_MEMORY);
        assert_int_equal(err.status, STATUS_NO_MEMORY);
    }
    team_free(w.team);
    drawn_deinit(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_has_a_time_with_every_kernel_on_one_thread_and_more),
        cmocka_unit_test(what_is_unwanted_or_too_disturbed_or_too_long_is_given_up),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
