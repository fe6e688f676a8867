#include "tests/harness/ledger.h"

#include <stdlib.h>
#include <string.h>

void ledger_init(struct ledger *l)
{
    *l = (struct ledger){.n_jobs = 0};
    pthread_mutex_init(&l->lock, NULL);
}

void ledger_deinit(struct ledger *l)
{
    pthread_mutex_destroy(&l->lock);
    free(l->datasets);
    free(l->jobs);
    free(l->unanswered);
}

/* Room for one more. */
static void *grow(void *array, size_t n, size_t *capacity, size_t size)
{
    if (n < *capacity)
        return array;
    *capacity = *capacity ? 2 * *capacity : 64;
    void *grown = realloc(array, *capacity * size);
    if (!grown)
        abort();
    return grown;
}

/* Called with the lock held; the newest are asked for most. */
static struct dataset_entry *find_dataset(struct ledger *l, const char *id)
{
    for (size_t i = l->n_datasets; i-- > 0;)
        if (strcmp(l->datasets[i].id, id) == 0)
            return &l->datasets[i];
    return NULL;
}

static struct job_entry *find_job(struct ledger *l, const char *id)
{
    for (size_t i = l->n_jobs; i-- > 0;)
        if (strcmp(l->jobs[i].id, id) == 0)
            return &l->jobs[i];
    return NULL;
}

static const struct job_entry *find_key(struct ledger *l, const char *key)
{
    for (size_t i = l->n_jobs; i-- > 0;)
        if (*key && strcmp(l->jobs[i].key, key) == 0)
            return &l->jobs[i];
    return NULL;
}

bool ledger_add_dataset(struct ledger *l, const char *id, const char *sha256, enum specimen kind)
{
    pthread_mutex_lock(&l->lock);
    struct dataset_entry *old = find_dataset(l, id);
    bool holds = *id && (!old || strcmp(old->sha256, sha256) == 0);
    if (holds && !old) {
        l->datasets = grow(l->datasets, l->n_datasets, &l->dataset_capacity, sizeof *l->datasets);
        struct dataset_entry *entry = &l->datasets[l->n_datasets++];
        *entry = (struct dataset_entry){.fate = FATE_THERE, .kind = kind};
        strncat(entry->id, id, sizeof entry->id - 1);
        strncat(entry->sha256, sha256, sizeof entry->sha256 - 1);
    }
    pthread_mutex_unlock(&l->lock);
    return holds;
}

bool ledger_add_job(struct ledger *l, const struct job_entry *job)
{
    pthread_mutex_lock(&l->lock);
    const struct job_entry *old = find_job(l, job->id), *first = find_key(l, job->key);
    bool holds = job->id[0] && job->field_id[0] && (!first || strcmp(first->id, job->id) == 0) &&
                 (!old || strcmp(old->key, job->key) == 0);
    if (holds && !old) {
        l->jobs = grow(l->jobs, l->n_jobs, &l->job_capacity, sizeof *l->jobs);
        l->jobs[l->n_jobs++] = *job;
    }
    pthread_mutex_unlock(&l->lock);
    return holds;
}

void ledger_add_unanswered(struct ledger *l, const char *key, const char *body, size_t fit)
{
    pthread_mutex_lock(&l->lock);
    l->unanswered =
        grow(l->unanswered, l->n_unanswered, &l->unanswered_capacity, sizeof *l->unanswered);
    struct job_entry *entry = &l->unanswered[l->n_unanswered++];
    *entry = (struct job_entry){.field = FATE_THERE, .fit = fit};
    strncat(entry->key, key, sizeof entry->key - 1);
    strncat(entry->body, body, sizeof entry->body - 1);
    pthread_mutex_unlock(&l->lock);
}

bool ledger_take_unanswered(struct ledger *l, struct job_entry *out)
{
    pthread_mutex_lock(&l->lock);
    bool found = l->n_unanswered > 0;
    if (found)
        *out = l->unanswered[--l->n_unanswered];
    pthread_mutex_unlock(&l->lock);
    return found;
}

void ledger_set_dataset_fate(struct ledger *l, const char *id, enum fate fate)
{
    pthread_mutex_lock(&l->lock);
    struct dataset_entry *entry = find_dataset(l, id);
    if (entry && entry->fate != FATE_GONE) {
        entry->fate = fate;
        l->n_deleted += fate == FATE_GONE;
    }
    pthread_mutex_unlock(&l->lock);
}

void ledger_set_field_fate(struct ledger *l, const char *job_id, enum fate fate)
{
    pthread_mutex_lock(&l->lock);
    struct job_entry *entry = find_job(l, job_id);
    if (entry && entry->field != FATE_GONE) {
        entry->field = fate;
        l->n_deleted += fate == FATE_GONE;
    }
    pthread_mutex_unlock(&l->lock);
}

void ledger_set_cancel(struct ledger *l, const char *job_id)
{
    pthread_mutex_lock(&l->lock);
    struct job_entry *entry = find_job(l, job_id);
    if (entry)
        entry->cancel_acknowledged = true;
    pthread_mutex_unlock(&l->lock);
}

/* Called with the lock held. */
static struct dataset_entry *draw_dataset(struct ledger *l, struct dice *dice)
{
    for (size_t try = 0; try < 16 && l->n_datasets > 0; try++) {
        struct dataset_entry *entry = &l->datasets[dice_below(dice, l->n_datasets)];
        if (entry->fate == FATE_THERE)
            return entry;
    }
    return NULL;
}

bool ledger_pick_dataset(struct ledger *l, struct dice *dice, struct dataset_entry *out)
{
    pthread_mutex_lock(&l->lock);
    const struct dataset_entry *entry = draw_dataset(l, dice);
    if (entry)
        *out = *entry;
    pthread_mutex_unlock(&l->lock);
    return entry != NULL;
}

bool ledger_take_dataset(struct ledger *l, struct dice *dice, struct dataset_entry *out)
{
    pthread_mutex_lock(&l->lock);
    struct dataset_entry *entry = draw_dataset(l, dice);
    if (entry) {
        entry->fate = FATE_DOUBTFUL;
        *out = *entry;
    }
    pthread_mutex_unlock(&l->lock);
    return entry != NULL;
}

bool ledger_take_field(struct ledger *l, struct dice *dice, struct job_entry *out)
{
    struct job_entry *entry = NULL;
    pthread_mutex_lock(&l->lock);
    if (l->n_jobs > 0)
        entry = &l->jobs[dice_below(dice, l->n_jobs)];
    bool found = entry && entry->end[0] && entry->field == FATE_THERE;
    if (found) {
        entry->field = FATE_DOUBTFUL;
        *out = *entry;
    }
    pthread_mutex_unlock(&l->lock);
    return found;
}

bool ledger_pick_job(struct ledger *l, struct dice *dice, size_t among, struct job_entry *out)
{
    pthread_mutex_lock(&l->lock);
    size_t n = l->n_jobs, range = among == 0 || among > n ? n : among;
    if (n > 0)
        *out = l->jobs[n - 1 - dice_below(dice, range)];
    pthread_mutex_unlock(&l->lock);
    return n > 0;
}

bool ledger_get_dataset(struct ledger *l, size_t i, struct dataset_entry *out)
{
    pthread_mutex_lock(&l->lock);
    bool found = i < l->n_datasets;
    if (found)
        *out = l->datasets[i];
    pthread_mutex_unlock(&l->lock);
    return found;
}

bool ledger_get_job(struct ledger *l, size_t i, struct job_entry *out)
{
    pthread_mutex_lock(&l->lock);
    bool found = i < l->n_jobs;
    if (found)
        *out = l->jobs[i];
    pthread_mutex_unlock(&l->lock);
    return found;
}

void ledger_put_dataset(struct ledger *l, size_t i, const struct dataset_entry *entry)
{
    pthread_mutex_lock(&l->lock);
    l->datasets[i] = *entry;
    pthread_mutex_unlock(&l->lock);
}

void ledger_put_job(struct ledger *l, size_t i, const struct job_entry *entry)
{
    pthread_mutex_lock(&l->lock);
    l->jobs[i] = *entry;
    pthread_mutex_unlock(&l->lock);
}

size_t ledger_count_open(struct ledger *l)
{
    size_t n = 0;
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < l->n_jobs; i++)
        n += l->jobs[i].end[0] == '\0';
    pthread_mutex_unlock(&l->lock);
    return n;
}
