/*
 * Bodies of jobs for tests: over a picture of 64 x 48, resolved, and looked into.
 */
#ifndef TESTS_API_SPEC_BODIES_H
#define TESTS_API_SPEC_BODIES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/codec/codec_json.h"
#include "api/codec/codec_spec.h"

#define DS "\"dataset_id\":\"ds_01jd6v7m8rkq2w5x9c4t3b1nfe\""

static char info[] = "{\"shape\":[48,64,3]}";
static struct dataset_row picture = {
    .id = "ds_01jd6v7m8rkq2w5x9c4t3b1nfe", .kind = "image", .info_json = info};

static inline json_t *body_of(const char *text)
{
    json_t *body = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    if (!body)
        fail_msg("the test's own JSON is broken: %s", text);
    return body;
}

/* The resolved spec of a body that must be good. */
static inline json_t *resolve(const char *text, struct spec *out)
{
    struct problem_list problems = {0};
    json_t *body = body_of(text), *spec = NULL, *labels = NULL;
    if (codec_spec_resolve(body, &picture, 0, &spec, &labels, out, &problems) != STATUS_OK)
        fail_msg("%s: %s %s", text, problems.item[0].pointer, problems.item[0].detail);
    json_decref(body);
    json_decref(labels);
    return spec;
}

/* A value of a resolved spec by its JSON pointer, as text. */
static inline char *value_at(const json_t *spec, const char *pointer)
{
    char path[128];
    snprintf(path, sizeof path, "%s", pointer);
    char *state = NULL;
    for (char *name = strtok_r(path, "/", &state); name; name = strtok_r(NULL, "/", &state))
        spec = json_object_get(spec, name);
    return spec ? json_dumps(spec, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15))
                : strdup("");
}

static inline void expect(const json_t *spec, const char *pointer, const char *text)
{
    char *value = value_at(spec, pointer);
    if (strcmp(value, text) != 0)
        fail_msg("%s is %s, not %s", pointer, value, text);
    free(value);
}

#endif
