/*
 * Costs: how long a step or a query takes, from what its parts were measured to take on a machine
 * (core/field/calibration.h).
 *
 *   a point in training   draw and loss, encoding, network forward and backward
 *   a step                its points, shared by the threads; the levels of grids, each by one
 *                         thread; the update of all other parameters; meetings of the threads
 *   a query's point       encoding, network forward; with derivatives a plane of it for each
 *
 * A network's time is that of its ends (the first layer and the last) and of the hidden layers
 * between them, by its width; a table's by the size of all tables,
 * since that tells from which cache they come.  Between sizes that were measured costs go along
 * straight lines of their logarithms.
 *
 * The functions are pure.  Seconds are those of an otherwise idle machine.
 */
#ifndef CORE_FIELD_COST_H
#define CORE_FIELD_COST_H

#include <stddef.h>

#include "core/field/field.h"
#include "core/field/trainer.h"

enum {
    COST_WIDTHS = 5,         /* of networks that are measured */
    COST_TABLES = 4,         /* sizes of tables */
    COST_DENSITIES = 2,      /* shares of their lines that a step touches */
    COST_INPUTS = 32,        /* features that a measured network reads */
    COST_OUTPUTS = 3,        /* numbers that it gives */
    COST_TABLE_FEATURES = 2, /* of a level that is measured, in two dimensions */
    COST_PROBES = 8          /* at most */
};

/* 16, 32, 64, 128, 256 */
size_t cost_width(size_t i);

/* What a network is asked for.  Derivatives: one plane of them. */
enum cost_pass { COST_FP32, COST_BF16, COST_VALUES, COST_DERIVATIVES, COST_N_PASSES };

/* Seconds of one thread while all are busy. */
struct cost_network {
    double ends[COST_WIDTHS];   /* COST_INPUTS -> width, width -> COST_OUTPUTS, a point */
    double hidden[COST_WIDTHS]; /* width -> width, a point */
    double input[COST_WIDTHS];  /* a feature more that is read, a point; its gradient is not asked
                                 * for */
    double tanh, sin;           /* beyond a relu: a number */
    double derive;              /* its form for this pass: a parameter */
};

struct cost_tables {
    double n;       /* numbers of all tables */
    double lookup;  /* of a point at a level; in training, with its gradient kept, … */
    double keep;    /* … so much more */
    double scatter; /* of a point at a level */
    /* of an update: GRID_LINE numbers, where a step touches such a share of all lines, few first:
     * the fewer, the less often is the next one near */
    double density[COST_DENSITIES], line[COST_DENSITIES];
};

/* What lookup, keep and scatter take for each feature of a level beyond COST_TABLE_FEATURES. */
struct cost_features {
    double lookup, keep, scatter;
};

/* What a machine was measured to take. */
struct costs {
    size_t n_threads;
    double lost; /* share of the measurement's time that was spent waiting for a processor: where it
                  * is large what follows is too slow */
    struct cost_network network[COST_N_PASSES];
    double sines;                           /* of a frequency at a point: sine and cosine */
    double sines_backward, sines_jet;       /* … its gradient; its derivatives, each plane */
    struct cost_tables tables[COST_TABLES]; /* by growing size */
    struct cost_features feature;
    double lanes;              /* of a point: GRID_LANES levels, whether there are so
                                * many or not, of what their lookup takes */
    double table_jet;          /* of a point at a level, each plane */
    double draw;               /* of a point, with its loss */
    double update;             /* of a parameter, from all gradients */
    double fetch;              /* of a number that another thread has written */
    double average;            /* of a parameter that is averaged */
    double meet;               /* of a step: all meetings of the threads */
    double probe[COST_PROBES]; /* of a unit of other tasks' work (core/task/probes.h) */
};

/* Seconds of one training step, of as many threads as were measured; 0 for a spec that field_create
 * refuses or for want of memory. */
double cost_step(const struct costs *c, const struct field_spec *field,
                 const struct train_spec *train);

/* Seconds of one thread for one point of a query. */
double cost_point(const struct costs *c, const struct field *field, enum field_use use);

/* The same for the values of a field of this spec; 0 as cost_step has it. */
double cost_value(const struct costs *c, const struct field_spec *field);

#endif
