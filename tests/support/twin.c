#include "tests/support/twin.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double *doubles(size_t n)
{
    double *p = calloc(n ? n : 1, sizeof *p);
    if (!p)
        abort();
    return p;
}

void twin_init(struct twin *t, const struct encoding_spec *encoding, const struct mlp_spec *network)
{
    *t = (struct twin){.network = *network, .n_layers = network->n_hidden_layers + 1};
    twin_encoding_init(&t->encoding, encoding);
    t->n_params = t->encoding.n_params;
    for (size_t l = 0; l < t->n_layers; l++) {
        struct twin_layer *layer = &t->layer[l];
        layer->n_inputs = l == 0 ? t->encoding.n_features : network->width;
        layer->n_outputs = l + 1 == t->n_layers ? network->n_outputs : network->width;
        layer->weight = t->n_params;
        layer->bias = layer->weight + layer->n_outputs * layer->n_inputs;
        t->n_params = layer->bias + layer->n_outputs;
    }
    t->params = doubles(t->n_params);
}

void twin_deinit(struct twin *t)
{
    free(t->params);
    *t = (struct twin){0};
}

static double act(const struct twin *t, double z)
{
    switch (t->network.activation) {
    case ACTIVATION_RELU:
        return z > 0 ? z : 0;
    case ACTIVATION_TANH:
        return tanh(z);
    default:
        return sin(t->network.omega * z);
    }
}

static double act_slope(const struct twin *t, double z)
{
    switch (t->network.activation) {
    case ACTIVATION_RELU:
        return z > 0 ? 1 : 0;
    case ACTIVATION_TANH:
        return 1 - tanh(z) * tanh(z);
    default:
        return t->network.omega * cos(t->network.omega * z);
    }
}

static double output(const struct twin *t, double raw)
{
    switch (t->network.output_activation) {
    case ACTIVATION_SIGMOID:
        return 1 / (1 + exp(-raw));
    case ACTIVATION_RELU:
        return raw > 0 ? raw : 0;
    default:
        return raw;
    }
}

static double output_slope(const struct twin *t, double raw)
{
    switch (t->network.output_activation) {
    case ACTIVATION_SIGMOID:
        return exp(-raw) / ((1 + exp(-raw)) * (1 + exp(-raw)));
    case ACTIVATION_RELU:
        return raw > 0 ? 1 : 0;
    default:
        return 1;
    }
}

/* What one point leaves behind on its way forward: h[0] the features, z[l] = W_l h[l] + b_l. */
struct pass {
    double *h[LIMIT_HIDDEN_LAYERS + 1], *z[LIMIT_HIDDEN_LAYERS + 1];
};

static void pass_init(struct pass *p, const struct twin *t)
{
    for (size_t l = 0; l < t->n_layers; l++) {
        p->h[l] = doubles(t->layer[l].n_inputs);
        p->z[l] = doubles(t->layer[l].n_outputs);
    }
}

static void pass_deinit(struct pass *p, const struct twin *t)
{
    for (size_t l = 0; l < t->n_layers; l++) {
        free(p->h[l]);
        free(p->z[l]);
    }
}

static void pass_forward(struct pass *p, const struct twin *t, const double *x)
{
    twin_encode(&t->encoding, t->params, x, p->h[0]);
    for (size_t l = 0; l < t->n_layers; l++) {
        const struct twin_layer *layer = &t->layer[l];
        const double *weight = t->params + layer->weight, *bias = t->params + layer->bias;
        for (size_t j = 0; j < layer->n_outputs; j++) {
            double z = bias[j];
            for (size_t k = 0; k < layer->n_inputs; k++)
                z += weight[j * layer->n_inputs + k] * p->h[l][k];
            p->z[l][j] = z;
            if (l + 1 < t->n_layers)
                p->h[l + 1][j] = act(t, z);
        }
    }
}

void twin_forward(const struct twin *t, size_t n, const double *x, double *features, double *raw,
                  double *values)
{
    const size_t n_outputs = t->network.n_outputs;
    struct pass p;
    pass_init(&p, t);
    for (size_t i = 0; i < n; i++) {
        pass_forward(&p, t, x + i * t->encoding.n_inputs);
        if (features)
            memcpy(features + i * t->encoding.n_features, p.h[0],
                   t->encoding.n_features * sizeof(double));
        for (size_t c = 0; c < n_outputs; c++) {
            const double z = p.z[t->n_layers - 1][c];
            if (raw)
                raw[i * n_outputs + c] = z;
            if (values)
                values[i * n_outputs + c] = output(t, z);
        }
    }
    pass_deinit(&p, t);
}

double twin_loss(const struct twin *t, enum loss loss, size_t n, const double *x,
                 const double *targets)
{
    const size_t count = n * t->network.n_outputs;
    double *raw = doubles(count), *values = doubles(count);
    twin_forward(t, n, x, NULL, raw, values);
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += loss == LOSS_MSE    ? 0.5 * (values[i] - targets[i]) * (values[i] - targets[i])
               : loss == LOSS_MAPE ? fabs(values[i] - targets[i]) / (fabs(targets[i]) + 0.01)
                                   : log(1 + exp(raw[i])) - targets[i] * raw[i];
    free(raw);
    free(values);
    return sum / (double)count;
}

/* From d_z of the last layer down to the coordinates of one point. */
static void point_backward(const struct twin *t, const struct pass *p, const double *x, double *d_z,
                           double *d_params, double *d_x)
{
    for (size_t l = t->n_layers; l-- > 0;) {
        const struct twin_layer *layer = &t->layer[l];
        double *d_h = doubles(layer->n_inputs);
        for (size_t j = 0; j < layer->n_outputs; j++) {
            d_params[layer->bias + j] += d_z[j];
            for (size_t k = 0; k < layer->n_inputs; k++) {
                const size_t at = layer->weight + j * layer->n_inputs + k;
                d_params[at] += d_z[j] * p->h[l][k];
                d_h[k] += d_z[j] * t->params[at];
            }
        }
        for (size_t k = 0; l > 0 && k < layer->n_inputs; k++)
            d_h[k] *= act_slope(t, p->z[l - 1][k]);
        free(d_z);
        d_z = d_h;
    }
    twin_encode_backward(&t->encoding, t->params, x, d_z, d_params, d_x);
    free(d_z);
}

void twin_backward(const struct twin *t, enum loss loss, size_t n, const double *x,
                   const double *targets, double *d_params, double *d_x)
{
    const size_t n_inputs = t->encoding.n_inputs, n_outputs = t->network.n_outputs;
    struct pass p;
    pass_init(&p, t);
    memset(d_params, 0, t->n_params * sizeof(double));
    for (size_t i = 0; i < n; i++) {
        pass_forward(&p, t, x + i * n_inputs);
        double *d_raw = doubles(n_outputs); /* point_backward frees it */
        for (size_t c = 0; c < n_outputs; c++) {
            const double raw = p.z[t->n_layers - 1][c], target = targets[i * n_outputs + c];
            const double residual = output(t, raw) - target;
            d_raw[c] = loss == LOSS_MSE ? residual * output_slope(t, raw)
                       : loss == LOSS_MAPE
                           ? copysign(output_slope(t, raw), residual) / (fabs(target) + 0.01)
                           : 1 / (1 + exp(-raw)) - target;
            d_raw[c] /= (double)(n * n_outputs);
        }
        point_backward(t, &p, x + i * n_inputs, d_raw, d_params, d_x + i * n_inputs);
    }
    pass_deinit(&p, t);
}

/* Which side of its kink each relu is on, which cells points are in, and which side of its target
 * each value, folded into one number; *margin as twin_margin. */
static uint64_t sides_of(const struct twin *t, size_t n, const double *x, const double *targets,
                         double *margin)
{
    const size_t n_outputs = t->network.n_outputs;
    uint64_t sides = 14695981039346656037u; /* FNV-1a */
    *margin = INFINITY;
    struct pass p;
    pass_init(&p, t);
    for (size_t i = 0; i < n; i++) {
        pass_forward(&p, t, x + i * t->encoding.n_inputs);
        twin_encode_cells(&t->encoding, x + i * t->encoding.n_inputs, &sides, margin);
        for (size_t l = 0; l < t->n_layers; l++) {
            const enum activation a =
                l + 1 < t->n_layers ? t->network.activation : t->network.output_activation;
            for (size_t j = 0; a == ACTIVATION_RELU && j < t->layer[l].n_outputs; j++) {
                sides = (sides ^ (p.z[l][j] > 0)) * 1099511628211u;
                *margin = fmin(*margin, fabs(p.z[l][j]));
            }
        }
        for (size_t c = 0; c < n_outputs; c++) {
            const double residual = output(t, p.z[t->n_layers - 1][c]) - targets[i * n_outputs + c];
            sides = (sides ^ (residual > 0)) * 1099511628211u;
            *margin = fmin(*margin, fabs(residual));
        }
    }
    pass_deinit(&p, t);
    return sides;
}

double twin_margin(const struct twin *t, size_t n, const double *x, const double *targets)
{
    double margin;
    sides_of(t, n, x, targets, &margin);
    return margin;
}

double twin_difference(const struct twin *t, enum loss loss, size_t n, const double *x,
                       const double *targets, double *number, double step, bool *same_side)
{
    static const double at[] = {-2, -1, 1, 2}, weight[] = {1, -8, 8, -1};
    const double kept = *number;
    double margin, sum = 0;
    const uint64_t sides = sides_of(t, n, x, targets, &margin);
    for (size_t i = 0; i < 4; i++) {
        *number = kept + at[i] * step;
        sum += weight[i] * twin_loss(t, loss, n, x, targets);
        if (sides_of(t, n, x, targets, &margin) != sides)
            *same_side = false;
    }
    *number = kept;
    return sum / (12 * step);
}
