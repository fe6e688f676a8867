/*
 * farfield: the program.  Wiring only, and the only file that sees every storey.
 *
 * serve: store, field cache, compute, calibrator, events, supervisor, http, in this order, and back
 * at SIGTERM.  worker: one job in a process of its own; started by the supervisor, not by people.
 * sample: data that the project makes itself.  token: who may use the service where others can
 * reach it.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "api/jobs.h"
#include "api/problem.h"
#include "api/routes.h"
#include "api/service.h"
#include "core/base/monotonic.h"
#include "core/field/precision.h"
#include "core/sample/sample.h"
#include "server/calibrator.h"
#include "server/config.h"
#include "server/log.h"
#include "server/token_command.h"

/* Exit statuses. */
enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

enum { SAMPLE_BYTES = 1 << 30 };

static int fail(int status, const struct error *err)
{
    fprintf(stderr, "farfield: %s\n", err->message);
    return status;
}

/* --- serve --- */

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        log_event(LOG_WARN, "descriptor limit kept", LOG_TEXT("error", strerror(errno)), LOG_END);
}

static enum log_level log_level_of(const struct config *config)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(config->log_level, names[i]) == 0)
            return (enum log_level)i;
    }
    return LOG_INFO;
}

static size_t online_processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (size_t)n;
}

/* SIGTERM and SIGINT are waited for by the main thread alone: blocked here, before any thread is
 * started, and inherited.  (The supervisor gives its workers an empty mask again.) */
static void block_stop_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Nothing trains, and nothing is going to. */
static bool has_no_jobs(void *store)
{
    uint64_t counts[JOB_CANCELED + 1];
    return store_job_count(store, counts, NULL) == STATUS_OK && counts[JOB_QUEUED] == 0 &&
           counts[JOB_RUNNING] == 0;
}

enum { CALIBRATION_PAUSE_SECONDS = 5 };

/* Everything but the HTTP server, bottom up.  What could not be started stays NULL. */
static enum status start_storeys(struct service *s, struct error *err)
{
    const struct config *config = s->config;
    enum status st = store_open(&s->store, config->data, err);
    if (st == STATUS_OK)
        st = token_table_create(&s->tokens, s->store, err);
    s->arithmetic = arithmetic_of(config->isa);
    if (st == STATUS_OK && !s->arithmetic.kernel)
        st = error_set(err, STATUS_INVALID, "", "this processor cannot run --isa %s", config->isa);
    if (st == STATUS_OK)
        st = field_cache_create(&s->fields, s->store, config->field_cache_bytes,
                                s->arithmetic.kernel, jobs_open_field, err);
    if (st == STATUS_OK)
        st = compute_start(&s->compute, online_processors(), err);
    const struct calibrator_spec calibrator = {.kernel = s->arithmetic.kernel,
                                               .n_threads = config->threads,
                                               .pause_seconds = CALIBRATION_PAUSE_SECONDS,
                                               .context = s->store,
                                               .is_idle = has_no_jobs};
    if (st == STATUS_OK)
        st = calibrator_start(&s->calibrator, &calibrator, err);
    if (st == STATUS_OK)
        st = events_create(&s->events, s->store, err);
    if (st == STATUS_OK)
        st = supervisor_start(&s->supervisor, config, s->store, s->fields, s->events, err);
    return st;
}

/* Top down; the HTTP server is stopped already, so nobody asks any more. */
static void stop_storeys(struct service *s)
{
    if (s->supervisor)
        supervisor_stop(s->supervisor);
    if (s->events)
        events_free(s->events);
    calibrator_stop(s->calibrator);
    if (s->compute)
        compute_stop(s->compute);
    if (s->fields)
        field_cache_free(s->fields);
    token_table_free(s->tokens);
    if (s->store)
        store_close(s->store);
}

static enum status start_http(struct service *s, struct error *err)
{
    struct http_server_spec spec = {
        .config = s->config,
        .errors = &problem_errors,
        .context = s,
        .temporary_folder = store_temporary_folder(s->store),
        .n_handlers = s->config->handlers,
    };
    spec.routes = routes_table(&spec.n_routes);
    if (!s->config->no_auth)
        spec.auth = (struct http_auth){.context = s->tokens,
                                       .look = token_table_look,
                                       .ask = token_table_ask,
                                       .holds = token_table_holds,
                                       .is_stale = token_table_is_stale,
                                       .refresh = token_table_refresh};
    struct http_server *http = NULL;
    enum status st = http_server_start(&http, &spec, err);
    if (st == STATUS_OK)
        atomic_store(&s->http, http);
    return st;
}

enum { URL_SIZE = 320 };

static void make_url(const struct service *s, const char *host, char out[URL_SIZE])
{
    bool is_v6 = strchr(host, ':') != NULL;
    snprintf(out, URL_SIZE, "http://%s%s%s:%u", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
             http_server_port(atomic_load(&s->http)));
}

/* Where tokens are asked for and there is none, nobody could come in: make the first, and show it
 * this once, at every log level. */
static enum status show_first_token(const struct service *s, struct error *err)
{
    char token[TOKEN_SIZE], url[URL_SIZE], dashboard[URL_SIZE + TOKEN_SIZE + 16];
    const char *host = s->config->listen_host;
    if (!http_server_has_auth(atomic_load(&s->http)))
        return STATUS_OK;
    enum status st = store_token_create_first(s->store, token, err);
    if (st != STATUS_OK || token[0] == '\0')
        return st;
    bool is_any_v4 = strcmp(host, "0.0.0.0") == 0, is_any_v6 = strcmp(host, "::") == 0;
    make_url(s, is_any_v4 ? "127.0.0.1" : is_any_v6 ? "::1" : host, url);
    snprintf(dashboard, sizeof dashboard, "%s/#token=%s", url, token);
    log_event(LOG_ALWAYS, "first token made; it is shown this once", LOG_TEXT("token", token),
              LOG_TEXT("dashboard", dashboard), LOG_END);
    return STATUS_OK;
}

/* The one line that says the service is ready, with the real port. */
static void announce(const struct service *s)
{
    char url[URL_SIZE];
    make_url(s, s->config->listen_host, url);
    printf("farfield listening on %s\n", url);
    fflush(stdout);
    const struct http_server *http = atomic_load(&s->http);
    if (!http_server_is_loopback(http) && !http_server_has_auth(http))
        log_event(LOG_WARN, "others can reach the service and it asks for no token",
                  LOG_TEXT("listen", s->config->listen_host), LOG_END);
}

/* Not ready, nothing new accepted; running jobs go back to the queue (8 s at most) while requests
 * under way come to their end, those that wait for a worker at once.  A second signal ends the
 * process. */
static void shut_down(struct service *s, const sigset_t *signals)
{
    double start = monotonic_seconds();
    struct http_server *http = atomic_load(&s->http);
    atomic_store(&s->ready, false);
    pthread_sigmask(SIG_UNBLOCK, signals, NULL);
    log_event(LOG_INFO, "service stopping", LOG_END);

    http_server_quiesce(http);
    calibrator_quiesce(s->calibrator);
    supervisor_quiesce(s->supervisor);
    double left = (double)s->config->shutdown_seconds - (monotonic_seconds() - start);
    http_server_drain(http, left > 0 ? left : 0);
    compute_quiesce(s->compute); /* what is still being evaluated now was not short */
    http_server_stop(http, 0);
}

static int serve(int argc, char **argv)
{
    struct error err = {0};
    struct config config;
    if (config_read(&config, argc, argv, &err) != STATUS_OK)
        return fail(EXIT_USAGE, &err);

    sigset_t signals;
    block_stop_signals(&signals);
    log_set_level(log_level_of(&config));
    raise_descriptor_limit();

    struct service service = {.config = &config, .started_ms = clock_now_ms()};
    enum status st = start_storeys(&service, &err);
    if (st == STATUS_OK)
        st = start_http(&service, &err);
    if (st == STATUS_OK) {
        st = show_first_token(&service, &err);
        if (st != STATUS_OK)
            http_server_stop(atomic_load(&service.http), 0);
    }
    if (st == STATUS_OK) {
        atomic_store(&service.ready, true);
        announce(&service);
        int signal_number = 0;
        sigwait(&signals, &signal_number);
        shut_down(&service, &signals);
    }
    stop_storeys(&service);
    if (st != STATUS_OK)
        return fail(EXIT_FAILED, &err);
    log_event(LOG_INFO, "service stopped", LOG_END);
    return EXIT_SUCCESS;
}

/* OpenBLAS starts its threads while the program is loaded: they would take the signals that main
 * waits for, and end the service by them, and compute beside the pool.  How many it starts it asks
 * the environment alone, so the program is loaded once more.  (Workers are started with it.)
 * argv: main's. */
static void load_without_blas_threads(char **argv)
{
    static const char variable[] = "OPENBLAS_NUM_THREADS";
    const char *asked = config_of_library(variable);
    if (asked && strcmp(asked, "1") == 0) {
        prctl(PR_SET_NAME, "farfield"); /* for ps: it was started as /proc/self/exe */
        return;
    }
    if (setenv(variable, "1", 1) == 0)
        execv("/proc/self/exe", argv);
    log_event(LOG_WARN, "OpenBLAS keeps its threads", LOG_TEXT("error", strerror(errno)), LOG_END);
}

static int command_serve(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
            config_print_help(stdout);
            return EXIT_SUCCESS;
        }
    }
    load_without_blas_threads(argv - 2); /* "farfield", "serve" */
    return serve(argc, argv);
}

/* --- worker --- */

static int command_worker(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    size_t n = 0;
    const struct job_kind *kinds = jobs_table(&n);
    return worker_main(kinds, n);
}

/* --- sample --- */

static int sample_usage(FILE *out)
{
    fputs("usage: farfield sample NAME [--seed N] [--size S] --out FILE\n\nsamples:\n", out);
    size_t n = 0;
    const struct sample *table = sample_table(&n);
    for (size_t i = 0; i < n; i++)
        fprintf(out, "  %-10s %s\n", table[i].name, table[i].description);
    return out == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

static bool read_count(const char *text, uint64_t max, uint64_t *out)
{
    if (*text < '0' || *text > '9')
        return false;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || value > max)
        return false;
    *out = value;
    return true;
}

static bool read_number(const char *text, double min, double max, double *out)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= min && value <= max))
        return false;
    *out = value;
    return true;
}

static enum status read_sample_option(const char *name, const char *value, struct sample_spec *spec,
                                      const char **path, struct error *err)
{
    uint64_t number = 0;
    if (strcmp(name, "--out") == 0) {
        *path = value;
    } else if (strcmp(name, "--seed") == 0) {
        if (!read_count(value, UINT64_MAX, &spec->seed))
            return error_set(err, STATUS_INVALID, "", "'--seed' must be a whole number, got '%s'",
                             value);
    } else if (strcmp(name, "--size") == 0) {
        if (!read_count(value, SIZE_MAX, &number) || number == 0)
            return error_set(err, STATUS_INVALID, "",
                             "'--size' must be a whole number from 1, got '%s'", value);
        spec->size = number;
    } else if (strcmp(name, "--alpha") == 0) {
        if (!read_number(value, 0, 8, &spec->alpha))
            return error_set(err, STATUS_INVALID, "",
                             "'--alpha' must be a number in 0..8, got '%s'", value);
    } else if (strcmp(name, "--band") == 0) {
        if (!read_number(value, 1e-6, 1, &spec->band))
            return error_set(err, STATUS_INVALID, "",
                             "'--band' must be a number in 0.000001..1, got '%s'", value);
    } else {
        return error_set(err, STATUS_INVALID, "", "unknown option '%s'", name);
    }
    return STATUS_OK;
}

static enum status write_file(const char *path, const struct buffer *b, struct error *err)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        return error_set(err, STATUS_IO, "", "cannot write '%s': %s", path, strerror(errno));
    bool written = fwrite(b->data, 1, b->size, file) == b->size;
    if (fclose(file) != 0 || !written)
        return error_set(err, STATUS_IO, "", "cannot write '%s': %s", path, strerror(errno));
    return STATUS_OK;
}

static int command_sample(int argc, char **argv)
{
    if (argc == 0)
        return sample_usage(stderr);
    if (strcmp(argv[0], "-h") == 0 || strcmp(argv[0], "--help") == 0)
        return sample_usage(stdout);

    struct error err = {0};
    struct sample_spec spec = {.alpha = 1};
    const char *path = NULL;
    const struct sample *sample = sample_find(argv[0]);
    if (!sample) {
        fprintf(stderr, "farfield: there is no sample '%s'\n", argv[0]);
        return sample_usage(stderr);
    }
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (read_sample_option(argv[i], value, &spec, &path, &err) != STATUS_OK)
            return fail(EXIT_USAGE, &err);
    }
    if (!path || *path == '\0')
        return sample_usage(stderr);

    struct buffer bytes;
    buffer_init(&bytes, SAMPLE_BYTES);
    enum status st = sample->make(&spec, &bytes, &err);
    bool bad_setting = st == STATUS_INVALID || st == STATUS_TOO_LARGE;
    if (st == STATUS_OK)
        st = write_file(path, &bytes, &err);
    buffer_deinit(&bytes);
    if (st != STATUS_OK)
        return fail(bad_setting ? EXIT_USAGE : EXIT_FAILED, &err);
    return EXIT_SUCCESS;
}

/* --- help and version --- */

static int command_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("farfield " FARFIELD_VERSION);
    return EXIT_SUCCESS;
}

static int command_help(int argc, char **argv);

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help; /* NULL: not for people */
} commands[] = {
    {"serve", command_serve, "run the service (farfield serve --help lists its settings)"},
    {"sample", command_sample, "make sample data (farfield sample --help lists the samples)"},
    {"token", token_command, "make, list and revoke tokens (farfield token --help)"},
    {"version", command_version, "print the version"},
    {"help", command_help, "print this; 'help settings' prints the settings as Markdown"},
    {"worker", command_worker, NULL},
};

static int usage(FILE *out)
{
    fputs("usage: farfield COMMAND [OPTION…]\n\ncommands:\n", out);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (commands[i].help)
            fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    }
    return out == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

static int command_help(int argc, char **argv)
{
    if (argc == 0)
        return usage(stdout);
    if (strcmp(argv[0], "settings") != 0) {
        fprintf(stderr, "farfield: there is no help on '%s'\n", argv[0]);
        return EXIT_USAGE;
    }
    config_print_markdown(stdout);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage(stderr);
    const char *name = argv[1];
    if (strcmp(name, "-h") == 0 || strcmp(name, "--help") == 0)
        return usage(stdout);
    if (strcmp(name, "--version") == 0)
        name = "version";
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    }
    fprintf(stderr, "farfield: there is no command '%s'\n", name);
    return usage(stderr);
}
