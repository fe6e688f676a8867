/*
 * What tests do again and again: a picture, a dataset of it, a job, a field.
 */
#ifndef TESTS_HTTP_FIT_H
#define TESTS_HTTP_FIT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/http/answer.h"
#include "tests/http/service.h"

/* A picture of the project's own, PNG. */
struct bytes sample_picture_png(size_t size, unsigned seed);

/* An NPY file (version 1, C order): type "|u1", shape "3, 4", data as it lies. */
struct bytes make_npy(const char *type, const char *shape, const void *data, size_t n);

/* Upload a picture and give its dataset id (ID: at least 32 bytes). */
enum { ID_TEXT = 32 };
void upload_picture(const struct service *s, size_t size, unsigned seed, char id[ID_TEXT]);

/* Post a job: a small network over the dataset, for so many steps; more: further members of the
 * body (", \"labels\": {…}") or "".  Gives its id. */
void start_job(const struct service *s, const char *dataset_id, unsigned steps, const char *more,
               char id[ID_TEXT]);

/* Wait until the job has this status; fails if it ends in another, or after a minute (times
 * SLOWNESS).  The job, the caller's. */
json_t *wait_for_job(const struct service *s, const char *id, const char *status);

/* Wait until the job has trained at least so many steps. */
void wait_for_step(const struct service *s, const char *id, int64_t step);

/* Wait until the machine has been measured, no longer than a minute (times SLOWNESS): before,
 * nothing is refused for the time it would take, nor known to be long. */
void wait_for_measured_machine(const struct service *s);

/* Upload, fit, wait: a finished field. */
void make_field(const struct service *s, size_t size, unsigned steps, char field_id[ID_TEXT]);

/* Post a file; query: "?kind=volume", or "".  The answer is the caller's. */
struct answer post_dataset(const struct service *s, const char *query, const void *body, size_t n);

/* Items of a whole list, page by page: of "/v1/datasets", "/v1/jobs". */
size_t count_items(const struct service *s, const char *path);

/* A finished field of three dimensions: of a volume of 6 x 5 x 4 voxels. */
void make_solid(const struct service *s, char field_id[ID_TEXT]);

#endif
