#include "tests/support/some_costs.h"

struct costs some_costs(size_t n_threads)
{
    static const double part[COST_N_PASSES] = {1, 0.25, 0.5, 0.5};
    const double ns = 1e-9;
    struct costs c = {.n_threads = n_threads,
                      .feature = {1 * ns, 1 * ns, 2 * ns},
                      .lanes = 16 * ns,
                      .sines = 1 * ns,
                      .sines_backward = 3 * ns,
                      .sines_jet = 2 * ns,
                      .table_jet = 6 * ns,
                      .draw = 20 * ns,
                      .update = 1 * ns,
                      .fetch = 0.5 * ns,
                      .average = 0.5 * ns,
                      .meet = 2000 * ns};
    for (size_t i = 0; i < COST_PROBES; i++)
        c.probe[i] = (10 + 100 * (double)i) * ns;
    for (size_t p = 0; p < COST_N_PASSES; p++) {
        struct cost_network *n = &c.network[p];
        for (size_t i = 0; i < COST_WIDTHS; i++) {
            const double w = (double)cost_width(i) / 16;
            n->ends[i] = part[p] * 10 * w * ns;
            n->hidden[i] = part[p] * 4 * w * w * ns;
            n->input[i] = part[p] * w * ns;
        }
        n->tanh = part[p] * 1 * ns;
        n->sin = part[p] * 2 * ns;
        n->derive = 0.2 * ns;
    }
    for (size_t i = 0; i < COST_TABLES; i++)
        c.tables[i] = (struct cost_tables){.n = (double)((size_t)1 << (16 + 2 * i)),
                                           .lookup = (2 + (double)i) * ns,
                                           .keep = 1 * ns,
                                           .scatter = (4 + 2 * (double)i) * ns,
                                           .density = {0.05, 0.5},
                                           .line = {20 * ns, 20 * ns}};
    return c;
}
