#include "core/base/status.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *text;
} statuses[] = {
#define STATUS_ROW(code, name, text) [code] = {name, text},
    STATUS_MAP(STATUS_ROW)
#undef STATUS_ROW
};

const char *status_name(enum status status)
{
    return statuses[status].name;
}

const char *status_text(enum status status)
{
    return statuses[status].text;
}

enum status error_set(struct error *err, enum status status, const char *where, const char *format,
                      ...)
{
    if (!err || err->status != STATUS_OK)
        return status;
    err->status = status;
    snprintf(err->where, sizeof err->where, "%s", where);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    return status;
}

enum status error_status(struct error *err, enum status status)
{
    return error_set(err, status, "", "%s", status_text(status));
}

void error_clear(struct error *err)
{
    *err = (struct error){.status = STATUS_OK};
}
