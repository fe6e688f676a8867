#include "core/field/precision.h"

/* Below this the rounding would be for nothing. */
static const double worthwhile_gain = 1.2;

/* Below this the mapping and the rounding take more time than products save: 2 x 32 gains 1.2
 * times, 2 x 64 1.5 times. */
enum { LEAST_SPLIT_WIDTH = 64 };

struct arithmetic arithmetic_of(const char *isa)
{
    const struct kernel *kernel = kernel_find(isa);
    return (struct arithmetic){kernel, kernel ? kernel_bf16_gain(kernel) : 0};
}

enum status precision_check(enum precision precision, const struct kernel *kernel,
                            struct error *err)
{
    if (precision == PRECISION_BF16 && !kernel_has_bf16(kernel))
        return error_set(err, STATUS_UNSUPPORTED, "/train/precision",
                         "'bf16' needs a processor that multiplies bfloat16 (AVX512_BF16 or AMX), "
                         "this one (kernels '%s') does not",
                         kernel->name);
    return STATUS_OK;
}

static bool bears_bf16(const struct field_spec *spec)
{
    return spec->encoding.type != ENCODING_NONE && spec->encoding.type != ENCODING_BASIC;
}

enum precision precision_settle(enum precision precision, const struct field_spec *spec,
                                const struct arithmetic *arithmetic)
{
    if (precision != PRECISION_AUTO)
        return precision;
    return arithmetic->bf16_gain >= worthwhile_gain && bears_bf16(spec) ? PRECISION_BF16
                                                                        : PRECISION_FP32;
}

bool precision_split_pays(const struct field *f)
{
    const struct kernel_bf16 *bf16 = field_kernel(f)->bf16;
    const struct mlp_spec *network = mlp_get_spec(field_mlp(f));
    return bf16 && bf16->sums_pay && field_length(f) == 0.0f && network->n_hidden_layers > 0 &&
           network->width >= LEAST_SPLIT_WIDTH && encoding_is_bounded(field_encoding(f));
}
