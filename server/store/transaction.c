#include "server/store/store_internal.h"

static const char *const texts[N_TRANSACTION_STEPS] = {
    [TRANSACTION_BEGIN] = "BEGIN IMMEDIATE", [TRANSACTION_COMMIT] = "COMMIT",
    [TRANSACTION_ROLLBACK] = "ROLLBACK",     [TRANSACTION_SAVE] = "SAVEPOINT one",
    [TRANSACTION_KEEP] = "RELEASE one",      [TRANSACTION_UNDO] = "ROLLBACK TO one",
};

enum status transaction_prepare(struct transaction *t, sqlite3 *db, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < N_TRANSACTION_STEPS && status == STATUS_OK; i++) {
        t->steps[i] = statement_prepare(db, texts[i]);
        status = statement_status(&t->steps[i], err);
    }
    return status;
}

enum status transaction_do(struct transaction *t, enum transaction_step step, struct error *err)
{
    struct statement *q = &t->steps[step];
    enum status status = statement_run(q, err);
    if (status != STATUS_OK) {
        t->code = q->code;
        statement_retry(q);
    }
    return status;
}

void transaction_close(struct transaction *t)
{
    for (size_t i = 0; i < N_TRANSACTION_STEPS; i++)
        statement_close(&t->steps[i]);
}
