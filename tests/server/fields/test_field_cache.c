#include "tests/server/jobs/service_fixture.h"

#include <stdatomic.h>

/* What the opener of these tests counts and waits for. */
static atomic_int n_opened;
static atomic_bool gate_closed;
static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_changed = PTHREAD_COND_INITIALIZER;

static void set_gate(bool closed)
{
    pthread_mutex_lock(&gate_lock);
    gate_closed = closed;
    pthread_cond_broadcast(&gate_changed);
    pthread_mutex_unlock(&gate_lock);
}

static void wait_for_opener(int n)
{
    pthread_mutex_lock(&gate_lock);
    while (n_opened < n)
        pthread_cond_wait(&gate_changed, &gate_lock);
    pthread_mutex_unlock(&gate_lock);
}

static enum status open_counted(const struct kernel *kernel, const char *spec_json,
                                const uint8_t *weights, size_t n, struct field **out,
                                struct error *err)
{
    pthread_mutex_lock(&gate_lock);
    n_opened++;
    pthread_cond_broadcast(&gate_changed);
    while (gate_closed)
        pthread_cond_wait(&gate_changed, &gate_lock);
    pthread_mutex_unlock(&gate_lock);
    return open_small_field(kernel, spec_json, weights, n, out, err);
}

static int setup(void **state)
{
    if (service_setup(state) != 0)
        return -1;
    struct service *f = *state;
    n_opened = 0;
    gate_closed = false;
    field_cache_free(f->fields);
    f->fields = NULL;
    return field_cache_create(&f->fields, f->store, 1 << 20, kernel_find(NULL), open_counted,
                              &f->err) == STATUS_OK
               ? 0
               : -1;
}

/* Bytes of memory of one small final field. */
static uint64_t small_cost(struct service *f)
{
    uint64_t n, bytes, hits, misses;
    field_cache_counters(f->fields, &n, &bytes, &hits, &misses);
    assert_int_equal(n, 1);
    return bytes;
}

static void make_bounded(struct service *f, uint64_t max_bytes)
{
    field_cache_free(f->fields);
    f->fields = NULL;
    assert_ok(field_cache_create(&f->fields, f->store, max_bytes, kernel_find(NULL), open_counted,
                                 &f->err));
}

/* A final field with these weights. */
static void make_final(struct service *f, const char *weights, char field_id[ID_SIZE])
{
    static char summary[] = "{\"n_inputs\":2}", metrics[] = "{}";
    struct job_row job;
    struct field_row field = {.step = 5, .summary_json = summary, .metrics_json = metrics};
    struct job_end end = {.status = JOB_SUCCEEDED, .field = &field};
    char id[ID_SIZE];
    insert_job(f, "{\"spec\":2}", id, field_id);
    assert_ok(store_job_claim(f->store, &job, &f->err));
    assert_ok(store_blob_put(f->store, (const uint8_t *)weights, strlen(weights),
                             field.weights_sha256, &f->err));
    assert_ok(store_job_finish(f->store, job.id, job.attempt, &end, &f->err));
    job_row_deinit(&job);
}

static void publish(struct service *f, const char *field_id, const char *weights, uint64_t step)
{
    const struct field_snapshot snapshot = {.spec_json = "{}",
                                            .summary_json = "{\"n_outputs\":1}",
                                            .step = step,
                                            .weights = (const uint8_t *)weights,
                                            .n_weights = strlen(weights)};
    char sha256[SHA256_TEXT_SIZE], expected[SHA256_TEXT_SIZE];
    assert_ok(field_cache_publish(f->fields, field_id, &snapshot, sha256, &f->err));
    sha256_text(weights, strlen(weights), expected);
    assert_string_equal(sha256, expected);
}

static const struct field_entry *get(struct service *f, const char *field_id)
{
    const struct field_entry *entry = NULL;
    assert_ok(field_cache_get(f->fields, field_id, &entry, &f->err));
    return entry;
}

static void expect_counters(struct service *f, uint64_t n, uint64_t hits, uint64_t misses)
{
    uint64_t got_n, bytes, got_hits, got_misses;
    field_cache_counters(f->fields, &got_n, &bytes, &got_hits, &got_misses);
    assert_int_equal(got_n, n);
    assert_int_equal(got_hits, hits);
    assert_int_equal(got_misses, misses);
}

static void a_final_field_is_loaded_once(void **state)
{
    struct service *f = *state;
    char id[ID_SIZE], expected[SHA256_TEXT_SIZE];
    make_final(f, "weights", id);
    sha256_text("weights", 7, expected);
    const struct field_entry *first = get(f, id), *second = get(f, id);
    assert_ptr_equal(first, second);
    assert_non_null(first->field);
    assert_int_equal(first->state, FIELD_FINAL);
    assert_int_equal(first->step, 5);
    assert_int_equal(first->bytes, 7);
    assert_string_equal(first->weights_sha256, expected);
    assert_string_equal(first->summary_json, "{\"n_inputs\":2}");
    field_cache_release(f->fields, first);
    field_cache_release(f->fields, second);
    assert_int_equal(n_opened, 1);
    expect_counters(f, 1, 1, 1);
}

static void fields_that_are_not_there_are_told_apart(void **state)
{
    struct service *f = *state;
    const struct field_entry *entry = NULL;
    char job[ID_SIZE], training[ID_SIZE], nothing[ID_SIZE];
    id_make(ID_FIELD, nothing);
    insert_job(f, "{}", job, training);
    assert_status(field_cache_get(f->fields, nothing, &entry, &f->err), STATUS_NOT_FOUND);
    assert_status(field_cache_get(f->fields, training, &entry, &f->err), STATUS_CONFLICT);
    assert_null(entry);
    publish(f, training, "early", 1);
    error_clear(&f->err);
    field_cache_release(f->fields, get(f, training));
}

static void the_last_snapshot_answers_until_it_is_forgotten(void **state)
{
    struct service *f = *state;
    char id[ID_SIZE], job[ID_SIZE];
    uint8_t *weights = NULL;
    size_t n = 0;
    insert_job(f, "{}", job, id);
    assert_status(field_cache_weights(f->fields, id, &weights, &n, &f->err), STATUS_NOT_FOUND);
    error_clear(&f->err);
    publish(f, id, "first", 1);
    const struct field_entry *first = get(f, id);
    publish(f, id, "second one", 2);
    const struct field_entry *second = get(f, id);
    assert_int_equal(first->step, 1); /* whoever holds it keeps it */
    assert_int_equal(second->step, 2);
    assert_int_equal(second->state, FIELD_TRAINING);
    assert_string_equal(second->summary_json, "{\"n_outputs\":1}");
    assert_ok(field_cache_weights(f->fields, id, &weights, &n, &f->err));
    assert_int_equal(n, 10);
    assert_memory_equal(weights, "second one", 10);
    mem_free(weights);
    field_cache_forget(f->fields, id);
    assert_status(field_cache_weights(f->fields, id, &weights, &n, &f->err), STATUS_NOT_FOUND);
    assert_non_null(second->field);
    field_cache_release(f->fields, first);
    field_cache_release(f->fields, second);
    field_cache_forget(f->fields, id); /* nothing is left to forget */
    expect_counters(f, 0, 2, 0);
}

static void a_snapshot_that_is_no_field_leaves_the_one_before(void **state)
{
    struct service *f = *state;
    const struct field_snapshot bad = {.spec_json = "{}",
                                       .summary_json = "{}",
                                       .step = 2,
                                       .weights = (const uint8_t *)"bad",
                                       .n_weights = 3};
    char id[ID_SIZE], sha256[SHA256_TEXT_SIZE];
    id_make(ID_FIELD, id);
    publish(f, id, "good", 1);
    assert_status(field_cache_publish(f->fields, id, &bad, sha256, &f->err), STATUS_INVALID);
    error_clear(&f->err);
    const struct field_entry *entry = get(f, id);
    assert_int_equal(entry->step, 1);
    field_cache_release(f->fields, entry);
}

static void a_final_field_takes_the_place_of_its_snapshot(void **state)
{
    struct service *f = *state;
    static char summary[] = "{}";
    struct job_row job;
    struct field_row field = {.step = 9, .summary_json = summary, .metrics_json = summary};
    struct job_end end = {.status = JOB_SUCCEEDED, .field = &field};
    char id[ID_SIZE], job_id[ID_SIZE];
    insert_job(f, "{}", job_id, id);
    assert_ok(store_job_claim(f->store, &job, &f->err));
    publish(f, id, "snapshot", 8);
    assert_ok(store_blob_put(f->store, (const uint8_t *)"final", 5, field.weights_sha256, &f->err));
    assert_ok(store_job_finish(f->store, job.id, job.attempt, &end, &f->err));
    job_row_deinit(&job);
    field_cache_forget(f->fields, id);
    const struct field_entry *entry = get(f, id);
    assert_int_equal(entry->state, FIELD_FINAL);
    assert_int_equal(entry->step, 9);
    field_cache_release(f->fields, entry);
}

static void the_least_recently_used_goes_first_and_those_in_use_stay(void **state)
{
    struct service *f = *state;
    char ids[4][ID_SIZE];
    for (size_t i = 0; i < 4; i++)
        make_final(f, "weights", ids[i]);
    field_cache_release(f->fields, get(f, ids[0]));
    make_bounded(f, 2 * small_cost(f));
    n_opened = 0;
    const struct field_entry *held = get(f, ids[0]);
    field_cache_release(f->fields, get(f, ids[1]));
    expect_counters(f, 2, 0, 2);
    field_cache_release(f->fields, get(f, ids[2])); /* 1 goes: 0 is held */
    field_cache_release(f->fields, get(f, ids[2]));
    expect_counters(f, 2, 1, 3);
    field_cache_release(f->fields, held);
    field_cache_release(f->fields, get(f, ids[0])); /* now used after 2 */
    field_cache_release(f->fields, get(f, ids[3])); /* 2 goes */
    field_cache_release(f->fields, get(f, ids[0]));
    expect_counters(f, 2, 3, 4);
    assert_int_equal(n_opened, 4);
}

static void a_field_over_the_bound_lives_as_long_as_it_is_used(void **state)
{
    struct service *f = *state;
    char id[ID_SIZE];
    make_final(f, "weights", id);
    make_bounded(f, 1);
    const struct field_entry *entry = get(f, id);
    expect_counters(f, 1, 0, 1);
    assert_int_equal(entry->step, 5);
    field_cache_release(f->fields, entry);
    expect_counters(f, 0, 0, 1);
}

static void snapshots_stay_whatever_the_bound(void **state)
{
    struct service *f = *state;
    char final[ID_SIZE], training[ID_SIZE];
    make_final(f, "weights", final);
    id_make(ID_FIELD, training);
    make_bounded(f, 1);
    publish(f, training, "snapshot", 1);
    field_cache_release(f->fields, get(f, final));
    field_cache_release(f->fields, get(f, training));
    expect_counters(f, 1, 1, 1);
}

/* --- at once --- */

struct reader {
    struct service *f;
    const char *id;
    enum status status;
    uint64_t step;
};

static void *read_field(void *argument)
{
    struct reader *r = argument;
    const struct field_entry *entry;
    r->status = field_cache_get(r->f->fields, r->id, &entry, NULL);
    if (r->status == STATUS_OK) {
        r->step = entry->step;
        field_cache_release(r->f->fields, entry);
    }
    return NULL;
}

static void many_that_ask_for_a_cold_field_load_it_once(void **state)
{
    struct service *f = *state;
    enum { N = 8 };
    struct reader readers[N];
    pthread_t threads[N];
    char id[ID_SIZE];
    make_final(f, "weights", id);
    set_gate(true);
    for (size_t i = 0; i < N; i++) {
        readers[i] = (struct reader){.f = f, .id = id};
        pthread_create(&threads[i], NULL, read_field, &readers[i]);
        wait_for_opener(1); /* the first is in the opener before others come */
    }
    set_gate(false);
    for (size_t i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(readers[i].status, STATUS_OK);
        assert_int_equal(readers[i].step, 5);
    }
    assert_int_equal(n_opened, 1);
    expect_counters(f, 1, N - 1, 1);
}

static void a_load_that_fails_fails_for_all_and_is_tried_again(void **state)
{
    struct service *f = *state;
    enum { N = 3 };
    struct reader readers[N];
    pthread_t threads[N];
    char id[ID_SIZE];
    make_final(f, "bad weights", id);
    set_gate(true);
    for (size_t i = 0; i < N; i++) {
        readers[i] = (struct reader){.f = f, .id = id};
        pthread_create(&threads[i], NULL, read_field, &readers[i]);
        wait_for_opener(1);
    }
    set_gate(false);
    for (size_t i = 0; i < N; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(readers[i].status, STATUS_INVALID);
    }
    const struct field_entry *entry;
    const int before = n_opened;
    assert_status(field_cache_get(f->fields, id, &entry, &f->err), STATUS_INVALID);
    assert_string_equal(f->err.message, "the weights are bad");
    assert_int_equal(n_opened, before + 1);
    uint64_t n, bytes, hits, misses;
    field_cache_counters(f->fields, &n, &bytes, &hits, &misses);
    assert_true(n == 0 && bytes == 0);
}

static void a_field_forgotten_while_it_loads_is_not_kept(void **state)
{
    struct service *f = *state;
    struct reader reader = {.f = f};
    pthread_t thread;
    char id[ID_SIZE];
    make_final(f, "weights", id);
    reader.id = id;
    set_gate(true);
    pthread_create(&thread, NULL, read_field, &reader);
    wait_for_opener(1);
    assert_ok(store_field_delete(f->store, id, &f->err));
    field_cache_forget(f->fields, id);
    set_gate(false);
    pthread_join(thread, NULL);
    assert_int_equal(reader.status, STATUS_OK); /* it was there when it was asked for */
    const struct field_entry *entry;
    assert_status(field_cache_get(f->fields, id, &entry, &f->err), STATUS_NOT_FOUND);
}

/* Readers, a publisher and a tight bound, all over the same few fields. */
struct storm {
    struct service *f;
    char (*ids)[ID_SIZE];
    size_t n_ids;
    unsigned seed;
    bool wrong;
};

static void *storm_read(void *argument)
{
    struct storm *s = argument;
    unsigned x = s->seed;
    for (size_t i = 0; i < 400; i++) {
        const struct field_entry *entry;
        x = x * 1664525u + 1013904223u;
        if (field_cache_get(s->f->fields, s->ids[(x >> 16) % s->n_ids], &entry, NULL) !=
            STATUS_OK) {
            s->wrong = true;
            continue;
        }
        s->wrong = s->wrong || field_n_inputs(entry->field) != 2 || entry->step == 0;
        field_cache_release(s->f->fields, entry);
    }
    return NULL;
}

static void fields_are_whole_under_many_readers_and_a_writer(void **state)
{
    struct service *f = *state;
    enum { N = 5, N_THREADS = 4 };
    char ids[N][ID_SIZE], job[ID_SIZE];
    struct storm storms[N_THREADS];
    pthread_t threads[N_THREADS];
    for (size_t i = 0; i + 1 < N; i++)
        make_final(f, "weights", ids[i]);
    insert_job(f, "{}", job, ids[N - 1]);
    field_cache_release(f->fields, get(f, ids[0]));
    make_bounded(f, 2 * small_cost(f));
    publish(f, ids[N - 1], "snapshot", 1);
    for (unsigned i = 0; i < N_THREADS; i++) {
        storms[i] = (struct storm){.f = f, .ids = ids, .n_ids = N, .seed = i};
        pthread_create(&threads[i], NULL, storm_read, &storms[i]);
    }
    for (uint64_t step = 2; step < 200; step++)
        publish(f, ids[N - 1], "snapshot", step);
    for (size_t i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_false(storms[i].wrong);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, service_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_final_field_is_loaded_once),
        TEST(fields_that_are_not_there_are_told_apart),
        TEST(the_last_snapshot_answers_until_it_is_forgotten),
        TEST(a_snapshot_that_is_no_field_leaves_the_one_before),
        TEST(a_final_field_takes_the_place_of_its_snapshot),
        TEST(the_least_recently_used_goes_first_and_those_in_use_stay),
        TEST(a_field_over_the_bound_lives_as_long_as_it_is_used),
        TEST(snapshots_stay_whatever_the_bound),
        TEST(many_that_ask_for_a_cold_field_load_it_once),
        TEST(a_load_that_fails_fails_for_all_and_is_tried_again),
        TEST(a_field_forgotten_while_it_loads_is_not_kept),
        TEST(fields_are_whole_under_many_readers_and_a_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
