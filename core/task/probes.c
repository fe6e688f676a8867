#include "core/task/probes.h"

#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/field/field.h"
#include "core/scene/camera.h"
#include "core/scene/occupancy.h"
#include "core/scene/surroundings.h"
#include "core/task/task_ct.h"
#include "core/task/task_mri.h"
#include "core/task/task_shape.h"
#include "core/task/task_views.h"

enum {
    PICTURE_SIDE = 256,
    N_ANGLES = 16,
    VOLUME_SIDE = 80, /* more than the caches of a core hold */
    VIEW_SIDE = 64,
    RING_SEGMENTS = 200, /* around the ring, and … */
    TUBE_SEGMENTS = PROBE_TRIANGLES / 2 / RING_SEGMENTS,
};

_Static_assert((int)N_PROBES <= (int)COST_PROBES, "costs have a place for every probe");

static const double pi = 3.14159265358979323846;

/* Of the synthetic scenes of NeRF: cameras 4 away from a cube of 2.9. */
static const double distance = 4.0, half_side = 1.45;

struct probes {
    struct views views; /* tasks of rays borrow them */
    struct calibration_probe probe[N_PROBES];
    struct task *task[N_PROBES];
};

static enum status make_projections(struct probes *p, struct error *err)
{
    struct task_ct_spec spec = {.n_angles = N_ANGLES};
    struct data data = {.kind = DATA_IMAGE};
    enum status status = image_create(&data.image, SAMPLE_U8, PICTURE_SIDE, PICTURE_SIDE, 1, err);
    if (status != STATUS_OK)
        return status;
    data.image.u8[0] = 255;
    status = task_ct_create(&p->task[PROBE_PROJECT_NEAREST], &data, &spec, err);
    spec.interpolation = PROJECTION_LINEAR;
    if (status == STATUS_OK)
        status = task_ct_create(&p->task[PROBE_PROJECT_LINEAR], &data, &spec, err);
    data_deinit(&data);
    return status;
}

static enum status make_transform(struct probes *p, struct error *err)
{
    const struct task_mri_spec spec = {.normalize = NORMALIZE_MAX};
    struct data data = {.kind = DATA_VOLUME};
    enum status status =
        volume_create(&data.volume, SAMPLE_U8, VOLUME_SIDE, VOLUME_SIDE, VOLUME_SIDE, 1, err);
    if (status != STATUS_OK)
        return status;
    data.volume.u8[0] = 255;
    status = task_mri_create(&p->task[PROBE_TRANSFORM], &data, &spec, err);
    data_deinit(&data);
    return status;
}

/* --- rays --- */

static enum status take_view(struct probes *p, struct error *err)
{
    static const double eye[3] = {0, -distance, 0}, target[3] = {0}, up[3] = {0, 0, 1};
    struct camera camera = {.fx = 1.4 * VIEW_SIDE};
    struct view *v = p->views.view = mem_alloc(sizeof *v);
    if (!v)
        return error_status(err, STATUS_NO_MEMORY);
    p->views.n_views = 1;
    camera_look_at(&camera, eye, target, up);
    v->fx = v->fy = camera.fx;
    v->cx = v->cy = 0.5 * VIEW_SIDE;
    memcpy(v->c2w, camera.c2w, sizeof v->c2w);
    return image_create(&v->image, SAMPLE_U8, VIEW_SIDE, VIEW_SIDE, 4, err);
}

/* Something in every cell between two spheres: a twentieth of all. */
static void fill_shell(float *values)
{
    for (size_t i = 0; i < OCCUPANCY_CELLS; i++) {
        const size_t at[3] = {i % OCCUPANCY_SIDE, i / OCCUPANCY_SIDE % OCCUPANCY_SIDE,
                              i / OCCUPANCY_SIDE / OCCUPANCY_SIDE};
        double square = 0.0;
        for (size_t d = 0; d < 3; d++)
            square += pow(((double)at[d] + 0.5) / OCCUPANCY_SIDE - 0.5, 2);
        values[i] = square > 0.20 * 0.20 && square < 0.26 * 0.26 ? 1.0f : 0.0f;
    }
}

/* What the task's mask is shown in. */
static enum status show(const struct task *t, const struct domain *domain,
                        const struct kernel *kernel, struct error *err)
{
    const struct field_spec spec = {
        .encoding = {.type = ENCODING_GAUSSIAN, .n_inputs = 3, .n_frequencies = 1, .sigma = 1},
        .network = {.n_outputs = t->n_outputs,
                    .n_hidden_layers = 1,
                    .width = 16,
                    .activation = ACTIVATION_RELU,
                    .output_activation = ACTIVATION_LINEAR},
        .domain = *domain,
        .n_mask = OCCUPANCY_BYTES};
    struct field *f = NULL;
    enum status status = field_create(&f, &spec, kernel, err);
    if (status == STATUS_OK)
        t->class->restored(t, f);
    field_free(f);
    return status;
}

static enum status make_rays(struct probes *p, const struct kernel *kernel, struct error *err)
{
    static const double centre[3] = {0};
    struct task_views_spec spec = {.radiance = {.shading = {.density = DENSITY_EXP, .degree = 2},
                                                .is_walked = true,
                                                .n_samples = 512,
                                                .near = distance / 2.0,
                                                .far = 1.5 * distance,
                                                .unit = 2.0 * half_side,
                                                .domain = surroundings_domain(centre, half_side)},
                                   .background = BACKGROUND_RANDOM};
    struct task **walked = &p->task[PROBE_WALKED_RAYS];
    enum status status = take_view(p, err);
    if (status == STATUS_OK)
        status = task_views_create(walked, &p->views, &spec, err);
    if (status != STATUS_OK)
        return status;
    fill_shell((*walked)->state);
    status = show(*walked, &spec.radiance.domain, kernel, err);
    spec.radiance.is_walked = false;
    spec.radiance.n_samples = 128;
    spec.radiance.shading = (struct volume_shading){.density = DENSITY_RELU};
    spec.background = BACKGROUND_BLACK;
    if (status == STATUS_OK)
        status = task_views_create(&p->task[PROBE_EVEN_RAYS], &p->views, &spec, err);
    return status;
}

/* --- labels --- */

/* A ring. */
static enum status make_mesh(struct mesh *m, struct error *err)
{
    const size_t n = (size_t)RING_SEGMENTS * TUBE_SEGMENTS;
    m->vertices = mem_alloc_floats(3 * n);
    m->triangles = mem_alloc_array(6 * n, sizeof *m->triangles);
    if (!m->vertices || !m->triangles)
        return error_status(err, STATUS_NO_MEMORY);
    m->n_vertices = n;
    m->n_triangles = 2 * n;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t ring = i / TUBE_SEGMENTS, tube = i % TUBE_SEGMENTS;
        const uint32_t next_ring = (ring + 1) % RING_SEGMENTS * TUBE_SEGMENTS;
        const uint32_t next_tube = (tube + 1) % TUBE_SEGMENTS;
        const uint32_t corner[4] = {i, next_ring + tube, next_ring + next_tube,
                                    ring * TUBE_SEGMENTS + next_tube};
        const double a = 2 * pi * ring / RING_SEGMENTS, b = 2 * pi * tube / TUBE_SEGMENTS;
        const double out = 1.0 + 0.4 * cos(b);
        m->vertices[3 * (size_t)i] = (float)(out * cos(a));
        m->vertices[3 * (size_t)i + 1] = (float)(out * sin(a));
        m->vertices[3 * (size_t)i + 2] = (float)(0.4 * sin(b));
        const uint32_t triangles[6] = {corner[0], corner[1], corner[2],
                                       corner[0], corner[2], corner[3]};
        memcpy(m->triangles + 6 * (size_t)i, triangles, sizeof triangles);
    }
    return STATUS_OK;
}

static enum status make_labels(struct probes *p, struct team *team, struct error *err)
{
    const struct task_shape_making making = {.team = team};
    struct task_shape_spec spec = {
        .loss = LOSS_BCE, .output_activation = ACTIVATION_SIGMOID, .near_sigma = 0.001};
    struct mesh mesh = {0};
    enum status status = make_mesh(&mesh, err);
    if (status == STATUS_OK)
        status = task_shape_create(&p->task[PROBE_IS_INSIDE], &mesh, &spec, &making, err);
    spec.softness = 0.001;
    spec.near_surface = 0.7;
    if (status == STATUS_OK)
        status = task_shape_create(&p->task[PROBE_DISTANCE], &mesh, &spec, &making, err);
    mesh_deinit(&mesh);
    return status;
}

/* --- life --- */

/* Of what one call of a task does. */
static double units(enum probe probe)
{
    const double n = pow(VOLUME_SIDE, 3);
    switch (probe) {
    case PROBE_PROJECT_NEAREST:
    case PROBE_PROJECT_LINEAR:
        return (double)PICTURE_SIDE * PICTURE_SIDE * N_ANGLES;
    case PROBE_TRANSFORM:
        return n * log2(n);
    default:
        return 1.0;
    }
}

enum status probes_create(struct probes **out, const struct kernel *kernel, struct team *team,
                          struct error *err)
{
    struct probes *p = mem_alloc(sizeof *p);
    if (!p)
        return error_status(err, STATUS_NO_MEMORY);
    enum status status = make_projections(p, err);
    if (status == STATUS_OK)
        status = make_transform(p, err);
    if (status == STATUS_OK)
        status = make_rays(p, kernel, err);
    if (status == STATUS_OK)
        status = make_labels(p, team, err);
    if (status != STATUS_OK) {
        probes_free(p);
        return status;
    }
    for (enum probe i = 0; i < N_PROBES; i++)
        p->probe[i] = (struct calibration_probe){p->task[i], units(i)};
    *out = p;
    return STATUS_OK;
}

void probes_free(struct probes *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < N_PROBES; i++)
        task_free(p->task[i]);
    views_deinit(&p->views);
    mem_free(p);
}

const struct calibration_probe *probes_get(const struct probes *p)
{
    return p->probe;
}
