/*
 * Which numbers a fit is trained in: what a processor can do, and what a field bears.
 *
 * bf16 rounds what is multiplied to eight significant bits.  In fits of pictures up to 42 dB
 * its PSNR, a mean of three seeds, was within 0.1 dB of fp32's after the same steps, above as often
 * as below; at 60 dB it was one dB less (docs/performance.md has the table).  Coordinates that go
 * into a network as they are (none), or as one turn (basic), are the exception: eight bits tell 256
 * places of a side apart, so neighbours in a larger picture become one.  Queries are in fp32
 * whatever a field was trained in, but for pictures of eight bits.
 */
#ifndef CORE_FIELD_PRECISION_H
#define CORE_FIELD_PRECISION_H

#include "core/field/field.h"
#include "core/nn/kernel.h"

/* What one process computes with. */
struct arithmetic {
    const struct kernel *kernel;
    double bf16_gain; /* kernel_bf16_gain */
};

/* Of a name as kernel_find takes it; kernel is NULL if this processor cannot run it.  Measures for
 * some milliseconds. */
struct arithmetic arithmetic_of(const char *isa);

/* UNSUPPORTED at "/train/precision" for bf16 without the hardware. */
enum status precision_check(enum precision precision, const struct kernel *kernel,
                            struct error *err) WARN_UNUSED;

/* What PRECISION_AUTO stands for: bf16 where it is clearly faster and the field bears it, else
 * fp32. Others stand for themselves. */
enum precision precision_settle(enum precision precision, const struct field_spec *spec,
                                const struct arithmetic *arithmetic);

/* Whether a field may be drawn in bf16x2 (core/nn/mlp.h) for eight bits: the processor computes
 * that faster, the network is wide enough to gain by it (64), its input is bounded (not none), so
 * that what holds for some points holds for others, and its values are no lengths, whose errors
 * grow with their unit.  Then field_split_error has the last word.
 */
bool precision_split_pays(const struct field *f);

#endif
