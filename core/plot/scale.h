/*
 * From numbers to places along an axis, and which of them are written beside it.
 *
 * Ticks of a linear scale are multiples of 1, 2 or 5 times a power of ten; of a logarithmic one,
 * decades, with 2 and 5 between them where there is room; of categories, each of them that has
 * room.
 */
#ifndef CORE_PLOT_SCALE_H
#define CORE_PLOT_SCALE_H

#include <stddef.h>

enum scale_kind { SCALE_LINEAR, SCALE_LOG, SCALE_CATEGORIES };

struct scale {
    enum scale_kind kind;
    double low, high; /* finite, low < high; of SCALE_LOG above 0 */
};

/* 0 at low, 1 at high; NAN for what has no place: numbers that are not finite, and for SCALE_LOG
 * those that are not above 0. */
double scale_place(const struct scale *s, double value);

/* The number at a place in [0, 1]. */
double scale_value(const struct scale *s, double place);

/* A scale over n values: those that have no place are passed over.  Where all are the same, or
 * there are none, some room around them.  pad: room left at each end, in parts of the whole.  A
 * logarithmic scale ends SCALE_MAX_DECADES below its largest value. */
enum { SCALE_MAX_DECADES = 16 };
struct scale scale_over(enum scale_kind kind, const double *values, size_t n, double pad);

/* The same over some values more; begin with low = INFINITY, high = -INFINITY. */
struct range {
    double low, high;
};
void range_add(struct range *r, enum scale_kind kind, const double *values, size_t n);
struct scale scale_of_range(enum scale_kind kind, const struct range *r, double pad);

enum { TICKS_MAX = 128, TICK_TEXT = 32 };
struct tick {
    double value;
    char text[TICK_TEXT]; /* UTF-8; "": a small tick */
};
struct ticks {
    size_t n;
    struct tick at[TICKS_MAX];
    int exponent; /* texts are to be multiplied by 10^exponent */
};

/* At most `most` or one more of them with a text, all within the scale.  Not for SCALE_CATEGORIES.
 */
void ticks_make(struct ticks *out, const struct scale *s, size_t most);

/* Ticks at these values and no others, as far as they are within the scale. */
void ticks_at(struct ticks *out, const struct scale *s, const double *values, size_t n);

/* "10", "0.05", "2×10⁻⁶": with at most `digits` that count. */
void tick_text(char out[TICK_TEXT], double value, int digits);

/* "×10⁻⁶" */
void tick_power(char out[TICK_TEXT], int exponent);

#endif
