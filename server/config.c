/*
 * One table row per setting; reading, validation, help and documentation walk the table.  A row
 * says where its value goes by offset, so that a new setting is one member and one row.
 */
#include "server/config.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/limits.h"

enum type {
    TYPE_LISTEN, /* HOST:PORT, into listen_host and listen_port */
    TYPE_TEXT,
    TYPE_CHOICE, /* one of the words of `choices` */
    TYPE_COUNT,  /* size_t */
    TYPE_NUMBER, /* uint64_t */
    TYPE_BYTES,  /* uint64_t; KiB, MiB and GiB may follow the digits */
    TYPE_FLAG,   /* bool; alone on the command line it is 1 */
};

#define MEMBER(m) offsetof(struct config, m), sizeof(((struct config *)0)->m)

/* Words of a default that depends on the machine or on another setting: compute_defaults. */
#define CORES_PER_WORKER "cores / workers, at least 1"
#define HALF_OF_MEMORY "half of RAM / workers"

static const struct row {
    const char *name; /* --name; FARFIELD_NAME in the environment */
    enum type type;
    size_t offset, size;
    uint64_t min, max;
    const char *standard; /* the default as one would write it, or words for a computed one */
    const char *choices;  /* separated by '|' */
    const char *unit;
    const char *help;
} rows[] = {
    {"listen", TYPE_LISTEN, MEMBER(listen_host), 0, 65535, "127.0.0.1:8080", NULL, "HOST:PORT",
     "where to serve; port 0 takes a free one"},
    {"data", TYPE_TEXT, MEMBER(data), 0, 0, "./farfield-data", NULL, "folder",
     "where datasets, jobs and fields are kept; locked while in use"},
    {"workers", TYPE_COUNT, MEMBER(workers), 1, 256, "1", NULL, "processes",
     "training processes at once"},
    {"threads", TYPE_COUNT, MEMBER(threads), 1, 256, CORES_PER_WORKER, NULL, "cores",
     "cores of one training process"},
    {"isa", TYPE_CHOICE, MEMBER(isa), 0, 0, "auto", "auto|amx|avx512_bf16|avx512|avx2|portable", "",
     "instruction set of the kernels"},
    {"log-level", TYPE_CHOICE, MEMBER(log_level), 0, 0, "info", "debug|info|warn|error", "",
     "events below this level are not logged"},
    {"no-auth", TYPE_FLAG, MEMBER(no_auth), 0, 1, "0", NULL, "",
     "ask nobody for a token, whoever can reach the service"},
    {"upload-bytes", TYPE_BYTES, MEMBER(upload_bytes), 1, 1ULL << 40, "256MiB", NULL, "bytes",
     "size of an uploaded dataset"},
    {"json-bytes", TYPE_BYTES, MEMBER(json_bytes), 1024, 1ULL << 30, "1MiB", NULL, "bytes",
     "size of a JSON body"},
    {"json-depth", TYPE_NUMBER, MEMBER(json_depth), 4, 512, "32", NULL, "levels",
     "depth of a JSON body"},
    {"query-points-json", TYPE_NUMBER, MEMBER(query_points_json), 1, 1ULL << 26, "1048576", NULL,
     "points", "points of a JSON query"},
    {"query-points-binary", TYPE_NUMBER, MEMBER(query_points_binary), 1, 1ULL << 30, "8388608",
     NULL, "points", "points of a binary query"},
    {"render-pixels", TYPE_NUMBER, MEMBER(render_pixels), 1, 1ULL << 30, "16777216", NULL, "pixels",
     "size of a rendered picture"},
    {"mesh-resolution", TYPE_NUMBER, MEMBER(mesh_resolution), 8, LIMIT_LATTICE_SIDE, "512", NULL,
     "samples", "along the longest side of the lattice that a mesh is made on"},
    {"queued-jobs", TYPE_NUMBER, MEMBER(queued_jobs), 1, 1000000, "10000", NULL, "jobs",
     "jobs that may wait"},
    {"name-bytes", TYPE_NUMBER, MEMBER(name_bytes), 1, 1024, "128", NULL, "bytes",
     "length of a name"},
    {"connections", TYPE_NUMBER, MEMBER(connections), 1, 100000, "4096", NULL, "connections",
     "connections at once; for the next one the oldest without a request is closed"},
    {"request-line-bytes", TYPE_BYTES, MEMBER(request_line_bytes), 256, 65536, "8KiB", NULL,
     "bytes", "length of a request line"},
    {"head-bytes", TYPE_BYTES, MEMBER(head_bytes), 512, 65536, "16KiB", NULL, "bytes",
     "size of a request head"},
    {"keep-alive-seconds", TYPE_NUMBER, MEMBER(keep_alive_seconds), 1, 3600, "60", NULL, "seconds",
     "a connection idle for so long is closed"},
    {"job-memory", TYPE_BYTES, MEMBER(job_memory_bytes), 1ULL << 20, 1ULL << 50, HALF_OF_MEMORY,
     NULL, "bytes", "estimated memory of one job"},
    {"job-seconds", TYPE_NUMBER, MEMBER(job_seconds), 1, 315360000, "2592000", NULL, "seconds",
     "training time of one job, over all attempts; one that cannot end by then is refused"},
    {"silence-seconds", TYPE_NUMBER, MEMBER(silence_seconds), 1, 86400, "3600", NULL, "seconds",
     "a training process that says nothing for so long is taken to hang"},
    {"request-seconds", TYPE_NUMBER, MEMBER(request_seconds), 1, 86400, "60", NULL, "seconds",
     "estimated work of one request"},
    {"field-cache-bytes", TYPE_BYTES, MEMBER(field_cache_bytes), 1ULL << 20, 1ULL << 50, "1GiB",
     NULL, "bytes", "weights kept in memory for queries"},
    {"shutdown-seconds", TYPE_NUMBER, MEMBER(shutdown_seconds), 0, 3600, "10", NULL, "seconds",
     "time for requests under way when the service stops"},
    {"handlers", TYPE_COUNT, MEMBER(handlers), 1, 1024, "16", NULL, "threads",
     "threads that answer requests"},
    {"handler-queue", TYPE_COUNT, MEMBER(handler_queue), 1, 1000000, "1024", NULL, "requests",
     "requests that may wait for a thread; the next is answered 503"},
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

static size_t cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (size_t)CPU_COUNT(&set);
    return 1;
}

static uint64_t memory_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 1ULL << 30;
}

/* The settings that follow from the machine and from the number of workers. */
static void compute_defaults(struct config *c)
{
    if (c->threads == 0)
        c->threads = cores() / c->workers > 0 ? cores() / c->workers : 1;
    if (c->job_memory_bytes == 0)
        c->job_memory_bytes = memory_bytes() / 2 / c->workers;
}

static bool is_computed(const struct row *r)
{
    return strcmp(r->standard, CORES_PER_WORKER) == 0 || strcmp(r->standard, HALF_OF_MEMORY) == 0;
}

/* Decimal digits and nothing else; false also where the number does not fit. */
static bool read_digits(const char *text, uint64_t *out, const char **end)
{
    if (text[0] < '0' || text[0] > '9')
        return false;
    char *stop;
    errno = 0;
    unsigned long long value = strtoull(text, &stop, 10);
    if (errno != 0)
        return false;
    *out = value;
    *end = stop;
    return true;
}

static bool read_number(const struct row *r, const char *text, uint64_t *out)
{
    static const struct {
        const char *suffix;
        unsigned shift;
    } units[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}};
    const char *end;
    uint64_t value;
    if (!read_digits(text, &value, &end))
        return false;
    for (size_t i = 0; r->type == TYPE_BYTES && i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].suffix) == 0) {
            if (value > UINT64_MAX >> units[i].shift)
                return false;
            value <<= units[i].shift;
            end += strlen(end);
        }
    }
    *out = value;
    return *end == '\0' && value >= r->min && value <= r->max;
}

static bool read_choice(const struct row *r, const char *text)
{
    size_t n = strlen(text);
    if (n == 0 || strchr(text, '|'))
        return false;
    for (const char *word = r->choices; word; word = strchr(word, '|')) {
        word += *word == '|';
        if (strncmp(word, text, n) == 0 && (word[n] == '|' || word[n] == '\0'))
            return true;
    }
    return false;
}

/* "127.0.0.1:8080", "localhost:0", "[::1]:8080". */
static bool read_listen(struct config *c, const char *text)
{
    const char *colon = strrchr(text, ':'), *end;
    uint64_t port;
    if (!colon || !read_digits(colon + 1, &port, &end) || *end != '\0' || port > UINT16_MAX)
        return false;
    size_t n = (size_t)(colon - text);
    bool is_bracketed = n > 2 && text[0] == '[' && text[n - 1] == ']';
    if (is_bracketed) {
        text++;
        n -= 2;
    }
    if (n == 0 || n >= sizeof c->listen_host)
        return false;
    if (!is_bracketed && (memchr(text, ':', n) || memchr(text, '[', n)))
        return false; /* an IPv6 address needs its brackets */
    memcpy(c->listen_host, text, n);
    c->listen_host[n] = '\0';
    c->listen_port = (uint16_t)port;
    return true;
}

/* What a row accepts, for messages and documentation. */
static void describe_range(const struct row *r, char *out, size_t n)
{
    if (r->type == TYPE_LISTEN)
        snprintf(out, n, "HOST:PORT");
    else if (r->type == TYPE_TEXT)
        snprintf(out, n, "a path of 1..%zu bytes", r->size - 1);
    else if (r->type == TYPE_CHOICE)
        snprintf(out, n, "one of %s", r->choices);
    else if (r->type == TYPE_FLAG)
        snprintf(out, n, "0 or 1; alone it is 1");
    else
        snprintf(out, n, "an integer in %llu..%llu%s", (unsigned long long)r->min,
                 (unsigned long long)r->max, r->type == TYPE_BYTES ? " (KiB, MiB, GiB)" : "");
}

static bool read_value(struct config *c, const struct row *r, const char *text)
{
    void *place = (char *)c + r->offset;
    uint64_t number;
    switch (r->type) {
    case TYPE_LISTEN:
        return read_listen(c, text);
    case TYPE_CHOICE:
        if (!read_choice(r, text))
            return false;
        snprintf(place, r->size, "%s", text);
        return true;
    case TYPE_TEXT:
        if (text[0] == '\0' || strlen(text) >= r->size)
            return false;
        snprintf(place, r->size, "%s", text);
        return true;
    case TYPE_COUNT:
        if (!read_number(r, text, &number))
            return false;
        *(size_t *)place = (size_t)number;
        return true;
    case TYPE_FLAG:
        if (!read_number(r, text, &number))
            return false;
        *(bool *)place = number == 1;
        return true;
    case TYPE_NUMBER:
    case TYPE_BYTES:
        return read_number(r, text, (uint64_t *)place);
    }
    return false;
}

static enum status set(struct config *c, const struct row *r, const char *text, struct error *err)
{
    char range[96];
    if (read_value(c, r, text))
        return STATUS_OK;
    describe_range(r, range, sizeof range);
    return error_set(err, STATUS_INVALID, "", "'%s' must be %s, got '%.80s'", r->name, range, text);
}

static void variable_name(const struct row *r, char out[64])
{
    int n = snprintf(out, 64, "FARFIELD_%s", r->name);
    for (int i = 0; i < n; i++) {
        if (out[i] == '-')
            out[i] = '_';
        else if (out[i] >= 'a' && out[i] <= 'z')
            out[i] = (char)(out[i] - 'a' + 'A');
    }
}

static const struct row *find(const char *name, size_t n)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (strlen(rows[i].name) == n && memcmp(rows[i].name, name, n) == 0)
            return &rows[i];
    return NULL;
}

/* One "--name value" or "--name=value", or a flag's "--name"; *used is 1 or 2. */
static enum status read_argument(struct config *c, int argc, char **argv, int *used,
                                 struct error *err)
{
    const char *argument = argv[0];
    if (strncmp(argument, "--", 2) != 0)
        return error_set(err, STATUS_INVALID, "", "'%.80s' is not a setting", argument);
    const char *name = argument + 2, *equals = strchr(name, '=');
    size_t n = equals ? (size_t)(equals - name) : strlen(name);
    const struct row *r = find(name, n);
    if (!r)
        return error_set(err, STATUS_INVALID, "", "there is no setting '--%.*s'",
                         n < 80 ? (int)n : 80, name);
    if (r->type == TYPE_FLAG && !equals) {
        *used = 1;
        return set(c, r, "1", err);
    }
    if (!equals && argc < 2)
        return error_set(err, STATUS_INVALID, "", "'--%s' needs a value", r->name);
    *used = equals ? 1 : 2;
    return set(c, r, equals ? equals + 1 : argv[1], err);
}

enum status config_read(struct config *out, int argc, char **argv, struct error *err)
{
    struct config c = {.listen_port = 0};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < N_ROWS; i++) {
        char variable[64];
        variable_name(&rows[i], variable);
        const char *text = getenv(variable);
        if (!text && is_computed(&rows[i]))
            continue;
        status = set(&c, &rows[i], text ? text : rows[i].standard, err);
        if (status != STATUS_OK)
            return status;
    }
    for (int i = 0, used = 0; i < argc; i += used) {
        status = read_argument(&c, argc - i, argv + i, &used, err);
        if (status != STATUS_OK)
            return status;
    }
    compute_defaults(&c);
    *out = c;
    return STATUS_OK;
}

const char *config_of_library(const char *variable)
{
    return getenv(variable);
}

void config_print_help(FILE *out)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        const struct row *r = &rows[i];
        char option[64];
        snprintf(option, sizeof option, "--%s %s", r->name, r->choices ? r->choices : r->unit);
        if (r->type == TYPE_FLAG)
            fprintf(out, "  %-40s %s\n", option, r->help);
        else
            fprintf(out, "  %-40s %s (%s)\n", option, r->help, r->standard);
    }
}

void config_print_markdown(FILE *out)
{
    fprintf(out, "# Settings\n\nOf `farfield serve`: on the command line (`--name value` or "
                 "`--name=value`), else from the\nenvironment, else the default. Sizes take plain "
                 "bytes or `KiB`, `MiB`, `GiB`.\n\n"
                 "| setting | environment | default | accepts | what |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < N_ROWS; i++) {
        const struct row *r = &rows[i];
        char variable[64], range[96];
        variable_name(r, variable);
        describe_range(r, range, sizeof range);
        for (char *bar = range; (bar = strchr(bar, '|'));)
            *bar = ' '; /* a bar would end the table's cell */
        fprintf(out, "| `--%s` | `%s` | %s%s%s | %s | %s |\n", r->name, variable,
                is_computed(r) ? "" : "`", r->standard, is_computed(r) ? "" : "`", range, r->help);
    }
}
