/*
 * Archives made to cost far more than they weigh.  Each is opened and read to its end in a process
 * of its own, whose memory is looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <zip.h>

#include "core/base/limits.h"
#include "core/format/npy.h"
#include "core/format/views_npz.h"
#include "tests/core/format/npz_members.h"
#include "tests/support/small_scene.h"
#include "tests/support/zip_bomb.h"

enum { MOST_KIB = 32 << 10 };

/* The most memory this process has taken since the count was set back. */
static size_t peak_kib(void)
{
    char line[256];
    size_t kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtoul(line + 6, NULL, 10);
    if (file)
        fclose(file);
    return kib;
}

static void set_back_peak(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (file) {
        fputs("5", file);
        fclose(file);
    }
}

struct outcome {
    enum status status;
    size_t kib;
    char message[sizeof(((struct error *)0)->message)];
};

typedef enum status (*read_function)(const uint8_t *bytes, size_t n, struct error *err);

static struct outcome read_apart(read_function read_it, const uint8_t *bytes, size_t n)
{
    struct outcome o = {.status = STATUS_OK};
    int ends[2], how;
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct error err = {.status = STATUS_OK};
        set_back_peak();
        const size_t before = peak_kib();
        o.status = read_it(bytes, n, &err);
        o.kib = peak_kib() - before;
        memcpy(o.message, err.message, sizeof o.message);
        _exit(write(ends[1], &o, sizeof o) == sizeof o ? 0 : 1);
    }
    close(ends[1]);
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    assert_int_equal(read(ends[0], &o, sizeof o), sizeof o);
    close(ends[0]);
    return o;
}

static void archives_that_would_explode_are_refused_cheaply(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct zip_bomb bomb;
        enum status status;
    } cases[] = {
        {"a ratio of a thousand", {.n_members = 1, .n_zeros = 256 << 20}, STATUS_TOO_LARGE},
        {"a ratio of a thousand in each of 100",
         {.n_members = 100, .n_zeros = 1 << 20},
         STATUS_TOO_LARGE},
        {"1,900 members that share their bytes",
         {.n_members = 1900, .n_zeros = 4 << 20, .is_shared = true},
         STATUS_INVALID},
        {"members that share bytes, within the ratio",
         {.n_members = 3, .n_zeros = 1000, .is_shared = true},
         STATUS_INVALID},
        {"members of 4 GiB",
         {.n_members = 2, .n_zeros = 1000, .declared = 0xFFFFFFFE},
         STATUS_TOO_LARGE},
        {"a member of just over 2 GiB",
         {.n_members = 1, .n_zeros = 1000, .declared = 0x80000001},
         STATUS_TOO_LARGE},
        {"more than is declared",
         {.n_members = 1, .n_zeros = 256 << 20, .declared = 1000},
         STATUS_INVALID},
        {"less than is declared",
         {.n_members = 1, .n_zeros = 1000, .declared = 20000},
         STATUS_INVALID},
        {"2,001 members",
         {.n_members = LIMIT_ARCHIVE_MEMBERS + 1, .n_zeros = 100},
         STATUS_TOO_LARGE},
        {"60,000 members that share their bytes",
         {.n_members = 60000, .n_zeros = 100, .is_shared = true},
         STATUS_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        uint8_t *bytes = zip_bomb_make(&cases[i].bomb, &n);
        const struct outcome o = read_apart(npz_read_all, bytes, n);
        print_message("%-46s %9zu bytes: %s, %zu KiB (%s)\n", cases[i].name, n,
                      status_name(o.status), o.kib, o.message);
        if (o.status != cases[i].status)
            fail_msg("%s: %s", cases[i].name, status_name(o.status));
#ifndef SANITIZED
        assert_true(o.kib < MOST_KIB);
#endif
        free(bytes);
    }
}

/* An archive of 16 copies of a file, by libzip. */
static uint8_t *pack(const uint8_t *inner, size_t n_inner, size_t *n)
{
    zip_error_t e;
    zip_stat_t s;
    zip_source_t *archive = zip_source_buffer_create(NULL, 0, 0, &e);
    assert_non_null(archive);
    zip_source_keep(archive);
    zip_t *zip = zip_open_from_source(archive, ZIP_CREATE | ZIP_TRUNCATE, &e);
    assert_non_null(zip);
    for (int i = 0; i < 16; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d.zip", i);
        assert_true(zip_file_add(zip, name, zip_source_buffer(zip, inner, n_inner, 0), 0) >= 0);
    }
    assert_int_equal(zip_close(zip), 0);
    assert_int_equal(zip_source_stat(archive, &s), 0);
    assert_int_equal(zip_source_open(archive), 0);
    *n = s.size;
    uint8_t *bytes = malloc(*n);
    assert_int_equal(zip_source_read(archive, bytes, *n), *n);
    zip_source_close(archive);
    zip_source_free(archive);
    return bytes;
}

/* 42.zip: what is in an archive is never opened as one. */
static void an_archive_in_an_archive_is_no_array(void **state)
{
    (void)state;
    size_t n_inner, n_middle, n;
    const struct zip_bomb bomb = {.n_members = 1, .n_zeros = 64 << 20};
    uint8_t *inner = zip_bomb_make(&bomb, &n_inner);
    uint8_t *middle = pack(inner, n_inner, &n_middle);
    uint8_t *bytes = pack(middle, n_middle, &n);
    const struct outcome o = read_apart(npz_read_all, bytes, n);
    print_message("%-46s %9zu bytes: %s, %zu KiB (%s)\n", "archives in archives", n,
                  status_name(o.status), o.kib, o.message);
    assert_int_equal(o.status, STATUS_INVALID);
#ifndef SANITIZED
    assert_true(o.kib < MOST_KIB);
#endif
    free(inner);
    free(middle);
    free(bytes);
}

static enum status check_views(const uint8_t *bytes, size_t n, struct error *err)
{
    struct views_facts facts;
    return views_npz_check(bytes, n, &facts, err);
}

static void add_array(struct small_scene *s, const char *name, const char *shape,
                      const float *values, size_t n)
{
    const size_t n_head = 128, n_bytes = n_head + n * sizeof *values;
    char *bytes = calloc(1, n_bytes);
    memset(bytes, ' ', n_head - 1);
    memcpy(bytes, "\x93NUMPY\x01\x00\x76\x00", 10);
    const int used = snprintf(bytes + 10, n_head - 10,
                              "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", shape);
    bytes[10 + used] = ' ';
    bytes[n_head - 1] = '\n';
    memcpy(bytes + n_head, values, n * sizeof *values);
    small_scene_bytes(s, name, bytes, n_bytes);
    free(bytes);
}

/* A view of 4 Mi pixels, 48 MiB of floats. */
static void a_view_is_looked_at_some_rows_at_a_time(void **state)
{
    (void)state;
    enum { HEIGHT = 4096, WIDTH = 1024 };
    static const float pose[16] = {[0] = 1, [5] = 1, [10] = 1, [15] = 1}, focal = 1000;
    const size_t n = (size_t)HEIGHT * WIDTH * 3;
    float *pixels = calloc(n, sizeof *pixels);
    struct small_scene s;
    small_scene_init(&s);
    add_array(&s, "images.npy", "1, 4096, 1024, 3", pixels, n);
    add_array(&s, "poses.npy", "1, 4, 4", pose, 16);
    add_array(&s, "focal.npy", "", &focal, 1);
    struct buffer zip = small_scene_zip(&s);
    const struct outcome o = read_apart(check_views, zip.data, zip.size);
    print_message("%-46s %9zu bytes: %s, %zu KiB\n", "a large view", zip.size,
                  status_name(o.status), o.kib);
    assert_int_equal(o.status, STATUS_OK);
#ifndef SANITIZED
    assert_true(o.kib < 8 << 10);
#endif
    buffer_deinit(&zip);
    small_scene_deinit(&s);
    free(pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(archives_that_would_explode_are_refused_cheaply),
        cmocka_unit_test(an_archive_in_an_archive_is_no_array),
        cmocka_unit_test(a_view_is_looked_at_some_rows_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
