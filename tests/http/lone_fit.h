/*
 * A fit by the core alone, with the settings that the service makes of a job's body: what timings
 * of the service stand beside.  Everything here ends the program when it cannot do what it says.
 */
#ifndef TESTS_HTTP_LONE_FIT_H
#define TESTS_HTTP_LONE_FIT_H

#include "api/codec/codec_spec.h"
#include "core/base/parallel.h"
#include "core/field/trainer.h"
#include "core/base/data.h"
#include "core/field/task.h"
#include "tests/http/answer.h"

struct lone_fit {
    struct spec spec;
    struct data data;
    struct field *field;
    struct task *task;
    struct team *team; /* lent */
    struct trainer *trainer;
};

/* members: of the job's body, each after a comma, or "" for the default preset.  image: the fit's
 * from here on. */
void lone_fit_init(struct lone_fit *fit, const char *members, struct image image,
                   struct team *team);
void lone_fit_deinit(struct lone_fit *fit);

/* Of the field as it is, over all pixels or as many as the effort says. */
double lone_fit_psnr(const struct lone_fit *fit, enum task_effort effort);

/* The picture of a PNG, JPEG or NPY file; the caller's. */
struct image lone_fit_decode(const struct bytes *file);

#endif
