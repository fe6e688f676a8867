/*
 * Hundreds of broken, odd and hostile files of others, sent to the service as a user would: what is
 * sound is taken, what is not is refused in words, and leaves nothing behind.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/harness/harness.h"
#include "tests/http/fit.h"
#include "tests/http/footprint.h"
#include "tests/support/data_files.h"

enum {
    MOST_SECONDS = 10, /* for one file; they take a few hundredths where nothing else runs */
    REST_SECONDS = 5,
    MEASURING_SECONDS = 60,
    SPARE_KIB = 8 << 10, /* what the allocator and the database may keep of a thousand requests */
};

/* What a folder's files should come to. */
enum expected { TAKEN, REFUSED, EITHER };

struct tally {
    const char *folder;
    enum expected (*expect)(const char *name);
    size_t n_taken, n_refused;
    size_t n_new; /* taken, and not sent before */
    double slowest;
    char slowest_name[80];
};

static struct service service;
static size_t n_datasets; /* that there should be */

static enum expected always_taken(const char *name)
{
    (void)name;
    return TAKEN;
}

static enum expected always_refused(const char *name)
{
    (void)name;
    return REFUSED;
}

static enum expected either(const char *name)
{
    (void)name;
    return EITHER;
}

static enum expected refused_if_x(const char *name)
{
    return strncmp(name, "x_", 2) == 0 ? REFUSED : TAKEN;
}

/* Pictures only: sound volumes, meshes and arrays of five channels are none. */
static enum expected as_made(const char *name)
{
    return strcmp(name, "wrong_extension_good_jpeg.png") == 0 ? TAKEN : REFUSED;
}

static void note_time(struct tally *t, const char *name, double seconds)
{
    if (seconds > MOST_SECONDS * SLOWNESS)
        fail_msg("%s/%s took %.1f s", t->folder, name, seconds);
    if (seconds <= t->slowest)
        return;
    t->slowest = seconds;
    snprintf(t->slowest_name, sizeof(t->slowest_name), "%.79s", name);
}

/* Is it a problem with all its members?  Then a refusal. */
static bool is_refusal(const struct answer *a)
{
    json_t *problem = json_loadb((const char *)a->body.data, a->body.n, 0, NULL);
    const bool ok = a->status >= 400 && a->status < 500 &&
                    strcmp(answer_header(a, "Content-Type"), "application/problem+json") == 0 &&
                    json_integer_value(json_object_get(problem, "status")) == a->status &&
                    json_is_string(json_object_get(problem, "type")) &&
                    json_string_length(json_object_get(problem, "detail")) > 0;
    json_decref(problem);
    return ok;
}

static void upload(void *context, const char *name, const uint8_t *bytes, size_t n)
{
    struct tally *t = context;
    const enum expected expected = t->expect(name);
    const double start = now_seconds();
    struct answer a = service_send(&service, &(struct request){.path = "/v1/datasets?kind=image",
                                                               .method = "POST",
                                                               .body = bytes,
                                                               .n_body = n});
    note_time(t, name, now_seconds() - start);
    const bool is_taken = a.status == 201 || a.status == 200;
    if ((!is_taken && !is_refusal(&a)) || (is_taken && expected == REFUSED) ||
        (!is_taken && expected == TAKEN))
        fail_msg("%s/%s: %ld %s", t->folder, name, a.status, (char *)a.body.data);
    t->n_taken += is_taken;
    t->n_refused += !is_taken;
    t->n_new += a.status == 201;
    answer_free(&a);
}

/* Rows and files are those of what was taken, and nothing is under way. */
static void must_have_left_nothing(void)
{
    const double end = now_seconds() + REST_SECONDS * SLOWNESS;
    while (service_files(&service, "tmp") > 0 && now_seconds() < end)
        pause_briefly();
    assert_int_equal(service_files(&service, "tmp"), 0);
    assert_int_equal(service_files(&service, "blobs"), n_datasets);
    assert_int_equal(count_items(&service, "/v1/datasets"), n_datasets);
}

static void upload_folder(const char *folder, enum expected (*expect)(const char *name), size_t n)
{
    struct tally t = {.folder = folder, .expect = expect};
    char *path = data_path(folder);
    if (!path)
        skip();
    assert_int_equal(folder_each(path, upload, &t), n);
    free(path);
    n_datasets += t.n_new;
    must_have_left_nothing();
    harness_print("bad files: %-22s %3zu taken, %3zu refused, slowest %.3f s (%s)\n", folder,
                  t.n_taken, t.n_refused, t.slowest, t.slowest_name);
}

static size_t resident_before, descriptors_before;
static pid_t pid_before;
static struct footprint *footprint;

/* The first files fill what is kept for good (pages of the database, an arena of the allocator for
 * each thread): counting of memory begins after them. */
static void pngsuite_is_taken_and_its_corrupt_part_refused(void **state)
{
    (void)state;
    upload_folder("bad/pngsuite/valid", always_taken, 161);
    upload_folder("bad/pngsuite/corrupt", always_refused, 14);
    resident_before = service_resident_kib(&service);
}

static void odd_pngs_are_taken_and_broken_ones_refused(void **state)
{
    (void)state;
    upload_folder("bad/png_bugs", refused_if_x, 19);
}

static void damaged_jpegs_end_either_way(void **state)
{
    (void)state;
    upload_folder("bad/jpeg", either, 106);
}

static void arrays_of_objects_archives_and_meshes_are_refused(void **state)
{
    (void)state;
    upload_folder("bad/npy", always_refused, 5);
    upload_folder("bad/zip", always_refused, 98);
    upload_folder("bad/mesh", always_refused, 8);
}

static void files_that_were_broken_on_purpose_are_refused(void **state)
{
    (void)state;
    upload_folder("bad/made", as_made, 62);
}

/* --- JSON --- */

/* y_: sound JSON, but no job; n_: no JSON; others: either. */
static void post_job(void *context, const char *name, const uint8_t *bytes, size_t n)
{
    struct tally *t = context;
    const double start = now_seconds();
    struct answer a = service_send(&service, &(struct request){.path = "/v1/jobs",
                                                               .method = "POST",
                                                               .content_type = "application/json",
                                                               .body = bytes,
                                                               .n_body = n});
    note_time(t, name, now_seconds() - start);
    const bool may_be_400 = strncmp(name, "y_", 2) != 0, may_be_422 = strncmp(name, "n_", 2) != 0;
    if (!is_refusal(&a) || !((a.status == 400 && may_be_400) || (a.status == 422 && may_be_422)))
        fail_msg("%s/%s: %ld %s", t->folder, name, a.status, (char *)a.body.data);
    t->n_refused++;
    answer_free(&a);
}

static void bodies_that_are_no_job_are_refused_as_what_they_are(void **state)
{
    (void)state;
    static const char *const folders[] = {"bad/json/test_parsing", "bad/json/test_transform"};
    size_t n = 0;
    for (size_t i = 0; i < 2; i++) {
        struct tally t = {.folder = folders[i]};
        char *path = data_path(folders[i]);
        if (!path)
            skip();
        n += folder_each(path, post_job, &t);
        free(path);
        harness_print("bad files: %-24s %zu refused, slowest %.3f s (%s)\n", folders[i],
                      t.n_refused, t.slowest, t.slowest_name);
    }
    assert_int_equal(n, 340);
    json_t *jobs = answer_json(service_get(&service, "/v1/jobs"), 200);
    assert_int_equal(json_array_size(json_object_get(jobs, "items")), 0);
    json_decref(jobs);
}

/* --- the service, before and after --- */

static void the_service_is_as_it_was(void **state)
{
    (void)state;
    /* on a busy machine it is measured again meanwhile, by threads that hold some */
    const double end = now_seconds() + MEASURING_SECONDS * SLOWNESS;
    const size_t peak = footprint_stop(footprint, NULL);
    footprint = NULL;
    const size_t after =
        service_settled_kib(&service, resident_before + SPARE_KIB / 2, MEASURING_SECONDS);
    while (service_descriptors(&service) > descriptors_before && now_seconds() < end)
        pause_briefly();
    const size_t descriptors = service_descriptors(&service);
    harness_print("bad files: memory before %zu, at most %zu with workers, after %zu KiB; "
                  "descriptors before %zu, after %zu\n",
                  resident_before, peak, after, descriptors_before, descriptors);
    assert_int_equal(service.pid, pid_before);
    answer_status(service_get(&service, "/healthz"), 200);
    assert_true(descriptors <= descriptors_before);
    if (SLOWNESS == 1) /* sanitizers keep what was freed */
        assert_true(after < resident_before + SPARE_KIB);
}

/* One of each first, so that what is made once is there when counting begins. */
static int start(void **state)
{
    char dataset[ID_TEXT];
    (void)state;
    service_start(&service, NULL);
    /* whose estimates wait until the machine has been measured, which takes memory */
    answer_status(service_get(&service, "/v1/presets"), 200);
    upload_picture(&service, 16, 1, dataset);
    answer_status(service_post_json(&service, "/v1/jobs", "{}"), 422);
    n_datasets = 1;
    pid_before = service.pid;
    descriptors_before = service_descriptors(&service);
    resident_before = service_resident_kib(&service);
    footprint = footprint_start(&service);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    if (footprint)
        footprint_stop(footprint, NULL);
    service_remove(&service);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pngsuite_is_taken_and_its_corrupt_part_refused),
        cmocka_unit_test(odd_pngs_are_taken_and_broken_ones_refused),
        cmocka_unit_test(damaged_jpegs_end_either_way),
        cmocka_unit_test(arrays_of_objects_archives_and_meshes_are_refused),
        cmocka_unit_test(files_that_were_broken_on_purpose_are_refused),
        cmocka_unit_test(bodies_that_are_no_job_are_refused_as_what_they_are),
        cmocka_unit_test(the_service_is_as_it_was),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
