#include <math.h>
#include <string.h>

#include "core/field/trainer.h"
#include "core/nn/kernel.h"
#include "core/task/task_image.h"
#include "tests/fuzz/fuzz.h"

/* The tenth step is looked at for early stopping. */
enum { SIDE = 4, STEPS = 11 };

static float values[SIDE * SIDE];
static const struct image image = {.width = SIDE, .height = SIDE, .channels = 1, .values = values};
static const struct field_spec field_spec = {
    .encoding = {.type = ENCODING_GAUSSIAN,
                 .n_inputs = 2,
                 .n_frequencies = 2,
                 .sigma = 2,
                 .trainable = true},
    .network = {.n_outputs = 1,
                .n_hidden_layers = 1,
                .width = 4,
                .activation = ACTIVATION_RELU,
                .output_activation = ACTIVATION_SIGMOID},
};
static const struct train_spec train_spec = {
    .steps = STEPS,
    .batch_size = SIDE * SIDE,
    .learning_rate = 1e-2,
    .optimizer = {OPTIMIZER_ADAM, 0.9, 0.999, 1e-8},
    .schedule = {.type = SCHEDULE_CONSTANT},
    .seed = 1,
    .early_stop = 1,
};
static const struct trainer_intervals intervals = {1e9, 1e9, 1e9, 0.02};
static const struct trainer_sink sink = {NULL, NULL, NULL, NULL, NULL};
static struct field *field;
static struct task *task;
static struct team *team;
static struct trainer *trainer;

/* A fit of four by four pixels, and its checkpoints after one step and at its end. */
void fuzz_seeds(void)
{
    const struct task_image_spec task_spec = {.holdout = HOLDOUT_FRACTION,
                                              .holdout_fraction = 0.25,
                                              .loss = LOSS_MSE,
                                              .output_activation = ACTIVATION_SIGMOID};
    struct field_spec spec = field_spec;
    for (size_t i = 0; i < SIDE * SIDE; i++)
        values[i] = (float)(i % 5) / 4.0f;
    spec.domain = domain_of_image(SIDE, SIDE);
    REQUIRE(field_create(&field, &spec, kernel_find(NULL), NULL) == STATUS_OK);
    field_init(field, &spec, 1);
    REQUIRE(task_image_create(&task, &image, &task_spec, NULL) == STATUS_OK);
    REQUIRE(team_create(&team, 1, NULL) == STATUS_OK);
    REQUIRE(trainer_create(&trainer, &train_spec, field, task, team, NULL) == STATUS_OK);
    for (size_t i = 0; i < 2; i++) {
        struct buffer file;
        enum trainer_stop stopped_by;
        buffer_init(&file, FUZZ_MAX_SEED);
        if (i == 0)
            trainer_step(trainer);
        else
            REQUIRE(trainer_run(trainer, &intervals, &sink, NULL, &stopped_by, NULL) == STATUS_OK);
        fuzz_seed(i == 0 ? "first" : "last", trainer_save(trainer, "{}", &file, NULL), &file);
    }
}

/* A checkpoint that was changed behind our back: what is taken of it is sound, and training goes on
 * from it to its end or says that it diverged. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    enum trainer_stop stopped_by;
    struct error err = {.status = STATUS_OK};
    enum status status = trainer_load(trainer, bytes, n_bytes, &err);
    REQUIRE(err.status == status);
    if (status != STATUS_OK)
        return 0;
    REQUIRE(isfinite(trainer_get_seconds(trainer)) && trainer_get_seconds(trainer) >= 0.0);
    for (size_t i = 0; i < field_n_params(field); i++)
        REQUIRE(isfinite(field_params_const(field)[i]));
    const uint64_t first = trainer_get_step(trainer);
    status = trainer_run(trainer, &intervals, &sink, NULL, &stopped_by, &err);
    REQUIRE(status == STATUS_OK || status == STATUS_DIVERGED);
    REQUIRE(err.status == status && trainer_get_step(trainer) >= first);
    REQUIRE(status != STATUS_OK || trainer_get_step(trainer) >= STEPS);
    return 0;
}
