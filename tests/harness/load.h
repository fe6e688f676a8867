/*
 * A mixed load: clients, each a thread, that upload, post, cancel, resume, delete, watch and query
 * until they are told to stop, and note in the ledger what was acknowledged.  They go on when the
 * service dies under them.
 */
#ifndef TESTS_HARNESS_LOAD_H
#define TESTS_HARNESS_LOAD_H

#include "tests/harness/client.h"
#include "tests/harness/ledger.h"

struct load;

struct load_counts {
    size_t answered, broken; /* requests that got their whole answer, and that did not */
};

/* Each client draws from its own part of the seed.  s and ledger are borrowed until load_stop. */
struct load *load_start(const struct service *s, struct ledger *ledger, size_t n_clients,
                        uint64_t seed);

/* Let each client end its request, join them.  An answer that no service may give (an unexpected
 * status, another job for the same key) fails the test here, with its words. */
struct load_counts load_stop(struct load *load);

/* The body of a job for a small network; key: its label "key", or "". */
void load_job_body(char out[LEDGER_BODY], const char *dataset_id, const char *key, unsigned steps);

/* A picture of 16 x 16 random pixels as NPY (bytes_free). */
struct bytes load_picture(struct dice *dice);

#endif
