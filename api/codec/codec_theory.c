#include "api/codec/codec_theory.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "api/codec/codec_spec_encoding.h"
#include "api/codec/codec_spec_variant.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

#define ROWS(table)                                                                                \
    {                                                                                              \
        table, sizeof(table) / sizeof *(table)                                                     \
    }
#define MAX_TIME 1e12
#define MAX_SEED 9007199254740991.0

_Static_assert(sizeof(enum ntk_parametrization) == sizeof(int), "names are written as int");

static const char *const parametrization_names[] = {"standard", "ntk", NULL};

#define AT(member) .offset = offsetof(struct ntk_network, member)
static const struct member network_rows[] = {
    {"n_hidden_layers", MEMBER_INTEGER, 0, LIMIT_HIDDEN_LAYERS, AT(n_hidden_layers),
     .fallback = "3"},
    {"width", MEMBER_INTEGER, 1, LIMIT_NTK_WIDTH, AT(width), .fallback = "1024"},
    {"parametrization", MEMBER_NAME, AT(parametrization), .names = parametrization_names,
     .fallback = "\"standard\""},
    {"sigma_w", MEMBER_NUMBER, 0, NTK_MAX_SIGMA, .is_min_open = true, AT(sigma_w),
     .fallback = "1.0"},
    {"sigma_b", MEMBER_NUMBER, 0, NTK_MAX_SIGMA, AT(sigma_b), .fallback = "0.0"},
    {"bias", MEMBER_BOOL, AT(has_bias), .fallback = "true"},
};
#undef AT
const struct member_table theory_network_table = ROWS(network_rows);

struct numbers {
    uint64_t n, dims, seed;
};
#define AT(member) .offset = offsetof(struct numbers, member)
static const struct member kernel_rows[] = {
    {.name = "encoding", .type = MEMBER_CUSTOM},
    {.name = "network", .type = MEMBER_CUSTOM, .fallback = "{}"},
    {"n", MEMBER_INTEGER, 2, THEORY_MAX_N, AT(n), .fallback = "32"},
    {"dims", MEMBER_INTEGER, 1, 2, AT(dims), .fallback = "1"},
    {.name = "at", .type = MEMBER_CUSTOM, .fallback = "null"},
    {.name = "points", .type = MEMBER_CUSTOM, .fallback = "null"},
    {"seed", MEMBER_INTEGER, 0, MAX_SEED, AT(seed), .fallback = "0"},
};
static const struct member regression_rows[] = {
    {.name = "encoding", .type = MEMBER_CUSTOM},
    {.name = "network", .type = MEMBER_CUSTOM, .fallback = "{}"},
    {.name = "train", .type = MEMBER_CUSTOM},
    {.name = "test", .type = MEMBER_CUSTOM, .fallback = "{}"},
    {.name = "times", .type = MEMBER_CUSTOM},
    {"seed", MEMBER_INTEGER, 0, MAX_SEED, AT(seed), .fallback = "0"},
};
#undef AT
const struct member_table theory_kernel_table = ROWS(kernel_rows);
const struct member_table theory_regression_table = ROWS(regression_rows);

struct field_members {
    uint64_t output;
    int frame;
};
#define AT(member) .offset = offsetof(struct field_members, member)
static const struct member field_rows[] = {
    {.name = "points", .type = MEMBER_CUSTOM},
    {"frame", MEMBER_NAME, AT(frame), .names = query_frames, .fallback = "\"source\""},
    {"output", MEMBER_INTEGER, 0, MLP_MAX_OUTPUTS - 1, .is_nullable = true, AT(output),
     .fallback = "null"},
};
#undef AT
const struct member_table theory_field_table = ROWS(field_rows);

void theory_deinit(struct theory *t)
{
    encoding_free(t->encoding);
    mem_free(t->params);
    json_decref(t->encoding_json);
    json_decref(t->network_json);
    *t = (struct theory){0};
}

void theory_kernel_deinit(struct theory_kernel *k)
{
    theory_deinit(&k->theory);
    mem_free(k->points);
    k->points = NULL;
}

void theory_regression_deinit(struct theory_regression *r)
{
    theory_deinit(&r->theory);
    mem_free(r->train_x);
    mem_free(r->train_y);
    mem_free(r->train_start);
    mem_free(r->test_x);
    mem_free(r->test_start);
    mem_free(r->times);
    *r = (struct theory_regression){0};
}

/* --- encoding and network --- */

/* The spec's encoding with its numbers. */
static enum status make_encoding(struct theory *t, const struct spec *spec, uint64_t seed,
                                 struct problem_list *problems)
{
    struct error err = {0};
    if (encoding_create(&t->encoding, &spec->field.encoding, &err) != STATUS_OK ||
        ntk_check(&t->network, t->encoding, &err) != STATUS_OK)
        return problem_add_error(problems, "", &err);
    t->params = mem_alloc_floats(encoding_n_params(t->encoding) + 1);
    if (!t->params)
        return problem_no_memory(problems);
    encoding_init(t->encoding, &spec->field.encoding, seed, t->params);
    return STATUS_OK;
}

enum status codec_theory_network(json_t *asked, struct ntk_network *out, json_t **complete,
                                 struct problem_list *problems)
{
    enum status status = codec_json_resolve(asked, NULL, "/network", network_rows,
                                            theory_network_table.n, complete, problems);
    if (status == STATUS_OK)
        status = codec_json_members(*complete, "/network", network_rows, theory_network_table.n,
                                    out, problems);
    return status;
}

/* What is left to the data: here there are none. */
static enum status check_tuned(const struct spec *spec, struct problem_list *problems)
{
    char place[POINTER_SIZE];
    if (spec->tuned == TUNE_NOTHING)
        return STATUS_OK;
    codec_json_pointer(place, "/encoding", tune_member_name(spec->tuned));
    return problem_add(problems, STATUS_UNSUPPORTED, place,
                       "'%s' \"auto\" is chosen from a dataset's samples: give a number",
                       tune_member_name(spec->tuned));
}

/* Signals' features are normalized where nothing is said, and so are these. */
static enum status read_theory(json_t *body, size_t n_dims, uint64_t seed, struct theory *t,
                               struct problem_list *problems)
{
    const struct spec_facts facts = {.kind = DATA_SIGNAL,
                                     .n_dims = n_dims,
                                     .width = THEORY_MAX_N,
                                     .height = n_dims > 1 ? THEORY_MAX_N : 1,
                                     .depth = 1,
                                     .channels = 1};
    struct spec spec = {.field.encoding.n_inputs = n_dims};
    json_t *asked = json_object_get(body, "encoding");
    if (!asked)
        return problem_add(problems, STATUS_INVALID, "/encoding", "'encoding' is missing");
    t->encoding_json = spec_encoding_resolve(asked, NULL, "/encoding", &facts, problems);
    if (!t->encoding_json)
        return problems->status;
    enum status status = codec_theory_network(json_object_get(body, "network"), &t->network,
                                              &t->network_json, problems);
    if (status == STATUS_OK)
        status = spec_encoding_read(t->encoding_json, &spec, problems);
    if (status == STATUS_OK)
        status = check_tuned(&spec, problems);
    if (status == STATUS_OK)
        status = make_encoding(t, &spec, seed, problems);
    spec_deinit(&spec);
    return status;
}

/* The body's own numbers, filled in. */
static enum status read_numbers(json_t *body, const struct member_table *table, struct numbers *out,
                                struct problem_list *problems)
{
    json_t *complete = NULL;
    enum status status =
        codec_json_resolve(body, NULL, "", table->rows, table->n, &complete, problems);
    if (status == STATUS_OK)
        status = codec_json_members(complete, "", table->rows, table->n, out, problems);
    json_decref(complete);
    return status;
}

/* --- arrays of points --- */

/* Where an array of points stands in a body, for its problems. */
struct place {
    const char *parent, *name; /* parent: NULL for the body itself */
};

static enum status bad_row(const struct place *at, size_t i, size_t n_columns,
                           struct problem_list *problems)
{
    char pointer[POINTER_SIZE];
    snprintf(pointer, sizeof pointer, "%s%s/%s/%zu", at->parent ? "/" : "",
             at->parent ? at->parent : "", at->name, i);
    return problem_add(problems, STATUS_INVALID, pointer,
                       "'%s' must be rows of %zu numbers of at most 1e6 in size%s", at->name,
                       n_columns, n_columns == 1 ? ", or numbers alone" : "");
}

static bool take_number(const json_t *value, double *out)
{
    *out = json_number_value(value);
    return json_is_number(value) && fabs(*out) <= 1e6;
}

/* Rows [n, n_columns]; of one column they may be numbers alone. */
static enum status read_rows(const json_t *array, const struct place *at, size_t n_columns,
                             double **out, struct problem_list *problems)
{
    const size_t n = json_array_size(array);
    double *numbers = mem_alloc_array(n * n_columns, sizeof *numbers);
    if (!numbers)
        return problem_no_memory(problems);
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(array, i);
        bool ok = json_is_array(row) ? json_array_size(row) == n_columns : n_columns == 1;
        for (size_t c = 0; ok && c < n_columns; c++)
            ok = take_number(json_is_array(row) ? json_array_get(row, c) : row,
                             &numbers[i * n_columns + c]);
        if (!ok) {
            mem_free(numbers);
            return bad_row(at, i, n_columns, problems);
        }
    }
    *out = numbers;
    return STATUS_OK;
}

static size_t columns_of(const json_t *array)
{
    const json_t *first = json_array_get(array, 0);
    return json_is_array(first) ? json_array_size(first) : 1;
}

/* --- kernels --- */

static bool is_given(const json_t *value)
{
    return value && !json_is_null(value);
}

/* Points in place of a grid: what says something of a grid must not stand beside them. */
static enum status read_points(const json_t *body, struct theory_kernel *k,
                               struct problem_list *problems)
{
    static const char *const of_grids[] = {"n", "dims", "at"};
    const json_t *points = json_object_get(body, "points");
    for (size_t i = 0; i < sizeof of_grids / sizeof *of_grids; i++)
        if (is_given(json_object_get(body, of_grids[i])))
            return problem_add(problems, STATUS_INVALID, "/points",
                               "'points' stand in place of a grid: give them or '%s', not both",
                               of_grids[i]);
    k->n = json_array_size(points);
    k->n_dims = columns_of(points);
    if (k->n < 1 || k->n > THEORY_MAX_MATRIX)
        return problem_add(problems, STATUS_INVALID, "/points",
                           "'points' must be an array of 1..%d points, got %zu", THEORY_MAX_MATRIX,
                           k->n);
    if (k->n_dims < 1 || k->n_dims > LIMIT_DIMS)
        return problem_add(problems, STATUS_INVALID, "/points",
                           "points have 1..%d coordinates, the first has %zu", LIMIT_DIMS,
                           k->n_dims);
    return read_rows(points, &(struct place){.name = "points"}, k->n_dims, &k->points, problems);
}

static enum status read_at(const json_t *at, struct theory_kernel *k, struct problem_list *problems)
{
    bool ok = json_array_size(at) == k->n_dims;
    for (size_t d = 0; ok && d < k->n_dims; d++)
        ok = take_number(json_array_get(at, d), &k->at[d]);
    k->has_at = true;
    return ok ? STATUS_OK
              : problem_add(problems, STATUS_INVALID, "/at",
                            "'at' must be an array of %zu numbers of at most 1e6 in size, as many "
                            "as 'dims'",
                            k->n_dims);
}

static enum status check_size(const struct theory_kernel *k, struct problem_list *problems)
{
    const size_t n_points = k->n_dims == 2 ? k->n * k->n : k->n;
    if (k->n_dims == 2 && k->n > THEORY_MAX_PLANE)
        return problem_add(problems, STATUS_INVALID, "/n", "'n' of two dimensions is at most %d",
                           THEORY_MAX_PLANE);
    if (!encoding_is_stationary(k->theory.encoding) && n_points > THEORY_MAX_DENSE)
        return problem_add(problems, STATUS_INVALID, "/n",
                           "the eigenvalues of a kernel that is not stationary are found for at "
                           "most %d points, these are %zu",
                           THEORY_MAX_DENSE, n_points);
    return STATUS_OK;
}

enum status codec_theory_kernel(json_t *body, struct theory_kernel *out,
                                struct problem_list *problems)
{
    struct numbers numbers = {0};
    struct theory_kernel k = {0};
    enum status status = read_numbers(body, &theory_kernel_table, &numbers, problems);
    if (status != STATUS_OK)
        return status;
    k.n = (size_t)numbers.n;
    k.n_dims = (size_t)numbers.dims;
    if (is_given(json_object_get(body, "points")))
        status = read_points(body, &k, problems);
    else if (is_given(json_object_get(body, "at")))
        status = read_at(json_object_get(body, "at"), &k, problems);
    if (status == STATUS_OK)
        status = read_theory(body, k.n_dims, numbers.seed, &k.theory, problems);
    if (status == STATUS_OK && !k.points)
        status = check_size(&k, problems);
    if (status == STATUS_OK)
        *out = k;
    else
        theory_kernel_deinit(&k);
    return status;
}

/* --- fields --- */

static enum status read_field_members(json_t *body, size_t n_outputs, struct theory_field *q,
                                      struct problem_list *problems)
{
    struct field_members members = {0};
    json_t *complete = NULL;
    enum status status =
        codec_json_resolve(body, NULL, "", field_rows, theory_field_table.n, &complete, problems);
    if (status == STATUS_OK)
        status =
            codec_json_members(complete, "", field_rows, theory_field_table.n, &members, problems);
    json_decref(complete);
    q->frame = (enum query_frame)members.frame;
    q->is_mean = !is_given(json_object_get(body, "output"));
    q->first_output = (size_t)members.output;
    q->n_outputs = q->is_mean ? n_outputs : 1;
    if (status == STATUS_OK && q->first_output >= n_outputs)
        return problem_add(problems, STATUS_INVALID, "/output",
                           "the field has %zu outputs, counted from 0", n_outputs);
    return status;
}

enum status codec_theory_field(json_t *body, size_t n_inputs, size_t n_outputs,
                               struct theory_field *out, struct problem_list *problems)
{
    struct theory_field q = {0};
    const json_t *points = json_object_get(body, "points");
    enum status status = read_field_members(body, n_outputs, &q, problems);
    if (status != STATUS_OK)
        return status;
    q.n = json_array_size(points);
    if (q.n < 1 || q.n > THEORY_MAX_FIELD_POINTS)
        return problem_add(problems, STATUS_INVALID, "/points",
                           "'points' must be an array of 1..%d points, got %zu",
                           THEORY_MAX_FIELD_POINTS, q.n);
    status = read_rows(points, &(struct place){.name = "points"}, n_inputs, &q.points, problems);
    if (status == STATUS_OK)
        *out = q;
    return status;
}

/* --- regression --- */

/* Points of one set: x, for training y, and where the network starts there. */
static enum status check_set(const json_t *set, const char *name, bool has_targets, size_t *n,
                             struct problem_list *problems)
{
    char pointer[POINTER_SIZE];
    const char *key;
    const json_t *value;
    codec_json_pointer(pointer, "", name);
    *n = json_array_size(json_object_get(set, "x"));
    if (*n < 1 || *n > THEORY_MAX_POINTS)
        return problem_add(problems, STATUS_INVALID, pointer,
                           "'%s' must be an object whose 'x' are 1..%d points", name,
                           THEORY_MAX_POINTS);
    json_object_foreach ((json_t *)set, key, value) {
        const bool is_known = strcmp(key, "x") == 0 || strcmp(key, "start") == 0 ||
                              (has_targets && strcmp(key, "y") == 0);
        char place[POINTER_SIZE];
        codec_json_pointer(place, pointer, key);
        if (!is_known)
            return problem_add(problems, STATUS_INVALID, place,
                               "'%.80s' is not a member known here", key);
        if (json_array_size(value) != *n)
            return problem_add(problems, STATUS_INVALID, place,
                               "'%s' must be an array of %zu, as many as 'x' has", key, *n);
    }
    return !has_targets || json_object_get(set, "y")
               ? STATUS_OK
               : problem_add(problems, STATUS_INVALID, pointer, "'y' of '%s' is missing", name);
}

static enum status read_start(const json_t *set, const char *name, size_t n, size_t n_channels,
                              double **out, struct problem_list *problems)
{
    const json_t *start = json_object_get(set, "start");
    if (start)
        return read_rows(start, &(struct place){name, "start"}, n_channels, out, problems);
    *out = mem_alloc_array(n * n_channels, sizeof **out);
    return *out ? STATUS_OK : problem_no_memory(problems);
}

static enum status read_times(const json_t *times, struct theory_regression *r,
                              struct problem_list *problems)
{
    r->n_times = json_array_size(times);
    if (r->n_times < 1 || r->n_times > THEORY_MAX_TIMES)
        return problem_add(problems, STATUS_INVALID, "/times", "'times' must be an array of 1..%d",
                           THEORY_MAX_TIMES);
    r->times = mem_alloc_array(r->n_times, sizeof *r->times);
    if (!r->times)
        return problem_no_memory(problems);
    for (size_t i = 0; i < r->n_times; i++) {
        const json_t *time = json_array_get(times, i);
        const char *text = json_string_value(time);
        char pointer[POINTER_SIZE];
        snprintf(pointer, sizeof pointer, "/times/%zu", i);
        r->times[i] = text ? INFINITY : json_number_value(time);
        if (text ? strcmp(text, "infinity") != 0
                 : !json_is_number(time) || !(r->times[i] >= 0 && r->times[i] <= MAX_TIME))
            return problem_add(
                problems, STATUS_INVALID, pointer,
                "a time is a number in 0..%g, learning rate x steps, or \"infinity\"", MAX_TIME);
    }
    return STATUS_OK;
}

static enum status read_regression(json_t *body, struct theory_regression *r,
                                   struct problem_list *problems)
{
    const json_t *train = json_object_get(body, "train"), *test = json_object_get(body, "test");
    enum status status = check_set(train, "train", true, &r->n_train, problems);
    if (status == STATUS_OK && test)
        status = check_set(test, "test", false, &r->n_test, problems);
    if (status != STATUS_OK)
        return status;
    const json_t *x = json_object_get(train, "x"), *y = json_object_get(train, "y");
    r->n_dims = columns_of(x);
    r->n_channels = columns_of(y);
    if (r->n_dims < 1 || r->n_dims > LIMIT_DIMS)
        return problem_add(problems, STATUS_INVALID, "/train/x", "points have 1..%d coordinates",
                           LIMIT_DIMS);
    if (r->n_channels < 1 || r->n_channels > LIMIT_CHANNELS)
        return problem_add(problems, STATUS_INVALID, "/train/y", "targets have 1..%d numbers",
                           LIMIT_CHANNELS);
    status = read_rows(x, &(struct place){"train", "x"}, r->n_dims, &r->train_x, problems);
    if (status == STATUS_OK)
        status = read_rows(y, &(struct place){"train", "y"}, r->n_channels, &r->train_y, problems);
    if (status == STATUS_OK)
        status = read_start(train, "train", r->n_train, r->n_channels, &r->train_start, problems);
    if (status == STATUS_OK && test)
        status = read_rows(json_object_get(test, "x"), &(struct place){"test", "x"}, r->n_dims,
                           &r->test_x, problems);
    if (status == STATUS_OK && test)
        status = read_start(test, "test", r->n_test, r->n_channels, &r->test_start, problems);
    if (status == STATUS_OK)
        status = read_times(json_object_get(body, "times"), r, problems);
    return status;
}

/* For each time what training points, others and eigenvectors have. */
static enum status check_answer(const struct theory_regression *r, struct problem_list *problems)
{
    const size_t n = r->n_times * r->n_channels * (2 * r->n_train + r->n_test);
    return n <= THEORY_MAX_NUMBERS
               ? STATUS_OK
               : problem_add(problems, STATUS_INVALID, "/times",
                             "the answer would have %zu numbers, the limit is %d", n,
                             THEORY_MAX_NUMBERS);
}

enum status codec_theory_regression(json_t *body, struct theory_regression *out,
                                    struct problem_list *problems)
{
    struct numbers numbers = {0};
    struct theory_regression r = {0};
    enum status status = read_numbers(body, &theory_regression_table, &numbers, problems);
    if (status == STATUS_OK)
        status = read_regression(body, &r, problems);
    if (status == STATUS_OK)
        status = check_answer(&r, problems);
    if (status == STATUS_OK)
        status = read_theory(body, r.n_dims, numbers.seed, &r.theory, problems);
    if (status == STATUS_OK)
        *out = r;
    else
        theory_regression_deinit(&r);
    return status;
}

/* --- answers --- */

json_t *codec_theory_numbers(const double *numbers, size_t n)
{
    json_t *array = json_array();
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < n; i++)
        ok = json_array_append_new(array, codec_json_measured(numbers[i])) == 0;
    if (ok)
        return array;
    json_decref(array);
    return NULL;
}

json_t *codec_theory_rows(const double *numbers, size_t n_rows, size_t n_columns)
{
    json_t *rows = json_array();
    bool ok = rows != NULL;
    for (size_t i = 0; ok && i < n_rows; i++)
        ok = json_array_append_new(rows,
                                   codec_theory_numbers(numbers + i * n_columns, n_columns)) == 0;
    if (ok)
        return rows;
    json_decref(rows);
    return NULL;
}

json_t *codec_theory_condition(size_t n, const double *spectrum)
{
    double most = 0, least = INFINITY;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs(spectrum[i]));
        least = fmin(least, fabs(spectrum[i]));
    }
    return least > 1e-15 * most ? codec_json_measured(most / least) : json_null();
}

json_t *codec_theory_matrix(size_t n, const double *kernel, const double *spectrum)
{
    return json_pack("{s:o, s:o, s:o}", "kernel", codec_theory_rows(kernel, n, n), "spectrum",
                     codec_theory_numbers(spectrum, n), "condition",
                     codec_theory_condition(n, spectrum));
}
