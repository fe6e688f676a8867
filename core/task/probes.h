/*
 * Probes: small tasks whose own work a calibration measures (core/field/calibration.h), so that
 * estimates know what labels, rays and measurements take on this machine: costs.probe[PROBE_…],
 * seconds of one thread for a unit.
 */
#ifndef CORE_TASK_PROBES_H
#define CORE_TASK_PROBES_H

#include "core/base/parallel.h"
#include "core/field/calibration.h"

struct kernel;

enum probe {
    PROBE_PROJECT_NEAREST, /* unit: a sample at an angle, projected and back (ct) */
    PROBE_PROJECT_LINEAR,
    PROBE_TRANSFORM,   /* n log2 n of n samples, transformed and back (mri) */
    PROBE_WALKED_RAYS, /* a point of a ray that is walked through a shell, drawn, with its part of
                        * the loss and of its gradient */
    PROBE_EVEN_RAYS,   /* … of even rays */
    PROBE_IS_INSIDE,   /* a point anywhere about a mesh of PROBE_TRIANGLES: inside or not (shape) */
    PROBE_DISTANCE,    /* … with its distance, seven of ten close to the surface */
    N_PROBES
};

enum { PROBE_TRIANGLES = 20000 };

struct probes;

/* The team helps to make them; they take 30 MiB.  NO_MEMORY. */
enum status probes_create(struct probes **out, const struct kernel *kernel, struct team *team,
                          struct error *err) WARN_UNUSED;
void probes_free(struct probes *p); /* NULL is fine */

/* [N_PROBES], for struct calibration. */
const struct calibration_probe *probes_get(const struct probes *p);

#endif
