#include "tests/server/store/store_fixture.h"

#include <math.h>

static void start(struct fixture *f, char id[ID_SIZE])
{
    char dataset[ID_SIZE];
    make_dataset(f, "picture", dataset);
    make_job(f, dataset, id);
    claim_job(f, id);
}

static void report_points(struct fixture *f, const char *id, unsigned attempt,
                          const struct metric_point *points, size_t n)
{
    struct job_report report = {.phase = "training", .points = points, .n_points = n};
    assert_ok(store_job_report(f->store, id, attempt, &report, &f->err));
}

static void events_are_numbered_without_gap(void **state)
{
    struct fixture *f = *state;
    char id[ID_SIZE], other[ID_SIZE], dataset[ID_SIZE];
    make_dataset(f, "another picture", dataset);
    start(f, id);
    make_job(f, dataset, other);
    uint64_t expected = 1;
    for (int i = 0; i < 4; i++) {
        struct job_event events[] = {{.type = "progress", .data_json = (char *)"{\"step\":1}"},
                                     {.type = "metric", .data_json = (char *)"{}"}};
        struct job_report report = {.phase = "training", .events = events, .n_events = 2};
        if (i % 2)
            assert_ok(store_job_report(f->store, id, 1, &report, &f->err));
        else
            assert_ok(store_job_append_events(f->store, id, events, 2, &f->err));
        assert_int_equal(events[0].seq, expected++);
        assert_int_equal(events[1].seq, expected++);
        /* Each job counts for itself. */
        assert_ok(store_job_append_events(f->store, other, events, 1, &f->err));
        assert_int_equal(events[0].seq, i + 1);
    }
    reopen(f);
    struct event_list list;
    assert_ok(store_job_events(f->store, id, 3, 3, &list, &f->err));
    assert_int_equal(list.n, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(list.events[i].seq, 4 + i);
    assert_string_equal(list.events[0].type, "metric");
    assert_string_equal(list.events[1].data_json, "{\"step\":1}");
    event_list_deinit(&list);
    static const struct {
        uint64_t after;
        size_t limit, n;
    } rows[] = {{0, SIZE_MAX, 9},    {8, 10, 1}, {9, 10, 0}, {1000, 10, 0},
                {UINT64_MAX, 10, 0}, {0, 0, 0}}; /* the ninth tells of the restart */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_ok(store_job_events(f->store, id, rows[i].after, rows[i].limit, &list, &f->err));
        assert_int_equal(list.n, rows[i].n);
        event_list_deinit(&list);
    }
}

static void metrics_come_by_key_and_step(void **state)
{
    struct fixture *f = *state;
    char id[ID_SIZE];
    start(f, id);
    static const struct metric_point points[] = {
        {"psnr", 10, 20.5, 0.1}, {"loss", 10, 0.5, 0.1},  {"loss", 0, 1.5, 0},
        {"loss", 20, 0.25, 0.2}, {"psnr", 20, 25.5, 0.2}, {"loss", 5, 0.75, 0.05},
    };
    report_points(f, id, 1, points, sizeof points / sizeof *points);
    reopen(f);
    static const char *const psnr[] = {"psnr"}, *const both[] = {"psnr", "loss"},
                             *const unknown[] = {"x' OR 1=1"};
    const struct {
        const char *const *keys;
        size_t n_keys;
        int64_t since_step;
        const char *expected;
    } rows[] = {
        {NULL, 0, -1, "loss 0, loss 5, loss 10, loss 20, psnr 10, psnr 20, "},
        {NULL, 0, 0, "loss 5, loss 10, loss 20, psnr 10, psnr 20, "},
        {NULL, 0, 10, "loss 20, psnr 20, "},
        {NULL, 0, 20, ""},
        {NULL, 0, INT64_MIN, "loss 0, loss 5, loss 10, loss 20, psnr 10, psnr 20, "},
        {NULL, 0, INT64_MAX, ""},
        {psnr, 1, -1, "psnr 10, psnr 20, "},
        {both, 2, 5, "psnr 10, psnr 20, loss 10, loss 20, "},
        {unknown, 1, -1, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct metric_series series;
        char text[256] = "";
        assert_ok(store_job_metrics(f->store, id, rows[i].keys, rows[i].n_keys, rows[i].since_step,
                                    &series, &f->err));
        for (size_t k = 0; k < series.n; k++) {
            size_t n = strlen(text);
            snprintf(text + n, sizeof text - n, "%s %d, ", series.points[k].key,
                     (int)series.points[k].step);
        }
        assert_string_equal(text, rows[i].expected);
        metric_series_deinit(&series);
    }
    struct metric_series latest;
    assert_ok(store_job_latest_metrics(f->store, id, &latest, &f->err));
    assert_int_equal(latest.n, 2);
    assert_string_equal(latest.points[0].key, "loss");
    assert_int_equal(latest.points[0].step, 20);
    assert_true(latest.points[0].value == 0.25 && latest.points[0].seconds == 0.2);
    assert_string_equal(latest.points[1].key, "psnr");
    assert_true(latest.points[1].value == 25.5);
    metric_series_deinit(&latest);
}

static void a_point_reported_again_takes_the_old_ones_place(void **state)
{
    struct fixture *f = *state;
    char id[ID_SIZE];
    start(f, id);
    struct metric_point points[] = {{"loss", 10, 0.5, 1}, {"loss", 20, 0.4, 2}};
    report_points(f, id, 1, points, 2);
    reopen(f);
    assert_int_equal(claim_job(f, id), 2);
    points[0].value = 0.45;
    points[0].seconds = 3;
    report_points(f, id, 2, points, 1);
    struct metric_series series;
    assert_ok(store_job_metrics(f->store, id, NULL, 0, -1, &series, &f->err));
    assert_int_equal(series.n, 2);
    assert_true(series.points[0].value == 0.45 && series.points[0].seconds == 3);
    assert_true(series.points[1].value == 0.4);
    metric_series_deinit(&series);
}

static void numbers_that_are_not_finite_are_refused_whole(void **state)
{
    struct fixture *f = *state;
    char id[ID_SIZE];
    start(f, id);
    const double bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct metric_point points[] = {{"loss", 1, 0.5, 1}, {"loss", 2, bad[i], 1}};
        struct job_event event = {.type = "metric", .data_json = (char *)"{}"};
        struct job_report report = {.phase = "x",
                                    .step = 5,
                                    .points = points,
                                    .n_points = 2,
                                    .events = &event,
                                    .n_events = 1};
        assert_status(store_job_report(f->store, id, 1, &report, &f->err), STATUS_INVALID);
        points[1] = (struct metric_point){"loss", 2, 1, bad[i]};
        assert_status(store_job_report(f->store, id, 1, &report, &f->err), STATUS_INVALID);
        report = (struct job_report){.phase = "x", .seconds = bad[i]};
        assert_status(store_job_report(f->store, id, 1, &report, &f->err), STATUS_INVALID);
        report = (struct job_report){.phase = "x", .progress = bad[i]};
        assert_status(store_job_report(f->store, id, 1, &report, &f->err), STATUS_INVALID);
    }
    error_clear(&f->err);
    struct job_row row;
    struct metric_series series;
    struct event_list list;
    assert_ok(store_job_get(f->store, id, &row, &f->err));
    assert_int_equal(row.step, 0);
    job_row_deinit(&row);
    assert_ok(store_job_metrics(f->store, id, NULL, 0, -1, &series, &f->err));
    assert_int_equal(series.n, 0);
    metric_series_deinit(&series);
    assert_ok(store_job_events(f->store, id, 0, 10, &list, &f->err));
    assert_int_equal(list.n, 0);
    event_list_deinit(&list);
}

static void steps_beyond_sqlites_integers_are_refused(void **state)
{
    struct fixture *f = *state;
    char id[ID_SIZE];
    start(f, id);
    struct job_report report = {.phase = "x", .step = UINT64_MAX};
    assert_status(store_job_report(f->store, id, 1, &report, &f->err), STATUS_TOO_LARGE);
}

static void many_points_come_back(void **state)
{
    struct fixture *f = *state;
    char id[ID_SIZE];
    enum { N = 3000 };
    static struct metric_point points[N];
    start(f, id);
    for (int i = 0; i < N; i++)
        points[i] = (struct metric_point){"loss", (uint64_t)i, i * 0.5, i};
    report_points(f, id, 1, points, N);
    struct metric_series series;
    assert_ok(store_job_metrics(f->store, id, NULL, 0, -1, &series, &f->err));
    assert_int_equal(series.n, N);
    for (int i = 0; i < N; i++)
        assert_true(series.points[i].step == (uint64_t)i && series.points[i].value == i * 0.5);
    metric_series_deinit(&series);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_are_numbered_without_gap),
        TEST(metrics_come_by_key_and_step),
        TEST(a_point_reported_again_takes_the_old_ones_place),
        TEST(numbers_that_are_not_finite_are_refused_whole),
        TEST(steps_beyond_sqlites_integers_are_refused),
        TEST(many_points_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
