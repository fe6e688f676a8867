/*
 * The body of a request while it arrives: dropped, collected in memory, or written to a file and
 * hashed on the way, raw or out of a multipart form.  Its limit is counted as it comes, so a
 * chunked body is held to it as well.
 *
 * Functions return 0 or the HTTP status to refuse with; the words are in err.
 * Threads: one request's body is used by one thread at a time.
 */
#ifndef SERVER_HTTP_BODY_H
#define SERVER_HTTP_BODY_H

#include <microhttpd.h>
#include <sodium.h>
#include <stdint.h>

#include "core/base/buffer.h"
#include "server/http/http.h"

struct body {
    enum { BODY_DROPPED, BODY_MEMORY, BODY_FILE, BODY_FORM } kind;
    uint64_t limit;        /* of the content; a form may be BODY_FORM_MARGIN larger */
    uint64_t received;     /* from the connection, of whatever kind */
    uint64_t content_size; /* of what is kept */
    struct buffer memory;
    int file; /* -1 when closed */
    char path[512];
    crypto_hash_sha256_state hash;
    struct MHD_PostProcessor *form;
    bool in_part;
    unsigned status; /* the first failure inside a form */
    struct error error;
    char file_name[132];
    char media_type[64];
};

enum { BODY_FORM_MARGIN = 16 * 1024 };

/* A body of zeros is fine for body_deinit. */
unsigned body_begin_memory(struct body *b, uint64_t limit);
unsigned body_begin_dropped(struct body *b, uint64_t limit);
/* name: of the file in the folder; it must be new. */
unsigned body_begin_file(struct body *b, uint64_t limit, const char *folder, const char *name,
                         struct error *err);
/* Make a file body a form with one part named "file". */
unsigned body_begin_form(struct body *b, struct MHD_Connection *connection, struct error *err);

/* n more bytes. */
unsigned body_take(struct body *b, const char *bytes, size_t n, struct error *err);

/* All has come: point the request at it. */
unsigned body_end(struct body *b, struct http_request *r, struct error *err);

/* Remove the file, unless it has been renamed; release. */
void body_deinit(struct body *b);

/* A Content-Type without its parameters, in lower case; "" if it does not fit. */
void media_type_of(const char *content_type, char out[64]);

#endif
