/*
 * Specs: what a job is asked to do.
 *
 *   request body + preset + dataset  ──codec_spec_resolve──►  resolved spec (JSON, complete)
 *   resolved spec (JSON)             ──codec_spec_read─────►  struct spec, what core understands
 *
 * The resolved spec is what a job shows under `spec` and can be posted again as it is:
 *   {dataset_id, task, preset, field: {encoding, network}, train: {…}, measure: {}}
 * It holds every setting, so that a later version with other defaults reads it as it was meant.
 * Sizes that come from the data (outputs, domain) are not settings and not in it: they travel in
 * struct spec_facts, and in a weights file's metadata (see codec_spec_summary).
 */
#ifndef API_CODEC_SPEC_H
#define API_CODEC_SPEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/problem.h"
#include "core/base/data.h"
#include "core/field/field.h"
#include "core/field/trainer.h"
#include "core/field/precision.h"
#include "core/field/task.h"
#include "core/field/tune.h"
#include "core/nn/loss.h"
#include "core/scene/projection.h"
#include "core/scene/surroundings.h"
#include "core/task/reconstruction.h"
#include "core/task/task_signal.h"
#include "server/store/store.h"

enum task_type { TASK_IMAGE, TASK_VOLUME, TASK_SHAPE, TASK_VIEWS, TASK_CT, TASK_MRI, TASK_SIGNAL };

/* What a dataset says about the fields it can train; of a field that is there, what its summary
 * says. */
struct spec_facts {
    enum data_kind kind; /* of a dataset; not in a summary */
    size_t n_dims;       /* coordinates of a field over it */
    /* Samples along x, y, z (1 where n_dims ends), or what stands for them where data are no
     * lattice: about as many as tell apart what is in them. */
    size_t width, height, depth;
    size_t channels; /* numbers at a sample; of a summary the field's outputs */
    double source_from_unit[3][4];
    /* The part of the unit cube, at the beginning and the end of each axis, where there is nothing
     * to learn from: what a field says there means nothing. */
    double blank[3][2];
    const char *units; /* of source coordinates: "pixels", "mm", …; static text; not of a summary */
    double value_low, value_high; /* the data's own numbers that stand as 0 and 1 */
    size_t n_items;               /* views, triangles, angles */
    uint64_t n_pixels;            /* of all views */
    struct surroundings around;   /* of views; not of a summary */
    /* Bytes of memory, 0 where nothing depends on them. */
    uint64_t data_bytes;     /* of the data as a fit keeps them */
    uint64_t decoding_bytes; /* that come to it while it is read, the file among them */
    uint64_t limit_bytes;    /* that a job may take: what is chosen for it stays below */
};

/* A picture's, without bytes. */
struct spec_facts spec_facts_of_image(size_t width, size_t height, size_t channels);

/* Samples in all. */
double spec_facts_n_samples(const struct spec_facts *facts);

/* The settings of measurements; a task reads its own (api/tasks). */
struct spec_measure {
    struct {
        double near, far; /* source units */
        uint64_t n_samples;
        uint64_t downscale; /* of the pictures, at least 1 */
        int background;     /* enum background */
        bool occupancy_grid;
        uint64_t view_degree;
        int density; /* enum density_activation */
    } views;
    struct {
        int target; /* enum shape_target */
        double softness, near_surface, near_sigma, everywhere;
        uint64_t pool;
    } shape;
    struct {
        uint64_t n_angles;
        enum projection_interpolation interpolation;
        enum normalize normalize;
    } ct;
    struct {
        double mask_sigma; /* 0: as the data's size has it */
        uint64_t n_draws;  /* likewise */
        enum normalize normalize;
    } mri;
    struct {
        struct {
            uint64_t n, item[TASK_SIGNAL_BINS];
        } bins;
    } signal;
};

/* A spec as core understands it.  Owns the numbers and parts that its encoding points to. */
struct spec {
    enum task_type task;
    struct field_spec field;
    enum tune_member
        tuned; /* what of the encoding is left to the data: a number stands in for it */
    struct train_spec train; /* 0 where the spec has null */
    enum loss loss;
    enum holdout holdout;
    double holdout_fraction;
    uint64_t holdout_stride;
    struct spec_measure measure;
    double source_from_unit[3][4];           /* of the field's domain */
    double low[3], high[3];                  /* the part of the unit cube that is learned from */
    struct encoding_spec *parts;             /* of encoding `concat` */
    double *numbers[1 + ENCODING_MAX_PARTS]; /* of encodings `explicit`: b, then a */
};

void spec_deinit(struct spec *s);

/* --- request -> resolved spec --- */

/* `dataset_id` of a job's body: an id of the right form, or a problem at "/dataset_id". */
enum status codec_spec_dataset_id(const json_t *body, char out[ID_SIZE],
                                  struct problem_list *problems) WARN_UNUSED;

/* What a dataset's row says (api/kinds).  INTERNAL if its info does not. */
enum status codec_spec_facts(const struct dataset_row *dataset, struct spec_facts *out,
                             struct error *err) WARN_UNUSED;

/* Fill in and check a job's body (an object).  job_bytes: memory that a job may take, 0: any. *spec
 * and *labels are the caller's (json_decref); *out, if not NULL, is the same spec for core with its
 * facts set (spec_deinit). */
enum status codec_spec_resolve(const json_t *body, const struct dataset_row *dataset,
                               uint64_t job_bytes, json_t **spec, json_t **labels, struct spec *out,
                               struct problem_list *problems) WARN_UNUSED;

/* A preset's settings over data: as a job whose body says nothing would resolve them; {task, field,
 * train, measure}.  NULL when out of memory. */
struct preset;
json_t *codec_spec_of_preset(const struct preset *preset, const struct spec_facts *facts);

/* Settle the precision of a resolved spec, in both forms: what "auto" stands for here.  UNSUPPORTED
 * at "/train/precision", NO_MEMORY. */
enum status codec_spec_settle(json_t *spec_json, struct spec *spec,
                              const struct arithmetic *arithmetic, struct error *err) WARN_UNUSED;

/* The body of POST …/resume over the parent's resolved spec: new steps, no time limit.  Steps not
 * beyond the parent's checkpoint are a problem at "/train/steps". */
enum status codec_spec_resume(const json_t *body, const struct job_row *parent, json_t **spec,
                              uint64_t *steps, struct problem_list *problems) WARN_UNUSED;

/* --- resolved spec -> core --- */

/* facts: of its dataset, or of its field's summary.  INVALID if it is not a spec over such data
 * that this program could have written. */
enum status codec_spec_read(const char *spec_json, const struct spec_facts *facts, struct spec *out,
                            struct error *err) WARN_UNUSED;
enum status codec_spec_read_json(json_t *spec, const struct spec_facts *facts, struct spec *out,
                                 struct problem_list *problems) WARN_UNUSED;

/* --- what a field says about itself --- */

/* {n_inputs, n_outputs, n_parameters, domain, values} of the field of a spec with its facts; NULL
 * when out of memory.  domain: {axes, units, shape [(D,) H, W], bbox [x0, y0(, z0), x1, y1(, z1)],
 * source_from_unit: {matrix, offset}}, with source = matrix * unit + offset.  values: {low, high},
 * the data's own numbers that stand as 0 and 1. */
json_t *codec_spec_summary(const struct spec *spec, const struct spec_facts *facts);

/* The facts in a summary's text. */
enum status codec_spec_summary_facts(const char *summary_json, struct spec_facts *out,
                                     struct error *err) WARN_UNUSED;

#endif
