/*
 * A mixed load: clients, each a thread, that upload datasets of every kind, post fits of every
 * task, cancel, resume, delete, watch and query until they are told to stop, and note in the ledger
 * what was acknowledged.  They go on when the service dies under them.
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

#endif
