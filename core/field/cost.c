#include "core/field/cost.h"

#include <math.h>

#include "core/field/average.h"
#include "core/field/pace.h"
#include "core/nn/encoding.h"
#include "core/nn/grid.h"
#include "core/nn/kernel.h"

/* A feature in training, with the gradient of it: three products where there were two. */
static const double with_gradient = 1.5;

static const size_t widths[COST_WIDTHS] = {16, 32, 64, 128, 256};

size_t cost_width(size_t i)
{
    return widths[i];
}

/* y at x, from points of growing x, straight in logarithms; at its ends y stays, or goes on as a
 * power of x. */
static double between(size_t n, const double *x, const double *y, double at, double power)
{
    if (at <= x[0])
        return y[0];
    for (size_t i = 1; i < n; i++)
        if (at <= x[i]) {
            if (!(y[i - 1] > 0.0 && y[i] > 0.0))
                return y[i];
            const double part = log(at / x[i - 1]) / log(x[i] / x[i - 1]);
            return y[i - 1] * pow(y[i] / y[i - 1], part);
        }
    return y[n - 1] * pow(at / x[n - 1], power);
}

static double of_width(const double y[COST_WIDTHS], double width, double power)
{
    double x[COST_WIDTHS];
    for (size_t i = 0; i < COST_WIDTHS; i++)
        x[i] = (double)widths[i];
    return between(COST_WIDTHS, x, y, width, power);
}

/* --- networks --- */

static double padded(size_t n)
{
    const size_t lanes = (n + KERNEL_LANES - 1) / KERNEL_LANES * KERNEL_LANES;
    return (double)lanes;
}

/* One point through a network.  input: of what a feature beyond COST_INPUTS is measured to take. */
static double network_point(const struct cost_network *c, const struct mlp_spec *s, double input)
{
    const size_t n_layers = s->n_hidden_layers;
    /* an affine map alone: as wide as its narrower side */
    const double width = n_layers > 0 ? (double)s->width : padded(s->n_outputs);
    const double hidden = of_width(c->hidden, width, 2.0), ends = of_width(c->ends, width, 1.0);
    const double a_column = hidden / width, a_feature = of_width(c->input, width, 1.0);
    const double more_inputs = fmax(0.0, (double)s->n_inputs - COST_INPUTS);
    const double more_outputs = padded(s->n_outputs) - padded(COST_OUTPUTS);
    double seconds = ends + input * a_feature * more_inputs + a_column * fmax(0.0, more_outputs);
    if (n_layers > 1)
        seconds += (double)(n_layers - 1) * hidden;
    const double numbers = (double)n_layers * padded(s->width);
    if (s->activation == ACTIVATION_TANH)
        seconds += numbers * c->tanh;
    if (s->activation == ACTIVATION_SIN)
        seconds += numbers * c->sin;
    return seconds;
}

/* --- encodings --- */

/* What a field's encoding comes to. */
struct outline {
    size_t n_dims, n_levels, n_features;
    double n_frequencies; /* of all parts; half a frequency for a bare coordinate */
    double n_table;       /* numbers of all tables */
    double corners;       /* of a level's cell, by those of one that was measured */
    double more_features; /* of a level, than one that was measured has */
    double empty_lanes;   /* that are looked up as if there were levels */
};

static struct outline outline_of(const struct encoding *e)
{
    struct outline o = {.n_dims = encoding_n_inputs(e),
                        .n_levels = encoding_n_levels(e),
                        .n_features = encoding_n_features(e),
                        .n_table = (double)encoding_n_table(e)};
    size_t n_columns = 0;
    for (size_t l = 0; l < o.n_levels; l++)
        n_columns += encoding_level(e, l).n_columns;
    o.n_frequencies = (double)(o.n_features - n_columns) / 2.0;
    o.corners = (double)(1 << o.n_dims) / 4.0;
    if (n_columns > COST_TABLE_FEATURES * o.n_levels)
        o.more_features = (double)n_columns / (double)o.n_levels - COST_TABLE_FEATURES;
    o.empty_lanes = (double)((GRID_LANES - o.n_levels % GRID_LANES) % GRID_LANES);
    return o;
}

/* Past the largest tables that are measured caches still hold a part, and pages' addresses. */
static const double beyond_caches = 0.25;

static double of_tables(const struct costs *c, size_t offset, const struct outline *o, double power)
{
    double x[COST_TABLES], y[COST_TABLES];
    for (size_t i = 0; i < COST_TABLES; i++) {
        x[i] = c->tables[i].n;
        y[i] = *(const double *)((const char *)&c->tables[i] + offset);
    }
    return between(COST_TABLES, x, y, o->n_table, power);
}

/* A line of tables of which a step touches such a share. */
static double line_of(const struct costs *c, const struct outline *o, double density)
{
    double share[COST_DENSITIES], line[COST_DENSITIES];
    for (size_t i = 0; i < COST_DENSITIES; i++) {
        share[i] = of_tables(c, offsetof(struct cost_tables, density[i]), o, 0.0);
        line[i] = of_tables(c, offsetof(struct cost_tables, line[i]), o, beyond_caches);
    }
    return between(COST_DENSITIES, share, line, density, 0.0);
}

/* A point at a level. */
static double level_point(const struct costs *c, size_t offset, double a_feature,
                          const struct outline *o)
{
    const double seconds = of_tables(c, offset, o, beyond_caches);
    return o->n_levels > 0 ? o->corners * (seconds + a_feature * o->more_features) : 0.0;
}

/* A point at all levels. */
static double lookup(const struct costs *c, const struct outline *o)
{
    const double level = level_point(c, offsetof(struct cost_tables, lookup), c->feature.lookup, o);
    return (double)o->n_levels * level + o->corners * o->empty_lanes * c->lanes / GRID_LANES;
}

static double keep(const struct costs *c, const struct outline *o)
{
    return (double)o->n_levels *
           level_point(c, offsetof(struct cost_tables, keep), c->feature.keep, o);
}

/* A point at one. */

static double scatter(const struct costs *c, const struct outline *o)
{
    return level_point(c, offsetof(struct cost_tables, scatter), c->feature.scatter, o);
}

/* --- steps --- */

static double n_lines(const struct encoding_level *level)
{
    return (double)level->count / GRID_LINE;
}

/* What share of a level's lines n points touch: with others they share some.  A cell's corners lie
 * in 2^(D-1) rows of two entries. */
static double touched(const struct encoding_level *level, size_t n_dims, double n)
{
    const double a_row = 1.0 + (double)level->n_columns / GRID_LINE;
    const double asked = n * (double)(1 << (n_dims - 1)) * a_row;
    return -expm1(-asked / n_lines(level));
}

/* All levels, the last first, each by the thread that is free first, as tables.c deals them out. */
static double tables_step(const struct costs *c, const struct encoding *e, double n,
                          size_t n_threads)
{
    const struct outline o = outline_of(e);
    const double point = scatter(c, &o);
    double busy[LIMIT_THREADS] = {0}, last = 0.0;
    for (size_t l = o.n_levels; l-- > 0;) {
        const struct encoding_level level = encoding_level(e, l);
        size_t first = 0;
        for (size_t i = 1; i < n_threads; i++)
            if (busy[i] < busy[first])
                first = i;
        const double share = touched(&level, o.n_dims, n);
        busy[first] += n * point + share * n_lines(&level) * line_of(c, &o, share);
        last = fmax(last, busy[first]);
    }
    return last;
}

/* One point of a step on one thread. */
static double training_point(const struct costs *c, const struct encoding *e,
                             const struct mlp_spec *network, enum precision precision,
                             bool is_trained)
{
    const struct outline o = outline_of(e);
    const struct cost_network *pass =
        &c->network[precision == PRECISION_BF16 ? COST_BF16 : COST_FP32];
    const bool has_trained_sines =
        is_trained && encoding_n_params(e) > encoding_n_table(e) + encoding_n_fixed(e);
    double seconds = c->draw + network_point(pass, network, is_trained ? with_gradient : 1.0);
    seconds += o.n_frequencies * (c->sines + (has_trained_sines ? c->sines_backward : 0.0));
    return seconds + lookup(c, &o) + keep(c, &o);
}

static double step_of(const struct costs *c, const struct encoding *e, const struct mlp *mlp,
                      const struct train_spec *train, size_t n_threads)
{
    const struct mlp_spec *network = mlp_get_spec(mlp);
    const bool is_trained = encoding_is_trainable(e);
    const double n = (double)train->batch_size, threads = (double)n_threads;
    const size_t n_weights = mlp_n_params(mlp);
    const size_t n_sines = encoding_n_params(e) - encoding_n_table(e) - encoding_n_fixed(e);
    const enum cost_pass pass = train->precision == PRECISION_BF16 ? COST_BF16 : COST_FP32;
    double seconds =
        ceil(n / threads) * training_point(c, e, network, train->precision, is_trained);
    seconds += tables_step(c, e, n, n_threads);
    seconds += (double)(n_weights + n_sines) * c->update / threads;
    seconds += (double)n_weights * c->network[pass].derive / threads;
    if (train->ema_decay > 0.0)
        seconds +=
            (double)(n_weights + encoding_n_params(e)) * c->average / (threads * AVERAGE_PERIOD);
    return seconds;
}

static enum status make(const struct field_spec *field, struct encoding **e, struct mlp **mlp)
{
    struct mlp_spec network = field->network;
    enum status status = encoding_create(e, &field->encoding, NULL);
    if (status != STATUS_OK)
        return status;
    network.n_inputs = encoding_n_features(*e);
    return mlp_create(mlp, &network, kernel_find(NULL), NULL);
}

double cost_step(const struct costs *c, const struct field_spec *field,
                 const struct train_spec *train)
{
    struct encoding *e = NULL;
    struct mlp *mlp = NULL;
    double seconds = 0.0;
    if (make(field, &e, &mlp) == STATUS_OK) {
        seconds = step_of(c, e, mlp, train, c->n_threads);
        if (c->n_threads > 1) {
            const bool is_rounded = train->precision == PRECISION_BF16;
            const struct mlp_pass pass = {.training = true,
                                          .inputs = encoding_is_trainable(e),
                                          .precision = train->precision};
            const double n_fetched =
                (double)(mlp_n_derived(mlp, pass) + (is_rounded ? 0 : mlp_n_params(mlp)));
            seconds += c->meet + n_fetched * c->fetch;
            if (seconds < PACE_LONG_SECONDS) /* one thread alone, where that is faster */
                seconds = fmin(seconds, step_of(c, e, mlp, train, 1));
        }
    }
    encoding_free(e);
    mlp_free(mlp);
    return seconds;
}

/* --- queries --- */

static double query_point(const struct costs *c, const struct encoding *e,
                          const struct mlp_spec *network, enum field_use use)
{
    const struct outline o = outline_of(e);
    const double levels = lookup(c, &o);
    if (use == FIELD_VALUES)
        return network_point(&c->network[COST_VALUES], network, 1.0) + o.n_frequencies * c->sines +
               levels;
    const double planes = (double)(1 + o.n_dims + (use == FIELD_LAPLACIANS));
    return planes *
               (network_point(&c->network[COST_DERIVATIVES], network, 1.0) +
                o.n_frequencies * c->sines_jet + (double)o.n_levels * o.corners * c->table_jet) +
           levels;
}

double cost_point(const struct costs *c, const struct field *field, enum field_use use)
{
    return query_point(c, field_encoding(field), mlp_get_spec(field_mlp(field)), use);
}

double cost_value(const struct costs *c, const struct field_spec *field)
{
    struct encoding *e = NULL;
    struct mlp *mlp = NULL;
    double seconds = 0.0;
    if (make(field, &e, &mlp) == STATUS_OK)
        seconds = query_point(c, e, mlp_get_spec(mlp), FIELD_VALUES);
    encoding_free(e);
    mlp_free(mlp);
    return seconds;
}
