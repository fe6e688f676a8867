/*
 * Forecasts: the PSNR that a fit to a picture is expected to have after so many steps, by the
 * tangent kernel's spectrum (core/field/tune.h), before it begins.
 *
 * Of the errors that the kernel promises after time T (core/field/tune.h), as PSNR,
 *
 *   psnr        3.2 + 0.72 P(T') + 2 g     P of the training error + 1e-4,
 *                                          T' = T (steps / 2000)^-0.2
 *   test_psnr   -0.7 + L(T') + 1.25 g      L of a left-out sample's + 1e-3, T' as in a choice
 *
 * both no less than at the start.  g is what halving the spacing gains in the picture
 * (survey_gain): a left-out sample is a whole spacing from the others, pixels between the samples
 * are nearer, and it tells pictures of edges and of noise apart, which have spectra alike.  The
 * constants of each were found on search images (docs/tuning.md), where pixels between the training
 * samples are the test set.  It was tried for Adam on a mean squared error, networks of about its
 * size, Fourier mappings; what is unlike that has no forecast.
 *
 * Once the fit was measured, what is expected of it later moves by the difference there, at most
 * by 2 dB.
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

/* UNSUPPORTED, with the reason and no place, where there is none.  s: NULL before the data were
 * read, for what the settings alone tell. */
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
