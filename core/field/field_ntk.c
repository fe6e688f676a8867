#include "core/field/field_ntk.h"

#include <assert.h>
#include <cblas.h>
#include <math.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/nn/grid.h"

/* A layer and what it did at the points. */
struct layer {
    size_t n_inputs, n_outputs; /* K, M */
    double *weight, *bias;      /* [M, K], [M] */
    double *h, *slope;          /* [n, K] that it reads; [n, M] act' of what it gives */
    double *gram;               /* [n, n] h h^T + 1 */
};

struct pass {
    const struct field *f;
    const struct mlp_spec *spec;
    const struct stop *stop;
    size_t n, n_layers, ld;
    struct layer layers[LIMIT_HIDDEN_LAYERS + 1];
    float *features, *d_features; /* [n, ld] of the encoding */
    double *values;               /* [n, C] raw, then the outputs' slopes */
    double *d_z[2], *product;     /* [n, the widest], taken in turns; [n, n] */
};

/* --- memory --- */

static void layer_deinit(struct layer *l)
{
    mem_free(l->weight);
    mem_free(l->bias);
    mem_free(l->h);
    mem_free(l->slope);
    mem_free(l->gram);
}

static void pass_deinit(struct pass *p)
{
    for (size_t l = 0; l < p->n_layers; l++)
        layer_deinit(&p->layers[l]);
    mem_free(p->features);
    mem_free(p->d_features);
    mem_free(p->values);
    mem_free(p->d_z[0]);
    mem_free(p->d_z[1]);
    mem_free(p->product);
}

static bool layer_init(struct layer *l, size_t n)
{
    const size_t k = l->n_inputs, m = l->n_outputs;
    l->weight = mem_alloc_array(m * k, sizeof *l->weight);
    l->bias = mem_alloc_array(m, sizeof *l->bias);
    l->h = mem_alloc_array(n * k, sizeof *l->h);
    l->slope = mem_alloc_array(n * m, sizeof *l->slope);
    l->gram = mem_alloc_array(n * n, sizeof *l->gram);
    return l->weight && l->bias && l->h && l->slope && l->gram;
}

static bool export_layer(const struct mlp *m, const float *params, size_t l, struct layer *layer)
{
    const size_t n = layer->n_outputs * layer->n_inputs;
    float *numbers = mem_alloc_floats(n + layer->n_outputs);
    if (!numbers)
        return false;
    mlp_export_layer(m, params, l, numbers, numbers + n);
    for (size_t i = 0; i < n; i++)
        layer->weight[i] = (double)numbers[i];
    for (size_t i = 0; i < layer->n_outputs; i++)
        layer->bias[i] = (double)numbers[n + i];
    mem_free(numbers);
    return true;
}

static enum status pass_init(struct pass *p, const struct field *f, size_t n)
{
    const struct mlp *m = field_mlp(f);
    const size_t n_features = encoding_n_features(field_encoding(f));
    const float *params = field_params_const(f) + encoding_n_params(field_encoding(f));
    size_t widest = n_features;
    bool ok = true;
    *p = (struct pass){.f = f, .spec = mlp_get_spec(m), .n = n};
    for (size_t l = 0; l < mlp_n_layers(m) && ok; l++) {
        struct layer *layer = &p->layers[p->n_layers++];
        mlp_layer_shape(m, l, &layer->n_outputs, &layer->n_inputs);
        widest = widest > layer->n_outputs ? widest : layer->n_outputs;
        ok = layer_init(layer, n) && export_layer(m, params, l, layer);
    }
    p->ld = (n_features + 15) / 16 * 16 + 16;
    p->features = mem_alloc_floats(n * p->ld);
    p->d_features = mem_alloc_floats(n * p->ld);
    p->values = mem_alloc_array(n * field_n_outputs(f), sizeof *p->values);
    p->d_z[0] = mem_alloc_array(n * widest, sizeof *p->d_z[0]);
    p->d_z[1] = mem_alloc_array(n * widest, sizeof *p->d_z[1]);
    p->product = mem_alloc_array(n * n, sizeof *p->product);
    return ok && p->features && p->d_features && p->values && p->d_z[0] && p->d_z[1] && p->product
               ? STATUS_OK
               : STATUS_NO_MEMORY;
}

/* --- forward --- */

/* out [n, columns] = a [n, k] b, b as it is [k, columns] or transposed [columns, k]. */
static void multiply(size_t n, size_t columns, size_t k, const double *a, const double *b,
                     bool is_transposed, double *out)
{
    cblas_dgemm(CblasRowMajor, CblasNoTrans, is_transposed ? CblasTrans : CblasNoTrans, (int)n,
                (int)columns, (int)k, 1, a, (int)k, b, (int)(is_transposed ? k : columns), 0, out,
                (int)columns);
}

static double act(const struct mlp_spec *spec, double z, double *slope)
{
    switch (spec->activation) {
    case ACTIVATION_TANH: {
        const double value = tanh(z);
        *slope = 1 - value * value;
        return value;
    }
    case ACTIVATION_SIN:
        *slope = spec->omega * cos(spec->omega * z);
        return sin(spec->omega * z);
    default:
        *slope = z > 0 ? 1 : 0;
        return z > 0 ? z : 0;
    }
}

/* What a layer gives, into `out`; where a hidden one gives it to, and its slope. */
static void run_layer(const struct pass *p, size_t l, double *out)
{
    const struct layer *layer = &p->layers[l];
    const size_t m = layer->n_outputs;
    multiply(p->n, m, layer->n_inputs, layer->h, layer->weight, true, out);
    for (size_t i = 0; i < p->n * m; i++) {
        out[i] += layer->bias[i % m];
        if (l + 1 < p->n_layers)
            out[i] = act(p->spec, out[i], &layer->slope[i]);
    }
}

static enum status forward(struct pass *p, const float *unit, struct error *err)
{
    const struct encoding *e = field_encoding(p->f);
    const size_t n = p->n, n_features = encoding_n_features(e), last = p->n_layers - 1;
    assert(p->n_layers > 0 && p->layers[0].h);
    encoding_forward(e, field_kernel(p->f), field_params_const(p->f), n, unit, p->features, p->ld);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n_features; j++)
            p->layers[0].h[i * n_features + j] = (double)p->features[i * p->ld + j];
    for (size_t l = 0; l < p->n_layers; l++) {
        struct layer *layer = &p->layers[l];
        const enum status status = stop_check(p->stop, err);
        if (status != STATUS_OK)
            return status;
        run_layer(p, l, l < last ? p->layers[l + 1].h : p->values);
        multiply(n, n, layer->n_inputs, layer->h, layer->h, true, layer->gram);
        for (size_t i = 0; i < n * n; i++)
            layer->gram[i] += 1;
    }
    for (size_t i = 0; i < n * field_n_outputs(p->f); i++) {
        const enum activation output = p->spec->output_activation;
        p->values[i] =
            (double)activation_output_slope(output, activation_output(output, (float)p->values[i]));
    }
    return STATUS_OK;
}

/* --- backward, for one output --- */

static void add_product(const struct pass *p, size_t columns, const double *a, const double *gram,
                        double *out)
{
    multiply(p->n, p->n, columns, a, a, true, p->product);
    for (size_t i = 0; i < p->n * p->n; i++)
        out[i] += gram ? p->product[i] * gram[i] : p->product[i];
}

/* Adds what the layers have; *d_features: d v_c / d features [n, F]. */
static enum status backward(struct pass *p, size_t c, double *out, const double **d_features,
                            struct error *err)
{
    const size_t n_outputs = field_n_outputs(p->f), last = p->n_layers - 1;
    double *d_z = p->d_z[0], *next = p->d_z[1];
    memset(d_z, 0, p->n * n_outputs * sizeof *d_z);
    for (size_t i = 0; i < p->n; i++)
        d_z[i * n_outputs + c] = p->values[i * n_outputs + c];
    for (size_t l = last + 1; l-- > 0;) {
        const struct layer *layer = &p->layers[l];
        const enum status status = stop_check(p->stop, err);
        if (status != STATUS_OK)
            return status;
        add_product(p, layer->n_outputs, d_z, layer->gram, out);
        multiply(p->n, layer->n_inputs, layer->n_outputs, d_z, layer->weight, false, next);
        for (size_t i = 0; l > 0 && i < p->n * layer->n_inputs; i++)
            next[i] *= p->layers[l - 1].slope[i];
        double *free = d_z;
        d_z = next;
        next = free;
    }
    *d_features = d_z;
    return STATUS_OK;
}

/* --- what an encoding learns --- */

/* b and a. */
static enum status add_frequencies(struct pass *p, const float *unit, double *out,
                                   struct error *err)
{
    const struct encoding *e = field_encoding(p->f);
    const size_t n_dims = encoding_n_inputs(e), n_fixed = encoding_n_fixed(e);
    const size_t n_dense = encoding_n_params(e) - encoding_n_table(e);
    const size_t n_trained = n_dense - n_fixed;
    if (n_trained == 0)
        return STATUS_OK;
    float *gradient = mem_alloc_floats(n_dense);
    double *rows = mem_alloc_array(p->n * n_trained, sizeof *rows);
    for (size_t i = 0; gradient && rows && i < p->n; i++) {
        memset(gradient, 0, n_dense * sizeof *gradient);
        encoding_backward(e, field_params_const(p->f), 1, unit + i * n_dims,
                          p->features + i * p->ld, p->d_features + i * p->ld, p->ld, gradient,
                          NULL);
        for (size_t j = 0; j < n_trained; j++)
            rows[i * n_trained + j] = (double)gradient[n_fixed + j];
    }
    if (gradient && rows)
        add_product(p, n_trained, rows, NULL, out);
    const bool ok = gradient && rows;
    mem_free(gradient);
    mem_free(rows);
    return ok ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

/* A gradient of tables: numbers other than 0, places rising. */
struct sparse {
    size_t n;
    size_t *place;
    float *value;
};

static double dot(const struct sparse *a, const struct sparse *b)
{
    double sum = 0;
    for (size_t i = 0, j = 0; i < a->n && j < b->n;)
        if (a->place[i] == b->place[j]) {
            sum += (double)a->value[i++] * (double)b->value[j++];
        } else if (a->place[i] < b->place[j]) {
            i++;
        } else {
            j++;
        }
    return sum;
}

/* Move what a level got to the end of the list; gradient and touched are zeros again. */
static void collect(const struct encoding_level *level, float *gradient, uint8_t *touched,
                    struct sparse *list)
{
    for (size_t line = 0; line < level->count / GRID_LINE; line++) {
        if (!touched[line])
            continue;
        touched[line] = 0;
        for (size_t i = line * GRID_LINE; i < (line + 1) * GRID_LINE; i++) {
            if (gradient[i] != 0) {
                list->place[list->n] = level->first + i;
                list->value[list->n++] = gradient[i];
                gradient[i] = 0;
            }
        }
    }
}

/* Scratch for the tables of a field and the lists of all points. */
struct tables {
    size_t n_entries; /* of a point, at most */
    float *gradient;  /* of the largest level */
    uint8_t *touched;
    struct sparse *lists;
    size_t *places;
    float *values;
};

static void tables_deinit(struct tables *t)
{
    mem_free(t->gradient);
    mem_free(t->touched);
    mem_free(t->lists);
    mem_free(t->places);
    mem_free(t->values);
}

static bool tables_init(struct tables *t, const struct encoding *e, size_t n)
{
    size_t largest = 0;
    *t = (struct tables){0};
    for (size_t l = 0; l < encoding_n_levels(e); l++) {
        const struct encoding_level level = encoding_level(e, l);
        largest = largest > level.count ? largest : level.count;
        t->n_entries += ((size_t)1 << encoding_n_inputs(e)) * level.n_columns;
    }
    t->gradient = mem_alloc_floats(largest);
    t->touched = mem_alloc(largest / GRID_LINE);
    t->lists = mem_alloc_array(n, sizeof *t->lists);
    t->places = mem_alloc_array(n * t->n_entries, sizeof *t->places);
    t->values = mem_alloc_floats(n * t->n_entries);
    if (!t->gradient || !t->touched || !t->lists || !t->places || !t->values)
        return false;
    memset(t->gradient, 0, largest * sizeof *t->gradient);
    memset(t->touched, 0, largest / GRID_LINE);
    return true;
}

static enum status add_tables(struct pass *p, const float *unit, double *out, struct error *err)
{
    const struct encoding *e = field_encoding(p->f);
    const size_t n_dims = encoding_n_inputs(e);
    struct tables t;
    if (encoding_n_table(e) == 0)
        return STATUS_OK;
    const bool ok = tables_init(&t, e, p->n);
    for (size_t i = 0; ok && i < p->n; i++) {
        struct sparse *list = &t.lists[i];
        *list = (struct sparse){0, t.places + i * t.n_entries, t.values + i * t.n_entries};
        for (size_t l = 0; l < encoding_n_levels(e); l++) {
            const struct encoding_level level = encoding_level(e, l);
            encoding_scatter(e, field_kernel(p->f), l, 1, unit + i * n_dims,
                             p->d_features + i * p->ld + level.column, t.gradient, t.touched);
            collect(&level, t.gradient, t.touched, list);
        }
    }
    for (size_t i = 0; ok && i < p->n; i++)
        for (size_t j = 0; j < p->n; j++)
            out[i * p->n + j] += dot(&t.lists[i], &t.lists[j]);
    tables_deinit(&t);
    return ok ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

/* --- the kernel --- */

static enum status add_output(struct pass *p, const float *unit, size_t c, double *out,
                              struct error *err)
{
    const size_t n_features = encoding_n_features(field_encoding(p->f));
    const double *d_features = NULL;
    enum status status = backward(p, c, out, &d_features, err);
    if (status != STATUS_OK)
        return status;
    memset(p->d_features, 0, p->n * p->ld * sizeof *p->d_features);
    for (size_t i = 0; i < p->n; i++)
        for (size_t j = 0; j < n_features; j++)
            p->d_features[i * p->ld + j] = (float)d_features[i * n_features + j];
    status = add_frequencies(p, unit, out, err);
    return status == STATUS_OK ? add_tables(p, unit, out, err) : status;
}

enum status field_ntk(const struct field *f, size_t n, const float *unit, size_t first,
                      size_t n_outputs, double *out, const struct stop *stop, struct error *err)
{
    struct pass p;
    enum status status = pass_init(&p, f, n);
    if (status != STATUS_OK) {
        pass_deinit(&p);
        return error_status(err, status);
    }
    p.stop = stop;
    memset(out, 0, n * n * sizeof *out);
    status = forward(&p, unit, err);
    for (size_t c = first; c < first + n_outputs && status == STATUS_OK; c++)
        status = add_output(&p, unit, c, out, err);
    pass_deinit(&p);
    return status;
}

double field_ntk_multiply_adds(const struct field *f, size_t n, size_t n_outputs)
{
    const struct mlp *m = field_mlp(f);
    const struct encoding *e = field_encoding(f);
    const double points = (double)n, outputs = (double)n_outputs;
    double sum = 0;
    for (size_t l = 0; l < mlp_n_layers(m); l++) {
        size_t n_columns, n_rows;
        mlp_layer_shape(m, l, &n_columns, &n_rows);
        const double k = (double)n_rows, columns = (double)n_columns;
        sum += points * k * columns * (1 + outputs) + points * points * (k + outputs * columns);
    }
    const double n_dense =
        (double)(encoding_n_params(e) - encoding_n_table(e) - encoding_n_fixed(e));
    double n_entries = 0;
    for (size_t l = 0; l < encoding_n_levels(e); l++)
        n_entries += (double)(((size_t)1 << encoding_n_inputs(e)) * encoding_level(e, l).n_columns);
    return sum + outputs * points * points * (n_dense + 4 * n_entries);
}

/* Numbers that a pass keeps, eight bytes each. */
static double numbers_of_pass(const struct field *f, double n)
{
    const struct mlp *m = field_mlp(f);
    double sum = 2 * n * n, widest = 0;
    for (size_t l = 0; l < mlp_n_layers(m); l++) {
        size_t n_columns, n_rows;
        mlp_layer_shape(m, l, &n_columns, &n_rows);
        const double k = (double)n_rows, columns = (double)n_columns;
        sum += (k + 1) * columns + n * (k + columns) + n * n;
        widest = fmax(widest, fmax(k, columns));
    }
    return sum + 3 * n * widest; /* both d_z; features and their derivatives, which are floats */
}

double field_ntk_bytes(const struct field *f, size_t n)
{
    const struct encoding *e = field_encoding(f);
    double largest = 0, n_entries = 0;
    const double n_dense =
        (double)(encoding_n_params(e) - encoding_n_table(e) - encoding_n_fixed(e));
    for (size_t l = 0; l < encoding_n_levels(e); l++) {
        const struct encoding_level level = encoding_level(e, l);
        largest = fmax(largest, (double)level.count);
        n_entries += (double)(((size_t)1 << encoding_n_inputs(e)) * level.n_columns);
    }
    const double numbers = numbers_of_pass(f, (double)n) + (double)n * n_dense;
    return sizeof(double) * numbers + sizeof(float) * largest +
           (sizeof(size_t) + sizeof(float)) * (double)n * n_entries;
}
