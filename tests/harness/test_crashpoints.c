/*
 * make crashpoints: a scripted life of the service, cut at each call that writes.  Over and over,
 * at the first, second, third … call of one kind by one thread, the service is killed, or the call
 * fails.  Then the service is started as usual over what is left, and nothing acknowledged may be
 * lost, nothing half done be visible.
 *
 * Two processes share the points; one point after the other plays with another kind of dataset and
 * another task.  A kind of call is through when the play ends without having been struck.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/harness/audit.h"
#include "tests/harness/harness.h"
#include "tests/harness/remains.h"
#include "tests/harness/scenario.h"
#include "tests/harness/tracer.h"
#include "tests/harness/verify.h"

/* What happens at the point. */
enum blow { BLOW_KILL, BLOW_EIO, BLOW_ENOSPC, BLOW_EIO_THEN_KILL, N_BLOWS };

static const struct {
    const char *name, *fault;
    enum faults faults;
} blows[N_BLOWS] = {
    [BLOW_KILL] = {"kill", "signal=KILL", FAULTS_KILL},
    [BLOW_EIO] = {"EIO", "error=EIO", FAULTS_ERRORS},
    [BLOW_ENOSPC] = {"ENOSPC", "error=ENOSPC", FAULTS_ERRORS},
    [BLOW_EIO_THEN_KILL] = {"EIO, kill", "error=EIO", FAULTS_FIRST},
};

/* Where: calls of one thread.  "main" is traced from its first call on, over an empty folder or
 * over what a crash has left; it opens, migrates, recovers and closes.  typical: about how many
 * points there are, for samples. */
enum ground { GROUND_EMPTY, GROUND_REMAINS };

static const struct place {
    const char *thread;
    enum ground ground;
    const char *call;
    unsigned typical;
} places[] = {
    {"main", GROUND_EMPTY, "openat", 40},
    {"main", GROUND_EMPTY, "mkdirat", 3},
    {"main", GROUND_EMPTY, "pwrite64", 100},
    {"main", GROUND_EMPTY, "fdatasync", 12},
    {"main", GROUND_EMPTY, "fsync", 2},
    {"main", GROUND_EMPTY, "ftruncate", 3},
    {"main", GROUND_EMPTY, "unlink", 5},
    {"main", GROUND_REMAINS, "openat", 40},
    {"main", GROUND_REMAINS, "pwrite64", 30},
    {"main", GROUND_REMAINS, "fdatasync", 6},
    {"main", GROUND_REMAINS, "fsync", 2},
    {"main", GROUND_REMAINS, "ftruncate", 3},
    {"main", GROUND_REMAINS, "unlink,unlinkat", 3},
    {"store-writer", GROUND_EMPTY, "pwrite64", 200},
    {"store-writer", GROUND_EMPTY, "fdatasync", 40},
    {"store-writer", GROUND_EMPTY, "fsync", 2},
    {"store-writer", GROUND_EMPTY, "renameat", 2},
    {"store-writer", GROUND_EMPTY, "unlinkat", 1},
    {"handler", GROUND_EMPTY, "openat", 20},
    {"handler", GROUND_EMPTY, "fsync", 2},
    {"handler", GROUND_EMPTY, "unlink", 1},
    {"MHD-worker", GROUND_EMPTY, "openat", 3},
    {"MHD-worker", GROUND_EMPTY, "write", 20},
    {"slot", GROUND_EMPTY, "openat", 4},
};

enum { N_PLACES = sizeof places / sizeof *places, N_PROCESSES = 2, MAX_POINTS = 5000 };

/* Shared by the processes. */
struct tally {
    unsigned n[N_PLACES][N_BLOWS]; /* points struck */
    unsigned n_runs, n_refused;
    unsigned n_pipes; /* points in pipes: nothing was asked of the service there */
};
static struct tally *tally;

/* A job of the remains goes on beside the play. */
static const char *const settings[][5] = {
    [GROUND_EMPTY] = {"--workers", "1", "--handlers", "1", NULL},
    [GROUND_REMAINS] = {"--workers", "2", "--handlers", "1", NULL},
};

struct run {
    const struct place *place;
    enum blow blow;
    struct victim victim;
    struct tracer tracer;
    struct ledger ledger;
    struct scenario scenario;
};

/* What is being done, for the words of a failure. */
static char doing[160];

/* --- one run --- */

/* As many as the service makes: server/http/http.c. */
static size_t count_threads(const char *name)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return strcmp(name, "MHD-worker") != 0 ? 1 : cores > 8 ? 8 : (size_t)cores;
}

/* Start with the trap set; false if the service did not come up. */
static bool start_trapped(struct run *r)
{
    if (strcmp(r->place->thread, "main") == 0) {
        victim_launch(&r->victim, tracer_before(&r->tracer), settings[r->place->ground]);
        return victim_wait(&r->victim) >= 0;
    }
    victim_start(&r->victim, settings[r->place->ground]);
    tracer_attach(&r->tracer, &r->victim, r->place->thread, count_threads(r->place->thread));
    return true;
}

/* It has ended, or is about to: was it killed?  Nothing else may end it but a stop, or, at its
 * start, a disk that fails. */
static bool was_killed(struct run *r, bool was_up)
{
    tracer_end(&r->tracer);
    int status = victim_reap(&r->victim, 15 * SLOWNESS);
    if (r->blow == BLOW_KILL && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return true;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != (was_up ? 0 : 1)) {
        victim_show_log(&r->victim);
        fail_msg("the service ended with status 0x%x", (unsigned)status);
    }
    return false;
}

/* Play with the trap set, until the end, the blow, or an answer that ends the play.  What was
 * struck. */
static enum strike play(struct run *r)
{
    bool is_killed = false;
    if (!start_trapped(r)) {
        is_killed = was_killed(r, false);
        return is_killed ? STRIKE_FILE : tracer_strike(&r->tracer);
    }
    enum outcome outcome = scenario_play(&r->scenario);
    bool is_void = r->blow != BLOW_KILL && tracer_strike(&r->tracer) == STRIKE_PIPE;
    if (outcome == OUTCOME_REFUSED || (outcome == OUTCOME_CUT && is_void)) {
        victim_kill(&r->victim); /* before anything else is written */
    } else {
        if (outcome == OUTCOME_THROUGH)
            kill(r->victim.service.pid, SIGTERM);
        is_killed = was_killed(r, true);
        assert_true(is_killed || outcome == OUTCOME_THROUGH);
    }
    tracer_end(&r->tracer);
    return is_killed ? STRIKE_FILE : tracer_strike(&r->tracer);
}

/* The service as usual over what is left: it finds everything, and works. */
static void check_left(struct run *r)
{
    struct verifier verifier;
    struct audit_figures figures;
    char data[128];
    snprintf(data, sizeof data, "%s/data", r->victim.service.folder);
    verifier_init(&verifier, &r->ledger);
    victim_start(&r->victim, settings[r->place->ground]);
    verify_all(&verifier, &r->victim.service);
    r->scenario.faults = FAULTS_KILL;
    scenario_cancel_all(&r->scenario);
    verify_drained(&verifier, &r->victim.service, 30 * SLOWNESS);
    verify_all(&verifier, &r->victim.service);
    victim_stop(&r->victim);
    audit_folder(data, r->blow == BLOW_KILL ? AUDIT_NO_CRASHES : AUDIT_NO_FAILURES, &figures);
    verifier_deinit(&verifier);
}

static void count(unsigned *n, unsigned more)
{
    __atomic_fetch_add(n, more, __ATOMIC_RELAXED);
}

/* True if the k-th call was struck. */
static bool run_point(size_t place, enum blow blow, unsigned k)
{
    struct run r = {.place = &places[place], .blow = blow};
    snprintf(doing, sizeof doing, "%s, %s, %s %u: %s", r.place->thread,
             r.place->ground == GROUND_EMPTY ? "empty folder" : "remains", r.place->call, k,
             blows[blow].name);
    victim_init(&r.victim, NULL);
    ledger_init(&r.ledger);
    if (r.place->ground == GROUND_REMAINS)
        remains_lay_out(r.victim.service.folder, &r.ledger);
    tracer_init(&r.tracer, &r.victim, r.place->call, blows[blow].fault, k);
    r.scenario = (struct scenario){.service = &r.victim.service,
                                   .ledger = &r.ledger,
                                   .client = client_create(),
                                   .faults = blows[blow].faults,
                                   .fit = k % N_SPECIMEN_FITS};
    enum strike strike = play(&r);
    check_left(&r);
    count(&tally->n_runs, 1);
    count(&tally->n_refused, r.scenario.n_refused);
    if (strike == STRIKE_PIPE)
        count(&tally->n_pipes, 1);
    else if (strike == STRIKE_FILE)
        count(&tally->n[place][blow], 1);
    client_free(r.scenario.client);
    ledger_deinit(&r.ledger);
    victim_deinit(&r.victim);
    return strike != STRIKE_NONE;
}

/* --- all of them --- */

static bool applies(size_t place, enum blow blow)
{
    return blow != BLOW_EIO_THEN_KILL || strcmp(places[place].thread, "store-writer") == 0;
}

static void run_all(unsigned process)
{
    for (size_t place = 0; place < N_PLACES; place++) {
        for (enum blow blow = 0; blow < N_BLOWS; blow++)
            for (unsigned k = 1 + process; applies(place, blow); k += N_PROCESSES) {
                assert_true(k < MAX_POINTS);
                if (!run_point(place, blow, k))
                    break;
            }
        harness_print("process %u is through with %s %s\n", process, places[place].thread,
                      places[place].call);
    }
}

/* Once a fault: a commit whose fsync failed was found done after the crash. */
static void run_old_faults(void)
{
    for (size_t place = 0; place < N_PLACES; place++)
        if (strcmp(places[place].thread, "store-writer") == 0 &&
            strcmp(places[place].call, "fdatasync") == 0)
            assert_true(run_point(place, BLOW_EIO_THEN_KILL, 1));
}

/* So many of each blow, at places drawn. */
static void run_sample(unsigned process, unsigned n)
{
    struct dice dice = {.state = harness_seed() * N_PROCESSES + process};
    if (process == 0)
        run_old_faults();
    for (enum blow blow = 0; blow < N_BLOWS; blow++)
        for (unsigned i = 0; i < n;) {
            size_t place = dice_below(&dice, N_PLACES);
            if (!applies(place, blow))
                continue;
            run_point(place, blow, 1 + (unsigned)dice_below(&dice, places[place].typical));
            i++;
        }
}

static void report(double seconds)
{
    harness_print("%-13s %-8s %-15s", "thread", "folder", "call");
    for (enum blow blow = 0; blow < N_BLOWS; blow++)
        harness_print(" %9s", blows[blow].name);
    harness_print("\n");
    unsigned total = 0;
    for (size_t i = 0; i < N_PLACES; i++) {
        harness_print("%-13s %-8s %-15s", places[i].thread,
                      places[i].ground == GROUND_EMPTY ? "empty" : "remains", places[i].call);
        for (enum blow blow = 0; blow < N_BLOWS; blow++) {
            total += tally->n[i][blow];
            harness_print(" %9u", tally->n[i][blow]);
        }
        harness_print("\n");
    }
    harness_print("%u points in %u runs, %u requests refused and asked again, %u points in pipes "
                  "left out, %.0f s: nothing lost\n",
                  total, tally->n_runs, tally->n_refused, tally->n_pipes, seconds);
}

static void run_share(unsigned process)
{
    if (harness_is_asked() && !harness_is_long())
        run_all(process);
    else
        run_sample(process, harness_count(2));
    remains_remove();
    doing[0] = '\0';
}

/* --- processes: this one waits, the others have one victim each --- */

static pid_t helpers[N_PROCESSES];
static unsigned number; /* a helper's own */

static void nothing_is_lost_wherever_it_is_cut(void **state)
{
    (void)state;
    double begin = now_seconds();
    int failed = 0;
    for (unsigned i = 0; i < N_PROCESSES; i++) {
        int status = 0;
        assert_int_equal(waitpid(helpers[i], &status, 0), helpers[i]);
        failed |= status;
    }
    assert_int_equal(failed, 0);
    for (enum blow blow = 0; blow < N_BLOWS; blow++) {
        unsigned n = 0;
        for (size_t place = 0; place < N_PLACES; place++)
            n += tally->n[place][blow];
        assert_true(n > 0);
    }
    report(now_seconds() - begin);
}

static void a_helper_has_its_share(void **state)
{
    (void)state;
    run_share(number);
}

static int say_where(void **state)
{
    (void)state;
    if (doing[0])
        harness_print("at: %s\n", doing);
    return 0;
}

/* One summary is enough, this process's; faults go to stderr. */
static int help(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_helper_has_its_share, say_where),
    };
    if (!freopen("/dev/null", "w", stdout))
        return EXIT_FAILURE;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_wherever_it_is_cut),
    };
    tally = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tally == MAP_FAILED)
        return EXIT_FAILURE;
#ifdef SANITIZED
    setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* the leak check is a tracer itself */
#endif
    for (unsigned i = 0; i < N_PROCESSES; i++) {
        helpers[i] = fork();
        number = i;
        if (helpers[i] == 0)
            return help();
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
