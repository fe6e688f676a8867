#include "api/jobs_load.h"

#include "api/kinds/kinds.h"
#include "api/tasks/tasks.h"

enum status jobs_load_dataset(struct worker *w, const char *spec_json, struct spec *spec,
                              struct spec_facts *facts, struct data *data, struct error *err)
{
    size_t n;
    const uint8_t *bytes = worker_dataset(w, &n);
    const char *kind = worker_dataset_kind(w);
    enum status status = kinds_facts(kind, worker_media_type(w), n, worker_info(w), facts, err);
    if (status == STATUS_OK)
        status = codec_spec_read(spec_json, facts, spec, err);
    if (status == STATUS_OK)
        status = kinds_find(kind)->decode(bytes, n, spec, data, err);
    if (status == STATUS_OK)
        worker_release_dataset(w);
    return status;
}

enum status jobs_make_task(struct worker *w, const struct spec *spec, struct data *data,
                           struct team **team, struct task **task, struct error *err)
{
    enum status status = team_create(team, worker_threads(w), err);
    if (status != STATUS_OK)
        return status;
    return tasks_of(spec->task)->create(task, data, spec, *team, worker_stop(w), err);
}
