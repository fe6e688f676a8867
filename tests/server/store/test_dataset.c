#include "tests/server/store/store_fixture.h"

static void a_dataset_is_kept_with_its_bytes(void **state)
{
    struct fixture *f = *state;
    struct dataset_row row, again;
    bool existed = true;
    assert_ok(upload(f, "image", "picture", &row, &existed));
    assert_false(existed);
    assert_true(id_is(ID_DATASET, row.id));
    assert_false(exists_in(f, "tmp", "upload"));
    assert_true(exists_in(f, "blobs", row.sha256));
    reopen(f);
    assert_ok(store_dataset_get(f->store, row.id, &again, &f->err));
    assert_string_equal(again.id, row.id);
    assert_string_equal(again.kind, "image");
    assert_string_equal(again.name, "a picture");
    assert_string_equal(again.media_type, "image/png");
    assert_int_equal(again.bytes, 7);
    assert_string_equal(again.sha256, row.sha256);
    assert_string_equal(again.info_json, "{\"a\":1}");
    assert_int_equal(again.created_ms, row.created_ms);
    assert_in_range(again.created_ms, 1, clock_now_ms());
    dataset_row_deinit(&again);
    assert_ok(store_dataset_find(f->store, "image", row.sha256, &again, &f->err));
    assert_string_equal(again.id, row.id);
    dataset_row_deinit(&again);

    int file;
    char bytes[16];
    assert_ok(store_dataset_open(f->store, row.sha256, &file, &f->err));
    assert_int_equal(read(file, bytes, sizeof bytes), 7);
    assert_memory_equal(bytes, "picture", 7);
    assert_true(write(file, "x", 1) < 0);
    close(file);
    dataset_row_deinit(&row);
}

static void the_same_bytes_again_are_the_same_dataset(void **state)
{
    struct fixture *f = *state;
    struct dataset_row first, second;
    bool existed;
    assert_ok(upload(f, "image", "picture", &first, &existed));
    assert_ok(upload(f, "image", "picture", &second, &existed));
    assert_true(existed);
    assert_string_equal(first.id, second.id);
    assert_false(exists_in(f, "tmp", "upload"));
    dataset_row_deinit(&second);
    /* Another kind is another dataset over the same file. */
    assert_ok(upload(f, "volume", "picture", &second, &existed));
    assert_false(existed);
    assert_string_not_equal(first.id, second.id);
    assert_ok(store_dataset_delete(f->store, first.id, &f->err));
    assert_true(exists_in(f, "blobs", first.sha256));
    assert_ok(store_dataset_delete(f->store, second.id, &f->err));
    assert_false(exists_in(f, "blobs", first.sha256));
    dataset_row_deinit(&first);
    dataset_row_deinit(&second);
}

static void an_orphan_with_the_same_name_is_used(void **state)
{
    struct fixture *f = *state;
    static const char *const contents[] = {"picture", "torn"}; /* whole, or of another size */
    for (size_t i = 0; i < 2; i++) {
        struct dataset_row row;
        bool existed;
        char path[512], sha256[SHA256_TEXT_SIZE], bytes[16];
        sha256_text("picture", 7, sha256);
        path_in(f, path, "blobs", sha256);
        write_file(path, contents[i], strlen(contents[i]));
        assert_ok(upload(f, "image", "picture", &row, &existed));
        assert_false(existed);
        assert_false(exists_in(f, "tmp", "upload"));
        int file;
        assert_ok(store_dataset_open(f->store, sha256, &file, &f->err));
        assert_int_equal(read(file, bytes, sizeof bytes), 7);
        close(file);
        assert_ok(store_dataset_delete(f->store, row.id, &f->err));
        dataset_row_deinit(&row);
    }
}

static void a_failed_upload_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    char path[512], sha256[SHA256_TEXT_SIZE];
    bool existed;
    sha256_text("picture", 7, sha256);
    path_in(f, path, "tmp", "upload");

    /* What the row says is not what the file has. */
    struct dataset_row row = {.kind = "image", .bytes = 8, .info_json = mem_strdup("{}")};
    memcpy(row.sha256, sha256, sizeof sha256);
    write_file(path, "picture", 7);
    assert_status(store_dataset_insert(f->store, &row, path, &existed, &f->err), STATUS_INTERNAL);
    assert_false(exists_in(f, "tmp", "upload"));
    assert_string_equal(row.id, "");
    assert_non_null(row.info_json);

    /* The file is in place, then the row is refused. */
    write_file(path, "picture", 7);
    row.bytes = 7;
    mem_free(row.info_json);
    row.info_json = NULL;
    assert_status(store_dataset_insert(f->store, &row, path, &existed, &f->err), STATUS_INTERNAL);
    assert_false(exists_in(f, "tmp", "upload"));
    assert_false(exists_in(f, "blobs", sha256));

    /* A hash that would leave the folder. */
    write_file(path, "picture", 7);
    snprintf(row.sha256, sizeof row.sha256, "../../x");
    assert_status(store_dataset_insert(f->store, &row, path, &existed, &f->err), STATUS_INTERNAL);
    assert_false(exists_in(f, "tmp", "upload"));
    dataset_row_deinit(&row);

    struct dataset_list list;
    struct page page = {.limit = 10};
    assert_ok(store_dataset_list(f->store, NULL, &page, &list, &f->err));
    assert_int_equal(list.n, 0);
    dataset_list_deinit(&list);
}

static void what_is_not_there_is_not_found(void **state)
{
    struct fixture *f = *state;
    static const char *const ids[] = {"", "ds_01hzy3v7k2m4n6p8qrstvwxyz0", "' OR 1=1 --",
                                      "../../etc/passwd"};
    struct dataset_row row;
    int file;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        assert_status(store_dataset_get(f->store, ids[i], &row, &f->err), STATUS_NOT_FOUND);
        assert_status(store_dataset_delete(f->store, ids[i], &f->err), STATUS_NOT_FOUND);
        assert_status(store_dataset_open(f->store, ids[i], &file, &f->err), STATUS_NOT_FOUND);
        assert_status(store_dataset_find(f->store, "image", ids[i], &row, &f->err),
                      STATUS_NOT_FOUND);
    }
}

static void a_dataset_stays_while_a_job_needs_it(void **state)
{
    struct fixture *f = *state;
    char dataset[ID_SIZE], id[ID_SIZE];
    bool was_running;
    make_dataset(f, "picture", dataset);
    make_job(f, dataset, id);
    assert_status(store_dataset_delete(f->store, dataset, &f->err), STATUS_CONFLICT);
    assert_non_null(strstr(f->err.message, id));
    claim_job(f, id);
    assert_status(store_dataset_delete(f->store, dataset, &f->err), STATUS_CONFLICT);
    error_clear(&f->err);
    assert_ok(store_job_cancel(f->store, id, NULL, 0, &was_running, &f->err));
    assert_status(store_dataset_delete(f->store, dataset, &f->err), STATUS_CONFLICT);
    error_clear(&f->err);
    char weights[SHA256_TEXT_SIZE];
    put_text(f, "weights", weights);
    struct field_row field = new_field(weights);
    struct job_end end = {.status = JOB_CANCELED, .field = &field};
    assert_ok(store_job_finish(f->store, id, 1, &end, &f->err));
    assert_ok(store_dataset_delete(f->store, dataset, &f->err));
    /* The job and its field stay and say what they were made from. */
    struct job_row job;
    assert_ok(store_job_get(f->store, id, &job, &f->err));
    assert_string_equal(job.dataset_id, dataset);
    struct field_row read;
    assert_ok(store_field_get(f->store, job.field_id, &read, &f->err));
    assert_string_equal(read.dataset_id, dataset);
    field_row_deinit(&read);
    job_row_deinit(&job);
}

static void lists_are_newest_first_and_stable(void **state)
{
    struct fixture *f = *state;
    char ids[10][ID_SIZE];
    for (int i = 0; i < 7; i++) {
        char content[32];
        snprintf(content, sizeof content, "picture %d", i);
        make_dataset(f, content, ids[i]);
    }
    struct page page = {.limit = 3};
    struct dataset_list list;
    assert_ok(store_dataset_list(f->store, NULL, &page, &list, &f->err));
    assert_int_equal(list.n, 3);
    assert_string_equal(list.rows[0].id, ids[6]);
    assert_string_equal(list.rows[2].id, ids[4]);
    memcpy(page.cursor, list.next_cursor, CURSOR_SIZE);
    dataset_list_deinit(&list);
    /* New ones, and the loss of the one the cursor stands on, change nothing for the next page. */
    make_dataset(f, "picture 7", ids[7]);
    assert_ok(store_dataset_delete(f->store, ids[4], &f->err));
    assert_ok(store_dataset_list(f->store, NULL, &page, &list, &f->err));
    assert_int_equal(list.n, 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(list.rows[i].id, ids[3 - i]);
    memcpy(page.cursor, list.next_cursor, CURSOR_SIZE);
    dataset_list_deinit(&list);
    assert_ok(store_dataset_list(f->store, NULL, &page, &list, &f->err));
    assert_int_equal(list.n, 1);
    assert_string_equal(list.rows[0].id, ids[0]);
    assert_string_equal(list.next_cursor, "");
    dataset_list_deinit(&list);
    /* A page that ends exactly with the list is the last. */
    page = (struct page){.limit = 7};
    assert_ok(store_dataset_list(f->store, NULL, &page, &list, &f->err));
    assert_int_equal(list.n, 7);
    assert_string_equal(list.next_cursor, "");
    dataset_list_deinit(&list);
}

/* Uploads with a name of their own. */
static void upload_named(struct fixture *f, const char *kind, const char *name, char id[ID_SIZE])
{
    char path[512];
    bool existed;
    path_in(f, path, "tmp", "upload");
    write_file(path, name, strlen(name));
    struct dataset_row row = {.bytes = strlen(name), .info_json = mem_strdup("{}")};
    snprintf(row.kind, sizeof row.kind, "%s", kind);
    snprintf(row.name, sizeof row.name, "%s", name);
    sha256_text(name, strlen(name), row.sha256);
    assert_ok(store_dataset_insert(f->store, &row, path, &existed, &f->err));
    memcpy(id, row.id, ID_SIZE);
    dataset_row_deinit(&row);
}

static void lists_are_searched_by_name_and_by_the_beginning_of_the_id(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"Kodim 23.png", "100% kodim_07", "caf\xc3\xa9", "a'b\\c",
                                        "kodim 5.nii"};
    enum { N = sizeof names / sizeof *names };
    char ids[N][ID_SIZE], upper[ID_SIZE];
    for (int i = 0; i < N; i++)
        upload_named(f, i < 4 ? "image" : "volume", names[i], ids[i]);
    for (size_t i = 0; i < ID_SIZE; i++)
        upper[i] = (char)(ids[2][i] >= 'a' && ids[2][i] <= 'z' ? ids[2][i] - 32 : ids[2][i]);
    const struct {
        const char *search, *kind, *expected;
    } rows[] = {
        {NULL, NULL, "43210"},     {"kodim", NULL, "410"}, {"KODIM", "image", "10"},
        {NULL, "volume", "4"},     {"kodim", "shape", ""}, {"%", NULL, "1"},
        {"_", NULL, "1"},          {"100%", NULL, "1"},    {"m_0", NULL, "1"},
        {"'", NULL, "3"},          {"\\", NULL, "3"},      {"caf\xc3\xa9", NULL, "2"},
        {"' OR 1=1 --", NULL, ""}, {"ds_", NULL, "43210"}, {"s_0", NULL, ""},
        {ids[1], NULL, "1"},       {upper, NULL, "2"},     {"kodim 23.png ", NULL, ""},
        {"*", NULL, ""},           {"?", NULL, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t limit = 1; limit <= 10; limit += 9) { /* one by one, and in one page */
            struct page page = {.limit = limit, .search = rows[i].search};
            char found[8] = "";
            do {
                struct dataset_list list;
                assert_ok(store_dataset_list(f->store, rows[i].kind, &page, &list, &f->err));
                for (size_t k = 0; k < list.n; k++)
                    for (int id = 0; id < N; id++)
                        if (strcmp(list.rows[k].id, ids[id]) == 0)
                            found[strlen(found)] = (char)('0' + id);
                memcpy(page.cursor, list.next_cursor, CURSOR_SIZE);
                dataset_list_deinit(&list);
            } while (page.cursor[0]);
            assert_string_equal(found, rows[i].expected);
        }
}

static void cursors_of_others_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const cursors[] = {
        "x",
        "d",
        "d0000000000000000",
        "d00000000000000001",
        "d000000000000001",
        "d-000000000000001",
        "d000000000000000G",
        "dffffffffffffffff",
        "D0000000000000001",
        "j0000000000000001", /* of another list */
        "d0000000000000001 ",
        "ds_01hzy3v7k2m4n6p8qrstvwxyz0",
    };
    struct page page = {.limit = 10, .cursor = "d0000000000000001"};
    struct dataset_list list;
    assert_ok(store_dataset_list(f->store, NULL, &page, &list, &f->err));
    dataset_list_deinit(&list);
    for (size_t i = 0; i < sizeof cursors / sizeof *cursors; i++) {
        snprintf(page.cursor, sizeof page.cursor, "%s", cursors[i]);
        assert_status(store_dataset_list(f->store, NULL, &page, &list, &f->err), STATUS_INVALID);
        assert_string_equal(f->err.where, "/cursor");
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_dataset_is_kept_with_its_bytes),
        TEST(the_same_bytes_again_are_the_same_dataset),
        TEST(an_orphan_with_the_same_name_is_used),
        TEST(a_failed_upload_leaves_nothing),
        TEST(what_is_not_there_is_not_found),
        TEST(a_dataset_stays_while_a_job_needs_it),
        TEST(lists_are_newest_first_and_stable),
        TEST(cursors_of_others_are_refused),
        TEST(lists_are_searched_by_name_and_by_the_beginning_of_the_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
