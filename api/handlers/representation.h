/*
 * What was made of a field's weights (a picture, a mesh, a volume), with its entity tag: clients
 * keep that of a final field, and ask again for that of a snapshot.
 *
 * A request is first looked at with the facts of rows (field_facts.h).  What is made belongs to the
 * weights of the entry that it was made with, which may be newer: the tag that is sent is theirs.
 */
#ifndef API_HANDLERS_REPRESENTATION_H
#define API_HANDLERS_REPRESENTATION_H

#include "api/handlers/field_facts.h"
#include "api/handlers/reply.h"

/* True if the caller has it already: the response is then a complete 304. */
bool representation_not_modified(const struct http_request *request, struct http_response *response,
                                 const struct field_facts *facts, const char *etag);

/* 200.  Takes body, which is empty afterwards. */
void representation_send(struct http_response *response, const struct field_entry *entry,
                         const char *etag, const char *media_type, struct buffer *body);

/* The same, to be saved as {id}.extension. */
void representation_send_file(const struct http_request *request, struct http_response *response,
                              const struct field_entry *entry, const char *etag,
                              const char *media_type, const char *extension, struct buffer *body);

#endif
