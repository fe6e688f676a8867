#include "tests/harness/specimen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/format/npy.h"
#include "core/format/png.h"
#include "core/format/zip_archive.h"
#include "tests/support/small_views.h"

enum { SIDE = 16, MAX_BYTES = 1 << 20 };

const char *specimen_path(enum specimen kind)
{
    static const char *const paths[N_SPECIMENS] = {
        [SPECIMEN_IMAGE] = "/v1/datasets?kind=image",
        [SPECIMEN_VOLUME] = "/v1/datasets?kind=volume",
        [SPECIMEN_SHAPE] = "/v1/datasets?kind=shape",
        [SPECIMEN_VIEWS] = "/v1/datasets?kind=views",
        [SPECIMEN_SINOGRAM] = "/v1/datasets?kind=sinogram",
        [SPECIMEN_KSPACE] = "/v1/datasets?kind=kspace",
        [SPECIMEN_SIGNAL] = "/v1/datasets?kind=signal",
    };
    return paths[kind];
}

/* --- files --- */

static void need(enum status status)
{
    if (status != STATUS_OK)
        abort();
}

static void take(struct bytes *out, struct buffer *file)
{
    bytes_append(out, file->data, file->size);
    buffer_deinit(file);
}

static struct bytes make_image(struct dice *dice)
{
    uint8_t pixels[SIDE * SIDE * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)dice_below(dice, 256);
    return make_npy("|u1", "16, 16, 3", pixels, sizeof pixels);
}

/* Bright below, dark above: there is a surface. */
static struct bytes make_volume(struct dice *dice)
{
    uint8_t voxels[8 * 7 * 6];
    for (size_t i = 0; i < sizeof voxels; i++)
        voxels[i] = (uint8_t)(dice_below(dice, 64) + (i < sizeof voxels / 2 ? 192 : 0));
    return make_npy("|u1", "8, 7, 6", voxels, sizeof voxels);
}

/* An octahedron somewhere. */
static struct bytes make_shape(struct dice *dice)
{
    struct bytes out = {0};
    char text[1024];
    const double x = dice_uniform(dice), y = dice_uniform(dice), z = dice_uniform(dice);
    const int n =
        snprintf(text, sizeof text,
                 "v %.9f %.9f %.9f\nv %.9f %.9f %.9f\nv %.9f %.9f %.9f\n"
                 "v %.9f %.9f %.9f\nv %.9f %.9f %.9f\nv %.9f %.9f %.9f\n"
                 "f 1 3 5\nf 3 2 5\nf 2 4 5\nf 4 1 5\nf 3 1 6\nf 2 3 6\nf 4 2 6\n"
                 "f 1 4 6\n",
                 x + 1, y, z, x - 1, y, z, x, y + 1, z, x, y - 1, z, x, y, z + 1, x, y, z - 1);
    bytes_append(&out, text, (size_t)n);
    return out;
}

enum { N_VIEWS = 4, VIEW_SIDE = 8 };

/* The pose of a view as its frame in transforms.json. */
static void append_frame(struct bytes *json, const struct view *v, size_t i)
{
    char text[1024];
    int n = snprintf(text, sizeof text, "%s{\"file_path\":\"%zu.png\",\"transform_matrix\":[",
                     i ? "," : "", i);
    for (size_t r = 0; r < 3; r++)
        n += snprintf(text + n, sizeof text - (size_t)n, "[%.9f,%.9f,%.9f,%.9f],", v->c2w[r][0],
                      v->c2w[r][1], v->c2w[r][2], v->c2w[r][3]);
    n += snprintf(text + n, sizeof text - (size_t)n, "[0,0,0,1]]}");
    bytes_append(json, text, (size_t)n);
}

/* A ball; one pixel of each picture is the dice's. */
static struct bytes make_views(struct dice *dice)
{
    struct views views = small_views(N_VIEWS, VIEW_SIDE, true);
    struct bytes json = {0}, out = {0};
    struct buffer pictures[N_VIEWS], file;
    struct zip_entry entries[N_VIEWS + 1];
    char names[N_VIEWS][16], head[128];
    const int n = snprintf(head, sizeof head, "{\"fl_x\":%.9f,\"w\":%d,\"h\":%d,\"frames\":[",
                           views.view[0].fx, VIEW_SIDE, VIEW_SIDE);
    bytes_append(&json, head, (size_t)n);
    for (size_t i = 0; i < N_VIEWS; i++) {
        struct image *image = &views.view[i].image;
        for (size_t c = 0; c < 3; c++)
            image->u8[c] = (uint8_t)dice_below(dice, 256);
        buffer_init(&pictures[i], MAX_BYTES);
        need(png_encode(image->u8, VIEW_SIDE, VIEW_SIDE, 4, PNG_FAST, &pictures[i], NULL));
        snprintf(names[i], sizeof names[i], "%zu.png", i);
        entries[i] = (struct zip_entry){names[i], pictures[i].data, pictures[i].size};
        append_frame(&json, &views.view[i], i);
    }
    bytes_append(&json, "]}", 2);
    entries[N_VIEWS] = (struct zip_entry){"transforms.json", json.data, json.n};
    buffer_init(&file, MAX_BYTES);
    need(zip_archive_encode(entries, N_VIEWS + 1, "the archive", &file, NULL));
    take(&out, &file);
    for (size_t i = 0; i < N_VIEWS; i++)
        buffer_deinit(&pictures[i]);
    bytes_free(&json);
    views_deinit(&views);
    return out;
}

static struct bytes make_npz(const struct npz_entry entries[2])
{
    struct bytes out = {0};
    struct buffer file;
    buffer_init(&file, MAX_BYTES);
    need(npz_encode(entries, 2, &file, NULL));
    take(&out, &file);
    return out;
}

static struct bytes make_sinogram(struct dice *dice)
{
    enum { ANGLES = 8 };
    float values[ANGLES * SIDE], angles[ANGLES];
    for (size_t i = 0; i < ANGLES * SIDE; i++)
        values[i] = 1.0f + (float)dice_uniform(dice);
    for (size_t i = 0; i < ANGLES; i++)
        angles[i] = (float)i * 3.14159265f / ANGLES;
    return make_npz((const struct npz_entry[]){{"sinogram", values, 2, {ANGLES, SIDE}},
                                               {"angles", angles, 1, {ANGLES}}});
}

/* The mean is most of it, so that there is a positive value. */
static struct bytes make_kspace(struct dice *dice)
{
    enum { N = 6 };
    float samples[N * N * N], mask[N * N * N];
    for (size_t i = 0; i < N * N * N; i++) {
        samples[i] = i == 0 ? 100.0f : (float)dice_uniform(dice);
        mask[i] = i == 0 || dice_below(dice, 3) > 0;
    }
    return make_npz((const struct npz_entry[]){{"kspace", samples, 3, {N, N, N}},
                                               {"mask", mask, 3, {N, N, N}}});
}

static struct bytes make_signal(struct dice *dice)
{
    float values[64];
    for (size_t i = 0; i < 64; i++)
        values[i] = (float)dice_uniform(dice) - 0.5f;
    return make_npy("<f4", "64,", values, sizeof values);
}

struct bytes specimen_file(enum specimen kind, struct dice *dice)
{
    static struct bytes (*const make[N_SPECIMENS])(struct dice * dice) = {
        [SPECIMEN_IMAGE] = make_image,       [SPECIMEN_VOLUME] = make_volume,
        [SPECIMEN_SHAPE] = make_shape,       [SPECIMEN_VIEWS] = make_views,
        [SPECIMEN_SINOGRAM] = make_sinogram, [SPECIMEN_KSPACE] = make_kspace,
        [SPECIMEN_SIGNAL] = make_signal,
    };
    return make[kind](dice);
}

/* --- fits --- */

#define FOURIER                                                                                    \
    ",\"field\":{\"encoding\":{\"type\":\"gaussian\",\"n_frequencies\":8,\"sigma\":4},"            \
    "\"network\":{\"n_hidden_layers\":1,\"width\":8}}"
#define GRID                                                                                       \
    ",\"field\":{\"encoding\":{\"type\":\"hashgrid\",\"n_levels\":2,\"n_features_per_level\":2,"   \
    "\"log2_hashmap_size\":8,\"base_resolution\":4,\"finest_resolution\":8},"                      \
    "\"network\":{\"n_hidden_layers\":1,\"width\":16}}"
#define BATCH ",\"batch_size\":64"
#define CAMERA                                                                                     \
    "\"width\":8,\"height\":8,\"camera\":{\"look_at\":{\"eye\":[3,2.5,2],\"target\":[0,0,0]},"     \
    "\"fov_degrees\":45}"

static const struct look looks_flat[] = {
    {"image?width=8&height=8", NULL, 200},
    {"image?width=8&channel=gradient_norm&format=npy", NULL, 200},
    {NULL, NULL, 0},
};
static const struct look looks_solid[] = {
    {"slice?axis=y&width=8&orientation=upright", NULL, 200},
    {"volume?shape=3,4,5", NULL, 200},
    {"mesh?resolution=8&format=ply", NULL, 422},
    {NULL, NULL, 0},
};
static const struct look looks_seen[] = {
    {"slice?axis=z&width=8&format=npy", NULL, 200},
    {"volume?shape=3,4,5&format=npy", NULL, 200},
    {"mesh?resolution=8", NULL, 422},
    {"render", "{" CAMERA "}", 200},
    {"render", "{" CAMERA ",\"outputs\":[\"color\",\"depth\",\"normal\"],\"format\":\"npz\"}", 200},
    {NULL, NULL, 0},
};

static const struct look looks_curve[] = {
    {"query", "{\"coords\":[[0],[0.25],[0.99]],\"outputs\":[\"value\",\"gradient\"]}", 200},
    {"value?x=0.5", NULL, 200},
    {NULL, NULL, 0},
};

const struct specimen_fit specimen_fits[N_SPECIMEN_FITS] = {
    {"image", SPECIMEN_IMAGE, FOURIER, BATCH, looks_flat},
    {"image", SPECIMEN_IMAGE, GRID, BATCH, looks_flat},
    {"ct", SPECIMEN_IMAGE, FOURIER ",\"measure\":{\"n_angles\":6}", "", looks_flat},
    {"mri", SPECIMEN_IMAGE, FOURIER ",\"measure\":{\"n_draws\":200}", "", looks_flat},
    {"volume", SPECIMEN_VOLUME, GRID, BATCH, looks_solid},
    {"shape", SPECIMEN_SHAPE, GRID ",\"measure\":{\"pool\":2000}", BATCH, looks_seen},
    {"views", SPECIMEN_VIEWS, GRID ",\"measure\":{\"n_samples\":32}",
     ",\"batch_size\":256,\"holdout\":\"none\"", looks_seen},
    {"ct", SPECIMEN_SINOGRAM, FOURIER, "", looks_flat},
    {"mri", SPECIMEN_KSPACE, FOURIER, "", looks_solid},
    {"shape", SPECIMEN_SHAPE, FOURIER ",\"measure\":{\"target\":\"sdf\",\"pool\":2000}", BATCH,
     looks_seen},
    {"views", SPECIMEN_VIEWS, FOURIER ",\"measure\":{\"n_samples\":16,\"occupancy_grid\":false}",
     ",\"batch_size\":256,\"holdout\":\"none\"", looks_seen},
    {"signal", SPECIMEN_SIGNAL, FOURIER ",\"measure\":{\"bins\":[1,3]}",
     ",\"holdout\":\"stride\",\"holdout_stride\":4", looks_curve},
};

size_t specimen_fit_of(enum specimen kind, size_t number)
{
    size_t n = 0, of_kind[N_SPECIMEN_FITS];
    for (size_t i = 0; i < N_SPECIMEN_FITS; i++)
        if (specimen_fits[i].kind == kind)
            of_kind[n++] = i;
    return of_kind[number % n];
}

size_t specimen_n_looks(const struct specimen_fit *fit)
{
    size_t n = 0;
    while (fit->looks[n].below)
        n++;
    return n;
}

void specimen_job_body(char out[SPECIMEN_BODY], size_t fit, const char *dataset_id, const char *key,
                       unsigned steps)
{
    const struct specimen_fit *f = &specimen_fits[fit];
    const int n =
        snprintf(out, SPECIMEN_BODY,
                 "{\"dataset_id\":\"%s\",\"task\":\"%s\"%s,\"train\":{\"steps\":%u%s}%s%s%s}",
                 dataset_id, f->task, f->members, steps, f->train,
                 *key ? ",\"labels\":{\"key\":\"" : "", key, *key ? "\"}" : "");
    if (n < 0 || n >= SPECIMEN_BODY)
        abort();
}

void specimen_upload(const struct service *s, enum specimen kind, struct dice *dice,
                     char dataset_id[ID_TEXT])
{
    struct bytes file = specimen_file(kind, dice);
    const struct request request = {
        .path = specimen_path(kind), .body = file.data, .n_body = file.n};
    json_t *made = answer_json(service_send(s, &request), 201);
    snprintf(dataset_id, ID_TEXT, "%s", member_text(made, "id"));
    json_decref(made);
    bytes_free(&file);
}

void specimen_make_field(const struct service *s, size_t fit, unsigned steps,
                         char field_id[ID_TEXT])
{
    struct dice dice = {.state = fit};
    char body[SPECIMEN_BODY], dataset[ID_TEXT];
    specimen_upload(s, specimen_fits[fit].kind, &dice, dataset);
    specimen_job_body(body, fit, dataset, "", steps);
    json_t *job = answer_json(service_post_json(s, "/v1/jobs", body), 202);
    json_t *done = wait_for_job(s, member_text(job, "id"), "succeeded");
    snprintf(field_id, ID_TEXT, "%s", member_text(done, "field_id"));
    json_decref(job);
    json_decref(done);
}
