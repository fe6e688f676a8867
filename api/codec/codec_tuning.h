/*
 * What a job says of its tuning (core/field/tune.h):
 *
 *   {"sigma": {"chosen": 8.0, "method": "…", "reason": "…", "steps": 2000,
 *              "curve": [[value, predicted PSNR], …], "seconds": 0.31}}
 */
#ifndef API_CODEC_TUNING_H
#define API_CODEC_TUNING_H

#include <jansson.h>

#include "core/field/tune.h"

/* A new reference, NULL when out of memory. */
json_t *codec_tuning(enum tune_member member, const struct tune_choice *choice, double seconds);

#endif
