#include "core/field/tune.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/field/task.h"
#include "core/nn/schedule.h"

static const double pi = 3.14159265358979323846;

/* Found by trial on the search images of the paper's 2-D task (docs/tuning.md): T of a step of Adam
 * is this times rate * sqrt(P Theta). */
static const double adam_pace = 160.0;

/* Likewise: a finite network tells what lies between samples as its kernel does after this part of
 * the time.  And where a spectrum was seen in part, training leaves so much more than what the
 * untrained field had (on phantoms of seeds 3 and 4). */
static const double choice_pace = 0.55, spectrum_noise = 6.0;

/* Of a machine that a time limit is counted out for: floating-point operations a second. */
static const double nominal_flops = 4e11;
/* Without steps and without a limit of time. */
static const double nominal_steps = 2000.0;

/* Least values, and steps from one to the next, that are looked at. */
static const double least_sigma = 0.5, least_scale = 1.0, scale_step = 0.5;

const char *tune_member_name(enum tune_member member)
{
    return member == TUNE_SIGMA ? "sigma" : member == TUNE_SCALE ? "scale" : "";
}

bool tune_has_kernel(const struct encoding_spec *encoding)
{
    return encoding->type == ENCODING_GAUSSIAN ||
           (encoding->type == ENCODING_POSITIONAL && !encoding->rotate);
}

void tune_set(struct encoding_spec *encoding, enum tune_member member, double value)
{
    if (member == TUNE_SIGMA)
        encoding->sigma = value;
    else if (member == TUNE_SCALE)
        encoding->scale = value;
}

enum status tune_check(const struct encoding_spec *encoding, enum tune_member member,
                       struct error *err)
{
    if (member == TUNE_SCALE && encoding->rotate)
        return error_set(err, STATUS_UNSUPPORTED, "/encoding/scale",
                         "'scale' \"auto\" is not supported with 'rotate': give a number");
    return STATUS_OK;
}

size_t tune_bytes(size_t n_dims)
{
    const size_t side = survey_patch(n_dims) + 1;
    size_t cells = 1;
    for (size_t d = 0; d < n_dims; d++)
        cells *= side;
    /* the survey's four blocks, a kernel's two, two to work in and two of features; matrices */
    return (10 * cells + 4 * n_dims * side * side) * sizeof(double);
}

/* --- the field before it is trained --- */

/* Squared norms go through the layers as the weights' variances have it; relu halves them. */
struct start {
    double variance; /* of the output before its activation */
    double theta;    /* sum of the squared derivatives of an output by the parameters, likewise */
    double n_parameters;
};

static double weight_variance(const struct mlp_spec *network, double n_inputs, double n_outputs)
{
    return network->init == MLP_INIT_FAN_IN ? 1.0 / n_inputs : 2.0 / (n_inputs + n_outputs);
}

static struct start start_of(const struct mlp_spec *network, double n_features, double norm)
{
    struct start s = {.variance = 0.0};
    double inputs[LIMIT_HIDDEN_LAYERS + 1], norms[LIMIT_HIDDEN_LAYERS + 1];
    double variances[LIMIT_HIDDEN_LAYERS + 1];
    const size_t n_layers = network->n_hidden_layers + 1;
    double backward = 1.0;
    for (size_t l = 0; l < n_layers; l++) {
        const double width = (double)network->width;
        const double n_outputs = l + 1 < n_layers ? width : (double)network->n_outputs;
        inputs[l] = l == 0 ? n_features : width;
        norms[l] = l == 0 ? norm : width * s.variance / 2.0;
        variances[l] = weight_variance(network, inputs[l], n_outputs);
        s.variance = variances[l] * norms[l];
        s.n_parameters += (inputs[l] + 1.0) * n_outputs;
    }
    for (size_t l = n_layers; l-- > 0;) {
        s.theta += (norms[l] + 1.0) * backward;
        backward *= variances[l] * inputs[l] / 2.0;
    }
    return s;
}

/* --- the kernel --- */

/* Of a ReLU network on features whose normalised product is u: its tangent kernel and its output's
 * covariance, both 1 at u = 1. */
static void network_kernel(size_t n_hidden_layers, double u, double *tangent, double *covariance)
{
    double t = u;
    for (size_t l = 0; l < n_hidden_layers; l++) {
        u = fmin(fmax(u, -1.0), 1.0);
        const double angle = pi - acos(u);
        const double next = (sqrt(1.0 - u * u) + angle * u) / pi;
        t = t * angle / pi + next;
        u = next;
    }
    assert(tangent && covariance);
    *tangent = t / (double)(n_hidden_layers + 1);
    *covariance = u;
}

/* The normalised product of the features of two points, by their distance along each axis: a
 * product (gaussian) or a mean (positional) of numbers of the axes.  out: [n + 1] for each axis. */
static void axis_products(const struct survey *s, const struct encoding_spec *e, size_t axis,
                          double *out)
{
    const size_t n = s->n[axis];
    for (size_t o = 0; o <= n; o++) {
        const double distance = (double)o * s->spacing[axis];
        if (e->type == ENCODING_GAUSSIAN) {
            out[o] = exp(-2.0 * pow(pi * e->sigma * distance, 2.0));
            continue;
        }
        out[o] = 0.0;
        for (size_t i = 0; i < e->n_frequencies; i++) {
            const double part =
                e->n_frequencies > 1 ? (double)i / (double)(e->n_frequencies - 1) : 0.0;
            out[o] +=
                cos(2.0 * pi * (exp2(e->scale * part) - 1.0) * distance) / (double)e->n_frequencies;
        }
    }
}

static double joined(const struct encoding_spec *e, const double *const products[LIMIT_DIMS],
                     const size_t o[LIMIT_DIMS], size_t n_dims)
{
    const bool is_product = e->type == ENCODING_GAUSSIAN;
    double u = is_product ? 1.0 : 0.0;
    for (size_t d = 0; d < n_dims; d++)
        u = is_product ? u * products[d][o[d]] : u + products[d][o[d]] / (double)n_dims;
    return u;
}

/* DCT-I [n + 1, n + 1]: eigenvalue k of an even row of period 2 n is the sum over o of
 * weight(o) row(o) cos(pi k o / n). */
static double *make_cosines(size_t n)
{
    const size_t size = n + 1;
    assert(2 * n > n);
    double *table = mem_alloc_array(2 * n, sizeof *table);
    double *matrix = mem_alloc_array(size * size, sizeof *matrix);
    if (!table || !matrix) {
        mem_free(table);
        mem_free(matrix);
        return NULL;
    }
    for (size_t i = 0; i < 2 * n; i++)
        table[i] = cos(pi * (double)i / (double)n);
    for (size_t k = 0; k < size; k++)
        for (size_t o = 0, turn = 0; o < size; o++) {
            matrix[k * size + o] = (o == 0 || o == n ? 1.0 : 2.0) * table[turn];
            turn += k;
            turn -= turn >= 2 * n ? 2 * n : 0;
        }
    mem_free(table);
    return matrix;
}

/* The DCT-I of a block along every axis, in place. */
static void transform(const struct survey *s, double *block, double *other,
                      double *const matrices[LIMIT_DIMS])
{
    size_t size[LIMIT_DIMS];
    for (size_t d = 0; d < LIMIT_DIMS; d++)
        size[d] = d < s->n_dims ? s->n[d] + 1 : 1;
    for (size_t d = 0; d < s->n_dims; d++) {
        survey_transform(size, d, matrices[d], block, other);
        memcpy(block, other, s->n_cells * sizeof *block);
    }
}

static void fill(const struct survey *s, const struct field_spec *field,
                 const double *const products[LIMIT_DIMS], struct tune_kernel *k)
{
    size_t o[LIMIT_DIMS] = {0};
    for (size_t cell = 0; cell < s->n_cells; cell++) {
        const double u = joined(&field->encoding, products, o, s->n_dims);
        network_kernel(field->network.n_hidden_layers, u, &k->lambda[cell], &k->nu[cell]);
        for (size_t d = 0; d < s->n_dims && ++o[d] > s->n[d]; d++)
            o[d] = 0;
    }
}

/* Speed and variance.  Features of length 1, or of n_frequencies sines and cosines. */
static void set_scale(const struct field_spec *field, const struct survey *s, struct tune_kernel *k)
{
    const struct encoding_spec *e = &field->encoding;
    const double n_frequencies =
        (double)e->n_frequencies * (e->type == ENCODING_GAUSSIAN ? 1.0 : (double)s->n_dims);
    const double slope = field->network.output_activation == ACTIVATION_SIGMOID ? 0.25 : 1.0;
    const struct start start =
        start_of(&field->network, 2.0 * n_frequencies, e->normalize ? 1.0 : n_frequencies);
    k->variance = start.variance * slope * slope;
    k->theta = start.theta * slope * slope;
    k->n_parameters = start.n_parameters;
}

enum status tune_kernel_init(struct tune_kernel *k, const struct survey *s,
                             const struct field_spec *field, struct error *err)
{
    double *matrices[LIMIT_DIMS] = {0}, *products[LIMIT_DIMS] = {0}, *other = NULL;
    bool ok = true;
    *k = (struct tune_kernel){.variance = 0.0};
    if (!tune_has_kernel(&field->encoding))
        return error_set(err, STATUS_UNSUPPORTED, "/encoding",
                         "the kernel's spectrum is not known for encoding '%s'",
                         encoding_type_name(field->encoding.type));
    k->lambda = mem_alloc_array(s->n_cells, sizeof *k->lambda);
    k->nu = mem_alloc_array(s->n_cells, sizeof *k->nu);
    other = mem_alloc_array(s->n_cells, sizeof *other);
    for (size_t d = 0; d < s->n_dims; d++) {
        matrices[d] = make_cosines(s->n[d]);
        products[d] = mem_alloc_array(s->n[d] + 1, sizeof *products[d]);
        ok = ok && matrices[d] && products[d];
        if (ok)
            axis_products(s, &field->encoding, d, products[d]);
    }
    enum status status = STATUS_OK;
    if (ok && k->lambda && k->nu && other) {
        double volume = 1.0;
        for (size_t d = 0; d < s->n_dims; d++)
            volume *= s->spacing[d];
        fill(s, field, (const double *const *)products, k);
        transform(s, k->lambda, other, matrices);
        transform(s, k->nu, other, matrices);
        /* what is not positive is rounding, or the period's */
        for (size_t i = 0; i < s->n_cells; i++) {
            k->lambda[i] = fmax(k->lambda[i], 0.0) * volume;
            k->nu[i] = fmax(k->nu[i], 0.0);
        }
        set_scale(field, s, k);
    } else {
        status = error_status(err, STATUS_NO_MEMORY);
        tune_kernel_deinit(k);
    }
    mem_free(other);
    for (size_t d = 0; d < LIMIT_DIMS; d++) {
        mem_free(matrices[d]);
        mem_free(products[d]);
    }
    return status;
}

void tune_kernel_deinit(struct tune_kernel *k)
{
    mem_free(k->lambda);
    mem_free(k->nu);
    *k = (struct tune_kernel){.variance = 0.0};
}

/* --- predictions --- */

struct tune_errors tune_predict(const struct survey *s, const struct tune_kernel *k, double time)
{
    const double v = (s->kind == SURVEY_SPECTRUM ? spectrum_noise : 1.0) * k->variance;
    double seen = 0.0, hidden = 0.0, left = 0.0, n_seen = 0.0, n_hidden = 0.0;
    assert(k->lambda && k->nu);
    for (size_t i = 0; i < s->n_cells; i++) {
        const double e = exp(-time * s->pace[i] * k->lambda[i]);
        const double noise = v * k->nu[i];
        seen += e * e * (s->power[i] + s->seen[i] * noise);
        hidden += s->hidden[i] * noise;
        left += s->seen[i] * e;
        n_seen += s->seen[i];
        n_hidden += s->hidden[i];
    }
    struct tune_errors errors = {.training = seen / n_seen};
    if (s->kind == SURVEY_SAMPLES)
        errors.other = errors.training / pow(fmax(left / n_seen, 1e-9), 2.0);
    else
        errors.other = (seen + hidden) / (n_seen + n_hidden);
    return errors;
}

uint64_t tune_steps(const struct field_spec *field, const struct train_spec *train)
{
    double steps = train->steps > 0 ? (double)train->steps : 0.0;
    if (steps == 0.0 && train->time_limit_seconds > 0.0) {
        const struct start start =
            start_of(&field->network, 2.0 * (double)field->encoding.n_frequencies, 1.0);
        steps = train->time_limit_seconds * nominal_flops /
                (6.0 * start.n_parameters * (double)train->batch_size);
    }
    if (steps == 0.0)
        steps = nominal_steps;
    return (uint64_t)fmax(1.0, fmin(steps, (double)LIMIT_STEPS));
}

double tune_between(double time)
{
    return choice_pace * time;
}

double tune_time(const struct tune_kernel *k, const struct train_spec *train, double step)
{
    enum { PIECES = 64 };
    const double total = train->steps > 0 ? (double)train->steps : fmax(step, nominal_steps);
    double rates = 0.0;
    for (int i = 0; i < PIECES; i++) {
        const double at = step * ((double)i + 0.5) / PIECES;
        rates += schedule_factor(&train->schedule, (uint64_t)at, at / total) / PIECES;
    }
    const double speed = train->optimizer.type == OPTIMIZER_SGD
                             ? k->theta
                             : adam_pace * sqrt(k->n_parameters * k->theta);
    return speed * train->learning_rate * rates * step;
}

/* --- the choice --- */

/* Two significant digits but for powers of two: 1, 1.4, 2, 2.8, 4, 5.7, 8, 11, 16, … */
static double half_octave(double i)
{
    const double value = exp2(i / 2.0);
    if (fmod(i, 2.0) == 0.0)
        return value;
    const double digits = 1.0 - floor(log10(value)), unit = pow(10.0, fabs(digits));
    return digits < 0.0 ? round(value / unit) * unit : round(value * unit) / unit;
}

static size_t list_values(enum tune_member member, const struct survey *s,
                          double values[TUNE_MAX_VALUES])
{
    double finest = 1.0;
    size_t n = 0;
    for (size_t d = 0; d < s->n_dims; d++)
        finest = fmin(finest, s->spacing[d]);
    if (member == TUNE_SIGMA) {
        /* a quarter of the samples a side: half of what they can tell apart */
        const double first = 2.0 * log2(least_sigma), last = 2.0 * log2(0.25 / finest);
        for (; n < TUNE_MAX_VALUES && (n == 0 || first + (double)n <= last); n++)
            values[n] = half_octave(first + (double)n);
        return n;
    }
    const double last = fmin(log2(0.5 / finest) + 1.0, ENCODING_MAX_OCTAVES);
    for (; n < TUNE_MAX_VALUES; n++) {
        const double value = least_scale + (double)n * scale_step;
        if (n > 0 && value > last)
            break;
        values[n] = value;
    }
    return n;
}

static double psnr_of(double error)
{
    return -10.0 * log10(fmax(error, 1e-20));
}

enum status tune_choose(struct tune_choice *out, enum tune_member member, const struct survey *s,
                        const struct field_spec *field, const struct train_spec *train,
                        const volatile bool *stop, struct error *err)
{
    struct tune_choice c = {.steps = tune_steps(field, train)};
    struct field_spec tried = *field; /* borrows its numbers */
    size_t best = 0;
    enum status status = tune_check(&field->encoding, member, err);
    if (status != STATUS_OK)
        return status;
    c.n = list_values(member, s, c.values);
    for (size_t i = 0; i < c.n; i++) {
        struct tune_kernel k;
        if (task_stopped(stop))
            return error_status(err, STATUS_CANCELED);
        tune_set(&tried.encoding, member, c.values[i]);
        status = tune_kernel_init(&k, s, &tried, err);
        if (status != STATUS_OK)
            return status;
        c.psnr[i] =
            psnr_of(tune_predict(s, &k, tune_between(tune_time(&k, train, (double)c.steps))).other);
        best = c.psnr[i] > c.psnr[best] ? i : best;
        tune_kernel_deinit(&k);
    }
    c.value = c.values[best];
    snprintf(c.reason, sizeof c.reason,
             "of %zu values the one whose kernel is to know %s best after %llu steps", c.n,
             s->kind == SURVEY_SAMPLES ? "a left-out sample" : "the whole lattice",
             (unsigned long long)c.steps);
    *out = c;
    return STATUS_OK;
}
