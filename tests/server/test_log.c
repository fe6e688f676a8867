#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <pthread.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/log.h"

/* Standard error goes to a file between capture_begin and capture_end. */
struct capture {
    FILE *file;
    int real;
};

static void capture_begin(struct capture *c)
{
    c->file = tmpfile();
    assert_non_null(c->file);
    c->real = dup(STDERR_FILENO);
    dup2(fileno(c->file), STDERR_FILENO);
}

static size_t capture_end(struct capture *c, char *out, size_t size)
{
    dup2(c->real, STDERR_FILENO);
    close(c->real);
    rewind(c->file);
    size_t n = fread(out, 1, size - 1, c->file);
    out[n] = '\0';
    fclose(c->file);
    return n;
}

static void an_event_is_one_json_line(void **state)
{
    (void)state;
    struct capture c;
    char text[8192];
    capture_begin(&c);
    log_event(LOG_INFO, "job started", LOG_TEXT("job", "job_1"), LOG_INT("attempt", -1),
              LOG_INT("large", INT64_MIN), LOG_REAL("seconds", 0.25), LOG_REAL("nan", NAN),
              LOG_TEXT("none", NULL), LOG_END);
    capture_end(&c, text, sizeof text);
    assert_memory_equal(text, "{\"time\":\"20", 11);
    assert_string_equal(
        strstr(text, "\",\"level\""),
        "\",\"level\":\"info\",\"event\":\"job started\",\"job\":\"job_1\",\"attempt\":"
        "-1,\"large\":-9223372036854775808,\"seconds\":0.25,\"nan\":null,\"none\":\"\"}\n");
}

static void levels_below_the_set_one_are_dropped(void **state)
{
    (void)state;
    struct capture c;
    char text[8192];
    capture_begin(&c);
    log_set_level(LOG_WARN);
    log_event(LOG_DEBUG, "a", LOG_END);
    log_event(LOG_INFO, "b", LOG_END);
    log_event(LOG_WARN, "c", LOG_END);
    log_event(LOG_ERROR, "d", LOG_END);
    log_set_level(LOG_INFO);
    capture_end(&c, text, sizeof text);
    assert_null(strstr(text, "\"event\":\"b\""));
    assert_non_null(strstr(text, "\"level\":\"warn\",\"event\":\"c\"}\n"));
    assert_non_null(strstr(text, "\"level\":\"error\",\"event\":\"d\"}\n"));
}

static void what_must_be_told_is_told_at_every_level(void **state)
{
    (void)state;
    struct capture c;
    char text[8192];
    capture_begin(&c);
    log_set_level(LOG_ERROR);
    log_event(LOG_ALWAYS, "a", LOG_END);
    log_event(LOG_INFO, "b", LOG_END);
    log_set_level(LOG_INFO);
    capture_end(&c, text, sizeof text);
    assert_non_null(strstr(text, "\"level\":\"info\",\"event\":\"a\"}\n"));
    assert_null(strstr(text, "\"event\":\"b\""));
}

static void values_cannot_forge_a_line(void **state)
{
    (void)state;
    static const struct {
        const char *value, *escaped;
    } rows[] = {
        {"a\nb\r", "a\\u000ab\\u000d"},
        {"\"}{\\", "\\\"}{\\\\"},
        {"\x1b[31m\x7f", "\\u001b[31m\\u007f"},
        {"\xE2\x80\xAE", "\\u202e"}, /* right-to-left override */
        {"\xE2\x81\xA6x\xE2\x81\xA9", "\\u2066x\\u2069"},
        {"\xC2\x85", "\\u0085"}, /* a control character beyond ASCII */
        {"\xF0\x9F\x98\x80", "\\ud83d\\ude00"},
        {"\xFF\xC3", "\\ufffd\\ufffd"},
        {"\xE2\x80", "\\ufffd\\ufffd"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct capture c;
        char text[8192], expected[256];
        capture_begin(&c);
        log_event(LOG_INFO, rows[i].value, LOG_TEXT(rows[i].value, rows[i].value), LOG_END);
        size_t n = capture_end(&c, text, sizeof text);
        snprintf(expected, sizeof expected, "\"event\":\"%s\",\"%s\":\"%s\"}\n", rows[i].escaped,
                 rows[i].escaped, rows[i].escaped);
        assert_non_null(strstr(text, expected));
        for (size_t k = 0; k + 1 < n; k++)
            assert_true(text[k] >= 0x20 && text[k] < 0x7F);
    }
}

/* Is the text one object of strings and numbers, with balanced quotes? */
static void assert_is_whole_line(const char *text, size_t n)
{
    assert_true(n >= 3 && n <= 4096);
    assert_int_equal(text[0], '{');
    assert_memory_equal(text + n - 2, "}\n", 2);
    size_t quotes = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\\')
            i++;
        else
            quotes += text[i] == '"';
    }
    assert_int_equal(quotes % 2, 0);
    assert_ptr_equal(memchr(text, '\n', n), text + n - 1);
}

static void long_lines_are_cut_and_still_whole(void **state)
{
    (void)state;
    static char value[6000];
    static const char *const fillings[] = {"a", "\n", "\"", "\xE2\x80\xAE", "\xF0\x9F\x98\x80"};
    for (size_t f = 0; f < 5; f++)
        for (size_t size = 3600; size < 4300; size += f == 0 ? 1 : 7) {
            struct capture c;
            char text[16384];
            size_t n = 0, step = strlen(fillings[f]);
            size_t target = f == 0 ? size
                                   : size /
                                         (f < 2    ? 6
                                          : f == 2 ? 2
                                          : f == 3 ? 6
                                                   : 12) *
                                         step;
            while (n + step <= target && n + step < sizeof value) {
                memcpy(value + n, fillings[f], step);
                n += step;
            }
            value[n] = '\0';
            capture_begin(&c);
            log_event(LOG_INFO, "long", LOG_TEXT("value", value), LOG_INT("after", 1),
                      LOG_TEXT("last", value), LOG_REAL("end", 0.5), LOG_END);
            assert_is_whole_line(text, capture_end(&c, text, sizeof text));
        }
}

static void *write_events(void *argument)
{
    for (int i = 0; i < 200; i++)
        log_event(LOG_INFO, "thread", LOG_TEXT("who", argument), LOG_INT("i", i), LOG_END);
    return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state)
{
    (void)state;
    static char text[400000];
    pthread_t threads[4];
    struct capture c;
    capture_begin(&c);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, write_events, (char *)"abcd" + i);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    size_t n = capture_end(&c, text, sizeof text), n_lines = 0;
    for (char *line = text; line < text + n; n_lines++) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        assert_is_whole_line(line, (size_t)(end - line) + 1);
        line = end + 1;
    }
    assert_int_equal(n_lines, 800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_one_json_line),
        cmocka_unit_test(levels_below_the_set_one_are_dropped),
        cmocka_unit_test(what_must_be_told_is_told_at_every_level),
        cmocka_unit_test(values_cannot_forge_a_line),
        cmocka_unit_test(long_lines_are_cut_and_still_whole),
        cmocka_unit_test(lines_of_several_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
