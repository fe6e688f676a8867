#include "core/format/npy_header.h"

#include <string.h>

#include "core/base/mem.h"

enum {
    /* numpy itself reads no longer ones without being told to trust the file. */
    MAX_HEADER = 10000,
    MAX_DESCR = 16,
};

struct cursor {
    const char *at;
    const char *end;
    struct error *err;
};

static enum status broken(const struct cursor *c, const char *what)
{
    return error_set(c->err, STATUS_INVALID, "", "the NPY header is broken: %s", what);
}

static void skip_blanks(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
        c->at++;
}

/* Step over a mark, if it comes next. */
static bool take(struct cursor *c, char mark)
{
    skip_blanks(c);
    if (c->at == c->end || *c->at != mark)
        return false;
    c->at++;
    return true;
}

static bool take_word(struct cursor *c, const char *word)
{
    size_t n = strlen(word);
    skip_blanks(c);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0)
        return false;
    c->at += n;
    return true;
}

/* A string in single or double quotes, without escapes, that fits in size with its NUL. */
static enum status take_string(struct cursor *c, char *out, size_t size)
{
    skip_blanks(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"'))
        return broken(c, "a quoted string is missing");
    char quote = *c->at++;
    size_t n = 0;
    for (; c->at < c->end && *c->at != quote; c->at++) {
        if (n + 1 == size || *c->at == '\\' || *c->at < ' ' || *c->at > '~')
            return broken(c, "a string is too long or odd");
        out[n++] = *c->at;
    }
    if (c->at == c->end)
        return broken(c, "a string has no end");
    c->at++;
    out[n] = '\0';
    return STATUS_OK;
}

static enum status take_type(struct cursor *c, struct npy_array *out)
{
    static const struct {
        const char *code;
        enum npy_type type;
    } types[] = {{"b1", NPY_BOOL}, {"u1", NPY_U8},   {"u2", NPY_U16}, {"u4", NPY_U32},
                 {"u8", NPY_U64},  {"i1", NPY_I8},   {"i2", NPY_I16}, {"i4", NPY_I32},
                 {"i8", NPY_I64},  {"f2", NPY_F16},  {"f4", NPY_F32}, {"f8", NPY_F64},
                 {"c8", NPY_C64},  {"c16", NPY_C128}};
    char descr[MAX_DESCR];
    skip_blanks(c);
    if (c->at < c->end && *c->at == '[')
        return error_set(c->err, STATUS_UNSUPPORTED, "", "structured NPY arrays are not supported");
    enum status status = take_string(c, descr, sizeof descr);
    if (status != STATUS_OK)
        return status;
    if (descr[0] == '\0' || !strchr("<>|=", descr[0]))
        return broken(c, "'descr' does not begin with a byte order");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(descr + 1, types[i].code) == 0) {
            out->type = types[i].type;
            out->big_endian = descr[0] == '>';
            return STATUS_OK;
        }
    return error_set(c->err, STATUS_UNSUPPORTED, "", "NPY arrays of type '%s' are not supported",
                     descr);
}

static enum status take_flag(struct cursor *c, bool *out)
{
    *out = take_word(c, "True");
    return *out || take_word(c, "False") ? STATUS_OK
                                         : broken(c, "'fortran_order' is not True or False");
}

static enum status take_size(struct cursor *c, size_t *out)
{
    skip_blanks(c);
    const char *first = c->at;
    size_t v = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        if (!mem_mul(&v, v, 10) || !mem_add(&v, v, (size_t)(*c->at - '0')))
            return error_set(c->err, STATUS_TOO_LARGE, "",
                             "the shape of the NPY array is too large");
    if (c->at == first)
        return broken(c, "'shape' is not a tuple of sizes");
    if (c->at < c->end && *c->at == 'L') /* as Python 2 wrote them */
        c->at++;
    *out = v;
    return STATUS_OK;
}

/* (), (3,), (3, 4), (3, 4,): a comma must follow a lone size, as Python has it. */
static enum status take_shape(struct cursor *c, struct npy_array *out)
{
    if (!take(c, '('))
        return broken(c, "'shape' is not a tuple of sizes");
    bool has_comma = true;
    out->n_dims = 0;
    while (!take(c, ')')) {
        if (!has_comma)
            return broken(c, "'shape' is not a tuple of sizes");
        if (out->n_dims == LIMIT_NPY_DIMS)
            return error_set(c->err, STATUS_TOO_LARGE, "", "an NPY array has at most %d dimensions",
                             LIMIT_NPY_DIMS);
        enum status status = take_size(c, &out->shape[out->n_dims]);
        if (status != STATUS_OK)
            return status;
        out->n_dims++;
        has_comma = take(c, ',');
    }
    return out->n_dims == 1 && !has_comma ? broken(c, "'shape' is not a tuple of sizes")
                                          : STATUS_OK;
}

static enum status take_dict(struct cursor *c, struct npy_array *out)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    enum { DESCR, FORTRAN_ORDER, SHAPE, N_KEYS };
    bool seen[N_KEYS] = {false};
    bool has_comma = true;
    if (!take(c, '{'))
        return broken(c, "it is not a dict");
    while (!take(c, '}')) {
        char key[sizeof "fortran_order"];
        if (!has_comma)
            return broken(c, "a comma is missing");
        enum status status = take_string(c, key, sizeof key);
        if (status != STATUS_OK)
            return status;
        size_t k = 0;
        while (k < N_KEYS && strcmp(key, keys[k]) != 0)
            k++;
        if (k == N_KEYS || seen[k] || !take(c, ':'))
            return broken(c, "a key is unknown, twice there, or without a value");
        seen[k] = true;
        status = k == DESCR           ? take_type(c, out)
                 : k == FORTRAN_ORDER ? take_flag(c, &out->fortran_order)
                                      : take_shape(c, out);
        if (status != STATUS_OK)
            return status;
        has_comma = take(c, ',');
    }
    for (size_t k = 0; k < N_KEYS; k++)
        if (!seen[k])
            return error_set(c->err, STATUS_INVALID, "", "the NPY header is broken: no '%s'",
                             keys[k]);
    skip_blanks(c);
    return c->at == c->end ? STATUS_OK : broken(c, "something follows the dict");
}

enum status npy_header_parse(const uint8_t *bytes, size_t n_bytes, struct npy_array *out,
                             size_t *n_header, struct error *err)
{
    static const uint8_t magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
    if (n_bytes < 10 || memcmp(bytes, magic, sizeof magic) != 0)
        return error_set(err, STATUS_INVALID, "", "not an NPY file");
    unsigned major = bytes[6], minor = bytes[7];
    if (major < 1 || major > 3 || minor != 0)
        return error_set(err, STATUS_UNSUPPORTED, "", "NPY format version %u.%u is not supported",
                         major, minor);
    size_t start = major == 1 ? 10 : 12;
    size_t n = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (n_bytes < start)
        return error_set(err, STATUS_INVALID, "", "the NPY header is cut short");
    if (major > 1)
        n |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (n > n_bytes - start)
        return error_set(err, STATUS_INVALID, "", "the NPY header is cut short");
    if (n > MAX_HEADER)
        return error_set(err, STATUS_TOO_LARGE, "", "the NPY header has %zu bytes, at most %d", n,
                         MAX_HEADER);
    struct cursor c = {(const char *)bytes + start, (const char *)bytes + start + n, err};
    enum status status = take_dict(&c, out);
    if (status == STATUS_OK)
        *n_header = start + n;
    return status;
}
