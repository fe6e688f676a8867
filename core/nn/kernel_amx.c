/*
 * Products of bfloat16 by AMX: eight registers of 16 rows x 64 bytes, and one instruction that adds
 * the product of two of them to a third.  A block of C, 32 x 32, stays in four; two rows of blocks
 * of A and two of B pass through the others, so that each is used twice.
 *
 * The state of the registers is the thread's: each product loads its configuration and lets it go,
 * so that nobody else pays for it.
 */
#include "core/nn/kernel_bf16.h"

#ifdef __x86_64__

#include <sys/syscall.h>
#include <unistd.h>

/* Palette 1 (Intel SDM, LDTILECFG): rows and bytes of a row for each register. */
struct tile_config {
    uint8_t palette, start_row;
    uint8_t reserved[14];
    uint16_t row_bytes[16];
    uint8_t n_rows[16];
};

enum { N_TILES = 8 };

static const struct tile_config whole_tiles = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .n_rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

/* The sums of a block are registers 0 … 3: two rows of two. */
INLINE void zero_sums(void)
{
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
}

INLINE void store_sums(size_t columns, struct block *out)
{
    const size_t row_bytes = sizeof out->sum[0];
    _tile_stored(0, &out->sum[0][0], row_bytes);
    _tile_stored(2, &out->sum[LANES][0], row_bytes);
    if (columns == BLOCK) {
        _tile_stored(1, &out->sum[0][LANES], row_bytes);
        _tile_stored(3, &out->sum[LANES][LANES], row_bytes);
    }
}

INLINE void multiply(const struct gemm_bf16 *g, size_t row, size_t panel, size_t columns,
                     struct block *out)
{
    const uint32_t *a = g->a + row * g->a_row, *a_low = a + LANES * g->a_row;
    const uint32_t *b = g->b + panel * g->b_panel;
    const size_t a_bytes = g->a_row * sizeof *a, b_bytes = g->b_step * sizeof *b;
    zero_sums();
    if (columns == BLOCK) {
        for (size_t p = 0; p < g->k; p += KERNEL_PAIRS) {
            _tile_loadd(4, a + p, a_bytes);
            _tile_loadd(6, b, b_bytes);
            _tile_dpbf16ps(0, 4, 6);
            _tile_loadd(7, b + LANES, b_bytes);
            _tile_dpbf16ps(1, 4, 7);
            _tile_loadd(5, a_low + p, a_bytes);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
            b += KERNEL_PAIRS * g->b_step;
        }
    } else {
        for (size_t p = 0; p < g->k; p += KERNEL_PAIRS) {
            _tile_loadd(4, a + p, a_bytes);
            _tile_loadd(6, b, b_bytes);
            _tile_loadd(5, a_low + p, a_bytes);
            _tile_dpbf16ps(0, 4, 6);
            _tile_dpbf16ps(2, 5, 6);
            b += KERNEL_PAIRS * g->b_step;
        }
    }
    store_sums(columns, out);
}

/* Of operands with rests: twelve products for eight loads. */
INLINE void multiply_sums(const struct gemm_bf16 *g, size_t row, size_t panel, size_t columns,
                          struct block *out)
{
    const size_t low = LANES * g->a_row;
    const uint32_t *a = g->a + row * g->a_row, *a_rest = g->a_rest + row * g->a_row;
    const uint32_t *b = g->b + panel * g->b_panel, *b_rest = g->b_rest + panel * g->b_panel;
    const size_t a_bytes = g->a_row * sizeof *a, b_bytes = g->b_step * sizeof *b;
    zero_sums();
    for (size_t p = 0; p < g->k; p += KERNEL_PAIRS) {
        _tile_loadd(4, a_rest + p, a_bytes);
        _tile_loadd(6, b, b_bytes);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(5, a_rest + low + p, a_bytes);
        _tile_dpbf16ps(2, 5, 6);
        if (columns == BLOCK) {
            _tile_loadd(7, b + LANES, b_bytes);
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(3, 5, 7);
        }
        _tile_loadd(4, a + p, a_bytes);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(5, a + low + p, a_bytes);
        _tile_dpbf16ps(2, 5, 6);
        _tile_loadd(6, b_rest, b_bytes);
        if (columns == BLOCK) {
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(3, 5, 7);
            _tile_loadd(7, b_rest + LANES, b_bytes);
        }
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(2, 5, 6);
        if (columns == BLOCK) {
            _tile_dpbf16ps(1, 4, 7);
            _tile_dpbf16ps(3, 5, 7);
        }
        b += KERNEL_PAIRS * g->b_step;
        b_rest += KERNEL_PAIRS * g->b_step;
    }
    store_sums(columns, out);
}

static void gemm_bf16(const struct gemm_bf16 *g)
{
    /* Not the intrinsic: gcc 12 takes it to read eight bytes of the configuration. */
    __asm__ volatile("ldtilecfg %0" : : "m"(whole_tiles));
    if (g->a_rest)
        each_block(g, multiply_sums);
    else
        each_block(g, multiply);
    _tile_release();
}

bool amx_enable(void)
{
#if defined(__linux__) && defined(SYS_arch_prctl)
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 }; /* <asm/prctl.h> of Linux 5.16 */
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
#else
    return false;
#endif
}

const struct kernel_bf16 bf16_amx = {
    .k_pairs = KERNEL_PAIRS,
    .sums_pay = true,
    .gemm = gemm_bf16,
    .round = round_bf16,
    .pack = pack_bf16,
    .add_pairs = add_pairs,
};

#endif
