#include "core/format/measured_npz.h"

#include <string.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/format/npy.h"

/* A member that there must be. */
static enum status read_member(struct npz *z, const char *name, uint8_t **storage,
                               struct npy_array *out, struct error *err)
{
    struct error own = {0};
    enum status status = npz_read(z, name, storage, out, &own);
    if (status == STATUS_NOT_FOUND)
        return error_set(err, STATUS_INVALID, "", "%s", own.message);
    if (status != STATUS_OK)
        return error_set(err, status, "", "'%s': %s", name, own.message);
    return STATUS_OK;
}

static enum status about(const char *name, const struct error *own, struct error *err)
{
    return error_set(err, own->status, "", "'%s': %s", name, own->message);
}

/* --- sinograms --- */

static enum status check_sinogram(const struct npy_array *a, struct error *err)
{
    if (a->n_dims != 2 || a->n_elements == 0)
        return error_set(err, STATUS_INVALID, "",
                         "'sinogram' must be an array [angles, columns], not empty");
    if (a->shape[0] > LIMIT_ANGLES)
        return error_set(err, STATUS_TOO_LARGE, "", "a sinogram has at most %d angles, got %zu",
                         LIMIT_ANGLES, a->shape[0]);
    if (a->n_elements > LIMIT_MEASURED || a->shape[1] > LIMIT_RECONSTRUCTION / a->shape[1])
        return error_set(err, STATUS_TOO_LARGE, "",
                         "a sinogram of %zu x %zu numbers is over the limit: %d numbers, and a "
                         "picture of %d pixels",
                         a->shape[0], a->shape[1], LIMIT_MEASURED, LIMIT_RECONSTRUCTION);
    return STATUS_OK;
}

static enum status read_values(struct npz *z, struct sinogram *s, struct error *err)
{
    uint8_t *storage = NULL;
    struct npy_array a;
    struct error own = {0};
    enum status status = read_member(z, "sinogram", &storage, &a, err);
    if (status == STATUS_OK)
        status = check_sinogram(&a, err);
    if (status != STATUS_OK)
        goto out;
    s->n_angles = a.shape[0];
    s->width = a.shape[1];
    s->values = mem_alloc_floats(a.n_elements);
    if (!s->values)
        status = error_status(err, STATUS_NO_MEMORY);
    else if (npy_to_floats(&a, s->values, &own) != STATUS_OK)
        status = about("sinogram", &own, err);
out:
    mem_free(storage);
    return status;
}

static enum status read_angles(struct npz *z, struct sinogram *s, struct error *err)
{
    uint8_t *storage = NULL;
    struct npy_array a;
    struct error own = {0};
    enum status status = read_member(z, "angles", &storage, &a, err);
    if (status != STATUS_OK)
        goto out;
    if (a.n_dims != 1 || a.shape[0] != s->n_angles) {
        status = error_set(err, STATUS_INVALID, "",
                           "'angles' must be an array [%zu], one for each row of 'sinogram'",
                           s->n_angles);
        goto out;
    }
    s->angles = mem_alloc_array(s->n_angles, sizeof *s->angles);
    if (!s->angles)
        status = error_status(err, STATUS_NO_MEMORY);
    else if (npy_to_doubles(&a, s->angles, &own) != STATUS_OK)
        status = about("angles", &own, err);
out:
    mem_free(storage);
    return status;
}

enum status sinogram_decode_npz(const uint8_t *bytes, size_t n_bytes, struct sinogram *out,
                                struct error *err)
{
    struct npz *z = NULL;
    struct sinogram s = {0};
    enum status status = npz_open(&z, bytes, n_bytes, err);
    if (status == STATUS_OK)
        status = read_values(z, &s, err);
    if (status == STATUS_OK)
        status = read_angles(z, &s, err);
    if (status == STATUS_OK)
        *out = s;
    else
        sinogram_deinit(&s);
    npz_close(z);
    return status;
}

/* --- k-spaces --- */

static enum status read_mask(struct npz *z, struct kspace *k, struct error *err)
{
    uint8_t *storage = NULL;
    struct npy_array a;
    float *values = NULL;
    size_t n_measured = 0;
    enum status status = read_member(z, "mask", &storage, &a, err);
    if (status != STATUS_OK)
        goto out;
    if ((a.n_dims != 2 && a.n_dims != 3) || a.n_elements == 0) {
        status = error_set(err, STATUS_INVALID, "",
                           "'mask' must be an array [H,W] or [D,H,W], not empty");
        goto out;
    }
    if (a.n_elements > LIMIT_MEASURED) {
        status = error_set(err, STATUS_TOO_LARGE, "", "a k-space has at most %d samples, got %zu",
                           LIMIT_MEASURED, a.n_elements);
        goto out;
    }
    k->width = a.shape[a.n_dims - 1];
    k->height = a.shape[a.n_dims - 2];
    k->depth = a.n_dims == 3 ? a.shape[0] : 1;
    k->mask = mem_alloc_array(a.n_elements, 1);
    values = mem_alloc_floats(a.n_elements);
    if (!k->mask || !values) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    struct error own = {0};
    if (npy_to_floats(&a, values, &own) != STATUS_OK) {
        status = about("mask", &own, err);
        goto out;
    }
    for (size_t i = 0; i < a.n_elements && status == STATUS_OK; i++) {
        if (values[i] != 0.0f && values[i] != 1.0f)
            status = error_set(err, STATUS_INVALID, "",
                               "'mask' must be of 0 and 1, value %zu is %g", i, (double)values[i]);
        k->mask[i] = values[i] == 1.0f;
        n_measured += k->mask[i];
    }
    if (status == STATUS_OK && n_measured == 0)
        status = error_set(err, STATUS_INVALID, "", "'mask' is 0 everywhere: nothing was measured");
out:
    mem_free(values);
    mem_free(storage);
    return status;
}

static enum status read_samples(struct npz *z, struct kspace *k, struct error *err)
{
    uint8_t *storage = NULL;
    struct npy_array a;
    struct error own = {0};
    enum status status = read_member(z, "kspace", &storage, &a, err);
    if (status != STATUS_OK)
        goto out;
    const size_t n = a.n_dims;
    if ((n != 2 && n != 3) || a.shape[n - 1] != k->width || a.shape[n - 2] != k->height ||
        (n == 3 ? a.shape[0] : 1) != k->depth) {
        status = error_set(err, STATUS_INVALID, "", "'kspace' and 'mask' must have the same shape");
        goto out;
    }
    k->samples = mem_alloc_floats(2 * a.n_elements);
    if (!k->samples)
        status = error_status(err, STATUS_NO_MEMORY);
    else if (npy_to_complex(&a, k->samples, &own) != STATUS_OK)
        status = about("kspace", &own, err);
out:
    mem_free(storage);
    return status;
}

enum status kspace_decode_npz(const uint8_t *bytes, size_t n_bytes, struct kspace *out,
                              struct error *err)
{
    struct npz *z = NULL;
    struct kspace k = {0};
    enum status status = npz_open(&z, bytes, n_bytes, err);
    if (status == STATUS_OK)
        status = read_mask(z, &k, err);
    if (status == STATUS_OK)
        status = read_samples(z, &k, err);
    if (status == STATUS_OK)
        *out = k;
    else
        kspace_deinit(&k);
    npz_close(z);
    return status;
}
