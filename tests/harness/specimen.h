/*
 * A small dataset of each kind, a short fit of each task, and what can be asked of its field: what
 * harnesses feed a service with.
 */
#ifndef TESTS_HARNESS_SPECIMEN_H
#define TESTS_HARNESS_SPECIMEN_H

#include <stddef.h>

#include "tests/harness/dice.h"
#include "tests/http/fit.h"

enum specimen {
    SPECIMEN_IMAGE,
    SPECIMEN_VOLUME,
    SPECIMEN_SHAPE,
    SPECIMEN_VIEWS,
    SPECIMEN_SINOGRAM,
    SPECIMEN_KSPACE,
    SPECIMEN_SIGNAL,
    N_SPECIMENS
};

/* Where a dataset of a kind is posted to: "/v1/datasets?kind=volume". */
const char *specimen_path(enum specimen kind);

/* A file of a kind, of some hundred bytes to some thousand (bytes_free): other dice, other bytes.
 * Any thread may use it.  Ends the program when out of
 * memory. */
struct bytes specimen_file(enum specimen kind, struct dice *dice);

/* A question to a field; an answer other than 200 may be `other`: a field that has learnt little
 * may have no surface. */
struct look {
    const char *below; /* "slice?width=8": below /v1/fields/{id}/ */
    const char *body;  /* JSON to be posted; NULL: GET */
    long other;
};

struct specimen_fit {
    const char *task;
    enum specimen kind;
    const char *members;      /* of a job's body, each after a comma; without train */
    const char *train;        /* members of train, likewise; without steps */
    const struct look *looks; /* ended by one of NULL */
};

/* One for each task and kind of data that it takes, one with a grid where the first is without, and
 * those whose fields are looked at in a way of their own: distances, and even rays. */
enum { N_SPECIMEN_FITS = 12 };
extern const struct specimen_fit specimen_fits[N_SPECIMEN_FITS];

/* One of those of a kind, by number: any number will do. */
size_t specimen_fit_of(enum specimen kind, size_t number);

size_t specimen_n_looks(const struct specimen_fit *fit);

/* A job's body; key: its label "key", or "". */
enum { SPECIMEN_BODY = 768 };
void specimen_job_body(char out[SPECIMEN_BODY], size_t fit, const char *dataset_id, const char *key,
                       unsigned steps);

/* These two assert (cmocka): upload a new specimen; upload one of a fit's kind and fit it, which
 * gives a finished field. */
void specimen_upload(const struct service *s, enum specimen kind, struct dice *dice,
                     char dataset_id[ID_TEXT]);
void specimen_make_field(const struct service *s, size_t fit, unsigned steps,
                         char field_id[ID_TEXT]);

#endif
