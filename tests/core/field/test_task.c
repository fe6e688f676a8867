#include "core/field/task.h"

#include <math.h>

#include "tests/support/small_fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void task_metrics_are_found_by_name(void **state)
{
    (void)state;
    struct task_metrics m = {0};
    task_metrics_add(&m, "psnr", 30.0);
    task_metrics_add(&m, "test_psnr", 25.0);
    assert_true(*task_metrics_find(&m, "psnr") == 30.0);
    assert_true(*task_metrics_find(&m, "test_psnr") == 25.0);
    assert_null(task_metrics_find(&m, "ssim"));
}

static void task_free_and_stop_take_null(void **state)
{
    (void)state;
    volatile bool stop = false;
    task_free(NULL);
    assert_false(task_stopped(NULL));
    assert_false(task_stopped(&stop));
    stop = true;
    assert_true(task_stopped(&stop));
}

/* Whatever the team, the values are those that one workspace computes. */
static void task_query_gives_the_same_bits_with_any_team(void **state)
{
    (void)state;
    enum { N = 1000 };
    static float unit[N * 2], expected[N * 3], values[N * 3];
    struct image image = small_picture(8, 8, 3);
    const struct field_spec spec = small_field_spec(&image);
    struct field *f = small_field(&spec, 1);
    struct field_workspace *w = NULL;
    assert_int_equal(field_workspace_create(&w, f, FIELD_VALUES, NULL), STATUS_OK);
    for (size_t i = 0; i < N * 2; i++)
        unit[i] = (float)fabs(sin(12.9 * (double)i));
    field_query(f, w, N, unit, expected);
    for (size_t n_members = 1; n_members <= 5; n_members += 2) {
        struct team *team = NULL;
        assert_int_equal(team_create(&team, n_members, NULL), STATUS_OK);
        for (size_t n = 0; n <= N; n += 250) {
            assert_int_equal(task_query(f, team, n, unit, values, NULL, NULL), STATUS_OK);
            assert_memory_equal(values, expected, n * 3 * sizeof *values);
        }
        volatile bool stop = true;
        struct error err = {0};
        assert_int_equal(task_query(f, team, N, unit, values, &stop, &err), STATUS_CANCELED);
        assert_int_equal(err.status, STATUS_CANCELED);
        team_free(team);
    }
    field_workspace_free(w);
    field_free(f);
    image_deinit(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(task_metrics_are_found_by_name),
        cmocka_unit_test(task_free_and_stop_take_null),
        cmocka_unit_test(task_query_gives_the_same_bits_with_any_team),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
