/*
 * What decoders of posed views are asked for, and what a check of them finds out.
 */
#ifndef CORE_FORMAT_VIEWS_FACTS_H
#define CORE_FORMAT_VIEWS_FACTS_H

#include "core/base/data.h"
#include "core/format/views_box.h"

/* All zeros: every view as it is. */
struct views_options {
    size_t factor;   /* sides are divided by it (view_picture_shrink), intrinsics with them; 0: 1 */
    size_t max_side; /* a view with a longer side is divided by the least factor that it takes, as
                        far as its shorter side allows; 0: no limit */
    size_t n_most;   /* take at most so many views, spread evenly; 0: all */
    bool cameras_only;   /* images have their sizes and no samples */
    size_t max_unpacked; /* of an NPZ, which is unpacked from its beginning: views that lie behind
                          * so many bytes of samples come as with cameras_only; 0: no limit */
};

enum { VIEWS_MAX_WARNINGS = 8, VIEWS_N_SPLITS = 3 };

struct views_facts {
    size_t n_views;
    size_t n_of[VIEWS_N_SPLITS]; /* by enum view_split */
    size_t channels;             /* 3; 4 if a view has alpha */
    size_t width[2], height[2];  /* the least and the largest */
    size_t n_pixels;             /* of all views */
    size_t n_bytes;              /* of the samples of all views at full size */
    size_t n_largest;            /* bytes that the largest view takes while it is read */
    double low[3], high[3];      /* the box of the cameras' centres */
    struct views_box scene;      /* where a field is to live */
    bool has_distortion;
    size_t n_warnings;
    char warnings[VIEWS_MAX_WARNINGS][160]; /* UTF-8: sentences without a full stop */
};

/* One view more: its camera, and the size, channels and bytes of a sample of its picture; n_file:
 * bytes of its packed file, held while it is read.  TOO_LARGE past LIMIT_VIEWS_PIXELS. */
enum status views_facts_add(struct views_facts *f, const struct view *camera,
                            const struct image_facts *picture, size_t n_file,
                            struct error *err) WARN_UNUSED;

/* One warning more; those past VIEWS_MAX_WARNINGS are dropped. */
void views_facts_warn(struct views_facts *f, const char *format, ...) PRINTF_LIKE(2, 3);

/* There is a view to learn from.  INVALID. */
enum status views_facts_check(const struct views_facts *f, struct error *err) WARN_UNUSED;

/* The most bytes that decoding with these options takes at a time, the result with it. */
size_t views_facts_bytes(const struct views_facts *f, const struct views_options *options);

/* The factor for a picture of this size, at least 1. */
size_t views_factor(const struct views_options *options, size_t width, size_t height);

/* How many of n views are taken; and which is the i-th of them. */
size_t views_n_taken(const struct views_options *options, size_t n);
size_t views_taken(const struct views_options *options, size_t n, size_t i);

/* Make a view smaller, its camera with it. */
enum status views_shrink(struct view *v, size_t factor, struct error *err) WARN_UNUSED;

#endif
