/*
 * How a content reader ends its connection in the middle of a body.
 *
 * MHD_CONTENT_READER_END_WITH_ERROR would do, but libmicrohttpd 0.9.75 then keeps a connection that
 * was suspended before (it is no longer watched) until its idle timeout: a minute in which it
 * counts and holds its memory.  A write that fails is cleaned up at once.  So the socket is shut
 * down, and the byte that is handed over can never be sent.
 */
#ifndef SERVER_HTTP_CONNECTION_CUT_H
#define SERVER_HTTP_CONNECTION_CUT_H

#include <sys/types.h>

/* out has room for at least one byte; returns what the content reader returns. */
ssize_t connection_cut(int socket, char *out);

#endif
