#include "api/codec/codec_json.h"

#include <stdlib.h>
#include <string.h>

#include "api/codec/json_place.h"

/* --- bytes -> values --- */

/* How deep brackets go outside of strings.  Right for every valid text; for others it does not
 * matter.  *is_closed: every bracket and string has its end, as in every valid text. */
static size_t nesting(const uint8_t *bytes, size_t n, bool *is_closed)
{
    size_t depth = 0, deepest = 0;
    bool is_string = false;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = bytes[i];
        if (is_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                is_string = false;
        } else if (c == '"') {
            is_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > deepest)
                deepest = depth;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    *is_closed = depth == 0 && !is_string;
    return deepest;
}

static enum status syntax(struct problem_list *problems, const char *detail)
{
    problems->is_syntax = true;
    return problem_add(problems, STATUS_INVALID, "", "%s", detail);
}

/* jansson stops at an offset: name the value that stands there. */
static enum status parse_failed(const uint8_t *bytes, size_t n, const json_error_t *error,
                                struct problem_list *problems)
{
    char place[POINTER_SIZE];
    const char *why = NULL;
    const bool is_value =
        json_place(bytes, n, error->position > 0 ? (size_t)error->position : 0, place);
    switch (json_error_code(error)) { /* what is JSON, but not for us */
    case json_error_duplicate_key:
        why = "the member is there twice";
        break;
    case json_error_numeric_overflow: /* also where no number may stand */
        why = is_value ? "the number is too large to be read" : NULL;
        break;
    case json_error_null_character:
    case json_error_null_byte_in_key:
        why = "a text must not hold a zero character";
        break;
    default:
        break;
    }
    problems->is_syntax |= why == NULL;
    return problem_add(problems, STATUS_INVALID, place, "%s: line %d, column %d: %s",
                       why ? why : "the body is not JSON", error->line, error->column, error->text);
}

enum status codec_json_parse(const uint8_t *bytes, size_t n, size_t max_depth, json_t **out,
                             struct problem_list *problems)
{
    if (n == 0)
        return syntax(problems, "the body is empty");
    if (memchr(bytes, 0, n))
        return syntax(problems, "the body is not JSON: it holds a zero byte");
    bool is_closed;
    const bool is_too_deep = nesting(bytes, n, &is_closed) > max_depth;
    if (is_too_deep && !is_closed)
        return syntax(problems, "the body is not JSON: its brackets are not closed");
    if (is_too_deep)
        return problem_add(problems, STATUS_INVALID, "", "the body is nested deeper than %zu",
                           max_depth);
    json_error_t error;
    enum status status = codec_json_load((const char *)bytes, n,
                                         JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, out, &error);
    if (status == STATUS_NO_MEMORY)
        return problem_add(problems, status, "", "the body: out of memory");
    return status == STATUS_OK ? STATUS_OK : parse_failed(bytes, n, &error, problems);
}

enum status codec_json_parse_object(const uint8_t *bytes, size_t n, size_t max_depth, json_t **out,
                                    struct problem_list *problems)
{
    json_t *value = NULL;
    enum status status = codec_json_parse(bytes, n, max_depth, &value, problems);
    if (status != STATUS_OK)
        return status;
    if (!json_is_object(value)) {
        json_decref(value);
        return problem_add(problems, STATUS_INVALID, "", "the body must be an object");
    }
    *out = value;
    return STATUS_OK;
}

enum status codec_json_own(const char *text, json_t **out, struct error *err)
{
    json_error_t error;
    json_t *value = NULL;
    enum status status =
        text ? codec_json_load(text, strlen(text), 0, &value, &error) : STATUS_INVALID;
    if (status == STATUS_NO_MEMORY)
        return error_status(err, status);
    if (status != STATUS_OK || !json_is_object(value)) {
        json_decref(value);
        return error_set(err, STATUS_INTERNAL, "", "a text of ours is not a JSON object");
    }
    *out = value;
    return STATUS_OK;
}

json_t *codec_json_object(const char *text)
{
    json_t *value = NULL;
    if (!text || !text[0])
        return json_object();
    return codec_json_own(text, &value, NULL) == STATUS_OK ? value : NULL;
}

json_t *codec_json_copy(const json_t *object)
{
    json_t *copy = json_object();
    if (copy && json_object_update(copy, (json_t *)object) == 0)
        return copy;
    json_decref(copy);
    return NULL;
}

/* --- values -> bytes --- */

/* Do 15 digits tell every real of this value?  Then 0.1 is written as it was meant. */
static bool is_short(const json_t *value)
{
    if (json_is_real(value)) {
        char text[40];
        double real = json_real_value(value);
        snprintf(text, sizeof text, "%.15g", real);
        return strtod(text, NULL) == real;
    }
    const char *key;
    json_t *member;
    size_t i;
    if (json_is_object(value))
        json_object_foreach ((json_t *)value, key, member)
            if (!is_short(member))
                return false;
    json_array_foreach (value, i, member)
        if (!is_short(member))
            return false;
    return true;
}

struct sink {
    struct buffer *out;
    struct error *err;
    enum status status;
};

static int append_text(const char *text, size_t n, void *context)
{
    struct sink *sink = context;
    if (sink->status == STATUS_OK) /* the first failure stays: jansson goes on after some */
        sink->status = buffer_append(sink->out, text, n, sink->err);
    return sink->status == STATUS_OK ? 0 : -1;
}

enum status codec_json_append(const json_t *value, struct buffer *out, struct error *err)
{
    if (!value)
        return error_status(err, STATUS_NO_MEMORY);
    struct sink sink = {.out = out, .err = err};
    const size_t digits = is_short(value) ? 15 : 17;
    const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits);
    const bool ok = json_dump_callback(value, append_text, &sink, flags) == 0;
    if (sink.status != STATUS_OK)
        return sink.status;
    return ok ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

enum status codec_json_text(const json_t *value, char **out, struct error *err)
{
    enum { MAX_TEXT = 64 << 20 };
    struct buffer text;
    buffer_init(&text, MAX_TEXT);
    enum status status = codec_json_append(value, &text, err);
    if (status == STATUS_OK)
        status = buffer_append(&text, "", 1, err);
    if (status == STATUS_OK) {
        size_t size;
        *out = (char *)buffer_take(&text, &size);
    }
    buffer_deinit(&text);
    return status;
}

json_t *codec_json_measured(double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.9g", value);
    return json_real(strtod(text, NULL));
}

void codec_json_pointer(char out[POINTER_SIZE], const char *parent, const char *name)
{
    size_t n = (size_t)snprintf(out, POINTER_SIZE, "%s/", parent);
    for (; *name && n + 3 < POINTER_SIZE; name++) {
        if (*name == '~' || *name == '/') {
            out[n++] = '~';
            out[n++] = *name == '~' ? '0' : '1';
        } else {
            out[n++] = *name;
        }
    }
    if (n < POINTER_SIZE)
        out[n] = '\0';
}
