/*
 * What the service takes and leaves: memory of it and its workers, descriptors, files.
 */
#ifndef TESTS_HTTP_FOOTPRINT_H
#define TESTS_HTTP_FOOTPRINT_H

#include <stddef.h>

#include "tests/http/service.h"

/* Resident memory of the service alone, KiB; 0 if it is gone. */
size_t service_resident_kib(const struct service *s);

/* The same when it has come to rest: the least of what is seen within so many seconds, or as soon
 * as it is not above `enough`. */
size_t service_settled_kib(const struct service *s, size_t enough, double seconds);

/* Open descriptors of the service. */
size_t service_descriptors(const struct service *s);

/* Plain files below a folder of its data ("blobs", "tmp"): 0 if there is no such folder. */
size_t service_files(const struct service *s, const char *folder);

/* Watch the memory of the service and of its workers, every few milliseconds, from a thread. */
struct footprint;
struct footprint *footprint_start(const struct service *s);

/* The most that was taken at once since the start, KiB.  Frees it.  worker_kib: the most that a
 * worker took; may be NULL. */
size_t footprint_stop(struct footprint *f, size_t *worker_kib);

#endif
