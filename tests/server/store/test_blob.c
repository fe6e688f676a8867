#include "tests/server/store/store_fixture.h"

enum { MIB = 1 << 20 };

/* n bytes that differ by place and seed. */
static uint8_t *make_bytes(size_t n, uint32_t seed)
{
    uint8_t *bytes = mem_alloc(n);
    uint32_t x = seed * 2654435761u + 1;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        bytes[i] = (uint8_t)(x >> 24);
    }
    return bytes;
}

static void sha256_is_the_published_one(void **state)
{
    (void)state;
    char text[SHA256_TEXT_SIZE];
    sha256_text("abc", 3, text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256_text("", 0, text);
    assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void blobs_of_any_size_come_back_whole(void **state)
{
    struct fixture *f = *state;
    static const size_t sizes[] = {0, 1, MIB - 1, MIB, MIB + 1, 7 * MIB / 2};
    enum { N = sizeof sizes / sizeof *sizes };
    char sha256[N][SHA256_TEXT_SIZE];
    for (size_t i = 0; i < N; i++) {
        uint8_t *bytes = make_bytes(sizes[i], (uint32_t)i);
        char expected[SHA256_TEXT_SIZE];
        sha256_text(bytes, sizes[i], expected);
        assert_ok(store_blob_put(f->store, bytes, sizes[i], sha256[i], &f->err));
        assert_string_equal(sha256[i], expected);
        mem_free(bytes);
    }
    for (size_t i = 0; i < N; i++) {
        uint8_t *bytes = make_bytes(sizes[i], (uint32_t)i), *read = NULL;
        uint64_t size = 99;
        size_t n = 99;
        assert_ok(store_blob_size(f->store, sha256[i], &size, &f->err));
        assert_int_equal(size, sizes[i]);
        assert_ok(store_blob_get(f->store, sha256[i], &read, &n, &f->err));
        assert_int_equal(n, sizes[i]);
        assert_memory_equal(read, bytes, n);
        mem_free(read);
        mem_free(bytes);
    }
}

static void ranges_cross_chunks(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t offset;
        size_t n;
    } ranges[] = {
        {0, 0},
        {0, 1},
        {0, MIB},
        {1, MIB},
        {MIB - 1, 2},
        {MIB, MIB},
        {MIB - 1, MIB + 2},
        {0, 7 * MIB / 2},
        {3 * MIB, MIB / 2},
        {7 * MIB / 2 - 1, 1},
        {7 * MIB / 2, 0},
        {5, 3 * MIB},
    };
    size_t size = 7 * MIB / 2;
    uint8_t *bytes = make_bytes(size, 1), *read = mem_alloc(size + 1);
    char sha256[SHA256_TEXT_SIZE];
    assert_ok(store_blob_put(f->store, bytes, size, sha256, &f->err));
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        memset(read, 0xee, size + 1);
        assert_ok(store_blob_read(f->store, sha256, ranges[i].offset, ranges[i].n, read, &f->err));
        assert_memory_equal(read, bytes + ranges[i].offset, ranges[i].n);
        assert_int_equal(read[ranges[i].n], 0xee);
    }
    mem_free(bytes);
    mem_free(read);
}

static void ranges_past_the_end_are_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t offset;
        size_t n;
    } ranges[] = {{0, 6}, {5, 1}, {6, 0}, {UINT64_MAX, 1}, {1, SIZE_MAX}, {INT64_MAX, 1}};
    uint8_t out[8];
    char sha256[SHA256_TEXT_SIZE];
    put_text(f, "bytes", sha256);
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        assert_status(
            store_blob_read(f->store, sha256, ranges[i].offset, ranges[i].n, out, &f->err),
            STATUS_INVALID);
}

static void a_blob_is_stored_once(void **state)
{
    struct fixture *f = *state;
    char first[SHA256_TEXT_SIZE], second[SHA256_TEXT_SIZE];
    put_text(f, "bytes", first);
    put_text(f, "bytes", second);
    assert_string_equal(first, second);
    assert_int_equal(ask(f, "blob.db", "SELECT count(*) FROM blob"), 1);
    assert_int_equal(ask(f, "blob.db", "SELECT count(*) FROM blob_chunk"), 1);
}

static void unknown_blobs_are_not_found(void **state)
{
    struct fixture *f = *state;
    char sha256[SHA256_TEXT_SIZE];
    uint64_t size;
    size_t n;
    uint8_t *bytes, byte;
    sha256_text("unknown", 7, sha256);
    assert_status(store_blob_size(f->store, sha256, &size, &f->err), STATUS_NOT_FOUND);
    assert_status(store_blob_read(f->store, sha256, 0, 1, &byte, &f->err), STATUS_NOT_FOUND);
    assert_status(store_blob_get(f->store, sha256, &bytes, &n, &f->err), STATUS_NOT_FOUND);
    assert_status(store_blob_get(f->store, "nonsense", &bytes, &n, &f->err), STATUS_NOT_FOUND);
}

static void a_corrupted_blob_is_detected(void **state)
{
    struct fixture *f = *state;
    static const char *const damages[] = {
        "UPDATE blob_chunk SET data = zeroblob(length(data)) WHERE i = 1",     /* other bytes */
        "UPDATE blob_chunk SET data = substr(data, 2) WHERE i = 0",            /* a short chunk */
        "UPDATE blob_chunk SET data = zeroblob(length(data) + 1) WHERE i = 1", /* a long one */
        "DELETE FROM blob_chunk WHERE i = 0",
        "DELETE FROM blob_chunk WHERE i = 2",
        "DELETE FROM blob_chunk",
        "UPDATE blob SET bytes = bytes - 1",
        "UPDATE blob SET bytes = bytes + 1",
        "UPDATE blob SET bytes = 0",
    };
    size_t size = 2 * MIB + 5;
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        uint8_t *bytes = make_bytes(size, (uint32_t)i), *read = NULL;
        char sha256[SHA256_TEXT_SIZE];
        size_t n = 0;
        assert_ok(store_blob_put(f->store, bytes, size, sha256, &f->err));
        change(f, "blob.db", damages[i]);
        assert_status(store_blob_get(f->store, sha256, &read, &n, &f->err), STATUS_INTERNAL);
        assert_null(read);
        change(f, "blob.db", "DELETE FROM blob_chunk; DELETE FROM blob");
        mem_free(bytes);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_is_the_published_one),
        TEST(blobs_of_any_size_come_back_whole),
        TEST(ranges_cross_chunks),
        TEST(ranges_past_the_end_are_refused),
        TEST(a_blob_is_stored_once),
        TEST(unknown_blobs_are_not_found),
        TEST(a_corrupted_blob_is_detected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
