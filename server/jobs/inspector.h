/*
 * The inspector: asks short-lived workers about files, a few at a time.
 *
 * Its threads live as long as the service, since a worker dies with the thread that started it; who
 * asks waits on its own thread.  The worker gets the kind "inspect", the question as its spec and
 * the file; its answer is the summary of its result.
 */
#ifndef SERVER_JOBS_INSPECTOR_H
#define SERVER_JOBS_INSPECTOR_H

#include <stdint.h>

#include "core/base/status.h"
#include "server/config.h"

enum { INSPECTOR_THREADS = 4 };

struct inspector;

/* config: borrowed. */
enum status inspector_create(struct inspector **out, const struct config *config,
                             struct error *err) WARN_UNUSED;

/* As supervisor_inspect says. */
enum status inspector_ask(struct inspector *in, const char *spec_json, const char *path,
                          double seconds, char **answer, struct error *err) WARN_UNUSED;

/* Workers that crashed since the start. */
uint64_t inspector_crashes(const struct inspector *in);

/* Questions that wait are CANCELED, those under way too, their workers killed.  All who asked have
 * left when this returns; whoever asks later is answered CANCELED. */
void inspector_stop(struct inspector *in);

/* inspector_stop, then free. */
void inspector_free(struct inspector *in);

#endif
