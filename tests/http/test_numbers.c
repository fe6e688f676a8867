/*
 * Every number that a client can send, generated from the service's own openapi: each is set in
 * turn to what no schema allows (and to its ends), and must be refused by its name, with nothing
 * begun.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/harness/harness.h"
#include "tests/harness/specimen.h"
#include "tests/http/fit.h"

enum { PLACE_SIZE = 96, TOKEN_SIZE = 48, MAX_TOKENS = 40, SHAPE_FIT = 5 };

/* Where a number goes, in bodies that are dumped and then filled. */
static const char mark[] = "@number@";

static struct service service;
static json_t *api;
static char dataset[ID_TEXT], done_job[ID_TEXT], field[ID_TEXT];
static char solid[ID_TEXT];              /* a field of three dimensions */
static char shape[ID_TEXT];              /* one that a camera can see */
static size_t n_sent, n_refused, n_jobs; /* n_jobs: accepted by POST /v1/jobs or resume */
static double slowest;

/* --- tokens --- */

struct tokens {
    char text[MAX_TOKENS][TOKEN_SIZE];
    size_t n;
};

static void add(struct tokens *t, const char *text)
{
    assert_true(t->n < MAX_TOKENS);
    snprintf(t->text[t->n++], TOKEN_SIZE, "%s", text);
}

/* Beyond a limit by as little as a float32 can tell. */
static void add_beyond(struct tokens *t, const json_t *limit, double direction)
{
    char text[TOKEN_SIZE];
    if (!limit)
        return;
    if (json_is_integer(limit))
        snprintf(text, sizeof(text), "%lld",
                 (long long)json_integer_value(limit) + (long long)direction);
    else
        snprintf(text, sizeof(text), "%.17g",
                 json_real_value(limit) + direction * (1e-3 + 1e-3 * fabs(json_real_value(limit))));
    add(t, text);
}

static struct tokens tokens_for(const json_t *schema)
{
    static const char always[] = "NaN Infinity -Infinity 1e308 1e400 -1e308 9223372036854775808 "
                                 "18446744073709551616 -1 0 1.5 -9223372036854775809 null true "
                                 "\"1\" [] {} 0x10 1e --1";
    struct tokens t = {.n = 0};
    char all[sizeof always], *rest = all;
    memcpy(all, always, sizeof always);
    for (char *one; (one = strsep(&rest, " "));)
        add(&t, one);
    add_beyond(&t, json_object_get(schema, "minimum"), -1);
    add_beyond(&t, json_object_get(schema, "exclusiveMinimum"), 0);
    add_beyond(&t, json_object_get(schema, "maximum"), 1);
    add_beyond(&t, json_object_get(schema, "exclusiveMaximum"), 0);
    return t;
}

static bool has_type(const json_t *schema, const char *name)
{
    const json_t *type = json_object_get(schema, "type"), *one;
    size_t i;
    json_array_foreach (type, i, one)
        if (strcmp(json_string_value(one), name) == 0)
            return true;
    return json_is_string(type) && strcmp(json_string_value(type), name) == 0;
}

static bool is_number(const json_t *schema)
{
    return has_type(schema, "integer") || has_type(schema, "number");
}

static bool is_in_range(const json_t *schema, double value)
{
    const json_t *low = json_object_get(schema, "minimum");
    const json_t *high = json_object_get(schema, "maximum");
    const json_t *above = json_object_get(schema, "exclusiveMinimum");
    const json_t *below = json_object_get(schema, "exclusiveMaximum");
    return !(low && value < json_number_value(low)) && !(high && value > json_number_value(high)) &&
           !(above && value <= json_number_value(above)) &&
           !(below && value >= json_number_value(below));
}

/* Does the schema allow this JSON text? */
static bool allows(const json_t *schema, const char *token)
{
    const size_t flags = has_type(schema, "number") ? JSON_DECODE_INT_AS_REAL : 0;
    json_t *value = json_loads(token, JSON_DECODE_ANY | flags, NULL);
    bool allowed = json_is_null(value) && has_type(schema, "null");
    if (json_is_number(value))
        allowed = (json_is_integer(value) || has_type(schema, "number")) &&
                  is_in_range(schema, json_number_value(value));
    json_decref(value);
    return allowed;
}

/* --- sending --- */

static struct answer timed_send(const struct request *request)
{
    const double start = now_seconds();
    struct answer a = service_send(&service, request);
    slowest = fmax(slowest, now_seconds() - start);
    n_sent++;
    return a;
}

/* The number's place, or that of the whole array where none is known there. */
static bool is_place(const char *named, const char *pointer)
{
    const size_t n = strlen(named);
    return strncmp(pointer, named, n) == 0 &&
           (pointer[n] == '\0' || strcmp(pointer + n, "/0") == 0);
}

/* A problem whose first place is this one. */
static void must_name(struct answer a, const char *pointer, const char *what)
{
    json_t *problem = json_loadb((const char *)a.body.data, a.body.n, 0, NULL);
    const char *type = answer_header(&a, "Content-Type");
    const json_t *first = json_array_get(json_object_get(problem, "errors"), 0);
    const char *named = json_string_value(json_object_get(first, "pointer"));
    if (a.status < 400 || a.status >= 500 || strcmp(type, "application/problem+json") != 0 ||
        !named || !is_place(named, pointer))
        fail_msg("%s: %ld %s", what, a.status, a.body.data ? (char *)a.body.data : "");
    n_refused++;
    json_decref(problem);
    answer_free(&a);
}

/* The schema allows it: whatever else is wrong is the client's, and what was begun is ended. */
static void may_pass(struct answer a, const char *what)
{
    if (a.status < 200 || a.status >= 500)
        fail_msg("%s: %ld %s", what, a.status, a.body.data ? (char *)a.body.data : "");
    if (a.status == 202) {
        json_t *job = json_loadb((const char *)a.body.data, a.body.n, 0, NULL);
        char path[128];
        snprintf(path, sizeof(path), "/v1/jobs/%s/cancel", member_text(job, "id"));
        answer_status(service_send(&service, &(struct request){.method = "POST", .path = path}),
                      200);
        json_decref(job);
        n_jobs++;
    }
    answer_free(&a);
}

/* --- bodies --- */

static const json_t *resolve(const json_t *schema)
{
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    const json_t *schemas = json_object_get(json_object_get(api, "components"), "schemas");
    return ref ? json_object_get(schemas, strrchr(ref, '/') + 1) : schema;
}

/* A number of a body: its schema, its pointer, and the value around it as JSON with the mark. */
typedef void (*number_visit)(const json_t *schema, const char *pointer, json_t *value,
                             void *context);

struct wrap {
    number_visit visit;
    void *context;
    const struct wrap *outer;
    const json_t *schema; /* of the object or array around */
    const char *name;     /* NULL: an element */
    const json_t *type;   /* the constant of the object's "type", or NULL */
};

/* Something that the schema allows. */
static json_t *sample(const json_t *schema)
{
    schema = resolve(schema);
    if (!has_type(schema, "array"))
        return json_integer(1);
    json_t *array = json_array();
    const json_int_t n = json_integer_value(json_object_get(schema, "minItems"));
    for (json_int_t i = 0; i < n; i++)
        json_array_append_new(array, sample(json_object_get(schema, "items")));
    return array;
}

/* Members without which another has no meaning. */
static void add_condition(json_t *object, const char *name)
{
    if (strcmp(name, "omega") == 0)
        json_object_set_new(object, "activation", json_string("sin"));
    if (strcmp(name, "holdout_fraction") == 0)
        json_object_set_new(object, "holdout", json_string("fraction"));
}

/* value: taken. */
static json_t *wrap_value(const struct wrap *w, json_t *value)
{
    if (!w->name) {
        json_t *array = sample(w->schema);
        if (json_array_size(array) == 0)
            json_array_append(array, value);
        json_array_set_new(array, 0, value);
        return array;
    }
    json_t *object = json_object();
    const json_t *required = json_object_get(w->schema, "required"), *one;
    const json_t *properties = json_object_get(w->schema, "properties");
    size_t i;
    if (w->type)
        json_object_set(object, "type", (json_t *)w->type);
    json_array_foreach (required, i, one) {
        const json_t *member = json_object_get(properties, json_string_value(one));
        if (!json_object_get(object, json_string_value(one)) && !has_type(member, "string"))
            json_object_set_new(object, json_string_value(one), sample(member));
    }
    json_object_set_new(object, w->name, value);
    add_condition(object, w->name);
    return object;
}

static void walk(const json_t *schema, const char *pointer, const struct wrap *outer)
{
    const json_t *one;
    const char *name;
    json_t *member;
    size_t i;
    schema = resolve(schema);
    if (is_number(schema)) {
        json_t *value = json_string(mark);
        for (const struct wrap *w = outer; w->outer; w = w->outer)
            value = wrap_value(w, value);
        outer->visit(schema, pointer, value, outer->context);
        json_decref(value);
        return;
    }
    json_array_foreach (json_object_get(schema, "oneOf"), i, one)
        walk(one, pointer, outer);
    const json_t *properties = json_object_get(schema, "properties");
    struct wrap w = {outer->visit, outer->context,
                     outer,        schema,
                     NULL,         json_object_get(json_object_get(properties, "type"), "const")};
    char place[PLACE_SIZE];
    json_object_foreach ((json_t *)properties, name, member) {
        snprintf(place, sizeof(place), "%.60s/%.30s", pointer, name);
        w.name = name;
        walk(member, place, &w);
    }
    one = json_object_get(schema, "items");
    if (one) {
        snprintf(place, sizeof(place), "%.90s/0", pointer);
        w.name = NULL;
        walk(one, place, &w);
    }
}

static const json_t *body_schema(const char *path)
{
    const json_t *operation =
        json_object_get(json_object_get(json_object_get(api, "paths"), path), "post");
    const json_t *content = json_object_get(json_object_get(operation, "requestBody"), "content");
    return json_object_get(json_object_get(content, "application/json"), "schema");
}

struct target {
    const char *path;
    const char *dataset; /* of a job's body, or NULL */
    const char *below;   /* of the body, its numbers alone; NULL: all */
    size_t n_numbers;
};

static void send_body(const struct target *t, const char *text, const char *token, bool is_allowed,
                      const char *pointer)
{
    char body[2048], what[256];
    const char *at = strstr(text, mark);
    assert_non_null(at);
    snprintf(body, sizeof(body), "%.*s%s%s", (int)(at - 1 - text), text, token,
             at + sizeof(mark)); /* without the quotes */
    snprintf(what, sizeof(what), "%s %.180s", t->path, body);
    struct answer a = timed_send(&(struct request){
        .path = t->path, .content_type = "application/json", .body = body, .n_body = strlen(body)});
    if (is_allowed)
        may_pass(a, what);
    else
        must_name(a, pointer, what);
}

static void try_number(const json_t *schema, const char *pointer, json_t *value, void *context)
{
    struct target *t = context;
    const struct tokens tokens = tokens_for(schema);
    if (t->below && strncmp(pointer, t->below, strlen(t->below)) != 0)
        return;
    if (t->dataset)
        json_object_set_new(value, "dataset_id", json_string(t->dataset));
    char *text = json_dumps(value, JSON_COMPACT);
    t->n_numbers++;
    for (size_t i = 0; i < tokens.n; i++)
        send_body(t, text, tokens.text[i], allows(schema, tokens.text[i]), pointer);
    free(text);
}

static size_t try_bodies(const char *template, const char *path, const char *dataset_id,
                         const char *below)
{
    struct target t = {path, dataset_id, below, 0};
    const struct wrap root = {.visit = try_number, .context = &t};
    walk(body_schema(template), "", &root);
    return t.n_numbers;
}

/* --- tests --- */

static void numbers_of_a_job_are_refused_by_name_and_begin_nothing(void **state)
{
    (void)state;
    const size_t before = count_items(&service, "/v1/jobs");
    n_jobs = 0;
    size_t n = try_bodies("/v1/jobs", "/v1/jobs", dataset, NULL);
    assert_true(n >= 25); /* as many as there were when this was written */
    for (enum specimen kind = SPECIMEN_VOLUME; kind < N_SPECIMENS; kind++) {
        char id[ID_TEXT];
        specimen_upload(&service, kind, &(struct dice){.state = 2}, id);
        n += try_bodies("/v1/jobs", "/v1/jobs", id, "/measure");
    }
    assert_int_equal(count_items(&service, "/v1/jobs"), before + n_jobs);
    harness_print("numbers: %zu of a job, %zu jobs accepted and cancelled\n", n, n_jobs);
}

static void numbers_of_a_resume_are_refused_by_name_and_begin_nothing(void **state)
{
    (void)state;
    char path[128];
    const size_t before = count_items(&service, "/v1/jobs");
    n_jobs = 0;
    snprintf(path, sizeof(path), "/v1/jobs/%s/resume", done_job);
    assert_int_equal(try_bodies("/v1/jobs/{id}/resume", path, NULL, NULL), 1);
    assert_int_equal(count_items(&service, "/v1/jobs"), before + n_jobs);
}

static void numbers_of_a_query_are_refused_by_name(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof(path), "/v1/fields/%s/query", field);
    assert_int_equal(try_bodies("/v1/fields/{id}/query", path, NULL, NULL), 1);
}

/* Of a camera, too, each number in its place: it has parts of which one excludes the other. */
static void numbers_of_a_render_are_refused_by_name(void **state)
{
    (void)state;
#define SIZE "\"width\":6,\"height\":5"
#define NUMBER "\"@number@\""
#define LOOK "\"look_at\":{\"eye\":[4,3,2],\"target\":[0,0,0]}"
#define COORDINATE "Camera.properties.c2w.items.items"
    static const struct {
        const char *schema, *pointer, *body;
    } rows[] = {
        {"Render.properties.width", "/width",
         "{\"width\":" NUMBER ",\"height\":1,\"camera\":{" LOOK ",\"focal\":9}}"},
        {"Render.properties.height", "/height",
         "{\"width\":1,\"height\":" NUMBER ",\"camera\":{" LOOK ",\"focal\":9}}"},
        {"Camera.properties.fov_degrees", "/camera/fov_degrees",
         "{" SIZE ",\"camera\":{" LOOK ",\"fov_degrees\":" NUMBER "}}"},
        {"Camera.properties.focal", "/camera/focal",
         "{" SIZE ",\"camera\":{" LOOK ",\"focal\":" NUMBER "}}"},
        {COORDINATE, "/camera/c2w/1/3",
         "{" SIZE ",\"camera\":{\"focal\":9,\"c2w\":[[1,0,0,0],[0,1,0," NUMBER "],[0,0,1,4]]}}"},
        {COORDINATE, "/camera/look_at/eye/0",
         "{" SIZE ",\"camera\":{\"focal\":9,\"look_at\":{\"eye\":[" NUMBER ",3,2],"
         "\"target\":[0,0,0]}}}"},
        {COORDINATE, "/camera/look_at/up/1",
         "{" SIZE ",\"camera\":{\"focal\":9,\"look_at\":{\"eye\":[4,3,2],"
         "\"target\":[0,0,0],\"up\":[0," NUMBER ",1]}}}"},
    };
#undef COORDINATE
#undef SIZE
#undef NUMBER
#undef LOOK
    char path[128];
    snprintf(path, sizeof(path), "/v1/fields/%s/render", shape);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char schema[96];
        snprintf(schema, sizeof(schema), "components.schemas.%s", rows[i].schema);
        const json_t *number = member_get(api, schema);
        const struct tokens tokens = tokens_for(number);
        const struct target t = {path, NULL, NULL, 0};
        for (size_t k = 0; k < tokens.n; k++)
            send_body(&t, rows[i].body, tokens.text[k], allows(number, tokens.text[k]),
                      rows[i].pointer);
    }
}

/* Anything but the letters of numbers, escaped. */
static void escape(const char *text, char out[3 * TOKEN_SIZE])
{
    for (; *text; text++)
        out += strchr("[]{}\"+", *text) ? sprintf(out, "%%%02X", (unsigned)*text)
                                        : sprintf(out, "%c", *text);
    *out = '\0';
}

/* A number in a query is digits, a point, an exponent: not null, even where JSON allows it. */
static bool allows_argument(const json_t *schema, const char *token)
{
    return strcmp(token, "null") != 0 && allows(schema, token);
}

/* path: with the id filled in; others: arguments that are needed beside this one. */
static void try_argument(const char *path, const char *name, const json_t *schema,
                         const char *others)
{
    const struct tokens tokens = tokens_for(schema);
    char pointer[PLACE_SIZE];
    snprintf(pointer, sizeof(pointer), "/%s", name);
    for (size_t i = 0; i < tokens.n; i++) {
        char value[3 * TOKEN_SIZE], target[640];
        escape(tokens.text[i], value);
        snprintf(target, sizeof(target), "%s?%s=%s%s", path, name, value, others);
        struct answer a = timed_send(&(struct request){.path = target});
        if (allows_argument(schema, tokens.text[i]))
            may_pass(a, target);
        else
            must_name(a, pointer, target);
    }
}

static void fill_id(const char *template, char out[128])
{
    const char *id = strstr(template, "{id}");
    const bool is_solid = strstr(template, "/slice") || strstr(template, "/mesh") ||
                          strstr(template, "/volume") || strstr(template, "/render");
    const char *value = strstr(template, "/datasets/") ? dataset
                        : strstr(template, "/jobs/")   ? done_job
                        : is_solid                     ? solid
                                                       : field;
    snprintf(out, 128, "%.*s%s%s", id ? (int)(id - template) : (int)strlen(template), template,
             id ? value : "", id ? id + 4 : "");
}

/* The other required numbers of an operation: "&y=1". */
static void list_others(const json_t *parameters, const json_t *mine, char out[256])
{
    const json_t *other;
    size_t i, n = 0;
    out[0] = '\0';
    json_array_foreach (parameters, i, other) {
        const char *in = json_string_value(json_object_get(other, "in"));
        if (other != mine && in && strcmp(in, "query") == 0 &&
            json_is_true(json_object_get(other, "required")))
            n += (size_t)snprintf(out + n, 256 - n, "&%s=1",
                                  json_string_value(json_object_get(other, "name")));
    }
}

static const json_t *parameter_of(const json_t *parameter)
{
    const char *ref = json_string_value(json_object_get(parameter, "$ref"));
    const json_t *shared = json_object_get(json_object_get(api, "components"), "parameters");
    return ref ? json_object_get(shared, strrchr(ref, '/') + 1) : parameter;
}

static void numbers_in_queries_are_refused_by_name(void **state)
{
    (void)state;
    const char *template;
    json_t *item;
    size_t n = 0;
    json_object_foreach (json_object_get(api, "paths"), template, item) {
        const json_t *parameters = json_object_get(json_object_get(item, "get"), "parameters"), *p;
        size_t i;
        json_array_foreach (parameters, i, p) {
            const json_t *parameter = parameter_of(p);
            const json_t *schema = json_object_get(parameter, "schema");
            char path[128], others[256];
            if (!is_number(schema) ||
                strcmp(json_string_value(json_object_get(parameter, "in")), "query") != 0)
                continue;
            fill_id(template, path);
            list_others(parameters, p, others);
            try_argument(path, json_string_value(json_object_get(parameter, "name")), schema,
                         others);
            n++;
        }
    }
    assert_true(n >= 9);
    harness_print("numbers: %zu arguments of queries\n", n);
}

static void the_four_numbers_of_a_region_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"",           "1",           "1,2,3",       "1,2,3,4,5",
                                      "0,0,NaN,1",  "0,0,1e400,1", "0,0,1e308,1", "0,0,1,Infinity",
                                      "1,0,0,1",    "0,1,1,0",     "0,0,0,0",     "0,0,,1",
                                      "0,0,null,1", "0,0,1,1e10"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char path[256];
        snprintf(path, sizeof(path), "/v1/fields/%s/image?bbox=%s", field, bad[i]);
        must_name(timed_send(&(struct request){.path = path}), "/bbox", path);
    }
}

/* A header has no pointer: its name stands in the detail. */
static void event_ids_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"-1",  "1.5",  "NaN", "9007199254740992",
                                      "1e3", "null", "[]",  "18446744073709551616"};
    char path[128], header[96];
    snprintf(path, sizeof(path), "/v1/jobs/%s/events", done_job);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(header, sizeof(header), "Last-Event-ID: %s", bad[i]);
        json_t *problem =
            answer_json(timed_send(&(struct request){.path = path, .headers = {header}}), 422);
        assert_non_null(strstr(member_text(problem, "detail"), "'Last-Event-ID'"));
        json_decref(problem);
    }
}

/* --- */

static void fit(const char *dataset_id, char job[ID_TEXT], char field_id[ID_TEXT])
{
    start_job(&service, dataset_id, 20, "", job);
    json_t *done = wait_for_job(&service, job, "succeeded");
    snprintf(field_id, ID_TEXT, "%s", member_text(done, "field_id"));
    json_decref(done);
}

static int start(void **state)
{
    char path[128];
    (void)state;
    service_start(&service, NULL);
    api = answer_json(service_get(&service, "/openapi.json"), 200);
    upload_picture(&service, 16, 1, dataset);
    fit(dataset, done_job, field);
    make_solid(&service, solid);
    specimen_make_field(&service, SHAPE_FIT, 20, shape);
    /* The only worker is busy from now on: what is accepted waits, and is cancelled at once. */
    start_job(&service, dataset, 10000000, "", path);
    wait_for_step(&service, path, 1);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    harness_print("numbers: %zu requests, %zu refused by name, slowest %.3f s\n", n_sent, n_refused,
                  slowest);
    json_decref(api);
    service_remove(&service);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_a_job_are_refused_by_name_and_begin_nothing),
        cmocka_unit_test(numbers_of_a_resume_are_refused_by_name_and_begin_nothing),
        cmocka_unit_test(numbers_of_a_query_are_refused_by_name),
        cmocka_unit_test(numbers_of_a_render_are_refused_by_name),
        cmocka_unit_test(numbers_in_queries_are_refused_by_name),
        cmocka_unit_test(the_four_numbers_of_a_region_are_checked),
        cmocka_unit_test(event_ids_are_checked),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
