/*
 * A query's coordinates can be a million; the rest of its body is a few words.  So the array after
 * "coords" is cut out of the text and read here, straight into floats, and what is left (with [] in
 * its place) is read as any other body.
 */
#include "api/codec/codec_query.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/codec/codec_args.h"
#include "api/codec/codec_json.h"
#include "core/base/mem.h"
#include "core/field/field.h"
#include "core/format/npy.h"

const char *const query_frames[] = {"source", "unit", NULL};
static const char *const output_names[] = {"value", "gradient", "laplacian", NULL};

void query_deinit(struct query *q)
{
    mem_free(q->coords);
    *q = (struct query){0};
}

/* --- the array of coordinates --- */

struct text {
    const uint8_t *at, *end;
};

static void skip_blanks(struct text *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\t' || *t->at == '\n' || *t->at == '\r'))
        t->at++;
}

/* The next character that is not blank, 0 at the end. */
static uint8_t peek(struct text *t)
{
    skip_blanks(t);
    return t->at < t->end ? *t->at : 0;
}

static bool take(struct text *t, uint8_t c)
{
    if (peek(t) != c)
        return false;
    t->at++;
    return true;
}

static size_t take_digits(struct text *t)
{
    const uint8_t *first = t->at;
    while (t->at < t->end && *t->at >= '0' && *t->at <= '9')
        t->at++;
    return (size_t)(t->at - first);
}

/* A number as JSON has it: -? (0 | [1-9][0-9]*) (.[0-9]+)? ([eE][+-]?[0-9]+)? */
static bool take_number(struct text *t, double *out)
{
    char copy[128]; /* longer spellings of a number are refused */
    skip_blanks(t);
    const uint8_t *first = t->at;
    if (t->at < t->end && *t->at == '-')
        t->at++;
    const bool is_zero = t->at < t->end && *t->at == '0';
    const size_t n_digits = take_digits(t);
    if (n_digits == 0 || (is_zero && n_digits > 1))
        return false;
    if (t->at < t->end && *t->at == '.') {
        t->at++;
        if (take_digits(t) == 0)
            return false;
    }
    if (t->at < t->end && (*t->at == 'e' || *t->at == 'E')) {
        t->at++;
        if (t->at < t->end && (*t->at == '+' || *t->at == '-'))
            t->at++;
        if (take_digits(t) == 0)
            return false;
    }
    const size_t n = (size_t)(t->at - first);
    if (n >= sizeof copy)
        return false;
    memcpy(copy, first, n);
    copy[n] = '\0';
    *out = strtod(copy, NULL);
    return true;
}

/* d: the coordinate that is wrong; n_dims: the point as a whole. */
static enum status bad_point(size_t i, size_t d, size_t n_dims, struct problem_list *problems)
{
    char place[POINTER_SIZE];
    snprintf(place, sizeof place, d < n_dims ? "/coords/%zu/%zu" : "/coords/%zu", i, d);
    return problem_add(problems, STATUS_INVALID, place,
                       "a point must be an array of %zu numbers that fit into float32", n_dims);
}

/* *bad: the coordinate that is wrong, n_dims where it is the array. */
static bool take_point(struct text *t, size_t n_dims, float *out, size_t *bad)
{
    *bad = n_dims;
    if (!take(t, '['))
        return false;
    for (size_t d = 0; d < n_dims; d++) {
        double number;
        if (d > 0 && !take(t, ','))
            return false;
        const bool is_number = take_number(t, &number);
        out[d] = is_number ? (float)number : 0.0f;
        if (!is_number || !isfinite(out[d])) {
            *bad = peek(t) == ']' && !is_number ? n_dims : d;
            return false;
        }
    }
    return take(t, ']');
}

/* Room for one more point of D floats. */
static bool grow(float **coords, size_t *capacity, size_t n_points, size_t n_dims)
{
    if (n_points < *capacity)
        return true;
    const size_t larger = *capacity ? *capacity * 2 : 64;
    float *grown = mem_realloc_array(*coords, larger * n_dims, sizeof *grown);
    if (!grown)
        return false;
    *coords = grown;
    *capacity = larger;
    return true;
}

/* The whole array, from its "[" to its "]".  */
static enum status take_points(struct text *t, size_t n_dims, size_t max_points, struct query *out,
                               struct problem_list *problems)
{
    size_t capacity = 0, n = 0;
    size_t bad = n_dims;
    float *coords = NULL;
    enum status status = STATUS_OK;
    take(t, '[');
    for (bool more = peek(t) != ']'; more; more = take(t, ',')) {
        if (n == max_points) {
            status = problem_add(problems, STATUS_TOO_LARGE, "/coords",
                                 "'coords' must hold at most %zu points", max_points);
            goto out;
        }
        if (!grow(&coords, &capacity, n, n_dims)) {
            status = problem_add(problems, STATUS_NO_MEMORY, "/coords", "out of memory");
            goto out;
        }
        if (!take_point(t, n_dims, coords + n * n_dims, &bad)) {
            status = bad_point(n, bad, n_dims, problems);
            goto out;
        }
        n++;
    }
    if (!take(t, ']')) {
        status = bad_point(n, n_dims, n_dims, problems);
        goto out;
    }
    if (n == 0) {
        status = problem_add(problems, STATUS_INVALID, "/coords", "'coords' must hold a point");
        goto out;
    }
    out->coords = coords;
    out->n_points = n;
    coords = NULL;
out:
    mem_free(coords);
    return status;
}

/* --- the body around it --- */

/* Skip a string; t stands on its first quote. */
static void skip_string(struct text *t)
{
    for (t->at++; t->at < t->end && *t->at != '"'; t->at++)
        if (*t->at == '\\' && t->at + 1 < t->end)
            t->at++;
    if (t->at < t->end)
        t->at++;
}

/* Where the array of the top-level member "coords" starts and ends; false if there is none. */
static bool find_coords(const uint8_t *bytes, size_t n, size_t *start, size_t *end)
{
    static const char key[] = "\"coords\"";
    const size_t key_size = sizeof key - 1;
    struct text t = {bytes, bytes + n};
    size_t depth = 0;
    bool is_found = false;
    while (t.at < t.end) {
        const uint8_t c = *t.at;
        if (c == '"') {
            const uint8_t *name = t.at;
            skip_string(&t);
            if (depth == 1 && !is_found && (size_t)(t.at - name) == key_size &&
                memcmp(name, key, key_size) == 0 && take(&t, ':') && peek(&t) == '[') {
                *start = (size_t)(t.at - bytes);
                is_found = true;
            }
            continue;
        }
        t.at++;
        if (c == '[' || c == '{')
            depth++;
        if ((c == ']' || c == '}') && depth > 0 && --depth == 1 && is_found) {
            *end = (size_t)(t.at - bytes);
            return true;
        }
    }
    return false;
}

static enum status read_outputs(const json_t *value, struct query *q, struct problem_list *problems)
{
    static const struct member row = {"outputs", MEMBER_NAME, .names = output_names};
    unsigned bits = 0;
    if (!value)
        return STATUS_OK;
    for (size_t i = 0; i < json_array_size(value); i++) {
        char place[POINTER_SIZE];
        int name = 0;
        snprintf(place, sizeof place, "/outputs/%zu", i);
        enum status status =
            codec_json_member(json_array_get(value, i), place, &row, &name, problems);
        if (status != STATUS_OK)
            return status;
        bits |= 1u << name;
        if (1u << name == OUTPUT_LAPLACIAN)
            q->laplacian_at = i;
    }
    if (bits == 0)
        return problem_add(problems, STATUS_INVALID, "/outputs",
                           "'outputs' must be an array of value, gradient, laplacian");
    q->outputs = bits;
    return STATUS_OK;
}

/* The body with "[]" where the coordinates were: a value that what follows cannot go on, as "e2"
 * would go on a number. */
static enum status read_envelope(const uint8_t *bytes, size_t n, size_t start, size_t end,
                                 size_t max_depth, struct query *q, struct problem_list *problems)
{
    static const struct member rows[] = {
        {.name = "coords", .type = MEMBER_CUSTOM},
        {"frame", MEMBER_NAME, .offset = offsetof(struct query, frame), .names = query_frames},
        {.name = "outputs", .type = MEMBER_CUSTOM},
    };
    json_t *body = NULL;
    const size_t n_stand_in = end > start ? 2 : 0;
    const size_t n_left = n - (end - start) + n_stand_in;
    uint8_t *left = mem_alloc(n_left + 1);
    if (!left)
        return problem_no_memory(problems);
    memcpy(left, bytes, start);
    memcpy(left + start, "[]", n_stand_in);
    memcpy(left + start + n_stand_in, bytes + end, n - end);
    enum status status = codec_json_parse_object(left, n_left, max_depth, &body, problems);
    mem_free(left);
    if (status != STATUS_OK)
        return status;
    if (end == start) {
        const char *what = json_object_get(body, "coords") ? "an array of points" : "given";
        problem_add(problems, STATUS_INVALID, "/coords", "'coords' must be %s", what);
    }
    codec_json_members(body, "", rows, sizeof rows / sizeof *rows, q, problems);
    read_outputs(json_object_get(body, "outputs"), q, problems);
    json_decref(body);
    return problems->status;
}

/* Why the coordinates were refused: is the body broken (400), or are the points wrong (422)?  A
 * second reading tells, where it is cheap. */
static enum status explain(const uint8_t *bytes, size_t n, size_t max_depth,
                           struct problem_list *problems)
{
    enum { CHEAP_BYTES = 1 << 20 };
    struct problem_list syntax = {0};
    json_t *body = NULL;
    if (n <= CHEAP_BYTES && problems->status == STATUS_INVALID &&
        codec_json_parse(bytes, n, max_depth, &body, &syntax) != STATUS_OK)
        *problems = syntax;
    json_decref(body);
    return problems->status;
}

enum status codec_query_json(const uint8_t *bytes, size_t n, size_t max_depth, size_t n_dims,
                             size_t max_points, struct query *out, struct problem_list *problems)
{
    struct query q = {.frame = FRAME_SOURCE, .outputs = OUTPUT_VALUE};
    size_t start = 0, end = 0;
    if (!find_coords(bytes, n, &start, &end))
        start = end = 0;
    enum status status = read_envelope(bytes, n, start, end, max_depth, &q, problems);
    if (status != STATUS_OK)
        return status;
    struct text t = {bytes + start, bytes + end};
    status = take_points(&t, n_dims, max_points, &q, problems);
    if (status != STATUS_OK)
        return explain(bytes, n, max_depth, problems);
    *out = q;
    return STATUS_OK;
}

/* --- NPY and raw float32 --- */

enum status codec_query_arguments(const struct http_request *r, enum query_frame *frame,
                                  unsigned *outputs, struct problem_list *problems)
{
    size_t index = FRAME_SOURCE;
    unsigned bits = OUTPUT_VALUE;
    codec_args_name(r, "frame", query_frames, &index, problems);
    codec_args_names(r, "outputs", output_names, &bits, problems);
    *frame = (enum query_frame)index;
    *outputs = bits;
    return problems->status;
}

static enum status too_many(size_t n_points, size_t max_points, struct problem_list *problems)
{
    return problem_add(problems, STATUS_TOO_LARGE, "",
                       "a query must hold at most %zu points, got %zu", max_points, n_points);
}

enum status codec_query_npy(const struct http_request *r, size_t n_dims, size_t max_points,
                            struct query *out, struct problem_list *problems)
{
    struct query q = {0};
    struct npy_array array;
    struct error err = {0};
    if (codec_query_arguments(r, &q.frame, &q.outputs, problems) != STATUS_OK)
        return problems->status;
    if (npy_parse(r->body, r->body_size, &array, &err) != STATUS_OK)
        return problem_add_error(problems, "", &err);
    if ((array.type != NPY_F32 && array.type != NPY_F64) || array.n_dims != 2 ||
        array.shape[1] != n_dims || array.shape[0] == 0)
        return problem_add(problems, STATUS_INVALID, "",
                           "the array must be float32 [N, %zu] with N at least 1", n_dims);
    if (array.shape[0] > max_points)
        return too_many(array.shape[0], max_points, problems);
    q.n_points = array.shape[0];
    q.coords = mem_alloc_array(array.n_elements, sizeof *q.coords);
    if (!q.coords)
        return problem_no_memory(problems);
    if (npy_to_floats(&array, q.coords, &err) != STATUS_OK) {
        query_deinit(&q);
        return problem_add_error(problems, "", &err);
    }
    *out = q;
    return STATUS_OK;
}

enum status codec_query_raw(const struct http_request *r, size_t n_dims, size_t max_points,
                            struct query *out, struct problem_list *problems)
{
    struct query q = {0};
    const size_t point_size = n_dims * sizeof(float);
    if (codec_query_arguments(r, &q.frame, &q.outputs, problems) != STATUS_OK)
        return problems->status;
    if (r->body_size == 0 || r->body_size % point_size != 0)
        return problem_add(problems, STATUS_INVALID, "",
                           "the body must be float32 points of %zu bytes, got %zu bytes",
                           point_size, r->body_size);
    q.n_points = r->body_size / point_size;
    if (q.n_points > max_points)
        return too_many(q.n_points, max_points, problems);
    q.coords = mem_alloc_array(q.n_points, point_size);
    if (!q.coords)
        return problem_no_memory(problems);
    memcpy(q.coords, r->body, r->body_size);
    for (size_t i = 0; i < q.n_points * n_dims; i++)
        if (!isfinite(q.coords[i])) {
            query_deinit(&q);
            return bad_point(i / n_dims, i % n_dims, n_dims, problems);
        }
    *out = q;
    return STATUS_OK;
}

/* --- answers --- */

size_t codec_float_text(float value, char out[FLOAT_TEXT_SIZE])
{
    /* A reader may take "-0" for an integer, which has no sign. */
    if (value == 0.0f)
        return (size_t)snprintf(out, FLOAT_TEXT_SIZE, signbit(value) ? "-0.0" : "0");
    return (size_t)snprintf(out, FLOAT_TEXT_SIZE, "%.9g", (double)value);
}

/* One row of numbers: "[a,b,c]". */
static enum status append_row(const float *values, size_t n, struct buffer *out, struct error *err)
{
    uint8_t *place;
    enum status status = buffer_extend(out, n * FLOAT_TEXT_SIZE + 2, &place, err);
    if (status != STATUS_OK)
        return status;
    uint8_t *at = place;
    *at++ = '[';
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i]))
            return error_set(err, STATUS_INVALID, "/coords", "the field has no finite value there");
        if (i > 0)
            *at++ = ',';
        at += codec_float_text(values[i], (char *)at);
    }
    *at++ = ']';
    out->size -= n * FLOAT_TEXT_SIZE + 2 - (size_t)(at - place); /* what was not needed */
    return STATUS_OK;
}

/* Rows of n_columns numbers: n_rows of them, in brackets. */
static enum status append_rows(const float *values, size_t n_rows, size_t n_columns,
                               struct buffer *out, struct error *err)
{
    enum status status = buffer_append(out, "[", 1, err);
    for (size_t i = 0; i < n_rows && status == STATUS_OK; i++) {
        if (i > 0)
            status = buffer_append(out, ",", 1, err);
        if (status == STATUS_OK)
            status = append_row(values + i * n_columns, n_columns, out, err);
    }
    return status == STATUS_OK ? buffer_append(out, "]", 1, err) : status;
}

static enum status append_gradient(size_t n_points, size_t n_outputs, size_t n_dims,
                                   const float *gradient, struct buffer *out, struct error *err)
{
    enum status status = buffer_append(out, "[", 1, err);
    for (size_t i = 0; i < n_points && status == STATUS_OK; i++) {
        if (i > 0)
            status = buffer_append(out, ",", 1, err);
        if (status == STATUS_OK)
            status = append_rows(gradient + i * n_outputs * n_dims, n_outputs, n_dims, out, err);
    }
    return status == STATUS_OK ? buffer_append(out, "]", 1, err) : status;
}

/* The start of a member; *n_members: those before it. */
static enum status append_name(const char *name, size_t *n_members, struct buffer *out,
                               struct error *err)
{
    return buffer_printf(out, err, "%s\"%s\":", (*n_members)++ ? "," : "", name);
}

enum status codec_query_answer(size_t n_points, size_t n_outputs, size_t n_dims,
                               const struct field_outputs *outputs, struct buffer *out,
                               struct error *err)
{
    size_t n = 0;
    enum status status = buffer_append(out, "{", 1, err);
    if (status == STATUS_OK && outputs->values)
        status = append_name("value", &n, out, err);
    if (status == STATUS_OK && outputs->values)
        status = append_rows(outputs->values, n_points, n_outputs, out, err);
    if (status == STATUS_OK && outputs->gradient)
        status = append_name("gradient", &n, out, err);
    if (status == STATUS_OK && outputs->gradient)
        status = append_gradient(n_points, n_outputs, n_dims, outputs->gradient, out, err);
    if (status == STATUS_OK && outputs->laplacian)
        status = append_name("laplacian", &n, out, err);
    if (status == STATUS_OK && outputs->laplacian)
        status = append_rows(outputs->laplacian, n_points, n_outputs, out, err);
    return status == STATUS_OK ? buffer_append(out, "}", 1, err) : status;
}
