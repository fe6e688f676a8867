#include "tests/fuzz/fuzz.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/scene/mesh_facts.h"

/* Equal inputs, equal runs: jansson's hash tables too. */
int LLVMFuzzerInitialize(int *n_arguments, char ***arguments)
{
    (void)n_arguments;
    (void)arguments;
    json_object_seed(1);
    fuzz_seeds();
    return 0;
}

void fuzz_broken(const char *file, int line, const char *promise)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, promise);
    abort();
}

/* --- seeds --- */

static void write_seed(const char *name, const void *bytes, size_t n)
{
    const char *folder = getenv("FUZZ_SEEDS");
    char path[4096];
    if (!folder)
        return;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, n, file) != n || fclose(file) != 0)
        abort();
}

void fuzz_seed(const char *name, enum status encoded, struct buffer *bytes)
{
    REQUIRE(encoded == STATUS_OK);
    write_seed(name, bytes->data, bytes->size);
    buffer_deinit(bytes);
}

void fuzz_seed_texts(const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char name[24];
        snprintf(name, sizeof name, "%zu", i);
        write_seed(name, texts[i], strlen(texts[i]));
    }
}

char *fuzz_text(const uint8_t *bytes, size_t n_bytes)
{
    char *text = malloc(n_bytes + 1);
    REQUIRE(text);
    if (n_bytes > 0)
        memcpy(text, bytes, n_bytes);
    text[n_bytes] = '\0';
    return text;
}

/* --- large pictures --- */

static bool is_large(uint64_t width, uint64_t height)
{
    enum { ENOUGH_PIXELS = 64 << 10 };
    return width * height > ENOUGH_PIXELS && width * height <= LIMIT_IMAGE_PIXELS;
}

bool fuzz_is_large_png(const uint8_t *bytes, size_t n_bytes)
{
    uint32_t size[2] = {0};
    if (n_bytes >= 24)
        memcpy(size, bytes + 16, sizeof size);
    return is_large(ntohl(size[0]), ntohl(size[1]));
}

/* Anything may be a frame's header to a decoder that looks for one. */
bool fuzz_is_large_jpeg(const uint8_t *bytes, size_t n_bytes)
{
    for (size_t i = 0; i + 9 <= n_bytes; i++) {
        uint16_t size[2];
        memcpy(size, bytes + i + 5, sizeof size);
        if (bytes[i] == 0xFF && (bytes[i + 1] & 0xF0) == 0xC0 &&
            is_large(ntohs(size[0]), ntohs(size[1])))
            return true;
    }
    return false;
}

/* --- what is always asked --- */

void fuzz_check_image(enum status status, const struct error *err, const struct image *image)
{
    REQUIRE(err->status == status);
    REQUIRE((status == STATUS_OK) == (image->samples != NULL));
    REQUIRE(status == STATUS_OK || (err->message[0] && image->width == 0));
    if (status != STATUS_OK)
        return;
    REQUIRE(image->width >= 1 && image->width <= LIMIT_IMAGE_SIDE);
    REQUIRE(image->height >= 1 && image->height <= LIMIT_IMAGE_SIDE);
    REQUIRE(image->width * image->height <= LIMIT_IMAGE_PIXELS);
    REQUIRE(image->channels >= 1 && image->channels <= LIMIT_CHANNELS);
    for (size_t i = 0; i < image->width * image->height * image->channels; i++)
        REQUIRE(isfinite(image_value(image, i)));
}

void fuzz_check_volume(enum status decoded, const struct error *err, const struct volume *v,
                       enum status checked, const struct volume_facts *facts)
{
    REQUIRE(err->status == decoded && checked == decoded);
    REQUIRE((decoded == STATUS_OK) == (v->samples != NULL));
    REQUIRE(decoded == STATUS_OK || err->message[0]);
    if (decoded != STATUS_OK)
        return;
    REQUIRE(volume_check_size(v->width, v->height, v->depth, v->channels, NULL) == STATUS_OK);
    REQUIRE(v->width == facts->width && v->height == facts->height && v->depth == facts->depth);
    REQUIRE(v->channels == facts->channels && v->type == facts->type);
    REQUIRE(v->low == facts->low && v->high == facts->high && v->low <= v->high);
    REQUIRE(isfinite(v->high - v->low) && affine_is_invertible(v->affine));
    for (size_t i = 0; i < v->width * v->height * v->depth * v->channels; i++) {
        float value;
        volume_read(v, i, 1, &value);
        REQUIRE(value >= 0.0f && value <= 1.0f);
    }
}

void fuzz_check_facts(enum status decoded, const struct image *image, enum status checked,
                      const struct image_facts *facts)
{
    REQUIRE(checked == decoded);
    if (checked != STATUS_OK)
        return;
    REQUIRE(facts->width == image->width && facts->height == image->height);
    REQUIRE(facts->channels == image->channels && facts->bits_per_channel >= 1);
    for (size_t i = 0; i < image->width * image->height * image->channels; i++)
        REQUIRE(image_value(image, i) >= facts->low && image_value(image, i) <= facts->high);
}

void fuzz_check_mesh(enum status status, const struct error *err, const struct mesh *mesh)
{
    struct mesh_facts facts;
    REQUIRE(err->status == status);
    REQUIRE(status == STATUS_OK || (err->message[0] && !mesh->vertices && !mesh->triangles));
    if (status != STATUS_OK)
        return;
    REQUIRE(mesh->n_vertices >= 3 && mesh->n_vertices <= LIMIT_VERTICES);
    REQUIRE(mesh->n_triangles >= 1 && mesh->n_triangles <= LIMIT_TRIANGLES);
    for (size_t i = 0; i < 3 * mesh->n_vertices; i++)
        REQUIRE(isfinite(mesh->vertices[i]));
    for (size_t i = 0; i < 3 * mesh->n_triangles; i++)
        REQUIRE(mesh->triangles[i] < mesh->n_vertices);
    REQUIRE(mesh_facts_find(mesh, &facts, NULL) == STATUS_OK);
    REQUIRE(facts.n_components >= 1 && facts.n_degenerate_triangles < facts.n_triangles);
    REQUIRE(facts.n_border_edges + facts.n_nonmanifold_edges <= facts.n_edges);
    for (size_t d = 0; d < 3; d++)
        REQUIRE(facts.low[d] <= facts.high[d]);
}

void fuzz_check_problems(enum status status, const struct problem_list *problems)
{
    REQUIRE(problems->status == status);
    REQUIRE((status == STATUS_OK) == (problems->n == 0));
    if (status == STATUS_OK)
        return;
    const struct http_request request = {.id = "req_fuzz", .path = "/v1/fuzz"};
    struct http_response response = {.status = 0};
    problem_respond_list(&request, problems, &response);
    REQUIRE(response.status >= 400 && response.status < 500);
    REQUIRE(response.body_type == BODY_BYTES);
    json_t *body = json_loadb((const char *)response.bytes, response.n_bytes, 0, NULL);
    REQUIRE(body && json_is_string(json_object_get(body, "detail")));
    REQUIRE(json_integer_value(json_object_get(body, "status")) == response.status);
    json_decref(body);
    mem_free(response.bytes);
}
