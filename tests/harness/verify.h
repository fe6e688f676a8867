/*
 * The ledger against a service that runs: everything acknowledged is there, everything deleted is
 * not, what has ended stays as it ended.
 *
 * Everything here asserts (cmocka), with the entry that broke the promise.  What is learnt (an end,
 * whether a deletion without an answer happened) goes back into the ledger.
 */
#ifndef TESTS_HARNESS_VERIFY_H
#define TESTS_HARNESS_VERIFY_H

#include "tests/harness/client.h"
#include "tests/harness/ledger.h"

struct verifier {
    struct ledger *ledger;
    struct client *client;
    size_t n_datasets_seen, n_jobs_seen; /* entries before these were checked when they were new */
    /* Figures, over all checks. */
    size_t n_datasets, n_jobs, n_fields, n_keys, n_deletions;
};

void verifier_init(struct verifier *v, struct ledger *ledger);
void verifier_deinit(struct verifier *v);

/* All new entries, all jobs that have not ended, and so many of the others at random. */
void verify_some(struct verifier *v, const struct service *s, struct dice *dice, size_t sample);

/* Every entry. */
void verify_all(struct verifier *v, const struct service *s);

/* Wait until every job has ended; seconds: how long at most. */
void verify_drained(struct verifier *v, const struct service *s, double seconds);

#endif
