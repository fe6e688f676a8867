/* Open-ended responses: order, sleep, pings, slow and vanished readers, the end. */
#include <time.h>

#include "tests/server/http/web.h"

/* Read chunks until what came (chunks joined) holds n bytes or the end; 0 at the end. */
static size_t read_stream(int s, char *out, size_t n)
{
    size_t total = 0;
    char line[64];
    while (total < n) {
        if (!web_read_line(s, line, sizeof line))
            return 0;
        size_t size = strtoul(line, NULL, 16);
        if (size == 0)
            return 0;
        for (size_t i = 0; i < size; i++)
            if (!web_read_byte(s, out + total++))
                return 0;
        web_read_line(s, line, sizeof line);
    }
    out[total] = '\0';
    return total;
}

static int open_stream(struct web *w, const char *query, struct http_stream **stream)
{
    char request[128];
    snprintf(request, sizeof request, "GET /stream%s HTTP/1.1\r\nHost: x\r\n\r\n", query);
    int s = web_connect(w);
    web_send(s, request);
    *stream = web_take_stream(w);
    return s;
}

static void what_is_written_arrives_in_order(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    struct http_stream *stream;
    char got[64];
    int s = open_stream(w, "", &stream);
    assert_true(http_stream_write(stream, "first ", 6)); /* perhaps before the head is sent */
    struct web_answer a = web_read_answer(s, true);
    assert_int_equal(a.status, 200);
    assert_string_equal(web_header(&a, "Content-Type"), "text/event-stream");
    assert_string_equal(web_header(&a, "Cache-Control"), "no-store");
    assert_string_equal(web_header(&a, "X-Accel-Buffering"), "no");
    assert_int_equal(read_stream(s, got, 6), 6);
    assert_string_equal(got, "first ");
    for (int i = 0; i < 2000; i++) {
        char text[16];
        int n = snprintf(text, sizeof text, "%d;", i);
        assert_true(http_stream_write(stream, text, (size_t)n));
        if (i % 3 == 0) { /* the connection sleeps in between */
            char all[256];
            static int next;
            size_t size = (size_t)snprintf(all, sizeof all, "%d;", i);
            for (int k = i - 1; k >= next; k--)
                size += (size_t)snprintf(text, sizeof text, "%d;", k);
            assert_true(read_stream(s, got, size) == size);
            assert_int_equal(strtol(got, NULL, 10), next);
            next = i + 1;
        }
    }
    http_stream_close(stream);
    assert_false(http_stream_write(stream, "x", 1));
    assert_true(http_stream_is_closed(stream));
    while (read_stream(s, got, 1))
        ;
    web_read_line(s, got, sizeof got); /* the empty line behind the last chunk */
    web_send(s, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"); /* the connection goes on */
    a = web_read_answer(s, false);
    assert_answer(a, 200, "hello ");
    web_forget(&a);
    http_stream_release(stream);
    close(s);
    web_stop(w);
}

static void a_silent_stream_pings(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){.ping_seconds = 0.05});
    struct http_stream *stream;
    char got[64];
    int s = open_stream(w, "", &stream);
    struct web_answer a = web_read_answer(s, true);
    assert_int_equal(a.status, 200);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(read_stream(s, got, 8), 8);
        assert_string_equal(got, ": ping\n\n");
    }
    http_stream_release(stream);
    close(s);
    web_stop(w);
}

static void a_ping_finds_a_dead_peer(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){.ping_seconds = 0.02});
    struct http_stream *stream;
    int s = open_stream(w, "", &stream);
    struct web_answer a = web_read_answer(s, true);
    assert_int_equal(a.status, 200);
    close(s);
    for (int i = 0; i < 2000 && !http_stream_is_closed(stream); i++)
        usleep(5000);
    assert_true(http_stream_is_closed(stream));
    assert_false(http_stream_write(stream, "x", 1));
    http_stream_release(stream);
    web_stop(w);
}

static void a_reader_that_is_too_slow_is_dropped(void **state)
{
    (void)state;
    static char much[30000];
    struct web *w = web_start(&(struct web_wishes){0});
    struct http_stream *stream;
    int s = open_stream(w, "?max=100000", &stream);
    struct web_answer a = web_read_answer(s, true);
    assert_int_equal(a.status, 200);
    memset(much, 'x', sizeof much);
    int n = 0;
    while (n < 100000 && http_stream_write(stream, much, sizeof much))
        n++;
    assert_true(n < 100000); /* the socket's buffers hold some mebibytes */
    assert_true(http_stream_is_closed(stream));
    http_stream_release(stream);
    struct http_counters counters = {.connections_open = 1};
    for (int i = 0; i < 2000 && counters.connections_open > 0;
         i++) { /* and its connection is closed */
        http_server_counters(w->server, &counters);
        usleep(5000);
    }
    assert_int_equal(counters.connections_open, 0);
    close(s);
    web_stop(w);
}

static void a_write_larger_than_the_pipe_drops_a_sleeping_reader(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    struct http_stream *stream;
    int s = open_stream(w, "?max=10", &stream);
    struct web_answer a = web_read_answer(s, true);
    assert_int_equal(a.status, 200);
    assert_true(http_stream_write(stream, "0123456789", 10));
    char got[32];
    assert_int_equal(read_stream(s, got, 10), 10);
    assert_false(http_stream_write(stream, "0123456789a", 11));
    assert_false(http_stream_write(stream, "0", 1));
    assert_true(web_is_at_end(s));
    http_stream_release(stream);
    close(s);
    web_stop(w);
}

static void a_stream_nobody_attaches_is_released(void **state)
{
    (void)state;
    struct http_stream *stream;
    assert_int_equal(http_stream_create(&stream, 100, NULL), STATUS_OK);
    assert_true(http_stream_write(stream, "abc", 3));
    assert_false(http_stream_is_closed(stream));
    http_stream_release(stream);
    http_stream_release(NULL);
}

struct writer {
    struct http_stream *stream;
    char letter;
};

static void *write_lines(void *argument)
{
    struct writer *writer = argument;
    char line[9] = "-------\n";
    memset(line, writer->letter, 7);
    for (int i = 0; i < 500; i++)
        http_stream_write(writer->stream, line, 8);
    return NULL;
}

static void writers_of_several_threads_do_not_mix_their_lines(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    struct http_stream *stream;
    pthread_t threads[4];
    struct writer writers[4];
    int s = open_stream(w, "", &stream);
    for (int i = 0; i < 4; i++) {
        writers[i] = (struct writer){stream, (char)('a' + i)};
        pthread_create(&threads[i], NULL, write_lines, &writers[i]);
    }
    struct web_answer a = web_read_answer(s, true);
    assert_int_equal(a.status, 200);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    http_stream_close(stream);
    char *all = malloc(70000), *line = all;
    size_t n = 0;
    for (char head[64]; web_read_line(s, head, sizeof head);) {
        size_t size = strtoul(head, NULL, 16);
        if (size == 0)
            break;
        for (size_t i = 0; i < size; i++)
            assert_true(web_read_byte(s, all + n++));
        web_read_line(s, head, sizeof head);
    }
    assert_int_equal(n, 4 * 500 * 8);
    for (; line < all + n; line += 8)
        for (int i = 0; i < 7; i++)
            assert_int_equal(line[i], line[0]);
    free(all);
    http_stream_release(stream);
    close(s);
    web_stop(w);
}

static double processor_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A reader that answers "nothing yet" without suspending would spin: a whole core for one client.
 */
static void sleeping_connections_burn_no_processor(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    struct http_stream *streams[8];
    int sockets[9];
    for (int i = 0; i < 8; i++) {
        sockets[i] = open_stream(w, "", &streams[i]);
        struct web_answer a = web_read_answer(sockets[i], true);
        assert_int_equal(a.status, 200);
    }
    sockets[8] = web_connect(w);
    web_send(sockets[8], "GET /gate HTTP/1.1\r\nHost: x\r\n\r\n");
    web_wait(w, &w->n_in_handler, 1);
    double before = processor_seconds();
    usleep(500000);
    assert_true(processor_seconds() - before < 0.25);
    for (int i = 0; i < 8; i++) {
        http_stream_release(streams[i]);
        close(sockets[i]);
    }
    close(sockets[8]);
    web_stop(w);
}

static void streams_end_when_the_server_stops(void **state)
{
    (void)state;
    struct web *w = web_start(&(struct web_wishes){0});
    struct http_stream *streams[8];
    int sockets[8];
    for (int i = 0; i < 8; i++)
        sockets[i] = open_stream(w, "", &streams[i]);
    http_stream_write(streams[3], "last words", 10);
    web_stop(w);
    for (int i = 0; i < 8; i++) {
        char got[64];
        struct web_answer a = web_read_answer(sockets[i], true);
        assert_int_equal(a.status, 200);
        if (i == 3)
            assert_int_equal(read_stream(sockets[i], got, 10), 10);
        assert_int_equal(read_stream(sockets[i], got, 1), 0);
        assert_true(http_stream_is_closed(streams[i]));
        assert_false(http_stream_write(streams[i], "x", 1));
        http_stream_release(streams[i]);
        close(sockets[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_arrives_in_order),
        cmocka_unit_test(a_silent_stream_pings),
        cmocka_unit_test(a_ping_finds_a_dead_peer),
        cmocka_unit_test(a_reader_that_is_too_slow_is_dropped),
        cmocka_unit_test(a_write_larger_than_the_pipe_drops_a_sleeping_reader),
        cmocka_unit_test(a_stream_nobody_attaches_is_released),
        cmocka_unit_test(writers_of_several_threads_do_not_mix_their_lines),
        cmocka_unit_test(sleeping_connections_burn_no_processor),
        cmocka_unit_test(streams_end_when_the_server_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
