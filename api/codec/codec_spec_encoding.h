/*
 * The part of a spec that says how coordinates are encoded: what goes beyond tables, which are
 * explicit frequencies, the sizes of grids that are left to the service ("auto"), and parts.
 */
#ifndef API_CODEC_SPEC_ENCODING_H
#define API_CODEC_SPEC_ENCODING_H

#include <jansson.h>

#include "api/codec/codec_spec.h"
#include "api/problem.h"

/* `encoding` of a body, which is at `pointer` there, over the preset's; sizes of grids that are
 * "auto" become numbers that suit the data.  A new reference, or NULL and a problem. */
json_t *spec_encoding_resolve(json_t *caller, json_t *base, const char *pointer,
                              const struct spec_facts *facts, struct problem_list *problems);

/* A resolved one into s->field.encoding, whose n_inputs is set. */
enum status spec_encoding_read(const json_t *encoding, struct spec *s,
                               struct problem_list *problems);

#endif
