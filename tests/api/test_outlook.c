/*
 * What a fit tells of its future and when: worker_forecast of server/jobs/worker.h is played by
 * this file (it comes first, so the linker takes this one).
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <jansson.h>

#include "api/jobs_outlook.h"

struct worker {
    size_t n_told;
    json_t *told; /* the last */
};

void worker_forecast(struct worker *w, const char *forecast_json)
{
    w->n_told++;
    json_decref(w->told);
    w->told = json_loads(forecast_json, 0, NULL);
    assert_non_null(w->told);
}

/* 20, 30, 40 dB at steps 10, 100, 1000; 5 less of what is held out. */
static const struct forecast made = {.n = 3,
                                     .has_test = true,
                                     .step = {10, 100, 1000},
                                     .psnr = {20, 30, 40},
                                     .test_psnr = {15, 25, 35}};

static const json_t *member(const struct worker *w, const char *path)
{
    char key[32];
    const json_t *value = w->told;
    for (int n; sscanf(path, "%31[^.]%n", key, &n) == 1; path += path[n] ? n + 1 : n)
        value = json_object_get(value, key);
    return value;
}

static double number(const struct worker *w, const char *series, size_t i, size_t column)
{
    return json_number_value(json_array_get(json_array_get(member(w, series), i), column));
}

static void assert_near(double a, double b)
{
    assert_true(fabs(a - b) < 1e-6);
}

static void the_first_steps_tell_it_with_their_pace(void **state)
{
    (void)state;
    struct worker w = {0};
    struct outlook o = {.worker = &w, .forecast = made, .most_seconds = 5.0};
    outlook_progress(&o, 0, 0.0);
    assert_int_equal(w.n_told, 0);
    outlook_progress(&o, 20, 1.0); /* 0.05 s each: 5 s are 100 steps */
    outlook_progress(&o, 40, 9.0);
    assert_int_equal(w.n_told, 1);
    assert_true(json_is_null(member(&w, "revised")));
    assert_int_equal(json_array_size(member(&w, "series.psnr")), 2);
    assert_near(number(&w, "series.psnr", 1, 0), 5.0);
    assert_near(number(&w, "series.psnr", 1, 1), 30.0);
    json_decref(w.told);

    /* an end between two points is a point of its own */
    w = (struct worker){0};
    o = (struct outlook){.worker = &w, .forecast = made, .most_seconds = sqrt(10.0)};
    outlook_progress(&o, 100, 1.0);
    assert_int_equal(json_array_size(member(&w, "series.test_psnr")), 3);
    assert_near(number(&w, "series.test_psnr", 2, 0), sqrt(10.0));
    assert_near(number(&w, "series.test_psnr", 2, 1), 30.0);
    json_decref(w.told);
}

static void the_first_late_measurement_revises_it(void **state)
{
    (void)state;
    struct worker w = {0};
    struct outlook o = {.worker = &w, .forecast = made};
    outlook_metric(&o, "psnr", 50, 21, 4.0); /* before anything was told */
    outlook_progress(&o, 60, 0.6);
    outlook_metric(&o, "psnr", 70, 25, 2.0); /* early */
    outlook_metric(&o, "test_psnr", 70, 20, 2.0);
    outlook_metric(&o, "loss", 100, 1.0, 4.0);
    outlook_metric(&o, "psnr", 100, 32, 4.0);
    assert_int_equal(w.n_told, 1);
    outlook_metric(&o, "test_psnr", 100, 24, 4.0);
    assert_int_equal(w.n_told, 2);
    assert_near(json_number_value(member(&w, "seconds_per_step")), 0.01);
    assert_near(number(&w, "series.psnr", 2, 1), 40.0);
    assert_near(json_number_value(member(&w, "revised.seconds_per_step")), 0.04);
    assert_int_equal(json_array_size(member(&w, "revised.series.psnr")), 2);
    assert_near(number(&w, "revised.series.psnr", 0, 0), 4.0);
    assert_near(number(&w, "revised.series.psnr", 0, 1), 32.0);
    assert_near(number(&w, "revised.series.test_psnr", 0, 1), 24.0);
    assert_near(number(&w, "revised.series.test_psnr", 1, 0), 40.0);
    const double later = number(&w, "revised.series.psnr", 1, 1);
    assert_near(later, 42.0);
    const double other = number(&w, "revised.series.test_psnr", 1, 1);
    assert_near(other, 34.0);
    outlook_metric(&o, "psnr", 200, 33, 8.0); /* once */
    outlook_metric(&o, "test_psnr", 200, 33, 8.0);
    assert_int_equal(w.n_told, 2);
    json_decref(w.told);
}

/* A tenth of the fit, but 3 to 60 seconds; and no more than 2 dB. */
static void it_waits_for_a_part_of_the_fit(void **state)
{
    (void)state;
    struct worker w = {0};
    struct outlook o = {.worker = &w, .forecast = made, .most_seconds = 100.0};
    outlook_progress(&o, 10, 2.0); /* 200 s for all */
    outlook_metric(&o, "psnr", 40, 20, 9.9);
    outlook_metric(&o, "test_psnr", 40, 10, 9.9);
    assert_int_equal(w.n_told, 1);
    outlook_metric(&o, "psnr", 50, 36, 10.0);
    outlook_metric(&o, "test_psnr", 50, 10, 10.0);
    assert_int_equal(w.n_told, 2);
    assert_near(number(&w, "revised.series.psnr", 1, 1), 32.0);
    assert_near(number(&w, "revised.series.test_psnr", 1, 1), 23.0);
    json_decref(w.told);

    w = (struct worker){0};
    o = (struct outlook){.worker = &w, .forecast = made};
    outlook_progress(&o, 1, 10.0); /* 10,000 s */
    outlook_metric(&o, "psnr", 6, 36, 60.0);
    outlook_metric(&o, "test_psnr", 6, 10, 60.0);
    assert_int_equal(w.n_told, 2);
    json_decref(w.told);
}

static void without_held_out_samples_psnr_is_enough(void **state)
{
    (void)state;
    struct worker w = {0};
    struct outlook o = {.worker = &w, .forecast = made};
    o.forecast.has_test = false;
    outlook_progress(&o, 10, 0.1);
    outlook_metric(&o, "psnr", 2000, 41, 20.0); /* later than its last point */
    assert_int_equal(w.n_told, 2);
    assert_int_equal(json_array_size(member(&w, "revised.series.psnr")), 1);
    assert_null(member(&w, "revised.series.test_psnr"));
    json_decref(w.told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_steps_tell_it_with_their_pace),
        cmocka_unit_test(the_first_late_measurement_revises_it),
        cmocka_unit_test(it_waits_for_a_part_of_the_fit),
        cmocka_unit_test(without_held_out_samples_psnr_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
