/*
 * The listening socket.
 */
#ifndef SERVER_HTTP_LISTENER_H
#define SERVER_HTTP_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/base/status.h"

struct listener {
    int socket; /* non-blocking; the caller closes it */
    uint16_t port;
    bool is_loopback; /* only this machine can reach it */
};

/* Resolve, bind and listen: the first address of the host that can be had.  port 0: any free one.
 * IO, with the host and the reason. */
enum status listener_open(struct listener *out, const char *host, uint16_t port,
                          struct error *err) WARN_UNUSED;

/* "127.0.0.1", "::1": the address of a peer as text. */
enum { ADDRESS_SIZE = 64 };
void address_text(const struct sockaddr_storage *address, char out[ADDRESS_SIZE]);

#endif
