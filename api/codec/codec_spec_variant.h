/*
 * Objects whose member "type" says which other members there are: encoding, optimizer, schedule.
 */
#ifndef API_CODEC_SPEC_VARIANT_H
#define API_CODEC_SPEC_VARIANT_H

#include <jansson.h>

#include "api/codec/codec_spec.h"
#include "api/codec/codec_spec_tables.h"
#include "api/problem.h"

/* Looks at, and may fill in, the caller's own members (without "type") of a row of the table,
 * before they go over the base.  facts: of the data that the spec is for. */
typedef enum status (*spec_variant_check)(json_t *members, size_t row, const char *pointer,
                                          const struct spec_facts *facts,
                                          struct problem_list *problems);

/* The caller's members over the base's where the type is the base's, else over the type's defaults.
 * caller and base may be NULL, check too, and with it facts.  A new reference, or NULL and a
 * problem. */
json_t *spec_variant_resolve(json_t *caller, json_t *base, const char *pointer,
                             const struct variants *v, spec_variant_check check,
                             const struct spec_facts *facts, struct problem_list *problems);

/* A resolved one into core's struct.  *type: the row's index. */
enum status spec_variant_read(const json_t *value, const char *pointer, const struct variants *v,
                              int *type, void *target, struct problem_list *problems);

/* The same for an object without a type: every row that applies must be there. */
enum status spec_members_read(json_t *object, const char *pointer, const struct member_table *table,
                              void *target, struct problem_list *problems);

#endif
