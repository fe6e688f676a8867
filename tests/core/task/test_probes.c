#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "core/nn/kernel.h"
#include "core/task/probes.h"
#include "core/task/task_image.h"
#include "tests/support/alloc.h"
#include "tests/support/small_fit.h"

static struct team *team_of(size_t n_members)
{
    struct team *team = NULL;
    assert_int_equal(team_create(&team, n_members, NULL), STATUS_OK);
    return team;
}

static struct probes *probes_of(struct team *team)
{
    struct probes *p = NULL;
    assert_int_equal(probes_create(&p, kernel_find(NULL), team, NULL), STATUS_OK);
    return p;
}

/* Every probe has a task of a kind that can be timed, and those that measure say how much. */
static void every_probe_is_there(void **state)
{
    (void)state;
    struct team *team = team_of(2);
    struct probes *p = probes_of(team);
    for (size_t i = 0; i < N_PROBES; i++) {
        const struct calibration_probe *probe = &probes_get(p)[i];
        assert_non_null(probe->task);
        const struct task_class *class = probe->task->class;
        assert_true((class->measure != NULL) == (i <= PROBE_TRANSFORM));
        assert_true((class->measure != NULL) == (probe->units > 1.0));
        assert_true(class->measure || (class->draw && class->loss));
    }
    probes_free(p);
    probes_free(NULL);
    team_free(team);
}

/* Walked rays lie in the shell alone, and their tiles are as good as full. */
static void walked_rays_meet_the_shell(void **state)
{
    (void)state;
    enum { MOST_TARGETS = 16, N = 128 };
    static float coords[3 * N], targets[MOST_TARGETS * N];
    struct team *team = team_of(1);
    struct probes *p = probes_of(team);
    const struct task *t = probes_get(p)[PROBE_WALKED_RAYS].task;
    assert_true(t->n_targets <= MOST_TARGETS && t->group_size == N);
    struct task_tile tile = {.batch_size = N, .n = N, .coords = coords, .targets = targets};
    size_t n_met = 0;
    t->class->draw(t, &tile);
    for (size_t i = 0; i < N; i++) {
        double square = 0.0;
        for (size_t d = 0; d < 3; d++)
            square += pow((double)coords[3 * i + d] - 0.5, 2);
        /* a cell is 1/128 wide; empty places of a tile are the middle */
        n_met += square > 0.0;
        assert_true(square == 0.0 || (sqrt(square) > 0.185 && sqrt(square) < 0.275));
    }
    assert_true(n_met > N / 2);
    probes_free(p);
    team_free(team);
}

static void a_calibration_times_them(void **state)
{
    (void)state;
    for (size_t n_threads = 1; n_threads <= 2; n_threads++) {
        struct image image = small_picture(64, 64, COST_OUTPUTS);
        const struct task_image_spec spec = {.output_activation = ACTIVATION_LINEAR};
        struct task *task = NULL;
        struct costs costs;
        assert_int_equal(task_image_create(&task, &image, &spec, NULL), STATUS_OK);
        struct team *team = team_of(n_threads);
        struct probes *p = probes_of(team);
        struct calibration wish = {.kernel = kernel_find(NULL),
                                   .task = task,
                                   .team = team,
                                   .longest_seconds = 1e9,
                                   .most_lost = 1.0};
        assert_int_equal(calibrate(&costs, &wish, NULL), STATUS_OK);
        for (size_t i = 0; i < COST_PROBES; i++)
            assert_true(costs.probe[i] == 0.0);
        wish.probes = probes_get(p);
        wish.n_probes = N_PROBES;
        assert_int_equal(calibrate(&costs, &wish, NULL), STATUS_OK);
        for (size_t i = 0; i < COST_PROBES; i++)
            assert_true(i < N_PROBES ? costs.probe[i] > 0.0 && costs.probe[i] < 1.0
                                     : costs.probe[i] == 0.0);
        probes_free(p);
        team_free(team);
        task_free(task);
        image_deinit(&image);
    }
}

static enum status attempt(void *context, struct error *err)
{
    struct probes *p = NULL;
    const enum status status = probes_create(&p, kernel_find(NULL), context, err);
    probes_free(p);
    return status;
}

/* The first allocations, and some of the later ones: making them all takes long. */
static void without_memory_it_says_so(void **state)
{
    (void)state;
    static const size_t places[] = {1, 2, 3, 4, 6, 9, 13, 18, 24, 30, 40};
    struct team *team = team_of(1);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct error err = {0};
        alloc_fail(places[i], ALLOC_FAIL_ON);
        const enum status status = attempt(team, &err);
        if (!alloc_stop())
            continue;
        assert_int_equal(status, STATUS_NO_MEMORY);
        assert_int_equal(err.status, STATUS_NO_MEMORY);
    }
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_probe_is_there),
        cmocka_unit_test(walked_rays_meet_the_shell),
        cmocka_unit_test(a_calibration_times_them),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
