/*
 * How a thread computes with floats that are almost nothing.
 *
 * Numbers below 2^-126 (subnormal ones) take x86 some hundred cycles each, and a network whose
 * gradients die away is made of them: its steps took ten times as long.  No result depends on them;
 * instructions of bfloat16 take them for zero anyway.  The mode is the calling thread's own.
 */
#ifndef CORE_BASE_FLOAT_MODE_H
#define CORE_BASE_FLOAT_MODE_H

#include <stdint.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* Take subnormal numbers for zero, and make none.  The mode as it was, to be restored. */
static inline uint64_t float_mode_flush(void)
{
#if defined(__x86_64__)
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | _MM_FLUSH_ZERO_ON | 0x40); /* results; operands ("denormals are zero") */
    return before;
#elif defined(__aarch64__)
    uint64_t before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | (uint64_t)1 << 24));
    return before;
#else
    return 0;
#endif
}

static inline void float_mode_restore(uint64_t before)
{
#if defined(__x86_64__)
    _mm_setcsr((unsigned)before);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(before));
#else
    (void)before;
#endif
}

#endif
