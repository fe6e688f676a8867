/*
 * What a fuzz target is made of.
 *
 * A target is one file, fuzz_NAME.c.  It does with the bytes what the service would do and asks for
 * what the headers promise: REQUIRE ends the program where a promise is broken.  `make fuzz` runs
 * it under libFuzzer (tests/fuzz/run.sh), `make test` without (tests/fuzz/replay.c).
 *
 * Seeds are inputs to begin with: what our own encoders write, made by fuzz_seeds in the folder
 * that $FUZZ_SEEDS names, and small texts in tests/fuzz/seeds/NAME/, where what fuzzing has found
 * stays under a name that says what it was.  tests/fuzz/seeds/NAME.dict holds words for libFuzzer
 * to try.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "api/problem.h"
#include "core/base/buffer.h"
#include "core/base/data.h"

/* The target's: write its seeds; and one input. */
void fuzz_seeds(void);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

/* The fuzzer's, or the replay's: change the bytes a little.  Returns how many there are now. */
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t n_bytes, size_t max);

/* A target may have its own way to change bytes. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n_bytes, size_t max, unsigned seed);

int LLVMFuzzerInitialize(int *n_arguments, char ***arguments);

/* Pictures that tell nothing new and cost time: do the bytes claim one of more than 64 Ki pixels,
 * but no more than are decoded? */
bool fuzz_is_large_png(const uint8_t *bytes, size_t n_bytes);
bool fuzz_is_large_jpeg(const uint8_t *bytes, size_t n_bytes);

#define REQUIRE(condition) ((condition) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #condition))
_Noreturn void fuzz_broken(const char *file, int line, const char *promise);

/* Write the bytes, which an encoder has just appended with this status, and empty the buffer. */
enum { FUZZ_MAX_SEED = 1 << 16 };
void fuzz_seed(const char *name, enum status encoded, struct buffer *bytes);

/* Write n texts, under the names "0", "1", … */
void fuzz_seed_texts(const char *const *texts, size_t n);

/* The bytes as a string, ended where a NUL is (free): what a header's value can be. */
char *fuzz_text(const uint8_t *bytes, size_t n_bytes);

/* An image that a decoder gave, with its status and error: within limits.h and finite, or none. */
void fuzz_check_image(enum status status, const struct error *err, const struct image *image);

/* A volume that a decoder gave, with its status and error: within limits.h, values in [0, 1], an
 * affine map with an inverse, and what a check of the same bytes found; or none. */
void fuzz_check_volume(enum status decoded, const struct error *err, const struct volume *volume,
                       enum status checked, const struct volume_facts *facts);

/* What a check found in bytes that a decoder gave this status and image for: the same. */
void fuzz_check_facts(enum status decoded, const struct image *image, enum status checked,
                      const struct image_facts *facts);

/* A mesh that a decoder gave, with its status and error: within limits.h, finite, its corners
 * vertices, and what is true of it can be found; or none. */
void fuzz_check_mesh(enum status status, const struct error *err, const struct mesh *mesh);

/* Problems that a codec gave with this status: none, or words that a client gets whole, as 4xx. */
void fuzz_check_problems(enum status status, const struct problem_list *problems);

#endif
