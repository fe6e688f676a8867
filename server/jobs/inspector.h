/*
 * The inspector: asks short-lived workers about files, a few at a time.
 *
 * Its threads live as long as the service, since a worker dies with the thread that started it; who
 * asks waits on its own thread.  The worker gets a kind, the question as its spec, and the file;
 * its answer is the summary of its result.
 *
 *   INQUIRY_INSPECT   what is this file?  Up to INSPECTOR_THREADS at once
 *   INQUIRY_FORESEE   what would come of a job with it?  Up to INSPECTOR_FORESEES at once, so that
 *                     uploads find a thread
 */
#ifndef SERVER_JOBS_INSPECTOR_H
#define SERVER_JOBS_INSPECTOR_H

#include <stdint.h>

#include "core/base/status.h"
#include "core/base/stop.h"
#include "server/config.h"

enum { INSPECTOR_THREADS = 4, INSPECTOR_FORESEES = 2 };

enum inquiry_kind { INQUIRY_INSPECT, INQUIRY_FORESEE };

/* A question; all borrowed. */
struct inquiry {
    enum inquiry_kind kind;
    const char *spec_json; /* the question itself */
    const char *path;
    const char *dataset_kind, *media_type, *info_json; /* as the dataset's row has them; NULL where
                                                          only the file is asked about */
    double seconds;                                    /* that it may take once it has begun */
    const struct stop *stop; /* asked now and then, on any thread; NULL: the answer is wanted */
};

struct inspector;

/* config: borrowed. */
enum status inspector_create(struct inspector **out, const struct config *config,
                             struct error *err) WARN_UNUSED;

/* As supervisor_ask says. */
enum status inspector_ask(struct inspector *in, const struct inquiry *inquiry, char **answer,
                          struct error *err) WARN_UNUSED;

/* Workers that crashed since the start. */
uint64_t inspector_crashes(const struct inspector *in);

/* Questions that wait are CANCELED, those under way too, their workers killed.  All who asked have
 * left when this returns; whoever asks later is answered CANCELED. */
void inspector_stop(struct inspector *in);

/* inspector_stop, then free. */
void inspector_free(struct inspector *in);

#endif
