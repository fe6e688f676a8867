#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "server/jobs/worker_link.h"

static int setup(void **state)
{
    static int ends[2];
    *state = ends;
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
}

static int teardown(void **state)
{
    int *ends = *state;
    for (size_t i = 0; i < 2; i++)
        if (ends[i] >= 0)
            close(ends[i]);
    return 0;
}

static void end_peer(int *ends)
{
    close(ends[0]);
    ends[0] = -1;
}

static enum status read_once(int socket, enum link_wait wait, struct link_message *out)
{
    struct link_reader r;
    link_reader_init(&r);
    const enum status status = link_read(&r, socket, wait, out, NULL);
    link_reader_deinit(&r);
    return status;
}

static void write_head(int socket, uint32_t type, uint32_t size)
{
    const uint32_t head[2] = {type, size};
    assert_int_equal(write(socket, head, sizeof head), sizeof head);
}

static void messages_arrive_whole_and_in_order(void **state)
{
    const int *ends = *state;
    struct link_message m;
    assert_int_equal(link_send(ends[0], LINK_PHASE, "saving", 7, NULL, 0, NULL), STATUS_OK);
    assert_int_equal(link_send(ends[0], LINK_REPORT, NULL, 0, NULL, 0, NULL), STATUS_OK);
    assert_int_equal(read_once(ends[1], LINK_WAIT, &m), STATUS_OK);
    assert_int_equal(m.type, LINK_PHASE);
    assert_int_equal(m.size, 7);
    assert_string_equal((const char *)m.payload, "saving");
    assert_int_equal(m.descriptors[0], -1);
    link_message_deinit(&m);
    assert_int_equal(read_once(ends[1], LINK_WAIT, &m), STATUS_OK);
    assert_int_equal(m.type, LINK_REPORT);
    assert_int_equal(m.size, 0);
    link_message_deinit(&m);
    assert_int_equal(read_once(ends[1], LINK_POLL, &m), STATUS_BUSY);
}

struct big {
    int socket;
    uint8_t *bytes;
};

static void *send_big(void *argument)
{
    const struct big *b = argument;
    return link_send(b->socket, LINK_RESULT, b->bytes, LINK_MAX_FRAME, NULL, 0, NULL) == STATUS_OK
               ? argument
               : NULL;
}

static void a_message_of_the_largest_size_passes_and_one_byte_more_does_not(void **state)
{
    const int *ends = *state;
    struct link_message m;
    pthread_t thread;
    void *sent;
    struct big big = {.socket = ends[0], .bytes = mem_alloc(LINK_MAX_FRAME)};
    for (size_t i = 0; i < LINK_MAX_FRAME; i++)
        big.bytes[i] = (uint8_t)(i * 7 + (i >> 12));
    pthread_create(&thread, NULL, send_big, &big);
    assert_int_equal(read_once(ends[1], LINK_WAIT, &m), STATUS_OK);
    pthread_join(thread, &sent);
    assert_non_null(sent);
    assert_int_equal(m.size, LINK_MAX_FRAME);
    assert_memory_equal(m.payload, big.bytes, LINK_MAX_FRAME);
    link_message_deinit(&m);
    assert_int_equal(link_send(ends[0], LINK_RESULT, big.bytes, LINK_MAX_FRAME + 1, NULL, 0, NULL),
                     STATUS_TOO_LARGE);
    mem_free(big.bytes);
}

static void half_a_message_holds_nobody_up(void **state)
{
    const int *ends = *state;
    static const char bytes[] = {LINK_PHASE, 0, 0, 0, 3, 0, 0, 0, 'a', 'b', 'c'};
    struct link_message m;
    struct link_reader r;
    link_reader_init(&r);
    for (size_t i = 0; i < sizeof bytes; i++) {
        assert_int_equal(link_read(&r, ends[1], LINK_POLL, &m, NULL), STATUS_BUSY);
        assert_int_equal(write(ends[0], bytes + i, 1), 1);
    }
    assert_int_equal(link_read(&r, ends[1], LINK_POLL, &m, NULL), STATUS_OK);
    assert_memory_equal(m.payload, "abc", 3);
    link_message_deinit(&m);
    link_reader_deinit(&r);
}

static void the_end_is_told_at_every_place(void **state)
{
    (void)state;
    static const char bytes[] = {LINK_PHASE, 0, 0, 0, 3, 0, 0, 0, 'a', 'b'};
    for (size_t n = 0; n <= sizeof bytes; n++) {
        int ends[2];
        struct link_message m;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        assert_int_equal(write(ends[0], bytes, n), n);
        close(ends[0]);
        assert_int_equal(read_once(ends[1], LINK_WAIT, &m), STATUS_NOT_FOUND);
        close(ends[1]);
    }
}

static void unknown_types_and_sizes_over_the_limit_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t type, size;
    } heads[] = {{0, 0},
                 {LINK_FORECAST + 1, 0},
                 {UINT32_MAX, 0},
                 {LINK_REPORT, LINK_MAX_FRAME + 1},
                 {LINK_REPORT, UINT32_MAX}};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        int ends[2];
        struct link_message m;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        write_head(ends[0], heads[i].type, heads[i].size);
        assert_int_equal(read_once(ends[1], LINK_WAIT, &m), STATUS_INVALID);
        close(ends[0]);
        close(ends[1]);
    }
}

static void garbage_never_becomes_more_than_a_message(void **state)
{
    (void)state;
    struct rng rng = rng_at(1, RNG_SAMPLE, 0);
    for (size_t round = 0; round < 200; round++) {
        int ends[2];
        uint8_t noise[512];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (uint8_t)rng_below(&rng, i % 4 == 0 ? 12 : 3);
        assert_int_equal(write(ends[0], noise, sizeof noise), sizeof noise);
        end_peer(ends);
        enum status status = STATUS_OK;
        while (status == STATUS_OK) {
            struct link_message m;
            status = read_once(ends[1], LINK_WAIT, &m);
            if (status == STATUS_OK)
                link_message_deinit(&m);
        }
        assert_true(status == STATUS_INVALID || status == STATUS_NOT_FOUND);
        close(ends[1]);
    }
}

static void sending_to_an_ended_process_is_an_error_and_no_signal(void **state)
{
    int *ends = *state;
    close(ends[1]);
    ends[1] = -1;
    assert_int_equal(link_send(ends[0], LINK_PHASE, "saving", 7, NULL, 0, NULL), STATUS_IO);
}

static size_t count_descriptors(void)
{
    size_t n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void descriptors_travel_with_their_message(void **state)
{
    const int *ends = *state;
    struct link_message m;
    const uint8_t *bytes;
    size_t n;
    int lent[2];
    const size_t before = count_descriptors();
    assert_int_equal(link_memory_create("one", 3, &lent[0], NULL), STATUS_OK);
    assert_int_equal(link_memory_create("three", 5, &lent[1], NULL), STATUS_OK);
    assert_int_equal(link_send(ends[0], LINK_SNAPSHOT, "x", 1, lent, 2, NULL), STATUS_OK);
    close(lent[0]);
    close(lent[1]);
    assert_int_equal(read_once(ends[1], LINK_WAIT, &m), STATUS_OK);
    static const char *const expected[] = {"one", "three"};
    for (size_t i = 0; i < 2; i++) {
        assert_true(fcntl(m.descriptors[i], F_GETFD) & FD_CLOEXEC);
        assert_int_equal(link_map(m.descriptors[i], LINK_SEALED, 100, &bytes, &n, NULL), STATUS_OK);
        assert_int_equal(n, strlen(expected[i]));
        assert_memory_equal(bytes, expected[i], n);
        link_unmap(bytes, n);
    }
    link_message_deinit(&m);
    assert_int_equal(count_descriptors(), before);
}

/* A frame of `size` bytes with `n` descriptors beside its first byte, or beside its payload. */
static void send_with_descriptors(int socket, size_t n, bool beside_payload)
{
    uint8_t bytes[LINK_HEAD_SIZE + 4] = {LINK_PHASE, 0, 0, 0, 4, 0, 0, 0, 'a', 'b', 'c', 'd'};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(8 * sizeof(int))];
    } control = {.bytes = {0}};
    const size_t first = beside_payload ? LINK_HEAD_SIZE : 0;
    struct iovec part = {bytes + first, sizeof bytes - first};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    *c = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(n * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    for (size_t i = 0; i < n; i++)
        memcpy(CMSG_DATA(c) + i * sizeof(int), &socket, sizeof(int));
    if (beside_payload)
        assert_int_equal(write(socket, bytes, LINK_HEAD_SIZE), LINK_HEAD_SIZE);
    assert_int_equal(sendmsg(socket, &message, 0), part.iov_len);
}

static void too_many_descriptors_are_refused_and_closed(void **state)
{
    const int *ends = *state;
    struct link_message m;
    const size_t before = count_descriptors();
    send_with_descriptors(ends[0], LINK_MAX_DESCRIPTORS + 1, false);
    assert_int_equal(read_once(ends[1], LINK_WAIT, &m), STATUS_INVALID);
    assert_int_equal(count_descriptors(), before);
}

static void descriptors_beside_the_payload_are_dropped(void **state)
{
    const int *ends = *state;
    struct link_message m;
    const size_t before = count_descriptors();
    send_with_descriptors(ends[0], 1, true);
    assert_int_equal(read_once(ends[1], LINK_WAIT, &m), STATUS_OK);
    assert_int_equal(m.descriptors[0], -1);
    assert_memory_equal(m.payload, "abcd", 4);
    link_message_deinit(&m);
    assert_int_equal(count_descriptors(), before);
}

static void only_sealed_memory_of_the_right_size_is_mapped(void **state)
{
    (void)state;
    const uint8_t *bytes;
    size_t n;
    int sealed, plain = memfd_create("plain", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int pipe_ends[2];
    assert_int_equal(write(plain, "abc", 3), 3);
    assert_int_equal(link_map(plain, LINK_SEALED, 100, &bytes, &n, NULL), STATUS_INVALID);
    assert_int_equal(fcntl(plain, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_int_equal(link_map(plain, LINK_SEALED, 100, &bytes, &n, NULL), STATUS_INVALID);
    assert_int_equal(link_map(plain, LINK_FILE, 100, &bytes, &n, NULL), STATUS_OK);
    link_unmap(bytes, n);
    close(plain);
    assert_int_equal(pipe(pipe_ends), 0);
    assert_int_equal(link_map(pipe_ends[0], LINK_FILE, 100, &bytes, &n, NULL), STATUS_INVALID);
    assert_int_equal(link_map(pipe_ends[0], LINK_SEALED, 100, &bytes, &n, NULL), STATUS_INVALID);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    assert_int_equal(link_map(-1, LINK_SEALED, 100, &bytes, &n, NULL), STATUS_INVALID);

    assert_int_equal(link_memory_create("0123456789", 10, &sealed, NULL), STATUS_OK);
    assert_int_equal(write(sealed, "x", 1), -1);
    assert_int_equal(link_map(sealed, LINK_SEALED, 9, &bytes, &n, NULL), STATUS_INVALID);
    assert_int_equal(link_map(sealed, LINK_SEALED, 10, &bytes, &n, NULL), STATUS_OK);
    link_unmap(bytes, n);
    close(sealed);
    assert_int_equal(link_memory_create(NULL, 0, &sealed, NULL), STATUS_OK);
    assert_int_equal(link_map(sealed, LINK_SEALED, 10, &bytes, &n, NULL), STATUS_OK);
    assert_non_null(bytes);
    assert_int_equal(n, 0);
    link_unmap(bytes, n);
    close(sealed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_arrive_whole_and_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_message_of_the_largest_size_passes_and_one_byte_more_does_not, setup, teardown),
        cmocka_unit_test_setup_teardown(half_a_message_holds_nobody_up, setup, teardown),
        cmocka_unit_test(the_end_is_told_at_every_place),
        cmocka_unit_test(unknown_types_and_sizes_over_the_limit_are_refused),
        cmocka_unit_test(garbage_never_becomes_more_than_a_message),
        cmocka_unit_test_setup_teardown(sending_to_an_ended_process_is_an_error_and_no_signal,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(descriptors_travel_with_their_message, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_descriptors_are_refused_and_closed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(descriptors_beside_the_payload_are_dropped, setup,
                                        teardown),
        cmocka_unit_test(only_sealed_memory_of_the_right_size_is_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
