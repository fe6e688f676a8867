/*
 * The service as handlers see it: what main has wired together.  Borrowed for as long as the server
 * runs.
 */
#ifndef API_SERVICE_H
#define API_SERVICE_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/field/precision.h"
#include "server/calibrator.h"
#include "server/config.h"
#include "server/fields/compute.h"
#include "server/fields/field_cache.h"
#include "server/http/http.h"
#include "server/jobs/events.h"
#include "server/jobs/supervisor.h"
#include "server/store/store.h"
#include "server/store/token_table.h"

struct service {
    const struct config *config;
    struct store *store;
    struct supervisor *supervisor;
    struct events *events;
    struct field_cache *fields;
    struct compute *compute;
    struct calibrator *calibrator;
    struct arithmetic arithmetic; /* of this process and its workers */
    struct token_table *tokens;   /* for the HTTP server, not for handlers */
    int64_t started_ms;           /* clock_now_ms at the start, for the uptime */

    /* Requests may come before main has the server in hand: NULL until then. */
    _Atomic(struct http_server *) http;
    atomic_bool ready; /* set by main once all is up, cleared at SIGTERM */
};

#endif
