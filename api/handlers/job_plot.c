#include "api/handlers/job_plot.h"

#include <stdio.h>
#include <string.h>

#include "api/codec/codec_json.h"
#include "api/handlers/plot_words.h"
#include "api/handlers/reply.h"
#include "core/base/mem.h"

enum group { GROUP_FALLING, GROUP_DECIBELS, GROUP_SHARES, GROUP_BANDS, GROUP_OTHERS, N_GROUPS };
_Static_assert(N_GROUPS <= (int)PLOT_MAX_PANELS, "each group is a panel");

enum { TITLE_SIZE = 128, SETTINGS_SIZE = 400 };

static const struct {
    const char *title, *label;
    enum scale_kind steps, scale;
    const char *legend; /* of series that are in an order; NULL: they are not */
} groups[N_GROUPS] = {
    [GROUP_FALLING] = {"Loss", "loss", SCALE_LINEAR, SCALE_LOG, NULL},
    [GROUP_DECIBELS] = {"Quality", "PSNR (dB)", SCALE_LINEAR, SCALE_LINEAR, NULL},
    [GROUP_SHARES] = {"Agreement", "share", SCALE_LINEAR, SCALE_LINEAR, NULL},
    [GROUP_BANDS] = {"Residual by frequency", "part of the data's power", SCALE_LOG, SCALE_LOG,
                     "cycles per sample"},
    [GROUP_OTHERS] = {"Others", "value", SCALE_LINEAR, SCALE_LINEAR, NULL},
};

static const struct {
    const char *key, *name;
} bands[] = {{"residual_band_0", "to 1/64"},      {"residual_band_1", "1/64 to 1/32"},
             {"residual_band_2", "1/32 to 1/16"}, {"residual_band_3", "1/16 to 1/8"},
             {"residual_band_4", "1/8 to 1/4"},   {"residual_band_5", "above 1/4"}};
enum { N_BANDS = sizeof bands / sizeof *bands };

/* What a key is called in a legend. */
static const char *name_of(const char *key)
{
    for (size_t i = 0; i < N_BANDS; i++)
        if (strcmp(key, bands[i].key) == 0)
            return bands[i].name;
    return key;
}

static bool ends_in(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static enum group group_of(const char *key)
{
    if (ends_in(key, "psnr"))
        return GROUP_DECIBELS;
    if (strncmp(key, "residual_band_", 14) == 0)
        return GROUP_BANDS;
    if (ends_in(key, "loss") || ends_in(key, "mse") || ends_in(key, "error") ||
        strncmp(key, "residual", 8) == 0)
        return GROUP_FALLING;
    if (ends_in(key, "ssim") || strncmp(key, "iou", 3) == 0)
        return GROUP_SHARES;
    return GROUP_OTHERS;
}

/* Sizes: P points, at most as many keys. */
struct chart {
    double *steps, *values;     /* [P + 2 for each key] */
    struct plot_series *series; /* [keys], group by group */
    size_t n_series[N_GROUPS];
    double first, last; /* steps of all */
};

/* One number of a whole fit, as what interpolation reaches, is a line through all of it. */
static size_t add_level(struct chart *c, size_t used, double value)
{
    c->steps[used] = c->first;
    c->steps[used + 1] = c->last;
    c->values[used] = c->values[used + 1] = value;
    return used + 2;
}

static size_t count_run(const struct metric_series *s, size_t first)
{
    size_t n = 1;
    while (first + n < s->n && strcmp(s->points[first + n].key, s->points[first].key) == 0)
        n++;
    return n;
}

/* Series of one group, in a second pass what they are compared with; `used` numbers are in use
 * before and after. */
static void add_group(struct chart *c, const struct metric_series *s, enum group group, int pass,
                      size_t *n_series, size_t *used)
{
    for (size_t i = 0, n; i < s->n; i += n) {
        const struct metric_point *p = &s->points[i];
        const size_t begin = *used;
        n = count_run(s, i);
        if (group_of(p->key) != group)
            continue;
        const bool is_baseline = strncmp(p->key, "baseline", 8) == 0;
        if (is_baseline != (pass == 1))
            continue;
        if (n == 1 && is_baseline && c->last > c->first) {
            *used = add_level(c, begin, p->value);
        } else {
            for (size_t k = 0; k < n; k++) {
                c->steps[*used] = (double)p[k].step;
                c->values[(*used)++] = p[k].value;
            }
        }
        c->series[(*n_series)++] =
            (struct plot_series){.name = name_of(p->key),
                                 .n = *used - begin,
                                 .x = c->steps + begin,
                                 .y = c->values + begin,
                                 .style = is_baseline ? PLOT_DASHES : PLOT_LINE};
        c->n_series[group]++;
    }
}

static bool chart_make(struct chart *c, const struct metric_series *s)
{
    size_t n_series = 0, used = 0;
    c->steps = mem_alloc_array(2 * s->n + 1, sizeof *c->steps);
    c->values = mem_alloc_array(2 * s->n + 1, sizeof *c->values);
    c->series = mem_alloc_array(s->n + 1, sizeof *c->series);
    if (!c->steps || !c->values || !c->series)
        return false;
    for (size_t i = 0; i < s->n; i++) {
        const double step = (double)s->points[i].step;
        c->first = i == 0 || step < c->first ? step : c->first;
        c->last = i == 0 || step > c->last ? step : c->last;
    }
    for (int group = 0; group < N_GROUPS; group++)
        for (int pass = 0; pass < 2; pass++)
            add_group(c, s, (enum group)group, pass, &n_series, &used);
    return true;
}

static void write_words(const struct job_row *row, char title[TITLE_SIZE],
                        char settings[SETTINGS_SIZE])
{
    struct error err = {0};
    json_t *spec = NULL;
    char encoding[200] = "";
    snprintf(title, TITLE_SIZE, "%s: %s, %s", row->id, row->task, job_status_name(row->status));
    settings[0] = '\0';
    if (codec_json_own(row->spec_json, &spec, &err) != STATUS_OK)
        return;
    const json_t *field = json_object_get(spec, "field");
    plot_words_object(json_object_get(field, "encoding"), encoding, sizeof encoding);
    snprintf(settings, SETTINGS_SIZE, "Encoding: %s.", encoding);
    json_decref(spec);
}

static void draw(const struct http_request *request, struct http_response *response,
                 const struct form_query *form, const struct job_row *row, const struct chart *c,
                 bool with_others)
{
    struct plot_panel panels[N_GROUPS];
    struct plot p = {.width = form->width, .height = form->height, .panels = panels};
    static const struct {
        size_t width, height;
    } sizes[N_GROUPS] = {/* by panels */
                         {800, 520},
                         {1200, 480},
                         {1680, 480},
                         {1200, 900},
                         {1680, 900}};
    char title[TITLE_SIZE], settings[SETTINGS_SIZE];
    size_t first = 0;
    for (int group = 0; group < N_GROUPS; group++) {
        const size_t n = c->n_series[group];
        const bool is_empty = group == GROUP_FALLING && !c->series[0].name; /* nothing measured */
        if ((n > 0 && (group != GROUP_OTHERS || with_others)) || is_empty)
            panels[p.n_panels++] = (struct plot_panel){
                .title = groups[group].title,
                .x = {.label = "step",
                      .scale = groups[group].steps,
                      .is_whole = true,
                      .from = c->first,
                      .to = c->last},
                .y = {.label = groups[group].label, .scale = groups[group].scale},
                .n_series = n,
                .series = c->series + first,
                .is_ordered = groups[group].legend != NULL,
                .legend_title = groups[group].legend,
            };
        first += n;
    }
    p.width = p.width > 0 ? p.width : sizes[p.n_panels - 1].width;
    p.height = p.height > 0 ? p.height : sizes[p.n_panels - 1].height;
    write_words(row, title, settings);
    p.title = title;
    p.settings = settings;
    p.note = c->series[0].name ? "" : "Nothing was measured yet.";
    plot_reply(request, response, &p);
}

void job_plot_reply(const struct http_request *request, struct http_response *response,
                    const struct form_query *form, const struct job_row *row,
                    const struct metric_series *series, size_t n_keys)
{
    struct chart c = {0};
    struct error err = {0};
    if (chart_make(&c, series)) {
        const size_t n_others = c.n_series[GROUP_OTHERS];
        const bool only_others = n_others > 0 && c.n_series[GROUP_FALLING] == 0 &&
                                 c.n_series[GROUP_DECIBELS] == 0 && c.n_series[GROUP_SHARES] == 0 &&
                                 c.n_series[GROUP_BANDS] == 0;
        draw(request, response, form, row, &c, n_keys > 0 || only_others);
    } else {
        error_status(&err, STATUS_NO_MEMORY);
        reply_error(request, response, &err);
    }
    mem_free(c.steps);
    mem_free(c.values);
    mem_free(c.series);
}
