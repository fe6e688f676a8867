/*
 * The wire between the service and a worker process: framed messages over a socketpair.
 *
 * A frame is {u32 type, u32 size} and `size` bytes; bulk bytes (datasets, weights, checkpoints)
 * travel as a file descriptor beside the frame (a sealed memfd, or the dataset's file).  Both ends
 * are this program, but the worker's end has decoded hostile files: the service checks every length
 * it reads.
 *
 *   service -> worker   LINK_JOB        struct link_job + texts, dataset descriptor [, checkpoint
 * descriptor] worker -> service   LINK_PHASE      phase name LINK_REPORT     step, seconds, eta,
 * progress, metric points LINK_SNAPSHOT   step, weights descriptor LINK_CHECKPOINT step, checkpoint
 * descriptor LINK_RESULT     stopped_by, summary JSON, metrics JSON [, weights descriptor]
 *                       LINK_ERROR      class, detail, where
 * Cancel is SIGTERM to the worker's process group.  The end of the socket is the end of the worker.
 */
#ifndef SERVER_JOBS_WORKER_LINK_H
#define SERVER_JOBS_WORKER_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/buffer.h"
#include "core/base/status.h"

enum link_type {
    LINK_JOB = 1,
    LINK_PHASE,
    LINK_REPORT,
    LINK_SNAPSHOT,
    LINK_CHECKPOINT,
    LINK_RESULT,
    LINK_ERROR,
};

enum { LINK_MAX_FRAME = 4 << 20, LINK_MAX_DESCRIPTORS = 2 };

struct link_message {
    enum link_type type;
    uint8_t *payload; /* owned: link_message_deinit */
    size_t size;
    int descriptors[LINK_MAX_DESCRIPTORS]; /* owned; -1: none */
};

enum status link_send(int socket, enum link_type type, const void *payload, size_t size,
                      const int *descriptors, size_t n_descriptors, struct error *err) WARN_UNUSED;

/* Wait for one message.  NOT_FOUND at the end of the stream, INVALID for a frame that breaks the
 * rules. */
enum status link_receive(int socket, struct link_message *out, struct error *err) WARN_UNUSED;
void link_message_deinit(struct link_message *m);

/* Bytes as a sealed memory file, and the way back (mapped read-only, checked to be sealed). */
enum status link_memory_create(const void *bytes, size_t n, int *descriptor,
                               struct error *err) WARN_UNUSED;
enum status link_memory_map(int descriptor, size_t max, const uint8_t **bytes, size_t *n,
                            struct error *err) WARN_UNUSED;
void link_memory_unmap(const uint8_t *bytes, size_t n);

#endif
