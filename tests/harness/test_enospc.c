/*
 * make enospc: a disk of 24 MB that is full again and again: before an upload, in the middle of
 * one, before its row, before reports, before a result, at a stop and at a start.  What cannot be
 * kept is refused with 507 and leaves nothing behind, what was acknowledged stays, reads go on, and
 * with free space everything goes on by itself.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/store/store.h"
#include "tests/harness/audit.h"
#include "tests/harness/folder.h"
#include "tests/harness/harness.h"
#include "tests/harness/load.h"
#include "tests/harness/small_disk.h"
#include "tests/harness/verify.h"
#include "tests/harness/victim.h"
#include "tests/http/fit.h"

enum {
    DISK_MB = 24,
    N_SAMPLE = 2,
    N_LONG = 20,
    LARGE_SIDE = 1000,
    MAX_POSTS = 400,
    ENDLESS = 10000000
};

/* Promised: the service accepts again so soon after space is free. */
static const double again_seconds = 5;

/* Logs of the databases may grow to their own limits, not more: 1000 pages and what one transaction
 * adds. */
enum { MAIN_LOG_MAX = 6 << 20, BLOB_LOG_MAX = 20 << 20 };

static const char *const settings[] = {"--workers", "1", NULL};

static struct small_disk disk;
static bool has_disk;

static struct campaign {
    struct dice dice;
    struct victim victim;
    struct ledger ledger;
    struct verifier verifier;
    char data[96];
    char dataset[ID_TEXT], field[ID_TEXT]; /* to read while the disk is full */
    /* Figures. */
    unsigned n_507_uploads, n_507_jobs, n_accepted_full, n_reads, n_lost_reports, n_waiting_results,
        n_starts;
    double slowest_again;
    uint64_t largest_main_log, largest_blob_log;
} c;

/* --- what is asked --- */

static struct answer send_picture(const struct bytes *picture)
{
    struct answer a = {0};
    const struct request request = {.path = "/v1/datasets?kind=image",
                                    .content_type = "application/x-npy",
                                    .body = picture->data,
                                    .n_body = picture->n};
    assert_true(client_send(c.verifier.client, &c.victim.service, &request, SEND_WHOLE, &a));
    return a;
}

/* Note it, if it was accepted; the status. */
static long take_dataset(struct answer a, const struct bytes *picture, char id[ID_TEXT])
{
    char hash[SHA256_TEXT_SIZE];
    long status = a.status;
    if (status == 201 || status == 200) {
        json_t *dataset = answer_json(a, status);
        sha256_text(picture->data, picture->n, hash);
        snprintf(id, ID_TEXT, "%s", member_text(dataset, "id"));
        assert_true(ledger_add_dataset(&c.ledger, id, hash, SPECIMEN_IMAGE));
        json_decref(dataset);
    } else {
        answer_problem(a, 507, NULL);
    }
    return status;
}

static long post_job(const char *body, char id[ID_TEXT])
{
    struct job_entry entry = {.field = FATE_THERE};
    struct answer a = service_post_json(&c.victim.service, "/v1/jobs", body);
    long status = a.status;
    if (status != 202) {
        answer_problem(a, 507, NULL);
        return status;
    }
    json_t *job = answer_json(a, 202);
    snprintf(entry.id, sizeof entry.id, "%s", member_text(job, "id"));
    snprintf(entry.field_id, sizeof entry.field_id, "%s", member_text(job, "field_id"));
    assert_true(ledger_add_job(&c.ledger, &entry));
    snprintf(id, ID_TEXT, "%s", entry.id);
    json_decref(job);
    return status;
}

static void cancel(const char *id)
{
    char path[96];
    snprintf(path, sizeof path, "/v1/jobs/%s/cancel", id);
    answer_status(service_post_json(&c.victim.service, path, "{}"), 200);
}

/* Everything that only reads. */
static void read_everything(void)
{
    static const char *const paths[] = {"/healthz",
                                        "/readyz",
                                        "/metrics",
                                        "/v1/datasets",
                                        "/v1/jobs",
                                        "/v1/fields",
                                        "/v1/datasets/%s/content",
                                        "/v1/datasets/%s/preview?width=16",
                                        "/v1/fields/%s",
                                        "/v1/fields/%s/weights",
                                        "/v1/fields/%s/image?width=32&height=32",
                                        "/v1/fields/%s/value?x=3&y=4"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char path[160];
        const char *at = strstr(paths[i], "%s");
        const char *id = strstr(paths[i], "fields") ? c.field : c.dataset;
        if (at)
            snprintf(path, sizeof path, "%.*s%s%s", (int)(at - paths[i]), paths[i], id, at + 2);
        else
            snprintf(path, sizeof path, "%s", paths[i]);
        answer_status(service_get(&c.victim.service, "%s", path), 200);
        c.n_reads++;
    }
}

/* Files below the data folder that begin so. */
static size_t count_files(const char *folder)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", c.data, folder);
    return folder_count(path, "", NULL);
}

/* An upload that was answered is cleared away a moment later. */
static void expect_nothing_left(size_t n_blobs)
{
    double end = now_seconds() + 5 * SLOWNESS;
    while (count_files("tmp") > 0 || count_files("blobs") != n_blobs) {
        if (now_seconds() > end)
            fail_msg("%zu files in tmp/, %zu in blobs/ instead of %zu", count_files("tmp"),
                     count_files("blobs"), n_blobs);
        pause_briefly();
    }
}

static void look_at_logs(void)
{
    uint64_t main_log = 0, blob_log = 0;
    folder_count(c.data, "main.db-wal", &main_log);
    folder_count(c.data, "blob.db-wal", &blob_log);
    c.largest_main_log = main_log > c.largest_main_log ? main_log : c.largest_main_log;
    c.largest_blob_log = blob_log > c.largest_blob_log ? blob_log : c.largest_blob_log;
    assert_true(main_log < MAIN_LOG_MAX && blob_log < BLOB_LOG_MAX);
}

/* Free the disk: uploads and jobs are accepted again by themselves. */
static void expect_recovery(void)
{
    char dataset[ID_TEXT], job[ID_TEXT], body[LEDGER_BODY];
    struct bytes picture = specimen_file(SPECIMEN_IMAGE, &c.dice);
    small_disk_free(&disk);
    double begin = now_seconds(), end = begin + again_seconds * SLOWNESS;
    while (take_dataset(send_picture(&picture), &picture, dataset) != 201) {
        assert_true(now_seconds() < end);
        pause_briefly();
    }
    specimen_job_body(body, 0, dataset, "", 10);
    while (post_job(body, job) != 202) {
        assert_true(now_seconds() < end);
        pause_briefly();
    }
    double seconds = now_seconds() - begin;
    c.slowest_again = seconds > c.slowest_again ? seconds : c.slowest_again;
    bytes_free(&picture);
}

/* --- a full disk, and … --- */

static void an_upload_that_does_not_fit(void)
{
    char id[ID_TEXT];
    size_t n_blobs = count_files("blobs"), n = (size_t)LARGE_SIDE * LARGE_SIDE;
    uint8_t *pixels = calloc(n, 1);
    assert_non_null(pixels);
    memset(pixels, (int)dice_below(&c.dice, 256), n / 2);
    struct bytes picture = make_npy("|u1", "1000, 1000", pixels, n);
    small_disk_fill(&disk, 64 + dice_below(&c.dice, 512));
    assert_int_equal(take_dataset(send_picture(&picture), &picture, id), 507);
    c.n_507_uploads++;
    expect_nothing_left(n_blobs);
    read_everything();
    bytes_free(&picture);
    free(pixels);
    expect_recovery();
}

/* The bytes fit, the row does not: somewhere between the two. */
static void an_upload_without_room_for_its_row(void)
{
    char id[ID_TEXT];
    for (size_t left = 0; left <= 64; left += 16) {
        struct bytes picture = specimen_file(SPECIMEN_IMAGE, &c.dice);
        size_t n_blobs = count_files("blobs");
        small_disk_fill(&disk, left);
        bool is_kept = take_dataset(send_picture(&picture), &picture, id) != 507;
        expect_nothing_left(n_blobs + is_kept);
        c.n_507_uploads += !is_kept;
        c.n_accepted_full += is_kept;
        read_everything();
        expect_recovery();
        /* Nothing of a refused one is there: the same bytes are new. */
        assert_int_equal(take_dataset(send_picture(&picture), &picture, id), is_kept ? 200 : 201);
        bytes_free(&picture);
    }
}

/* Post until there is no room left in the log of the database either; how many were accepted. */
static size_t post_until_refused(void)
{
    char body[LEDGER_BODY], id[ID_TEXT];
    size_t n = 0;
    specimen_job_body(body, 0, c.dataset, "", ENDLESS);
    small_disk_fill(&disk, 0);
    while (post_job(body, id) == 202) {
        small_disk_fill(&disk, 0);
        assert_true(++n < MAX_POSTS);
    }
    c.n_accepted_full += (unsigned)n;
    return n;
}

/* Cancel the jobs that have not ended, but this one. */
static void cancel_others(const char *id)
{
    struct job_entry job;
    for (size_t i = 0; ledger_get_job(&c.ledger, i, &job); i++)
        if (job.end[0] == '\0' && strcmp(job.id, id) != 0) {
            struct answer a = {0};
            assert_true(client_post(c.verifier.client, &c.victim.service, &a, "{}",
                                    "/v1/jobs/%s/cancel", job.id));
            assert_true(a.status == 200 || a.status == 409);
            answer_free(&a);
        }
}

static void drain(void)
{
    cancel_others("");
    verify_drained(&c.verifier, &c.victim.service, 60 * SLOWNESS);
}

/* Posts are refused once the log has no room left; nobody's job is lost, none is half there. */
static void jobs_are_posted(void)
{
    post_until_refused();
    c.n_507_jobs++;
    read_everything();
    look_at_logs();
    expect_recovery();
    drain();
}

/* Is this in the service's log, from a place on? */
static bool log_says(long from, const char *words)
{
    char line[4096];
    bool found = false;
    FILE *log = fopen(c.victim.log, "r");
    assert_non_null(log);
    fseek(log, from, SEEK_SET);
    while (!found && fgets(line, sizeof line, log))
        found = strstr(line, words) != NULL;
    fclose(log);
    return found;
}

static long log_size(void)
{
    struct stat facts;
    assert_int_equal(stat(c.victim.log, &facts), 0);
    return (long)facts.st_size;
}

/* Keep the disk full until the log says so. */
static void fill_until(const char *words)
{
    long from = log_size();
    double end = now_seconds() + 20 * SLOWNESS;
    do {
        assert_true(now_seconds() < end);
        post_until_refused();
        pause_briefly();
    } while (!log_says(from, words));
}

/* A job goes on when what it reports cannot be written; its result waits for room. */
static void a_job_trains_and_ends(void)
{
    char body[LEDGER_BODY], id[ID_TEXT];
    snprintf(body, sizeof body,
             "{\"dataset_id\":\"%s\",\"field\":{\"encoding\":{\"type\":\"gaussian\","
             "\"n_frequencies\":8,\"sigma\":4},\"network\":{\"n_hidden_layers\":1,\"width\":8}},"
             "\"train\":{\"steps\":null,\"batch_size\":64,\"time_limit_seconds\":%d}}",
             c.dataset, SLOWNESS);
    assert_int_equal(post_job(body, id), 202);
    wait_for_step(&c.victim.service, id, 1);
    fill_until("report lost");
    c.n_lost_reports++;
    fill_until("end not written");
    c.n_waiting_results++;
    read_everything();
    look_at_logs();
    json_t *job = answer_json(service_get(&c.victim.service, "/v1/jobs/%s", id), 200);
    assert_string_equal(member_text(job, "status"), "running");
    json_decref(job);

    small_disk_free(&disk);
    double end = now_seconds() + again_seconds * SLOWNESS;
    job = wait_for_job(&c.victim.service, id, "succeeded");
    assert_true(now_seconds() < end);
    json_decref(job);
    expect_recovery();
    drain();
}

/* Stop or kill -9, and start without any room: what is there is served; the job that was running
 * goes on when there is room again. */
static void a_start(void)
{
    char body[LEDGER_BODY], id[ID_TEXT], refused[ID_TEXT];
    specimen_job_body(body, 0, c.dataset, "", ENDLESS);
    assert_int_equal(post_job(body, id), 202);
    wait_for_step(&c.victim.service, id, 1);
    switch (c.n_starts++ % 3) {
    case 0: /* while it is full, the job's checkpoint and its way back to the queue not written */
        fill_until("report lost");
        victim_stop(&c.victim);
        break;
    case 1:
        fill_until("report lost");
        victim_kill(&c.victim);
        break;
    case 2: /* before it is full: nothing lies ready for the databases but themselves */
        victim_stop(&c.victim);
        break;
    }
    small_disk_fill(&disk, 0);
    victim_start(&c.victim, settings);
    small_disk_fill(&disk, 0);
    read_everything();
    verify_some(&c.verifier, &c.victim.service, &c.dice, 10);
    assert_int_equal(post_job(body, refused), 507);
    expect_recovery();
    cancel_others(id);
    json_decref(wait_for_job(&c.victim.service, id, "running"));
    cancel(id);
    drain();
}

/* --- the campaign --- */

static void make_ground(void)
{
    char body[LEDGER_BODY], id[ID_TEXT];
    struct bytes picture = specimen_file(SPECIMEN_IMAGE, &c.dice);
    assert_int_equal(take_dataset(send_picture(&picture), &picture, c.dataset), 201);
    specimen_job_body(body, 0, c.dataset, "", 100);
    assert_int_equal(post_job(body, id), 202);
    json_t *job = wait_for_job(&c.victim.service, id, "succeeded");
    snprintf(c.field, sizeof c.field, "%s", member_text(job, "field_id"));
    json_decref(job);
    bytes_free(&picture);
}

static void report(unsigned n_rounds, const struct audit_figures *f, double seconds)
{
    harness_print("%u rounds on a disk of %d MB, seed %llu, %.0f s\n", n_rounds, DISK_MB,
                  (unsigned long long)harness_seed(), seconds);
    harness_print(
        "full: %u uploads and %u posts of jobs answered 507, %u requests fitted still, %u "
        "reads answered 200\n",
        c.n_507_uploads, c.n_507_jobs, c.n_accepted_full, c.n_reads);
    harness_print("%u fits went on without reports, %u results waited and were published, "
                  "%u starts without room; accepting again after %.2f s at most\n",
                  c.n_lost_reports, c.n_waiting_results, c.n_starts, c.slowest_again);
    harness_print("logs of the databases: %.1f MB and %.1f MB at most; at the end %lld datasets, "
                  "%lld jobs, %lld fields, nothing lost\n",
                  (double)c.largest_main_log / 1e6, (double)c.largest_blob_log / 1e6,
                  (long long)f->n_datasets, (long long)f->n_jobs, (long long)f->n_fields);
}

static void a_full_disk_is_an_answer(void **state)
{
    (void)state;
    struct audit_figures figures;
    unsigned n_rounds = harness_count(harness_is_asked() ? N_LONG : N_SAMPLE);
    double begin = now_seconds();
    if (!has_disk)
        skip();
    c.dice.state = harness_seed();
    ledger_init(&c.ledger);
    verifier_init(&c.verifier, &c.ledger);
    victim_init(&c.victim, disk.folder);
    snprintf(c.victim.log, sizeof c.victim.log, "%s.log", disk.folder); /* on another disk */
    snprintf(c.data, sizeof c.data, "%s/data", c.victim.service.folder);
    victim_start(&c.victim, settings);
    make_ground();
    for (unsigned round = 0; round < n_rounds; round++) {
        an_upload_that_does_not_fit();
        an_upload_without_room_for_its_row();
        jobs_are_posted();
        a_job_trains_and_ends();
        a_start();
        verify_some(&c.verifier, &c.victim.service, &c.dice, 20);
    }
    verify_all(&c.verifier, &c.victim.service);
    victim_stop(&c.victim);
    audit_folder(c.data, AUDIT_NO_CRASHES, &figures);
    report(n_rounds, &figures, now_seconds() - begin);
    unlink(c.victim.log);
    victim_deinit(&c.victim);
    verifier_deinit(&c.verifier);
    ledger_deinit(&c.ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_is_an_answer),
    };
    has_disk = small_disk_mount(&disk, DISK_MB);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (has_disk)
        small_disk_unmount(&disk);
    return failed;
}
