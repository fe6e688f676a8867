#include <stdbool.h>
#include <string.h>

#include "server/http/http.h"
#include "tests/fuzz/fuzz.h"

void fuzz_seeds(void)
{
    static const char *const texts[] = {
        "\"abc\"", "W/\"abc\", \"x,y\"", "*", " \"a\" , \"abc\"", "\"a\"b\"", "abc", "W/",
    };
    fuzz_seed_texts(texts, sizeof texts / sizeof *texts);
}

static bool matches(const char *list, const char *etag)
{
    const struct http_pair header = {"if-none-match", list};
    const struct http_request request = {.n_headers = 1, .headers = &header};
    return http_etag_matches(&request, etag);
}

/* A list that matches holds the tag, or a star; weak and strong are one; a list that is sent back
 * as we would write it matches what it names. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    char *list = fuzz_text(bytes, n_bytes);
    const bool has = matches(list, "\"abc\"");
    REQUIRE(has == matches(list, "W/\"abc\""));
    if (has)
        REQUIRE(strstr(list, "\"abc\"") || strchr(list, '*'));
    if (strlen(list) == n_bytes && n_bytes > 0 && !strpbrk(list, "\"")) {
        char *tag = malloc(n_bytes + 3);
        REQUIRE(tag);
        tag[0] = '"';
        memcpy(tag + 1, list, n_bytes);
        memcpy(tag + 1 + n_bytes, "\"", 2);
        REQUIRE(matches(tag, tag));
        free(tag);
    }
    free(list);
    return 0;
}
