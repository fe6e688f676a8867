/* What a field says it takes of memory, against what the heap has given out.  The sanitizers have
 * heaps of their own. */
#include <malloc.h>

#include "core/field/field.h"
#include "core/field/trainer.h"
#include "core/task/task_image.h"
#include "tests/support/small_fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static size_t in_use(void)
{
    const struct mallinfo2 now = mallinfo2();
    return now.uordblks + now.hblkhd;
}

static const struct {
    size_t width, n_layers, n_frequencies;
    enum activation activation;
    bool trainable;
    size_t n_levels, log2_hashmap_size, n_features; /* 0: no grid */
    size_t batch_size;
} table[] = {
    {256, 3, 256, ACTIVATION_RELU, false, 0, 0, 0, 200},
    {256, 4, 256, ACTIVATION_SIN, true, 0, 0, 0, 200},
    {64, 2, 64, ACTIVATION_RELU, false, 0, 0, 0, 16384},
    {1024, 8, 1000, ACTIVATION_TANH, true, 0, 0, 0, 200},
    {100, 16, 33, ACTIVATION_SIN, false, 0, 0, 0, 200},
    {2048, 1, 4096, ACTIVATION_RELU, true, 0, 0, 0, 200},
    {64, 2, 0, ACTIVATION_RELU, false, 16, 17, 2, 16384},
    {16, 1, 0, ACTIVATION_RELU, false, 32, 4, 1, 200},
    {128, 3, 0, ACTIVATION_RELU, false, 8, 14, 8, 100000},
    {64, 2, 20, ACTIVATION_RELU, true, 12, 15, 4, 1000}, /* both */
};

static struct field_spec spec_of(const struct image *image, size_t row,
                                 struct encoding_spec parts[2])
{
    struct field_spec spec = small_field_spec(image);
    spec.network.width = table[row].width;
    spec.network.n_hidden_layers = table[row].n_layers;
    spec.network.activation = table[row].activation;
    spec.network.omega = 30.0;
    spec.encoding.n_frequencies = table[row].n_frequencies;
    spec.encoding.trainable = table[row].trainable;
    if (table[row].n_levels == 0)
        return spec;
    parts[0] = spec.encoding;
    parts[1] = (struct encoding_spec){.type = ENCODING_HASHGRID,
                                      .n_inputs = 2,
                                      .n_levels = table[row].n_levels,
                                      .n_features_per_level = table[row].n_features,
                                      .log2_hashmap_size = table[row].log2_hashmap_size,
                                      .base_resolution = 16,
                                      .finest_resolution = 512};
    spec.encoding = parts[1];
    if (table[row].n_frequencies > 0)
        spec.encoding = (struct encoding_spec){
            .type = ENCODING_CONCAT, .n_inputs = 2, .n_parts = 2, .parts = parts};
    return spec;
}

static void the_estimate_of_a_query_is_a_little_over_the_truth(void **state)
{
    (void)state;
#ifdef SANITIZED
    skip();
#endif
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct image image = small_picture(8, 8, 3);
        struct encoding_spec parts[2];
        const struct field_spec spec = spec_of(&image, i, parts);
        const size_t before = in_use();
        struct field *f = small_field(&spec, 1);
        struct field_workspace *w = NULL;
        assert_int_equal(field_workspace_create(&w, f, FIELD_VALUES, NULL), STATUS_OK);
        const size_t used = in_use() - before;
        assert_true(used < field_query_bytes(&spec));
        assert_true((double)field_query_bytes(&spec) < 1.3 * (double)used + 300e3);
        field_workspace_free(w);
        field_free(f);
        image_deinit(&image);
    }
}

static void the_estimate_of_training_is_a_little_over_the_truth(void **state)
{
    (void)state;
#ifdef SANITIZED
    skip();
#endif
    for (int optimizer = OPTIMIZER_ADAM; optimizer <= OPTIMIZER_SGD; optimizer++)
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
            struct image image = small_picture(32, 32, 3);
            struct encoding_spec parts[2];
            const struct field_spec spec = spec_of(&image, i, parts);
            const struct task_image_spec task_spec = {.output_activation = ACTIVATION_SIGMOID};
            struct train_spec train = small_train_spec();
            struct task *task = NULL;
            struct team *team = NULL;
            struct trainer *trainer = NULL;
            train.batch_size = table[i].batch_size;
            train.optimizer.type = (enum optimizer_type)optimizer;
            assert_int_equal(task_image_create(&task, &image, &task_spec, NULL), STATUS_OK);
            assert_int_equal(team_create(&team, 2, NULL), STATUS_OK);
            const size_t estimate =
                field_train_bytes(&spec, PRECISION_FP32, train.optimizer.type, train.batch_size, 2);
            const size_t before = in_use();
            struct field *f = small_field(&spec, 1);
            assert_int_equal(trainer_create(&trainer, &train, f, task, team, NULL), STATUS_OK);
            const size_t used = in_use() - before;
            assert_true(used < estimate);
            assert_true((double)estimate < 1.6 * (double)used + 600e3);
            trainer_free(trainer);
            field_free(f);
            team_free(team);
            task_free(task);
            image_deinit(&image);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_estimate_of_a_query_is_a_little_over_the_truth),
        cmocka_unit_test(the_estimate_of_training_is_a_little_over_the_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
