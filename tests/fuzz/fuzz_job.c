#include <string.h>

#include "api/codec/codec_json.h"
#include "api/codec/codec_spec.h"
#include "api/estimate.h"
#include "core/base/mem.h"
#include "tests/fuzz/fuzz.h"

#define DATASET "ds_01jd6v7m8rkq2w5x9c4t3b1nfe"

enum { MAX_DEPTH = 32, PARENT_STEP = 100 };

/* A picture, and one of a single pixel, of which nothing can be held out. */
static char picture_info[] = "{\"shape\":[5,7,3]}", pixel_info[] = "{\"shape\":[1,1,1]}";
static const struct dataset_row picture = {.id = DATASET,
                                           .kind = "image",
                                           .media_type = "image/png",
                                           .info_json = picture_info},
                                pixel = {.id = DATASET,
                                         .kind = "image",
                                         .media_type = "image/png",
                                         .info_json = pixel_info};
static char *parent_spec; /* of a job to resume */

/* The resolved spec as a row keeps it (mem_free). */
static char *text_of(const json_t *spec)
{
    char *text = NULL;
    REQUIRE(codec_json_text(spec, &text, NULL) == STATUS_OK);
    return text;
}

void fuzz_seeds(void)
{
    struct problem_list problems = {.status = STATUS_OK};
    json_t *spec, *labels, *body = json_pack("{s:s}", "dataset_id", DATASET);
    REQUIRE(codec_spec_resolve(body, &picture, 0, &spec, &labels, NULL, &problems) == STATUS_OK);
    parent_spec = text_of(spec);
    const char *const texts[] = {
        parent_spec,
        "{\"train\":{\"steps\":101}}",
        "{\"train\":{\"steps\":100}}",
        "{\"dataset_id\":\"" DATASET "\",\"train\":{\"steps\":null,\"time_limit_seconds\":null}}",
    };
    fuzz_seed_texts(texts, sizeof texts / sizeof *texts);
    json_decref(body);
    json_decref(spec);
    json_decref(labels);
}

/* The row's text is read back as the same spec, and a field can say what it is. */
static void check_stored(const char *text, const struct spec *s, const struct spec_facts *facts)
{
    struct spec stored = {.numbers = {NULL}};
    struct spec_facts told;
    REQUIRE(codec_spec_read(text, facts, &stored, NULL) == STATUS_OK);
    const struct encoding_spec *a = &stored.field.encoding, *b = &s->field.encoding;
    const struct mlp_spec *m = &stored.field.network, *n = &s->field.network;
    REQUIRE(a->type == b->type && a->n_frequencies == b->n_frequencies && a->sigma == b->sigma);
    REQUIRE(a->scale == b->scale && a->n_octaves == b->n_octaves && a->trainable == b->trainable);
    REQUIRE(m->n_hidden_layers == n->n_hidden_layers && m->width == n->width);
    REQUIRE(m->activation == n->activation && m->omega == n->omega);
    REQUIRE(m->output_activation == n->output_activation && m->n_outputs == n->n_outputs);
    REQUIRE(stored.train.steps == s->train.steps && stored.train.seed == s->train.seed);
    REQUIRE(stored.train.learning_rate == s->train.learning_rate);
    REQUIRE(stored.train.target_psnr == s->train.target_psnr && stored.loss == s->loss);
    REQUIRE(stored.train.early_stop == s->train.early_stop);
    REQUIRE(s->train.early_stop == 0 || s->holdout != HOLDOUT_NONE);
    json_t *summary = codec_spec_summary(&stored, facts);
    char *summary_text = text_of(summary);
    REQUIRE(json_integer_value(json_object_get(summary, "n_parameters")) > 0);
    REQUIRE(codec_spec_summary_facts(summary_text, &told, NULL) == STATUS_OK);
    REQUIRE(told.width == facts->width && told.height == facts->height);
    mem_free(summary_text);
    json_decref(summary);
    spec_deinit(&stored);
}

/* What a job is asked to do: complete, within its limits, and posted again it is the same. */
static void check_spec(json_t *spec, const struct dataset_row *dataset, const struct spec *s)
{
    static const struct config config = {
        .threads = 2, .job_memory_bytes = 1 << 30, .job_seconds = 86400};
    struct spec_facts facts;
    struct error err = {.status = STATUS_OK};
    json_t *again = NULL, *labels = NULL;
    struct problem_list problems = {.status = STATUS_OK};
    REQUIRE(codec_spec_facts(dataset, &facts, NULL) == STATUS_OK);
    REQUIRE(s->train.batch_size >= 1 && s->train.batch_size <= LIMIT_BATCH);
    REQUIRE(s->train.steps <= LIMIT_STEPS && s->train.learning_rate > 0.0);
    REQUIRE(s->field.network.width >= 1 && s->field.network.width <= LIMIT_WIDTH);
    REQUIRE(s->train.steps || s->train.time_limit_seconds > 0.0 || s->train.target_psnr > 0.0);
    REQUIRE(estimate_check_job(s, &facts, &config, NULL, &err) == err.status);
    char *text = text_of(spec);
    json_t *body = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    REQUIRE(body && json_equal(body, spec));
    check_stored(text, s, &facts);
    REQUIRE(codec_spec_resolve(body, dataset, 0, &again, &labels, NULL, &problems) == STATUS_OK);
    REQUIRE(json_equal(again, spec));
    mem_free(text);
    json_decref(body);
    json_decref(again);
    json_decref(labels);
}

static void check_resume(const json_t *body)
{
    const struct job_row parent = {.spec_json = parent_spec, .checkpoint_step = PARENT_STEP};
    struct problem_list problems = {.status = STATUS_OK};
    struct spec_facts facts;
    struct spec s = {.numbers = {NULL}};
    json_t *spec = NULL;
    uint64_t steps = 0;
    REQUIRE(codec_spec_facts(&picture, &facts, NULL) == STATUS_OK);
    const enum status status = codec_spec_resume(body, &parent, &spec, &steps, &problems);
    fuzz_check_problems(status, &problems);
    REQUIRE((status == STATUS_OK) == (spec != NULL));
    if (status != STATUS_OK)
        return;
    REQUIRE(codec_spec_read_json(spec, &facts, &s, &problems) == STATUS_OK);
    REQUIRE(steps > PARENT_STEP && steps <= LIMIT_STEPS && s.train.steps == steps);
    spec_deinit(&s);
    json_decref(spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    const struct dataset_row *dataset = n_bytes % 8 == 7 ? &pixel : &picture;
    struct problem_list problems = {.status = STATUS_OK};
    struct spec s = {.numbers = {NULL}};
    json_t *body = NULL, *spec = NULL, *labels = NULL;
    char id[ID_SIZE];
    enum status status = codec_json_parse_object(bytes, n_bytes, MAX_DEPTH, &body, &problems);
    if (status == STATUS_OK) {
        check_resume(body);
        if (codec_spec_dataset_id(body, id, &problems) == STATUS_OK)
            REQUIRE(id_is(ID_DATASET, id));
        problems = (struct problem_list){.status = STATUS_OK};
        status = codec_spec_resolve(body, dataset, 0, &spec, &labels, &s, &problems);
    }
    fuzz_check_problems(status, &problems);
    REQUIRE((status == STATUS_OK) == (spec != NULL && labels != NULL));
    if (status == STATUS_OK)
        check_spec(spec, dataset, &s);
    spec_deinit(&s);
    json_decref(body);
    json_decref(spec);
    json_decref(labels);
    return 0;
}
