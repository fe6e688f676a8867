#include "api/jobs.h"

#include "api/codec/codec_spec.h"
#include "core/format/safetensors.h"
#include "core/nn/kernel.h"

static const struct job_kind kinds[] = {
    {"fit", job_fit, SYSCALLS_OF_A_FIT},
    {"inspect", job_inspect, SYSCALLS_OF_A_DECODER},
    {"foresee", job_foresee, SYSCALLS_OF_A_DECODER},
};

const struct job_kind *jobs_table(size_t *n)
{
    *n = sizeof kinds / sizeof *kinds;
    return kinds;
}

/* The weights file tells the size of its data; the spec what the field is made of. */
static enum status read_facts(const uint8_t *weights, size_t n, struct spec_facts *out,
                              struct error *err)
{
    struct safetensors *file = NULL;
    enum status status = safetensors_parse(&file, weights, n, err);
    if (status != STATUS_OK)
        return status;
    const char *summary = safetensors_metadata(file, "summary");
    status = summary ? codec_spec_summary_facts(summary, out, err)
                     : error_set(err, STATUS_INVALID, "", "the weights have no 'summary'");
    safetensors_free(file);
    return status;
}

enum status jobs_open_field(const struct kernel *kernel, const char *spec_json,
                            const uint8_t *weights, size_t n, struct field **out, struct error *err)
{
    struct spec spec = {0};
    struct spec_facts facts;
    struct field *field = NULL;
    enum status status = read_facts(weights, n, &facts, err);
    if (status == STATUS_OK)
        status = codec_spec_read(spec_json, &facts, &spec, err);
    if (status != STATUS_OK)
        return status;
    status = field_create(&field, &spec.field, kernel, err);
    if (status == STATUS_OK)
        status = field_load(field, weights, n, err);
    if (status == STATUS_OK) {
        *out = field;
        field = NULL;
    }
    field_free(field);
    spec_deinit(&spec);
    return status;
}
