#include "api/handlers/job_view.h"

#include "api/codec/codec_job.h"

enum status job_view(const struct service *service, const struct job_row *row, json_t **out,
                     struct error *err)
{
    struct metric_series latest = {0};
    uint64_t position = 0;
    enum status st = store_job_latest_metrics(service->store, row->id, &latest, err);
    if (st == STATUS_OK && row->status == JOB_QUEUED)
        st = store_job_queue_position(service->store, row->id, &position, err);
    if (st == STATUS_OK) {
        *out = codec_job(row, &latest, position);
        if (!*out)
            st = error_status(err, STATUS_NO_MEMORY);
    }
    metric_series_deinit(&latest);
    return st;
}
