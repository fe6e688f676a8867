/*
 * Design.  A table of chains finds an entry by its id; a doubly linked list keeps final entries in
 * order of use.  An entry that leaves the cache while someone holds it is only detached: the last
 * release frees it.  A field that is being loaded stands in a list of its own, so that a second
 * request for it waits for the first one's result; the loader keeps the lock only to look things up
 * and to hand the result over.
 */
#include "server/fields/field_cache.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"

enum { N_CHAINS = 1024 };

struct cached {
    struct field_entry entry; /* first: a borrowed entry is the head of this */
    char id[ID_SIZE];
    struct field *field;
    char *summary_json, *spec_json;
    uint8_t *weights; /* of a snapshot: the file; NULL for a final field */
    size_t cost;      /* bytes of memory */
    size_t n_users;
    bool detached; /* not in the table any more */
    struct cached *chain;
    struct cached *newer, *older; /* order of use; final ones only */
};

/* One load under way, on the stack of the thread that does it. */
struct load {
    const char *id;
    size_t n_waiting;
    bool done;
    bool forgotten; /* field_cache_forget came meanwhile: do not keep it */
    enum status status;
    struct error error;
    struct cached *result; /* one use for each who waits, and one for the loader */
    struct load *next;
};

struct field_cache {
    struct store *store;
    const struct kernel *kernel;
    field_opener opener;
    uint64_t max_bytes;

    pthread_mutex_t lock;   /* guards all below, and the entries but for their content */
    pthread_cond_t changed; /* a load is done, or nobody waits for one any more */
    struct cached *chains[N_CHAINS];
    struct cached *newest, *oldest;
    struct load *loads;
    uint64_t n_entries, bytes, hits, misses;
};

/* --- entries --- */

static void cached_free(struct cached *e)
{
    if (!e)
        return;
    draft_free(e->entry.draft);
    seats_free(e->entry.seats);
    field_free(e->field);
    mem_free(e->summary_json);
    mem_free(e->spec_json);
    mem_free(e->weights);
    mem_free(e);
}

/* An entry of a weights file, not in the table yet.  facts: its state and hash. */
static enum status cached_create(struct cached **out, const struct field_cache *c,
                                 const char *field_id, const struct field_entry *facts,
                                 const struct field_snapshot *from, struct error *err)
{
    const bool keeps_weights = facts->state == FIELD_TRAINING;
    struct cached *e = mem_alloc(sizeof *e);
    if (!e)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status =
        c->opener(c->kernel, from->spec_json, from->weights, from->n_weights, &e->field, err);
    if (status == STATUS_OK)
        status = seats_create(&e->entry.seats, e->field, err);
    if (status == STATUS_OK)
        status = draft_create(&e->entry.draft, e->field, err);
    if (status != STATUS_OK)
        goto out;
    e->summary_json = mem_strdup(from->summary_json);
    e->spec_json = mem_strdup(from->spec_json);
    if (keeps_weights)
        e->weights = mem_alloc(from->n_weights);
    if (!e->summary_json || !e->spec_json || (keeps_weights && !e->weights)) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    if (keeps_weights && from->n_weights > 0)
        memcpy(e->weights, from->weights, from->n_weights);
    memcpy(e->entry.weights_sha256, facts->weights_sha256, sizeof facts->weights_sha256);
    e->entry.state = facts->state;
    e->entry.field = e->field;
    e->entry.step = from->step;
    e->entry.bytes = from->n_weights;
    e->entry.summary_json = e->summary_json;
    e->entry.spec_json = e->spec_json;
    snprintf(e->id, sizeof e->id, "%s", field_id);
    e->cost = sizeof *e + field_n_params(e->field) * sizeof(float) + seats_bytes(e->field) +
              draft_bytes(e->field) + (keeps_weights ? from->n_weights : 0) +
              strlen(e->summary_json) + strlen(e->spec_json);
    *out = e;
    e = NULL;
out:
    cached_free(e);
    return status;
}

/* --- the table; the lock is held --- */

static struct cached **chain_of(struct field_cache *c, const char *id)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (const char *p = id; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 16777619u;
    return &c->chains[hash % N_CHAINS];
}

static struct cached *find(struct field_cache *c, const char *id)
{
    struct cached *e = *chain_of(c, id);
    while (e && strcmp(e->id, id) != 0)
        e = e->chain;
    return e;
}

static void unlink_use(struct field_cache *c, struct cached *e)
{
    *(e->newer ? &e->newer->older : &c->newest) = e->older;
    *(e->older ? &e->older->newer : &c->oldest) = e->newer;
    e->newer = e->older = NULL;
}

static void link_newest(struct field_cache *c, struct cached *e)
{
    e->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

static void attach(struct field_cache *c, struct cached *e)
{
    struct cached **chain = chain_of(c, e->id);
    e->chain = *chain;
    *chain = e;
    if (e->entry.state == FIELD_FINAL)
        link_newest(c, e);
    c->n_entries++;
    c->bytes += e->cost;
}

/* Take it out; free it unless someone holds it. */
static void detach(struct field_cache *c, struct cached *e)
{
    struct cached **place = chain_of(c, e->id);
    while (*place != e)
        place = &(*place)->chain;
    *place = e->chain;
    if (e->entry.state == FIELD_FINAL)
        unlink_use(c, e);
    c->n_entries--;
    c->bytes -= e->cost;
    e->detached = true;
    if (e->n_users == 0)
        cached_free(e);
}

static void make_room(struct field_cache *c)
{
    struct cached *newer;
    for (struct cached *e = c->oldest; e && c->bytes > c->max_bytes; e = newer) {
        newer = e->newer;
        if (e->n_users == 0)
            detach(c, e);
    }
}

/* --- loading --- */

/* The store knows the field, or the job that is training it, or neither. */
static enum status read_row(struct field_cache *c, const char *id, struct field_row *out,
                            struct error *err)
{
    struct job_row job = {.attempt = 0};
    struct error field_err = {.status = STATUS_OK}, job_err = {.status = STATUS_OK};
    enum status status = store_field_get(c->store, id, out, &field_err);
    if (status == STATUS_OK)
        return status;
    if (status != STATUS_NOT_FOUND)
        return error_set(err, status, "", "%s", field_err.message);
    status = store_field_job(c->store, id, &job, &job_err);
    if (status == STATUS_OK) {
        job_row_deinit(&job);
        return error_set(err, STATUS_CONFLICT, "", "the field '%s' has no snapshot yet", id);
    }
    if (status != STATUS_NOT_FOUND)
        return error_set(err, status, "", "%s", job_err.message);
    return store_field_get(c->store, id, out, err); /* the job may have ended in between */
}

static enum status load_final(struct field_cache *c, const char *id, struct cached **out,
                              struct error *err)
{
    struct field_row row = {.step = 0};
    uint8_t *weights = NULL;
    size_t n = 0;
    enum status status = read_row(c, id, &row, err);
    if (status == STATUS_OK)
        status = store_blob_get(c->store, row.weights_sha256, &weights, &n, err);
    if (status == STATUS_OK) {
        const struct field_snapshot from = {.spec_json = row.spec_json,
                                            .summary_json = row.summary_json,
                                            .step = row.step,
                                            .weights = weights,
                                            .n_weights = n};
        struct field_entry facts = {.state = FIELD_FINAL};
        memcpy(facts.weights_sha256, row.weights_sha256, SHA256_TEXT_SIZE);
        status = cached_create(out, c, id, &facts, &from, err);
    }
    mem_free(weights);
    field_row_deinit(&row);
    return status;
}

/* Hand the result of a load to everyone who waits, and wait until they have it: the load lies on
 * this thread's stack.  The lock is held. */
static void hand_over(struct field_cache *c, struct load *load)
{
    struct load **place = &c->loads;
    while (*place != load)
        place = &(*place)->next;
    *place = load->next;
    if (load->status == STATUS_OK) {
        load->result->n_users = load->n_waiting + 1;
        if (load->forgotten || find(c, load->id))
            load->result->detached = true; /* for those who asked, not for others */
        else
            attach(c, load->result);
        make_room(c);
    }
    load->done = true;
    pthread_cond_broadcast(&c->changed);
    while (load->n_waiting > 0)
        pthread_cond_wait(&c->changed, &c->lock);
}

/* The lock is held, and let go while the store is read. */
static enum status fetch(struct field_cache *c, const char *id, struct cached **out,
                         struct error *err)
{
    struct load load = {.id = id, .next = c->loads};
    c->loads = &load;
    c->misses++;
    pthread_mutex_unlock(&c->lock);
    load.status = load_final(c, id, &load.result, &load.error);
    pthread_mutex_lock(&c->lock);
    hand_over(c, &load);
    if (load.status != STATUS_OK)
        return error_set(err, load.status, load.error.where, "%s", load.error.message);
    *out = load.result;
    return STATUS_OK;
}

static enum status wait_for(struct field_cache *c, struct load *load, struct cached **out,
                            struct error *err)
{
    load->n_waiting++;
    while (!load->done)
        pthread_cond_wait(&c->changed, &c->lock);
    enum status status = load->status;
    if (status == STATUS_OK)
        *out = load->result;
    else
        error_set(err, status, load->error.where, "%s", load->error.message);
    load->n_waiting--;
    pthread_cond_broadcast(&c->changed);
    return status;
}

static struct load *find_load(const struct field_cache *c, const char *id)
{
    struct load *l = c->loads;
    while (l && strcmp(l->id, id) != 0)
        l = l->next;
    return l;
}

/* --- for the service --- */

enum status field_cache_get(struct field_cache *c, const char *field_id,
                            const struct field_entry **out, struct error *err)
{
    enum status status = STATUS_OK;
    pthread_mutex_lock(&c->lock);
    struct cached *e = find(c, field_id);
    struct load *under_way = e ? NULL : find_load(c, field_id);
    if (e) {
        c->hits++;
        e->n_users++;
        if (e->entry.state == FIELD_FINAL) {
            unlink_use(c, e);
            link_newest(c, e);
        }
    } else if (under_way) {
        c->hits++;
        status = wait_for(c, under_way, &e, err);
    } else {
        status = fetch(c, field_id, &e, err);
    }
    pthread_mutex_unlock(&c->lock);
    if (status == STATUS_OK)
        *out = &e->entry;
    return status;
}

void field_cache_release(struct field_cache *c, const struct field_entry *entry)
{
    struct cached *e = (struct cached *)entry;
    pthread_mutex_lock(&c->lock);
    e->n_users--;
    if (e->detached && e->n_users == 0)
        cached_free(e);
    else
        make_room(c);
    pthread_mutex_unlock(&c->lock);
}

enum status field_cache_publish(struct field_cache *c, const char *field_id,
                                const struct field_snapshot *snapshot,
                                char sha256_out[SHA256_TEXT_SIZE], struct error *err)
{
    struct field_entry facts = {.state = FIELD_TRAINING};
    struct cached *e = NULL;
    sha256_text(snapshot->weights, snapshot->n_weights, facts.weights_sha256);
    enum status status = cached_create(&e, c, field_id, &facts, snapshot, err);
    if (!e)
        return status;
    memcpy(sha256_out, facts.weights_sha256, SHA256_TEXT_SIZE);
    pthread_mutex_lock(&c->lock);
    struct cached *before = find(c, field_id);
    if (before)
        detach(c, before);
    attach(c, e);
    make_room(c);
    pthread_mutex_unlock(&c->lock);
    return STATUS_OK;
}

void field_cache_forget(struct field_cache *c, const char *field_id)
{
    pthread_mutex_lock(&c->lock);
    struct cached *e = find(c, field_id);
    if (e)
        detach(c, e);
    struct load *under_way = find_load(c, field_id);
    if (under_way)
        under_way->forgotten = true;
    pthread_mutex_unlock(&c->lock);
}

enum status field_cache_weights(struct field_cache *c, const char *field_id, uint8_t **out,
                                size_t *n, struct error *err)
{
    enum status status = STATUS_OK;
    pthread_mutex_lock(&c->lock);
    const struct cached *e = find(c, field_id);
    if (!e || !e->weights) {
        status = error_set(err, STATUS_NOT_FOUND, "", "the field '%s' has no snapshot", field_id);
    } else {
        uint8_t *copy = mem_alloc(e->entry.bytes);
        if (copy) {
            memcpy(copy, e->weights, e->entry.bytes);
            *out = copy;
            *n = e->entry.bytes;
        } else {
            status = error_status(err, STATUS_NO_MEMORY);
        }
    }
    pthread_mutex_unlock(&c->lock);
    return status;
}

void field_cache_counters(struct field_cache *c, uint64_t *n_entries, uint64_t *bytes,
                          uint64_t *hits, uint64_t *misses)
{
    pthread_mutex_lock(&c->lock);
    *n_entries = c->n_entries;
    *bytes = c->bytes;
    *hits = c->hits;
    *misses = c->misses;
    pthread_mutex_unlock(&c->lock);
}

enum status field_cache_create(struct field_cache **out, struct store *store, uint64_t max_bytes,
                               const struct kernel *kernel, field_opener opener, struct error *err)
{
    struct field_cache *c = mem_alloc(sizeof *c);
    if (!c)
        return error_status(err, STATUS_NO_MEMORY);
    c->store = store;
    c->kernel = kernel;
    c->opener = opener;
    c->max_bytes = max_bytes;
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
    *out = c;
    return STATUS_OK;
}

void field_cache_free(struct field_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < N_CHAINS; i++)
        while (c->chains[i])
            detach(c, c->chains[i]);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}
