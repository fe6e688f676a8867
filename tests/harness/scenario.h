/*
 * A scripted life of a service: everything that writes, once each, in a fixed order, by one client,
 * with datasets and fits of one kind.
 *
 *   upload, the same again ─► fit with a key ─► an endless fit, another waits behind it ─► cancel
 *   both ─► upload and delete ─► resume the canceled ─► delete its field ─► the key again
 *
 * It stops where the service dies, and every answer before that is in the ledger.  Everything here
 * asserts (cmocka).
 */
#ifndef TESTS_HARNESS_SCENARIO_H
#define TESTS_HARNESS_SCENARIO_H

#include "tests/harness/client.h"
#include "tests/harness/ledger.h"

/* What an answer may be. */
enum faults {
    FAULTS_KILL,   /* as usual, or none because the service has died */
    FAULTS_ERRORS, /* as usual, or 500, 503, 507: then it is asked again, and must succeed */
    FAULTS_FIRST,  /* the same, but it stops at the first such answer */
};

enum outcome {
    OUTCOME_THROUGH, /* all of it was done */
    OUTCOME_CUT,     /* the service did not answer */
    OUTCOME_REFUSED, /* FAULTS_FIRST: a request was refused */
};

struct scenario {
    const struct service *service;
    struct ledger *ledger;
    struct client *client;
    enum faults faults;
    size_t fit;         /* of specimen_fits: what is uploaded and fitted */
    unsigned n_refused; /* answers 500, 503, 507 */
};

enum outcome scenario_play(struct scenario *s);

/* Cancel all jobs that have not ended; for a service that answers. */
void scenario_cancel_all(struct scenario *s);

#endif
