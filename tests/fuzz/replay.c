/*
 * A fuzz target without libFuzzer, as a test: every seed, then mutations of seeds, the same ones
 * each time.  HARNESS_N: how many mutations; HARNESS_SEED: which.  The input that is being tried
 * lies in PROGRAM.input and is gone at the end: what a broken promise leaves there breaks it again
 * (PROGRAM FILE …).
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/rng.h"
#include "tests/fuzz/fuzz.h"

#pragma weak LLVMFuzzerCustomMutator

enum {
    MAX_BYTES = 4096,
    MAX_SEEDS = 512,
#ifdef SANITIZED
    N_MUTATIONS = 2000,
#else
    N_MUTATIONS = 10000,
#endif
};

static struct input {
    uint8_t *bytes;
    size_t n;
} seeds[MAX_SEEDS];
static size_t n_seeds;
static struct rng rng;
static const char *name; /* of the target */
static char now_path[512];
static int now_file = -1;

static uint64_t setting(const char *variable, uint64_t fallback)
{
    const char *text = getenv(variable);
    return text && *text ? strtoull(text, NULL, 10) : fallback;
}

/* --- one input --- */

/* Sanitizers see what lies beyond an allocation of the very size. */
static void try(const uint8_t *bytes, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);
    assert_non_null(copy);
    if (n > 0)
        memcpy(copy, bytes, n);
    if (now_file >= 0) {
        assert_int_equal(pwrite(now_file, copy, n, 0), n);
        assert_int_equal(ftruncate(now_file, (off_t)n), 0);
    }
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

/* --- seeds --- */

static void read_seed(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct input *seed = &seeds[n_seeds];
    if (!file || n_seeds == MAX_SEEDS)
        fail_msg("'%s' cannot be read, or there are too many seeds", path);
    seed->bytes = malloc(FUZZ_MAX_SEED);
    assert_non_null(seed->bytes);
    seed->n = fread(seed->bytes, 1, FUZZ_MAX_SEED, file);
    fclose(file);
    n_seeds++;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* In the order of their names, so that every run is the same. */
static void read_seeds(const char *folder, bool is_ours)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, is_visible, alphasort);
    for (int i = 0; i < n; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        read_seed(path);
        if (is_ours)
            unlink(path);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}

static int make_seeds(void **state)
{
    char made[] = "/tmp/farfield-seeds-XXXXXX", kept[256];
    (void)state;
    now_file = open(now_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (now_file < 0 || !mkdtemp(made) || setenv("FUZZ_SEEDS", made, 1) != 0)
        return -1;
    LLVMFuzzerInitialize(NULL, NULL);
    read_seeds(made, true);
    snprintf(kept, sizeof kept, "tests/fuzz/seeds/%s", name);
    read_seeds(kept, false);
    return rmdir(made);
}

static int free_seeds(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_seeds; i++)
        free(seeds[i].bytes);
    close(now_file);
    return unlink(now_path);
}

/* --- mutations --- */

static size_t below(size_t n)
{
    return (size_t)rng_below(&rng, n);
}

/* Make room for k bytes at `at`, or as many as there may be; returns how many. */
static size_t open_gap(uint8_t *bytes, size_t *n, size_t max, size_t at, size_t k)
{
    k = k < max - *n ? k : max - *n;
    memmove(bytes + at + k, bytes + at, *n - at);
    *n += k;
    return k;
}

static void mutate_once(uint8_t *bytes, size_t *n, size_t max)
{
    static const uint8_t odd[] = {0, 1, 0x7f, 0x80, 0xff, '0', '9', '-', '.', ',', '/', '%', '"'};
    static const char *const numbers[] = {"-1", "1e308", "18446744073709551615", "0.5", "65536"};
    static const uint64_t words[] = {0,          1,          0x7F800000,         0xFF7FFFFF,
                                     0x7FC00000, 0xFFFFFFFF, 0x7FF0000000000000, 0xBFF0000000000000,
                                     UINT64_MAX};
    const struct input *other = &seeds[below(n_seeds)];
    const size_t at = below(*n + 1), from = below(*n + 1), left = *n - at;
    size_t k = 1 + below(8);
    switch (left > 0 ? below(9) : 6 + below(3)) {
    case 0:
        bytes[at] ^= (uint8_t)(1U << below(8));
        break;
    case 1:
        bytes[at] = odd[below(sizeof odd)];
        break;
    case 2:
        bytes[at] = (uint8_t)below(256);
        break;
    case 3: /* take bytes out */
        k = k < left ? k : left;
        memmove(bytes + at, bytes + at + k, left - k);
        *n -= k;
        break;
    case 4: /* the same bytes, elsewhere */
        k = 1 + below(left);
        memmove(bytes + at, bytes + from, k < *n - from ? k : *n - from);
        break;
    case 5: /* a number of four or eight bytes, odd as an integer or as a float */
        k = below(2) ? 8 : 4;
        memcpy(bytes + at, &words[below(sizeof words / sizeof *words)], k < left ? k : left);
        break;
    case 6: /* more bytes */
        k = open_gap(bytes, n, max, at, k);
        for (size_t i = 0; i < k; i++)
            bytes[at + i] = odd[below(sizeof odd)];
        break;
    case 7: { /* a number as text */
        const char *number = numbers[below(sizeof numbers / sizeof *numbers)];
        k = open_gap(bytes, n, max, at, strlen(number));
        memcpy(bytes + at, number, k);
        break;
    }
    default: { /* the end of another seed */
        const size_t tail = below(other->n + 1);
        k = other->n - tail < max - at ? other->n - tail : max - at;
        if (k > 0)
            memcpy(bytes + at, other->bytes + tail, k);
        *n = at + k;
    }
    }
}

size_t LLVMFuzzerMutate(uint8_t *bytes, size_t n_bytes, size_t max)
{
    for (size_t times = 1 + below(3); times > 0; times--)
        mutate_once(bytes, &n_bytes, max);
    return n_bytes;
}

/* --- the tests --- */

static void every_seed_keeps_the_promises(void **state)
{
    (void)state;
    assert_true(n_seeds > 0);
    for (size_t i = 0; i < n_seeds; i++)
        try(seeds[i].bytes, seeds[i].n);
}

static void mutated_seeds_keep_the_promises(void **state)
{
    static uint8_t bytes[MAX_BYTES];
    const uint64_t seed = setting("HARNESS_SEED", 1), n = setting("HARNESS_N", N_MUTATIONS);
    (void)state;
    for (uint64_t i = 0; i < n; i++) {
        rng = rng_at(seed, RNG_SAMPLE, i);
        const struct input *from = &seeds[below(n_seeds)];
        size_t size = from->n < MAX_BYTES ? from->n : MAX_BYTES;
        memcpy(bytes, from->bytes, size);
        size = LLVMFuzzerCustomMutator
                   ? LLVMFuzzerCustomMutator(bytes, size, MAX_BYTES, rng_u32(&rng))
                   : LLVMFuzzerMutate(bytes, size, MAX_BYTES);
        try(bytes, size);
    }
    fprintf(stderr, "%s: %zu seeds, %llu mutations of seed %llu\n", name, n_seeds,
            (unsigned long long)n, (unsigned long long)seed);
}

int main(int n_arguments, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_seed_keeps_the_promises),
        cmocka_unit_test(mutated_seeds_keep_the_promises),
    };
    const struct CMUnitTest files[] = {cmocka_unit_test(every_seed_keeps_the_promises)};
    const char *program = strrchr(arguments[0], '/');
    program = program ? program + 1 : arguments[0];
    name = strncmp(program, "replay_", 7) == 0 ? program + 7 : program;
    snprintf(now_path, sizeof now_path, "%s.input", arguments[0]);
    if (n_arguments == 1)
        return cmocka_run_group_tests_name(name, tests, make_seeds, free_seeds);
    LLVMFuzzerInitialize(NULL, NULL);
    for (int i = 1; i < n_arguments; i++)
        read_seed(arguments[i]);
    return cmocka_run_group_tests_name(name, files, NULL, NULL);
}
