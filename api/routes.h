/*
 * The table of routes: every path the service answers, with its handler (contract §3).
 */
#ifndef API_ROUTES_H
#define API_ROUTES_H

#include <stddef.h>

#include "server/http/http.h"

const struct http_route *routes_table(size_t *n);

#endif
