#include "api/kinds/kinds.h"

#include <string.h>

#include "api/codec/codec_json.h"

enum { N_KINDS = 7 };
static const struct kind *const kinds[N_KINDS] = {&kinds_image, &kinds_volume,   &kinds_shape,
                                                  &kinds_views, &kinds_sinogram, &kinds_kspace,
                                                  &kinds_signal};

const struct kind *kinds_at(size_t i)
{
    return i < N_KINDS ? kinds[i] : NULL;
}

const struct kind *kinds_find(const char *name)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    return NULL;
}

/* --- bytes -> kind --- */

/* A preamble of 128 bytes of anything, then a mark. */
static bool is_dicom(const uint8_t *bytes, size_t n)
{
    enum { PREAMBLE = 128 };
    return n >= PREAMBLE + 4 && memcmp(bytes + PREAMBLE, "DICM", 4) == 0;
}

static bool is_npy(const uint8_t *bytes, size_t n)
{
    return n >= 6 && memcmp(bytes, "\x93NUMPY", 6) == 0;
}

static bool is_archive(const uint8_t *bytes, size_t n)
{
    return n >= 4 && memcmp(bytes, "PK\x03\x04", 4) == 0;
}

static bool is_json(const uint8_t *bytes, size_t n)
{
    size_t i = 0;
    while (i < n && strchr(" \t\r\n", bytes[i]) && bytes[i])
        i++;
    return i < n && bytes[i] == '{';
}

/* Files that are often sent, and what to do with them. */
static const struct advice {
    bool (*is_it)(const uint8_t *bytes, size_t n);
    const char *words;
    enum status status;
    bool is_of_kind; /* saying the kind helps */
} advices[] = {
    {is_dicom, "DICOM files are not supported: save the series as one NIfTI volume",
     STATUS_UNSUPPORTED, false},
    {is_json, "JSON alone is no data: send transforms.json and its pictures as one ZIP",
     STATUS_UNSUPPORTED, false},
    {is_npy, "an NPY file does not tell its kind: give ?kind=image or ?kind=volume", STATUS_INVALID,
     true},
    {is_archive,
     "an archive does not tell its kind: give ?kind=views, ?kind=sinogram or ?kind=kspace",
     STATUS_INVALID, true},
};

enum status kinds_recognise_npz(const uint8_t *bytes, size_t n, bool is_said,
                                const char **media_type, struct error *err)
{
    (void)err;
    *media_type = is_said && is_archive(bytes, n) ? "application/x-npz" : NULL;
    return STATUS_OK;
}

/* said: the kind that the client named, NULL for none. */
static enum status refuse(const uint8_t *bytes, size_t n, const struct kind *said,
                          struct error *err)
{
    for (size_t i = 0; i < sizeof advices / sizeof *advices; i++) {
        const struct advice *a = &advices[i];
        if (!(said && a->is_of_kind) && a->is_it(bytes, n))
            return error_set(err, a->status, a->is_of_kind ? "/kind" : "", "%s", a->words);
    }
    if (said)
        return error_set(err, STATUS_INVALID, "", "the bytes are no %s: %s can be read", said->name,
                         said->reads);
    char words[256] = "";
    for (size_t i = 0, used = 0; i < N_KINDS && used < sizeof words; i++)
        if (kinds[i]->recognise != kinds_recognise_npz) /* which is never told by its bytes */
            used += (size_t)snprintf(words + used, sizeof words - used, "%s%s (%s)", i ? ", " : "",
                                     kinds[i]->name, kinds[i]->reads);
    return error_set(err, STATUS_INVALID, "", "the bytes are of no kind that they tell: %s", words);
}

enum status kinds_recognise(const uint8_t *bytes, size_t n, const char *said,
                            const struct kind **out, const char **media_type, struct error *err)
{
    const struct kind *kind = said && said[0] ? kinds_find(said) : NULL;
    if (said && said[0] && !kind)
        return error_set(err, STATUS_UNSUPPORTED, "/kind", "kind '%.40s' is not supported", said);
    enum status status = STATUS_OK;
    if (kind) {
        status = kind->recognise(bytes, n, true, media_type, err);
        if (status != STATUS_OK)
            return status;
        if (!*media_type)
            return refuse(bytes, n, kind, err);
        *out = kind;
        return STATUS_OK;
    }
    for (size_t i = 0; i < N_KINDS; i++) {
        status = kinds[i]->recognise(bytes, n, false, media_type, err);
        if (status != STATUS_OK)
            return status;
        if (*media_type) {
            *out = kinds[i];
            return STATUS_OK;
        }
    }
    return refuse(bytes, n, NULL, err);
}

/* --- info -> facts --- */

bool kinds_count(const json_t *info, const char *name, size_t most, size_t *out)
{
    const json_int_t n = json_integer_value(json_object_get(info, name));
    if (n < 1 || (uint64_t)n > most)
        return false;
    *out = (size_t)n;
    return true;
}

enum status kinds_facts(const char *kind, const char *media_type, uint64_t file_bytes,
                        const char *info_json, struct spec_facts *out, struct error *err)
{
    json_t *info = NULL;
    enum status status = codec_json_own(info_json, &info, NULL);
    if (status == STATUS_NO_MEMORY)
        return error_status(err, status);
    const struct kind *row = kinds_find(kind);
    struct spec_facts facts = {.kind = row ? row->kind : DATA_N_KINDS};
    if (!row || !row->read_info(info, media_type, file_bytes, &facts))
        status = error_set(err, STATUS_INTERNAL, "", "the info of a dataset of kind '%s' is broken",
                           kind);
    json_decref(info);
    if (status == STATUS_OK)
        *out = facts;
    return status;
}
