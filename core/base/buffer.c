#include "core/base/buffer.h"

#include <stdio.h>
#include <string.h>

#include "core/base/mem.h"

/* The first allocation; growth then doubles, so appending n bytes costs O(n). */
enum { FIRST_CAPACITY = 256 };

void buffer_init(struct buffer *b, size_t max)
{
    *b = (struct buffer){.max = max};
}

void buffer_deinit(struct buffer *b)
{
    mem_free(b->data);
    buffer_init(b, b->max);
}

static enum status reserve(struct buffer *b, size_t n, struct error *err)
{
    size_t wanted;
    if (!mem_add(&wanted, b->size, n) || wanted > b->max)
        return error_set(err, STATUS_TOO_LARGE, "", "%zu more bytes pass the limit of %zu", n,
                         b->max);
    if (wanted <= b->capacity)
        return STATUS_OK;
    size_t capacity = b->capacity ? b->capacity : FIRST_CAPACITY;
    while (capacity < wanted)
        capacity = capacity > b->max / 2 ? b->max : capacity * 2;
    uint8_t *data = mem_realloc_array(b->data, capacity, 1);
    if (!data)
        return error_status(err, STATUS_NO_MEMORY);
    b->data = data;
    b->capacity = capacity;
    return STATUS_OK;
}

enum status buffer_extend(struct buffer *b, size_t n, uint8_t **out, struct error *err)
{
    enum status status = reserve(b, n, err);
    if (status != STATUS_OK)
        return status;
    *out = b->data + b->size;
    b->size += n;
    return STATUS_OK;
}

enum status buffer_append(struct buffer *b, const void *bytes, size_t n, struct error *err)
{
    uint8_t *place;
    if (n == 0)
        return STATUS_OK;
    enum status status = buffer_extend(b, n, &place, err);
    if (status == STATUS_OK)
        memcpy(place, bytes, n);
    return status;
}

enum status buffer_printf(struct buffer *b, struct error *err, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int n = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    enum status status = n < 0 ? error_status(err, STATUS_INTERNAL) : STATUS_OK;
    if (status == STATUS_OK)
        status = reserve(b, (size_t)n + 1, err); /* vsnprintf writes a NUL that is not kept */
    if (status == STATUS_OK) {
        vsnprintf((char *)b->data + b->size, (size_t)n + 1, format, again);
        b->size += (size_t)n;
    }
    va_end(again);
    return status;
}

uint8_t *buffer_take(struct buffer *b, size_t *size)
{
    uint8_t *data = b->data;
    *size = b->size;
    buffer_init(b, b->max);
    return data;
}
