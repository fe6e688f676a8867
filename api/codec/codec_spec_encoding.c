#include "api/codec/codec_spec_encoding.h"

#include <math.h>
#include <string.h>

#include "api/codec/codec_json.h"
#include "api/codec/codec_spec_tables.h"
#include "api/codec/codec_spec_variant.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

/* --- explicit frequencies --- */

/* Cycles of b, as far as core's sines reach; amplitudes of a, as core takes them. */
static const double max_b = 1 << ENCODING_MAX_OCTAVES, max_a = 1e6;

/* One number of b or a; place is its array's. */
static enum status check_number(const json_t *value, double max, const char *place, size_t i,
                                struct problem_list *problems)
{
    if (json_is_number(value) && fabs(json_number_value(value)) <= max)
        return STATUS_OK;
    char at[POINTER_SIZE];
    snprintf(at, sizeof at, "%.70s/%zu", place, i);
    return problem_add(problems, STATUS_INVALID, at, "'%s' must hold numbers in [-%.16g, %.16g]",
                       max == max_b ? "b" : "a", max, max);
}

static enum status check_row(const json_t *row, size_t n_dims, const char *pointer, size_t j,
                             struct problem_list *problems)
{
    char place[POINTER_SIZE];
    snprintf(place, sizeof place, "%.60s/%zu", pointer, j);
    if (json_array_size(row) != n_dims)
        return problem_add(problems, STATUS_INVALID, place,
                           "a frequency must be an array of %zu numbers in [-%.16g, %.16g]", n_dims,
                           max_b, max_b);
    for (size_t d = 0; d < n_dims; d++)
        if (check_number(json_array_get(row, d), max_b, place, d, problems) != STATUS_OK)
            return STATUS_INVALID;
    return STATUS_OK;
}

static enum status set_ones(json_t *encoding, size_t m, struct problem_list *problems)
{
    json_t *a = json_array();
    bool ok = a != NULL;
    for (size_t j = 0; ok && j < m; j++)
        ok = json_array_append_new(a, json_real(1.0)) == 0;
    if (ok && json_object_set(encoding, "a", a) != 0)
        ok = false;
    json_decref(a);
    return ok ? STATUS_OK : problem_no_memory(problems);
}

/* b [m, D] is needed; a [m] is ones where it is left out. */
static enum status check_explicit(json_t *encoding, size_t n_dims, const char *pointer,
                                  struct problem_list *problems)
{
    char at_b[POINTER_SIZE], at_a[POINTER_SIZE];
    codec_json_pointer(at_b, pointer, "b");
    codec_json_pointer(at_a, pointer, "a");
    const json_t *b = json_object_get(encoding, "b");
    const size_t m = json_array_size(b);
    if (m < 1 || m > LIMIT_FREQUENCIES)
        return problem_add(problems, STATUS_INVALID, at_b,
                           "'b' must be an array of 1..%d frequencies", LIMIT_FREQUENCIES);
    for (size_t j = 0; j < m; j++)
        if (check_row(json_array_get(b, j), n_dims, at_b, j, problems) != STATUS_OK)
            return STATUS_INVALID;
    const json_t *a = json_object_get(encoding, "a");
    if (!a)
        return set_ones(encoding, m, problems);
    if (json_array_size(a) != m)
        return problem_add(problems, STATUS_INVALID, at_a,
                           "'a' must be an array of %zu numbers, one for each row of 'b'", m);
    for (size_t j = 0; j < m; j++)
        if (check_number(json_array_get(a, j), max_a, at_a, j, problems) != STATUS_OK)
            return STATUS_INVALID;
    return STATUS_OK;
}

/* --- sizes of grids --- */

static bool is_number(const json_t *object, const char *name)
{
    return json_is_number(json_object_get(object, name));
}

/* A factor from level to level stands for the finest resolution: one of them is enough. */
static enum status check_grid(json_t *encoding, const char *pointer, struct problem_list *problems)
{
    char place[POINTER_SIZE];
    codec_json_pointer(place, pointer, "per_level_scale");
    if (!is_number(encoding, "per_level_scale"))
        return STATUS_OK;
    if (is_number(encoding, "finest_resolution"))
        return problem_add(problems, STATUS_INVALID, place,
                           "'per_level_scale' and 'finest_resolution' say the same: give one");
    return json_object_set_new(encoding, "finest_resolution", json_string("auto")) == 0
               ? STATUS_OK
               : problem_no_memory(problems);
}

/* Features of length 1 where the paper has them so; else as the table says. */
static enum status set_normalize(json_t *encoding, const struct spec_facts *facts,
                                 struct problem_list *problems)
{
    const bool is_asked = facts->kind == DATA_SHAPE || facts->kind == DATA_SIGNAL;
    if (!is_asked || json_object_get(encoding, "normalize"))
        return STATUS_OK;
    return json_object_set_new(encoding, "normalize", json_true()) == 0
               ? STATUS_OK
               : problem_no_memory(problems);
}

static enum status check_own(json_t *encoding, size_t row, const char *pointer,
                             const struct spec_facts *facts, struct problem_list *problems)
{
    const enum encoding_type type = (enum encoding_type)row;
    if (type >= ENCODING_BASIC && type <= ENCODING_EXPLICIT &&
        set_normalize(encoding, facts, problems) != STATUS_OK)
        return STATUS_NO_MEMORY;
    switch (type) {
    case ENCODING_EXPLICIT:
        return check_explicit(encoding, facts->n_dims, pointer, problems);
    case ENCODING_HASHGRID:
    case ENCODING_DENSEGRID:
        return check_grid(encoding, pointer, problems);
    default:
        return STATUS_OK;
    }
}

static bool is_auto(const json_t *encoding, const char *name)
{
    const char *text = json_string_value(json_object_get(encoding, name));
    return text && strcmp(text, "auto") == 0;
}

static double number_of(const json_t *encoding, const char *name)
{
    return json_number_value(json_object_get(encoding, name));
}

/* As fine as the picture is: a vertex for each pixel of its longer side.  Or what a factor from
 * level to level leads to. */
static double finest_resolution(const json_t *encoding, const struct spec_facts *facts)
{
    const double base = number_of(encoding, "base_resolution");
    const size_t across = facts->width > facts->height ? facts->width : facts->height;
    const size_t side = across > facts->depth ? across : facts->depth;
    if (is_number(encoding, "per_level_scale"))
        return base *
               pow(number_of(encoding, "per_level_scale"), number_of(encoding, "n_levels") - 1);
    return fmin(fmax((double)side, base), ENCODING_MAX_RESOLUTION);
}

/* About one entry for each sample in a level, in tables that leave room in the memory of a job.  Of
 * three dimensions no more than a step can visit: larger ones learn less in the time of a fit
 * (docs/decisions/0018). */
static json_int_t log2_hashmap_size(const json_t *encoding, const struct spec_facts *facts)
{
    enum { LEAST = 12, MOST = 20, MOST_OF_SPACE = 18 };
    const double most = facts->n_dims == 3 ? MOST_OF_SPACE : MOST;
    /* weights, moments and gradient, and a checkpoint of the first three */
    static const double copies = 7.0, part_of_memory = 0.5;
    const double n_samples = spec_facts_n_samples(facts);
    const double entry_bytes = copies * sizeof(float) * number_of(encoding, "n_levels") *
                               number_of(encoding, "n_features_per_level");
    double size = fmin(fmax(ceil(log2(n_samples)), LEAST), most);
    while (facts->limit_bytes > 0 && size > LEAST &&
           exp2(size) * entry_bytes > part_of_memory * (double)facts->limit_bytes)
        size--;
    return (json_int_t)size;
}

/* What part of the most samples along an axis each axis has. */
static json_t *aspect_of(const struct spec_facts *facts)
{
    const size_t across = facts->width > facts->height ? facts->width : facts->height;
    const double most = (double)(across > facts->depth ? across : facts->depth);
    return json_pack("[f,f,f]", (double)facts->width / most, (double)facts->height / most,
                     facts->n_dims == 3 ? (double)facts->depth / most : 1.0);
}

/* What is "auto" becomes a number, and nothing else is left to say the same. */
static enum status fill_in_grid(json_t *encoding, const char *pointer,
                                const struct spec_facts *facts, struct problem_list *problems)
{
    const double finest = finest_resolution(encoding, facts);
    if (finest > ENCODING_MAX_RESOLUTION) {
        char place[POINTER_SIZE];
        codec_json_pointer(place, pointer, "per_level_scale");
        return problem_add(problems, STATUS_INVALID, place,
                           "'per_level_scale' %g leads to a finest resolution of %.3g, the most is "
                           "%d",
                           number_of(encoding, "per_level_scale"), finest, ENCODING_MAX_RESOLUTION);
    }
    bool ok = true;
    if (is_auto(encoding, "finest_resolution"))
        ok = json_object_set_new(encoding, "finest_resolution", json_real(finest)) == 0;
    if (ok && is_number(encoding, "per_level_scale"))
        ok = json_object_set_new(encoding, "per_level_scale", json_null()) == 0;
    if (ok && is_auto(encoding, "log2_hashmap_size"))
        ok = json_object_set_new(encoding, "log2_hashmap_size",
                                 json_integer(log2_hashmap_size(encoding, facts))) == 0;
    if (ok && is_auto(encoding, "aspect"))
        ok = json_object_set_new(encoding, "aspect", aspect_of(facts)) == 0;
    return ok ? STATUS_OK : problem_no_memory(problems);
}

static bool is_grid(const char *type)
{
    return strcmp(type, encoding_type_name(ENCODING_HASHGRID)) == 0 ||
           strcmp(type, encoding_type_name(ENCODING_DENSEGRID)) == 0;
}

/* --- what is left to the data --- */

static enum tune_member tuned_member(const json_t *encoding)
{
    return is_auto(encoding, "sigma")   ? TUNE_SIGMA
           : is_auto(encoding, "scale") ? TUNE_SCALE
                                        : TUNE_NOTHING;
}

static enum status check_part(const json_t *part, const char *pointer,
                              struct problem_list *problems)
{
    const enum tune_member member = tuned_member(part);
    char place[POINTER_SIZE];
    if (member == TUNE_NOTHING)
        return STATUS_OK;
    codec_json_pointer(place, pointer, tune_member_name(member));
    return problem_add(problems, STATUS_UNSUPPORTED, place,
                       "'%s' \"auto\" is not supported in a part of a 'concat': give a number",
                       tune_member_name(member));
}

/* --- resolving --- */

static json_t *resolve(json_t *caller, json_t *base, const char *pointer, bool is_part,
                       const struct spec_facts *facts, struct problem_list *problems);

/* Each part over the defaults of its type. */
static json_t *resolve_parts(const json_t *parts, const char *pointer,
                             const struct spec_facts *facts, struct problem_list *problems)
{
    char place[POINTER_SIZE];
    const size_t n = json_array_size(parts);
    if (n < 2 || n > ENCODING_MAX_PARTS) {
        problem_add(problems, STATUS_INVALID, pointer,
                    "'parts' must be an array of 2..%d encodings", ENCODING_MAX_PARTS);
        return NULL;
    }
    json_t *resolved = json_array();
    for (size_t i = 0; resolved && i < n; i++) {
        snprintf(place, sizeof place, "%.60s/%zu", pointer, i);
        json_t *part = resolve(json_array_get(parts, i), NULL, place, true, facts, problems);
        if (part && json_array_append_new(resolved, part) == 0)
            continue;
        if (part)
            problem_no_memory(problems);
        json_decref(resolved);
        return NULL;
    }
    return resolved ? resolved : (problem_no_memory(problems), NULL);
}

static json_t *resolve(json_t *caller, json_t *base, const char *pointer, bool is_part,
                       const struct spec_facts *facts, struct problem_list *problems)
{
    char place[POINTER_SIZE];
    json_t *encoding =
        spec_variant_resolve(caller, base, pointer, &spec_encodings, check_own, facts, problems);
    const char *type = json_string_value(json_object_get(encoding, "type"));
    if (!type)
        return NULL;
    bool ok = true;
    if (strcmp(type, encoding_type_name(ENCODING_CONCAT)) == 0) {
        codec_json_pointer(place, pointer, "parts");
        json_t *parts = NULL;
        if (is_part)
            problem_add(problems, STATUS_INVALID, pointer, "a part cannot be a 'concat' itself");
        else
            parts = resolve_parts(json_object_get(encoding, "parts"), place, facts, problems);
        ok = parts && json_object_set_new(encoding, "parts", parts) == 0;
        if (parts && !ok)
            problem_no_memory(problems);
    } else if (is_grid(type)) {
        ok = fill_in_grid(encoding, pointer, facts, problems) == STATUS_OK;
    }
    if (ok && is_part)
        ok = check_part(encoding, pointer, problems) == STATUS_OK;
    if (ok)
        return encoding;
    json_decref(encoding);
    return NULL;
}

json_t *spec_encoding_resolve(json_t *caller, json_t *base, const char *pointer,
                              const struct spec_facts *facts, struct problem_list *problems)
{
    return resolve(caller, base, pointer, false, facts, problems);
}

/* --- resolved -> core --- */

/* b [m, D] and a [m]; their form was checked when the spec was resolved, so anything odd is only
 * refused. */
static enum status read_explicit(const json_t *encoding, const char *pointer,
                                 struct encoding_spec *out, double **numbers,
                                 struct problem_list *problems)
{
    const json_t *b = json_object_get(encoding, "b"), *a = json_object_get(encoding, "a");
    const size_t m = json_array_size(b), n_dims = out->n_inputs;
    if (m == 0 || m > LIMIT_FREQUENCIES || json_array_size(a) != m)
        return problem_add(problems, STATUS_INVALID, pointer, "'b' has no rows");
    double *own = mem_alloc_array(m * (n_dims + 1), sizeof *own);
    if (!own)
        return problem_no_memory(problems);
    *numbers = own;
    for (size_t j = 0; j < m; j++) {
        const json_t *row = json_array_get(b, j);
        if (json_array_size(row) != n_dims)
            return problem_add(problems, STATUS_INVALID, pointer, "'b' is not [m, D]");
        for (size_t d = 0; d < n_dims; d++)
            own[j * n_dims + d] = json_number_value(json_array_get(row, d));
        own[m * n_dims + j] = json_number_value(json_array_get(a, j));
    }
    out->n_frequencies = m;
    out->b = own;
    out->a = own + m * n_dims;
    return STATUS_OK;
}

/* One encoding that is no concat; out->n_inputs is set. */
static enum status read_one(const json_t *encoding, const char *pointer, struct encoding_spec *out,
                            double **numbers, struct problem_list *problems)
{
    int type = 0;
    enum status status =
        spec_variant_read(encoding, pointer, &spec_encodings, &type, out, problems);
    out->type = (enum encoding_type)type;
    if (status == STATUS_OK && out->type == ENCODING_EXPLICIT)
        status = read_explicit(encoding, pointer, out, numbers, problems);
    return status;
}

static enum status read_parts(const json_t *parts, struct spec *s, struct problem_list *problems)
{
    const size_t n = json_array_size(parts);
    enum status status = STATUS_OK;
    if (n < 2 || n > ENCODING_MAX_PARTS)
        return problem_add(problems, STATUS_INVALID, "/field/encoding/parts",
                           "'parts' is not 2..%d encodings", ENCODING_MAX_PARTS);
    s->parts = mem_alloc_array(n, sizeof *s->parts);
    if (!s->parts)
        return problem_no_memory(problems);
    s->field.encoding.parts = s->parts;
    s->field.encoding.n_parts = n;
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        s->parts[i].n_inputs = s->field.encoding.n_inputs;
        status = read_one(json_array_get(parts, i), "/field/encoding/parts", &s->parts[i],
                          &s->numbers[1 + i], problems);
        if (status == STATUS_OK && s->parts[i].type == ENCODING_CONCAT)
            status = problem_add(problems, STATUS_INVALID, "/field/encoding/parts",
                                 "a part is a 'concat'");
    }
    return status;
}

enum status spec_encoding_read(const json_t *encoding, struct spec *s,
                               struct problem_list *problems)
{
    enum status status =
        read_one(encoding, "/field/encoding", &s->field.encoding, &s->numbers[0], problems);
    if (status == STATUS_OK && s->field.encoding.type == ENCODING_CONCAT)
        status = read_parts(json_object_get(encoding, "parts"), s, problems);
    s->tuned = tuned_member(encoding);
    tune_set(&s->field.encoding, s->tuned, 1.0); /* no cost depends on it */
    return status;
}
