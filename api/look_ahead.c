#include "api/look_ahead.h"

#include <stdio.h>

#include "api/tasks/tasks.h"
#include "core/base/monotonic.h"

enum status look_ahead_check(const struct spec *spec, struct error *err)
{
    if (spec->tuned != TUNE_NOTHING)
        return STATUS_OK;
    if (spec->task != TASK_IMAGE && tune_has_kernel(&spec->field.encoding))
        return error_set(err, STATUS_UNSUPPORTED, "", "none is known but for pictures");
    return forecast_check(NULL, &spec->field, &spec->train, spec->loss, err);
}

static void have_none(struct look_ahead *out, const struct error *why)
{
    snprintf(out->no_forecast, sizeof out->no_forecast, "%s", why->message);
}

static enum status choose(struct look_ahead *out, struct spec *spec, const struct survey *survey,
                          double begin, const volatile bool *stop, struct error *err)
{
    enum status status =
        tune_choose(&out->chosen, spec->tuned, survey, &spec->field, &spec->train, stop, err);
    if (status == STATUS_OK)
        tune_set(&spec->field.encoding, spec->tuned, out->chosen.value);
    out->choice_seconds = monotonic_seconds() - begin;
    return status;
}

static enum status forecast(struct look_ahead *out, const struct spec *spec,
                            const struct survey *survey, bool has_test, struct error *err)
{
    struct error why = {0};
    if (forecast_check(survey, &spec->field, &spec->train, spec->loss, &why) == STATUS_OK)
        return forecast_make(&out->forecast, survey, &spec->field, &spec->train, has_test, err);
    have_none(out, &why);
    return STATUS_OK;
}

enum status look_ahead_make(struct look_ahead *out, struct spec *spec, const struct task *task,
                            const volatile bool *stop, struct error *err)
{
    const double begin = monotonic_seconds();
    struct survey survey = {.n_cells = 0};
    struct error why = {0};
    *out = (struct look_ahead){.choice_seconds = 0.0};
    if (!task->class->survey)
        return error_set(err, STATUS_UNSUPPORTED, "", "task '%s' leaves nothing to its data",
                         task->class->name);
    enum status status = task->class->survey(task, &survey, &why);
    if (status == STATUS_UNSUPPORTED && spec->tuned == TUNE_NOTHING) {
        have_none(out, &why);
        status = STATUS_OK;
    } else if (status != STATUS_OK) {
        status = error_set(err, status, why.where, "%s", why.message);
    } else {
        if (spec->tuned != TUNE_NOTHING)
            status = choose(out, spec, &survey, begin, stop, err);
        if (status == STATUS_OK)
            status = forecast(out, spec, &survey, task->n_held_out > 0, err);
    }
    survey_deinit(&survey);
    return status;
}
