#include "api/handlers/representation.h"

#include <stdio.h>

static enum reply_cache cache_of(enum field_state state)
{
    return state == FIELD_FINAL ? CACHE_IMMUTABLE : CACHE_REVALIDATE;
}

bool representation_not_modified(const struct http_request *request, struct http_response *response,
                                 const struct field_facts *facts, const char *etag)
{
    return reply_not_modified(request, response, etag, cache_of(facts->state), 0);
}

void representation_send(struct http_response *response, const struct field_entry *entry,
                         const char *etag, const char *media_type, struct buffer *body)
{
    http_response_take(response, 200, media_type, body);
    reply_tag(response, etag, cache_of(entry->state));
}

void representation_send_file(const struct http_request *request, struct http_response *response,
                              const struct field_entry *entry, const char *etag,
                              const char *media_type, const char *extension, struct buffer *body)
{
    char name[64];
    snprintf(name, sizeof name, "%s.%s", request->params[0], extension);
    representation_send(response, entry, etag, media_type, body);
    reply_attachment(response, name, name);
}
