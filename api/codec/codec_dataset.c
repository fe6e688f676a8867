#include "api/codec/codec_dataset.h"

#include <sodium.h>
#include <string.h>

#include "api/codec/codec_json.h"
#include "api/kinds/kinds.h"
#include "core/base/mem.h"
#include "server/utf8.h"

json_t *codec_dataset(const struct dataset_row *row)
{
    char created[TIME_TEXT_SIZE];
    clock_format(row->created_ms, created);
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:o}", "id", row->id, "kind", row->kind,
                     "name", row->name, "media_type", row->media_type, "bytes",
                     (json_int_t)row->bytes, "sha256", row->sha256, "created_at", created, "info",
                     codec_json_object(row->info_json));
}

json_t *codec_list(json_t *items, const char *next_cursor)
{
    return json_pack("{s:o, s:o}", "items", items, "next_cursor",
                     next_cursor[0] ? json_string(next_cursor) : json_null());
}

/* --- uploads --- */

enum status codec_dataset_kind(const struct http_request *r, char out[KIND_SIZE],
                               struct problem_list *problems)
{
    const char *kind = http_query(r, "kind");
    char names[128] = "";
    if (kind && !kinds_find(kind)) {
        for (size_t i = 0; kinds_at(i); i++) {
            const size_t used = strlen(names);
            snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "",
                     kinds_at(i)->name);
        }
        return problem_add(problems, STATUS_INVALID, "/kind",
                           "'kind' must be one of %s, got \"%.40s\"", names, kind);
    }
    snprintf(out, KIND_SIZE, "%s", kind ? kind : "");
    return STATUS_OK;
}

enum status codec_dataset_name(const struct http_request *r, const char *fallback,
                               char out[NAME_SIZE], struct problem_list *problems)
{
    enum { MAX_NAME_BYTES = 128 };
    const char *given = http_query(r, "name");
    const char *name = given ? given : fallback;
    if (strlen(name) > MAX_NAME_BYTES || !utf8_is_printable(name) || (given && !name[0]))
        return problem_add(problems, STATUS_INVALID, "/name",
                           "'name' must be 1..%d printable bytes of UTF-8", MAX_NAME_BYTES);
    snprintf(out, NAME_SIZE, "%s", name);
    return STATUS_OK;
}

/* --- questions to a worker --- */

static json_t *text_or_null(const char *text)
{
    return text && text[0] ? json_string(text) : json_null();
}

char *codec_inspect_question(const char *kind, const char *media_type, size_t preview_width)
{
    char *text = NULL;
    json_t *question =
        json_pack("{s:o, s:o}", "kind", text_or_null(kind), "media_type", text_or_null(media_type));
    bool ok =
        preview_width == 0 || json_object_set_new(question, "preview_width",
                                                  json_integer((json_int_t)preview_width)) == 0;
    if (!ok || codec_json_text(question, &text, NULL) != STATUS_OK)
        text = NULL;
    json_decref(question);
    return text;
}

static bool copy_text(const json_t *value, char *out, size_t size)
{
    const char *text = json_string_value(value);
    if (!text || strlen(text) >= size)
        return false;
    snprintf(out, size, "%s", text);
    return true;
}

enum status codec_inspect_answer(const char *answer, struct dataset_row *row, struct error *err)
{
    char kind[KIND_SIZE], media_type[MEDIA_TYPE_SIZE], *info = NULL;
    json_t *value = NULL;
    enum status status = codec_json_own(answer, &value, err);
    if (status != STATUS_OK)
        return status;
    const json_t *info_value = json_object_get(value, "info");
    if (!copy_text(json_object_get(value, "kind"), kind, sizeof kind) ||
        !copy_text(json_object_get(value, "media_type"), media_type, sizeof media_type) ||
        !json_is_object(info_value))
        status = error_set(err, STATUS_INTERNAL, "", "the answer of 'inspect' is not complete");
    else
        status = codec_json_text(info_value, &info, err);
    json_decref(value);
    if (status != STATUS_OK)
        return status;
    memcpy(row->kind, kind, sizeof kind);
    memcpy(row->media_type, media_type, sizeof media_type);
    mem_free(row->info_json);
    row->info_json = info;
    return STATUS_OK;
}

enum status codec_inspect_preview(const char *answer, uint8_t **png, size_t *n, struct error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    json_t *value = NULL;
    enum status status = codec_json_own(answer, &value, err);
    if (status != STATUS_OK)
        return status;
    const json_t *text = json_object_get(value, "preview_png_base64");
    const size_t length = json_string_length(text);
    if (length == 0) {
        status = error_set(err, STATUS_INTERNAL, "", "the answer of 'inspect' has no preview");
        goto out;
    }
    bytes = mem_alloc(length / 4 * 3 + 3);
    if (!bytes) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    if (sodium_base642bin(bytes, length / 4 * 3 + 3, json_string_value(text), length, NULL, &size,
                          NULL, sodium_base64_VARIANT_ORIGINAL) != 0) {
        status = error_set(err, STATUS_INTERNAL, "", "the preview of 'inspect' is not base64");
        goto out;
    }
    *png = bytes;
    *n = size;
    bytes = NULL;
out:
    mem_free(bytes);
    json_decref(value);
    return status;
}
