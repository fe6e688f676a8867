/*
 * A fit by the real program, step by step, for who holds a watch to it.
 *
 * Everything here asserts (cmocka): a function that returns has done what it says.
 */
#ifndef TESTS_HTTP_TIMED_FIT_H
#define TESTS_HTTP_TIMED_FIT_H

#include "tests/http/answer.h"
#include "tests/http/fit.h"

/* The service with a thread for each core. */
void timed_fit_serve(struct service *s);

/* Upload a picture's file as it is. */
void timed_fit_upload(const struct service *s, const struct bytes *file, char dataset[ID_TEXT]);

/* Post a job; members: of its body, each after a comma, or "".  Returns with the 202. */
void timed_fit_post(const struct service *s, const char *dataset, const char *members,
                    char job[ID_TEXT]);

/* Until the job's events have told of … */
#define TIMED_FIT_SNAPSHOT "event: snapshot\n"
#define TIMED_FIT_PSNR "[\"ssim\"," /* … the metrics over all pixels, PSNR among them */
#define TIMED_FIT_EVALUATING "\"phase\":\"evaluating\"" /* … its last step */
#define TIMED_FIT_DONE "event: done\n"
void timed_fit_await(const struct service *s, const char *job, const char *mark);

#endif
