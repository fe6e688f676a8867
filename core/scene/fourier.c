#include "core/scene/fourier.h"

#include <kiss_fft.h>
#include <math.h>
#include <string.h>

#include "core/base/mem.h"

enum { LINE_COPIES = 2, LANE = 16 };

static const double pi = 3.14159265358979323846;

/* How lines of one length are transformed. */
struct plan {
    size_t n;                               /* samples of a line */
    size_t m;                               /* of kissfft's: n, or Bluestein's convolution */
    kiss_fft_cfg fft[FOURIER_N_DIRECTIONS]; /* of m; one block each, of mem_alloc */
    kiss_fft_cpx *chirp;                    /* [n]: exp(-i pi k^2 / n); NULL if m is n */
    kiss_fft_cpx *filter;                   /* [m]: transform of the conjugate chirp, over m */
};

struct fourier {
    size_t size[FOURIER_AXES];
    struct plan plan[FOURIER_AXES];
    size_t longest; /* of all m */
};

/* Whether kissfft has loops of its own for all factors. */
static bool is_smooth(size_t n)
{
    const size_t primes[] = {2, 3, 5};
    for (size_t i = 0; i < sizeof primes / sizeof *primes; i++)
        while (n % primes[i] == 0)
            n /= primes[i];
    return n == 1;
}

/* The length that lines of n are transformed at. */
static size_t smooth_length(size_t n)
{
    if (is_smooth(n))
        return n;
    size_t m = 2 * n - 1;
    while (!is_smooth(m))
        m++;
    return m;
}

static kiss_fft_cfg new_fft(size_t n, bool is_inverse)
{
    size_t n_bytes = 0;
    kiss_fft_alloc((int)n, is_inverse, NULL, &n_bytes);
    void *memory = mem_alloc(n_bytes);
    return memory ? kiss_fft_alloc((int)n, is_inverse, memory, &n_bytes) : NULL;
}

/* k^2 grows past what a double's sine is exact for: it counts modulo 2 n. */
static kiss_fft_cpx chirp_at(size_t k, size_t n)
{
    const double angle = -pi * (double)(k * k % (2 * n)) / (double)n;
    return (kiss_fft_cpx){(float)cos(angle), (float)sin(angle)};
}

static enum status plan_init(struct plan *p, size_t n, struct error *err)
{
    *p = (struct plan){.n = n, .m = smooth_length(n)};
    p->fft[FOURIER_FORWARD] = new_fft(p->m, false);
    p->fft[FOURIER_INVERSE] = new_fft(p->m, true);
    if (!p->fft[FOURIER_FORWARD] || !p->fft[FOURIER_INVERSE])
        return error_status(err, STATUS_NO_MEMORY);
    if (p->m == n)
        return STATUS_OK;
    kiss_fft_cpx *line = mem_alloc_array(p->m, sizeof *line);
    p->chirp = mem_alloc_array(n, sizeof *p->chirp);
    p->filter = mem_alloc_array(p->m, sizeof *p->filter);
    if (!line || !p->chirp || !p->filter) {
        mem_free(line);
        return error_status(err, STATUS_NO_MEMORY);
    }
    for (size_t k = 0; k < n; k++) {
        p->chirp[k] = chirp_at(k, n);
        const kiss_fft_cpx conjugate = {p->chirp[k].r / (float)p->m, -p->chirp[k].i / (float)p->m};
        line[k] = conjugate;
        if (k > 0)
            line[p->m - k] = conjugate;
    }
    kiss_fft(p->fft[FOURIER_FORWARD], line, p->filter);
    mem_free(line);
    return STATUS_OK;
}

static void plan_deinit(struct plan *p)
{
    for (size_t d = 0; d < FOURIER_N_DIRECTIONS; d++)
        mem_free(p->fft[d]);
    mem_free(p->chirp);
    mem_free(p->filter);
}

enum status fourier_create(struct fourier **out, size_t width, size_t height, size_t depth,
                           struct error *err)
{
    struct fourier *f = mem_alloc(sizeof *f);
    if (!f)
        return error_status(err, STATUS_NO_MEMORY);
    *f = (struct fourier){.size = {width, height, depth}};
    for (size_t axis = 0; axis < FOURIER_AXES; axis++) {
        enum status status = plan_init(&f->plan[axis], f->size[axis], err);
        if (status != STATUS_OK) {
            fourier_free(f);
            return status;
        }
        f->longest = f->plan[axis].m > f->longest ? f->plan[axis].m : f->longest;
    }
    *out = f;
    return STATUS_OK;
}

void fourier_free(struct fourier *f)
{
    if (!f)
        return;
    for (size_t axis = 0; axis < FOURIER_AXES; axis++)
        plan_deinit(&f->plan[axis]);
    mem_free(f);
}

size_t fourier_line_floats(const struct fourier *f)
{
    const size_t n = LINE_COPIES * f->longest * 2;
    return (n + LANE - 1) / LANE * LANE;
}

size_t fourier_bytes(size_t longest_side)
{
    const size_t m = 3 * longest_side; /* of Bluestein: between 2 and 3 times, nearly always */
    return (size_t)FOURIER_AXES * 5 * m * sizeof(kiss_fft_cpx) +
           LINE_COPIES * m * sizeof(kiss_fft_cpx);
}

static kiss_fft_cpx times(kiss_fft_cpx a, kiss_fft_cpx b)
{
    return (kiss_fft_cpx){a.r * b.r - a.i * b.i, a.r * b.i + a.i * b.r};
}

static kiss_fft_cpx conjugate_if(bool is, kiss_fft_cpx a)
{
    return (kiss_fft_cpx){a.r, is ? -a.i : a.i};
}

/* With k x = (k^2 + x^2 - (k - x)^2) / 2 the sum over x is a convolution with the conjugate chirp.
 * The inverse is the conjugate of the transform of the conjugate.  The result is in a. */
static void bluestein(const struct plan *p, bool is_inverse, const kiss_fft_cpx *samples,
                      size_t stride, kiss_fft_cpx *a, kiss_fft_cpx *b)
{
    for (size_t x = 0; x < p->n; x++)
        a[x] = times(conjugate_if(is_inverse, samples[x * stride]), p->chirp[x]);
    memset(a + p->n, 0, (p->m - p->n) * sizeof *a);
    kiss_fft(p->fft[FOURIER_FORWARD], a, b);
    for (size_t k = 0; k < p->m; k++)
        b[k] = times(b[k], p->filter[k]);
    kiss_fft(p->fft[FOURIER_INVERSE], b, a);
    for (size_t k = 0; k < p->n; k++)
        a[k] = conjugate_if(is_inverse, times(a[k], p->chirp[k]));
}

void fourier_axis(const struct fourier *f, enum fourier_direction direction, size_t axis,
                  size_t member, size_t n_members, float *samples, float *line)
{
    const struct plan *p = &f->plan[axis];
    kiss_fft_cpx *all = (kiss_fft_cpx *)samples, *a = (kiss_fft_cpx *)line, *b = a + f->longest;
    if (p->n == 1)
        return;
    size_t stride = 1, first, count;
    for (size_t i = 0; i < axis; i++)
        stride *= f->size[i];
    const size_t n_lines = f->size[0] * f->size[1] * f->size[2] / p->n;
    const float scale = (float)(1.0 / sqrt((double)p->n));
    team_share(n_lines, 1, n_members, member, &first, &count);
    for (size_t i = first; i < first + count; i++) {
        kiss_fft_cpx *samples_of_line = all + i / stride * stride * p->n + i % stride;
        if (p->chirp)
            bluestein(p, direction == FOURIER_INVERSE, samples_of_line, stride, a, b);
        else
            kiss_fft_stride(p->fft[direction], samples_of_line, a, (int)stride);
        for (size_t k = 0; k < p->n; k++)
            samples_of_line[k * stride] = (kiss_fft_cpx){a[k].r * scale, a[k].i * scale};
    }
}

struct transform {
    const struct fourier *f;
    enum fourier_direction direction;
    struct team *team;
    float *samples, *lines;
};

static void transform_member(void *context, size_t member)
{
    const struct transform *t = context;
    for (size_t axis = 0; axis < FOURIER_AXES; axis++) {
        if (axis > 0)
            team_barrier(t->team);
        fourier_axis(t->f, t->direction, axis, member, team_size(t->team), t->samples,
                     t->lines + member * fourier_line_floats(t->f));
    }
}

enum status fourier_transform(const struct fourier *f, enum fourier_direction direction,
                              struct team *team, float *samples, struct error *err)
{
    struct transform t = {f, direction, team, samples, NULL};
    t.lines = mem_alloc_floats(team_size(team) * fourier_line_floats(f));
    if (!t.lines)
        return error_status(err, STATUS_NO_MEMORY);
    team_run(team, transform_member, &t);
    mem_free(t.lines);
    return STATUS_OK;
}
