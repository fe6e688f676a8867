#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "server/http/credentials.h"
#include "server/store/token.h"
#include "tests/fuzz/fuzz.h"

#define TOKEN "farfield_0123abcd0123456789abcdefghjkmnpqrstvwxyz0123456789abcdefghjk"

void fuzz_seeds(void)
{
    static const char *const texts[] = {
        "Bearer " TOKEN, "bEARER   " TOKEN " \t", "Bearer a+b/c-._~==",
        "Bearer a b",    "Basic dXNlcjpwYXNz",    "Bearer",
        "Bearer =",
    };
    char id[TOKEN_ID_SIZE];
    REQUIRE(token_parse(TOKEN, sizeof TOKEN - 1, id) && strcmp(id, "0123abcd") == 0);
    fuzz_seed_texts(texts, sizeof texts / sizeof *texts);
}

static void check_token(const char *token, size_t n)
{
    static const char prefix[] = "farfield_";
    char id[TOKEN_ID_SIZE] = "";
    const bool is_token = token_parse(token, n, id);
    REQUIRE(is_token == (id[0] != '\0'));
    if (!is_token)
        return;
    REQUIRE(n == TOKEN_SIZE - 1 && memcmp(token, prefix, sizeof prefix - 1) == 0);
    REQUIRE(token_id_is(id) && memcmp(token + sizeof prefix - 1, id, TOKEN_ID_SIZE - 1) == 0);
    for (size_t i = sizeof prefix - 1; i < n; i++)
        REQUIRE(isdigit((unsigned char)token[i]) || islower((unsigned char)token[i]));
}

/* A token is one word inside the header, of the letters a token has; the header twice is none. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    char *value = fuzz_text(bytes, n_bytes);
    const struct http_pair headers[] = {
        {"Host", value}, {"authorization", value}, {"AUTHORIZATION", "Bearer a"}};
    const char *token = NULL;
    size_t n = 0;
    REQUIRE(credentials_read(headers, 3, &token, &n) == CREDENTIALS_SEVERAL && !token);
    REQUIRE(credentials_read(headers, 1, &token, &n) == CREDENTIALS_NONE && !token);
    const enum credentials found = credentials_read(headers, 2, &token, &n);
    REQUIRE((found == CREDENTIALS_BEARER) == (token != NULL));
    REQUIRE(found == CREDENTIALS_BEARER || found == CREDENTIALS_OTHER);
    if (token) {
        REQUIRE(strncasecmp(value, "bearer ", 7) == 0 && n >= 1);
        REQUIRE(token >= value + 7 && n <= strlen(value) - (size_t)(token - value));
        for (size_t i = 0; i < n; i++)
            REQUIRE(isalnum((unsigned char)token[i]) || strchr("-._~+/=", token[i]));
        REQUIRE(token[n + strspn(token + n, " \t")] == '\0');
        check_token(token, n);
    }
    check_token((const char *)bytes, n_bytes);
    free(value);
    return 0;
}
