#include "core/task/survey_lattice.h"

#include <math.h>
#include <stdbool.h>

#include "core/base/mem.h"
#include "core/task/sample_sets.h"

enum { MAX_PATCHES_A_SIDE = 2 };

/* What a survey is made of: cells of the training samples' own lattice. */
struct cells {
    const struct lattice_samples *samples;
    size_t block; /* samples along an axis from one cell to the next */
    bool is_mean; /* over the block; else its first sample */
    size_t size[LIMIT_DIMS];
};

static struct cells cells_of(const struct lattice_samples *samples)
{
    struct cells c = {.samples = samples, .block = samples->stride};
    if (samples->held) {
        const double density = 1.0 - samples->held_fraction;
        c.block = (size_t)fmax(1.0, round(pow(density, -1.0 / (double)samples->n_dims)));
        c.is_mean = true;
    }
    for (size_t d = 0; d < LIMIT_DIMS; d++)
        c.size[d] = (samples->size[d] + c.block - 1) / c.block;
    return c;
}

/* Number of a sample of the whole lattice. */
static size_t sample_at(const struct lattice_samples *s, const size_t at[LIMIT_DIMS])
{
    return (at[2] * s->size[1] + at[1]) * s->size[0] + at[0];
}

/* A cell's values, the mean of its samples; false where all of them are held out. */
static bool read_cell(const struct cells *c, const size_t cell[LIMIT_DIMS],
                      double values[LIMIT_CHANNELS])
{
    const struct lattice_samples *s = c->samples;
    const size_t n = c->is_mean ? c->block : 1;
    size_t n_read = 0, first[LIMIT_DIMS], end[LIMIT_DIMS], at[LIMIT_DIMS];
    for (size_t d = 0; d < LIMIT_DIMS; d++) {
        first[d] = cell[d] * c->block;
        end[d] = first[d] + n < s->size[d] ? first[d] + n : s->size[d];
    }
    for (size_t k = 0; k < s->channels; k++)
        values[k] = 0.0;
    for (at[2] = first[2]; at[2] < end[2]; at[2]++)
        for (at[1] = first[1]; at[1] < end[1]; at[1]++)
            for (at[0] = first[0]; at[0] < end[0]; at[0]++) {
                float read[LIMIT_CHANNELS];
                const size_t i = sample_at(s, at);
                if (s->held && sample_is_held(s->held, i))
                    continue;
                s->read(s->context, i, read);
                n_read++;
                for (size_t k = 0; k < s->channels; k++)
                    values[k] += (double)read[k];
            }
    for (size_t k = 0; k < s->channels && n_read > 0; k++)
        values[k] /= (double)n_read;
    return n_read > 0;
}

/* One patch, all channels: block is [channels, n]. */
static enum status add_patch(struct survey *out, const struct cells *c,
                             const size_t first[LIMIT_DIMS], double *block, struct error *err)
{
    const size_t n = out->n[0] * out->n[1] * out->n[2], channels = c->samples->channels;
    double values[LIMIT_CHANNELS] = {0.0}, read[LIMIT_CHANNELS];
    size_t at[LIMIT_DIMS] = {0};
    for (size_t i = 0; i < n; i++) {
        const size_t cell[LIMIT_DIMS] = {first[0] + at[0], first[1] + at[1], first[2] + at[2]};
        if (read_cell(c, cell, read))
            for (size_t k = 0; k < channels; k++)
                values[k] = read[k];
        for (size_t k = 0; k < channels; k++)
            block[k * n + i] = values[k];
        for (size_t d = 0; d < LIMIT_DIMS && ++at[d] == out->n[d]; d++)
            at[d] = 0;
    }
    enum status status = STATUS_OK;
    for (size_t k = 0; k < channels && status == STATUS_OK; k++)
        status = survey_add(out, block + k * n, err);
    return status;
}

enum status survey_lattice(struct survey *out, const struct lattice_samples *samples,
                           struct error *err)
{
    const struct cells c = cells_of(samples);
    size_t n[LIMIT_DIMS] = {1, 1, 1}, n_patches[LIMIT_DIMS] = {1, 1, 1};
    double spacing[LIMIT_DIMS] = {1.0, 1.0, 1.0};
    *out = (struct survey){.n_cells = 0};
    for (size_t d = 0; d < samples->n_dims; d++) {
        const size_t most = survey_patch(samples->n_dims);
        n[d] = c.size[d] < most ? c.size[d] : most;
        n_patches[d] = c.size[d] > most ? MAX_PATCHES_A_SIDE : 1;
        spacing[d] = (double)c.block / (double)samples->size[d];
        if (n[d] < SURVEY_LEAST_SIDE)
            return error_set(err, STATUS_UNSUPPORTED, "",
                             "%zu training samples along an axis are too few to choose by", n[d]);
    }
    double *block = mem_alloc_array(samples->channels * n[0] * n[1] * n[2], sizeof *block);
    if (!block)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = survey_init(out, SURVEY_SAMPLES, samples->n_dims, n, spacing, err);
    const size_t n_all = n_patches[0] * n_patches[1] * n_patches[2];
    for (size_t i = 0; i < n_all && status == STATUS_OK; i++) {
        const size_t place[LIMIT_DIMS] = {i % n_patches[0], i / n_patches[0] % n_patches[1],
                                          i / n_patches[0] / n_patches[1]};
        size_t first[LIMIT_DIMS];
        for (size_t d = 0; d < LIMIT_DIMS; d++)
            first[d] = n_patches[d] > 1 ? place[d] * (c.size[d] - n[d]) / (n_patches[d] - 1) : 0;
        status = add_patch(out, &c, first, block, err);
    }
    mem_free(block);
    return status;
}
