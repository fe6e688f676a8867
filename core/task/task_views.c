#include "core/task/task_views.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/base/rng.h"
#include "core/field/metrics.h"
#include "core/nn/mlp.h"
#include "core/scene/occupancy_grid.h"
#include "core/task/view_rays.h"

enum {
    QUICK_RAYS = 16384,   /* of each set, while training (contract) */
    MAX_DRAWS = 4096,     /* rays that a tile looks for when all miss */
    CHUNK = EYE_RAYS * 4, /* rays of a piece of an evaluation */
    LEAST_RAYS = 1024,    /* that a PSNR is told by, where a view is not looked at as a whole */
    GUESSED_PLACES = 16,  /* of a walked ray, for n_evaluated */
};

/* What a view counts at most: a thousandth of the range, less than eight bits can tell.  A view of
 * nothing, which is met exactly, does not outweigh all others so. */
static const double most_psnr = 60.0;

/* What draw tells loss: floats of a point.  A ray's numbers stand with its first point. */
enum {
    TARGET_T,
    TARGET_DT,     /* in the density's unit */
    TARGET_COUNT,  /* points of the ray; 0: the rest of the tile is empty */
    TARGET_COLOUR, /* 3 */
    TARGET_BACKGROUND = TARGET_COLOUR + 3,
    TARGET_DIRECTION = TARGET_BACKGROUND + 3,
    N_TARGETS = TARGET_DIRECTION + 3,
};

struct task_views {
    struct task task; /* first: a struct task * is cast back */
    const struct views *views;
    struct task_views_spec spec;
    struct view_set set[N_VIEW_SETS];
    struct occupancy_grid *grid; /* NULL: rays are even */
};

static const struct task_views *of(const struct task *t)
{
    return (const struct task_views *)t;
}

/* --- training --- */

/* Ray i of all training rays. */
static const struct view *find_ray(const struct task_views *t, uint64_t i, size_t *pixel)
{
    const struct view_set *set = &t->set[VIEWS_TRAINED];
    return &t->views->view[set->view[view_set_find(set, i, pixel)]];
}

/* A ray's own numbers, with its first point. */
static void write_ray(const struct task_views *t, const struct view *v, size_t pixel,
                      const double direction[3], size_t count, struct rng *rng, float *target)
{
    float background[3];
    memcpy(background, t->spec.radiance.background, sizeof background);
    for (int c = 0; c < 3 && t->spec.background == BACKGROUND_RANDOM; c++)
        background[c] = (float)rng_uniform(rng);
    target[TARGET_COUNT] = (float)count;
    view_pixel(v, pixel, background, target + TARGET_COLOUR);
    memcpy(target + TARGET_BACKGROUND, background, sizeof background);
    for (int d = 0; d < 3; d++)
        target[TARGET_DIRECTION + d] = (float)direction[d];
}

/* One ray at even depths. */
static void draw_even_ray(const struct task_views *t, const struct task_tile *tile, size_t first)
{
    const struct radiance_spec *s = &t->spec.radiance;
    const uint64_t total = view_set_n_rays(&t->set[VIEWS_TRAINED]);
    const uint64_t number =
        tile->step * (tile->batch_size / s->n_samples) + (tile->first + first) / s->n_samples;
    struct rng rng = rng_at(t->spec.seed, RNG_BATCH, number);
    size_t pixel;
    const struct view *v =
        find_ray(t, rng_permute(t->spec.seed, RNG_BATCH, 0, total, number % total), &pixel);
    const struct ray r = view_ray(v, pixel);
    double direction[3] = {r.direction[0], r.direction[1], r.direction[2]};
    const double gap = (s->far - s->near) / (double)(s->n_samples - 1);
    const double noise = (s->far - s->near) / (double)s->n_samples;
    float *targets = tile->targets + N_TARGETS * first, *coords = tile->coords + 3 * first;
    for (size_t k = 0; k < s->n_samples; k++) {
        const double depth = s->near + (double)k * gap + rng_uniform(&rng) * noise;
        double place[3];
        for (int d = 0; d < 3; d++)
            place[d] = r.origin[d] + depth * r.direction[d];
        domain_unit_of_place(&s->domain, place, coords + 3 * k);
        targets[N_TARGETS * k + TARGET_T] = (float)depth;
        if (k > 0)
            targets[N_TARGETS * (k - 1) + TARGET_DT] =
                (float)((depth - (double)targets[N_TARGETS * (k - 1) + TARGET_T]) / s->unit);
    }
    targets[N_TARGETS * (s->n_samples - 1) + TARGET_DT] = RADIANCE_ENDLESS;
    ray_normalize(direction);
    write_ray(t, v, pixel, direction, s->n_samples, &rng, targets);
}

/* Places of a walk that are occupied, of at most `max`. */
static size_t count_places(const struct occupancy *o, struct walk w, size_t max)
{
    float t[MLP_TILE], coords[3 * MLP_TILE];
    size_t n = 0, more = MLP_TILE;
    while (more == MLP_TILE && n < max) {
        more = occupancy_walk(o, &w, MLP_TILE, t, coords);
        n += more;
    }
    return n;
}

/* A ray by chance, walked into at most `room` points.  Returns how many it took; 0: it met nothing;
 * more than there is room: it does not fit. */
static size_t draw_walked_ray(const struct task_views *t, struct rng *rng, size_t room,
                              float *coords, float *targets)
{
    const struct radiance_spec *s = &t->spec.radiance;
    const struct occupancy *o = occupancy_grid_get(t->grid);
    float place[MLP_TILE + 1], unit[3 * (MLP_TILE + 1)];
    struct walk walk;
    size_t pixel;
    const struct view *v =
        find_ray(t, rng_below(rng, view_set_n_rays(&t->set[VIEWS_TRAINED])), &pixel);
    struct ray r = view_ray(v, pixel);
    const double jitter = rng_uniform(rng);
    ray_normalize(r.direction);
    if (!radiance_start(s, &r, jitter, 1.0, &walk))
        return 0;
    size_t n = occupancy_walk(o, &walk, room + 1, place, unit);
    if (n > room && room < MLP_TILE)
        return n;
    if (n > room) { /* more than a tile has: longer steps, of which no gap may cost one too many */
        radiance_start(s, &r, jitter, 1.0, &walk);
        const size_t n_all = count_places(o, walk, SIZE_MAX);
        for (size_t stride = (n_all + MLP_TILE - 1) / MLP_TILE; n > room; stride++) {
            if (!radiance_start(s, &r, jitter, (double)stride, &walk))
                return 0;
            n = occupancy_walk(o, &walk, room + 1, place, unit);
        }
    }
    if (n == 0)
        return 0;
    memcpy(coords, unit, 3 * n * sizeof *coords);
    for (size_t i = 0; i < n; i++) {
        targets[N_TARGETS * i + TARGET_T] = place[i];
        targets[N_TARGETS * i + TARGET_DT] = walk.step / (float)s->unit;
    }
    write_ray(t, v, pixel, r.direction, n, rng, targets);
    return n;
}

static void draw_walked_tile(const struct task_views *t, const struct task_tile *tile)
{
    const uint64_t n_tiles = (tile->batch_size + MLP_TILE - 1) / MLP_TILE;
    struct rng rng = rng_at(t->spec.seed, RNG_BATCH, tile->step * n_tiles + tile->first / MLP_TILE);
    size_t n = 0;
    for (size_t i = 0; i < MAX_DRAWS && n < tile->n; i++) {
        const size_t room = tile->n - n;
        const size_t count =
            draw_walked_ray(t, &rng, room, tile->coords + 3 * n, tile->targets + N_TARGETS * n);
        if (count > room)
            break;
        n += count;
    }
    if (n == tile->n)
        return;
    tile->targets[N_TARGETS * n + TARGET_COUNT] = 0.0f;
    for (size_t i = 3 * n; i < 3 * tile->n; i++)
        tile->coords[i] = 0.5f;
}

static void draw(const struct task *task, struct task_tile *tile)
{
    const struct task_views *t = of(task);
    if (t->grid)
        draw_walked_tile(t, tile);
    else
        for (size_t i = 0; i < tile->n; i += t->spec.radiance.n_samples)
            draw_even_ray(t, tile, i);
}

/* One ray of n points: its squared error, and its gradient times scale. */
static double learn_ray(const struct task_views *t, size_t n, const float *raw,
                        const float *targets, double scale, float *d_raw)
{
    const struct volume_shading *shading = &t->spec.radiance.shading;
    float dt[MLP_TILE], place[MLP_TILE], basis[VOLUME_MAX_BASIS], d_colour[3];
    struct volume_sample kept[MLP_TILE];
    struct volume_sum sum = {.transmittance = 1.0f};
    const double direction[3] = {(double)targets[TARGET_DIRECTION],
                                 (double)targets[TARGET_DIRECTION + 1],
                                 (double)targets[TARGET_DIRECTION + 2]};
    double error = 0.0;
    for (size_t i = 0; i < n; i++) {
        dt[i] = targets[N_TARGETS * i + TARGET_DT];
        place[i] = targets[N_TARGETS * i + TARGET_T];
    }
    volume_basis(shading->degree, direction, basis);
    volume_forward(shading, basis, n, raw, dt, place, &sum, kept);
    for (size_t c = 0; c < 3; c++) {
        const double seen = (double)sum.colour[c] +
                            (double)sum.transmittance * (double)targets[TARGET_BACKGROUND + c];
        const double residual = seen - (double)targets[TARGET_COLOUR + c];
        error += residual * residual;
        d_colour[c] = (float)(2.0 * scale * residual);
    }
    volume_backward(shading, basis, n, raw, dt, kept, targets + TARGET_BACKGROUND, d_colour, d_raw);
    return error;
}

static double loss(const struct task *task, const struct task_tile *tile)
{
    const struct task_views *t = of(task);
    const size_t n_outputs = task->n_outputs;
    size_t n_tile_rays = 0, n = 0;
    while (n < tile->n && tile->targets[N_TARGETS * n + TARGET_COUNT] > 0.0f) {
        n += (size_t)tile->targets[N_TARGETS * n + TARGET_COUNT];
        n_tile_rays++;
    }
    memset(tile->d_raw + n * n_outputs, 0, (tile->n - n) * n_outputs * sizeof(float));
    if (n_tile_rays == 0)
        return 0.0;
    /* the tile's part of the batch, divided among its rays and their channels */
    const double scale = (double)tile->n / (double)tile->batch_size / (3.0 * (double)n_tile_rays);
    double error = 0.0;
    for (size_t i = 0; i < n;) {
        const size_t count = (size_t)tile->targets[N_TARGETS * i + TARGET_COUNT];
        error += learn_ray(t, count, tile->raw + i * n_outputs, tile->targets + N_TARGETS * i,
                           scale, tile->d_raw + i * n_outputs);
        i += count;
    }
    return error * scale;
}

/* --- state --- */

static void show_mask(const struct task_views *t, struct field *f)
{
    assert(field_n_mask(f) == OCCUPANCY_BYTES);
    memcpy(field_mask(f), occupancy_grid_get(t->grid)->mask, OCCUPANCY_BYTES);
}

static void update(const struct task *task, uint64_t step, struct field *f, struct team *team)
{
    const struct task_views *t = of(task);
    const struct radiance_spec *s = &t->spec.radiance;
    if (!t->grid)
        return;
    const struct occupancy_look look = {.seed = t->spec.seed,
                                        .step = step,
                                        .density = s->shading.density,
                                        .length = (float)(radiance_step(s) / s->unit)};
    if (occupancy_grid_update(t->grid, &look, f, team))
        show_mask(t, f);
}

static void restored(const struct task *task, struct field *f)
{
    const struct task_views *t = of(task);
    if (!t->grid)
        return;
    occupancy_grid_restore(t->grid);
    show_mask(t, f);
}

/* --- evaluation --- */

/* What a member looks with. */
struct seat {
    struct eye *eye;
};

/* Rays of a set that are looked at: n_each of each view, by chance, or all. */
struct evaluation {
    const struct task_views *task;
    enum view_set_name set;
    size_t n_each; /* 0: all */
    const volatile bool *stop;
    uint64_t *first_chunk; /* [n_views + 1] */
    double *error;         /* [n_chunks] */
    struct seat *seat;     /* [n_members] */
    size_t begin, end;     /* chunks of this run */
    atomic_size_t next;
};

static size_t rays_of_view(const struct evaluation *e, size_t view)
{
    const struct view_set *set = &e->task->set[e->set];
    const uint64_t n = set->before[view + 1] - set->before[view];
    return e->n_each > 0 && e->n_each < n ? e->n_each : (size_t)n;
}

static void measure_chunk(struct evaluation *e, size_t chunk, struct eye *eye)
{
    const struct task_views *t = e->task;
    const struct view_set *set = &t->set[e->set];
    size_t view = 0;
    while (e->first_chunk[view + 1] <= chunk)
        view++;
    const struct view *v = &t->views->view[set->view[view]];
    const size_t n_view = rays_of_view(e, view), n_pixels = v->image.width * v->image.height;
    const size_t first = (chunk - (size_t)e->first_chunk[view]) * CHUNK;
    const size_t end = first + CHUNK < n_view ? first + CHUNK : n_view;
    for (size_t i = first; i < end; i += EYE_RAYS) {
        struct ray rays[EYE_RAYS];
        struct sight seen[EYE_RAYS];
        float target[EYE_RAYS][3];
        const size_t n = end - i < EYE_RAYS ? end - i : EYE_RAYS;
        for (size_t k = 0; k < n; k++) {
            size_t pixel = i + k;
            if (n_view < n_pixels)
                pixel = (size_t)rng_permute(t->spec.seed, RNG_EVALUATION, set->view[view], n_pixels,
                                            pixel);
            rays[k] = view_ray(v, pixel);
            view_pixel(v, pixel, t->spec.radiance.background, target[k]);
        }
        eye_look(eye, n, rays, seen);
        for (size_t k = 0; k < n; k++)
            e->error[chunk] += metrics_squared_error(3, seen[k].colour, target[k]);
    }
}

static void measure_member(void *context, size_t member)
{
    struct evaluation *e = context;
    size_t chunk;
    while (!task_stopped(e->stop) && (chunk = atomic_fetch_add(&e->next, 1)) < e->end)
        measure_chunk(e, chunk, e->seat[member].eye);
}

/* Chunks between two reports. */
static size_t chunks_per_run(size_t n_chunks)
{
    return n_chunks / 32 + 1;
}

/* Of few pixels of each view those of some views stand together: of a small thing most views would
 * have none, and count as perfect. */
static double mean_psnr(const struct evaluation *e)
{
    const struct view_set *set = &e->task->set[e->set];
    double sum = 0.0;
    size_t n_sums = 0;
    for (size_t i = 0; i < set->n_views; n_sums++) {
        double error = 0.0;
        size_t n = 0;
        bool is_whole = false;
        for (; i < set->n_views && n < LEAST_RAYS && !is_whole; i++) {
            for (size_t c = (size_t)e->first_chunk[i]; c < e->first_chunk[i + 1]; c++)
                error += e->error[c];
            n += rays_of_view(e, i);
            is_whole = rays_of_view(e, i) == set->before[i + 1] - set->before[i];
        }
        sum += fmin(metrics_psnr(error, 3 * n), most_psnr);
    }
    return sum / (double)n_sums;
}

static enum status measure(struct evaluation *e, struct team *team,
                           const struct task_evaluation *how, double *psnr, struct error *err)
{
    const struct view_set *set = &e->task->set[e->set];
    enum status status = STATUS_OK;
    e->first_chunk = mem_alloc_array(set->n_views + 1, sizeof *e->first_chunk);
    if (!e->first_chunk)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t i = 0; i < set->n_views; i++)
        e->first_chunk[i + 1] = e->first_chunk[i] + (rays_of_view(e, i) + CHUNK - 1) / CHUNK;
    const size_t n_chunks = (size_t)e->first_chunk[set->n_views];
    e->error = mem_alloc_array(n_chunks, sizeof *e->error);
    if (!e->error) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    while (e->begin < n_chunks && status == STATUS_OK) {
        const size_t left = n_chunks - e->begin, run = chunks_per_run(n_chunks);
        e->end = e->begin + (left < run ? left : run);
        atomic_store(&e->next, e->begin);
        team_run(team, measure_member, e);
        e->begin = e->end;
        if (task_stopped(how->stop))
            status = error_status(err, STATUS_CANCELED);
        else if (how->progress)
            how->progress(how->context, ((double)e->set + (double)e->begin / (double)n_chunks) /
                                            (double)N_VIEW_SETS);
    }
    if (status == STATUS_OK)
        *psnr = mean_psnr(e);
out:
    mem_free(e->first_chunk);
    mem_free(e->error);
    return status;
}

static size_t rays_of_each(const struct view_set *set, size_t n)
{
    return (n + set->n_views - 1) / set->n_views;
}

static enum status evaluate(const struct task *task, const struct field *f, struct team *team,
                            const struct task_evaluation *how, struct task_metrics *out,
                            struct error *err)
{
    static const char *const keys[N_VIEW_SETS] = {"psnr", "test_psnr"};
    const struct task_views *t = of(task);
    const struct occupancy *occupancy = t->grid ? occupancy_grid_get(t->grid) : NULL;
    const size_t n_members = team_size(team);
    enum status status = STATUS_OK;
    struct seat *seat = mem_alloc_array(n_members, sizeof *seat);
    if (!seat)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t i = 0; i < n_members && status == STATUS_OK; i++)
        status = radiance_eye_create(&seat[i].eye, &t->spec.radiance, f, occupancy, false, err);
    for (int s = 0; s < N_VIEW_SETS && status == STATUS_OK; s++) {
        const struct view_set *set = &t->set[s];
        double psnr = 0.0;
        if (set->n_views == 0)
            continue;
        struct evaluation e = {
            .task = t, .set = (enum view_set_name)s, .stop = how->stop, .seat = seat};
        if (how->effort == EVALUATE_QUICK)
            e.n_each = rays_of_each(set, QUICK_RAYS);
        else
            e.n_each = rays_of_each(set, s == VIEWS_TRAINED ? TASK_VIEWS_FULL_TRAIN_RAYS
                                                            : TASK_VIEWS_FULL_TEST_RAYS);
        status = measure(&e, team, how, &psnr, err);
        if (status == STATUS_OK)
            task_metrics_add(out, keys[s], psnr);
    }
    for (size_t i = 0; i < n_members; i++)
        eye_free(seat[i].eye);
    mem_free(seat);
    return status;
}

/* --- life --- */

static void free_views_task(struct task *task)
{
    struct task_views *t = (struct task_views *)task;
    view_sets_deinit(t->set);
    occupancy_grid_free(t->grid);
    mem_free(t);
}

static const struct task_class views_class = {
    .name = "views",
    .draw = draw,
    .loss = loss,
    .update = update,
    .restored = restored,
    .evaluate = evaluate,
    .free = free_views_task,
};

enum status task_views_check(const struct radiance_spec *r, struct error *err)
{
    if (!(r->near >= 0.0 && r->far > r->near && isfinite(r->far)))
        return error_set(err, STATUS_INVALID, "/measure/near",
                         "'near' must be at least 0 and less than 'far', got %g and %g", r->near,
                         r->far);
    if (!r->is_walked && (r->n_samples < 2 || r->n_samples > MLP_TILE))
        return error_set(err, STATUS_INVALID, "/measure/n_samples",
                         "'n_samples' must be 2..%d without an occupancy grid, got %zu", MLP_TILE,
                         r->n_samples);
    if (r->n_samples < 2 || r->n_samples > TASK_VIEWS_MAX_SAMPLES)
        return error_set(err, STATUS_INVALID, "/measure/n_samples",
                         "'n_samples' must be 2..%d, got %zu", TASK_VIEWS_MAX_SAMPLES,
                         r->n_samples);
    return STATUS_OK;
}

size_t task_views_bytes(const struct task_views_spec *spec, size_t n_threads)
{
    const size_t n_outputs = volume_n_outputs(spec->radiance.shading.degree);
    return (spec->radiance.is_walked ? occupancy_grid_bytes(n_outputs) : 0) +
           n_threads * radiance_eye_bytes(n_outputs);
}

static size_t quick_rays(const struct view_set *set)
{
    const uint64_t n = view_set_n_rays(set);
    return n < QUICK_RAYS ? (size_t)n : QUICK_RAYS;
}

enum status task_views_create(struct task **out, const struct views *views,
                              const struct task_views_spec *spec, struct error *err)
{
    enum status status = task_views_check(&spec->radiance, err);
    if (status != STATUS_OK)
        return status;
    struct task_views *t = mem_alloc(sizeof *t);
    if (!t)
        return error_status(err, STATUS_NO_MEMORY);
    const struct radiance_spec *r = &spec->radiance;
    *t = (struct task_views){
        .task = {.class = &views_class,
                 .n_inputs = 3,
                 .n_outputs = volume_n_outputs(r->shading.degree),
                 .group_size = r->is_walked ? MLP_TILE : r->n_samples,
                 .n_targets = N_TARGETS},
        .views = views,
        .spec = *spec,
    };
    for (int c = 0; c < 3; c++)
        t->spec.radiance.background[c] = spec->background == BACKGROUND_WHITE ? 1.0f : 0.0f;
    status = view_sets_divide(views, spec->has_holdout, t->set, err);
    if (status == STATUS_OK && r->is_walked) {
        status = occupancy_grid_create(&t->grid, t->task.n_outputs, err);
        if (status == STATUS_OK)
            t->task.state = occupancy_grid_state(t->grid, &t->task.n_state);
    }
    if (status != STATUS_OK) {
        free_views_task(&t->task);
        return status;
    }
    t->task.n_samples = (size_t)view_set_n_rays(&t->set[VIEWS_TRAINED]);
    t->task.n_held_out = (size_t)view_set_n_rays(&t->set[VIEWS_HELD_OUT]);
    t->task.n_evaluated =
        (quick_rays(&t->set[VIEWS_TRAINED]) + quick_rays(&t->set[VIEWS_HELD_OUT])) *
        (r->is_walked ? GUESSED_PLACES : r->n_samples);
    *out = &t->task;
    return STATUS_OK;
}
