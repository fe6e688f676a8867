#include "core/plot/scale.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUS "\xE2\x88\x92"
#define TIMES "\xC3\x97"

static bool has_place(enum scale_kind kind, double value)
{
    return isfinite(value) && (kind != SCALE_LOG || value > 0);
}

double scale_place(const struct scale *s, double value)
{
    if (!has_place(s->kind, value))
        return NAN;
    if (s->kind == SCALE_LOG)
        return (log10(value) - log10(s->low)) / (log10(s->high) - log10(s->low));
    /* Halves: the difference of the largest doubles is none. */
    return (value / 2 - s->low / 2) / (s->high / 2 - s->low / 2);
}

double scale_value(const struct scale *s, double place)
{
    if (s->kind == SCALE_LOG)
        return pow(10, log10(s->low) + place * (log10(s->high) - log10(s->low)));
    return s->low * (1 - place) + s->high * place;
}

void range_add(struct range *r, enum scale_kind kind, const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (has_place(kind, values[i])) {
            r->low = fmin(r->low, values[i]);
            r->high = fmax(r->high, values[i]);
        }
}

struct scale scale_of_range(enum scale_kind kind, const struct range *r, double pad)
{
    struct scale s = {kind, r->low, r->high};
    const double most = 1e300; /* room to pad, and for differences */
    if (!(s.low <= s.high))
        s.low = s.high = kind == SCALE_LOG ? 1 : 0;
    if (kind == SCALE_LOG) {
        const double room = pad * (log10(s.high) - log10(s.low));
        s.low = fmax(s.low, s.high / pow(10, SCALE_MAX_DECADES));
        s.low = fmax(s.low, 1e-300);
        s.high = fmin(fmax(s.high, 1e-299), most);
        if (s.high < s.low * 1.001)
            return (struct scale){kind, s.low / 2, s.high * 2};
        const double factor = pow(10, fmin(room, 1));
        return (struct scale){kind, s.low / factor, s.high * factor};
    }
    s.low = fmax(s.low, -most);
    s.high = fmin(s.high, most);
    const double size = fmax(fabs(s.low), fabs(s.high));
    if (s.high - s.low <= 1e-9 * size || s.high == s.low) {
        const double room = size > 0 ? 0.1 * size : 1;
        return (struct scale){kind, s.low - room, s.high + room};
    }
    const double room = pad * (s.high - s.low);
    return (struct scale){kind, s.low - room, s.high + room};
}

struct scale scale_over(enum scale_kind kind, const double *values, size_t n, double pad)
{
    struct range r = {INFINITY, -INFINITY};
    range_add(&r, kind, values, n);
    return scale_of_range(kind, &r, pad);
}

/* --- texts --- */

/* "-" is the minus sign. */
static void with_minus(char out[TICK_TEXT], const char *text)
{
    if (*text == '-')
        snprintf(out, TICK_TEXT, MINUS "%.27s", text + 1);
    else
        snprintf(out, TICK_TEXT, "%.31s", text);
}

static void append_raised(char *out, size_t size, int number)
{
    static const char *const raised[] = {
        "\xE2\x81\xB0", "\xC2\xB9",     "\xC2\xB2",     "\xC2\xB3",     "\xE2\x81\xB4",
        "\xE2\x81\xB5", "\xE2\x81\xB6", "\xE2\x81\xB7", "\xE2\x81\xB8", "\xE2\x81\xB9"};
    char digits[16];
    size_t n = strlen(out);
    snprintf(digits, sizeof digits, "%d", number);
    for (const char *d = digits; *d && n < size; d++)
        n += (size_t)snprintf(out + n, size - n, "%s",
                              *d == '-' ? "\xE2\x81\xBB" : raised[*d - '0']);
}

void tick_power(char out[TICK_TEXT], int exponent)
{
    snprintf(out, TICK_TEXT, TIMES "10");
    append_raised(out, TICK_TEXT, exponent);
}

/* "2.5×10⁻⁶", "10³": finite, not 0. */
static void power_text(char out[TICK_TEXT], double value, int digits)
{
    char text[TICK_TEXT], number[TICK_TEXT] = "";
    snprintf(text, sizeof text, "%.*e", digits - 1, value);
    char *e = strchr(text, 'e');
    const int exponent = (int)strtol(e + 1, NULL, 10);
    for (*e = '\0'; strchr(text, '.') && (e[-1] == '0' || e[-1] == '.'); *e = '\0')
        if (*--e == '.') {
            *e = '\0';
            break;
        }
    if (strcmp(text + (*text == '-'), "1") != 0)
        snprintf(number, sizeof number, "%.12s" TIMES, text);
    else if (*text == '-')
        snprintf(number, sizeof number, "-");
    char all[TICK_TEXT];
    snprintf(all, sizeof all, "%.20s10", number);
    with_minus(out, all);
    append_raised(out, TICK_TEXT, exponent);
}

void tick_text(char out[TICK_TEXT], double value, int digits)
{
    char text[TICK_TEXT];
    const double size = fabs(value);
    if (value != 0 && isfinite(value) && (size < 0.99999e-3 || size >= 1e5)) {
        power_text(out, value, digits);
        return;
    }
    snprintf(text, sizeof text, "%.*g", digits < 5 && size >= 1e3 ? 5 : digits, value);
    with_minus(out, text);
}

/* --- linear --- */

/* The least of 1, 2, 5 times a power of ten that is at least x. */
static double nice_above(double x)
{
    const double power = pow(10, floor(log10(x)));
    const double part = x / power;
    return (part <= 1.0000001 ? 1 : part <= 2.0000001 ? 2 : part <= 5.0000001 ? 5 : 10) * power;
}

static void make_linear(struct ticks *out, const struct scale *s, size_t most)
{
    const double size = fmax(fabs(s->low), fabs(s->high));
    const double step = nice_above((s->high / (double)most - s->low / (double)most) * 1.0000001);
    const int power = (int)floor(log10(size) + 1e-9);
    if (power >= 5 || power < -2)
        out->exponent = 3 * (int)floor(power / 3.0);
    const double unit = pow(10, out->exponent);
    const int decimals = (int)fmax(0, -floor(log10(step / unit) + 1e-9));
    const double first = ceil(s->low / step - 1e-9), last = floor(s->high / step + 1e-9);
    const double n = fmin(last - first + 1, TICKS_MAX);
    while ((double)out->n < n) {
        const double k = first + (double)out->n;
        struct tick *t = &out->at[out->n++];
        char text[TICK_TEXT];
        t->value = k * step;
        snprintf(text, sizeof text, "%.*f", decimals < 9 ? decimals : 9,
                 k == 0 ? 0 : k * step / unit);
        with_minus(t->text, text);
    }
}

/* --- logarithmic --- */

static void add_tick(struct ticks *out, const struct scale *s, double value, bool has_text)
{
    const double place = scale_place(s, value);
    if (!(place >= -1e-9 && place <= 1 + 1e-9) || out->n == TICKS_MAX)
        return;
    struct tick *t = &out->at[out->n++];
    t->value = value;
    t->text[0] = '\0';
    if (has_text)
        tick_text(t->text, value, 3);
}

/* The plain numbers of an axis are written out only where all of them are. */
static void write_as_powers(struct ticks *out, const struct scale *s)
{
    if (s->low >= 0.9e-3 && s->high <= 1.1e4)
        return;
    for (size_t i = 0; i < out->n; i++) {
        struct tick *t = &out->at[i];
        const bool is_digit = t->value > 1.0001 && t->value < 9.9999; /* 2 and 5 stay */
        if (t->text[0] && !is_digit)
            power_text(t->text, t->value, 3);
    }
}

static void make_log(struct ticks *out, const struct scale *s, size_t most)
{
    const double from = log10(s->low), to = log10(s->high), n_decades = to - from;
    if (n_decades < 0.7) {
        make_linear(out, s, most);
        return;
    }
    const int first = (int)floor(from), last = (int)ceil(to);
    const double asked = ceil((n_decades + 1) / (double)most);
    const int stride = (int)(asked < 4 ? asked : nice_above(asked));
    const bool has_halves = 3 * (n_decades + 1) <= (double)most;
    for (int power = first; power <= last; power++) {
        const double decade = pow(10, power);
        add_tick(out, s, decade, power % stride == 0);
        for (int k = 2; k < 10 && n_decades <= 10; k++)
            add_tick(out, s, k * decade, has_halves && (k == 2 || k == 5));
    }
    write_as_powers(out, s);
}

void ticks_make(struct ticks *out, const struct scale *s, size_t most)
{
    out->n = 0;
    out->exponent = 0;
    most = most < 1 ? 1 : most;
    if (s->kind == SCALE_LOG)
        make_log(out, s, most);
    else
        make_linear(out, s, most);
}

void ticks_at(struct ticks *out, const struct scale *s, const double *values, size_t n)
{
    out->n = 0;
    out->exponent = 0;
    for (size_t i = 0; i < n; i++)
        add_tick(out, s, values[i], true);
    if (s->kind == SCALE_LOG)
        write_as_powers(out, s);
}
