/*
 * The requests that are sent while memory is short: what they are, what a good answer to each is,
 * and what must hold after it.
 */
#ifndef TESTS_HARNESS_OOM_SCENARIO_H
#define TESTS_HARNESS_OOM_SCENARIO_H

#include <stdbool.h>

#include "tests/harness/specimen.h"
#include "tests/harness/starved.h"
#include "tests/http/fit.h"

/* What the scenarios are about: made by the test before the first of them. */
struct oom_scene {
    struct starved starved;
    char dataset[ID_TEXT], field[ID_TEXT], heavy[ID_TEXT]; /* heavy: larger than the cache */
    char done[ID_TEXT], running[ID_TEXT];                  /* jobs */
    char training[ID_TEXT];                                /* the running job's field */
    char own[ID_TEXT];                                     /* made for this try */
    char of_kind[N_SPECIMENS][ID_TEXT];                    /* datasets of every kind */
    char of_fit[N_SPECIMEN_FITS][ID_TEXT];                 /* fields of some of specimen_fits */
    unsigned n_tries;
    struct bytes png, form, npy_points, raw_points, large; /* bodies */
    struct bytes files[N_SPECIMENS];                       /* other ones than those of of_kind */
    char fits[N_SPECIMEN_FITS][SPECIMEN_BODY];             /* jobs */
    size_t n_datasets;                                     /* when no try is under way */
};
extern struct oom_scene oom;

/* How a try came out: as it should, with 503, or not at all. */
enum outcome { GOOD, REFUSED, CUT };

struct
try {
    const struct scenario *scenario;
    struct request request;
    enum outcome outcome;
    struct answer answer;
};

/* In path, text and headers stand for ids: $D $F $H $J $R $G $T as in the scene, $0 … $9 the field
 * of this number in specimen_fits, $v $c the datasets of views and of frequencies, $N the try's
 * number.
 */
struct scenario {
    const char *name;
    const char *method, *path, *type;
    const char *text;          /* the body, … */
    const struct bytes *bytes; /* … or as bytes */
    const char *headers[2];
    const char *until;
    long good;
    bool is_stable; /* the same answer again has the same bytes */
    void (*prepare)(void);
    void (*check)(const struct try *try); /* NULL: the request again, with a good answer */
};

extern const struct scenario oom_scenarios[];
extern const size_t oom_n_scenarios;

/* Write a template with what its $ letters stand for now. */
void oom_fill_in(const char *template, char *out, size_t size);

/* After a try: does what the answer said hold, and does the same request succeed now? */
void oom_check(const struct try *try);

/* Lists, for counting what is there. */
extern const char oom_datasets[], oom_queue[];
size_t oom_count_items(const char *list);
json_t *oom_get_items(const char *list); /* the caller's */

#endif
