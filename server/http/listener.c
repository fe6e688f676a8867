#include "server/http/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void address_text(const struct sockaddr_storage *address, char out[ADDRESS_SIZE])
{
    const void *bytes = NULL;
    if (address->ss_family == AF_INET)
        bytes = &((const struct sockaddr_in *)address)->sin_addr;
    else if (address->ss_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *)address)->sin6_addr;
    if (!bytes || !inet_ntop(address->ss_family, bytes, out, ADDRESS_SIZE))
        snprintf(out, ADDRESS_SIZE, "unknown");
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool is_loopback(const union address *a)
{
    if (a->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
    return ntohl(a->v4.sin_addr.s_addr) >> 24 == 127;
}

/* A listening socket on one address; -1 with errno set. */
static int listen_on(const struct addrinfo *a)
{
    int one = 1;
    int s = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (s < 0)
        return -1;
    if (setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
        bind(s, a->ai_addr, a->ai_addrlen) == 0 && listen(s, SOMAXCONN) == 0)
        return s;
    int reason = errno;
    close(s);
    errno = reason;
    return -1;
}

enum status listener_open(struct listener *out, const char *host, uint16_t port, struct error *err)
{
    char service[8], reason[128] = "no address";
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    snprintf(service, sizeof service, "%u", port);
    int problem = getaddrinfo(host, service, &hints, &addresses);
    if (problem != 0)
        return error_set(err, STATUS_IO, "", "cannot resolve '%s': %s", host,
                         gai_strerror(problem));
    int s = -1;
    for (const struct addrinfo *a = addresses; a && s < 0; a = a->ai_next) {
        s = listen_on(a);
        if (s < 0)
            snprintf(reason, sizeof reason, "%s", strerrordesc_np(errno));
    }
    freeaddrinfo(addresses);
    if (s < 0)
        return error_set(err, STATUS_IO, "", "cannot listen on '%s' port %u: %s", host, port,
                         reason);
    union address bound = {.v6 = {.sin6_family = AF_UNSPEC}};
    socklen_t size = sizeof bound;
    if (getsockname(s, &bound.any, &size) != 0) {
        close(s);
        return error_set(err, STATUS_IO, "", "cannot tell the address of the listening socket");
    }
    out->socket = s;
    out->port = ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
    out->is_loopback = is_loopback(&bound);
    return STATUS_OK;
}
