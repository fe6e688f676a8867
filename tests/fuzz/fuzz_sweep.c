#include <string.h>

#include "api/codec/codec_spec.h"
#include "api/codec/codec_sweep.h"
#include "core/base/mem.h"
#include "tests/fuzz/fuzz.h"

#define ID_1 "ds_01jd6v7m8rkq2w5x9c4t3b1nfe"
#define ID_2 "ds_01jd6v7m8rkq2w5x9c4t3b1nff"

enum { MAX_DEPTH = 32, MAX_TABLE = 64, MAX_CSV = 8 << 20 };

void fuzz_seeds(void)
{
    static const char *const texts[] = {
        "{\"dataset_ids\":[\"" ID_1 "\",\"" ID_2 "\"],\"base\":{\"preset\":\"paper\",\"train\":{"
        "\"steps\":5}},\"grid\":{\"/field/encoding/sigma\":[1,2.5],\"/field/encoding\":[{\"type\":"
        "\"gaussian\"},{\"type\":\"none\"}],\"/train/seed\":[0,1,2]},\"name\":\"a name\"}",
        "{\"dataset_ids\":[\"" ID_1 "\"]}",
        "{\"dataset_ids\":[\"" ID_1 "\"],\"base\":{\"field\":{\"encoding\":{\"type\":\"concat\","
        "\"parts\":[{\"type\":\"basic\"},{\"type\":\"octave\"}]}}},\"grid\":{"
        "\"/field/encoding/parts/1/n_octaves\":[2,3],\"/labels/a~1b~0c\":[\"x\",null]}}",
        "{\"dataset_ids\":[\"" ID_1 "\"],\"grid\":{\"/a//b\":[[],{}],\"/\":[true]}}",
    };
    fuzz_seed_texts(texts, sizeof texts / sizeof *texts);
}

/* A job's body is an object that is read as any other; its faults have a place in the sweep. */
static void check_job(const struct sweep *sweep, size_t i)
{
    static char info[] = "{\"shape\":[5,7,3]}";
    const struct dataset_row picture = {.id = ID_1, .kind = "image", .info_json = info};
    struct problem_list problems = {.status = STATUS_OK}, own = {.status = STATUS_OK};
    json_t *body = NULL, *spec = NULL, *labels = NULL;
    REQUIRE(codec_sweep_cell_of(sweep, i) < sweep->n_cells);
    REQUIRE(codec_sweep_dataset_of(sweep, i) < sweep->n_datasets);
    const enum status status = codec_sweep_job(sweep, i, &body, &problems);
    fuzz_check_problems(status, &problems);
    REQUIRE((status == STATUS_OK) == (body != NULL));
    if (status != STATUS_OK)
        return;
    const char *id = json_string_value(json_object_get(body, "dataset_id"));
    REQUIRE(id && id_is(ID_DATASET, id));
    if (codec_spec_resolve(body, &picture, 0, &spec, &labels, NULL, &own) != STATUS_OK)
        for (size_t k = 0; k < own.n; k++) {
            char place[POINTER_SIZE];
            codec_sweep_place(sweep, i, own.item[k].pointer, place);
            REQUIRE(strncmp(place, "/grid/", 6) == 0 || strncmp(place, "/base", 5) == 0 ||
                    strncmp(place, "/dataset_ids/", 13) == 0);
        }
    json_decref(body);
    json_decref(spec);
    json_decref(labels);
}

/* The table of a sweep whose jobs have all come to the same. */
static void check_table(const json_t *body, const struct sweep *sweep)
{
    char *text = NULL;
    json_t *table = NULL;
    struct buffer csv;
    struct sweep_job jobs[MAX_TABLE] = {{.n = 0}};
    struct sweep_value value = {.key = "psnr", .value = 20};
    struct sweep_jobs all = {.n = sweep->n_jobs, .n_values = 1, .jobs = jobs, .values = &value};
    for (size_t i = 0; i < sweep->n_jobs; i++)
        jobs[i] = (struct sweep_job){.id = "job_x", .status = JOB_SUCCEEDED, .first = 0, .n = 1};
    REQUIRE(codec_json_text(body, &text, NULL) == STATUS_OK);
    const struct sweep_row row = {.id = "swp_x", .request_json = text, .created_ms = 1};
    REQUIRE(codec_sweep(&row, &all, &table, NULL) == STATUS_OK);
    REQUIRE(json_array_size(json_object_get(table, "cells")) == sweep->n_cells);
    REQUIRE(json_integer_value(json_object_get(table, "best")) == 0);
    buffer_init(&csv, MAX_CSV);
    REQUIRE(codec_sweep_csv(&row, &all, &csv, NULL) == STATUS_OK);
    REQUIRE(csv.size > 6 && memcmp(csv.data, "cell,", 5) == 0);
    buffer_deinit(&csv);
    json_decref(table);
    mem_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct problem_list problems = {.status = STATUS_OK};
    struct sweep sweep;
    json_t *body = NULL;
    enum status status = codec_json_parse_object(bytes, n_bytes, MAX_DEPTH, &body, &problems);
    if (status == STATUS_OK)
        status = codec_sweep_read(body, &sweep, &problems);
    fuzz_check_problems(status, &problems);
    if (status == STATUS_OK) {
        REQUIRE(sweep.n_jobs >= 1 && sweep.n_jobs <= SWEEP_MAX_JOBS);
        check_job(&sweep, 0);
        check_job(&sweep, sweep.n_jobs - 1);
        if (sweep.n_jobs <= MAX_TABLE)
            check_table(body, &sweep);
    }
    json_decref(body);
    return 0;
}
