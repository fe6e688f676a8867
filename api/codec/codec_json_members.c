#include "api/codec/codec_json.h"

#include <math.h>
#include <string.h>

/* --- words --- */

/* What was given, short enough for a sentence. */
static void describe(const json_t *value, char out[64])
{
    size_t n = 0;
    if (json_is_object(value))
        snprintf(out, 64, "an object");
    else if (json_is_array(value))
        snprintf(out, 64, "an array");
    else if (json_is_string(value))
        snprintf(out, 64, json_string_length(value) > 40 ? "\"%.40s…\"" : "\"%s\"",
                 json_string_value(value));
    else if ((n = json_dumpb(value, out, 63, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15))) < 64)
        out[n] = '\0';
}

static void describe_range(const struct member *m, char out[96])
{
    if (m->type == MEMBER_INTEGER)
        snprintf(out, 96, "an integer in %.16g..%.16g", m->min, m->max);
    else
        snprintf(out, 96, "a number in %c%.16g, %.16g%c", m->is_min_open ? '(' : '[', m->min,
                 m->max, m->is_max_open ? ')' : ']');
}

static enum status refuse(const json_t *value, const char *pointer, const struct member *m,
                          const char *what, struct problem_list *problems)
{
    char given[64];
    describe(value, given);
    return problem_add(problems, STATUS_INVALID, pointer, "'%s' must be %s%s%s, got %s", m->name,
                       what, m->is_nullable ? " or null" : "", m->may_be_auto ? " or \"auto\"" : "",
                       given);
}

static bool is_in(const char *text, const char *const *names)
{
    for (; names && *names; names++)
        if (strcmp(text, *names) == 0)
            return true;
    return false;
}

/* --- one value --- */

static void write_value(const struct member *m, void *target, const void *value, size_t size)
{
    if (target)
        memcpy((char *)target + m->offset, value, size);
}

static bool in_range(const struct member *m, double number)
{
    return isfinite(number) && (m->is_min_open ? number > m->min : number >= m->min) &&
           (m->is_max_open ? number < m->max : number <= m->max);
}

static enum status read_number(const json_t *value, const char *pointer, const struct member *m,
                               void *target, struct problem_list *problems)
{
    const double number = json_number_value(value);
    const bool is_integer = m->type == MEMBER_INTEGER;
    if (!(is_integer ? json_is_integer(value) : json_is_number(value)) || !in_range(m, number)) {
        char range[96];
        describe_range(m, range);
        return refuse(value, pointer, m, range, problems);
    }
    const uint64_t integer = (uint64_t)json_integer_value(value);
    if (is_integer)
        write_value(m, target, &integer, sizeof integer);
    else
        write_value(m, target, &number, sizeof number);
    return STATUS_OK;
}

static enum status read_numbers(const json_t *value, const char *pointer, const struct member *m,
                                void *target, struct problem_list *problems)
{
    double numbers[8];
    char range[96], what[192];
    describe_range(m, range);
    if (json_array_size(value) != m->count) {
        snprintf(what, sizeof what, "an array of %zu numbers, each %s", m->count, range);
        return refuse(value, pointer, m, what, problems);
    }
    for (size_t i = 0; i < m->count; i++) {
        const json_t *item = json_array_get(value, i);
        char place[POINTER_SIZE];
        snprintf(place, sizeof place, "%.70s/%zu", pointer, i);
        numbers[i] = json_number_value(item);
        if (!json_is_number(item) || !in_range(m, numbers[i]))
            return refuse(item, place, m, range, problems);
    }
    write_value(m, target, numbers, m->count * sizeof *numbers);
    return STATUS_OK;
}

static enum status read_list(const json_t *value, const char *pointer, const struct member *m,
                             void *target, struct problem_list *problems)
{
    uint64_t list[1 + MEMBER_MAX_LIST] = {json_array_size(value)};
    char range[96], what[192];
    describe_range(m, range);
    if (!json_is_array(value) || list[0] > m->count) {
        snprintf(what, sizeof what, "an array of at most %zu, each %s", m->count, range);
        return refuse(value, pointer, m, what, problems);
    }
    for (size_t i = 0; i < list[0]; i++) {
        const json_t *item = json_array_get(value, i);
        char place[POINTER_SIZE];
        snprintf(place, sizeof place, "%.70s/%zu", pointer, i);
        if (!json_is_integer(item) || !in_range(m, json_number_value(item)))
            return refuse(item, place, m, range, problems);
        list[1 + i] = (uint64_t)json_integer_value(item);
    }
    write_value(m, target, list, (1 + m->count) * sizeof *list);
    return STATUS_OK;
}

static enum status read_name(const json_t *value, const char *pointer, const struct member *m,
                             void *target, struct problem_list *problems)
{
    const char *text = json_string_value(value);
    char names[160] = "one of";
    for (int i = 0; m->names[i]; i++) {
        if (!m->names[i][0])
            continue; /* a value of core that has no name here */
        if (text && strcmp(text, m->names[i]) == 0) {
            write_value(m, target, &i, sizeof i);
            return STATUS_OK;
        }
        size_t n = strlen(names);
        snprintf(names + n, sizeof names - n, " %s", m->names[i]);
    }
    return refuse(value, pointer, m, names, problems);
}

enum status codec_json_member(const json_t *value, const char *pointer, const struct member *m,
                              void *target, struct problem_list *problems)
{
    static const uint64_t zero = 0;
    if (json_is_string(value) && is_in(json_string_value(value), m->later))
        return problem_add(problems, STATUS_UNSUPPORTED, pointer, "'%s' \"%s\" is not supported",
                           m->name, json_string_value(value));
    const bool is_auto =
        m->may_be_auto && json_is_string(value) && strcmp(json_string_value(value), "auto") == 0;
    if (is_auto || (json_is_null(value) && m->is_nullable)) {
        write_value(m, target, &zero, sizeof zero);
        return STATUS_OK;
    }
    bool boolean = json_is_true(value);
    switch (m->type) {
    case MEMBER_INTEGER:
    case MEMBER_NUMBER:
        return read_number(value, pointer, m, target, problems);
    case MEMBER_NUMBERS:
        return read_numbers(value, pointer, m, target, problems);
    case MEMBER_LIST:
        return read_list(value, pointer, m, target, problems);
    case MEMBER_NAME:
        return read_name(value, pointer, m, target, problems);
    case MEMBER_BOOL:
        if (!json_is_boolean(value))
            return refuse(value, pointer, m, "true or false", problems);
        write_value(m, target, &boolean, sizeof boolean);
        return STATUS_OK;
    case MEMBER_CUSTOM:
        break;
    }
    return STATUS_OK;
}

/* --- objects --- */

static const struct member *find(const char *name, const struct member *members, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, members[i].name) == 0)
            return &members[i];
    return NULL;
}

enum status codec_json_members(json_t *object, const char *pointer, const struct member *members,
                               size_t n, void *target, struct problem_list *problems)
{
    if (!json_is_object(object))
        return problem_add(problems, STATUS_INVALID, pointer, "'%s' must be an object",
                           pointer[0] ? strrchr(pointer, '/') + 1 : "the body");
    enum status status = STATUS_OK;
    const char *key;
    json_t *value;
    json_object_foreach (object, key, value) {
        char place[POINTER_SIZE];
        codec_json_pointer(place, pointer, key);
        const struct member *m = find(key, members, n);
        enum status one = m ? codec_json_member(value, place, m, target, problems)
                            : problem_add(problems, STATUS_INVALID, place,
                                          "'%.80s' is not a member known here", key);
        if (status == STATUS_OK)
            status = one;
    }
    return status;
}

/* The row's value in its one written form: a new reference. */
static json_t *normal(json_t *value, const struct member *m)
{
    if (m->type == MEMBER_NUMBER && json_is_integer(value))
        return json_real(json_number_value(value));
    return json_incref(value);
}

static bool applies(const struct member *m, const json_t *resolved)
{
    if (!m->with)
        return true;
    const char *text = json_string_value(json_object_get(resolved, m->with));
    return text && strcmp(text, m->with_value) == 0;
}

/* What a row resolves to: a new reference, NULL if there is nothing.  Fails for want of memory. */
static bool choose(const struct member *m, const json_t *caller, const json_t *base, json_t **out)
{
    json_error_t error;
    json_t *value = json_object_get(caller, m->name);
    if (!value)
        value = json_object_get(base, m->name);
    *out = NULL;
    if (value)
        *out = normal(value, m);
    else if (!m->fallback)
        return true;
    else if (codec_json_load(m->fallback, strlen(m->fallback), JSON_DECODE_ANY, out, &error) !=
             STATUS_OK)
        return false;
    return *out != NULL;
}

enum status codec_json_resolve(json_t *caller, const json_t *base, const char *pointer,
                               const struct member *members, size_t n, json_t **out,
                               struct problem_list *problems)
{
    enum status status =
        caller ? codec_json_members(caller, pointer, members, n, NULL, problems) : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    json_t *resolved = json_object();
    if (!resolved)
        return problem_add(problems, STATUS_NO_MEMORY, pointer, "out of memory");
    /* Without memory for one, those that ask for it would seem to be wrong. */
    for (size_t i = 0; i < n && status != STATUS_NO_MEMORY; i++) {
        const struct member *m = &members[i];
        char place[POINTER_SIZE];
        codec_json_pointer(place, pointer, m->name);
        if (!applies(m, resolved)) {
            if (json_object_get(caller, m->name))
                status = problem_add(problems, STATUS_INVALID, place,
                                     "'%s' has a meaning only where '%s' is \"%s\"", m->name,
                                     m->with, m->with_value);
            continue;
        }
        json_t *value;
        bool ok = choose(m, caller, base, &value);
        if (ok && !value)
            status = problem_add(problems, STATUS_INVALID, place, "'%s' is needed", m->name);
        else if (!ok || json_object_set_new(resolved, m->name, value) != 0)
            status = problem_add(problems, STATUS_NO_MEMORY, place, "out of memory");
    }
    if (status == STATUS_OK) {
        *out = resolved;
        resolved = NULL;
    }
    json_decref(resolved);
    return status;
}
