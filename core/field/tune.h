/*
 * Tuning: which sigma or scale of an encoding suits the data, and how fast the fit will be, told by
 * the neural tangent kernel before training begins.
 *
 * Of an infinitely wide network the residual of the data's component at frequency k, where the
 * kernel has eigenvalue lambda_k, is exp(-T lambda_k) of what it was after a time T
 * (core/field/ntk_regression.h).  With the data's power |y_k|^2 from a survey, and what the
 * untrained field adds to it, v nu_k (the covariance of its output, of variance v):
 *
 *   e_k = exp(-T lambda_k)
 *   training error     sum e_k^2 (|y_k|^2 + v nu_k) / n
 *   of a sample that is left out of a lattice (SURVEY_SAMPLES)
 *                      training error / (mean of e_k)^2                 (Golub, Heath, Wahba 1979)
 *   of a lattice whose spectrum was seen in part (SURVEY_SPECTRUM)
 *                      (sum over seen e_k^2 (|y_k|^2 + 6 v nu_k) + sum over hidden 6 v nu_k) / n
 *
 * The kernel is that of a ReLU network of the field's depth on the encoding's features, as they are
 * on the average over the law of b; eigenvalues are integrals over the unit domain, normalised so
 * that the kernel of a point with itself is 1.  v follows from the initial weights.
 *
 * Time: Adam moves every weight by about the learning rate, so that a step changes the field by
 * about rate * sqrt(P Theta), with P weights and Theta the sum of the squared derivatives of the
 * output by them, at the start.  T = pace * steps * rate * sqrt(P Theta), where `pace` was found
 * once by trial (docs/tuning.md).  Finite networks are better than their kernel at telling what
 * lies between samples, which is allowed for by a second number: what is predicted orders settings.
 *
 * Nothing here depends on a clock or on threads: the same data and settings, the same choice.
 */
#ifndef CORE_FIELD_TUNE_H
#define CORE_FIELD_TUNE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/field/field.h"
#include "core/field/survey.h"
#include "core/field/trainer.h"

/* Settings that can be left to the data. */
enum tune_member { TUNE_NOTHING, TUNE_SIGMA, TUNE_SCALE };

/* "sigma", "scale"; "" for nothing. */
const char *tune_member_name(enum tune_member member);

enum { TUNE_MAX_VALUES = 40, TUNE_REASON = 200 };

struct tune_choice {
    double value; /* at most two significant digits, or a power of two */
    size_t n;     /* values that were looked at, growing … */
    double values[TUNE_MAX_VALUES];
    double psnr[TUNE_MAX_VALUES]; /* … and what is predicted of what was left out, dB */
    uint64_t steps;               /* that it is for */
    char reason[TUNE_REASON];
};

/* Choose.  field, train: of the job; the member's own value in it is not looked at.  *stop (may be
 * NULL): CANCELED.  UNSUPPORTED with a place below "/encoding" where the kernel is not known. */
enum status tune_choose(struct tune_choice *out, enum tune_member member, const struct survey *s,
                        const struct field_spec *field, const struct train_spec *train,
                        const volatile bool *stop, struct error *err) WARN_UNUSED;

/* Whether the spectrum of the kernel behind it is known: gaussian, and positional along the axes.
 */
bool tune_has_kernel(const struct encoding_spec *encoding);

/* Put a value where the member says. */
void tune_set(struct encoding_spec *encoding, enum tune_member member, double value);

/* UNSUPPORTED, with a place below "/encoding", for what tune_choose would not take. */
enum status tune_check(const struct encoding_spec *encoding, enum tune_member member,
                       struct error *err) WARN_UNUSED;

/* Steps that are counted on: those asked for, or what a time limit would come to on a machine of a
 * fixed speed. */
uint64_t tune_steps(const struct field_spec *field, const struct train_spec *train);

/* Bytes that surveys and choices take, a little high. */
size_t tune_bytes(size_t n_dims);

/* --- the kernel's spectrum, for a survey --- */

struct tune_kernel {
    double *lambda; /* [n_cells]: of the tangent kernel */
    double *nu;     /* [n_cells]: of the untrained output's covariance, as a sum over the lattice */
    double variance;     /* v: of the untrained output */
    double theta;        /* Theta, at the start, through the output activation */
    double n_parameters; /* P */
};

/* NO_MEMORY, UNSUPPORTED. */
enum status tune_kernel_init(struct tune_kernel *k, const struct survey *s,
                             const struct field_spec *field, struct error *err) WARN_UNUSED;
void tune_kernel_deinit(struct tune_kernel *k);

/* Mean squared errors after time T: over what is trained on, and over what is left out of it or
 * hidden. */
struct tune_errors {
    double training, other;
};
struct tune_errors tune_predict(const struct survey *s, const struct tune_kernel *k, double time);

/* The part of T that tells what lies between samples. */
double tune_between(double time);

/* T of a fit's first `step` steps, by its schedule. */
double tune_time(const struct tune_kernel *k, const struct train_spec *train, double step);

#endif
