/*
 * The tables of settings: every name, type, range and default of a job's body, in one place.
 * api/openapi.json says the same; tests/api/test_openapi.c compares them.
 */
#ifndef API_CODEC_SPEC_TABLES_H
#define API_CODEC_SPEC_TABLES_H

#include "api/codec/codec_json.h"

struct member_table {
    const struct member *rows;
    size_t n;
};

/* Into struct mlp_spec, and into struct spec. */
extern const struct member_table spec_network_table;
extern const struct member_table spec_train_table;

/* An object whose member "type" says which other members there are.  Where the caller changes the
 * type, the others take that type's defaults. */
struct variant {
    const char *type; /* the value in core's enum is the row's index */
    struct member_table members;
};
struct variants {
    const char *name;
    const struct variant *rows;
    size_t n;
    bool may_be_name; /* a type's name alone stands for the type with its defaults */
};

extern const struct variants spec_encodings;  /* into struct encoding_spec */
extern const struct variants spec_optimizers; /* into struct optimizer_spec */
extern const struct variants spec_schedules;  /* into struct schedule_spec */

/* Indexed by enum holdout; ended by NULL. */
extern const char *const spec_holdout_names[];

enum { SPEC_MAX_LABELS = 16, SPEC_MAX_LABEL_BYTES = 64 };

#endif
