#include "core/task/task_shape.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/nn/mlp.h"
#include "core/scene/solid.h"
#include "core/task/visit.h"

enum {
    SLAB_POINTS = 1 << 16, /* evaluated at once */
    CHUNK_POINTS = 1024,   /* labelled by one thread between two looks at the stop flag */
    CELL_BITS = 6,         /* the pool is put into the order of 2^6 cells along each axis */
    N_CELLS = 1 << 3 * CELL_BITS,
    FRESH_EPOCH = 1 << 20, /* points that are called an epoch where none comes twice */
};

static const double boundary_sigma = 0.01; /* of iou_boundary (the paper's notebook) */

enum set { SET_UNIFORM, SET_BOUNDARY, N_SETS };

/* Of each set (2^18: the paper's notebook). */
enum { FULL_POINTS = TASK_SHAPE_N_FULL / N_SETS, QUICK_POINTS = TASK_SHAPE_N_QUICK / N_SETS };

/* Points with their signed distances; of those that only need a sign, -1 or 1. */
struct points {
    float *coords;    /* [n, 3] */
    float *distances; /* [n] */
};

struct task_shape {
    struct task task; /* first: a struct task * is cast back */
    struct task_shape_spec spec;
    struct solid *solid;

    /* The pool, in the order of the curve; NULL without one. */
    float *coords;  /* [pool, 3] */
    float *targets; /* [pool] */

    struct points quick[N_SETS]; /* of a quick evaluation */
};

static const struct task_shape *of(const struct task *t)
{
    return (const struct task_shape *)t;
}

/* --- points --- */

static void draw_in_cube(struct rng *rng, float point[3])
{
    for (int a = 0; a < 3; a++)
        point[a] = (float)rng_uniform(rng);
}

static void draw_point(const struct task_shape *t, struct rng *rng, float point[3])
{
    if (rng_uniform(rng) < t->spec.near_surface)
        solid_draw_near(t->solid, SOLID_BY_AREA, t->spec.near_sigma, rng, point);
    else if (t->spec.everywhere > 0.0 && rng_uniform(rng) < t->spec.everywhere)
        draw_in_cube(rng, point);
    else
        solid_draw_in_box(t->solid, rng, point);
}

static float target_at(const struct task_shape *t, const float point[3])
{
    if (t->spec.target == SHAPE_OCCUPANCY && t->spec.softness == 0.0)
        return solid_is_inside(t->solid, point) ? 1.0f : 0.0f;
    const float distance = solid_distance(t->solid, point);
    if (t->spec.target == SHAPE_SDF)
        return distance;
    return (float)(1.0 / (1.0 + exp((double)distance / t->spec.softness)));
}

static void draw(const struct task *task, struct task_tile *tile)
{
    const struct task_shape *t = of(task);
    if (!t->coords) {
        for (size_t i = 0; i < tile->n; i++) {
            struct rng rng =
                rng_at(t->spec.seed, RNG_BATCH, tile->step * tile->batch_size + tile->first + i);
            draw_point(t, &rng, tile->coords + 3 * i);
            tile->targets[i] = target_at(t, tile->coords + 3 * i);
        }
        return;
    }
    const struct lattice curve = {t->spec.pool, 1};
    struct visit visits[MLP_TILE];
    visit_batch(&curve, t->spec.seed, tile->step, tile->batch_size, tile->first, tile->n, visits);
    for (size_t i = 0; i < tile->n; i++) {
        memcpy(tile->coords + 3 * i, t->coords + 3 * (size_t)visits[i].x, 3 * sizeof(float));
        tile->targets[i] = t->targets[visits[i].x];
    }
}

static double loss(const struct task *task, const struct task_tile *tile)
{
    const struct task_shape *t = of(task);
    return loss_evaluate(t->spec.loss, t->spec.output_activation, tile->n, tile->raw, tile->values,
                         tile->targets, 1.0 / (double)tile->batch_size, tile->d_raw);
}

/* --- work on many points, shared by a team --- */

struct share_out {
    const struct task_shape *task;
    const struct task_shape_making *making;
    size_t n_members, n;
    void (*work)(const struct share_out *s, size_t i); /* on point i */
    float *coords, *targets;
    enum set set;
    size_t first; /* of the set */
};

/* Chunks are dealt to the members in turns: near the surface points cost more. */
static void share_out_member(void *context, size_t member)
{
    const struct share_out *s = context;
    for (size_t chunk = member * CHUNK_POINTS; chunk < s->n; chunk += s->n_members * CHUNK_POINTS) {
        if (task_stopped(s->making->stop))
            return;
        const size_t end = s->n - chunk < CHUNK_POINTS ? s->n : chunk + CHUNK_POINTS;
        for (size_t i = chunk; i < end; i++)
            s->work(s, i);
        if (member == 0 && s->making->progress)
            s->making->progress(s->making->context, (double)chunk / (double)s->n);
    }
}

static enum status share_out(struct share_out *s, struct error *err)
{
    s->n_members = team_size(s->making->team);
    team_run(s->making->team, share_out_member, s);
    return task_stopped(s->making->stop) ? error_status(err, STATUS_CANCELED) : STATUS_OK;
}

/* --- the pool --- */

static void draw_pool_point(const struct share_out *s, size_t i)
{
    struct rng rng = rng_at(s->task->spec.seed, RNG_POOL, i);
    draw_point(s->task, &rng, s->coords + 3 * i);
}

static void label_pool_point(const struct share_out *s, size_t i)
{
    s->targets[i] = target_at(s->task, s->coords + 3 * i);
}

/* The cell of a point on Morton's curve: bits of x, y and z in turns. */
static size_t cell_of(const float point[3])
{
    size_t cell = 0;
    for (size_t a = 0; a < 3; a++) {
        const float at = point[a] * (float)(1 << CELL_BITS);
        const size_t k = at >= (float)(1 << CELL_BITS) ? (1 << CELL_BITS) - 1
                         : at > 0.0f                   ? (size_t)at
                                                       : 0;
        for (size_t bit = 0; bit < CELL_BITS; bit++)
            cell |= (k >> bit & 1) << (3 * bit + a);
    }
    return cell;
}

/* drawn, in the order of cells, points of a cell in the order in which they were drawn. */
static enum status sort_pool(struct task_shape *t, const float *drawn, struct error *err)
{
    size_t *end = mem_alloc_array(N_CELLS + 1, sizeof *end);
    if (!end)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t i = 0; i < t->spec.pool; i++)
        end[cell_of(drawn + 3 * i) + 1]++;
    for (size_t c = 0; c < N_CELLS; c++)
        end[c + 1] += end[c];
    for (size_t i = 0; i < t->spec.pool; i++)
        memcpy(t->coords + 3 * end[cell_of(drawn + 3 * i)]++, drawn + 3 * i, 3 * sizeof *drawn);
    mem_free(end);
    return STATUS_OK;
}

static enum status make_pool(struct task_shape *t, const struct task_shape_making *making,
                             struct error *err)
{
    struct share_out s = {.task = t, .making = making, .n = t->spec.pool};
    s.coords = mem_alloc_floats(3 * t->spec.pool);
    t->coords = mem_alloc_floats(3 * t->spec.pool);
    t->targets = mem_alloc_floats(t->spec.pool);
    enum status status = STATUS_OK;
    if (!s.coords || !t->coords || !t->targets) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    const struct task_shape_making silent = {.team = making->team, .stop = making->stop};
    s.making = &silent;
    s.work = draw_pool_point;
    status = share_out(&s, err);
    if (status == STATUS_OK)
        status = sort_pool(t, s.coords, err);
    if (status != STATUS_OK)
        goto out;
    mem_free(s.coords);
    s = (struct share_out){.task = t,
                           .making = making,
                           .n = t->spec.pool,
                           .work = label_pool_point,
                           .coords = t->coords,
                           .targets = t->targets};
    return share_out(&s, err);
out:
    mem_free(s.coords);
    return status;
}

/* --- evaluation --- */

static void draw_set_point(const struct share_out *s, size_t i)
{
    const struct solid *solid = s->task->solid;
    float *point = s->coords + 3 * i;
    struct rng rng = rng_at(s->task->spec.seed, RNG_EVALUATION,
                            (uint64_t)s->set << 32 | (uint64_t)(s->first + i));
    if (s->set == SET_UNIFORM)
        solid_draw_in_box(solid, &rng, point);
    else
        solid_draw_near(solid, SOLID_BY_TRIANGLE, boundary_sigma, &rng, point);
    if (s->task->spec.target == SHAPE_SDF && s->set == SET_BOUNDARY)
        s->targets[i] = solid_distance(solid, point);
    else
        s->targets[i] = solid_is_inside(solid, point) ? -1.0f : 1.0f;
}

/* Sums over points of a set. */
struct tally {
    size_t n, n_both, n_either;
    double distance_error;
};

static void count(const struct task_shape *t, size_t n, const float *values, const float *distances,
                  struct tally *sum)
{
    for (size_t i = 0; i < n; i++) {
        const bool is_inside = distances[i] < 0.0f;
        const bool is_said = t->spec.target == SHAPE_SDF ? values[i] < 0.0f : values[i] > 0.5f;
        sum->n_both += is_inside && is_said;
        sum->n_either += is_inside || is_said;
        sum->distance_error += fabs((double)values[i] - (double)distances[i]);
    }
    sum->n += n;
}

static enum status points_create(struct points *p, size_t n, struct error *err)
{
    p->coords = mem_alloc_floats(3 * n);
    p->distances = mem_alloc_floats(n);
    return p->coords && p->distances ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

static void points_deinit(struct points *p)
{
    mem_free(p->coords);
    mem_free(p->distances);
}

/* Points first … first + n - 1 of a set. */
static enum status draw_set(const struct task_shape *t, enum set set, size_t first, size_t n,
                            const struct task_shape_making *making, struct points *out,
                            struct error *err)
{
    struct share_out s = {.task = t,
                          .making = making,
                          .n = n,
                          .work = draw_set_point,
                          .coords = out->coords,
                          .targets = out->distances,
                          .set = set,
                          .first = first};
    return share_out(&s, err);
}

static void add_metrics(const struct task_shape *t, const struct tally sums[N_SETS],
                        struct task_metrics *out)
{
    static const char *const keys[] = {
        [SET_UNIFORM] = "iou_uniform", [SET_BOUNDARY] = "iou_boundary"};
    for (int s = 0; s < N_SETS; s++) /* two that are empty agree */
        task_metrics_add(out, keys[s],
                         sums[s].n_either > 0 ? (double)sums[s].n_both / (double)sums[s].n_either
                                              : 1.0);
    const struct tally *boundary = &sums[SET_BOUNDARY];
    if (t->spec.target == SHAPE_SDF)
        task_metrics_add(out, "distance_error", boundary->distance_error / (double)boundary->n);
}

static enum status evaluate_quickly(const struct task_shape *t, const struct field *f,
                                    struct team *team, const volatile bool *stop, float *values,
                                    struct tally sums[N_SETS], struct error *err)
{
    enum status status = STATUS_OK;
    for (int s = 0; s < N_SETS && status == STATUS_OK; s++) {
        status = task_query(f, team, QUICK_POINTS, t->quick[s].coords, values, stop, err);
        if (status == STATUS_OK)
            count(t, QUICK_POINTS, values, t->quick[s].distances, &sums[s]);
    }
    return status;
}

static enum status evaluate_fully(const struct task_shape *t, const struct field *f,
                                  struct team *team, const struct task_evaluation *how,
                                  float *values, struct tally sums[N_SETS], struct error *err)
{
    const struct task_shape_making making = {.team = team, .stop = how->stop};
    struct points slab = {0};
    enum status status = points_create(&slab, SLAB_POINTS, err);
    for (int s = 0; s < N_SETS; s++)
        for (size_t first = 0; first < FULL_POINTS && status == STATUS_OK; first += SLAB_POINTS) {
            status = draw_set(t, (enum set)s, first, SLAB_POINTS, &making, &slab, err);
            if (status == STATUS_OK)
                status = task_query(f, team, SLAB_POINTS, slab.coords, values, how->stop, err);
            if (status != STATUS_OK)
                break;
            count(t, SLAB_POINTS, values, slab.distances, &sums[s]);
            if (how->progress)
                how->progress(how->context,
                              (double)((size_t)s * FULL_POINTS + first + SLAB_POINTS) /
                                  ((double)N_SETS * FULL_POINTS));
        }
    points_deinit(&slab);
    return status;
}

static enum status evaluate(const struct task *task, const struct field *f, struct team *team,
                            const struct task_evaluation *how, struct task_metrics *out,
                            struct error *err)
{
    const struct task_shape *t = of(task);
    struct tally sums[N_SETS] = {{0}};
    float *values = mem_alloc_floats(SLAB_POINTS);
    if (!values)
        return error_status(err, STATUS_NO_MEMORY);
    const enum status status = how->effort == EVALUATE_FULL
                                   ? evaluate_fully(t, f, team, how, values, sums, err)
                                   : evaluate_quickly(t, f, team, how->stop, values, sums, err);
    mem_free(values);
    if (status == STATUS_OK)
        add_metrics(t, sums, out);
    return status;
}

/* --- life --- */

static void free_shape_task(struct task *task)
{
    struct task_shape *t = (struct task_shape *)task;
    solid_free(t->solid);
    mem_free(t->coords);
    mem_free(t->targets);
    for (int s = 0; s < N_SETS; s++)
        points_deinit(&t->quick[s]);
    mem_free(t);
}

static const struct task_class shape_class = {
    .name = "shape",
    .draw = draw,
    .loss = loss,
    .evaluate = evaluate,
    .free = free_shape_task,
};

/* An occupancy is a value in 0..1, and cross-entropy wants it as such; a distance is any number. */
static enum status check_loss(const struct task_shape_spec *spec, struct error *err)
{
    const enum activation output = spec->output_activation;
    if (spec->target == SHAPE_SDF && spec->loss == LOSS_BCE)
        return error_set(err, STATUS_INVALID, "/train/loss",
                         "'loss' can be 'bce' for the target 'occupancy' only");
    if (spec->target == SHAPE_SDF && output != ACTIVATION_LINEAR)
        return error_set(err, STATUS_INVALID, "/field/network/output_activation",
                         "'output_activation' must be 'linear' for the target 'sdf', whose values "
                         "are negative inside, got '%s'",
                         activation_name(output));
    if (spec->loss == LOSS_BCE && output != ACTIVATION_SIGMOID)
        return error_set(err, STATUS_INVALID, "/train/loss",
                         "'loss' of a shape can be 'bce' with the output activation 'sigmoid' "
                         "only, got '%s'",
                         activation_name(output));
    return loss_check(spec->loss, output, err);
}

static enum status make_quick(struct task_shape *t, const struct task_shape_making *making,
                              struct error *err)
{
    const struct task_shape_making silent = {.team = making->team, .stop = making->stop};
    bool is_solid = false;
    for (int s = 0; s < N_SETS; s++) {
        enum status status = points_create(&t->quick[s], QUICK_POINTS, err);
        if (status == STATUS_OK)
            status = draw_set(t, (enum set)s, 0, QUICK_POINTS, &silent, &t->quick[s], err);
        if (status != STATUS_OK)
            return status;
        for (size_t i = 0; i < QUICK_POINTS; i++)
            is_solid = is_solid || t->quick[s].distances[i] < 0.0f;
    }
    if (!is_solid && t->spec.target == SHAPE_OCCUPANCY)
        return error_set(err, STATUS_INVALID, "",
                         "the mesh encloses nothing: none of %d points in and around it is inside",
                         N_SETS * QUICK_POINTS);
    return STATUS_OK;
}

static enum status make(struct task_shape *t, const struct mesh *mesh,
                        const struct task_shape_making *making, struct error *err)
{
    enum status status = solid_create(&t->solid, mesh, err);
    if (status == STATUS_OK)
        status = make_quick(t, making, err);
    if (status == STATUS_OK && t->spec.pool > 0)
        status = make_pool(t, making, err);
    return status;
}

enum status task_shape_create(struct task **out, const struct mesh *mesh,
                              const struct task_shape_spec *spec,
                              const struct task_shape_making *making, struct error *err)
{
    assert(spec->pool <= SHAPE_MAX_POOL);
    enum status status = check_loss(spec, err);
    if (status != STATUS_OK)
        return status;
    struct task_shape *t = mem_alloc(sizeof *t);
    if (!t)
        return error_status(err, STATUS_NO_MEMORY);
    *t = (struct task_shape){
        .task = {.class = &shape_class,
                 .n_inputs = 3,
                 .n_outputs = 1,
                 .group_size = 1,
                 .n_targets = 1,
                 .n_samples = spec->pool > 0 ? spec->pool : FRESH_EPOCH,
                 .n_evaluated = (size_t)N_SETS * QUICK_POINTS},
        .spec = *spec,
    };
    status = make(t, mesh, making, err);
    if (status != STATUS_OK) {
        free_shape_task(&t->task);
        return status;
    }
    *out = &t->task;
    return STATUS_OK;
}

size_t task_shape_bytes(size_t n_triangles, size_t pool)
{
    return solid_bytes(n_triangles) + (pool + (size_t)N_SETS * QUICK_POINTS) * 4 * sizeof(float);
}

/* The tree is built before the pool is drawn. */
size_t task_shape_making_bytes(size_t n_vertices, size_t n_triangles, size_t pool)
{
    const size_t build = solid_build_bytes(n_vertices, n_triangles);
    const size_t sort = pool * 3 * sizeof(float) + N_CELLS * sizeof(size_t);
    return build > sort ? build : sort;
}

size_t task_shape_evaluation_bytes(void)
{
    return (size_t)SLAB_POINTS * 5 * sizeof(float);
}
