#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/format/exif.h"

/* One directory of one entry, orientation 6, in both byte orders. */
static const uint8_t big[] = {'M', 'M', 0, '*', 0, 0, 0, 8, 0, 1, 1, 0x12, 0,
                              3,   0,   0, 0,   1, 0, 6, 0, 0, 0, 0, 0,    0};
static const uint8_t little[] = {'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3,
                                 0,   1,   0,   0, 0, 6, 0, 0, 0, 0, 0,    0, 0};

static void exif_reads_both_byte_orders(void **state)
{
    (void)state;
    assert_int_equal(exif_orientation(big, sizeof big), 6);
    assert_int_equal(exif_orientation(little, sizeof little), 6);
}

static void exif_takes_a_broken_block_for_silence(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
    } faults[] = {
        {0, 'X'},  /* byte order */
        {3, 'x'},  /* magic */
        {4, 0xff}, /* directory far past the end */
        {7, 25},   /* directory at the last byte */
        {9, 0},    /* no entries */
        {11, 0x13} /* another tag */,
        {13, 4}, /* another type */
        {17, 2}, /* two values */
        {19, 0}, /* orientation 0 */
        {19, 9}, /* orientation 9 */
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        uint8_t block[sizeof big];
        memcpy(block, big, sizeof block);
        block[faults[i].at] = faults[i].value;
        assert_int_equal(exif_orientation(block, sizeof block), EXIF_UPRIGHT);
    }
}

static void exif_never_reads_past_a_block_cut_anywhere(void **state)
{
    (void)state;
    for (size_t n = 0; n < 22; n++) { /* the entry ends at 22 */
        uint8_t *cut = malloc(n ? n : 1);
        memcpy(cut, big, n);
        assert_int_equal(exif_orientation(cut, n), EXIF_UPRIGHT);
        free(cut);
    }
    assert_int_equal(exif_orientation(big, 22), 6);
}

/* The stored picture of 3 x 2 pixels  a b c / d e f, made upright. */
static void exif_places_pixels_as_the_eight_orientations_say(void **state)
{
    (void)state;
    static const char *const upright[] = {"",       "abcdef", "cbafed", "fedcba", "defabc",
                                          "adbecf", "daebfc", "fcebda", "cfbead"};
    for (unsigned orientation = 1; orientation <= 8; orientation++) {
        struct exif_placement p = exif_place(orientation, 3, 2);
        char made[7] = {0};
        assert_int_equal(p.width, orientation < 5 ? 3 : 2);
        assert_int_equal(p.height, orientation < 5 ? 2 : 3);
        for (ptrdiff_t y = 0; y < 2; y++)
            for (ptrdiff_t x = 0; x < 3; x++)
                made[p.origin + x * p.step_x + y * p.step_y] = "abcdef"[y * 3 + x];
        assert_string_equal(made, upright[orientation]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exif_reads_both_byte_orders),
        cmocka_unit_test(exif_takes_a_broken_block_for_silence),
        cmocka_unit_test(exif_never_reads_past_a_block_cut_anywhere),
        cmocka_unit_test(exif_places_pixels_as_the_eight_orientations_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
