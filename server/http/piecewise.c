/*
 * Only one thread at a time touches a piecewise: the connection's while it is not suspended, the
 * pool's while it is.  The hand-over goes through the locks of the pool and of the library.
 */
#include "server/http/piecewise.h"

#include <string.h>

#include "core/base/mem.h"
#include "server/http/connection_cut.h"

enum { PIECE_BYTES = 256 * 1024 };

struct piecewise {
    struct handler_task task; /* first: run() gets it */
    http_reader reader;
    void *context;
    void (*context_free)(void *context);
    uint64_t first, count; /* the span of the whole that is sent */

    struct handler_pool *pool;
    struct MHD_Connection *connection;
    int socket;
    uint64_t *sent;

    uint64_t at;        /* where the piece begins, in the span */
    size_t n;           /* its bytes; 0: none yet */
    enum status status; /* not OK: the reader has failed */
    uint8_t bytes[PIECE_BYTES];
};

/* Make the piece that begins at p->at: full, unless the span ends before. */
static void fill(struct piecewise *p)
{
    uint64_t left = p->count - p->at;
    size_t wanted = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
    p->n = 0;
    while (p->n < wanted) {
        int64_t got =
            p->reader(p->context, p->first + p->at + p->n, wanted - p->n, p->bytes + p->n);
        if (got <= 0 || (uint64_t)got > wanted - p->n) { /* an early end is a failure too */
            p->status = got == -STATUS_NO_MEMORY ? STATUS_NO_MEMORY : STATUS_IO;
            return;
        }
        p->n += (size_t)got;
    }
}

static void run(struct handler_task *task)
{
    struct piecewise *p = (struct piecewise *)task;
    fill(p);
    MHD_resume_connection(p->connection);
}

enum status piecewise_create(struct piecewise **out, struct http_response *r, uint64_t first,
                             uint64_t count, struct error *err)
{
    struct piecewise *p = mem_alloc(sizeof *p);
    if (!p) {
        if (r->reader_free)
            r->reader_free(r->reader_context);
        r->body_type = BODY_NONE;
        return error_status(err, STATUS_NO_MEMORY);
    }
    p->task.run = run;
    p->reader = r->reader;
    p->context = r->reader_context;
    p->context_free = r->reader_free;
    p->first = first;
    p->count = count;
    r->body_type = BODY_NONE;
    fill(p);
    enum status status = p->status;
    if (status != STATUS_OK) {
        piecewise_free(p);
        return error_set(err, status, "", "cannot read what is to be sent");
    }
    *out = p;
    return STATUS_OK;
}

void piecewise_attach(struct piecewise *p, struct handler_pool *pool,
                      struct MHD_Connection *connection, int socket, uint64_t *sent)
{
    p->pool = pool;
    p->connection = connection;
    p->socket = socket;
    p->sent = sent;
}

ssize_t piecewise_read(void *piecewise, uint64_t position, char *out, size_t n)
{
    struct piecewise *p = piecewise;
    if (p->status == STATUS_OK && position >= p->at && position - p->at < p->n) {
        size_t skip = (size_t)(position - p->at);
        n = n < p->n - skip ? n : p->n - skip;
        memcpy(out, p->bytes + skip, n);
        *p->sent += n;
        return (ssize_t)n;
    }
    if (p->status != STATUS_OK)
        return connection_cut(p->socket, out);
    p->at = position;
    MHD_suspend_connection(p->connection);
    if (!handler_pool_continue(p->pool, &p->task)) {
        p->status = STATUS_CANCELED; /* the server stops */
        MHD_resume_connection(p->connection);
    }
    return 0; /* allowed only together with suspend: else the library asks again at once */
}

void piecewise_free(void *piecewise)
{
    struct piecewise *p = piecewise;
    if (p->context_free)
        p->context_free(p->context);
    mem_free(p);
}
