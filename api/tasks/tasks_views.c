/* Task "views": a density and colours in space, from photographs whose cameras are known. */
#include "api/tasks/tasks.h"

#include <math.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/scene/occupancy_grid.h"
#include "core/scene/radiance.h"
#include "core/task/probes.h"
#include "core/task/task_views.h"

/* --- settings --- */

/* Indexed by enum background, and what stands for one of them that suits the data. */
static const char *const background_names[] = {"black", "white", "random", "auto", NULL};
static const char *const density_names[] = {"relu", "exp", "softplus", NULL};

/* A quarter of a large photograph is enough for most; a sixteenth is a stamp. */
enum { MAX_DOWNSCALE = 16 };

#define AT(member) .offset = offsetof(struct spec_measure, views.member)

static const struct member measure_rows[] = {
    {"near", MEMBER_NUMBER, 0.0, 1e9, AT(near), .may_be_auto = true, .fallback = "\"auto\""},
    {"far", MEMBER_NUMBER, 0.0, 1e9, .is_min_open = true, AT(far), .may_be_auto = true,
     .fallback = "\"auto\""},
    {"n_samples", MEMBER_INTEGER, 2, TASK_VIEWS_MAX_SAMPLES, AT(n_samples), .may_be_auto = true,
     .fallback = "\"auto\""},
    {"downscale", MEMBER_INTEGER, 1, MAX_DOWNSCALE, AT(downscale), .fallback = "1"},
    {"background", MEMBER_NAME, AT(background), .names = background_names, .fallback = "\"auto\""},
    {"occupancy_grid", MEMBER_BOOL, AT(occupancy_grid), .fallback = "true"},
    {"view_degree", MEMBER_INTEGER, 0, VOLUME_MAX_DEGREE, AT(view_degree), .fallback = "2"},
    {"density", MEMBER_NAME, AT(density), .names = density_names, .fallback = "\"exp\""},
};
#undef AT

static bool is_auto(const json_t *measure, const char *name)
{
    const char *text = json_string_value(json_object_get(measure, name));
    return text && strcmp(text, "auto") == 0;
}

/* What the pictures stand before: an alpha channel and scenery ask for a background that the field
 * cannot count on. */
static const char *background_for(enum backdrop b)
{
    return b == BACKDROP_BLACK ? "black" : b == BACKDROP_WHITE ? "white" : "random";
}

/* Places along the diagonal of a cube that is `facts->width` pixels wide: about one for each pixel
 * that it is long, and no fewer than find thin things. */
static json_int_t samples_for(const struct spec_facts *facts, bool is_walked)
{
    enum { EVEN = 128, LEAST = 384, MOST = 1024 };
    const double n = round(0.75 * sqrt(3.0) * (double)facts->width);
    return !is_walked ? EVEN : n < LEAST ? LEAST : n > MOST ? MOST : (json_int_t)n;
}

/* Presets hold some views out; of one none can be. */
static bool suit(json_t *settings, const json_t *asked, const struct spec_facts *facts)
{
    (void)asked;
    return facts->n_items > 1 || json_object_set_new(json_object_get(settings, "train"), "holdout",
                                                     json_string("none")) == 0;
}

/* Fewer pixels ask for fewer places. */
static void reduce(const json_t *asked, struct spec_facts *facts)
{
    const json_int_t n = json_integer_value(json_object_get(asked, "downscale"));
    if (n < 1 || n > MAX_DOWNSCALE) /* what is wrong with it is told where it is read */
        return;
    size_t *const sides[] = {&facts->width, &facts->height, &facts->depth};
    for (size_t d = 0; d < 3; d++)
        *sides[d] = *sides[d] > (size_t)n ? *sides[d] / (size_t)n : 1;
}

static bool fill_in(json_t *measure, const struct spec_facts *facts)
{
    const struct surroundings *around = &facts->around;
    const bool is_walked = json_is_true(json_object_get(measure, "occupancy_grid"));
    bool ok = true;
    if (is_auto(measure, "near"))
        ok = json_object_set_new(measure, "near", json_real(around->near)) == 0;
    if (is_auto(measure, "far"))
        ok = ok && json_object_set_new(measure, "far", json_real(around->far)) == 0;
    if (is_auto(measure, "n_samples"))
        ok = ok && json_object_set_new(measure, "n_samples",
                                       json_integer(samples_for(facts, is_walked))) == 0;
    if (is_auto(measure, "background"))
        ok = ok && json_object_set_new(measure, "background",
                                       json_string(background_for(around->backdrop))) == 0;
    return ok;
}

/* --- the field --- */

/* Walked rays: the cube that matters.  Even ones reach beyond it; their cube is as wide as 2 pi
 * quarters of the cameras' distance, so that frequencies in cycles per side are radians per
 * quarter of that distance: those of the paper's tables, whose cameras are 4 away. */
static double half_side_of(const struct spec *spec, const struct surroundings *around)
{
    return spec->measure.views.occupancy_grid ? around->half_side : M_PI * around->distance / 4.0;
}

static void place(struct spec *spec, const struct spec_facts *facts)
{
    const struct surroundings *around = &facts->around;
    spec->field.n_mask = spec->measure.views.occupancy_grid ? OCCUPANCY_BYTES : 0;
    if (facts->kind != DATA_VIEWS)
        return;
    const double half_side = half_side_of(spec, around);
    for (size_t d = 0; d < 3; d++) {
        memset(spec->source_from_unit[d], 0, sizeof spec->source_from_unit[d]);
        spec->source_from_unit[d][d] = 2.0 * half_side;
        spec->source_from_unit[d][3] = around->centre[d] - half_side;
    }
}

static size_t n_outputs(const struct spec *spec, const struct spec_facts *facts)
{
    (void)facts;
    return volume_n_outputs(spec->measure.views.view_degree);
}

/* A tile of walked rays, or an even ray. */
static size_t group_size(const struct spec *spec)
{
    return spec->measure.views.occupancy_grid ? MLP_TILE : spec->measure.views.n_samples;
}

/* Densities are per side of the cube; of even rays per quarter of the cameras' distance. */
static struct radiance_spec radiance_of(const struct spec *spec)
{
    const double side = spec->source_from_unit[0][0];
    struct radiance_spec r = {
        .shading = {(enum density_activation)spec->measure.views.density,
                    spec->measure.views.view_degree},
        .is_walked = spec->measure.views.occupancy_grid,
        .n_samples = spec->measure.views.n_samples,
        .near = spec->measure.views.near,
        .far = spec->measure.views.far,
        .unit = spec->measure.views.occupancy_grid ? side : side / (2.0 * M_PI),
        .domain = spec->field.domain,
    };
    for (size_t c = 0; c < 3; c++)
        r.background[c] = spec->measure.views.background == BACKGROUND_WHITE ? 1.0f : 0.0f;
    return r;
}

static struct task_views_spec task_spec_of(const struct spec *spec)
{
    return (struct task_views_spec){
        .radiance = radiance_of(spec),
        .background = (enum background)spec->measure.views.background,
        .has_holdout = spec->holdout == HOLDOUT_VIEWS,
        .seed = spec->train.seed,
    };
}

static enum status check(const struct spec *spec, const struct spec_facts *facts,
                         struct problem_list *problems)
{
    struct error err = {0};
    const struct radiance_spec r = radiance_of(spec);
    if (spec->holdout == HOLDOUT_VIEWS && facts->n_items < 2)
        problem_add(problems, STATUS_INVALID, "/train/holdout",
                    "one view leaves nothing to train on when some are held out");
    if (spec->field.network.output_activation != ACTIVATION_LINEAR)
        problem_add(problems, STATUS_INVALID, "/field/network/output_activation",
                    "'output_activation' of task 'views' must be 'linear': densities and colours "
                    "have activations of their own");
    if (spec->loss != LOSS_MSE)
        problem_add(problems, STATUS_INVALID, "/train/loss",
                    "'loss' of task 'views' must be 'mse'");
    if (task_views_check(&r, &err) != STATUS_OK)
        problem_add_error(problems, "", &err);
    return problems->status;
}

static enum status create(struct task **out, struct data *data, const struct spec *spec,
                          struct team *team, const volatile bool *stop, struct error *err)
{
    (void)team;
    (void)stop;
    const struct task_views_spec s = task_spec_of(spec);
    return task_views_create(out, &data->views, &s, err);
}

static enum status open_eye(struct eye **out, const struct spec *spec, const struct field *f,
                            bool has_normals, struct error *err)
{
    const struct radiance_spec r = radiance_of(spec);
    return radiance_eye_create(out, &r, f, NULL, has_normals, err);
}

/* A walked ray meets what its occupancy has: as seen, some tens of places. */
static double points_of_ray(const struct spec *spec)
{
    enum { WALKED = 24 };
    return spec->measure.views.occupancy_grid ? WALKED : (double)spec->measure.views.n_samples;
}

/* --- its surface --- */

/* Densities per source unit; none where the mask says that nothing is. */
static void surface_values(const struct spec *spec, const struct field *f, size_t n,
                           const float *unit, const float *outputs, float *values)
{
    const struct radiance_spec r = radiance_of(spec);
    const size_t stride = field_n_outputs(f);
    const uint8_t *mask = field_mask_const(f);
    for (size_t i = 0; i < n; i++)
        values[i] = mask && !occupancy_has(mask, unit + 3 * i)
                        ? 0.0f
                        : volume_density(r.shading.density, outputs[i * stride]) / (float)r.unit;
}

/* Half of the light is lost in 1/64 of the cube's side: nearer to the surface of what is solid than
 * to its fog. */
static void surface(const struct spec *spec, struct task_surface *out)
{
    out->level = (float)(64.0 * M_LN2 / spec->source_from_unit[0][0]);
    out->values = surface_values;
}

/* --- time --- */

static double ray_point(const struct spec *spec, const struct costs *costs)
{
    return costs->probe[spec->measure.views.occupancy_grid ? PROBE_WALKED_RAYS : PROBE_EVEN_RAYS];
}

/* The field is asked at cells of the grid, by all threads; which cells, and what they come to, one
 * thread finds while the others wait. */
static double cells_seconds(double n, const struct spec *spec, const struct costs *costs)
{
    static const double cell = 30e-9; /* not measured: a small part */
    return n * (cost_value(costs, &spec->field) + (double)costs->n_threads * cell);
}

/* … now and then. */
static double grid_seconds(const struct spec *spec, const struct costs *costs)
{
    static const double all_cells = 8e-3; /* likewise */
    const double update = cells_seconds(OCCUPANCY_CELLS_LOOKED_AT, spec, costs);
    return (update + (double)costs->n_threads * all_cells) / OCCUPANCY_PERIOD;
}

/* The first updates come by every cell. */
static double first_seconds(const struct spec *spec, const struct costs *costs, double *n_steps)
{
    enum { MORE = OCCUPANCY_FIRST_LOOKED_AT - OCCUPANCY_CELLS_LOOKED_AT };
    *n_steps = OCCUPANCY_FIRST_UPDATES * OCCUPANCY_PERIOD;
    return spec->measure.views.occupancy_grid
               ? OCCUPANCY_FIRST_UPDATES * cells_seconds(MORE, spec, costs)
               : 0.0;
}

static double step_seconds(const struct spec *spec, const struct spec_facts *facts,
                           const struct costs *costs)
{
    (void)facts;
    const double points = (double)spec->train.batch_size * (ray_point(spec, costs) - costs->draw);
    return points + (spec->measure.views.occupancy_grid ? grid_seconds(spec, costs) : 0.0);
}

/* Every eighth ray as held out, where the facts do not say how many are. */
static double evaluation_seconds(const struct spec *spec, const struct spec_facts *facts,
                                 const struct costs *costs)
{
    const double side = (double)spec->measure.views.downscale;
    const double n = (double)facts->n_pixels / (side * side);
    const double n_test = spec->holdout == HOLDOUT_VIEWS ? n / 8.0 : 0.0;
    const double n_rays =
        fmin(n_test, TASK_VIEWS_FULL_TEST_RAYS) + fmin(n - n_test, TASK_VIEWS_FULL_TRAIN_RAYS);
    return n_rays * points_of_ray(spec) *
           (cost_value(costs, &spec->field) + ray_point(spec, costs));
}

static struct task_bytes bytes(const struct spec *spec, const struct spec_facts *facts,
                               size_t n_threads)
{
    const struct task_views_spec s = task_spec_of(spec);
    const uint64_t n = spec->measure.views.downscale;
    return (struct task_bytes){
        .task = task_views_bytes(&s, n_threads),
        .unread = facts->data_bytes - facts->data_bytes / (n * n),
    };
}

/* The synthetic scenes of NeRF at half size: 100 views of 400 x 400 with alpha, 4 away. */
static const struct spec_facts example = {
    .kind = DATA_VIEWS,
    .n_dims = 3,
    .width = 403,
    .height = 403,
    .depth = 403,
    .channels = 4,
    .units = "units",
    .source_from_unit = {{2.9, 0, 0, -1.45}, {0, 2.9, 0, -1.45}, {0, 0, 2.9, -1.45}},
    .value_high = 1.0,
    .n_items = 100,
    .n_pixels = 400UL * 400 * 100,
    .around =
        {.distance = 4.0, .half_side = 1.45, .near = 2.0, .far = 6.0, .backdrop = BACKDROP_ALPHA},
    .data_bytes = 400UL * 400 * 4 * 100,
};

const struct task_row tasks_views = {
    .type = TASK_VIEWS,
    .name = "views",
    .kinds = 1u << DATA_VIEWS,
    .holdouts = 1u << HOLDOUT_NONE | 1u << HOLDOUT_VIEWS,
    .example = &example,
    .measure = {measure_rows, sizeof measure_rows / sizeof *measure_rows},
    .suit = suit,
    .reduce = reduce,
    .fill_in = fill_in,
    .place = place,
    .n_outputs = n_outputs,
    .group_size = group_size,
    .step_seconds = step_seconds,
    .first_seconds = first_seconds,
    .evaluation_seconds = evaluation_seconds,
    .check = check,
    .create = create,
    .open_eye = open_eye,
    .surface = surface,
    .points_of_ray = points_of_ray,
    .bytes = bytes,
};
