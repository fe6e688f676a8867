/*
 * What a machine can do at most, measured: the yardstick beside each timing.
 *
 * Peaks are loops of nothing but multiply-adds in registers, on every member of a team together. On
 * a shared machine they say how much of the processor is ours just now.
 */
#ifndef TESTS_SUPPORT_PEAK_H
#define TESTS_SUPPORT_PEAK_H

#include "core/base/parallel.h"
#include "core/nn/kernel.h"

/* 1e9 floating-point operations a second (two for a multiply-add) of the instructions that a row of
 * the kernel table multiplies floats with, or bfloat16 with; the median of five.  0 where there is
 * no such loop (portable, other processors, no bfloat16). */
double peak_floats(const struct kernel *kernel, struct team *team);
double peak_bf16(const struct kernel *kernel, struct team *team);

/* The same where operands of all bits come from the first-level cache, as those of any product do:
 * a processor at the limit of its power does less of it. */
double peak_floats_fed(const struct kernel *kernel, struct team *team);
double peak_bf16_fed(const struct kernel *kernel, struct team *team);

/* Nanoseconds that a word takes from one core to another; 0 on a machine of one core. */
double peak_handoff(void);

#endif
