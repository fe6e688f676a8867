#include "server/store/store_internal.h"

#include <assert.h>

#include "core/base/mem.h"

static void reader_close(struct reader *r)
{
    for (int i = 0; i < N_DATABASES; i++)
        database_close(r->databases[i]);
    mem_free(r);
}

static enum status reader_open(struct store *s, struct reader **out, struct error *err)
{
    struct reader *r = mem_alloc(sizeof *r);
    if (!r)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = STATUS_OK;
    for (int i = 0; i < N_DATABASES && status == STATUS_OK; i++)
        status = database_open_reader(&r->databases[i], s->folder, (enum database)i, err);
    if (status == STATUS_OK)
        *out = r;
    else
        reader_close(r);
    return status;
}

enum status reader_take(struct store *s, struct reader **out, struct error *err)
{
    pthread_mutex_lock(&s->pool_lock);
    while (!s->pool && s->n_readers == MAX_READERS)
        pthread_cond_wait(&s->pool_changed, &s->pool_lock);
    struct reader *r = s->pool;
    if (r)
        s->pool = r->next;
    else
        s->n_readers++; /* its place is taken before it is opened, outside the lock */
    s->n_readers_out++;
    pthread_mutex_unlock(&s->pool_lock);
    if (r) {
        *out = r;
        return STATUS_OK;
    }
    enum status status = reader_open(s, out, err);
    if (status != STATUS_OK) {
        pthread_mutex_lock(&s->pool_lock);
        s->n_readers--;
        s->n_readers_out--;
        pthread_cond_signal(&s->pool_changed);
        pthread_mutex_unlock(&s->pool_lock);
    }
    return status;
}

void reader_give(struct store *s, struct reader *r)
{
    pthread_mutex_lock(&s->pool_lock);
    r->next = s->pool;
    s->pool = r;
    s->n_readers_out--;
    pthread_cond_signal(&s->pool_changed);
    pthread_mutex_unlock(&s->pool_lock);
}

void readers_close(struct store *s)
{
    assert(s->n_readers_out == 0);
    while (s->pool) {
        struct reader *r = s->pool;
        s->pool = r->next;
        reader_close(r);
    }
    s->n_readers = 0;
}
