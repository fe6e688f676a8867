#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/config.h"

/* The arguments of one line, split at blanks. */
static enum status read_line(const char *line, struct config *out, struct error *err)
{
    static char copy[8192];
    char *argv[32];
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *p = copy; *p; argc++) {
        argv[argc] = p;
        p += strcspn(p, " ");
        if (*p)
            *p++ = '\0';
    }
    return config_read(out, argc, argv, err);
}

static void defaults_are_the_contracts(void **state)
{
    (void)state;
    struct config c;
    assert_int_equal(read_line("", &c, NULL), STATUS_OK);
    assert_string_equal(c.listen_host, "127.0.0.1");
    assert_int_equal(c.listen_port, 8080);
    assert_string_equal(c.data, "./farfield-data");
    assert_int_equal(c.workers, 1);
    assert_true(c.threads >= 1);
    assert_string_equal(c.isa, "auto");
    assert_string_equal(c.log_level, "info");
    assert_int_equal(c.upload_bytes, 256 << 20);
    assert_int_equal(c.json_bytes, 1 << 20);
    assert_int_equal(c.json_depth, 32);
    assert_int_equal(c.query_points_json, 1 << 20);
    assert_int_equal(c.query_points_binary, 8 << 20);
    assert_int_equal(c.render_pixels, 16 << 20);
    assert_int_equal(c.mesh_resolution, 512);
    assert_int_equal(c.queued_jobs, 10000);
    assert_int_equal(c.name_bytes, 128);
    assert_int_equal(c.connections, 4096);
    assert_int_equal(c.request_line_bytes, 8192);
    assert_int_equal(c.head_bytes, 16384);
    assert_int_equal(c.keep_alive_seconds, 60);
    assert_int_equal(c.request_seconds, 60);
    assert_true(c.job_memory_bytes > 1 << 20);
    assert_int_equal(c.job_seconds, 30 * 86400);
    assert_int_equal(c.silence_seconds, 3600);
    assert_true(c.handlers > 0 && c.handler_queue > 0);
}

static void arguments_are_read(void **state)
{
    (void)state;
    struct config c, one;
    assert_int_equal(
        read_line("--listen 0.0.0.0:0 --workers=2 --data /x --isa avx2 --log-level=debug "
                  "--upload-bytes 3MiB --json-bytes=2048 --threads 7 --job-memory 5GiB",
                  &c, NULL),
        STATUS_OK);
    assert_string_equal(c.listen_host, "0.0.0.0");
    assert_int_equal(c.listen_port, 0);
    assert_int_equal(c.workers, 2);
    assert_string_equal(c.data, "/x");
    assert_string_equal(c.isa, "avx2");
    assert_string_equal(c.log_level, "debug");
    assert_int_equal(c.upload_bytes, 3 << 20);
    assert_int_equal(c.json_bytes, 2048);
    assert_int_equal(c.threads, 7);
    assert_int_equal(c.job_memory_bytes, 5ULL << 30);
    assert_int_equal(read_line("", &one, NULL), STATUS_OK);
    assert_int_equal(read_line("--workers 2", &c, NULL), STATUS_OK);
    assert_int_equal(c.job_memory_bytes, one.job_memory_bytes / 2);
    assert_true(c.threads == one.threads / 2 || c.threads == 1);
    assert_int_equal(read_line("--workers 2 --workers 3", &c, NULL),
                     STATUS_OK); /* the last counts */
    assert_int_equal(c.workers, 3);
    assert_int_equal(read_line("--data=/a=b", &c, NULL), STATUS_OK);
    assert_string_equal(c.data, "/a=b");
}

static void a_flag_needs_no_value(void **state)
{
    (void)state;
    struct config c;
    assert_int_equal(read_line("", &c, NULL), STATUS_OK);
    assert_false(c.no_auth);
    assert_int_equal(read_line("--no-auth", &c, NULL), STATUS_OK);
    assert_true(c.no_auth);
    assert_int_equal(read_line("--no-auth --workers 2", &c, NULL), STATUS_OK);
    assert_true(c.no_auth && c.workers == 2);
    assert_int_equal(read_line("--no-auth=0", &c, NULL), STATUS_OK);
    assert_false(c.no_auth);
    setenv("FARFIELD_NO_AUTH", "1", 1);
    assert_int_equal(read_line("", &c, NULL), STATUS_OK);
    assert_true(c.no_auth);
    assert_int_equal(read_line("--no-auth=0", &c, NULL), STATUS_OK);
    assert_false(c.no_auth);
    setenv("FARFIELD_NO_AUTH", "yes", 1);
    assert_int_equal(read_line("", &c, NULL), STATUS_INVALID);
    unsetenv("FARFIELD_NO_AUTH");
}

static void addresses_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *line, *host;
        uint16_t port;
    } rows[] = {
        {"--listen localhost:1", "localhost", 1},
        {"--listen 127.0.0.1:65535", "127.0.0.1", 65535},
        {"--listen [::1]:8080", "::1", 8080},
        {"--listen [::]:0", "::", 0},
        {"--listen example.org:80", "example.org", 80},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config c;
        assert_int_equal(read_line(rows[i].line, &c, NULL), STATUS_OK);
        assert_string_equal(c.listen_host, rows[i].host);
        assert_int_equal(c.listen_port, rows[i].port);
    }
}

static void bad_settings_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *line, *words;
    } rows[] = {
        {"--workers 0", "'workers' must be an integer in 1..256, got '0'"},
        {"--workers 257", "'workers' must be an integer in 1..256"},
        {"--workers -1", "'workers'"},
        {"--workers +1", "'workers'"},
        {"--workers 1.5", "'workers'"},
        {"--workers 0x10", "'workers'"},
        {"--workers=", "'workers' must be an integer in 1..256, got ''"},
        {"--workers 1KiB", "'workers'"},
        {"--workers 99999999999999999999999", "'workers'"},
        {"--workers", "'--workers' needs a value"},
        {"--upload-bytes 18446744073709551615GiB", "'upload-bytes'"},
        {"--upload-bytes 17179869184GiB", "'upload-bytes'"},
        {"--upload-bytes 1kib", "'upload-bytes'"},
        {"--upload-bytes 1MiBx", "'upload-bytes'"},
        {"--upload-bytes 0", "'upload-bytes'"},
        {"--listen 8080", "'listen' must be HOST:PORT, got '8080'"},
        {"--listen :8080", "'listen'"},
        {"--listen host:", "'listen'"},
        {"--listen host:65536", "'listen'"},
        {"--listen host:-1", "'listen'"},
        {"--listen host:80x", "'listen'"},
        {"--listen ::1:80", "'listen'"},
        {"--listen []:80", "'listen'"},
        {"--listen [::1:80", "'listen'"},
        {"--isa sse", "'isa' must be one of auto|amx|avx512_bf16|avx512|avx2|portable, got 'sse'"},
        {"--isa avx", "'isa'"},
        {"--isa auto|avx512", "'isa'"},
        {"--isa=", "'isa'"},
        {"--log-level INFO", "'log-level'"},
        {"--data=", "'data'"},
        {"--no-auth=2", "'no-auth' must be 0 or 1"},
        {"--no-auth=", "'no-auth'"},
        {"--no-auth 1", "'1' is not a setting"},
        {"--no-such 1", "there is no setting '--no-such'"},
        {"--work 1", "there is no setting '--work'"},
        {"--", "there is no setting '--'"},
        {"workers 1", "'workers' is not a setting"},
        {"-w 1", "'-w' is not a setting"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config c = {.workers = 77};
        struct error err = {.status = STATUS_OK};
        if (read_line(rows[i].line, &c, &err) != STATUS_INVALID)
            fail_msg("'%s' was accepted", rows[i].line);
        if (!strstr(err.message, rows[i].words))
            fail_msg("'%s': %s", rows[i].line, err.message);
        assert_int_equal(c.workers, 77); /* untouched */
    }
    char line[5000] = "--data ";
    memset(line + 7, 'x', 4096);
    struct config c;
    assert_int_equal(read_line(line, &c, NULL), STATUS_INVALID);
    line[7 + 4095] = '\0';
    assert_int_equal(read_line(line, &c, NULL), STATUS_OK);
}

static void the_environment_stands_between_default_and_argument(void **state)
{
    (void)state;
    struct config c;
    struct error err = {.status = STATUS_OK};
    setenv("FARFIELD_WORKERS", "4", 1);
    setenv("FARFIELD_UPLOAD_BYTES", "1KiB", 1);
    setenv("FARFIELD_JOB_MEMORY", "2MiB", 1);
    assert_int_equal(read_line("", &c, NULL), STATUS_OK);
    assert_int_equal(c.workers, 4);
    assert_int_equal(c.upload_bytes, 1024);
    assert_int_equal(c.job_memory_bytes, 2 << 20);
    assert_int_equal(read_line("--workers 2", &c, NULL), STATUS_OK);
    assert_int_equal(c.workers, 2);
    setenv("FARFIELD_WORKERS", "many", 1);
    assert_int_equal(read_line("", &c, &err), STATUS_INVALID);
    assert_non_null(strstr(err.message, "'workers'"));
    unsetenv("FARFIELD_WORKERS");
    unsetenv("FARFIELD_UPLOAD_BYTES");
    unsetenv("FARFIELD_JOB_MEMORY");
}

static void help_and_markdown_name_every_setting(void **state)
{
    (void)state;
    static const char *const names[] = {
        "listen",    "data",         "workers",    "threads",          "isa",
        "log-level", "upload-bytes", "job-memory", "shutdown-seconds", "handlers"};
    char *texts[2];
    size_t sizes[2];
    void (*const printers[])(FILE *) = {config_print_help, config_print_markdown};
    for (int i = 0; i < 2; i++) {
        FILE *f = open_memstream(&texts[i], &sizes[i]);
        printers[i](f);
        fclose(f);
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
            char option[64];
            snprintf(option, sizeof option, "--%s", names[k]);
            assert_non_null(strstr(texts[i], option));
        }
    }
    assert_non_null(strstr(texts[1], "| `--upload-bytes` | `FARFIELD_UPLOAD_BYTES` | `256MiB` |"));
    for (char *line = strstr(texts[1], "| `--"); line && *line; line = strchr(line, '\n') + 1) {
        int bars = 0;
        for (const char *p = line; *p && *p != '\n'; p++)
            bars += *p == '|';
        assert_int_equal(bars, 6);
    }
    free(texts[0]);
    free(texts[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_contracts),
        cmocka_unit_test(arguments_are_read),
        cmocka_unit_test(a_flag_needs_no_value),
        cmocka_unit_test(addresses_are_read),
        cmocka_unit_test(bad_settings_are_refused_by_name),
        cmocka_unit_test(the_environment_stands_between_default_and_argument),
        cmocka_unit_test(help_and_markdown_name_every_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
