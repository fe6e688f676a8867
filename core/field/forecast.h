/*
 * Forecasts: the PSNR that a fit to a picture is expected to have after so many steps, by the
 * tangent kernel's spectrum (core/field/tune.h), before it begins.
 *
 * The kernel of finitely many frequencies is not its mean: rates of one frequency are spread over
 * the picture.  With rates of a gamma distribution about lambda_k the residual is, on the average,
 *
 *   e_k = (1 + T' lambda_k / shape)^-shape
 *
 * whose tail is a power of time where exp(-T lambda_k) promises too much of long fits; with it,
 *
 *   psnr        a + b P, P the PSNR of the training error (core/field/tune.h)
 *   test_psnr   a + b L, L that of a left-out sample, whose error has a floor of 1e-3
 *
 * both no less than at the start.  T' is a multiple of T, for psnr slowed by (steps / 2000)^0.2.
 * The constants of each were found on search images of the paper's 2-D task (docs/tuning.md), where
 * pixels between the training samples are the test set.  It was tried for Adam on a mean squared
 * error, networks of about its size, Fourier mappings; what is unlike that has no forecast.
 *
 * Once the fit was measured, what is expected of it later differs from that by what was measured,
 * fading: P(s) + (measured - P(s0)) (s / s0)^-fade.
 */
#ifndef CORE_FIELD_FORECAST_H
#define CORE_FIELD_FORECAST_H

#include "core/field/tune.h"
#include "core/nn/loss.h"

enum { FORECAST_POINTS = 28 };

struct forecast {
    size_t n;
    uint64_t step[FORECAST_POINTS];    /* growing */
    double psnr[FORECAST_POINTS];      /* dB */
    double test_psnr[FORECAST_POINTS]; /* of has_test alone */
    bool has_test;
};

/* dB at a step; test_psnr of a forecast that has it. */
struct forecast_measured {
    uint64_t step;
    double psnr, test_psnr;
};

/* UNSUPPORTED, with the reason and no place, where there is none; NO_MEMORY. */
enum status forecast_check(const struct survey *s, const struct field_spec *field,
                           const struct train_spec *train, enum loss loss,
                           struct error *err) WARN_UNUSED;

/* Of a fit that passes forecast_check, at steps that grow by a factor up to its last. */
enum status forecast_make(struct forecast *out, const struct survey *s,
                          const struct field_spec *field, const struct train_spec *train,
                          bool has_test, struct error *err) WARN_UNUSED;

/* At a step, between its points along the logarithm of steps; beyond them, the nearest. */
double forecast_at(const struct forecast *f, const double values[FORECAST_POINTS], double step);

/* From a measurement on: its own point, and those of `f` after it.  out: may not be f. */
void forecast_revise(struct forecast *out, const struct forecast *f,
                     const struct forecast_measured *measured);

#endif
