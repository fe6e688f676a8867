/*
 * The theory's answers as plots.
 */
#ifndef API_HANDLERS_THEORY_PLOT_H
#define API_HANDLERS_THEORY_PLOT_H

#include "api/codec/codec_amplitudes.h"
#include "api/codec/codec_theory.h"
#include "api/handlers/plot_reply.h"

/* A kernel: of a line its row and spectrum as curves, of a plane both as images, of points their
 * matrix and its eigenvalues.  kernel: [n] or [n, n]; spectrum: of grids as many, by frequency, or
 * eigenvalues, falling, of a kernel that is not stationary; of points [n] eigenvalues. */
void theory_plot_kernel(const struct http_request *request, struct http_response *response,
                        const struct form_query *form, const struct theory_kernel *k,
                        const double *kernel, const double *spectrum);

/* A matrix [n, n] of points, each with each by their numbers, and its eigenvalues [n].  words: a
 * plot without panels. */
void theory_plot_matrix(const struct http_request *request, struct http_response *response,
                        const struct plot *words, size_t n, const double *kernel,
                        const double *spectrum);

/* What regression gives for a plot, filled in by the caller. */
struct theory_curves {
    size_t n;            /* points of the curves */
    const double *x;     /* [n], in any order */
    double *predictions; /* [n_times, n, C] */
    double *residual;    /* [n_times, n_train, C], by eigencomponent */
};

/* False: points of two coordinates and more have no curves, and that is answered (422). */
bool theory_plot_can_or_reply(const struct http_request *request, struct http_response *response,
                              const struct theory_regression *q);
void theory_plot_regression(const struct http_request *request, struct http_response *response,
                            const struct form_query *form, const struct theory_regression *q,
                            const struct theory_curves *curves);

/* Amplitudes that were found, in size, and the loss on the way to them: losses [steps + 1]. */
void theory_plot_amplitudes(const struct http_request *request, struct http_response *response,
                            const struct form_query *form, const struct amplitudes_question *q,
                            double loss_of_zero, const double *losses);

#endif
