/*
 * The ends of handlers: JSON bodies, lists, entity tags, files.
 */
#ifndef API_HANDLERS_REPLY_H
#define API_HANDLERS_REPLY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/problem.h"
#include "server/http/http.h"
#include "server/store/store.h"

/* A JSON body.  Takes body; NULL (out of memory while it was made) is answered as such. */
void reply_json(const struct http_request *request, struct http_response *response, unsigned status,
                json_t *body);

/* What has just been stored as folder/id, with its Location.  If there is no memory to tell it the
 * connection ends without an answer (http.h, is_done).  Takes body, which may be NULL. */
void reply_stored(const struct http_request *request, struct http_response *response,
                  unsigned status, json_t *body, const char *folder, const char *id);

/* 204: it is gone. */
void reply_deleted(struct http_response *response);

/* A JSON body that changes with time: a weak entity tag of its text and no-cache; 304 where the
 * caller has it already.  Takes body. */
void reply_json_tagged(const struct http_request *request, struct http_response *response,
                       json_t *body);

/* The same for a text of another type.  Takes the buffer's content. */
void reply_text_tagged(const struct http_request *request, struct http_response *response,
                       const char *media_type, struct buffer *text);

/* Add to the items of a list.  Takes item; if it is NULL or there is no memory, *items becomes
 * NULL, which reply_list answers as what it is. */
void reply_add_item(json_t **items, json_t *item);

/* The arguments of a list that has no filters: limit, cursor and q, and no others.  False:
 * answered. */
bool reply_read_page(const struct http_request *request, struct http_response *response,
                     struct page *out);

/* A page of a list: {"items", "next_cursor"} and Link rel="next" with the request's own arguments.
 * Takes items. */
void reply_list(const struct http_request *request, struct http_response *response, json_t *items,
                const char *next_cursor);

/* How long a representation may be kept by clients. */
enum reply_cache { CACHE_IMMUTABLE, CACHE_REVALIDATE };

/* Set ETag and Cache-Control of a representation that was made. */
void reply_tag(struct http_response *response, const char *etag, enum reply_cache cache);

/* True if the caller has this representation already: the response is then a complete 304 and
 * nothing needs to be computed.  Else the response is untouched.  size: of the whole
 * representation, 0 where only making it would tell (http.h: the connection then closes). */
bool reply_not_modified(const struct http_request *request, struct http_response *response,
                        const char *etag, enum reply_cache cache, uint64_t size);

/* A strong entity tag for what is made from content and parameters: both are hashed.  version says
 * which code made it: raised when the bytes for the same question change. */
enum { ETAG_SIZE = 68 };
void reply_make_etag(char out[ETAG_SIZE], const char *content_sha256, unsigned version,
                     const char *parameters);

/* Content-Disposition: attachment with a file name.  name: any UTF-8, may be ""; fallback: plain
 * ASCII, used where name is empty or does not fit a quoted string. */
void reply_attachment(struct http_response *response, const char *name, const char *fallback);

/* Answer err (its words, its status).  Returns false, for _or_reply helpers. */
bool reply_error(const struct http_request *request, struct http_response *response,
                 const struct error *err);
bool reply_problems(const struct http_request *request, struct http_response *response,
                    const struct problem_list *problems);

/* The request's body, an object nested at most max_depth deep: *out is the caller's. */
bool reply_parse_object(const struct http_request *request, struct http_response *response,
                        size_t max_depth, json_t **out);

#endif
