/*
 * Every limit of core, with its reason.  Limits of the service (bodies, queues, connections) are
 * settings: server/config.h.
 */
#ifndef CORE_BASE_LIMITS_H
#define CORE_BASE_LIMITS_H

enum {
    LIMIT_DIMS = 3,     /* a field maps 1 to 3 coordinates */
    LIMIT_CHANNELS = 4, /* grey, grey+alpha, RGB, RGBA */

    LIMIT_IMAGE_PIXELS = 64 << 20, /* 64 Mi: 1 GiB as float RGBA, decodes in seconds */
    LIMIT_IMAGE_SIDE =
        1 << 20,            /* a side no format needs to pass; keeps products far from wrapping */
    LIMIT_JPEG_SCANS = 100, /* progressive scans: each costs a pass over the whole picture */
    LIMIT_JPEG_COEFFICIENTS = 200 << 20, /* bytes kept while scans come: 64 Mi pixels in grey or
                                            4:2:0, 33 Mi in 4:4:4; a check stays under 256 MiB */

    LIMIT_VOLUME_VOXELS = 128 << 20, /* 128 Mi: 512 MiB as floats */
    LIMIT_SIGNAL_SAMPLES = 1 << 20,
    LIMIT_ANGLES = 4096,      /* of projections: more than any scanner takes in half a turn */
    LIMIT_MEASURED = 8 << 20, /* numbers of a sinogram, samples of a k-space (192^3 and a bit): a
                               * check of the largest file stays under 256 MiB */
    LIMIT_RECONSTRUCTION = 16 << 20, /* samples of a lattice that every step evaluates: 256^3 */
    LIMIT_TRIANGLES = 10000000,      /* 120 MB, and as much again for a tree over them */
    LIMIT_VERTICES = 10000000, /* of a mesh: a closed one has half as many as triangles; 120 MB */

    LIMIT_LATTICE_SIDE = 2048, /* samples of an isosurface's lattice; a surface then has millions of
                                  triangles */

    LIMIT_ANSWER_NUMBERS = 128 << 20, /* float32 of an answer: 512 MiB */
    LIMIT_ANSWER_DECIMALS = 32 << 20, /* the same in JSON, of up to 24 bytes each */

    LIMIT_NPY_DIMS = 8,

    /* ZIP archives: NPZ, posed views */
    LIMIT_ARCHIVE_MEMBERS = 2000,
    LIMIT_ARCHIVE_RATIO = 200, /* unpacked bytes for each packed one; deflate itself reaches 1032 */
    LIMIT_PICTURE_FILE =
        256 << 20,              /* packed bytes of a picture in an archive, one held at a time */
    LIMIT_TRANSFORMS = 8 << 20, /* bytes of a transforms.json: 4 KiB for each view */
    LIMIT_VIEWS = 2000,
    LIMIT_JSON_DEPTH = 32,

    LIMIT_TENSORS = 1024, /* of a checkpoint: five blocks of 17 layers of 2 and a grid's 32 levels,
                             of which a concat may have more */
    LIMIT_TENSORS_HEADER = 1 << 20, /* bytes of its JSON header */

    LIMIT_WIDTH = 2048,
    LIMIT_HIDDEN_LAYERS = 16,
    LIMIT_FREQUENCIES = 4096, /* rows of B: 8,192 features, more than any published mapping */
    LIMIT_GRID_PARAMETERS = 1 << 26, /* numbers of all tables of a field: 256 MiB, as much as the
                                        largest network, and five times that to train them */
    LIMIT_NTK_WIDTH = 1 << 20,       /* of a network that is only thought of */
    LIMIT_BATCH = 1 << 20,
    LIMIT_STEPS = 10000000,
    LIMIT_THREADS = 256,
};

/* Unpacked bytes of an archive. */
#define LIMIT_ARCHIVE_UNPACKED ((size_t)2 << 30)

/* Pixels of all views together: a check decodes each once, about ten seconds as JPEG. */
#define LIMIT_VIEWS_PIXELS ((size_t)1 << 30)

/* Focal lengths, pixels: the direction of a ray through any pixel stays far from overflow. */
#define LIMIT_LEAST_FOCAL 1e-3
#define LIMIT_FOCAL 1e9

#endif
