/*
 * The ledger: what the service has acknowledged, kept outside of it.
 *
 * An entry is made when a 2xx has come, before anything else is asked.  A deletion is noted twice:
 * before it is asked for (from then on the thing may be gone) and when it was acknowledged (it must
 * be).  Any thread; nothing here asserts.  Entries are never taken out.
 */
#ifndef TESTS_HARNESS_LEDGER_H
#define TESTS_HARNESS_LEDGER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "tests/harness/dice.h"
#include "tests/harness/specimen.h"

enum fate { FATE_THERE, FATE_DOUBTFUL, FATE_GONE };

enum {
    LEDGER_ID = 32,
    LEDGER_KEY = 40,
    LEDGER_BODY = SPECIMEN_BODY,
    LEDGER_HASH = 65,
    LEDGER_TIME = 40
};

struct dataset_entry {
    char id[LEDGER_ID];
    char sha256[LEDGER_HASH];
    enum specimen kind;
    enum fate fate;
};

struct job_entry {
    char id[LEDGER_ID];
    char field_id[LEDGER_ID];
    char key[LEDGER_KEY];   /* Idempotency-Key, or "" */
    char body[LEDGER_BODY]; /* what was posted with it */
    size_t fit;             /* of specimen_fits */
    bool cancel_acknowledged;
    enum fate field;            /* of its field; THERE as long as nobody asked */
    char end[16];               /* the end that was seen, or "" */
    char finished[LEDGER_TIME]; /* when, by the service */
};

struct ledger {
    pthread_mutex_t lock; /* guards the arrays */
    struct dataset_entry *datasets;
    size_t n_datasets, dataset_capacity;
    struct job_entry *jobs;
    size_t n_jobs, job_capacity;
    struct job_entry *unanswered; /* posts with a key that broke off: key and body alone */
    size_t n_unanswered, unanswered_capacity;
    size_t n_deleted; /* deletions that were acknowledged */
};

void ledger_init(struct ledger *l);
void ledger_deinit(struct ledger *l);

/* A dataset or job that was acknowledged: once more changes nothing.  False if an entry with this
 * id has another content, or the key belongs to another job: the service has broken its word. */
bool ledger_add_dataset(struct ledger *l, const char *id, const char *sha256, enum specimen kind);
bool ledger_add_job(struct ledger *l, const struct job_entry *job);

/* A post with a key that was sent and not answered: there may be such a job, but not two. */
void ledger_add_unanswered(struct ledger *l, const char *key, const char *body, size_t fit);
/* Take one back, for another try; false if there is none. */
bool ledger_take_unanswered(struct ledger *l, struct job_entry *out);

/* What happened to them. */
void ledger_set_dataset_fate(struct ledger *l, const char *id, enum fate fate);
void ledger_set_field_fate(struct ledger *l, const char *job_id, enum fate fate);
void ledger_set_cancel(struct ledger *l, const char *job_id);

/* A copy of one at random; false if there is none.  Datasets: of those that nobody deletes; jobs:
 * of the last `among` that were added (0: of all). */
bool ledger_pick_dataset(struct ledger *l, struct dice *dice, struct dataset_entry *out);
/* The same for whoever is going to delete it, or the job's field (of a job that has ended): it is
 * DOUBTFUL from now on, and nobody else's. */
bool ledger_take_dataset(struct ledger *l, struct dice *dice, struct dataset_entry *out);
bool ledger_take_field(struct ledger *l, struct dice *dice, struct job_entry *out);
bool ledger_pick_job(struct ledger *l, struct dice *dice, size_t among, struct job_entry *out);

/* Copies by number; false past the end. */
bool ledger_get_dataset(struct ledger *l, size_t i, struct dataset_entry *out);
bool ledger_get_job(struct ledger *l, size_t i, struct job_entry *out);
/* Put back what a check has learnt. */
void ledger_put_dataset(struct ledger *l, size_t i, const struct dataset_entry *entry);
void ledger_put_job(struct ledger *l, size_t i, const struct job_entry *entry);

/* Jobs whose end has not been seen yet. */
size_t ledger_count_open(struct ledger *l);

#endif
