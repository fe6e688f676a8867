/*
 * "foresee": what a job would choose and expect, were it posted: its dataset is read and looked at
 * as the job would do it (api/look_ahead.h), in a short-lived process.  Nothing is trained.
 */
#include "api/codec/codec_forecast.h"
#include "api/codec/codec_json.h"
#include "api/codec/codec_tuning.h"
#include "api/jobs.h"
#include "api/jobs_load.h"
#include "api/look_ahead.h"
#include "core/base/mem.h"

/* {"forecast", "tuning"} */
static json_t *answer_of(const struct look_ahead *ahead, const struct spec *spec,
                         double seconds_per_step)
{
    json_t *tuning = ahead->chosen.n > 0
                         ? codec_tuning(spec->tuned, &ahead->chosen, ahead->choice_seconds)
                         : json_null();
    const struct timed_forecast first = {&ahead->forecast, seconds_per_step};
    json_t *forecast = ahead->forecast.n > 0
                           ? codec_early_forecast(&first, spec->train.time_limit_seconds)
                           : codec_no_forecast(ahead->no_forecast);
    return json_pack("{s:o, s:o}", "forecast", forecast, "tuning", tuning);
}

static enum status foresee(struct worker *w, const char *spec_json, double seconds_per_step,
                           char **answer, struct error *err)
{
    struct spec spec = {0};
    struct spec_facts facts;
    struct data data = {.kind = DATA_N_KINDS};
    struct team *team = NULL;
    struct task *task = NULL;
    struct look_ahead ahead;
    enum status status = jobs_load_dataset(w, spec_json, &spec, &facts, &data, err);
    if (status == STATUS_OK)
        status = jobs_make_task(w, &spec, &data, &team, &task, err);
    if (status == STATUS_OK)
        status = look_ahead_make(&ahead, &spec, task, worker_stop(w), err);
    if (status == STATUS_OK) {
        json_t *value = answer_of(&ahead, &spec, seconds_per_step);
        status = codec_json_text(value, answer, err);
        json_decref(value);
    }
    task_free(task);
    team_free(team);
    data_deinit(&data);
    spec_deinit(&spec);
    return status;
}

enum status job_foresee(struct worker *w, struct error *err)
{
    char *spec_json = NULL, *answer = NULL;
    double seconds_per_step;
    worker_phase(w, "loading");
    enum status status = codec_foresee_read(worker_spec(w), &spec_json, &seconds_per_step, err);
    if (status == STATUS_OK)
        status = foresee(w, spec_json, seconds_per_step, &answer, err);
    if (status == STATUS_OK)
        worker_result(w, "", 0, answer, "{}", NULL, 0);
    mem_free(spec_json);
    mem_free(answer);
    return status;
}
