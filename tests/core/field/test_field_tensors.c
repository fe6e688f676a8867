#include "core/field/field_tensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "tests/support/small_encoding.h"
#include "tests/support/small_fit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct field_spec spec_of(enum encoding_type type)
{
    return (struct field_spec){
        .encoding = small_encoding(type, 2),
        .network = {.n_outputs = 2,
                    .n_hidden_layers = 1,
                    .width = 70,
                    .activation = ACTIVATION_RELU,
                    .output_activation = ACTIVATION_LINEAR},
        .domain = domain_of_image(4, 4),
    };
}

static struct buffer saved(const struct field *f)
{
    static const struct tensor_metadata metadata[] = {{"spec", "{\"a\": 1}"}};
    struct buffer bytes;
    buffer_init(&bytes, 1 << 20);
    assert_int_equal(field_save(f, metadata, 1, &bytes, NULL), STATUS_OK);
    return bytes;
}

static void field_load_gives_back_what_field_save_wrote(void **state)
{
    (void)state;
    for (size_t type = 0; type < encoding_n_types(); type++) {
        const struct field_spec spec = spec_of((enum encoding_type)type);
        struct field *f = small_field(&spec, 1), *g = small_field(&spec, 2);
        struct buffer bytes = saved(f);
        assert_int_equal(field_load(g, bytes.data, bytes.size, NULL), STATUS_OK);
        assert_memory_equal(field_params(f), field_params(g), field_n_params(f) * sizeof(float));
        buffer_deinit(&bytes);
        field_free(f);
        field_free(g);
    }
}

struct expected {
    const char *name;
    size_t n_dims, shape[2];
};

static void check_tensors(const struct field_spec *spec, size_t n, const struct expected *table)
{
    struct field *f = small_field(spec, 1);
    struct buffer bytes = saved(f);
    struct safetensors *file = NULL;
    assert_int_equal(safetensors_parse(&file, bytes.data, bytes.size, NULL), STATUS_OK);
    assert_int_equal(safetensors_n_tensors(file), n);
    assert_string_equal(safetensors_metadata(file, "spec"), "{\"a\": 1}");
    for (size_t i = 0; i < n; i++) {
        const struct tensor *t = safetensors_find(file, table[i].name);
        assert_non_null(t);
        assert_int_equal(t->type, TENSOR_F32);
        assert_int_equal(t->n_dims, table[i].n_dims);
        for (size_t d = 0; d < t->n_dims; d++)
            assert_int_equal(t->shape[d], table[i].shape[d]);
        if (strcmp(table[i].name, "encoding.b") == 0)
            for (size_t j = 0; j < 6; j++)
                assert_true(((const float *)t->data)[j] == (float)spec->encoding.b[j]);
        if (strcmp(table[i].name, "encoding.levels.1") == 0)
            assert_memory_equal(t->data, field_params(f) + 32, 32 * sizeof(float));
    }
    safetensors_free(file);
    buffer_deinit(&bytes);
    field_free(f);
}

static void field_save_names_and_shapes_tensors_as_promised(void **state)
{
    (void)state;
    static const struct expected fourier[] = {
        {"encoding.b", 2, {3, 2}},       {"encoding.a", 1, {3, 0}},
        {"layers.0.weight", 2, {70, 6}}, {"layers.0.bias", 1, {70, 0}},
        {"layers.1.weight", 2, {2, 70}}, {"layers.1.bias", 1, {2, 0}},
    };
    static const struct expected grid[] = {
        {"encoding.levels.0", 2, {16, 2}}, {"encoding.levels.1", 2, {16, 2}},
        {"layers.0.weight", 2, {70, 4}},   {"layers.0.bias", 1, {70, 0}},
        {"layers.1.weight", 2, {2, 70}},   {"layers.1.bias", 1, {2, 0}},
    };
    static const struct expected concat[] = {
        {"encoding.parts.0.levels.0", 2, {16, 2}}, {"encoding.parts.0.levels.1", 2, {16, 2}},
        {"encoding.parts.1.b", 2, {3, 2}},         {"encoding.parts.1.a", 1, {3, 0}},
        {"layers.0.weight", 2, {70, 12}},          {"layers.0.bias", 1, {70, 0}},
        {"layers.1.weight", 2, {2, 70}},           {"layers.1.bias", 1, {2, 0}},
    };
    struct field_spec spec = spec_of(ENCODING_EXPLICIT);
    check_tensors(&spec, sizeof fourier / sizeof *fourier, fourier);
    spec = spec_of(ENCODING_HASHGRID);
    check_tensors(&spec, sizeof grid / sizeof *grid, grid);
    spec = spec_of(ENCODING_CONCAT);
    check_tensors(&spec, sizeof concat / sizeof *concat, concat);
}

/* A change to the tensors of a saved field, and what loading it then says. */
enum damage { MISSING, RESHAPED, TRANSPOSED, RETYPED, NOT_A_NUMBER, INFINITE, N_DAMAGES };

static void damage_tensor(struct tensor *t, enum damage damage, float *numbers)
{
    switch (damage) {
    case MISSING:
        t->name = "another";
        break;
    case RESHAPED:
        t->shape[0]--;
        break;
    case TRANSPOSED:
        t->n_dims = 1;
        t->shape[0] *= t->shape[1];
        break;
    case RETYPED:
        t->type = TENSOR_F64;
        t->shape[0] /= 2;
        break;
    case NOT_A_NUMBER:
    case INFINITE:
        memcpy(numbers, t->data, tensor_bytes(t));
        numbers[3] = damage == INFINITE ? -INFINITY : NAN;
        t->data = numbers;
        break;
    case N_DAMAGES:
        break;
    }
}

static void field_load_refuses_missing_misshaped_and_non_finite_tensors(void **state)
{
    (void)state;
    const struct field_spec spec = spec_of(ENCODING_GAUSSIAN);
    struct field *f = small_field(&spec, 1), *g = small_field(&spec, 2);
    const size_t n_bytes = field_n_params(f) * sizeof(float);
    float *before = mem_alloc(n_bytes);
    memcpy(before, field_params(g), n_bytes);
    static float numbers[70 * 6];
    for (int damage = 0; damage < N_DAMAGES; damage++) {
        struct tensor_set *set = tensor_set_create();
        assert_int_equal(tensor_set_add_block(set, f, "", field_params(f), NULL), STATUS_OK);
        damage_tensor(&set->tensor[2], (enum damage)damage, numbers);
        struct buffer bytes;
        buffer_init(&bytes, 1 << 20);
        assert_int_equal(safetensors_encode(set->tensor, set->n, NULL, 0, &bytes, NULL), STATUS_OK);
        struct error err = {0};
        assert_int_equal(field_load(g, bytes.data, bytes.size, &err), STATUS_INVALID);
        assert_non_null(strstr(err.message, "'layers.0.weight'"));
        assert_memory_equal(before, field_params(g), n_bytes);
        tensor_set_free(set);
        buffer_deinit(&bytes);
    }
    assert_int_equal(field_load(g, (const uint8_t *)"{}", 2, NULL), STATUS_INVALID);
    mem_free(before);
    field_free(f);
    field_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(field_load_gives_back_what_field_save_wrote),
        cmocka_unit_test(field_save_names_and_shapes_tensors_as_promised),
        cmocka_unit_test(field_load_refuses_missing_misshaped_and_non_finite_tensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
