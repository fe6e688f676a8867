#include "api/tasks/tasks.h"

#include <string.h>

enum { N_ROWS = 7 };
static const struct task_row *const rows[N_ROWS] = {
    &tasks_image, &tasks_volume, &tasks_shape, &tasks_views, &tasks_ct, &tasks_mri, &tasks_signal};

const struct task_row *tasks_at(size_t i)
{
    return i < N_ROWS ? rows[i] : NULL;
}

const struct task_row *tasks_of(enum task_type type)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (rows[i]->type == type)
            return rows[i];
    return NULL;
}

const struct task_row *tasks_find(const char *name)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (strcmp(rows[i]->name, name) == 0)
            return rows[i];
    return NULL;
}

const struct task_row *tasks_default(enum data_kind kind)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (rows[i]->kinds & 1u << kind)
            return rows[i];
    return NULL;
}
