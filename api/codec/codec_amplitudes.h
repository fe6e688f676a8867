/*
 * Body and answer of POST /v1/ntk/amplitudes: which amplitudes of given frequencies let a wide
 * network foretell what it has not seen of a family of signals.
 *
 *   b, a            frequencies, whole numbers; where the descent starts (without it: near the
 *                   first frequency alone)
 *   network         as of POST /v1/ntk
 *   n, stride       samples of a signal; every stride-th trains, the others validate
 *   alpha, n_signals, seed   a family of 1/f^alpha noise, or
 *   signals         the family itself, rows of n
 *   time            learning rate x steps of the network's training
 *   steps, learning_rate     of the descent on a; 0 steps: the loss of a alone
 */
#ifndef API_CODEC_AMPLITUDES_H
#define API_CODEC_AMPLITUDES_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "api/codec/codec_json.h"
#include "api/codec/codec_spec_tables.h"
#include "core/field/ntk.h"

struct amplitudes_question {
    struct ntk_network network;
    json_t *network_json; /* as it was filled in */
    size_t m, n_signals;
    uint64_t n, stride, steps;
    double time, rate;
    double work;     /* multiply-adds, about */
    uint32_t *b;     /* [m] */
    double *a;       /* [m] */
    double *signals; /* [n_signals, n] */
};

enum {
    AMPLITUDES_MAX_B = 256,
    AMPLITUDES_MAX_N = 1024,
    AMPLITUDES_MAX_SIGNALS = 4096,
    AMPLITUDES_MAX_STEPS = 10000,
};

/* body: an object.  amplitudes_deinit releases what was read. */
enum status codec_amplitudes(json_t *body, struct amplitudes_question *out,
                             struct problem_list *problems) WARN_UNUSED;
void amplitudes_deinit(struct amplitudes_question *q);

/* {a, loss, loss_of_zero, series, encoding, network}: losses [steps + 1]; encoding: what a job
 * takes.  NULL when out of memory. */
json_t *codec_amplitudes_answer(const struct amplitudes_question *q, double loss_of_zero,
                                const double *losses);

extern const struct member_table amplitudes_table; /* for openapi's test */

#endif
