#include "api/presets.h"

#include <math.h>
#include <string.h>

#include "api/codec/codec_json.h"
#include "api/estimate.h"
#include "api/tasks/tasks.h"
#include "core/field/precision.h"

static const struct preset presets[] = {
    /* The best of those tried, by PSNR over all pixels (docs/decisions/0012). */
    {"fast", TASK_IMAGE,
     "Best result in a short time: all pixels, 5 seconds of training, a hash grid of the picture's "
     "size with a small network. Of places between pixels it knows no more than interpolation.",
     "{\"field\":{\"encoding\":{\"type\":\"hashgrid\",\"n_levels\":12,"
     "\"n_features_per_level\":2,\"log2_hashmap_size\":\"auto\",\"base_resolution\":32,"
     "\"finest_resolution\":\"auto\",\"per_level_scale\":null,\"aspect\":null,\"interpolation\":"
     "\"linear\"},"
     "\"network\":{\"n_hidden_layers\":1,\"width\":64,\"activation\":\"relu\","
     "\"output_activation\":\"linear\",\"init\":\"default\"}},"
     "\"train\":{\"steps\":null,\"batch_size\":\"auto\",\"learning_rate\":0.005,"
     "\"optimizer\":{\"type\":\"adam\",\"beta1\":0.9,\"beta2\":0.99,\"epsilon\":1e-15},"
     "\"schedule\":{\"type\":\"hold\",\"hold\":0.7,\"floor\":0.0,\"warmup_steps\":0},"
     "\"loss\":\"mse\",\"precision\":\"auto\",\"seed\":0,\"holdout\":\"none\","
     "\"target_psnr\":null,\"time_limit_seconds\":5.0,"
     "\"ema_decay\":0.98,\"early_stop\":null}}"},
    /* The same with tables of 2^14: 293,059 numbers for a picture of three channels. */
    {"compact", TASK_IMAGE,
     "A small field: at most 300,000 parameters whatever the size of the picture, 10 seconds of "
     "training.",
     "{\"field\":{\"encoding\":{\"type\":\"hashgrid\",\"n_levels\":16,"
     "\"n_features_per_level\":2,\"log2_hashmap_size\":14,\"base_resolution\":16,"
     "\"finest_resolution\":512.0,\"per_level_scale\":null,\"aspect\":null,\"interpolation\":"
     "\"linear\"},"
     "\"network\":{\"n_hidden_layers\":2,\"width\":64,\"activation\":\"relu\","
     "\"output_activation\":\"linear\",\"init\":\"default\"}},"
     "\"train\":{\"steps\":null,\"batch_size\":4096,\"learning_rate\":0.005,"
     "\"optimizer\":{\"type\":\"adam\",\"beta1\":0.9,\"beta2\":0.99,\"epsilon\":1e-15},"
     "\"schedule\":{\"type\":\"hold\",\"hold\":0.7,\"floor\":0.0,\"warmup_steps\":0},"
     "\"loss\":\"mse\",\"precision\":\"auto\",\"seed\":0,\"holdout\":\"none\","
     "\"target_psnr\":null,\"time_limit_seconds\":10.0,"
     "\"ema_decay\":0.98,\"early_stop\":null}}"},
    /* Grids of one dimension as fine as the signal: nothing is to be found out. */
    {"fast", TASK_SIGNAL,
     "Best result in a short time: all samples, 3 seconds of training, grids up to the signal's "
     "own with a small network.",
     "{\"field\":{\"encoding\":{\"type\":\"hashgrid\",\"n_levels\":12,"
     "\"n_features_per_level\":2,\"log2_hashmap_size\":\"auto\",\"base_resolution\":16,"
     "\"finest_resolution\":\"auto\",\"per_level_scale\":null,\"aspect\":null,\"interpolation\":"
     "\"linear\"},"
     "\"network\":{\"n_hidden_layers\":1,\"width\":64,\"activation\":\"relu\","
     "\"output_activation\":\"linear\",\"init\":\"default\"}},"
     "\"train\":{\"steps\":null,\"batch_size\":4096,\"learning_rate\":0.005,"
     "\"optimizer\":{\"type\":\"adam\",\"beta1\":0.9,\"beta2\":0.99,\"epsilon\":1e-15},"
     "\"schedule\":{\"type\":\"hold\",\"hold\":0.7,\"floor\":0.0,\"warmup_steps\":0},"
     "\"loss\":\"mse\",\"precision\":\"auto\",\"seed\":0,\"holdout\":\"none\","
     "\"target_psnr\":null,\"time_limit_seconds\":3.0,"
     "\"ema_decay\":0.98,\"early_stop\":null},\"measure\":{\"bins\":[]}}"},
    /* Tancik et al. 2020, figure 4: 1,024 points, every second one of them for training. Half the
     * sum of squares is what it descends, which Adam does not see. */
    {"paper", TASK_SIGNAL,
     "The settings of Tancik et al. 2020 for 1/f noise of 1,024 samples: train on even ones, test "
     "on odd ones, 1,000 full batches.",
     "{\"field\":{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":16,\"sigma\":32.0,"
     "\"normalize\":true,\"rotate\":false,\"trainable\":false},"
     "\"network\":{\"n_hidden_layers\":3,\"width\":256,\"activation\":\"relu\","
     "\"output_activation\":\"linear\",\"init\":\"fan_in\"}},"
     "\"train\":{\"steps\":1000,\"batch_size\":512,\"learning_rate\":0.002,"
     "\"optimizer\":\"adam\",\"schedule\":\"constant\",\"loss\":\"mse\",\"precision\":\"fp32\","
     "\"seed\":0,\"holdout\":\"odd_pixels\",\"target_psnr\":null,\"time_limit_seconds\":null,"
     "\"ema_decay\":0.0,\"early_stop\":null},\"measure\":{\"bins\":[]}}"},
    /* Tancik et al. 2020, 2D image regression (natural images): 4 layers are 3 hidden and 1 linear,
     * the full batch is the 256 x 256 even pixels of 512 x 512. */
    {"paper", TASK_IMAGE,
     "The settings of Tancik et al. 2020 for natural images: train on even pixels, test on odd "
     "ones, 2,000 full batches.",
     "{\"field\":{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":256,\"sigma\":10.0,"
     "\"normalize\":false,\"rotate\":false,\"trainable\":false},"
     "\"network\":{\"n_hidden_layers\":3,\"width\":256,\"activation\":\"relu\","
     "\"output_activation\":\"sigmoid\",\"init\":\"default\"}},"
     "\"train\":{\"steps\":2000,\"batch_size\":65536,\"learning_rate\":0.001,"
     "\"optimizer\":\"adam\",\"schedule\":\"constant\",\"loss\":\"mse\",\"precision\":\"fp32\","
     "\"seed\":0,\"holdout\":\"odd_pixels\",\"target_psnr\":null,\"time_limit_seconds\":null,"
     "\"ema_decay\":0.0,\"early_stop\":null}}"},
    /* The best of those tried on T1 heads of 1 mm and on CT of 256^3 (docs/decisions/0018). */
    {"fast", TASK_VOLUME,
     "Best result in a short time: all voxels, 22 seconds of training, a hash grid as fine as the "
     "volume along each axis with a small network.",
     "{\"field\":{\"encoding\":{\"type\":\"hashgrid\",\"n_levels\":8,"
     "\"n_features_per_level\":2,\"log2_hashmap_size\":\"auto\",\"base_resolution\":28,"
     "\"finest_resolution\":\"auto\",\"per_level_scale\":null,\"aspect\":\"auto\","
     "\"interpolation\":\"linear\"},"
     "\"network\":{\"n_hidden_layers\":2,\"width\":64,\"activation\":\"relu\","
     "\"output_activation\":\"linear\",\"init\":\"default\"}},"
     "\"train\":{\"steps\":null,\"batch_size\":\"auto\",\"learning_rate\":0.01,"
     "\"optimizer\":{\"type\":\"adam\",\"beta1\":0.9,\"beta2\":0.99,\"epsilon\":1e-15},"
     "\"schedule\":{\"type\":\"hold\",\"hold\":0.7,\"floor\":0.0,\"warmup_steps\":0},"
     "\"loss\":\"mse\",\"precision\":\"auto\",\"seed\":0,\"holdout\":\"none\","
     "\"target_psnr\":null,\"time_limit_seconds\":22.0,"
     "\"ema_decay\":0.98,\"early_stop\":null}}"},
    /* Tancik et al. 2020, 3D MRI: the network, mapping and rate of that task, on values instead of
     * Fourier samples, and on parts of the voxels instead of all of 96^3 at each step. */
    {"paper", TASK_VOLUME,
     "The network and mapping of Tancik et al. 2020 for volumes (3D MRI), fitted to values at "
     "voxels: 1,000 batches.",
     "{\"field\":{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":256,\"sigma\":5.0,"
     "\"normalize\":false,\"rotate\":false,\"trainable\":false},"
     "\"network\":{\"n_hidden_layers\":3,\"width\":256,\"activation\":\"relu\","
     "\"output_activation\":\"sigmoid\",\"init\":\"default\"}},"
     "\"train\":{\"steps\":1000,\"batch_size\":65536,\"learning_rate\":0.002,"
     "\"optimizer\":\"adam\",\"schedule\":\"constant\",\"loss\":\"mse\",\"precision\":\"fp32\","
     "\"seed\":0,\"holdout\":\"none\",\"target_psnr\":null,\"time_limit_seconds\":null,"
     "\"ema_decay\":0.0,\"early_stop\":null}}"},
    /* The best of those tried, by test_psnr after some minutes (docs/views.md). */
    {"fast", TASK_VIEWS,
     "Photographs become a scene in two and a half minutes: a hash grid, empty space skipped, "
     "colours that change with the direction.",
     "{\"field\":{\"encoding\":{\"type\":\"hashgrid\",\"n_levels\":8,"
     "\"n_features_per_level\":4,\"log2_hashmap_size\":17,\"base_resolution\":16,"
     "\"finest_resolution\":\"auto\",\"per_level_scale\":null,\"aspect\":null,\"interpolation\":"
     "\"linear\"},"
     "\"network\":{\"n_hidden_layers\":2,\"width\":64,\"activation\":\"relu\","
     "\"output_activation\":\"linear\",\"init\":\"default\"}},"
     "\"train\":{\"steps\":null,\"batch_size\":32768,\"learning_rate\":0.01,"
     "\"optimizer\":{\"type\":\"adam\",\"beta1\":0.9,\"beta2\":0.99,\"epsilon\":1e-15},"
     "\"schedule\":{\"type\":\"hold\",\"hold\":0.5,\"floor\":0.01,\"warmup_steps\":0},"
     "\"loss\":\"mse\",\"precision\":\"auto\",\"seed\":0,\"holdout\":\"views\","
     "\"target_psnr\":null,\"time_limit_seconds\":150.0,"
     "\"ema_decay\":0.95,\"early_stop\":null},"
     "\"measure\":{\"near\":\"auto\",\"far\":\"auto\",\"n_samples\":\"auto\","
     "\"downscale\":1,\"background\":\"auto\",\"occupancy_grid\":true,\"view_degree\":2,"
     "\"density\":\"exp\"}}"},
    /* Tancik et al. 2020, simplified NeRF: 1,024 rays of 128 samples a step. */
    {"paper", TASK_VIEWS,
     "The settings of Tancik et al. 2020 for novel views: a function of the place alone, 128 even "
     "samples a ray, 50,000 steps of 1,024 rays before a black background.",
     "{\"field\":{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":256,\"sigma\":26.0,"
     "\"normalize\":false,\"rotate\":false,\"trainable\":false},"
     "\"network\":{\"n_hidden_layers\":3,\"width\":256,\"activation\":\"relu\","
     "\"output_activation\":\"linear\",\"init\":\"default\"}},"
     "\"train\":{\"steps\":50000,\"batch_size\":131072,\"learning_rate\":0.0005,"
     "\"optimizer\":\"adam\",\"schedule\":\"constant\",\"loss\":\"mse\",\"precision\":\"fp32\","
     "\"seed\":0,\"holdout\":\"views\",\"target_psnr\":null,\"time_limit_seconds\":null,"
     "\"ema_decay\":0.0,\"early_stop\":null},"
     "\"measure\":{\"near\":\"auto\",\"far\":\"auto\",\"n_samples\":128,"
     "\"downscale\":1,\"background\":\"black\",\"occupancy_grid\":false,\"view_degree\":0,"
     "\"density\":\"relu\"}}"},
    /* docs/method.md has what was measured. */
    {"fast", TASK_SHAPE,
     "Best result in a short time: a million labelled points, most of them near the surface, 20 "
     "seconds of training, a hash grid with a small network.",
     "{\"field\":{\"encoding\":{\"type\":\"hashgrid\",\"n_levels\":12,"
     "\"n_features_per_level\":2,\"log2_hashmap_size\":17,\"base_resolution\":16,"
     "\"finest_resolution\":512.0,\"per_level_scale\":null,\"aspect\":null,\"interpolation\":"
     "\"linear\"},"
     "\"network\":{\"n_hidden_layers\":2,\"width\":64,\"activation\":\"relu\","
     "\"output_activation\":\"sigmoid\",\"init\":\"default\"}},"
     "\"train\":{\"steps\":null,\"batch_size\":8192,\"learning_rate\":0.005,"
     "\"optimizer\":{\"type\":\"adam\",\"beta1\":0.9,\"beta2\":0.99,\"epsilon\":1e-15},"
     "\"schedule\":{\"type\":\"hold\",\"hold\":0.7,\"floor\":0.0,\"warmup_steps\":0},"
     "\"loss\":\"bce\",\"precision\":\"auto\",\"seed\":0,\"holdout\":\"none\","
     "\"target_psnr\":null,\"time_limit_seconds\":20.0,"
     "\"ema_decay\":0.98,\"early_stop\":null},"
     "\"measure\":{\"target\":\"occupancy\",\"softness\":0.001,\"near_surface\":0.7,"
     "\"near_sigma\":0.001,\"everywhere\":0.1,\"pool\":1000000}}"},
    /* Tancik et al. 2020, 3D shape regression: 8 layers are 7 hidden and 1 linear. */
    {"paper", TASK_SHAPE,
     "The settings of Tancik et al. 2020 for 3D shapes: occupancy at new uniform points in every "
     "step, 10,000 steps.",
     "{\"field\":{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":256,\"sigma\":12.0,"
     "\"normalize\":true,\"rotate\":false,\"trainable\":false},"
     "\"network\":{\"n_hidden_layers\":7,\"width\":256,\"activation\":\"relu\","
     "\"output_activation\":\"sigmoid\",\"init\":\"default\"}},"
     "\"train\":{\"steps\":10000,\"batch_size\":32768,\"learning_rate\":0.0005,"
     "\"optimizer\":\"adam\",\"schedule\":\"exponential\",\"loss\":\"bce\",\"precision\":\"fp32\","
     "\"seed\":0,\"holdout\":\"none\",\"target_psnr\":null,\"time_limit_seconds\":null,"
     "\"ema_decay\":0.0,\"early_stop\":null},"
     "\"measure\":{\"target\":\"occupancy\",\"softness\":0.0,\"near_surface\":0.0,"
     "\"near_sigma\":0.01,\"everywhere\":0.0,\"pool\":0}}"},
    /* Hash grids fill in what few projections leave open better than sines do (docs/method.md). */
    {"fast", TASK_CT,
     "Best result in a short time: a hash grid of the picture's size with a small network, 30 "
     "seconds of training.",
     "{\"field\":{\"encoding\":{\"type\":\"hashgrid\",\"n_levels\":8,"
     "\"n_features_per_level\":2,\"log2_hashmap_size\":16,\"base_resolution\":8,"
     "\"finest_resolution\":\"auto\",\"per_level_scale\":null,\"aspect\":null,"
     "\"interpolation\":\"linear\"},"
     "\"network\":{\"n_hidden_layers\":2,\"width\":64,\"activation\":\"relu\","
     "\"output_activation\":\"sigmoid\",\"init\":\"default\"}},"
     "\"train\":{\"steps\":null,\"batch_size\":\"auto\",\"learning_rate\":0.01,"
     "\"optimizer\":{\"type\":\"adam\",\"beta1\":0.9,\"beta2\":0.99,\"epsilon\":1e-15},"
     "\"schedule\":{\"type\":\"hold\",\"hold\":0.3,\"floor\":0.01,\"warmup_steps\":0},"
     "\"loss\":\"mse\",\"precision\":\"auto\",\"seed\":0,\"holdout\":\"none\","
     "\"target_psnr\":null,\"time_limit_seconds\":30.0,"
     "\"ema_decay\":0.0,\"early_stop\":null},"
     "\"measure\":{\"n_angles\":20,\"interpolation\":\"nearest\",\"normalize\":\"max\"}}"},
    /* Tancik et al. 2020, 2D CT, Shepp-Logan phantoms of 512 x 512. */
    {"paper", TASK_CT,
     "The settings of Tancik et al. 2020 for phantoms: 20 projections, 1,000 steps.",
     "{\"field\":{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":256,\"sigma\":4.0,"
     "\"normalize\":false,\"rotate\":false,\"trainable\":false},"
     "\"network\":{\"n_hidden_layers\":3,\"width\":256,\"activation\":\"relu\","
     "\"output_activation\":\"sigmoid\",\"init\":\"default\"}},"
     "\"train\":{\"steps\":1000,\"batch_size\":\"auto\",\"learning_rate\":0.001,"
     "\"optimizer\":\"adam\",\"schedule\":\"constant\",\"loss\":\"mse\",\"precision\":\"fp32\","
     "\"seed\":0,\"holdout\":\"none\",\"target_psnr\":null,\"time_limit_seconds\":null,"
     "\"ema_decay\":0.0,\"early_stop\":null},"
     "\"measure\":{\"n_angles\":20,\"interpolation\":\"nearest\",\"normalize\":\"max\"}}"},
    /* Without collisions up to 96^3: they are noise that no measured frequency speaks against. */
    {"fast", TASK_MRI,
     "Best result in a short time: a hash grid with a small network, two minutes of training.",
     "{\"field\":{\"encoding\":{\"type\":\"hashgrid\",\"n_levels\":8,"
     "\"n_features_per_level\":2,\"log2_hashmap_size\":20,\"base_resolution\":8,"
     "\"finest_resolution\":\"auto\",\"per_level_scale\":null,\"aspect\":\"auto\","
     "\"interpolation\":\"linear\"},"
     "\"network\":{\"n_hidden_layers\":2,\"width\":32,\"activation\":\"relu\","
     "\"output_activation\":\"sigmoid\",\"init\":\"default\"}},"
     "\"train\":{\"steps\":null,\"batch_size\":\"auto\",\"learning_rate\":0.01,"
     "\"optimizer\":{\"type\":\"adam\",\"beta1\":0.9,\"beta2\":0.99,\"epsilon\":1e-15},"
     "\"schedule\":{\"type\":\"hold\",\"hold\":0.3,\"floor\":0.01,\"warmup_steps\":0},"
     "\"loss\":\"mse\",\"precision\":\"auto\",\"seed\":0,\"holdout\":\"none\","
     "\"target_psnr\":null,\"time_limit_seconds\":120.0,"
     "\"ema_decay\":0.0,\"early_stop\":null},"
     "\"measure\":{\"mask_sigma\":null,\"n_draws\":\"auto\",\"normalize\":\"max\"}}"},
    /* Tancik et al. 2020, 3D MRI, volumes of 96^3. */
    {"paper", TASK_MRI,
     "The settings of Tancik et al. 2020 for volumes: an eighth of the frequencies, 1,000 steps.",
     "{\"field\":{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":256,\"sigma\":5.0,"
     "\"normalize\":false,\"rotate\":false,\"trainable\":false},"
     "\"network\":{\"n_hidden_layers\":3,\"width\":256,\"activation\":\"relu\","
     "\"output_activation\":\"sigmoid\",\"init\":\"default\"}},"
     "\"train\":{\"steps\":1000,\"batch_size\":\"auto\",\"learning_rate\":0.002,"
     "\"optimizer\":\"adam\",\"schedule\":\"constant\",\"loss\":\"mse\",\"precision\":\"fp32\","
     "\"seed\":0,\"holdout\":\"none\",\"target_psnr\":null,\"time_limit_seconds\":null,"
     "\"ema_decay\":0.0,\"early_stop\":null},"
     "\"measure\":{\"mask_sigma\":null,\"n_draws\":\"auto\",\"normalize\":\"max\"}}"},
};

const struct preset *presets_table(size_t *n)
{
    *n = sizeof presets / sizeof *presets;
    return presets;
}

const struct preset *presets_find(const char *name, enum task_type task)
{
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++)
        if (presets[i].task == task && strcmp(presets[i].name, name) == 0)
            return &presets[i];
    return NULL;
}

const char *presets_default(void)
{
    return presets[0].name;
}

/* Over the data that the task's estimates are made for. */
static bool estimate_preset(struct estimate *out, const struct preset *p,
                            const struct spec_facts *facts, const struct costs *costs,
                            const struct config *config, const struct arithmetic *arithmetic)
{
    struct problem_list problems = {0};
    struct spec spec = {0};
    json_t *settings = codec_spec_of_preset(p, facts);
    bool ok = settings && codec_spec_read_json(settings, facts, &spec, &problems) == STATUS_OK;
    json_decref(settings);
    if (ok) {
        spec.train.precision = precision_settle(spec.train.precision, &spec.field, arithmetic);
        ok = estimate_job(out, &spec, facts, config->threads, costs, NULL) == STATUS_OK;
    }
    spec_deinit(&spec);
    return ok;
}

/* [(D,) H, W, C] */
static json_t *shape_of(const struct spec_facts *facts)
{
    json_t *shape = json_pack("[I,I,I]", (json_int_t)facts->height, (json_int_t)facts->width,
                              (json_int_t)facts->channels);
    if (facts->n_dims == 3 &&
        json_array_insert_new(shape, 0, json_integer((json_int_t)facts->depth)) != 0) {
        json_decref(shape);
        return NULL;
    }
    return shape;
}

static json_t *preset_value(const struct preset *p, const struct costs *costs,
                            const struct config *config, const struct arithmetic *arithmetic)
{
    const struct task_row *row = tasks_of(p->task);
    struct estimate e = {.steps = 0};
    json_t *settings = codec_json_object(p->settings);
    if (!settings || !estimate_preset(&e, p, row->example, costs, config, arithmetic)) {
        json_decref(settings);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:s, s:b, s:o, s:{s:o, s:f, s:I, s:I}}", "name", p->name, "task",
                     row->name, "description", p->description, "default",
                     strcmp(p->name, presets_default()) == 0, "parameters", settings, "estimate",
                     "shape", shape_of(row->example), "seconds", round(e.seconds * 10.0) / 10.0,
                     "steps", (json_int_t)e.steps, "memory_bytes", (json_int_t)e.memory_bytes);
}

json_t *presets_list(const struct costs *costs, const struct config *config,
                     const struct arithmetic *arithmetic)
{
    json_t *items = json_array();
    for (size_t i = 0; items && i < sizeof presets / sizeof *presets; i++)
        if (json_array_append_new(items, preset_value(&presets[i], costs, config, arithmetic)) !=
            0) {
            json_decref(items);
            return NULL;
        }
    return json_pack("{s:o, s:n}", "items", items, "next_cursor");
}
