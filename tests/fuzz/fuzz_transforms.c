#include <math.h>

#include "core/base/limits.h"
#include "core/format/transforms.h"
#include "core/scene/camera.h"
#include "tests/fuzz/fuzz.h"

void fuzz_seeds(void)
{
    static const char *const texts[] = {
        "{\"camera_angle_x\": 0.69, \"frames\": [{\"file_path\": \"./train/r_0\", \"rotation\": "
        "0.01, \"transform_matrix\": [[1,0,0,0],[0,1,0,0],[0,0,1,4],[0,0,0,1]]}]}",
        "{\"fl_x\": 10, \"fl_y\": 11, \"cx\": 4, \"cy\": 3, \"w\": 8.0, \"h\": 6.0, \"k1\": 0.1, "
        "\"k2\": -0.1, \"p1\": 1e-3, \"p2\": 0, \"aabb_scale\": 4, \"frames\": [{\"file_path\": "
        "\"images/0001.jpg\", \"sharpness\": 31.7, \"transform_matrix\": "
        "[[0,-1,0,1],[1,0,0,2],[0,0,1,3]]}]}",
        "{\"camera_model\": \"OPENCV\", \"applied_transform\": [[1,0,0,0]], \"test_filenames\": "
        "[\"a\"], \"k4\": 0, \"frames\": [{\"fl_x\": 9, \"camera_angle_y\": 1, \"mask_path\": "
        "null, \"file_path\": \"\\u0061\", \"transform_matrix\": "
        "[[2,0,0,0],[0,2,0,0],[0,0,2,0],[0,0,0,1]]}], \"is_fisheye\": false}",
    };
    fuzz_seed_texts(texts, sizeof texts / sizeof *texts);
}

/* Every pixel has a ray with a direction. */
static void check_rays(const struct view *v)
{
    const struct camera camera = camera_of_view(v);
    for (int i = 0; i < 4; i++) {
        const struct ray r = camera_ray(&camera, i & 1 ? 7.5 : 0.5, i & 2 ? 5.5 : 0.5);
        const double square = ray_dot(r.direction, r.direction);
        REQUIRE(isfinite(square) && square > 0.9);
    }
}

/* A camera that is given is one: a rotation, a place and a lens that are finite. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct transforms t = {0};
    struct error err = {.status = STATUS_OK};
    const enum status status = transforms_parse(bytes, n_bytes, "transforms.json", &t, &err);
    REQUIRE(err.status == status && (status == STATUS_OK) == (t.n_frames > 0));
    REQUIRE(t.n_frames <= LIMIT_VIEWS && (status == STATUS_OK || err.message[0]));
    for (size_t i = 0; i < t.n_frames; i++) {
        struct view v;
        bool is_resized;
        double scale;
        REQUIRE(t.frames[i].file_path && (t.frames[i].n_rows == 3 || t.frames[i].n_rows == 4));
        error_clear(&err);
        const enum status camera = transforms_camera(&t, i, 8, 6, &v, &is_resized, &scale, &err);
        REQUIRE(err.status == camera && (camera == STATUS_OK || err.message[0]));
        if (camera != STATUS_OK)
            continue;
        REQUIRE(v.fx > 0 && v.fy > 0 && v.fx <= 1e9 && v.fy <= 1e9 && scale > 0);
        check_rays(&v);
        REQUIRE(isfinite(v.cx) && isfinite(v.cy) && isfinite(v.k1) && isfinite(v.p2));
        for (size_t c = 0; c < 3; c++) {
            const double length = hypot(hypot(v.c2w[0][c], v.c2w[1][c]), v.c2w[2][c]);
            REQUIRE(fabs(length - 1.0) < 0.01 && isfinite(v.c2w[c][3]));
        }
    }
    transforms_deinit(&t);
    return 0;
}
