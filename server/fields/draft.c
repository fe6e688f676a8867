#include "server/fields/draft.h"

#include <pthread.h>
#include <stdbool.h>

#include "core/base/mem.h"
#include "core/field/precision.h"

/* The probe sees 1,024 points, a picture millions: an eighth of a level leaves room for those that
 * are farther off than any seen, within the one level that a picture may be off by. */
static const float most_error = 1.0f / (8 * 255);

struct draft {
    const struct field *field;
    pthread_mutex_t lock; /* guards all below */
    bool is_settled;
    uint32_t *split;
};

/* The lock is held. */
static enum status settle(struct draft *d, struct error *err)
{
    float error = 0;
    uint32_t *split = field_split(d->field);
    enum status status = split ? field_split_error(d->field, split, &error, err)
                               : error_status(err, STATUS_NO_MEMORY);
    d->is_settled = status == STATUS_OK;
    if (status == STATUS_OK && error <= most_error) { /* NaN is not */
        d->split = split;
        split = NULL;
    }
    mem_free(split);
    return status;
}

enum status draft_get(struct draft *d, const uint32_t **split, struct error *err)
{
    pthread_mutex_lock(&d->lock);
    const enum status status = d->is_settled ? STATUS_OK : settle(d, err);
    *split = d->split;
    pthread_mutex_unlock(&d->lock);
    return status;
}

size_t draft_bytes(const struct field *field)
{
    const size_t n_words = precision_split_pays(field) ? field_n_split(field) : 0;
    return sizeof(struct draft) + n_words * sizeof(uint32_t);
}

enum status draft_create(struct draft **out, const struct field *field, struct error *err)
{
    struct draft *d = mem_alloc(sizeof *d);
    if (!d)
        return error_status(err, STATUS_NO_MEMORY);
    d->field = field;
    d->is_settled = !precision_split_pays(field);
    pthread_mutex_init(&d->lock, NULL);
    *out = d;
    return STATUS_OK;
}

void draft_free(struct draft *d)
{
    if (!d)
        return;
    pthread_mutex_destroy(&d->lock);
    mem_free(d->split);
    mem_free(d);
}
