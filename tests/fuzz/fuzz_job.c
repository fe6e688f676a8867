#include <string.h>

#include "api/codec/codec_json.h"
#include "api/codec/codec_spec.h"
#include "api/estimate.h"
#include "core/base/mem.h"
#include "tests/fuzz/fuzz.h"

#define DATASET "ds_01jd6v7m8rkq2w5x9c4t3b1nfe"

enum { MAX_DEPTH = 32, PARENT_STEP = 100 };

/* Datasets: a picture, one of a single pixel, of which nothing can be held out, and one of every
 * other kind. */
enum { PICTURE, PIXEL, VOLUME, SHAPE, VIEWS, SINOGRAM, KSPACE, N_DATASETS };
static char infos[N_DATASETS][384] = {
    [PICTURE] = "{\"shape\":[5,7,3]}",
    [PIXEL] = "{\"shape\":[1,1,1]}",
    [VOLUME] = "{\"shape\":[4,5,6,1],\"affine\":[[2,0,0,-9],[0,0,3,1],[0,-1,0,7]],"
               "\"units\":\"mm\",\"value_range\":[-5,250],\"kept_bits_per_channel\":8}",
    [SHAPE] = "{\"n_vertices\":6,\"n_triangles\":8,\"centre\":[10,20,30],\"reach\":3.3,"
              "\"area\":60,\"bbox\":[7,17,27,13,23,33]}",
    [VIEWS] = "{\"shape\":[4,8,9,4],\"n_pixels\":288,\"decoded_bytes\":1152,\"largest_bytes\":400,"
              "\"bbox\":[-1,-1,-1,1,1,1],\"surroundings\":{\"distance\":4,\"near\":2.5,"
              "\"far\":5.5,\"backdrop\":\"alpha\"}}",
    [SINOGRAM] = "{\"n_angles\":8,\"width\":16}",
    [KSPACE] = "{\"width\":6,\"height\":5,\"depth\":4,\"n_measured\":77}",
};
#define ROW(i, words) [i] = {.id = DATASET, .kind = words, .media_type = "", .info_json = infos[i]}
static const struct dataset_row datasets[N_DATASETS] = {
    ROW(PICTURE, "image"), ROW(PIXEL, "image"),       ROW(VOLUME, "volume"), ROW(SHAPE, "shape"),
    ROW(VIEWS, "views"),   ROW(SINOGRAM, "sinogram"), ROW(KSPACE, "kspace"),
};
static char *parent_spec; /* of a job to resume */

/* The dataset that a body is tried with: of the task it names, else a picture. */
static const struct dataset_row *dataset_of(const json_t *body, size_t n_bytes)
{
    static const struct {
        const char *task;
        size_t one, other;
    } rows[] = {{"volume", VOLUME, VOLUME},
                {"shape", SHAPE, SHAPE},
                {"views", VIEWS, VIEWS},
                {"ct", SINOGRAM, PICTURE},
                {"mri", KSPACE, VOLUME}};
    const char *task = json_string_value(json_object_get(body, "task"));
    for (size_t i = 0; task && i < sizeof rows / sizeof *rows; i++)
        if (strcmp(task, rows[i].task) == 0)
            return &datasets[n_bytes % 4 == 3 ? rows[i].other : rows[i].one];
    return &datasets[n_bytes % 8 == 7 ? PIXEL : PICTURE];
}

/* The resolved spec as a row keeps it (mem_free). */
static char *text_of(const json_t *spec)
{
    char *text = NULL;
    REQUIRE(codec_json_text(spec, &text, NULL) == STATUS_OK);
    return text;
}

void fuzz_seeds(void)
{
    static const char *const own[] = {
        "{\"train\":{\"steps\":101}}",
        "{\"train\":{\"steps\":100}}",
        "{\"dataset_id\":\"" DATASET "\",\"train\":{\"steps\":null,\"time_limit_seconds\":null}}",
    };
    enum { N_OWN = sizeof own / sizeof *own };
    const char *texts[N_DATASETS + N_OWN];
    char *resolved[N_DATASETS];
    json_t *body = json_pack("{s:s}", "dataset_id", DATASET);
    for (size_t i = 0; i < N_DATASETS; i++) {
        struct problem_list problems = {.status = STATUS_OK};
        json_t *spec, *labels;
        REQUIRE(codec_spec_resolve(body, &datasets[i], 0, &spec, &labels, NULL, &problems) ==
                STATUS_OK);
        texts[i] = resolved[i] = text_of(spec);
        json_decref(spec);
        json_decref(labels);
    }
    memcpy(texts + N_DATASETS, own, sizeof own);
    fuzz_seed_texts(texts, sizeof texts / sizeof *texts);
    parent_spec = resolved[PICTURE];
    for (size_t i = PIXEL; i < N_DATASETS; i++)
        mem_free(resolved[i]);
    json_decref(body);
}

static void check_measure(const struct spec_measure *a, const struct spec_measure *b)
{
    REQUIRE(a->views.near == b->views.near && a->views.far == b->views.far);
    REQUIRE(a->views.n_samples == b->views.n_samples && a->views.downscale == b->views.downscale);
    REQUIRE(a->views.view_degree == b->views.view_degree && a->views.density == b->views.density);
    REQUIRE(a->shape.target == b->shape.target && a->shape.pool == b->shape.pool);
    REQUIRE(a->shape.near_sigma == b->shape.near_sigma && a->shape.softness == b->shape.softness);
    REQUIRE(a->ct.n_angles == b->ct.n_angles && a->ct.normalize == b->ct.normalize);
    REQUIRE(a->mri.mask_sigma == b->mri.mask_sigma && a->mri.n_draws == b->mri.n_draws);
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
    check_measure(&stored.measure, &s->measure);
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
    struct estimate estimate;
    json_t *again = NULL, *labels = NULL;
    struct problem_list problems = {.status = STATUS_OK};
    REQUIRE(codec_spec_facts(dataset, &facts, NULL) == STATUS_OK);
    REQUIRE(s->train.batch_size >= 1 && s->train.batch_size <= LIMIT_BATCH);
    REQUIRE(s->train.steps <= LIMIT_STEPS && s->train.learning_rate > 0.0);
    REQUIRE(s->field.network.width >= 1 && s->field.network.width <= LIMIT_WIDTH);
    REQUIRE(s->train.steps || s->train.time_limit_seconds > 0.0 || s->train.target_psnr > 0.0);
    REQUIRE(estimate_check_job(s, &facts, &config, NULL, &estimate, &err) == err.status);
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
    REQUIRE(codec_spec_facts(&datasets[PICTURE], &facts, NULL) == STATUS_OK);
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
    const struct dataset_row *dataset = NULL;
    struct problem_list problems = {.status = STATUS_OK};
    struct spec s = {.numbers = {NULL}};
    json_t *body = NULL, *spec = NULL, *labels = NULL;
    char id[ID_SIZE];
    enum status status = codec_json_parse_object(bytes, n_bytes, MAX_DEPTH, &body, &problems);
    if (status == STATUS_OK) {
        check_resume(body);
        dataset = dataset_of(body, n_bytes);
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
