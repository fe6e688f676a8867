#include "server/http/credentials.h"

#include <string.h>
#include <strings.h>

static const char scheme[] = "Bearer";

static enum credentials read_value(const char *value, const char **token, size_t *n_token)
{
    static const char token68[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789-._~+/";
    const size_t n_scheme = sizeof scheme - 1;
    if (strncasecmp(value, scheme, n_scheme) != 0 || value[n_scheme] != ' ')
        return CREDENTIALS_OTHER;
    const char *start = value + n_scheme + strspn(value + n_scheme, " ");
    size_t n = strspn(start, token68);
    size_t n_padded = n + strspn(start + n, "=");
    const char *rest = start + n_padded;
    if (n == 0 || rest[strspn(rest, " \t")] != '\0') /* blanks may only follow it */
        return CREDENTIALS_OTHER;
    *token = start;
    *n_token = n_padded;
    return CREDENTIALS_BEARER;
}

enum credentials credentials_read(const struct http_pair *headers, size_t n, const char **token,
                                  size_t *n_token)
{
    const char *value = NULL;
    for (size_t i = 0; i < n; i++) {
        if (strcasecmp(headers[i].name, "Authorization") != 0)
            continue;
        if (value)
            return CREDENTIALS_SEVERAL;
        value = headers[i].value;
    }
    return value ? read_value(value, token, n_token) : CREDENTIALS_NONE;
}
