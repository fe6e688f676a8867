/*
 * api/openapi.json against the program: same paths, same settings, and its examples are accepted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/codec/codec_amplitudes.h"
#include "api/codec/codec_json.h"
#include "api/codec/codec_query.h"
#include "api/codec/codec_spec.h"
#include "api/codec/codec_spec_tables.h"
#include "api/codec/codec_sweep.h"
#include "api/codec/codec_theory.h"
#include "api/presets.h"
#include "api/routes.h"
#include "api/tasks/tasks.h"

extern const char _binary_api_openapi_json_start[], _binary_api_openapi_json_end[];

static json_t *api;

static int open_api(void **state)
{
    (void)state;
    api = json_loadb(_binary_api_openapi_json_start,
                     (size_t)(_binary_api_openapi_json_end - _binary_api_openapi_json_start),
                     JSON_REJECT_DUPLICATES, NULL);
    return api ? 0 : -1;
}

static int close_api(void **state)
{
    (void)state;
    json_decref(api);
    return 0;
}

static json_t *schema_of(const char *name)
{
    json_t *schemas = json_object_get(json_object_get(api, "components"), "schemas");
    json_t *schema = json_object_get(schemas, name);
    if (!schema)
        fail_msg("there is no schema '%s'", name);
    return schema;
}

/* "#/components/schemas/Name" -> Name */
static const char *name_of(const json_t *reference)
{
    const char *text = json_string_value(reference);
    assert_non_null(text);
    return strrchr(text, '/') + 1;
}

/* --- paths --- */

static const char *method_name(enum http_method method)
{
    static const char *const names[] = {
        [HTTP_GET] = "get", [HTTP_POST] = "post", [HTTP_PUT] = "put", [HTTP_DELETE] = "delete"};
    return names[method];
}

static void every_route_is_an_operation_and_every_operation_a_route(void **state)
{
    (void)state;
    size_t n_routes, n_operations = 0;
    const struct http_route *routes = routes_table(&n_routes);
    json_t *paths = json_object_get(api, "paths");
    for (size_t i = 0; i < n_routes; i++) {
        const json_t *path = json_object_get(paths, routes[i].pattern);
        if (!json_object_get(path, method_name(routes[i].method)))
            fail_msg("%s %s is not in openapi", method_name(routes[i].method), routes[i].pattern);
    }
    const char *key;
    json_t *path;
    json_object_foreach (paths, key, path)
        n_operations += json_object_size(path);
    assert_int_equal(n_operations, n_routes);
}

/* The document asks for a token, and takes the demand back exactly where the table does. */
static void operations_are_open_where_routes_are(void **state)
{
    (void)state;
    size_t n_routes, n_open = 0;
    const struct http_route *routes = routes_table(&n_routes);
    const json_t *schemes = json_object_get(json_object_get(api, "components"), "securitySchemes");
    const json_t *needed = json_array_get(json_object_get(api, "security"), 0);
    assert_non_null(json_object_get(needed, "bearer"));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(schemes, "bearer"), "scheme")), "bearer");
    for (size_t i = 0; i < n_routes; i++) {
        const json_t *path = json_object_get(json_object_get(api, "paths"), routes[i].pattern);
        const json_t *operation = json_object_get(path, method_name(routes[i].method));
        const json_t *security = json_object_get(operation, "security");
        bool is_open = routes[i].flags & ROUTE_OPEN;
        bool says_open = json_is_array(security) && json_array_size(security) == 0;
        bool says_401 = json_object_get(json_object_get(operation, "responses"), "401");
        if (says_open != is_open || says_401 == is_open || (security && !is_open))
            fail_msg("%s %s: openapi and the routes disagree about tokens",
                     method_name(routes[i].method), routes[i].pattern);
        n_open += is_open;
    }
    assert_int_equal(n_open, 3); /* /healthz and the dashboard's files: another is a decision */
}

static void check_references(const json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;
    if (json_is_object(value))
        json_object_foreach ((json_t *)value, key, member) {
            if (strcmp(key, "$ref") == 0) {
                char path[128];
                char *state = NULL;
                const json_t *target = api;
                snprintf(path, sizeof path, "%s", json_string_value(member) + 2);
                for (char *part = strtok_r(path, "/", &state); part;
                     part = strtok_r(NULL, "/", &state))
                    target = json_object_get(target, part);
                if (!target)
                    fail_msg("%s points nowhere", json_string_value(member));
            }
            check_references(member);
        }
    json_array_foreach (value, i, member)
        check_references(member);
}

static void every_reference_points_somewhere(void **state)
{
    (void)state;
    check_references(api);
}

static void operations_have_names_of_their_own(void **state)
{
    (void)state;
    const char *key, *method;
    json_t *path, *operation, *seen = json_object();
    json_object_foreach (json_object_get(api, "paths"), key, path)
        json_object_foreach (path, method, operation) {
            const char *id = json_string_value(json_object_get(operation, "operationId"));
            assert_non_null(id);
            assert_null(json_object_get(seen, id));
            assert_non_null(json_object_get(operation, "summary"));
            assert_true(json_object_size(json_object_get(operation, "responses")) > 0);
            json_object_set_new(seen, id, json_true());
        }
    json_decref(seen);
}

/* --- settings --- */

static void check_bound(const json_t *property, const char *key, bool has, double bound,
                        const char *where)
{
    const json_t *value = json_object_get(property, key);
    if (!has && !value)
        return;
    if (!has || !value || json_number_value(value) != bound)
        fail_msg("%s: '%s' is not the table's %.17g", where, key, bound);
}

static void check_range(const json_t *property, const struct member *m, const char *where)
{
    check_bound(property, "minimum", !m->is_min_open, m->min, where);
    check_bound(property, "exclusiveMinimum", m->is_min_open, m->min, where);
    check_bound(property, "maximum", !m->is_max_open, m->max, where);
    check_bound(property, "exclusiveMaximum", m->is_max_open, m->max, where);
}

static void check_names(const json_t *property, const struct member *m, const char *where)
{
    const json_t *names = json_object_get(property, "enum");
    size_t n = 0;
    for (size_t i = 0; m->names[i]; i++) {
        if (!m->names[i][0])
            continue;
        if (strcmp(json_string_value(json_array_get(names, n)), m->names[i]) != 0)
            fail_msg("%s: '%s' is not in its place", where, m->names[i]);
        n++;
    }
    assert_int_equal(json_array_size(names), n);
}

static void check_type(const json_t *property, const struct member *m, const char *where)
{
    static const char *const types[] = {
        [MEMBER_INTEGER] = "integer", [MEMBER_NUMBER] = "number", [MEMBER_NUMBERS] = "array",
        [MEMBER_LIST] = "array",      [MEMBER_BOOL] = "boolean",  [MEMBER_NAME] = "string",
    };
    const json_t *type = json_object_get(property, "type");
    const json_t *first = json_is_array(type) ? json_array_get(type, 0) : type;
    if (json_is_array(type) != (m->is_nullable || m->may_be_auto) ||
        strcmp(json_string_value(first), types[m->type]) != 0)
        fail_msg("%s: the type is not the table's", where);
}

static void check_default(const json_t *property, const struct member *m, const char *where)
{
    json_t *fallback = m->fallback ? json_loads(m->fallback, JSON_DECODE_ANY, NULL) : NULL;
    const json_t *value = json_object_get(property, "default");
    bool ok = fallback == NULL ? value == NULL : json_equal(value, fallback);
    if (json_is_number(fallback) && json_is_number(value))
        ok = json_number_value(fallback) == json_number_value(value);
    if (!ok)
        fail_msg("%s: the default is not the table's", where);
    json_decref(fallback);
}

/* The schema has the table's rows. */
static void check_rows(const char *name, const struct member_table *table)
{
    json_t *properties = json_object_get(schema_of(name), "properties");
    assert_true(json_is_false(json_object_get(schema_of(name), "additionalProperties")));
    for (size_t i = 0; i < table->n; i++) {
        const struct member *m = &table->rows[i];
        const json_t *property = json_object_get(properties, m->name);
        char where[96];
        snprintf(where, sizeof where, "%s.%s", name, m->name);
        if (!property)
            fail_msg("%s is not in openapi", where);
        if (m->type == MEMBER_CUSTOM)
            continue;
        check_type(property, m, where);
        check_default(property, m, where);
        if (m->type == MEMBER_INTEGER || m->type == MEMBER_NUMBER)
            check_range(property, m, where);
        if (m->type == MEMBER_NUMBERS) {
            check_range(json_object_get(property, "items"), m, where);
            assert_int_equal(json_integer_value(json_object_get(property, "minItems")), m->count);
        }
        if (m->type == MEMBER_LIST) {
            check_range(json_object_get(property, "items"), m, where);
            assert_int_equal(json_integer_value(json_object_get(property, "maxItems")), m->count);
        }
        if (m->type == MEMBER_NAME)
            check_names(property, m, where);
    }
}

/* … and no others (but for "type" of a variant). */
static void check_table(const char *name, const struct member_table *table, size_t n_more)
{
    check_rows(name, table);
    assert_int_equal(json_object_size(json_object_get(schema_of(name), "properties")),
                     table->n + n_more);
}

/* Tasks may share members of `measure`; all of them together are the schema's. */
static void check_measures(void)
{
    json_t *all = json_object();
    for (size_t i = 0; tasks_at(i); i++) {
        const struct member_table *table = &tasks_at(i)->measure;
        check_rows("Measure", table);
        for (size_t j = 0; j < table->n; j++)
            json_object_set_new(all, table->rows[j].name, json_true());
    }
    assert_int_equal(json_object_size(json_object_get(schema_of("Measure"), "properties")),
                     json_object_size(all));
    json_decref(all);
}

static void check_variants(const char *name, const struct variants *v)
{
    const json_t *mapping =
        json_object_get(json_object_get(schema_of(name), "discriminator"), "mapping");
    assert_int_equal(json_object_size(mapping), v->n);
    for (size_t i = 0; i < v->n; i++) {
        const char *schema = name_of(json_object_get(mapping, v->rows[i].type));
        const json_t *type =
            json_object_get(json_object_get(schema_of(schema), "properties"), "type");
        assert_string_equal(json_string_value(json_object_get(type, "const")), v->rows[i].type);
        check_table(schema, &v->rows[i].members, 1);
    }
}

static void settings_have_the_tables_types_ranges_and_defaults(void **state)
{
    (void)state;
    check_table("Network", &spec_network_table, 0);
    check_table("Train", &spec_train_table, 0);
    check_table("NtkNetwork", &theory_network_table, 0);
    check_table("NtkRequest", &theory_kernel_table, 0);
    check_table("NtkRegressionRequest", &theory_regression_table, 0);
    check_table("NtkAmplitudesRequest", &amplitudes_table, 0);
    check_table("FieldNtkRequest", &theory_field_table, 0);
    check_measures();
    check_variants("Encoding", &spec_encodings);
    check_variants("Optimizer", &spec_optimizers);
    check_variants("Schedule", &spec_schedules);
    const json_t *preset =
        json_object_get(json_object_get(schema_of("JobRequest"), "properties"), "preset");
    assert_string_equal(json_string_value(json_object_get(preset, "default")), presets_default());
}

static void types_of_encodings_are_cores(void **state)
{
    (void)state;
    assert_int_equal(spec_encodings.n, encoding_n_types());
    for (size_t i = 0; i < spec_encodings.n; i++)
        assert_string_equal(spec_encodings.rows[i].type, encoding_type_name((enum encoding_type)i));
    for (size_t i = 0; i < spec_optimizers.n; i++)
        assert_string_equal(spec_optimizers.rows[i].type, optimizer_name((enum optimizer_type)i));
    for (size_t i = 0; i < spec_schedules.n; i++)
        assert_string_equal(spec_schedules.rows[i].type, schedule_name((enum schedule_type)i));
    for (const struct member *m = spec_network_table.rows;
         m < spec_network_table.rows + spec_network_table.n; m++)
        for (size_t i = 0; m->names && m->names[i]; i++)
            if (m->names[i][0] && strstr(m->name, "activation"))
                assert_string_equal(m->names[i], activation_name((enum activation)i));
}

/* --- ranges --- */

static bool is_number_type(const json_t *type)
{
    const char *name = json_string_value(json_is_array(type) ? json_array_get(type, 0) : type);
    return name && (strcmp(name, "integer") == 0 || strcmp(name, "number") == 0);
}

/* Every number below a schema of something sent says between what it must lie. */
static size_t check_ranges(const json_t *schema, const char *place)
{
    const char *name;
    const json_t *value = json_object_get(schema, "$ref"), *part;
    size_t i, n = 0;
    if (value)
        return check_ranges(schema_of(name_of(value)), place);
    if (is_number_type(json_object_get(schema, "type"))) {
        n++;
        if (!(json_object_get(schema, "minimum") || json_object_get(schema, "exclusiveMinimum")) ||
            !(json_object_get(schema, "maximum") || json_object_get(schema, "exclusiveMaximum")))
            fail_msg("%s: a number without a range", place);
    }
    json_array_foreach (json_object_get(schema, "oneOf"), i, part)
        n += check_ranges(part, place);
    part = json_object_get(schema, "items");
    n += part ? check_ranges(part, place) : 0;
    json_t *member;
    json_object_foreach (json_object_get(schema, "properties"), name, member) {
        char inner[160];
        snprintf(inner, sizeof inner, "%.100s/%.50s", place, name);
        n += check_ranges(member, inner);
    }
    return n;
}

static void every_number_that_is_sent_has_a_range(void **state)
{
    (void)state;
    const char *path, *method;
    json_t *item, *operation, *parameter;
    size_t i, n = 0;
    json_object_foreach (json_object_get(api, "paths"), path, item)
        json_object_foreach (item, method, operation) {
            json_array_foreach (json_object_get(operation, "parameters"), i, parameter) {
                const json_t *ref = json_object_get(parameter, "$ref");
                const json_t *shared =
                    ref ? json_object_get(
                              json_object_get(json_object_get(api, "components"), "parameters"),
                              name_of(ref))
                        : parameter;
                n += check_ranges(json_object_get(shared, "schema"), path);
            }
            const json_t *body =
                json_object_get(json_object_get(operation, "requestBody"), "content");
            n += check_ranges(json_object_get(json_object_get(body, "application/json"), "schema"),
                              path);
        }
    assert_true(n > 30); /* as many as there were when this was written */
}

/* --- examples --- */

static json_t *examples_of(const char *path, const char *method)
{
    json_t *operation =
        json_object_get(json_object_get(json_object_get(api, "paths"), path), method);
    json_t *content = json_object_get(json_object_get(operation, "requestBody"), "content");
    json_t *examples = json_object_get(json_object_get(content, "application/json"), "examples");
    assert_true(json_object_size(examples) > 0);
    return examples;
}

static void check_examples_of_jobs(const char *path)
{
    char info[] = "{\"shape\":[512,768,3]}";
    struct dataset_row dataset = {.kind = "image", .info_json = info};
    const char *name;
    json_t *example;
    json_object_foreach (examples_of(path, "post"), name, example) {
        struct problem_list problems = {0};
        json_t *body = json_object_get(example, "value"), *spec = NULL, *labels = NULL;
        if (codec_spec_dataset_id(body, dataset.id, &problems) != STATUS_OK ||
            codec_spec_resolve(body, &dataset, 0, &spec, &labels, NULL, &problems) != STATUS_OK)
            fail_msg("%s: %s %s", name, problems.item[0].pointer, problems.item[0].detail);
        json_decref(spec);
        json_decref(labels);
    }
}

static void every_example_of_a_job_is_accepted(void **state)
{
    (void)state;
    check_examples_of_jobs("/v1/jobs");
    check_examples_of_jobs("/v1/estimates");
}

static void every_example_of_a_sweep_is_accepted(void **state)
{
    (void)state;
    char info[] = "{\"shape\":[512,768,3]}";
    struct dataset_row dataset = {.kind = "image", .info_json = info};
    const char *name;
    json_t *example;
    json_object_foreach (examples_of("/v1/sweeps", "post"), name, example) {
        struct problem_list problems = {0};
        struct sweep sweep;
        json_t *body = NULL, *spec = NULL, *labels = NULL;
        if (codec_sweep_read(json_object_get(example, "value"), &sweep, &problems) != STATUS_OK)
            fail_msg("%s: %s %s", name, problems.item[0].pointer, problems.item[0].detail);
        for (size_t i = 0; i < sweep.n_jobs; i++) {
            if (codec_sweep_job(&sweep, i, &body, &problems) != STATUS_OK ||
                codec_spec_dataset_id(body, dataset.id, &problems) != STATUS_OK ||
                codec_spec_resolve(body, &dataset, 0, &spec, &labels, NULL, &problems) != STATUS_OK)
                fail_msg("%s: %s %s", name, problems.item[0].pointer, problems.item[0].detail);
            json_decref(body);
            json_decref(spec);
            json_decref(labels);
        }
    }
}

static void every_example_of_a_kernel_is_accepted(void **state)
{
    (void)state;
    const char *name;
    json_t *example;
    json_object_foreach (examples_of("/v1/ntk", "post"), name, example) {
        struct problem_list problems = {0};
        struct theory_kernel k = {0};
        if (codec_theory_kernel(json_object_get(example, "value"), &k, &problems) != STATUS_OK)
            fail_msg("%s: %s %s", name, problems.item[0].pointer, problems.item[0].detail);
        theory_kernel_deinit(&k);
    }
}

static void every_example_of_amplitudes_is_accepted(void **state)
{
    (void)state;
    const char *name;
    json_t *example;
    json_object_foreach (examples_of("/v1/ntk/amplitudes", "post"), name, example) {
        struct problem_list problems = {0};
        struct amplitudes_question q = {0};
        if (codec_amplitudes(json_object_get(example, "value"), &q, &problems) != STATUS_OK)
            fail_msg("%s: %s %s", name, problems.item[0].pointer, problems.item[0].detail);
        amplitudes_deinit(&q);
    }
}

static void every_example_of_a_resume_is_accepted(void **state)
{
    (void)state;
    char spec_text[] = "{\"train\":{\"steps\":100}}";
    struct job_row parent = {.spec_json = spec_text, .checkpoint_step = 100};
    const char *name;
    json_t *example;
    json_object_foreach (examples_of("/v1/jobs/{id}/resume", "post"), name, example) {
        struct problem_list problems = {0};
        uint64_t steps;
        json_t *spec = NULL;
        assert_int_equal(
            codec_spec_resume(json_object_get(example, "value"), &parent, &spec, &steps, &problems),
            STATUS_OK);
        json_decref(spec);
    }
}

static void every_example_of_a_query_is_accepted(void **state)
{
    (void)state;
    const char *name;
    json_t *example;
    json_object_foreach (examples_of("/v1/fields/{id}/query", "post"), name, example) {
        struct problem_list problems = {0};
        struct query q;
        char *text = json_dumps(json_object_get(example, "value"), 0);
        assert_int_equal(
            codec_query_json((const uint8_t *)text, strlen(text), 32, 2, 100, &q, &problems),
            STATUS_OK);
        query_deinit(&q);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_an_operation_and_every_operation_a_route),
        cmocka_unit_test(operations_are_open_where_routes_are),
        cmocka_unit_test(every_reference_points_somewhere),
        cmocka_unit_test(operations_have_names_of_their_own),
        cmocka_unit_test(settings_have_the_tables_types_ranges_and_defaults),
        cmocka_unit_test(types_of_encodings_are_cores),
        cmocka_unit_test(every_number_that_is_sent_has_a_range),
        cmocka_unit_test(every_example_of_a_job_is_accepted),
        cmocka_unit_test(every_example_of_a_sweep_is_accepted),
        cmocka_unit_test(every_example_of_a_kernel_is_accepted),
        cmocka_unit_test(every_example_of_amplitudes_is_accepted),
        cmocka_unit_test(every_example_of_a_resume_is_accepted),
        cmocka_unit_test(every_example_of_a_query_is_accepted),
    };
    return cmocka_run_group_tests(tests, open_api, close_api);
}
