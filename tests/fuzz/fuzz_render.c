#include "api/codec/codec_render.h"

#include <math.h>

#include "api/codec/codec_json.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_DEPTH = 32, MAX_PIXELS = 4096 };

void fuzz_seeds(void)
{
    static const char *const texts[] = {
        "{\"camera\":{\"look_at\":{\"eye\":[3,2,2],\"target\":[0,0,0]},\"fov_degrees\":40},"
        "\"width\":32,\"height\":24}",
        "{\"camera\":{\"look_at\":{\"eye\":[1e9,-1e9,1e-300],\"target\":[0,0,0],\"up\":[0,1,0]},"
        "\"focal\":1e-3},\"width\":1,\"height\":4096,\"outputs\":[\"normal\"],\"format\":\"npz\"}",
        "{\"camera\":{\"c2w\":[[1,0,0,0],[0,1,0,0],[0,0,1,4]],\"focal\":138.9},\"width\":9,"
        "\"height\":7,\"outputs\":[\"color\",\"depth\",\"opacity\"]}",
        "{\"camera\":{\"c2w\":[[0,-1,0,0],[1,0,0,0],[0,0,1,0],[0,0,0,1]],\"fov_degrees\":179.9},"
        "\"width\":3,\"height\":3,\"format\":\"png\"}",
    };
    fuzz_seed_texts(texts, sizeof texts / sizeof *texts);
}

/* Every pixel of what is taken has a ray with a direction. */
static void check_rays(const struct render *r)
{
    const double across[] = {0.5, 0.5 * (double)r->width, (double)r->width - 0.5};
    const double down[] = {0.5, 0.5 * (double)r->height, (double)r->height - 0.5};
    for (size_t i = 0; i < 9; i++) {
        const struct ray ray = camera_ray(&r->camera, across[i % 3], down[i / 3]);
        const double square = ray_dot(ray.direction, ray.direction);
        REQUIRE(isfinite(square) && square > 0.9);
        for (int d = 0; d < 3; d++)
            REQUIRE(fabs(ray.origin[d]) <= 1e9);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    struct render r = {.width = 0};
    struct problem_list problems = {.status = STATUS_OK};
    json_t *body = NULL;
    enum status status = codec_json_parse_object(bytes, n_bytes, MAX_DEPTH, &body, &problems);
    if (status == STATUS_OK)
        status = codec_render_read(body, MAX_PIXELS, &r, &problems);
    fuzz_check_problems(status, &problems);
    if (status == STATUS_OK) {
        REQUIRE(r.width >= 1 && r.height >= 1 && r.width * r.height <= MAX_PIXELS);
        REQUIRE(r.outputs >= 1 && r.outputs < 1u << RENDER_N_OUTPUTS);
        REQUIRE(r.format == RENDER_NPZ || (r.outputs & (r.outputs - 1)) == 0);
        check_rays(&r);
    }
    json_decref(body);
    return 0;
}
