#include "api/handlers/plot_words.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void append(char *out, size_t size, const char *text)
{
    const size_t used = strlen(out);
    if (used + 1 < size)
        snprintf(out + used, size - used, "%s", text);
}

enum { SHORT_ARRAY = 4 };

/* A few numbers as they are, of more of them how many. */
static void append_array(char *out, size_t size, const json_t *array)
{
    const size_t n = json_array_size(array);
    bool is_short = n <= SHORT_ARRAY;
    char text[64];
    for (size_t i = 0; i < n; i++)
        is_short = is_short && json_is_number(json_array_get(array, i));
    append(out, size, is_short ? "[" : "");
    for (size_t i = 0; is_short && i < n; i++) {
        snprintf(text, sizeof text, "%s%.6g", i > 0 ? ", " : "",
                 json_number_value(json_array_get(array, i)));
        append(out, size, text);
    }
    snprintf(text, sizeof text, "of %zu", n);
    append(out, size, is_short ? "]" : text);
}

static void append_value(char *out, size_t size, const json_t *value)
{
    char text[64];
    if (json_is_string(value)) {
        append(out, size, json_string_value(value));
        return;
    }
    if (json_is_array(value)) {
        append_array(out, size, value);
        return;
    }
    if (json_is_integer(value))
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(text, sizeof text, "%.6g", json_real_value(value));
    else if (json_is_boolean(value))
        snprintf(text, sizeof text, "%s", json_is_true(value) ? "yes" : "no");
    else
        snprintf(text, sizeof text, "%s", json_is_object(value) ? "{…}" : "none");
    append(out, size, text);
}

static void append_member(char *out, size_t size, const char *key, const json_t *value)
{
    if (*out)
        append(out, size, ", ");
    append(out, size, key);
    append(out, size, " ");
    append_value(out, size, value);
}

void plot_words_object(const json_t *object, char *out, size_t size)
{
    const char *key, *type = json_string_value(json_object_get(object, "type"));
    json_t *value;
    out[0] = '\0';
    append(out, size, type ? type : "");
    json_object_foreach ((json_t *)object, key, value)
        if (strcmp(key, "type") != 0)
            append_member(out, size, key, value);
}

/* Is there another object among the values that has this type? */
static bool has_twin(const json_t *values, size_t i)
{
    const json_t *type = json_object_get(json_array_get(values, i), "type");
    for (size_t k = 0; k < json_array_size(values); k++)
        if (k != i && json_equal(json_object_get(json_array_get(values, k), "type"), type))
            return true;
    return false;
}

/* Do all that have the type of object i agree with it on this member? */
static bool is_common(const json_t *values, size_t i, const char *key)
{
    const json_t *own = json_array_get(values, i), *value = json_object_get(own, key);
    for (size_t k = 0; k < json_array_size(values); k++) {
        const json_t *other = json_array_get(values, k), *theirs = json_object_get(other, key);
        const bool is_kin =
            json_object_get(own, "type") == json_object_get(other, "type") ||
            json_equal(json_object_get(own, "type"), json_object_get(other, "type"));
        if (is_kin && !json_equal(theirs, value))
            return false;
    }
    return true;
}

void plot_words_value(const json_t *values, size_t i, char *out, size_t size)
{
    const json_t *value = json_array_get(values, i);
    const char *key, *type = json_string_value(json_object_get(value, "type"));
    json_t *member;
    out[0] = '\0';
    if (!json_is_object(value)) {
        append_value(out, size, value);
        return;
    }
    append(out, size, type ? type : "");
    if (!type || has_twin(values, i))
        json_object_foreach ((json_t *)value, key, member) {
            if (strcmp(key, "type") != 0 && !is_common(values, i, key))
                append_member(out, size, key, member);
        }
    if (!*out)
        append(out, size, json_object_size(value) ? "as it is" : "{}");
}

const char *plot_words_pointer(const char *pointer)
{
    const char *last = strrchr(pointer, '/');
    return last && last[1] ? last + 1 : pointer;
}

void plot_words_metric(const char *key, char *out, size_t size)
{
    static const struct {
        const char *key, *words;
    } known[] = {
        {"psnr", "PSNR (dB)"},
        {"test_psnr", "test PSNR (dB)"},
        {"mse", "mean squared error"},
        {"test_mse", "test mean squared error"},
        {"iou_boundary", "IoU near the surface"},
        {"iou_uniform", "IoU in the box"},
        {"ssim", "SSIM"},
    };
    snprintf(out, size, "%s", key);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].key, key) == 0)
            snprintf(out, size, "%s", known[i].words);
}
