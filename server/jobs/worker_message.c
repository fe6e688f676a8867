#include "server/jobs/worker_message.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "server/jobs/clean_text.h"
#include "server/utf8.h"

/* --- writing --- */

static enum status put_u32(struct buffer *out, uint32_t value, struct error *err)
{
    return buffer_append(out, &value, sizeof value, err);
}

static enum status put_u64(struct buffer *out, uint64_t value, struct error *err)
{
    return buffer_append(out, &value, sizeof value, err);
}

static enum status put_real(struct buffer *out, double value, struct error *err)
{
    return buffer_append(out, &value, sizeof value, err);
}

static enum status put_text(struct buffer *out, const char *text, struct error *err)
{
    const size_t size = strlen(text) + 1;
    if (size > LINK_MAX_FRAME)
        return error_set(err, STATUS_TOO_LARGE, "", "a text of %zu bytes is over the limit of %d",
                         size, LINK_MAX_FRAME);
    enum status status = put_u32(out, (uint32_t)size, err);
    return status == STATUS_OK ? buffer_append(out, text, size, err) : status;
}

/* --- reading --- */

/* Where a decoder is.  After the first thing that is wrong all it gives is zeros and "". */
struct cursor {
    const uint8_t *at;
    size_t left;
    bool broken;
};

static struct cursor open_payload(const struct link_message *in)
{
    return (struct cursor){.at = in->payload, .left = in->size};
}

static const uint8_t *get(struct cursor *c, size_t n)
{
    if (c->broken || n > c->left) {
        c->broken = true;
        return NULL;
    }
    const uint8_t *p = c->at;
    c->at += n;
    c->left -= n;
    return p;
}

static uint32_t get_u32(struct cursor *c)
{
    uint32_t value = 0;
    const uint8_t *p = get(c, sizeof value);
    if (p)
        memcpy(&value, p, sizeof value);
    return value;
}

static uint64_t get_u64(struct cursor *c)
{
    uint64_t value = 0;
    const uint8_t *p = get(c, sizeof value);
    if (p)
        memcpy(&value, p, sizeof value);
    return value;
}

/* A finite number in [low, high]. */
static double get_real(struct cursor *c, double low, double high)
{
    double value = 0;
    const uint8_t *p = get(c, sizeof value);
    if (p)
        memcpy(&value, p, sizeof value);
    if (!(value >= low && value <= high)) {
        c->broken = true;
        return 0;
    }
    return value;
}

static const char *get_text(struct cursor *c)
{
    const uint32_t size = get_u32(c);
    const char *text = (const char *)get(c, size);
    if (!text || size == 0 || text[size - 1] != '\0' || strlen(text) != size - 1) {
        c->broken = true;
        return "";
    }
    return text;
}

/* A JSON object, as far as the service looks: api reads it as it reads any other text. */
static const char *get_object(struct cursor *c)
{
    const char *text = get_text(c);
    const size_t n = strlen(text);
    if (n < 2 || text[0] != '{' || text[n - 1] != '}' || !utf8_is_valid(text, n)) {
        c->broken = true;
        return "{}";
    }
    return text;
}

/* a-z, 0-9, _ and fewer than `size` of them. */
static const char *get_name(struct cursor *c, size_t size)
{
    const char *text = get_text(c);
    const size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (text[n] != '\0' || n >= size) {
        c->broken = true;
        return "";
    }
    return text;
}

/* Everything was right and nothing is left over? */
static enum status close_payload(const struct cursor *c, const char *name, struct error *err)
{
    if (!c->broken && c->left == 0)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID, "", "a '%s' message is broken", name);
}

/* --- the messages --- */

enum status message_job_encode(const struct message_job *m, struct buffer *out, struct error *err)
{
    enum status status = put_text(out, m->kind, err);
    if (status == STATUS_OK)
        status = put_text(out, m->spec, err);
    if (status == STATUS_OK)
        status = put_text(out, m->isa, err);
    if (status == STATUS_OK)
        status = put_text(out, m->dataset_kind, err);
    if (status == STATUS_OK)
        status = put_text(out, m->media_type, err);
    if (status == STATUS_OK)
        status = put_text(out, m->info_json, err);
    return status == STATUS_OK ? put_u32(out, m->threads, err) : status;
}

enum status message_job_decode(const struct link_message *in, struct message_job *out,
                               struct error *err)
{
    struct cursor c = open_payload(in);
    struct message_job m = {.kind = get_text(&c)};
    m.spec = get_text(&c);
    m.isa = get_text(&c);
    m.dataset_kind = get_text(&c);
    m.media_type = get_text(&c);
    m.info_json = get_object(&c);
    m.threads = get_u32(&c);
    c.broken = c.broken || m.threads < 1 || m.threads > LIMIT_THREADS;
    enum status status = close_payload(&c, "job", err);
    if (status == STATUS_OK)
        *out = m;
    return status;
}

enum status message_text_encode(const char *text, struct buffer *out, struct error *err)
{
    return put_text(out, text, err);
}

enum status message_phase_decode(const struct link_message *in, const char **phase,
                                 struct error *err)
{
    static const char *const phases[] = {"loading", "tuning", "training", "evaluating", "saving"};
    struct cursor c = open_payload(in);
    const char *text = get_name(&c, KIND_SIZE);
    bool known = false;
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++)
        known = known || strcmp(text, phases[i]) == 0;
    c.broken = c.broken || !known;
    enum status status = close_payload(&c, "phase", err);
    if (status == STATUS_OK)
        *phase = text;
    return status;
}

enum status message_summary_decode(const struct link_message *in, const char **summary_json,
                                   struct error *err)
{
    struct cursor c = open_payload(in);
    const char *text = get_object(&c);
    enum status status = close_payload(&c, "summary", err);
    if (status == STATUS_OK)
        *summary_json = text;
    return status;
}

/* An object that is kept with the job. */
static const char *get_note(struct cursor *c)
{
    const char *text = get_object(c);
    c->broken = c->broken || strlen(text) > MESSAGE_MAX_NOTE;
    return text;
}

enum status message_tuning_encode(const struct message_tuning *m, struct buffer *out,
                                  struct error *err)
{
    enum status status = put_text(out, m->member, err);
    if (status == STATUS_OK)
        status = put_real(out, m->value, err);
    return status == STATUS_OK ? put_text(out, m->tuning_json, err) : status;
}

enum status message_tuning_decode(const struct link_message *in, struct message_tuning *out,
                                  struct error *err)
{
    struct cursor c = open_payload(in);
    struct message_tuning m = {.member = get_name(&c, KIND_SIZE)};
    m.value = get_real(&c, 0, MESSAGE_MAX_TUNED);
    m.tuning_json = get_note(&c);
    c.broken = c.broken || (strcmp(m.member, "sigma") != 0 && strcmp(m.member, "scale") != 0);
    enum status status = close_payload(&c, "tuning", err);
    if (status == STATUS_OK)
        *out = m;
    return status;
}

enum status message_forecast_decode(const struct link_message *in, const char **forecast_json,
                                    struct error *err)
{
    struct cursor c = open_payload(in);
    const char *text = get_note(&c);
    enum status status = close_payload(&c, "forecast", err);
    if (status == STATUS_OK)
        *forecast_json = text;
    return status;
}

/* A point is its key as a text and three numbers. */
static enum status put_point(struct buffer *out, const struct metric_point *p, struct error *err)
{
    enum status status = put_text(out, p->key, err);
    if (status == STATUS_OK)
        status = put_u64(out, p->step, err);
    if (status == STATUS_OK)
        status = put_real(out, p->value, err);
    return status == STATUS_OK ? put_real(out, p->seconds, err) : status;
}

static void get_point(struct cursor *c, struct metric_point *p)
{
    const char *key = get_name(c, sizeof p->key);
    c->broken = c->broken || *key == '\0';
    snprintf(p->key, sizeof p->key, "%s", key);
    p->step = get_u64(c);
    p->value = get_real(c, -HUGE_VAL, HUGE_VAL);
    c->broken = c->broken || !isfinite(p->value);
    p->seconds = get_real(c, 0, 1e12);
}

enum status message_report_encode(const struct message_report *m, struct buffer *out,
                                  struct error *err)
{
    enum status status = put_u64(out, m->step, err);
    if (status == STATUS_OK)
        status = put_real(out, m->seconds, err);
    if (status == STATUS_OK)
        status = put_real(out, m->progress, err);
    if (status == STATUS_OK)
        status = put_real(out, m->eta_seconds, err);
    if (status == STATUS_OK)
        status = put_u32(out, (uint32_t)m->n_points, err);
    for (size_t i = 0; i < m->n_points && status == STATUS_OK; i++)
        status = put_point(out, &m->points[i], err);
    return status;
}

enum status message_report_decode(const struct link_message *in, struct message_report *out,
                                  struct error *err)
{
    struct cursor c = open_payload(in);
    struct message_report m = {.step = get_u64(&c)};
    m.seconds = get_real(&c, 0, 1e12);
    m.progress = get_real(&c, 0, 1);
    m.eta_seconds = get_real(&c, -1, 1e12);
    m.n_points = get_u32(&c);
    if (m.n_points > MESSAGE_MAX_POINTS)
        c.broken = true;
    if (!c.broken && m.n_points > 0) {
        m.points = mem_alloc_array(m.n_points, sizeof *m.points);
        if (!m.points)
            return error_status(err, STATUS_NO_MEMORY);
        for (size_t i = 0; i < m.n_points; i++)
            get_point(&c, &m.points[i]);
    }
    enum status status = close_payload(&c, "report", err);
    if (status == STATUS_OK)
        *out = m;
    else
        mem_free(m.points);
    return status;
}

enum status message_step_encode(uint64_t step, struct buffer *out, struct error *err)
{
    return put_u64(out, step, err);
}

enum status message_step_decode(const struct link_message *in, uint64_t *step, struct error *err)
{
    struct cursor c = open_payload(in);
    const uint64_t value = get_u64(&c);
    c.broken = c.broken || in->descriptors[0] < 0;
    enum status status = close_payload(&c, "snapshot or checkpoint", err);
    if (status == STATUS_OK)
        *step = value;
    return status;
}

enum status message_result_encode(const struct message_result *m, struct buffer *out,
                                  struct error *err)
{
    enum status status = put_text(out, m->stopped_by, err);
    if (status == STATUS_OK)
        status = put_text(out, m->summary_json, err);
    if (status == STATUS_OK)
        status = put_text(out, m->metrics_json, err);
    return status == STATUS_OK ? put_u64(out, m->step, err) : status;
}

enum status message_result_decode(const struct link_message *in, struct message_result *out,
                                  struct error *err)
{
    struct cursor c = open_payload(in);
    struct message_result m = {.stopped_by = get_name(&c, KIND_SIZE)};
    m.summary_json = get_object(&c);
    m.metrics_json = get_object(&c);
    m.step = get_u64(&c);
    enum status status = close_payload(&c, "result", err);
    if (status == STATUS_OK)
        *out = m;
    return status;
}

enum status message_error_encode(const struct error *error, struct buffer *out, struct error *err)
{
    enum status status = put_u32(out, (uint32_t)error->status, err);
    if (status == STATUS_OK)
        status = put_text(out, error->where, err);
    return status == STATUS_OK ? put_text(out, error->message, err) : status;
}

enum status message_error_decode(const struct link_message *in, struct error *error,
                                 struct error *err)
{
    struct cursor c = open_payload(in);
    const uint32_t code = get_u32(&c);
    const char *where = get_text(&c);
    const char *message = get_text(&c);
    c.broken = c.broken || code == STATUS_OK || code > STATUS_INTERNAL;
    enum status status = close_payload(&c, "error", err);
    if (status != STATUS_OK)
        return status;
    *error = (struct error){.status = code};
    snprintf(error->where, sizeof error->where, "%s", where);
    snprintf(error->message, sizeof error->message, "%s", message);
    text_clean(error->where);
    text_clean(error->message);
    return STATUS_OK;
}
