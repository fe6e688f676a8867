#include "tests/harness/remains.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/store.h"
#include "tests/harness/folder.h"
#include "tests/harness/specimen.h"
#include "tests/harness/victim.h"
#include "tests/http/fit.h"
#include "tests/support/data_files.h"

enum { ENDLESS = 10000000 };

static struct {
    bool is_made;
    struct victim victim;
    char dataset[LEDGER_ID], sha256[LEDGER_HASH];
    struct job_entry jobs[3]; /* ended, running, to be canceled */
} base;

static void upload_one(const struct service *s)
{
    struct dice dice = {.state = 100};
    struct bytes picture = specimen_file(SPECIMEN_IMAGE, &dice);
    json_t *dataset =
        answer_json(service_send(s, &(struct request){.path = "/v1/datasets?kind=image",
                                                      .content_type = "application/x-npy",
                                                      .body = picture.data,
                                                      .n_body = picture.n}),
                    201);
    snprintf(base.dataset, sizeof base.dataset, "%s", member_text(dataset, "id"));
    snprintf(base.sha256, sizeof base.sha256, "%s", member_text(dataset, "sha256"));
    json_decref(dataset);
    bytes_free(&picture);
}

static void post_one(const struct service *s, struct job_entry *entry, unsigned steps)
{
    char body[LEDGER_BODY];
    specimen_job_body(body, 0, base.dataset, "", steps);
    json_t *job = answer_json(service_post_json(s, "/v1/jobs", body), 202);
    *entry = (struct job_entry){.field = FATE_THERE};
    snprintf(entry->id, sizeof entry->id, "%s", member_text(job, "id"));
    snprintf(entry->field_id, sizeof entry->field_id, "%s", member_text(job, "field_id"));
    json_decref(job);
}

/* Change a database as it lies: its log stays what it is. */
static void change(const char *data, const char *name, const char *sql)
{
    char path[256];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/%s", data, name);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void litter(const char *data)
{
    static const char bytes[] = "nobody's";
    char path[256], hash[SHA256_TEXT_SIZE], sql[512];
    sha256_text(bytes, sizeof bytes, hash);
    snprintf(path, sizeof path, "%s/blobs/%s", data, hash);
    file_write(path, bytes, sizeof bytes);
    snprintf(path, sizeof path, "%s/tmp/upload-left", data);
    file_write(path, bytes, sizeof bytes);
    snprintf(sql, sizeof sql,
             "INSERT INTO blob (sha256, bytes) VALUES ('%s', 3);"
             "INSERT INTO blob_chunk SELECT n, 0, x'010203' FROM blob WHERE sha256 = '%s'",
             hash, hash);
    change(data, "blob.db", sql);
    snprintf(sql, sizeof sql, "UPDATE job SET cancel_requested = 1 WHERE id = '%s'",
             base.jobs[2].id);
    change(data, "main.db", sql);
}

static void make(void)
{
    static const char *const settings[] = {"--workers", "2", NULL};
    const struct service *s = &base.victim.service;
    char data[128];
    victim_init(&base.victim, NULL);
    victim_start(&base.victim, settings);
    upload_one(s);
    post_one(s, &base.jobs[0], 100);
    json_decref(wait_for_job(s, base.jobs[0].id, "succeeded"));
    for (size_t i = 1; i < 3; i++) {
        post_one(s, &base.jobs[i], ENDLESS);
        wait_for_step(s, base.jobs[i].id, 1);
    }
    victim_kill(&base.victim);
    snprintf(data, sizeof data, "%s/data", s->folder);
    litter(data);
    base.is_made = true;
}

void remains_lay_out(const char *folder, struct ledger *ledger)
{
    char from[128], to[128];
    if (!base.is_made)
        make();
    snprintf(from, sizeof from, "%s/data", base.victim.service.folder);
    snprintf(to, sizeof to, "%s/data", folder);
    folder_copy(from, to);
    assert_true(ledger_add_dataset(ledger, base.dataset, base.sha256, SPECIMEN_IMAGE));
    for (size_t i = 0; i < 3; i++)
        assert_true(ledger_add_job(ledger, &base.jobs[i]));
}

void remains_remove(void)
{
    if (base.is_made)
        victim_deinit(&base.victim);
    base.is_made = false;
}
