#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/id.h"

static void ids_have_their_prefix_and_form(void **state)
{
    (void)state;
    static const struct {
        enum id_kind kind;
        const char *prefix;
    } rows[] = {
        {ID_DATASET, "ds_"}, {ID_JOB, "job_"},     {ID_FIELD, "fld_"},
        {ID_SWEEP, "swp_"},  {ID_REQUEST, "req_"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char id[ID_SIZE];
        id_make(rows[i].kind, id);
        size_t n = strlen(rows[i].prefix);
        assert_memory_equal(id, rows[i].prefix, n);
        assert_int_equal(strlen(id), n + 26);
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
            assert_int_equal(id_is(rows[k].kind, id), i == k);
    }
}

static void ids_ascend_within_a_millisecond(void **state)
{
    (void)state;
    char before[ID_SIZE], id[ID_SIZE];
    id_make(ID_JOB, before);
    for (int i = 0; i < 20000; i++) {
        id_make(ID_JOB, id);
        assert_true(strcmp(before, id) < 0);
        memcpy(before, id, sizeof id);
    }
}

static void ids_begin_with_the_time(void **state)
{
    (void)state;
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    int64_t before = clock_now_ms();
    char id[ID_SIZE];
    id_make(ID_DATASET, id);
    int64_t ms = 0;
    for (int i = 0; i < 10; i++) /* 10 digits: 50 bits, the upper two are 0 */
        ms = ms * 32 + (strchr(alphabet, id[3 + i]) - alphabet);
    /* A few ahead, where the test before made thousands in one millisecond. */
    assert_in_range(ms, before, before + 5000);
}

static void ids_of_wrong_form_are_rejected(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "job",
        "job_",
        "ds_01hzy3v7k2m4n6p8qrstvwxyz0",   /* another kind */
        "job_01hzy3v7k2m4n6p8qrstvwxyz",   /* 25 digits */
        "job_01hzy3v7k2m4n6p8qrstvwxyz00", /* 27 */
        "job_01HZY3V7K2M4N6P8QRSTVWXYZ0",  /* upper case */
        "job_01hzy3v7k2m4n6p8qrstvwxyzi",  /* i, l, o, u are no digits */
        "job_01hzy3v7k2m4n6p8qrstvwxyzu",
        "job_81hzy3v7k2m4n6p8qrstvwxyz0", /* over 128 bits */
        "job_01hzy3v7k2m4n6p8qrst../../0",
        "job_01hzy3v7k2m4n6p8qrstvwxyz ",
    };
    assert_true(id_is(ID_JOB, "job_01hzy3v7k2m4n6p8qrstvwxyz0"));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(id_is(ID_JOB, wrong[i]));
}

enum { N_THREADS = 4, N_EACH = 2000 };
static char made[N_THREADS][N_EACH][ID_SIZE];

static void *make_many(void *argument)
{
    char(*ids)[ID_SIZE] = argument;
    for (int i = 0; i < N_EACH; i++)
        id_make(ID_REQUEST, ids[i]);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void ids_of_many_threads_differ(void **state)
{
    (void)state;
    pthread_t threads[N_THREADS];
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_many, made[i]), 0);
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    char(*all)[ID_SIZE] = made[0];
    qsort(all, (size_t)N_THREADS * N_EACH, ID_SIZE, compare);
    for (int i = 1; i < N_THREADS * N_EACH; i++)
        assert_string_not_equal(all[i - 1], all[i]);
}

static void times_are_rfc_3339(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {1709164800123, "2024-02-29T00:00:00.123Z"},
        {2147483648000, "2038-01-19T03:14:08.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[TIME_TEXT_SIZE];
        clock_format(rows[i].ms, text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_have_their_prefix_and_form),
        cmocka_unit_test(ids_ascend_within_a_millisecond),
        cmocka_unit_test(ids_begin_with_the_time),
        cmocka_unit_test(ids_of_wrong_form_are_rejected),
        cmocka_unit_test(ids_of_many_threads_differ),
        cmocka_unit_test(times_are_rfc_3339),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
