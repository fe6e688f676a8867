#include "tests/http/lone_fit.h"

#include <jansson.h>
#include <stdio.h>

#include "api/kinds/image_file.h"
#include "api/tasks/tasks.h"
#include "core/field/precision.h"
#include "core/nn/kernel.h"
#include "tests/support/bench.h"

#define DATASET "ds_01jd6v7m8rkq2w5x9c4t3b1nfe"

/* What the service makes of a job's body: the preset's settings, and these. */
static struct spec spec_of(const char *members, const struct image *image)
{
    char body[1024], info[64];
    struct problem_list problems = {0};
    struct spec spec;
    json_t *resolved = NULL, *labels = NULL;
    snprintf(info, sizeof info, "{\"shape\":[%zu,%zu,%zu]}", image->height, image->width,
             image->channels);
    snprintf(body, sizeof body, "{\"dataset_id\":\"" DATASET "\"%s}", members);
    const struct dataset_row row = {.id = DATASET, .kind = "image", .info_json = info};
    json_t *asked = json_loads(body, 0, NULL);
    struct error err = {0};
    const enum status status =
        codec_spec_resolve(asked, &row, 0, &resolved, &labels, &spec, &problems);
    if (problems.n > 0)
        error_set(&err, status, problems.item[0].pointer, "%s", problems.item[0].detail);
    bench_must(status, &err);
    json_decref(asked);
    json_decref(resolved);
    json_decref(labels);
    const struct arithmetic arithmetic = arithmetic_of(NULL);
    spec.train.precision = precision_settle(spec.train.precision, &spec.field, &arithmetic);
    return spec;
}

void lone_fit_init(struct lone_fit *fit, const char *members, struct image image, struct team *team)
{
    struct error err = {0};
    *fit = (struct lone_fit){.spec = spec_of(members, &image),
                             .data = {.kind = DATA_IMAGE, .image = image},
                             .team = team};
    bench_must(field_create(&fit->field, &fit->spec.field, kernel_find(NULL), &err), &err);
    field_init(fit->field, &fit->spec.field, fit->spec.train.seed);
    bench_must(tasks_image.create(&fit->task, &fit->data, &fit->spec, team, NULL, &err), &err);
    bench_must(
        trainer_create(&fit->trainer, &fit->spec.train, fit->field, fit->task, fit->team, &err),
        &err);
}

void lone_fit_deinit(struct lone_fit *fit)
{
    trainer_free(fit->trainer);
    task_free(fit->task);
    field_free(fit->field);
    data_deinit(&fit->data);
    spec_deinit(&fit->spec);
}

double lone_fit_psnr(const struct lone_fit *fit, enum task_effort effort)
{
    struct error err = {0};
    struct task_metrics m = {0};
    const struct task_evaluation how = {.effort = effort};
    bench_must(fit->task->class->evaluate(fit->task, fit->field, fit->team, &how, &m, &err), &err);
    return *task_metrics_find(&m, "psnr");
}

struct image lone_fit_decode(const struct bytes *file)
{
    struct error err = {0};
    struct image image;
    bench_must(image_file_decode(file->data, file->n, &image, &err), &err);
    return image;
}
