/*
 * The door: the thread that accepts connections, and that looks at the clock for everyone.
 *
 * It also lets those out slowly who were answered before they had said everything: a socket that is
 * closed with unread bytes resets the connection, and the reset can overtake our answer.  Such a
 * socket lingers here: its writing side is shut, what still comes is read and dropped, up to
 * LINGER_BYTES and LINGER_SECONDS.
 *
 * We accept ourselves, and not the library, because its way to stop accepting under load can abort
 * the process (docs/decisions/0005-http.md), and because a connection past the limit is to be
 * answered, not left waiting.
 */
#ifndef SERVER_HTTP_DOOR_H
#define SERVER_HTTP_DOOR_H

#include <stdbool.h>
#include <sys/socket.h>

#include "core/base/status.h"

struct door;

struct door_spec {
    int listening_socket; /* taken over by door_create */
    double tick_seconds;  /* at most so long between two ticks */
    void *context;
    /* Is there room for a connection?  If not, those that wait stay with the system for a moment.
     */
    bool (*may_accept)(void *context);
    /* The process has no descriptor left for one that waits: a chance to let another go. */
    void (*exhausted)(void *context);
    /* A connection: the socket is handed over. */
    void (*accepted)(void *context, int socket, const struct sockaddr_storage *address,
                     socklen_t size);
    /* now: monotonic_seconds.  True to be called again in a moment: there is more to do. */
    bool (*tick)(void *context, double now);
};

enum status door_create(struct door **out, const struct door_spec *spec,
                        struct error *err) WARN_UNUSED;

/* Start the thread.  Once. */
enum status door_open(struct door *d, struct error *err) WARN_UNUSED;

/* Accept no more: the listening socket is closed when this returns.  Ticks go on.  For a door that
 * has been opened. */
void door_close(struct door *d);

/* Take over a socket that has been answered, from any thread. */
void door_linger(struct door *d, int socket);

/* Close the door, close what lingers, end the thread, release.  NULL is fine. */
void door_free(struct door *d);

#endif
