/*
 * Seeds of the fuzzers: files that our own encoders write, so that no foreign file is needed.
 * tests/fuzz/run.sh names a folder in $FUZZ_SEEDS; each target fills it before it starts.
 */
#ifndef TESTS_FUZZ_SEED_H
#define TESTS_FUZZ_SEED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/buffer.h"

enum { SEED_MAX_BYTES = 1 << 16 };

int LLVMFuzzerInitialize(int *n_arguments, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

/* Write the bytes, which an encoder has just appended with this status, and empty the buffer. */
static inline void seed_write(const char *name, enum status encoded, struct buffer *bytes)
{
    const char *folder = getenv("FUZZ_SEEDS");
    char path[4096];
    if (folder && encoded == STATUS_OK) {
        snprintf(path, sizeof path, "%s/%s", folder, name);
        FILE *file = fopen(path, "wb");
        if (!file || fwrite(bytes->data, 1, bytes->size, file) != bytes->size || fclose(file) != 0)
            abort();
    }
    buffer_deinit(bytes);
}

#endif
