#include "core/task/view_rays.h"

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/scene/camera.h"

enum { HOLDOUT_STRIDE = 8 };

static bool has_split(const struct views *v, enum view_split split)
{
    for (size_t i = 0; i < v->n_views; i++)
        if (v->view[i].split == split)
            return true;
    return false;
}

/* What tells the sets apart. */
struct division {
    bool has_holdout, has_test;
    enum view_split test;
};

/* N_VIEW_SETS: none. */
static enum view_set_name set_of(const struct division *d, const struct view *v, size_t i)
{
    if (!d->has_holdout)
        return VIEWS_TRAINED;
    if (!d->has_test)
        return i % HOLDOUT_STRIDE == 0 ? VIEWS_HELD_OUT : VIEWS_TRAINED;
    if (v->split == d->test)
        return VIEWS_HELD_OUT;
    return v->split == VIEW_TRAIN ? VIEWS_TRAINED : N_VIEW_SETS;
}

/* The views of one set. */
static enum status collect(const struct views *v, const struct division *d,
                           enum view_set_name which, struct view_set *set, struct error *err)
{
    set->view = mem_alloc_array(v->n_views, sizeof *set->view);
    set->before = mem_alloc_array(v->n_views + 1, sizeof *set->before);
    if (!set->view || !set->before)
        return error_status(err, STATUS_NO_MEMORY);
    for (size_t i = 0; i < v->n_views; i++) {
        const struct image *image = &v->view[i].image;
        if (set_of(d, &v->view[i], i) != which)
            continue;
        set->view[set->n_views] = i;
        set->before[set->n_views + 1] =
            set->before[set->n_views] + (uint64_t)image->width * image->height;
        set->n_views++;
    }
    return STATUS_OK;
}

enum status view_sets_divide(const struct views *v, bool has_holdout,
                             struct view_set out[N_VIEW_SETS], struct error *err)
{
    struct division d = {.has_holdout = has_holdout, .test = VIEW_VALIDATION};
    struct view_set sets[N_VIEW_SETS] = {{0}};
    enum status status = STATUS_OK;
    if (has_split(v, VIEW_TEST))
        d.test = VIEW_TEST;
    d.has_test = has_split(v, d.test) && has_split(v, VIEW_TRAIN);
    for (int s = 0; s < N_VIEW_SETS && status == STATUS_OK; s++)
        status = collect(v, &d, (enum view_set_name)s, &sets[s], err);
    if (status != STATUS_OK)
        goto out;
    if (sets[VIEWS_TRAINED].n_views == 0) {
        status = error_set(err, STATUS_INVALID, "/train/holdout",
                           "%zu views leave none to train on when some are held out", v->n_views);
        goto out;
    }
    for (int s = 0; s < N_VIEW_SETS; s++) {
        out[s] = sets[s];
        sets[s] = (struct view_set){0};
    }
out:
    view_sets_deinit(sets);
    return status;
}

void view_sets_deinit(struct view_set sets[N_VIEW_SETS])
{
    for (int s = 0; s < N_VIEW_SETS; s++) {
        mem_free(sets[s].view);
        mem_free(sets[s].before);
        sets[s] = (struct view_set){0};
    }
}

uint64_t view_set_n_rays(const struct view_set *set)
{
    return set->before[set->n_views];
}

size_t view_set_find(const struct view_set *set, uint64_t i, size_t *pixel)
{
    size_t low = 0, high = set->n_views;
    while (high - low > 1) {
        const size_t middle = (low + high) / 2;
        if (set->before[middle] <= i)
            low = middle;
        else
            high = middle;
    }
    *pixel = (size_t)(i - set->before[low]);
    return low;
}

struct ray view_ray(const struct view *v, size_t pixel)
{
    const struct camera camera = camera_of_view(v);
    const size_t x = pixel % v->image.width, y = pixel / v->image.width;
    return camera_ray(&camera, (double)x + 0.5, (double)y + 0.5);
}

void view_pixel(const struct view *v, size_t pixel, const float background[3], float colour[3])
{
    float value[LIMIT_CHANNELS];
    const size_t channels = v->image.channels;
    image_read(&v->image, pixel * channels, channels, value);
    const float alpha = channels == 4 ? value[3] : 1.0f;
    for (size_t c = 0; c < 3; c++)
        colour[c] = alpha * value[c] + (1.0f - alpha) * background[c];
}
