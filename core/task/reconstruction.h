/*
 * What tasks have in common that see a lattice through a measurement of all its samples (ct, mri):
 * a picture [H, W] or a volume [D, H, W], of one number each.
 *
 * Every step evaluates the field at all N samples, in row-major order: sample i of n along an axis
 * lies at (i + 0.5) / n.  (The paper's i / n differs by a constant shift.)
 *
 * Where the lattice itself is known (the measurement was simulated) metrics are psnr against it, at
 * full effort also ssim of a picture, and baseline_psnr, of what the classic inverse makes of the
 * same measurement; and while training, what is left in each octave of its frequencies
 * (residual_bands.h), of a volume in the slice in the middle.  Always, at full effort: residual =
 * |A f - p| / |p| of the field f over what was measured and baseline_residual of the classic
 * inverse (but where all of p is 0), and scale, which the lattice was divided by.  Without a
 * lattice to compare with there is no psnr.
 */
#ifndef CORE_TASK_RECONSTRUCTION_H
#define CORE_TASK_RECONSTRUCTION_H

#include "core/base/data.h"
#include "core/field/task.h"
#include "core/task/residual_bands.h"

/* What the lattice is divided by, so that the values of a field lie in [0, 1]: its largest value
 * (of a measured one, whose values are not known, the largest of the classic inverse), or nothing.
 */
enum normalize { NORMALIZE_MAX, NORMALIZE_NONE };

struct reconstruction;

/* What a task adds to this. */
struct reconstruction_class {
    struct task_class task; /* first; evaluate and draw are those below */
    /* The classic inverse of what was measured: out [N], overwritten.  NO_MEMORY. */
    enum status (*invert)(const struct reconstruction *r, struct team *team, float *out,
                          struct error *err);
};

/* A task of such a kind embeds it as its first member. */
struct reconstruction {
    struct task task;
    size_t width, height, depth;
    float *truth; /* [N] = [D, H, W], divided by scale; NULL where it is not known */
    struct residual_bands *bands; /* of it; NULL likewise */
    double scale;                 /* what all was divided by */
    double energy; /* mean square of what was measured: twice the loss of a field that is 0 */
    uint64_t seed;
};

/* Begin one: the task's numbers for a field of one output over a lattice of this size, in 2
 * dimensions or 3. */
void reconstruction_init(struct reconstruction *r, const struct reconstruction_class *class,
                         size_t n_dims, const size_t size[3], uint64_t seed);
void reconstruction_deinit(struct reconstruction *r);

/* Take the lattice from a picture (grey; colours are weighted 0.299, 0.587, 0.114, alpha is left
 * out) or a volume of one channel.  Sizes are its own.  INVALID at "/measure/normalize" where there
 * is no positive value, UNSUPPORTED for more channels, NO_MEMORY. */
enum status reconstruction_take_truth(struct reconstruction *r, const struct data *data,
                                      enum normalize normalize, struct error *err) WARN_UNUSED;

/* For a measurement whose lattice is not known: the largest value of the classic inverse.  The
 * caller divides what was measured.  INVALID at "/measure/normalize" where it is not positive. */
enum status reconstruction_find_scale(struct reconstruction *r, struct error *err) WARN_UNUSED;

size_t reconstruction_n(const struct reconstruction *r);

/* For the class of a task. */
void reconstruction_draw(const struct task *t, struct task_tile *tile);
enum status reconstruction_evaluate(const struct task *t, const struct field *f, struct team *team,
                                    const struct task_evaluation *how, struct task_metrics *out,
                                    struct error *err);

enum status reconstruction_measure_bands(const struct task *t, const struct field *f,
                                         struct team *team, const volatile bool *stop,
                                         struct task_metrics *out, struct error *err);

/* Bytes that an evaluation at full effort takes beside the field's workspaces and the task's
 * scratch, for n samples. */
size_t reconstruction_evaluation_bytes(size_t n);

#endif
