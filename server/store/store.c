#include "server/store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/mem.h"

enum status folder_open(int parent, const char *name, int *out, struct error *err)
{
    if (mkdirat(parent, name, 0700) != 0 && errno != EEXIST)
        return file_error(errno, "create", name, err);
    int file = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0)
        return file_error(errno, "open", name, err);
    *out = file;
    return STATUS_OK;
}

enum status folder_sync(int file, const char *name, struct error *err)
{
    return fsync(file) == 0 ? STATUS_OK : file_error(errno, "sync", name, err);
}

enum status folder_sync_parent(int folder, struct error *err)
{
    int parent = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return file_error(errno, "open", "..", err);
    enum status status = folder_sync(parent, "..", err);
    close(parent);
    return status;
}

static enum status take_lock(struct store *s, struct error *err)
{
    s->lock_file = openat(s->folder_file, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock_file < 0)
        return file_error(errno, "open", "lock", err);
    if (flock(s->lock_file, LOCK_EX | LOCK_NB) == 0)
        return STATUS_OK;
    if (errno == EWOULDBLOCK)
        return error_set(err, STATUS_CONFLICT, "",
                         "the data folder '%s' is in use: another farfield serves it", s->folder);
    return file_error(errno, "lock", "lock", err);
}

static enum status open_folders(struct store *s, struct error *err)
{
    int temporary = -1;
    enum status status = folder_open(AT_FDCWD, s->folder, &s->folder_file, err);
    if (status == STATUS_OK)
        status = take_lock(s, err);
    if (status == STATUS_OK)
        status = folder_open(s->folder_file, "blobs", &s->blobs_file, err);
    if (status == STATUS_OK)
        status = folder_open(s->folder_file, "tmp", &temporary, err);
    if (status == STATUS_OK)
        status = token_epoch_open(s->folder_file, &s->epoch_file, err);
    if (temporary >= 0)
        close(temporary);
    return status;
}

/* Everything but the writer thread. */
static void release(struct store *s)
{
    readers_close(s);
    for (int i = 0; i < N_DATABASES; i++) {
        transaction_close(&s->transactions[i]);
        database_close(s->databases[i]);
    }
    pins_free(s);
    pthread_cond_destroy(&s->pool_changed);
    pthread_mutex_destroy(&s->pool_lock);
    const int files[] = {s->epoch_file, s->blobs_file, s->folder_file,
                         s->lock_file}; /* the lock goes last */
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i] >= 0)
            close(files[i]);
    mem_free(s->temporary_folder);
    mem_free(s->folder);
    mem_free(s);
}

static struct store *create(const char *folder)
{
    struct store *s = mem_alloc(sizeof *s);
    if (!s)
        return NULL;
    s->lock_file = s->folder_file = s->blobs_file = s->epoch_file = -1;
    pthread_mutex_init(&s->pool_lock, NULL);
    pthread_cond_init(&s->pool_changed, NULL);
    size_t size = strlen(folder) + sizeof "/tmp";
    s->folder = mem_strdup(folder);
    s->temporary_folder = mem_alloc(size);
    if (!s->folder || !s->temporary_folder) {
        release(s);
        return NULL;
    }
    snprintf(s->temporary_folder, size, "%s/tmp", folder);
    return s;
}

enum status store_open(struct store **out, const char *folder, struct error *err)
{
    struct store *s = create(folder);
    if (!s)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = open_folders(s, err);
    for (int i = 0; i < N_DATABASES && status == STATUS_OK; i++)
        status = database_open_writer(&s->databases[i], folder, (enum database)i, err);
    for (int i = 0; i < N_DATABASES && status == STATUS_OK; i++)
        status = database_check(s->databases[i], (enum database)i, err);
    /* What was created here is in the folder for good before anything is promised. */
    if (status == STATUS_OK)
        status = folder_sync(s->folder_file, folder, err);
    if (status == STATUS_OK)
        status = folder_sync_parent(s->folder_file, err);
    if (status == STATUS_OK)
        status = store_recover(s, err);
    for (int i = 0; i < N_DATABASES && status == STATUS_OK; i++)
        status = transaction_prepare(&s->transactions[i], s->databases[i], err);
    if (status == STATUS_OK)
        status = writer_start(s, err);
    if (status == STATUS_OK)
        *out = s;
    else
        release(s);
    return status;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    writer_stop(s);
    release(s);
}

const char *store_temporary_folder(const struct store *s)
{
    return s->temporary_folder;
}

enum status store_check(struct store *s, struct error *err)
{
    static const char *const questions[] = {
        [DATABASE_MAIN] = "SELECT count(*) FROM (SELECT 1 FROM job LIMIT 1)",
        [DATABASE_BLOB] = "SELECT count(*) FROM (SELECT 1 FROM blob LIMIT 1)",
    };
    struct reader *r;
    enum status status = reader_take(s, &r, err);
    if (status != STATUS_OK)
        return status;
    int64_t n;
    for (int i = 0; i < N_DATABASES && status == STATUS_OK; i++)
        status = database_integer(r->databases[i], questions[i], &n, err);
    reader_give(s, r);
    return status;
}

/* --- words --- */

enum status not_found(enum id_kind kind, const char *id, struct error *err)
{
    static const char *const nouns[] = {
        [ID_DATASET] = "dataset", [ID_JOB] = "job",         [ID_FIELD] = "field",
        [ID_SWEEP] = "sweep",     [ID_REQUEST] = "request",
    };
    if (!id_is(kind, id)) /* anything may stand there: it is not repeated */
        return error_set(err, STATUS_NOT_FOUND, "", "there is no %s with this id", nouns[kind]);
    return error_set(err, STATUS_NOT_FOUND, "", "there is no %s '%s'", nouns[kind], id);
}
