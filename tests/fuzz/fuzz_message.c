#include "server/jobs/worker_message.h"

#include <math.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "server/utf8.h"
#include "tests/fuzz/fuzz.h"

/* An input is the type of a message and its payload. */
static void seed(const char *name, enum link_type type, const struct buffer *payload,
                 enum status encoded)
{
    struct buffer whole;
    const uint8_t first = (uint8_t)type;
    buffer_init(&whole, FUZZ_MAX_SEED);
    REQUIRE(encoded == STATUS_OK && buffer_append(&whole, &first, 1, NULL) == STATUS_OK);
    fuzz_seed(name, buffer_append(&whole, payload->data, payload->size, NULL), &whole);
}

void fuzz_seeds(void)
{
    struct metric_point points[2] = {{.key = "loss", .step = 7, .value = 0.5, .seconds = 1},
                                     {.key = "psnr", .step = 7, .value = -1e300}};
    const struct message_job job = {
        "fit", "{\"task\":\"image\"}", "auto", "image", "image/png", "{}", 2};
    const struct message_report report = {7, 1.5, 0.25, -1, points, 2};
    const struct message_result result = {"steps", "{\"n_inputs\":2}", "{\"psnr\":31.2}", 9};
    const struct message_tuning tuning = {"sigma", 8.0, "{\"sigma\":{}}"};
    const struct error error = {STATUS_DIVERGED, "/train", "'loss' is not finite"};
    struct buffer b;
    buffer_init(&b, FUZZ_MAX_SEED);
    seed("job", LINK_JOB, &b, message_job_encode(&job, &b, NULL));
    buffer_deinit(&b);
    seed("phase", LINK_PHASE, &b, message_text_encode("training", &b, NULL));
    buffer_deinit(&b);
    seed("summary", LINK_SUMMARY, &b, message_text_encode("{\"\xc3\xa9\":1}", &b, NULL));
    buffer_deinit(&b);
    seed("report", LINK_REPORT, &b, message_report_encode(&report, &b, NULL));
    buffer_deinit(&b);
    seed("step", LINK_SNAPSHOT, &b, message_step_encode(9, &b, NULL));
    buffer_deinit(&b);
    seed("result", LINK_RESULT, &b, message_result_encode(&result, &b, NULL));
    buffer_deinit(&b);
    seed("tuning", LINK_TUNING, &b, message_tuning_encode(&tuning, &b, NULL));
    buffer_deinit(&b);
    seed("forecast", LINK_FORECAST, &b, message_text_encode("{\"method\":null}", &b, NULL));
    buffer_deinit(&b);
    seed("error", LINK_ERROR, &b, message_error_encode(&error, &b, NULL));
    buffer_deinit(&b);
}

static void check_object(const char *text)
{
    const size_t n = strlen(text);
    REQUIRE(n >= 2 && text[0] == '{' && text[n - 1] == '}' && utf8_is_valid(text, n));
}

static void check_report(const struct message_report *m)
{
    REQUIRE(m->seconds >= 0.0 && m->progress >= 0.0 && m->progress <= 1.0 && m->eta_seconds >= -1);
    REQUIRE(m->n_points <= MESSAGE_MAX_POINTS);
    for (size_t i = 0; i < m->n_points; i++) {
        const struct metric_point *p = &m->points[i];
        REQUIRE(p->key[0] && memchr(p->key, 0, sizeof p->key) && isfinite(p->value));
        REQUIRE(isfinite(p->seconds) && p->seconds >= 0.0);
    }
}

/* Texts that a hostile worker wrote go to clients and to the log: no controls, no bad UTF-8. */
static void check_error(const struct error *e)
{
    const char *texts[] = {e->where, e->message};
    REQUIRE(e->status > STATUS_OK && e->status <= STATUS_INTERNAL);
    for (size_t i = 0; i < 2; i++) {
        REQUIRE(utf8_is_valid(texts[i], strlen(texts[i])));
        for (const char *c = texts[i]; *c; c++)
            REQUIRE((unsigned char)*c >= 0x20 && *c != 0x7F);
    }
}

/* Decode, check, encode again into *again. */
static enum status decode(const struct link_message *in, struct buffer *again, struct error *err)
{
    struct message_job job;
    struct message_report report;
    struct message_result result;
    struct message_tuning tuning;
    struct error error;
    const char *text;
    uint64_t step;
    enum status status = STATUS_INVALID, encoded = STATUS_OK;
    switch (in->type) {
    case LINK_JOB:
        if ((status = message_job_decode(in, &job, err)) == STATUS_OK) {
            REQUIRE(job.threads >= 1 && job.threads <= LIMIT_THREADS);
            encoded = message_job_encode(&job, again, NULL);
        }
        break;
    case LINK_PHASE:
        if ((status = message_phase_decode(in, &text, err)) == STATUS_OK) {
            REQUIRE(strlen(text) >= 1 && strlen(text) < KIND_SIZE);
            encoded = message_text_encode(text, again, NULL);
        }
        break;
    case LINK_SUMMARY:
        if ((status = message_summary_decode(in, &text, err)) == STATUS_OK) {
            check_object(text);
            encoded = message_text_encode(text, again, NULL);
        }
        break;
    case LINK_REPORT:
        if ((status = message_report_decode(in, &report, err)) == STATUS_OK) {
            check_report(&report);
            encoded = message_report_encode(&report, again, NULL);
            mem_free(report.points);
        }
        break;
    case LINK_SNAPSHOT:
    case LINK_CHECKPOINT:
        if ((status = message_step_decode(in, &step, err)) == STATUS_OK)
            encoded = message_step_encode(step, again, NULL);
        break;
    case LINK_RESULT:
        if ((status = message_result_decode(in, &result, err)) == STATUS_OK) {
            check_object(result.summary_json);
            check_object(result.metrics_json);
            encoded = message_result_encode(&result, again, NULL);
        }
        break;
    case LINK_ERROR:
        if ((status = message_error_decode(in, &error, err)) == STATUS_OK)
            check_error(&error);
        break;
    case LINK_TUNING:
        if ((status = message_tuning_decode(in, &tuning, err)) == STATUS_OK) {
            REQUIRE(tuning.value >= 0.0 && tuning.value <= MESSAGE_MAX_TUNED);
            REQUIRE(strcmp(tuning.member, "sigma") == 0 || strcmp(tuning.member, "scale") == 0);
            check_object(tuning.tuning_json);
            encoded = message_tuning_encode(&tuning, again, NULL);
        }
        break;
    case LINK_FORECAST:
        if ((status = message_forecast_decode(in, &text, err)) == STATUS_OK) {
            check_object(text);
            encoded = message_text_encode(text, again, NULL);
        }
        break;
    }
    REQUIRE(encoded == STATUS_OK);
    return status;
}

/* A message that is believed says what it says in no other bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct error err = {.status = STATUS_OK};
    struct buffer again;
    if (n_bytes == 0 || bytes[0] < LINK_JOB || bytes[0] > LINK_FORECAST)
        return 0;
    const struct link_message in = {.type = bytes[0],
                                    .payload = (uint8_t *)bytes + 1,
                                    .size = n_bytes - 1,
                                    .descriptors = {n_bytes % 8 == 0 ? -1 : 0, -1}};
    buffer_init(&again, 2 * n_bytes + 64);
    const enum status status = decode(&in, &again, &err);
    REQUIRE(err.status == status && (status == STATUS_OK || status == STATUS_INVALID));
    if (status == STATUS_OK && in.type != LINK_ERROR)
        REQUIRE(again.size == in.size && memcmp(again.data, in.payload, in.size) == 0);
    buffer_deinit(&again);
    return 0;
}
