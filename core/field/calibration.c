#include "core/field/calibration.h"

#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/monotonic.h"
#include "core/base/run_delay.h"
#include "core/field/calibration_parts.h"
#include "core/nn/kernel.h"
#include "core/nn/mlp_jet.h"

enum { RUNS = 2, ROUNDS = 3, D = 2, MORE_INPUTS = 480 };

static void sort(size_t n, double *seconds)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && seconds[k] < seconds[k - 1]; k--) {
            const double lower = seconds[k];
            seconds[k] = seconds[k - 1];
            seconds[k - 1] = lower;
        }
}

double calibration_low(size_t n, double *seconds)
{
    sort(n, seconds);
    return seconds[n / 5];
}

/* Seconds that a member's thread waited for a processor, at the begin and so far.  A line of cache
 * each. */
struct run_delay {
    _Alignas(64) double begin;
    double now;
};

static void look_at_delay(void *context, size_t member)
{
    struct run_delay *delays = context;
    delays[member].now = thread_run_delay();
}

/* Of the time of all members, what they waited for processors that others had. */
static double share_lost(const struct measuring *m)
{
    const size_t n = team_size(m->team);
    double lost = 0.0;
    team_run(m->team, look_at_delay, m->delays);
    for (size_t i = 0; i < n; i++)
        lost += m->delays[i].now - m->delays[i].begin;
    const double seconds = (double)n * (monotonic_seconds() - m->begin);
    return lost > 0.0 ? fmin(1.0, lost / seconds) : 0.0;
}

enum status calibration_go_on(const struct measuring *m, struct error *err)
{
    const struct calibration *wish = m->wish;
    if (wish->is_unwanted && wish->is_unwanted(wish->context))
        return error_status(err, STATUS_CANCELED);
    if (share_lost(m) > wish->most_lost)
        return error_status(err, STATUS_CANCELED);
    if (monotonic_seconds() > m->end)
        return error_set(err, STATUS_INTERNAL, "", "to measure this machine takes too long");
    return STATUS_OK;
}

double calibration_time(const struct measuring *m, team_function f, void *context)
{
    double seconds[RUNS];
    for (size_t i = 0; i < RUNS; i++) {
        const double begin = monotonic_seconds();
        team_run(m->team, f, context);
        seconds[i] = monotonic_seconds() - begin;
    }
    return calibration_low(RUNS, seconds);
}

void calibration_fill(size_t n, float *x, float size)
{
    uint32_t state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = size * ((float)(state >> 8) / (float)(1 << 23) - 1.0f + 0x1p-25f);
    }
}

/* --- networks --- */

/* What one member works with. */
struct passer {
    struct mlp_tile *tile;
    struct mlp_jet *jet;
    float *numbers; /* all that follow */
    float *raw, *values, *d_raw, *d_input, *gradient;
};

struct passing {
    struct mlp *mlp;
    enum cost_pass kind;
    struct mlp_pass pass;
    size_t n_tiles; /* of one run */
    float *params;
    void *derived;
    struct passer *passer; /* [n_members] */
};

static enum status passer_init(struct passer *w, const struct passing *p, struct error *err)
{
    const size_t n = (size_t)MLP_TILE * COST_OUTPUTS, n_params = mlp_n_params(p->mlp);
    float *input;
    size_t ld, n_planes = 1;
    enum status status;
    if (p->kind == COST_DERIVATIVES) {
        status = mlp_jet_create(&w->jet, p->mlp, D, false, err);
        n_planes = 1 + D;
    } else {
        status = mlp_tile_create(&w->tile, p->mlp, p->pass, err);
    }
    if (status != STATUS_OK)
        return status;
    input = w->jet ? mlp_jet_input(w->jet, &ld) : mlp_tile_input(w->tile, &ld);
    const size_t n_input = MLP_TILE * ld;
    w->numbers = mem_alloc_floats(3 * n + n * D + n_input + n_params);
    if (!w->numbers)
        return error_status(err, STATUS_NO_MEMORY);
    w->raw = w->numbers;
    w->values = w->raw + n;
    w->d_raw = w->values + n;
    w->gradient = w->d_raw + n + n * D;
    w->d_input = w->gradient + n_params;
    calibration_fill(n, w->d_raw, 1e-3f);
    calibration_fill((w->jet ? n_planes * MLP_JET_TILE : MLP_TILE) * ld, input, 1.0f);
    return STATUS_OK;
}

static void passer_deinit(struct passer *w)
{
    mlp_tile_free(w->tile);
    mlp_jet_free(w->jet);
    mem_free(w->numbers);
}

static void pass_tiles(void *context, size_t member)
{
    const struct passing *p = context;
    const struct passer *w = &p->passer[member];
    for (size_t i = 0; i < p->n_tiles; i++) {
        if (w->jet) {
            mlp_jet_forward(p->mlp, p->params, w->jet, MLP_JET_TILE, w->values, w->d_raw, NULL);
            continue;
        }
        mlp_forward(p->mlp, p->params, p->derived, w->tile, MLP_TILE, w->raw, w->values);
        if (p->pass.training)
            mlp_backward(p->mlp, p->derived, w->tile, MLP_TILE, w->d_raw, w->gradient,
                         p->pass.inputs ? w->d_input : NULL);
    }
}

static void derive_alone(void *context, size_t member)
{
    const struct passing *p = context;
    if (member == 0)
        mlp_derive(p->mlp, p->pass, p->params, p->derived, 0, 1);
}

/* Seconds of a point (of a plane of its derivatives) in a network; *derive, unless NULL: of a
 * parameter. */
static enum status time_network(double *out, double *derive, const struct measuring *m,
                                enum cost_pass kind, const struct mlp_spec *spec, struct error *err)
{
    const size_t n_members = team_size(m->team);
    struct passing p = {
        .kind = kind,
        .pass = {.training = kind == COST_FP32 || kind == COST_BF16,
                 .inputs =
                     spec->n_inputs == COST_INPUTS && (kind == COST_FP32 || kind == COST_BF16),
                 .precision = kind == COST_BF16 ? PRECISION_BF16 : PRECISION_FP32},
        .n_tiles = spec->width < 256 ? 256 / spec->width : 1,
    };
    enum status status = mlp_create(&p.mlp, spec, m->kernel, err);
    if (status != STATUS_OK)
        return status;
    const size_t n_params = mlp_n_params(p.mlp);
    p.params = mem_alloc_floats(n_params);
    p.derived = mem_alloc_floats(mlp_n_derived(p.mlp, p.pass));
    p.passer = mem_alloc_array(n_members, sizeof *p.passer);
    if (!p.params || !p.derived || !p.passer) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    calibration_fill(n_params, p.params, 2.0f / sqrtf((float)spec->width));
    mlp_derive(p.mlp, p.pass, p.params, p.derived, 0, 1);
    for (size_t i = 0; i < n_members && status == STATUS_OK; i++)
        status = passer_init(&p.passer[i], &p, err);
    if (status != STATUS_OK)
        goto out;
    const size_t n_points = kind == COST_DERIVATIVES ? (1 + D) * MLP_JET_TILE : MLP_TILE;
    *out = calibration_time(m, pass_tiles, &p) / (double)(p.n_tiles * n_points);
    if (derive && p.pass.training)
        *derive = calibration_time(m, derive_alone, &p) / (double)n_params;
out:
    for (size_t i = 0; p.passer && i < n_members; i++)
        passer_deinit(&p.passer[i]);
    mem_free(p.passer);
    mem_free(p.params);
    mem_free(p.derived);
    mlp_free(p.mlp);
    return status;
}

static struct mlp_spec network_of(size_t width, size_t n_hidden_layers, enum activation activation)
{
    return (struct mlp_spec){.n_inputs = COST_INPUTS,
                             .n_outputs = COST_OUTPUTS,
                             .n_hidden_layers = n_hidden_layers,
                             .width = width,
                             .activation = activation,
                             .output_activation = ACTIVATION_LINEAR,
                             .omega = 30};
}

/* One width: a network of one hidden layer has the ends alone, one of three two layers more, and
 * one that reads more features those, of which no gradient is asked for. */
static enum status calibrate_width(struct cost_network *out, size_t i, const struct measuring *m,
                                   enum cost_pass kind, struct error *err)
{
    const struct mlp_spec low = network_of(cost_width(i), 1, ACTIVATION_RELU);
    const struct mlp_spec high = network_of(cost_width(i), 3, ACTIVATION_RELU);
    struct mlp_spec wide = low;
    wide.n_inputs += MORE_INPUTS;
    double ends = 0.0, all = 0.0, with_more = 0.0;
    enum status status = time_network(&ends, NULL, m, kind, &low, err);
    if (status == STATUS_OK)
        status = time_network(&with_more, NULL, m, kind, &wide, err);
    if (status == STATUS_OK)
        status = time_network(&all, &out->derive, m, kind, &high, err);
    out->ends[i] = ends;
    out->hidden[i] = fmax(all - ends, 0.1 * all) / 2.0;
    out->input[i] = fmax(with_more - ends, 0.0) / MORE_INPUTS;
    return status;
}

/* What tanh and sin take, beyond a relu. */
static enum status calibrate_activations(struct cost_network *out, const struct measuring *m,
                                         enum cost_pass kind, struct error *err)
{
    enum { WIDTH = 64, LAYERS = 3 };
    static const enum activation activations[] = {ACTIVATION_RELU, ACTIVATION_TANH, ACTIVATION_SIN};
    double seconds[3] = {0};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < 3 && status == STATUS_OK; i++) {
        const struct mlp_spec spec = network_of(WIDTH, LAYERS, activations[i]);
        status = time_network(&seconds[i], NULL, m, kind, &spec, err);
    }
    out->tanh = fmax(0.0, seconds[1] - seconds[0]) / (WIDTH * LAYERS);
    out->sin = fmax(0.0, seconds[2] - seconds[0]) / (WIDTH * LAYERS);
    return status;
}

static enum status calibrate_networks(struct costs *out, const struct measuring *m,
                                      struct error *err)
{
    enum status status = STATUS_OK;
    for (enum cost_pass kind = 0; kind < COST_N_PASSES && status == STATUS_OK; kind++) {
        struct cost_network *network = &out->network[kind];
        if (kind == COST_BF16 && !kernel_has_bf16(m->kernel)) {
            *network = out->network[COST_FP32];
            continue;
        }
        for (size_t i = 0; i < COST_WIDTHS && status == STATUS_OK; i++) {
            status = calibration_go_on(m, err);
            if (status == STATUS_OK)
                status = calibrate_width(network, i, m, kind, err);
        }
        if (status == STATUS_OK)
            status = calibrate_activations(network, m, kind, err);
    }
    return status;
}

/* --- sines --- */

enum { FREQUENCIES = 128 };

struct waves {
    struct encoding *encoding;
    const struct kernel *kernel;
    float *params, *coords; /* [MLP_TILE, D] */
    size_t ld, n_out, n_dense;
    float *numbers; /* of each member: out and its gradient, [n_out] each, and [n_dense] */
    enum { FORWARD, BACKWARD, JET } what;
};

static void make_waves(void *context, size_t member)
{
    static const struct encoding_axes axes = {.d_x = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    const struct waves *w = context;
    float *out = w->numbers + member * (2 * w->n_out + w->n_dense), *d_out = out + w->n_out;
    switch (w->what) {
    case FORWARD:
        encoding_forward(w->encoding, w->kernel, w->params, MLP_TILE, w->coords, out, w->ld);
        break;
    case BACKWARD:
        encoding_backward(w->encoding, w->params, MLP_TILE, w->coords, out, d_out, w->ld,
                          d_out + w->n_out, NULL);
        break;
    case JET:
        encoding_jet(w->encoding, w->kernel, w->params, MLP_JET_TILE, w->coords, &axes, false, out,
                     w->ld);
        break;
    }
}

static enum status calibrate_sines(struct costs *out, const struct measuring *m, struct error *err)
{
    const struct encoding_spec spec = {.type = ENCODING_GAUSSIAN,
                                       .n_inputs = D,
                                       .n_frequencies = FREQUENCIES,
                                       .sigma = 10,
                                       .trainable = true};
    const size_t n_members = team_size(m->team);
    struct waves w = {.kernel = m->kernel};
    enum status status = encoding_create(&w.encoding, &spec, err);
    if (status != STATUS_OK)
        return status;
    w.ld = encoding_n_features(w.encoding) + KERNEL_PANEL;
    w.n_out = MLP_TILE * w.ld;
    w.n_dense = encoding_n_params(w.encoding);
    w.params = mem_alloc_floats(w.n_dense + (size_t)MLP_TILE * D);
    w.numbers = mem_alloc_floats(n_members * (2 * w.n_out + w.n_dense));
    if (!w.params || !w.numbers) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    w.coords = w.params + w.n_dense;
    encoding_init(w.encoding, &spec, 0, w.params);
    calibration_fill((size_t)MLP_TILE * D, w.coords, 1.0f);
    calibration_fill(n_members * (2 * w.n_out + w.n_dense), w.numbers, 1e-3f);
    out->sines = calibration_time(m, make_waves, &w) / (FREQUENCIES * MLP_TILE);
    w.what = BACKWARD;
    out->sines_backward = calibration_time(m, make_waves, &w) / (FREQUENCIES * MLP_TILE);
    w.what = JET;
    out->sines_jet = calibration_time(m, make_waves, &w) / (FREQUENCIES * MLP_JET_TILE * (1 + D));
out:
    mem_free(w.params);
    mem_free(w.numbers);
    encoding_free(w.encoding);
    return status;
}

/* --- updates and meetings --- */

enum {
    UPDATED = 1 << 16, /* parameters of one member: with the rest a megabyte and a half */
    MEETINGS = 64,
};

struct updating {
    const struct kernel *kernel;
    struct team *team;
    size_t n_members, n_parts;
    float *numbers; /* [n] each: parameters, two moments, an average, the gradients of all parts */
    float **gradient; /* [n_parts] */
    float *sum;       /* [n_members, KERNEL_LANES]: so that what is read is of use */
    size_t run;
    double begin; /* of member 0, and what it took */
    double updated[RUNS], fetched[RUNS], averaged[RUNS];
};

static void end_lap(struct updating *u, size_t member, double seconds[RUNS])
{
    team_barrier(u->team);
    if (member != 0)
        return;
    const double now = monotonic_seconds();
    if (seconds)
        seconds[u->run] = now - u->begin;
    u->begin = monotonic_seconds();
}

static void fetch(const float *numbers, float *sum)
{
    for (size_t i = 0; i < UPDATED; i += KERNEL_LANES)
        for (size_t k = 0; k < KERNEL_LANES; k++)
            sum[k] += numbers[i + k];
}

static void average(float *block, const float *numbers)
{
    for (size_t i = 0; i < UPDATED; i++)
        block[i] += 0.1f * (numbers[i] - block[i]);
}

static void update_share(void *context, size_t member)
{
    struct updating *u = context;
    const size_t n = UPDATED * u->n_members, first = UPDATED * member;
    const size_t next = UPDATED * ((member + 1) % u->n_members);
    const struct optimizer_spec adam = {OPTIMIZER_ADAM, 0.9, 0.999, 1e-8};
    float *gradients[LIMIT_THREADS + 2], *mine = u->numbers + first;
    float *moments[] = {mine + n, mine + 2 * n};
    /* each part's gradients come out of the cache of the member that made them */
    for (size_t part = member; part < u->n_parts; part += u->n_members)
        calibration_fill(n, u->gradient[part], 1e-3f);
    for (size_t part = 0; part < u->n_parts; part++)
        gradients[part] = u->gradient[part] + first;
    end_lap(u, member, NULL);
    team_barrier(u->team);
    optimizer_update(&adam, u->kernel, 1, 1e-3, UPDATED, mine, moments, gradients, u->n_parts);
    end_lap(u, member, u->updated);
    team_barrier(u->team);
    fetch(u->numbers + next, u->sum + member * KERNEL_LANES);
    end_lap(u, member, u->fetched);
    team_barrier(u->team);
    average(mine + 3 * n, mine);
    end_lap(u, member, u->averaged);
}

static enum status calibrate_updates(struct costs *out, const struct measuring *m,
                                     struct error *err)
{
    struct updating u = {.kernel = m->kernel, .team = m->team, .n_members = team_size(m->team)};
    u.n_parts = u.n_members < 2 ? 2 : u.n_members;
    const size_t n = UPDATED * u.n_members;
    u.numbers = mem_alloc_floats((4 + u.n_parts) * n + KERNEL_LANES * u.n_members);
    u.gradient = mem_alloc_array(u.n_parts, sizeof *u.gradient);
    if (!u.numbers || !u.gradient) {
        mem_free(u.numbers);
        mem_free(u.gradient);
        return error_status(err, STATUS_NO_MEMORY);
    }
    for (size_t i = 0; i < u.n_parts; i++)
        u.gradient[i] = u.numbers + (4 + i) * n;
    u.sum = u.numbers + (4 + u.n_parts) * n;
    calibration_fill(4 * n, u.numbers, 1e-3f);
    for (size_t i = n; i < 3 * n; i++)
        u.numbers[i] = fabsf(u.numbers[i]);
    for (; u.run < RUNS; u.run++)
        team_run(m->team, update_share, &u);
    out->update = calibration_low(RUNS, u.updated) / UPDATED;
    out->fetch = calibration_low(RUNS, u.fetched) / UPDATED;
    out->average = calibration_low(RUNS, u.averaged) / UPDATED;
    mem_free(u.numbers);
    mem_free(u.gradient);
    return STATUS_OK;
}

static void meet_often(void *context, size_t member)
{
    (void)member;
    for (size_t i = 0; i < MEETINGS; i++)
        team_barrier(context);
}

/* A step's: to begin, twice on the way, and at the end. */
static void calibrate_meetings(struct costs *out, const struct measuring *m)
{
    out->meet = 4.0 * calibration_time(m, meet_often, m->team) / MEETINGS;
}

/* Every number of a calibration is a time, but for the first two. */
static struct costs middle_costs(const struct costs round[ROUNDS])
{
    enum { N = (sizeof(struct costs) - offsetof(struct costs, network)) / sizeof(double) };
    struct costs out = round[0];
    for (size_t i = 0; i < N; i++) {
        double x[ROUNDS];
        for (size_t r = 0; r < ROUNDS; r++)
            x[r] = (&round[r].network[0].ends[0])[i];
        sort(ROUNDS, x);
        (&out.network[0].ends[0])[i] = x[ROUNDS / 2];
    }
    return out;
}

static enum status measure_round(struct costs *out, const struct measuring *m, struct error *err)
{
    static enum status (*const parts[])(struct costs *, const struct measuring *,
                                        struct error *) = {
        calibrate_networks, calibrate_sines, calibrate_draws, calibrate_updates, calibrate_probes};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && status == STATUS_OK; i++) {
        status = calibration_go_on(m, err);
        if (status == STATUS_OK)
            status = parts[i](out, m, err);
    }
    if (status == STATUS_OK)
        calibrate_meetings(out, m);
    return status;
}

enum status calibrate(struct costs *out, const struct calibration *wish, struct error *err)
{
    struct run_delay delays[LIMIT_THREADS];
    const double begin = monotonic_seconds();
    const struct measuring m = {.wish = wish,
                                .kernel = wish->kernel,
                                .task = wish->task,
                                .team = wish->team,
                                .begin = begin,
                                .end = begin + wish->longest_seconds,
                                .delays = delays};
    struct costs round[ROUNDS] = {{.n_threads = team_size(wish->team)}};
    team_run(wish->team, look_at_delay, delays);
    for (size_t i = 0; i < team_size(wish->team); i++)
        delays[i].begin = delays[i].now;
    enum status status = calibrate_tables(round, &m, err);
    if (status == STATUS_OK)
        status = calibrate_probes(round, &m, err);
    for (size_t r = 0; r < ROUNDS && status == STATUS_OK; r++) {
        round[r] = round[0]; /* tables and probes, which take too long for more than one round */
        status = measure_round(&round[r], &m, err);
    }
    if (status != STATUS_OK)
        return status;
    *out = middle_costs(round);
    out->lost = share_lost(&m);
    return STATUS_OK;
}
