/*
 * Sample data that the project makes itself: `farfield sample NAME`.  Same name, seed and size:
 * same bytes.
 */
#ifndef CORE_SAMPLE_SAMPLE_H
#define CORE_SAMPLE_SAMPLE_H

#include <stdint.h>

#include "core/base/buffer.h"
#include "core/base/data.h"

struct sample_spec {
    uint64_t seed;
    size_t size;  /* side in pixels, or of a lattice; 0 takes the sample's default */
    double alpha; /* signal: how fast its spectrum falls, 0..8 */
    double band;  /* signal: the part of its frequencies that are there, (0, 1]; 0: all */
};

/* The side in pixels that a spec asks for: 16..4096, 512 by default.  INVALID ("/size"). */
enum status sample_side(const struct sample_spec *spec, size_t *out, struct error *err) WARN_UNUSED;

/* One row of the table of samples. */
struct sample {
    const char *name;        /* "picture" */
    const char *description; /* one line for help */
    const char *media_type;  /* of the bytes that make() appends */
    enum status (*make)(const struct sample_spec *spec, struct buffer *out, struct error *err);
};

/* All samples, in the order of help. */
const struct sample *sample_table(size_t *n);

/* NULL if there is none. */
const struct sample *sample_find(const char *name);

/* What is behind the rows, for tests and tasks.  The caller owns *out. */

/* A synthetic scene, RGB: gradients, edges at all angles, fine texture, so that every band is used.
 */
enum status sample_picture(const struct sample_spec *spec, struct image *out,
                           struct error *err) WARN_UNUSED;

/* Eight random strings of 1..10 letters in random sizes, colours and places on white, clipped at
 * the borders, antialiased, RGB (the look of the paper's 2D text images). */
enum status sample_text(const struct sample_spec *spec, struct image *out,
                        struct error *err) WARN_UNUSED;

/* Modified Shepp-Logan, all 60 ellipse parameters perturbed by N(0,1)/20, grey, clipped to [0,1]
 * (paper, CT task).  Row 0 is y = -1, as in the paper's grid: the phantom stands on its head. */
enum status sample_phantom(const struct sample_spec *spec, struct image *out,
                           struct error *err) WARN_UNUSED;

/* The same in three dimensions: ten ellipsoids (Schabel's, turned about z only), all 80 parameters
 * perturbed, clipped to [0,1], over [-1,1]^3 with its ends, as 200 mm about 0, 0, 0.  size: 16..512
 * voxels a side, 96 where none is asked for. */
enum status sample_phantom3d_volume(const struct sample_spec *spec, struct volume *out,
                                    struct error *err) WARN_UNUSED;

/* Append it as .nii.gz. */
enum status sample_phantom3d(const struct sample_spec *spec, struct buffer *out,
                             struct error *err) WARN_UNUSED;

/* Append a ZIP of views of a scene of solid shapes (core/sample/scene.h) with their poses,
 * Blender's layout: 60 to train, 12 to test, RGBA, nothing behind the scene.  size: 16..1024, 128
 * where none is asked for. */
enum status sample_views(const struct sample_spec *spec, struct buffer *out,
                         struct error *err) WARN_UNUSED;

/* A closed mesh of one piece: a ring with arms, within [-1, 1]^3, y up, by marching cubes on a
 * lattice of 16..512 samples a side (128). */
enum status sample_shape(const struct sample_spec *spec, struct mesh *out,
                         struct error *err) WARN_UNUSED;

/* 1/f^alpha noise in [-1/2, 1/2], one channel of 2..LIMIT_SIGNAL_SAMPLES samples (1,024). */
enum status sample_signal(const struct sample_spec *spec, struct signal *out,
                          struct error *err) WARN_UNUSED;

/* A family of them, [n_signals, spec->size], of one scale: together they fill [-1/2, 1/2].  A
 * signal alone is the first of its family, on a scale of its own.  size: as above, not 0. */
enum status sample_signals(const struct sample_spec *spec, size_t n_signals, float *out,
                           struct error *err) WARN_UNUSED;

#endif
