#include <stdbool.h>
#include <string.h>

#include "api/codec/codec_args.h"
#include "tests/fuzz/fuzz.h"

void fuzz_seeds(void)
{
    static const char *const texts[] = {
        "",
        "*/*",
        "image/*;q=0.5, image/jpeg;q=1",
        "application/x-npy; level=1 ; q=0.1,text/html",
        "image/png;q=0, */*;q=0.001",
        "IMAGE/PNG;Q=1.000",
    };
    fuzz_seed_texts(texts, sizeof texts / sizeof *texts);
}

/* What is chosen is accepted alone; what nobody accepts is not accepted alone; to accept everything
 * more is to accept. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static const char *const offers[] = {"image/png", "image/jpeg", "application/x-npy", NULL};
    enum { N_OFFERS = 3 };
    static const char anything[] = ", */*";
    char *accept = fuzz_text(bytes, n_bytes);
    size_t chosen = N_OFFERS, alone = 1;
    const bool has = codec_accept(accept, offers, &chosen);
    REQUIRE(has == (chosen < N_OFFERS));
    for (size_t i = 0; i < N_OFFERS; i++) {
        const char *const one[] = {offers[i], NULL};
        const bool has_one = codec_accept(accept, one, &alone);
        REQUIRE(!has_one || (alone == 0 && has));
        REQUIRE(i != chosen || has_one);
    }
    if (has) {
        const size_t n = strlen(accept);
        char *more = malloc(n + sizeof anything);
        REQUIRE(more);
        memcpy(more, accept, n);
        memcpy(more + n, anything, sizeof anything);
        REQUIRE(codec_accept(more, offers, &chosen));
        free(more);
    }
    free(accept);
    return 0;
}
