/*
 * A sweep, from its body to its end.
 */
#ifndef TESTS_HTTP_SWEEP_H
#define TESTS_HTTP_SWEEP_H

#include <jansson.h>

#include "tests/http/fit.h"

/* The settings of a job that is quickly done, as members of a base without its braces: a small
 * network over an encoding of few frequencies, some steps, half of the pixels held out. */
extern const char sweep_base[];

/* Post it; gives its id. */
void start_sweep(const struct service *s, const char *body, char id[ID_TEXT]);

/* Wait until the sweep has this status; fails if it ends in another, or after two minutes (times
 * SLOWNESS).  The sweep, the caller's. */
json_t *wait_for_sweep(const struct service *s, const char *id, const char *status);

#endif
