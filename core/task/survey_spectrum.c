#include "core/task/survey_spectrum.h"

#include <math.h>
#include <stdbool.h>

#include "core/base/mem.h"

static const double pi = 3.14159265358979323846;

enum { MAX_ANGLES = 64 };

/* Half the samples a side, up to a limit.  *share: cells' samples for each of the lattice's. */
static enum status open_cells(struct survey *out, size_t n_dims, const size_t *size, double *share,
                              struct error *err)
{
    static const size_t most[LIMIT_DIMS + 1] = {0, 0, 128, 40};
    size_t n[LIMIT_DIMS];
    double spacing[LIMIT_DIMS];
    *out = (struct survey){.n_cells = 0};
    *share = 1.0;
    for (size_t d = 0; d < n_dims; d++) {
        if (size[d] < SURVEY_LEAST_SIDE)
            return error_set(err, STATUS_UNSUPPORTED, "",
                             "%zu samples along an axis are too few to choose by", size[d]);
        n[d] = (size[d] + 1) / 2 < most[n_dims] ? (size[d] + 1) / 2 : most[n_dims];
        spacing[d] = 0.5 / (double)n[d];
        *share *= 2.0 * (double)n[d] / (double)size[d];
    }
    return survey_init(out, SURVEY_SPECTRUM, n_dims, n, spacing, err);
}

enum status survey_frequencies(struct survey *out, size_t n_dims, const size_t *size,
                               const float *samples, const uint8_t *mask, struct error *err)
{
    size_t at[LIMIT_DIMS] = {0}, k[LIMIT_DIMS] = {0};
    double share;
    enum status status = open_cells(out, n_dims, size, &share, err);
    if (status != STATUS_OK)
        return status;
    size_t n = 1;
    for (size_t d = 0; d < n_dims; d++)
        n *= size[d];
    for (size_t i = 0; i < n; i++) {
        bool is_inside = i > 0;
        for (size_t d = 0; d < n_dims; d++) {
            k[d] = at[d] <= size[d] / 2 ? at[d] : size[d] - at[d];
            is_inside = is_inside && k[d] <= out->n[d];
        }
        for (size_t d = 0; d < n_dims && ++at[d] == size[d]; d++)
            at[d] = 0;
        if (!is_inside)
            continue;
        const size_t cell = survey_cell(out, k);
        const double re = (double)samples[2 * i], im = (double)samples[2 * i + 1];
        if (mask[i]) {
            out->power[cell] += share * (re * re + im * im);
            out->seen[cell] += 1.0;
        } else {
            out->hidden[cell] += 1.0;
        }
    }
    return STATUS_OK;
}

/* The mean of |DFT|^2 over projections, orthonormal: power [W / 2 + 1]. */
static enum status slice_power(const struct projection *p, const float *sinogram, double *power,
                               struct error *err)
{
    const size_t width = p->width, step = (p->n_angles + MAX_ANGLES - 1) / MAX_ANGLES;
    const size_t n_angles = (p->n_angles + step - 1) / step;
    double *table = mem_alloc_array(2 * width, sizeof *table);
    if (!table)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t i = 0; i < width; i++) {
        table[2 * i] = cos(2.0 * pi * (double)i / (double)width);
        table[2 * i + 1] = sin(2.0 * pi * (double)i / (double)width);
    }
    for (size_t a = 0; a < p->n_angles; a += step)
        for (size_t k = 0; k <= width / 2; k++) {
            double re = 0.0, im = 0.0;
            for (size_t c = 0; c < width; c++) {
                const double value = (double)sinogram[a * width + c];
                re += value * table[2 * (k * c % width)];
                im += value * table[2 * (k * c % width) + 1];
            }
            power[k] += (re * re + im * im) / (double)(width * n_angles);
        }
    mem_free(table);
    return STATUS_OK;
}

enum status survey_projections(struct survey *out, const struct projection *p,
                               const float *sinogram, struct error *err)
{
    const size_t size[2] = {p->width, p->height};
    const double width = (double)p->width, height = (double)p->height;
    const double n_angles = (double)p->n_angles;
    double share, *power = NULL;
    enum status status = open_cells(out, 2, size, &share, err);
    if (status != STATUS_OK)
        return status;
    power = mem_alloc_array(p->width / 2 + 2, sizeof *power);
    status = power ? slice_power(p, sinogram, power, err) : error_status(err, STATUS_NO_MEMORY);
    if (status != STATUS_OK || !power) {
        mem_free(power);
        return status;
    }
    size_t k[LIMIT_DIMS] = {0};
    for (k[1] = 0; k[1] <= out->n[1]; k[1]++)
        for (k[0] = 0; k[0] <= out->n[0]; k[0]++) {
            const size_t cell = survey_cell(out, k);
            const double along = hypot((double)k[0] / width, (double)k[1] / height) * width;
            const double n = survey_multiplicity(out, k);
            if (cell == 0)
                continue;
            const double density = n_angles * width / (pi * along * height);
            const double seen = along < width / 2.0 ? n * fmin(density, 1.0) : 0.0;
            const size_t bin = (size_t)along;
            const double part = along - (double)bin;
            out->pace[cell] = fmin(fmax(density, 1.0) / n_angles, 1.0);
            out->seen[cell] = seen;
            out->hidden[cell] = n - seen;
            if (seen > 0.0) /* the mean over rows leaves 1 / H of a component's square */
                out->power[cell] =
                    seen * share * height * ((1.0 - part) * power[bin] + part * power[bin + 1]);
        }
    mem_free(power);
    return status;
}
