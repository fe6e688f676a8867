#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "api/codec/codec_json.h"
#include "api/codec/codec_query.h"
#include "api/codec/codec_spec.h"
#include "api/jobs.h"
#include "core/base/mem.h"
#include "core/format/pixels.h"
#include "core/format/safetensors.h"
#include "core/nn/kernel.h"
#include "tests/fuzz/fuzz.h"

#define TRAIN "\"dataset_id\":\"ds_01jd6v7m8rkq2w5x9c4t3b1nfe\",\"train\":{\"steps\":1}"

enum { N_POINTS = 6, MAX_VALUES = N_POINTS * LIMIT_CHANNELS };

/* Fields of each kind of encoding, activation and output. */
static const char *const bodies[] = {
    "{" TRAIN ",\"field\":{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":3,\"sigma\":2},"
    "\"network\":{\"n_hidden_layers\":1,\"width\":5,\"activation\":\"relu\"}}}",
    "{" TRAIN ",\"field\":{\"encoding\":{\"type\":\"explicit\",\"b\":[[1,0],[0,2]],"
    "\"trainable\":true},\"network\":{\"n_hidden_layers\":2,\"width\":4,\"activation\":\"sin\","
    "\"output_activation\":\"linear\"}}}",
    "{" TRAIN ",\"field\":{\"encoding\":{\"type\":\"none\"},\"network\":{\"n_hidden_layers\":1,"
    "\"width\":3,\"activation\":\"tanh\",\"output_activation\":\"relu\"}}}",
};
enum { N_FIELDS = sizeof bodies / sizeof *bodies };
static char *spec_texts[N_FIELDS];

static void save(const struct field *f, const char *summary, struct buffer *out)
{
    const struct tensor_metadata metadata[] = {{"format", "farfield-field-1"},
                                               {"summary", summary}};
    REQUIRE(field_save(f, metadata, 2, out, NULL) == STATUS_OK);
}

/* A field as a job would leave it after no steps. */
static void make_field(size_t i)
{
    char info[] = "{\"shape\":[5,7,3]}", *summary = NULL;
    const char name[] = {(char)('0' + i), '\0'};
    const struct dataset_row dataset = {.id = "ds_01jd6v7m8rkq2w5x9c4t3b1nfe",
                                        .kind = "image",
                                        .media_type = "image/png",
                                        .info_json = info};
    const struct spec_facts facts = spec_facts_of_image(7, 5, 3);
    struct problem_list problems = {.status = STATUS_OK};
    struct spec s;
    struct field *f;
    struct buffer file;
    json_t *spec, *labels, *body = json_loads(bodies[i], 0, NULL);
    REQUIRE(codec_spec_resolve(body, &dataset, 0, &spec, &labels, &s, &problems) == STATUS_OK);
    REQUIRE(codec_json_text(spec, &spec_texts[i], NULL) == STATUS_OK);
    json_t *told = codec_spec_summary(&s, &facts);
    REQUIRE(codec_json_text(told, &summary, NULL) == STATUS_OK);
    REQUIRE(field_create(&f, &s.field, kernel_find(NULL), NULL) == STATUS_OK);
    field_init(f, &s.field, 1);
    buffer_init(&file, FUZZ_MAX_SEED);
    save(f, summary, &file);
    fuzz_seed(name, buffer_append(&file, &(uint8_t){(uint8_t)i}, 1, NULL), &file);
    field_free(f);
    mem_free(summary);
    spec_deinit(&s);
    json_decref(told);
    json_decref(labels);
    json_decref(spec);
    json_decref(body);
}

void fuzz_seeds(void)
{
    for (size_t i = 0; i < N_FIELDS; i++)
        make_field(i);
}

/* Three times in four change numbers alone: of a file with a broken header none is ever used. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n_bytes, size_t max, unsigned seed)
{
    uint64_t n_header = 0;
    if (n_bytes >= sizeof n_header)
        memcpy(&n_header, bytes, sizeof n_header);
    if (seed % 4 == 0 || n_header + sizeof n_header >= n_bytes || n_header > n_bytes)
        return LLVMFuzzerMutate(bytes, n_bytes, max);
    const size_t first = sizeof n_header + (size_t)n_header;
    LLVMFuzzerMutate(bytes + first, n_bytes - first, n_bytes - first);
    return n_bytes;
}

/* As an answer in JSON: numbers, or a refusal. */
static void answer(const struct field *f, const struct field_outputs *outputs)
{
    const size_t n_values = N_POINTS * field_n_outputs(f);
    bool is_finite = true;
    struct buffer text;
    struct error err = {.status = STATUS_OK};
    for (size_t i = 0; i < n_values; i++)
        is_finite = is_finite && isfinite(outputs->values[i]) &&
                    (!outputs->laplacian || isfinite(outputs->laplacian[i]));
    for (size_t i = 0; i < n_values * field_n_inputs(f); i++)
        is_finite = is_finite && isfinite(outputs->gradient[i]);
    buffer_init(&text, 1 << 16);
    const enum status status =
        codec_query_answer(N_POINTS, field_n_outputs(f), field_n_inputs(f), outputs, &text, &err);
    REQUIRE(status == (is_finite ? STATUS_OK : STATUS_INVALID));
    json_t *body = json_loadb((const char *)text.data, text.size, 0, NULL);
    REQUIRE(!is_finite || body);
    json_decref(body);
    buffer_deinit(&text);
}

/* Values and derivatives anywhere that a client may ask for, and as pixels.  A value does not
 * depend on what else is asked. */
static void use(const struct field *f)
{
    static const float points[N_POINTS * 2] = {0.5f,  0.5f, 0.0f,    1.0f,     0.07f, 0.93f,
                                               -4.0f, 3.0f, FLT_MAX, -FLT_MAX, 1e20f, 1e-45f};
    float values[MAX_VALUES], again[MAX_VALUES], gradient[MAX_VALUES * 2], laplacian[MAX_VALUES];
    uint8_t pixels[MAX_VALUES];
    const size_t n_values = N_POINTS * field_n_outputs(f);
    const bool has_laplacian = field_check_laplacian(f, NULL) == STATUS_OK;
    const struct field_outputs outputs = {again, gradient, has_laplacian ? laplacian : NULL};
    struct field_workspace *w, *d;
    REQUIRE(field_n_inputs(f) == 2 && n_values <= MAX_VALUES);
    REQUIRE(field_workspace_create(&w, f, FIELD_VALUES, NULL) == STATUS_OK);
    REQUIRE(field_workspace_create(&d, f, has_laplacian ? FIELD_LAPLACIANS : FIELD_GRADIENTS,
                                   NULL) == STATUS_OK);
    field_query(f, w, N_POINTS, points, values);
    field_derivatives(f, d, N_POINTS, points, true, &outputs);
    for (size_t i = 0; i < n_values; i++)
        REQUIRE(memcmp(&values[i], &again[i], sizeof *values) == 0 ||
                (isnan(values[i]) && isnan(again[i])));
    pixels_quantize(values, n_values, pixels);
    answer(f, &outputs);
    field_workspace_free(w);
    field_workspace_free(d);
}

/* What was opened is written and opened again: the same numbers. */
static void check_round_trip(const struct field *f, const char *spec, const uint8_t *bytes,
                             size_t n)
{
    struct safetensors *file;
    struct field *again;
    struct buffer copy;
    REQUIRE(safetensors_parse(&file, bytes, n, NULL) == STATUS_OK);
    buffer_init(&copy, 1 << 20);
    save(f, safetensors_metadata(file, "summary"), &copy);
    REQUIRE(jobs_open_field(kernel_find(NULL), spec, copy.data, copy.size, &again, NULL) ==
            STATUS_OK);
    REQUIRE(field_n_params(f) == field_n_params(again));
    REQUIRE(memcmp(field_params_const(f), field_params_const(again),
                   field_n_params(f) * sizeof(float)) == 0);
    field_free(again);
    buffer_deinit(&copy);
    safetensors_free(file);
}

/* Stored weights that were changed behind our back, where no checksum would tell.  The last byte
 * says whose. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct field *f = NULL;
    struct error err = {.status = STATUS_OK};
    if (n_bytes == 0)
        return 0;
    const size_t n = n_bytes - 1;
    const char *spec = spec_texts[bytes[n] % N_FIELDS];
    const enum status status = jobs_open_field(kernel_find(NULL), spec, bytes, n, &f, &err);
    REQUIRE(err.status == status && (status == STATUS_OK) == (f != NULL));
    if (status != STATUS_OK)
        return 0;
    for (size_t i = 0; i < field_n_params(f); i++)
        REQUIRE(isfinite(field_params_const(f)[i]));
    use(f);
    if (bytes[n / 2] % 4 == 0) /* not each time: it costs as much as all the rest */
        check_round_trip(f, spec, bytes, n);
    field_free(f);
    return 0;
}
