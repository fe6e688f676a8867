#include "api/codec/codec_sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/utf8.h"

static const char seed_pointer[] = "/train/seed";

/* --- read --- */

static enum status read_name(const json_t *value, struct sweep *sweep,
                             struct problem_list *problems)
{
    enum { MAX_NAME_BYTES = 128 };
    sweep->name = "";
    if (!value)
        return STATUS_OK;
    const char *name = json_string_value(value);
    if (!name || !name[0] || strlen(name) > MAX_NAME_BYTES || !utf8_is_printable(name))
        return problem_add(problems, STATUS_INVALID, "/name",
                           "'name' must be 1..%d printable bytes of UTF-8", MAX_NAME_BYTES);
    sweep->name = name;
    return STATUS_OK;
}

/* Is the value among those that were told before?  They are told by their texts: to compare each
 * with each would take seconds of a long body. */
static enum status tell(json_t *told, const json_t *value, bool *is_repeated)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    *is_repeated = text && json_object_get(told, text);
    const bool ok = text && (*is_repeated || json_object_set_new(told, text, json_true()) == 0);
    free(text);
    return ok ? STATUS_OK : STATUS_NO_MEMORY;
}

/* Problems at `place`/i. */
static void check_repeated(const json_t *values, const char *place, const char *what,
                           struct problem_list *problems)
{
    json_t *told = json_object(), *value;
    size_t i;
    json_array_foreach ((json_t *)values, i, value) {
        char item[POINTER_SIZE + 24];
        bool is_repeated = false;
        snprintf(item, sizeof item, "%s/%zu", place, i);
        if (tell(told, value, &is_repeated) != STATUS_OK)
            problem_add(problems, STATUS_NO_MEMORY, item, "out of memory");
        else if (is_repeated)
            problem_add(problems, STATUS_INVALID, item, "the %s is there twice", what);
    }
    json_decref(told);
}

static bool has_size(const json_t *values)
{
    return json_is_array(values) && json_array_size(values) >= 1 &&
           json_array_size(values) <= SWEEP_MAX_JOBS;
}

static void read_datasets(const json_t *ids, struct sweep *sweep, struct problem_list *problems)
{
    sweep->dataset_ids = ids;
    sweep->n_datasets = json_array_size(ids);
    if (!has_size(ids)) {
        problem_add(problems, STATUS_INVALID, "/dataset_ids",
                    "'dataset_ids' must be an array of 1..%d ids", SWEEP_MAX_JOBS);
        return;
    }
    for (size_t i = 0; i < sweep->n_datasets; i++) {
        char place[POINTER_SIZE];
        const char *id = json_string_value(json_array_get(ids, i));
        snprintf(place, sizeof place, "/dataset_ids/%zu", i);
        if (!id || !id_is(ID_DATASET, id))
            problem_add(problems, STATUS_INVALID, place, "it must be the id of a dataset");
    }
    check_repeated(ids, "/dataset_ids", "dataset", problems);
}

static void read_base(const json_t *base, struct sweep *sweep, struct problem_list *problems)
{
    sweep->base = base;
    if (base && !json_is_object(base))
        problem_add(problems, STATUS_INVALID, "/base", "'base' must be an object");
    else if (json_object_get(base, "dataset_id"))
        problem_add(problems, STATUS_INVALID, "/base/dataset_id",
                    "the datasets of a sweep stand in 'dataset_ids'");
}

/* RFC 6901, and not the whole body. */
static bool is_pointer(const char *text)
{
    if (text[0] != '/' || strlen(text) > SWEEP_MAX_POINTER)
        return false;
    for (const char *tilde = strchr(text, '~'); tilde; tilde = strchr(tilde + 1, '~'))
        if (tilde[1] != '0' && tilde[1] != '1')
            return false;
    return true;
}

static size_t count_levels(const char *pointer)
{
    size_t n = 0;
    for (; *pointer; pointer++)
        n += *pointer == '/';
    return n;
}

/* Is `place` the place of `pointer` or below it? */
static bool is_within(const char *place, const char *pointer)
{
    const size_t n = strlen(pointer);
    return strncmp(place, pointer, n) == 0 && (place[n] == '\0' || place[n] == '/');
}

static void read_axis(const char *pointer, const json_t *values, struct sweep *sweep,
                      struct problem_list *problems)
{
    char place[POINTER_SIZE];
    codec_json_pointer(place, "/grid", pointer);
    if (!is_pointer(pointer)) {
        problem_add(problems, STATUS_INVALID, place,
                    "it must be a JSON pointer of at most %d bytes, as \"/train/seed\"",
                    SWEEP_MAX_POINTER);
        return;
    }
    if (is_within(pointer, "/dataset_id")) {
        problem_add(problems, STATUS_INVALID, place,
                    "the datasets of a sweep stand in 'dataset_ids'");
        return;
    }
    if (!has_size(values)) {
        problem_add(problems, STATUS_INVALID, place, "it must be an array of 1..%d values",
                    SWEEP_MAX_JOBS);
        return;
    }
    check_repeated(values, place, "value", problems);
    sweep->axes[sweep->n_axes++] =
        (struct sweep_axis){.pointer = pointer,
                            .values = values,
                            .n_values = json_array_size(values),
                            .level = count_levels(pointer),
                            .is_seed = strcmp(pointer, seed_pointer) == 0};
}

static void read_grid(json_t *grid, struct sweep *sweep, struct problem_list *problems)
{
    const char *pointer;
    json_t *values;
    if (!grid)
        return;
    if (!json_is_object(grid) || json_object_size(grid) > SWEEP_MAX_AXES) {
        problem_add(problems, STATUS_INVALID, "/grid",
                    "'grid' must be an object of at most %d JSON pointers", SWEEP_MAX_AXES);
        return;
    }
    json_object_foreach (grid, pointer, values)
        read_axis(pointer, values, sweep, problems);
}

/* What sets an object comes before what sets a member of it. */
static void order_axes(struct sweep *sweep)
{
    for (size_t i = 0; i < sweep->n_axes; i++) {
        size_t at = i;
        for (; at > 0 && sweep->axes[sweep->by_level[at - 1]].level > sweep->axes[i].level; at--)
            sweep->by_level[at] = sweep->by_level[at - 1];
        sweep->by_level[at] = i;
    }
}

/* No factor is over 1,000, there are 17 at most: a double holds their product well enough to say
 * it. */
static enum status count_jobs(struct sweep *sweep, struct problem_list *problems)
{
    double n = (double)sweep->n_datasets;
    for (size_t i = 0; i < sweep->n_axes; i++)
        n *= (double)sweep->axes[i].n_values;
    if (n > SWEEP_MAX_JOBS)
        return problem_add(problems, STATUS_INVALID, "/grid",
                           "the sweep would have %.0f jobs, the limit is %d", n, SWEEP_MAX_JOBS);
    sweep->n_jobs = (size_t)n;
    sweep->n_cells = 1;
    for (size_t i = 0; i < sweep->n_axes; i++)
        if (!sweep->axes[i].is_seed)
            sweep->n_cells *= sweep->axes[i].n_values;
    return STATUS_OK;
}

enum status codec_sweep_read(const json_t *body, struct sweep *out, struct problem_list *problems)
{
    static const struct member rows[] = {
        {.name = "dataset_ids", .type = MEMBER_CUSTOM},
        {.name = "base", .type = MEMBER_CUSTOM},
        {.name = "grid", .type = MEMBER_CUSTOM},
        {.name = "name", .type = MEMBER_CUSTOM},
    };
    struct sweep sweep = {0};
    codec_json_members((json_t *)body, "", rows, sizeof rows / sizeof *rows, NULL, problems);
    read_name(json_object_get(body, "name"), &sweep, problems);
    read_datasets(json_object_get(body, "dataset_ids"), &sweep, problems);
    read_base(json_object_get(body, "base"), &sweep, problems);
    read_grid(json_object_get(body, "grid"), &sweep, problems);
    if (problems->status == STATUS_OK && count_jobs(&sweep, problems) == STATUS_OK) {
        order_axes(&sweep);
        *out = sweep;
    }
    return problems->status;
}

/* --- one of the jobs --- */

size_t codec_sweep_dataset_of(const struct sweep *sweep, size_t i)
{
    return i % sweep->n_datasets;
}

/* Which value each axis takes. */
static void find_values(const struct sweep *sweep, size_t i, size_t value[SWEEP_MAX_AXES])
{
    i /= sweep->n_datasets;
    for (size_t axis = sweep->n_axes; axis-- > 0; i /= sweep->axes[axis].n_values)
        value[axis] = i % sweep->axes[axis].n_values;
}

size_t codec_sweep_cell_of(const struct sweep *sweep, size_t i)
{
    size_t value[SWEEP_MAX_AXES], cell = 0;
    find_values(sweep, i, value);
    for (size_t axis = 0; axis < sweep->n_axes; axis++)
        if (!sweep->axes[axis].is_seed)
            cell = cell * sweep->axes[axis].n_values + value[axis];
    return cell;
}

/* The first name of a pointer, unescaped; what follows it. */
static const char *split_pointer(const char *pointer, char name[SWEEP_MAX_POINTER + 1])
{
    size_t n = 0;
    for (pointer++; *pointer && *pointer != '/'; pointer++)
        if (*pointer == '~')
            name[n++] = *++pointer == '0' ? '~' : '/';
        else
            name[n++] = *pointer;
    name[n] = '\0';
    return pointer;
}

/* An index of an array as RFC 6901 writes it; its size if it is none. */
static size_t index_of(const json_t *array, const char *name)
{
    const size_t n = json_array_size(array), digits = strspn(name, "0123456789");
    size_t index = 0;
    if (digits == 0 || digits > 6 || name[digits] != '\0' || (name[0] == '0' && digits > 1))
        return n;
    for (; *name; name++)
        index = 10 * index + (size_t)(*name - '0');
    return index < n ? index : n;
}

static json_t *copy_array(const json_t *array)
{
    json_t *copy = json_array();
    if (copy && json_array_extend(copy, (json_t *)array) == 0)
        return copy;
    json_decref(copy);
    return NULL;
}

/* `node` (NULL: nothing is there) with a value at a pointer below it.  What lies on the way is
 * copied, all else is shared with node.  INVALID where there is no place for it. */
static enum status with_value(const json_t *node, const char *pointer, json_t *value, json_t **out)
{
    char name[SWEEP_MAX_POINTER + 1];
    json_t *inner = NULL, *outer = NULL;
    if (*pointer == '\0') {
        *out = json_incref(value);
        return STATUS_OK;
    }
    const char *rest = split_pointer(pointer, name);
    const bool is_array = json_is_array(node);
    const size_t index = is_array ? index_of(node, name) : 0;
    if ((node && !is_array && !json_is_object(node)) ||
        (is_array && index == json_array_size(node)))
        return STATUS_INVALID;
    enum status status = with_value(
        is_array ? json_array_get(node, index) : json_object_get(node, name), rest, value, &inner);
    if (status != STATUS_OK)
        return status;
    outer = is_array ? copy_array(node) : node ? codec_json_copy(node) : json_object();
    const bool ok = is_array ? json_array_set_new(outer, index, inner) == 0
                             : json_object_set_new(outer, name, inner) == 0;
    if (!ok) {
        json_decref(outer);
        return STATUS_NO_MEMORY;
    }
    *out = outer;
    return STATUS_OK;
}

static enum status put_value(const struct sweep_axis *axis, size_t value, json_t **body,
                             struct problem_list *problems)
{
    json_t *next = NULL;
    char place[POINTER_SIZE];
    enum status status =
        with_value(*body, axis->pointer, json_array_get(axis->values, value), &next);
    json_decref(*body);
    *body = next;
    if (status == STATUS_OK)
        return STATUS_OK;
    codec_json_pointer(place, "/grid", axis->pointer);
    return problem_add(problems, status, place, "%s",
                       status == STATUS_NO_MEMORY
                           ? "out of memory"
                           : "what is there above it is neither an object nor an array that "
                             "reaches so far");
}

enum status codec_sweep_job(const struct sweep *sweep, size_t i, json_t **out,
                            struct problem_list *problems)
{
    size_t value[SWEEP_MAX_AXES];
    find_values(sweep, i, value);
    json_t *id = json_array_get(sweep->dataset_ids, codec_sweep_dataset_of(sweep, i));
    json_t *body = sweep->base ? codec_json_copy(sweep->base) : json_object();
    if (json_object_set(body, "dataset_id", id) != 0) {
        json_decref(body);
        return problem_no_memory(problems);
    }
    enum status status = STATUS_OK;
    for (size_t k = 0; k < sweep->n_axes && status == STATUS_OK; k++) {
        const size_t axis = sweep->by_level[k];
        status = put_value(&sweep->axes[axis], value[axis], &body, problems);
    }
    if (status == STATUS_OK)
        *out = body;
    else
        json_decref(body);
    return status;
}

/* --- places --- */

/* The axis that set a place: the last one applied of those that hold it, else the only one below
 * it.  n_axes: none. */
static size_t axis_of(const struct sweep *sweep, const char *place)
{
    size_t below = sweep->n_axes, n_below = 0;
    for (size_t k = sweep->n_axes; k-- > 0;) {
        const size_t axis = sweep->by_level[k];
        if (is_within(place, sweep->axes[axis].pointer))
            return axis;
        if (is_within(sweep->axes[axis].pointer, place)) {
            below = axis;
            n_below++;
        }
    }
    return n_below == 1 ? below : sweep->n_axes;
}

void codec_sweep_place(const struct sweep *sweep, size_t i, const char *place,
                       char out[POINTER_SIZE])
{
    char text[2 * POINTER_SIZE + 32], axis_place[POINTER_SIZE];
    const size_t axis = place[0] ? axis_of(sweep, place) : sweep->n_axes;
    if (strcmp(place, "/dataset_id") == 0) {
        snprintf(text, sizeof text, "/dataset_ids/%zu", codec_sweep_dataset_of(sweep, i));
    } else if (axis == sweep->n_axes) {
        snprintf(text, sizeof text, "/base%.95s", place);
    } else {
        size_t value[SWEEP_MAX_AXES];
        const char *pointer = sweep->axes[axis].pointer;
        find_values(sweep, i, value);
        codec_json_pointer(axis_place, "/grid", pointer);
        snprintf(text, sizeof text, "%s/%zu%.95s", axis_place, value[axis],
                 is_within(place, pointer) ? place + strlen(pointer) : "");
    }
    snprintf(out, POINTER_SIZE, "%.*s", POINTER_SIZE - 1, text);
}
