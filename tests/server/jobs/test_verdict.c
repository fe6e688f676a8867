#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "server/jobs/verdict.h"

#define SAID(code)                                                                                 \
    {                                                                                              \
        .status = (code), .message = "words"                                                       \
    }

static void every_story_has_its_verdict(void **state)
{
    (void)state;
    static const struct {
        struct attempt_story story;
        enum job_status status;
        const char *error_class;
        bool crashed;
        enum verdict_field field;
    } rows[] = {
        {{.has_result = true}, JOB_SUCCEEDED, "", false, VERDICT_RESULT},
        {{.has_result = true, .cancel = true}, JOB_SUCCEEDED, "", false, VERDICT_RESULT},
        {{.has_result = true, .stop = true}, JOB_SUCCEEDED, "", false, VERDICT_RESULT},

        {{.cancel = true, .error = SAID(STATUS_CANCELED)},
         JOB_CANCELED,
         "",
         false,
         VERDICT_SNAPSHOT},
        {{.cancel = true, .end = {.by_signal = true, .code = SIGKILL}},
         JOB_CANCELED,
         "",
         false,
         VERDICT_SNAPSHOT},
        {{.cancel = true, .stop = true}, JOB_CANCELED, "", false, VERDICT_SNAPSHOT},
        {{.cancel = true, .error = SAID(STATUS_INVALID)},
         JOB_CANCELED,
         "",
         false,
         VERDICT_SNAPSHOT},

        {{.error = SAID(STATUS_INVALID)}, JOB_FAILED, "invalid_data", false, VERDICT_NO_FIELD},
        {{.error = SAID(STATUS_TOO_LARGE)}, JOB_FAILED, "invalid_data", false, VERDICT_NO_FIELD},
        {{.error = SAID(STATUS_UNSUPPORTED)}, JOB_FAILED, "invalid_data", false, VERDICT_NO_FIELD},
        {{.error = SAID(STATUS_DIVERGED)}, JOB_FAILED, "diverged", false, VERDICT_SNAPSHOT},
        {{.error = SAID(STATUS_NO_MEMORY)}, JOB_FAILED, "out_of_memory", false, VERDICT_NO_FIELD},
        {{.large = true, .trouble = SAID(STATUS_NO_MEMORY), .stop = true},
         JOB_FAILED,
         "out_of_memory",
         false,
         VERDICT_NO_FIELD},
        {{.end = {.by_signal = true, .code = SIGKILL, .for_memory = true}},
         JOB_FAILED,
         "out_of_memory",
         false,
         VERDICT_NO_FIELD},
        {{.late = true, .trouble = SAID(STATUS_CANCELED), .error = SAID(STATUS_CANCELED)},
         JOB_FAILED,
         "time_limit",
         false,
         VERDICT_SNAPSHOT},
        {{.late = true, .cancel = true}, JOB_CANCELED, "", false, VERDICT_SNAPSHOT},
        {{.stop = true, .error = SAID(STATUS_INVALID)},
         JOB_FAILED,
         "invalid_data",
         false,
         VERDICT_NO_FIELD},
        {{.lost = true, .trouble = SAID(STATUS_NOT_FOUND)},
         JOB_FAILED,
         "lost",
         false,
         VERDICT_NO_FIELD},

        {{.stop = true, .error = SAID(STATUS_CANCELED)}, JOB_QUEUED, "", false, VERDICT_NO_FIELD},
        {{.stop = true, .end = {.by_signal = true, .code = SIGKILL}, .crashes_before = 2},
         JOB_QUEUED,
         "",
         false,
         VERDICT_NO_FIELD},
        {{.postponed = true, .trouble = SAID(STATUS_BUSY), .crashes_before = 2},
         JOB_QUEUED,
         "",
         false,
         VERDICT_NO_FIELD},
        {{.checkpointed = true, .error = SAID(STATUS_CANCELED), .crashes_before = 2},
         JOB_QUEUED,
         "",
         false,
         VERDICT_NO_FIELD},
        {{.error = SAID(STATUS_CANCELED)}, JOB_QUEUED, "", true, VERDICT_NO_FIELD},

        {{.end = {.by_signal = true, .code = SIGSEGV}}, JOB_QUEUED, "", true, VERDICT_NO_FIELD},
        {{.end = {.by_signal = true, .code = SIGSEGV}, .crashes_before = 1},
         JOB_QUEUED,
         "",
         true,
         VERDICT_NO_FIELD},
        {{.end = {.by_signal = true, .code = SIGSEGV}, .crashes_before = 2},
         JOB_FAILED,
         "crashed",
         true,
         VERDICT_NO_FIELD},
        {{.error = SAID(STATUS_INTERNAL), .crashes_before = 2},
         JOB_FAILED,
         "crashed",
         true,
         VERDICT_NO_FIELD},
        {{.error = SAID(STATUS_IO)}, JOB_QUEUED, "", true, VERDICT_NO_FIELD},
        {{.trouble = SAID(STATUS_INVALID), .crashes_before = 2},
         JOB_FAILED,
         "crashed",
         true,
         VERDICT_NO_FIELD},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct verdict v = verdict_of(&rows[i].story);
        if (v.status != rows[i].status || v.crashed != rows[i].crashed ||
            v.field != rows[i].field || strcmp(v.error_class, rows[i].error_class) != 0)
            fail_msg("row %zu: %s %s crashed %d field %d", i, job_status_name(v.status),
                     v.error_class, v.crashed, (int)v.field);
        if (v.status == JOB_FAILED)
            assert_string_not_equal(v.detail, "");
    }
}

static void the_detail_says_what_was_seen(void **state)
{
    (void)state;
    static const struct {
        struct attempt_story story;
        const char *detail;
    } rows[] = {
        {{.error = SAID(STATUS_INVALID)}, "words"},
        {{.trouble = SAID(STATUS_INVALID), .crashes_before = 2}, "words"},
        {{.end = {.by_signal = true, .code = SIGSEGV}}, "the worker ended with signal 11 (SEGV)"},
        {{.end = {.by_signal = true, .code = SIGKILL}}, "the worker ended with signal 9 (KILL)"},
        {{.end = {.code = 7}}, "the worker ended with exit status 7"},
        {{.end = {.by_signal = true, .code = SIGKILL, .for_memory = true}},
         "the worker ended with signal 9 (KILL): the machine had no more memory"},
        {{.late = true,
          .trouble = {.status = STATUS_CANCELED, .message = "too long"},
          .error = SAID(STATUS_CANCELED)},
         "too long"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(verdict_of(&rows[i].story).detail, rows[i].detail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_story_has_its_verdict),
        cmocka_unit_test(the_detail_says_what_was_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
