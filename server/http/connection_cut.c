#include "server/http/connection_cut.h"

#include <sys/socket.h>

ssize_t connection_cut(int socket, char *out)
{
    shutdown(socket, SHUT_RDWR); /* fails only where the connection is gone already */
    out[0] = '\n';
    return 1;
}
