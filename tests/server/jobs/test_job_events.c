#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "server/jobs/clean_text.h"
#include "server/jobs/job_events.h"

static void check(struct job_event *event, enum status status, const char *type, const char *json)
{
    assert_int_equal(status, STATUS_OK);
    assert_string_equal(event->type, type);
    assert_string_equal(event->data_json, json);
    assert_int_equal(event->seq, 0);
    job_event_deinit(event);
}

static void each_event_has_its_text(void **state)
{
    (void)state;
    struct job_event e;
    const struct metric_point points[] = {
        {.key = "loss", .step = 120, .value = 0.0123, .seconds = 1.5},
        {.key = "psnr", .step = 120, .value = -31, .seconds = 1.5}};
    check(&e, job_event_state(&e, JOB_RUNNING, 1, NULL), "state",
          "{\"status\":\"running\",\"attempt\":1}");
    const struct job_report report = {
        .phase = "training", .step = 120, .seconds = 1.5, .progress = 0.06, .eta_seconds = 23.4};
    check(&e, job_event_progress(&e, &report, 2000, NULL), "progress",
          "{\"step\":120,\"steps\":2000,\"progress\":0.06,\"seconds\":1.5,\"eta_seconds\":23.4,"
          "\"phase\":\"training\"}");
    const struct job_report unknown = {.eta_seconds = -1};
    check(&e, job_event_progress(&e, &unknown, 0, NULL), "progress",
          "{\"step\":0,\"steps\":null,\"progress\":0,\"seconds\":0,\"eta_seconds\":null,"
          "\"phase\":\"\"}");
    check(&e, job_event_metric(&e, points, 2, NULL), "metric",
          "{\"points\":[[\"loss\",120,0.0123,1.5],[\"psnr\",120,-31,1.5]]}");
    check(&e, job_event_snapshot(&e, 7, "ab12", NULL), "snapshot",
          "{\"step\":7,\"sha256\":\"ab12\"}");
    const struct job_done good = {
        .status = JOB_SUCCEEDED, .stopped_by = "steps", .error_class = "", .field_id = "fld_x"};
    check(&e, job_event_done(&e, &good, NULL), "done",
          "{\"status\":\"succeeded\",\"stopped_by\":\"steps\",\"error\":null,"
          "\"field_id\":\"fld_x\"}");
    const struct job_done bad = {
        .status = JOB_FAILED, .error_class = "invalid_data", .error_detail = "a \"b\" \\ \n\xff"};
    check(&e, job_event_done(&e, &bad, NULL), "done",
          "{\"status\":\"failed\",\"stopped_by\":null,\"error\":{\"class\":\"invalid_data\","
          "\"detail\":\"a \\\"b\\\" \\\\ ??\"},\"field_id\":null}");
}

static void events_are_one_line(void **state)
{
    (void)state;
    struct job_event e;
    char detail[256];
    for (int i = 0; i < 255; i++)
        detail[i] = (char)(i + 1);
    detail[255] = '\0';
    const struct job_done done = {
        .status = JOB_FAILED, .error_class = "crashed", .error_detail = detail};
    assert_int_equal(job_event_done(&e, &done, NULL), STATUS_OK);
    for (const char *p = e.data_json; *p; p++)
        assert_in_range((unsigned char)*p, 0x20, 0x7e);
    job_event_deinit(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_event_has_its_text),
        cmocka_unit_test(events_are_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
