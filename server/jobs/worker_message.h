/*
 * What stands in the frames of worker_link: numbers little-endian as they lie in memory (both ends
 * are one program on one machine), a text as {u32 size, bytes, NUL} with the NUL counted.
 *
 * Encoding appends to a buffer.  Decoding checks everything: counts against the bytes there are,
 * texts for an inner NUL, names for their letters, JSON for being UTF-8 between braces, numbers for
 * being finite and in range.  INVALID names the message that is broken.  Decoded texts point into
 * the payload and live as long as it.
 */
#ifndef SERVER_JOBS_WORKER_MESSAGE_H
#define SERVER_JOBS_WORKER_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"
#include "core/base/status.h"
#include "server/jobs/worker_link.h"
#include "server/store/store.h"

/* Metric points of one report; a worker sends what is more in further reports. */
enum { MESSAGE_MAX_POINTS = 4096 };

struct message_job {
    const char *kind, *spec, *isa;
    const char *dataset_kind, *media_type, *info_json; /* of the dataset's row; "", "", "{}" where
                                                          the file is only asked about */
    uint32_t threads;
};
enum status message_job_encode(const struct message_job *m, struct buffer *out,
                               struct error *err) WARN_UNUSED;
enum status message_job_decode(const struct link_message *in, struct message_job *out,
                               struct error *err) WARN_UNUSED;

/* LINK_PHASE, LINK_SUMMARY: one text. */
enum status message_text_encode(const char *text, struct buffer *out,
                                struct error *err) WARN_UNUSED;
enum status message_phase_decode(const struct link_message *in, const char **phase,
                                 struct error *err) WARN_UNUSED;
enum status message_summary_decode(const struct link_message *in, const char **summary_json,
                                   struct error *err) WARN_UNUSED;

/* LINK_TUNING: a setting of the encoding, "sigma" or "scale", what it was chosen to be, and an
 * object that says how.  LINK_FORECAST: one text, an object. */
enum { MESSAGE_MAX_NOTE = 64 << 10 }; /* bytes of these objects, kept with the job */
#define MESSAGE_MAX_TUNED 10000.0     /* of any such setting */
struct message_tuning {
    const char *member;
    double value;
    const char *tuning_json;
};
enum status message_tuning_encode(const struct message_tuning *m, struct buffer *out,
                                  struct error *err) WARN_UNUSED;
enum status message_tuning_decode(const struct link_message *in, struct message_tuning *out,
                                  struct error *err) WARN_UNUSED;
enum status message_forecast_decode(const struct link_message *in, const char **forecast_json,
                                    struct error *err) WARN_UNUSED;

struct message_report {
    uint64_t step;
    double seconds, progress;
    double eta_seconds;          /* negative: unknown */
    struct metric_point *points; /* decoded: mem_free */
    size_t n_points;
};
enum status message_report_encode(const struct message_report *m, struct buffer *out,
                                  struct error *err) WARN_UNUSED;
enum status message_report_decode(const struct link_message *in, struct message_report *out,
                                  struct error *err) WARN_UNUSED;

/* LINK_SNAPSHOT, LINK_CHECKPOINT: the step; the bytes lie in descriptor 0. */
enum status message_step_encode(uint64_t step, struct buffer *out, struct error *err) WARN_UNUSED;
enum status message_step_decode(const struct link_message *in, uint64_t *step,
                                struct error *err) WARN_UNUSED;

struct message_result {
    const char *stopped_by, *summary_json, *metrics_json;
    uint64_t step;
};
enum status message_result_encode(const struct message_result *m, struct buffer *out,
                                  struct error *err) WARN_UNUSED;
enum status message_result_decode(const struct link_message *in, struct message_result *out,
                                  struct error *err) WARN_UNUSED;

/* LINK_ERROR: any error but OK.  Its texts are cleaned, not refused: they may quote the file. */
enum status message_error_encode(const struct error *error, struct buffer *out,
                                 struct error *err) WARN_UNUSED;
enum status message_error_decode(const struct link_message *in, struct error *error,
                                 struct error *err) WARN_UNUSED;

#endif
