/*
 * What both decoders of posed views promise.
 */
#ifndef TESTS_FUZZ_FUZZ_VIEWS_H
#define TESTS_FUZZ_FUZZ_VIEWS_H

#include "core/base/limits.h"
#include "core/format/views_facts.h"
#include "tests/fuzz/fuzz.h"

typedef enum status (*views_check_function)(const uint8_t *bytes, size_t n_bytes,
                                            struct views_facts *out, struct error *err);
typedef enum status (*views_decode_function)(const uint8_t *bytes, size_t n_bytes,
                                             const struct views_options *options, struct views *out,
                                             struct error *err);

/* A check and decoding agree, images are within limits, and no more memory was foretold than
 * needed. */
static inline void fuzz_views(const uint8_t *bytes, size_t n_bytes, views_check_function check,
                              views_decode_function decode)
{
    struct views_facts facts = {0};
    struct views views = {0};
    struct error err = {.status = STATUS_OK};
    const struct views_options options = {.max_side = 16};
    const enum status checked = check(bytes, n_bytes, &facts, &err);
    REQUIRE(err.status == checked && (checked == STATUS_OK || err.message[0]));
    REQUIRE((checked == STATUS_OK) == (facts.n_views > 0));
    error_clear(&err);
    const enum status decoded = decode(bytes, n_bytes, &options, &views, &err);
    REQUIRE(err.status == decoded && (decoded == STATUS_OK) == (views.view != NULL));
    if (checked != STATUS_OK) /* decoding does not ask for views to train on */
        REQUIRE(decoded == checked || views.n_views > 0);
    else
        REQUIRE(decoded == STATUS_OK && views.n_views == facts.n_views);
    size_t n_result = 0;
    for (size_t i = 0; i < views.n_views; i++) {
        const struct view *v = &views.view[i];
        fuzz_check_image(STATUS_OK, &(struct error){.status = STATUS_OK}, &v->image);
        REQUIRE(v->image.channels == 3 || v->image.channels == 4);
        REQUIRE(v->fx > 0 && v->fy > 0);
        n_result +=
            v->image.width * v->image.height * v->image.channels * image_sample_size(v->image.type);
    }
    REQUIRE(checked != STATUS_OK || n_result <= views_facts_bytes(&facts, &options));
    views_deinit(&views);
}

#endif
