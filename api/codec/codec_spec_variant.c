#include "api/codec/codec_spec_variant.h"

#include <string.h>

#include "api/codec/codec_json.h"

/* As an object of our own: {"type": …}, and what else there is; NULL for anything else. */
static json_t *variant_object(json_t *value, const struct variants *v)
{
    if (json_is_string(value) && v->may_be_name)
        return json_pack("{s:O}", "type", value);
    return json_is_object(value) ? codec_json_copy(value) : NULL;
}

static const struct variant *variant_find(const json_t *type, const char *place,
                                          const struct variants *v, struct problem_list *problems)
{
    const char *name = json_string_value(type);
    char names[128] = "";
    for (size_t i = 0; i < v->n; i++) {
        if (name && strcmp(name, v->rows[i].type) == 0)
            return &v->rows[i];
        size_t n = strlen(names);
        snprintf(names + n, sizeof names - n, " %s", v->rows[i].type);
    }
    problem_add(problems, STATUS_INVALID, place, "the type of '%s' must be one of%s%s%.40s%s",
                v->name, names, name ? ", got \"" : "", name ? name : "", name ? "\"" : "");
    return NULL;
}

/* Are these the type's defaults?  False, and a problem, when memory is short. */
static bool is_default(const struct variant *row, const json_t *members,
                       struct problem_list *problems)
{
    json_t *defaults = NULL;
    if (codec_json_resolve(NULL, NULL, "", row->members.rows, row->members.n, &defaults,
                           problems) != STATUS_OK)
        return false;
    const bool is_equal = json_equal(members, defaults) != 0;
    json_decref(defaults);
    return is_equal;
}

/* {"type": …} and the members; or the type's name alone, where that says the same. */
static json_t *variant_result(const struct variants *v, const struct variant *row, json_t *members,
                              struct problem_list *problems)
{
    if (v->may_be_name && is_default(row, members, problems))
        return json_string(row->type);
    json_t *result = json_pack("{s:s}", "type", row->type);
    if (result && json_object_update(result, members) == 0)
        return result;
    json_decref(result);
    return NULL;
}

json_t *spec_variant_resolve(json_t *caller, json_t *base, const char *pointer,
                             const struct variants *v, spec_variant_check check,
                             const struct spec_facts *facts, struct problem_list *problems)
{
    json_t *result = NULL, *members = NULL;
    json_t *mine = caller ? variant_object(caller, v) : json_object();
    json_t *preset = base ? variant_object(base, v) : json_object();
    char place[POINTER_SIZE];
    if (caller && !json_is_object(caller) && !(v->may_be_name && json_is_string(caller))) {
        problem_add(problems, STATUS_INVALID, pointer, "'%s' must be %san object", v->name,
                    v->may_be_name ? "a type's name or " : "");
        goto out;
    }
    if (!mine || !preset) {
        problem_no_memory(problems);
        goto out;
    }
    codec_json_pointer(place, pointer, "type");
    json_t *preset_type = json_object_get(preset, "type");
    json_t *type = json_object_get(mine, "type");
    bool is_same = preset_type && (!type || json_equal(type, preset_type));
    const struct variant *row = variant_find(type ? type : preset_type,
                                             json_is_string(caller) ? pointer : place, v, problems);
    if (!row)
        goto out;
    if (type)
        json_object_del(mine, "type");
    if (check && check(mine, (size_t)(row - v->rows), pointer, facts, problems) != STATUS_OK)
        goto out;
    if (codec_json_resolve(mine, is_same ? preset : NULL, pointer, row->members.rows,
                           row->members.n, &members, problems) != STATUS_OK)
        goto out;
    result = variant_result(v, row, members, problems);
    if (!result)
        problem_no_memory(problems);
out:
    json_decref(members);
    json_decref(preset);
    json_decref(mine);
    return result;
}

/* Every row that applies must be there: the spec was filled in when it was written. */
enum status spec_members_read(json_t *object, const char *pointer, const struct member_table *table,
                              void *target, struct problem_list *problems)
{
    json_t *complete = NULL;
    enum status status =
        codec_json_resolve(object, NULL, pointer, table->rows, table->n, &complete, problems);
    if (status == STATUS_OK)
        status = codec_json_members(complete, pointer, table->rows, table->n, target, problems);
    json_decref(complete);
    return status;
}

enum status spec_variant_read(const json_t *value, const char *pointer, const struct variants *v,
                              int *type, void *target, struct problem_list *problems)
{
    const json_t *type_value = json_is_object(value) ? json_object_get(value, "type") : value;
    const char *name = json_string_value(type_value);
    for (size_t i = 0; name && i < v->n; i++) {
        if (strcmp(name, v->rows[i].type) != 0)
            continue;
        *type = (int)i;
        json_t *members = json_is_object(value) ? codec_json_copy(value) : json_object();
        if (members && json_object_get(members, "type"))
            json_object_del(members, "type");
        enum status status =
            members ? spec_members_read(members, pointer, &v->rows[i].members, target, problems)
                    : problem_add(problems, STATUS_NO_MEMORY, pointer, "out of memory");
        json_decref(members);
        return status;
    }
    return problem_add(problems, STATUS_INVALID, pointer, "'%s' has no type known here", v->name);
}
