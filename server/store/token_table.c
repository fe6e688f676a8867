/*
 * Design.  The table is replaced as a whole, under the mutex; what is read from the store is read
 * outside of it.  Two who refresh at once may put their tables in either order: an older one has an
 * older epoch, so the next look finds it out of date and no harm is done.  That is also why ask
 * answers from the table it has read itself: it was read after the request came, and asking the
 * shared one again could go on for as long as tokens keep changing.
 */
#include "server/store/token_table.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include "core/base/mem.h"

struct token_table {
    struct store *store;
    pthread_mutex_t lock; /* guards what follows */
    bool is_loaded;
    uint64_t epoch;
    struct token_list list;
};

enum status token_table_create(struct token_table **out, struct store *s, struct error *err)
{
    struct token_table *t = mem_alloc(sizeof *t);
    if (!t)
        return error_status(err, STATUS_NO_MEMORY);
    t->store = s;
    pthread_mutex_init(&t->lock, NULL);
    *out = t;
    return STATUS_OK;
}

void token_table_free(struct token_table *t)
{
    if (!t)
        return;
    token_list_deinit(&t->list);
    pthread_mutex_destroy(&t->lock);
    mem_free(t);
}

static const struct token_row *find(const struct token_list *list, const char *id)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->rows[i].id, id) == 0)
            return &list->rows[i];
    return NULL;
}

/* Is there a row of this id with this hash? */
static bool matches(const struct token_list *list, const char *id,
                    const char sha256[SHA256_TEXT_SIZE])
{
    static const struct token_row nobody = {.id = ""};
    const struct token_row *row = find(list, id);
    bool same = sodium_memcmp((row ? row : &nobody)->sha256, sha256, SHA256_TEXT_SIZE - 1) == 0;
    return row && same;
}

/* Is the table what the store says now?  With the lock held. */
static bool is_current(const struct token_table *t, bool has_epoch, uint64_t epoch)
{
    return t->is_loaded && has_epoch && t->epoch == epoch;
}

enum status token_table_look(void *table, const char *text, size_t n, char id[TOKEN_ID_SIZE])
{
    struct token_table *t = table;
    char wanted[TOKEN_ID_SIZE], sha256[SHA256_TEXT_SIZE];
    if (!token_parse(text, n, wanted))
        return STATUS_NOT_FOUND;
    sha256_text(text, n, sha256);
    uint64_t epoch = 0;
    bool has_epoch = store_token_epoch(t->store, &epoch);
    enum status status = STATUS_BUSY;
    pthread_mutex_lock(&t->lock);
    if (is_current(t, has_epoch, epoch))
        status = matches(&t->list, wanted, sha256) ? STATUS_OK : STATUS_NOT_FOUND;
    pthread_mutex_unlock(&t->lock);
    if (status == STATUS_OK)
        memcpy(id, wanted, sizeof wanted);
    return status;
}

/* The list is the table's from now on. */
static void replace(struct token_table *t, struct token_list *list, uint64_t epoch)
{
    pthread_mutex_lock(&t->lock);
    struct token_list old = t->list;
    t->list = *list;
    t->epoch = epoch;
    t->is_loaded = true;
    pthread_mutex_unlock(&t->lock);
    token_list_deinit(&old);
}

enum status token_table_ask(void *table, const char *text, size_t n, char id[TOKEN_ID_SIZE],
                            struct error *err)
{
    struct token_table *t = table;
    enum status status = token_table_look(t, text, n, id); /* another may have refreshed it */
    if (status != STATUS_BUSY)
        return status;
    char wanted[TOKEN_ID_SIZE], sha256[SHA256_TEXT_SIZE];
    struct token_list list;
    uint64_t epoch;
    status = store_token_load(t->store, &list, &epoch, err);
    if (status != STATUS_OK)
        return status;
    sha256_text(text, n, sha256);
    status = token_parse(text, n, wanted) && matches(&list, wanted, sha256) ? STATUS_OK
                                                                            : STATUS_NOT_FOUND;
    replace(t, &list, epoch);
    if (status == STATUS_OK)
        memcpy(id, wanted, sizeof wanted);
    return status;
}

bool token_table_holds(void *table, const char *id)
{
    struct token_table *t = table;
    pthread_mutex_lock(&t->lock);
    bool holds = find(&t->list, id) != NULL;
    pthread_mutex_unlock(&t->lock);
    return holds;
}

bool token_table_is_stale(void *table)
{
    struct token_table *t = table;
    uint64_t epoch = 0;
    bool has_epoch = store_token_epoch(t->store, &epoch);
    pthread_mutex_lock(&t->lock);
    bool is_stale = !is_current(t, has_epoch, epoch);
    pthread_mutex_unlock(&t->lock);
    return is_stale;
}

enum status token_table_refresh(void *table, struct error *err)
{
    struct token_table *t = table;
    if (!token_table_is_stale(t))
        return STATUS_OK;
    struct token_list list;
    uint64_t epoch;
    enum status status = store_token_load(t->store, &list, &epoch, err);
    if (status == STATUS_OK)
        replace(t, &list, epoch);
    return status;
}
