/*
 * The wire between the service and a worker process: framed messages over a socketpair.
 *
 * A frame is {u32 type, u32 size} and `size` bytes; bulk bytes (datasets, weights, checkpoints)
 * travel as a file descriptor beside the frame (a sealed memory file, or the dataset's file).
 *
 *   service -> worker  LINK_JOB         kind, spec, threads, isa; dataset [, checkpoint] descriptor
 *   worker -> service  LINK_PHASE       what it does now
 *                      LINK_SUMMARY     what the field is, before its first snapshot
 *                      LINK_REPORT      progress and metric points
 *                      LINK_SNAPSHOT    step; weights descriptor
 *                      LINK_CHECKPOINT  step; checkpoint descriptor
 *                      LINK_TUNING      a setting that was left to the data: what it is to be
 *                      LINK_FORECAST    what is expected of the fit
 *                      LINK_RESULT      the end: stopped_by, summary, metrics [; weights]
 *                      LINK_ERROR       the end: status, where, message
 *
 * What stands in the frames is server/jobs/worker_message.h.  Cancel is SIGTERM to the worker's
 * process group.  The end of the socket is the end of the worker.
 *
 * Both ends are this program, but the worker's end has decoded hostile files: the service believes
 * no length, no number and no text that it reads here.  Threads: one reader and one writer a
 * socket.
 */
#ifndef SERVER_JOBS_WORKER_LINK_H
#define SERVER_JOBS_WORKER_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/status.h"

enum link_type {
    LINK_JOB = 1,
    LINK_PHASE,
    LINK_SUMMARY,
    LINK_REPORT,
    LINK_SNAPSHOT,
    LINK_CHECKPOINT,
    LINK_RESULT,
    LINK_ERROR,
    LINK_TUNING,
    LINK_FORECAST,
};

enum {
    LINK_HEAD_SIZE = 8,
    LINK_MAX_FRAME = 16 << 20, /* the answer about a file may hold a preview picture as text */
    LINK_MAX_DESCRIPTORS = 2,
};

/* Weights and checkpoints: three blocks of the largest network (83 Mi floats) are 1 GiB. */
#define LINK_MAX_MEMORY ((size_t)2 << 30)

struct link_message {
    enum link_type type;
    uint8_t *payload; /* owned: link_message_deinit */
    size_t size;
    int descriptors[LINK_MAX_DESCRIPTORS]; /* owned; -1: none */
};

/* descriptors are lent: the peer gets duplicates.  IO when the peer is gone. */
enum status link_send(int socket, enum link_type type, const void *payload, size_t size,
                      const int *descriptors, size_t n_descriptors, struct error *err) WARN_UNUSED;

/* A message on its way in: what has come of it so far. */
struct link_reader {
    uint8_t head[LINK_HEAD_SIZE];
    size_t n_head;
    size_t n_payload;
    struct link_message message;
};
void link_reader_init(struct link_reader *r);
void link_reader_deinit(struct link_reader *r);

/* Go on with a message.  OK: it is complete and *out is the caller's.  BUSY (LINK_POLL only, *err
 * untouched): more must come first.  NOT_FOUND: the end of the stream.  INVALID: a frame that
 * breaks the rules; the stream is then of no use any more. */
enum link_wait { LINK_WAIT, LINK_POLL };
enum status link_read(struct link_reader *r, int socket, enum link_wait wait,
                      struct link_message *out, struct error *err) WARN_UNUSED;
void link_message_deinit(struct link_message *m);

/* Bytes as a sealed memory file. */
enum status link_memory_create(const void *bytes, size_t n, int *descriptor,
                               struct error *err) WARN_UNUSED;

/* Map a descriptor's bytes read-only until link_unmap; the descriptor may be closed at once.
 * INVALID past max bytes.  LINK_SEALED: INVALID unless nobody can change the bytes any more.
 * LINK_FILE: a file that the service opened. */
enum link_source { LINK_SEALED, LINK_FILE };
enum status link_map(int descriptor, enum link_source source, size_t max, const uint8_t **bytes,
                     size_t *n, struct error *err) WARN_UNUSED;
void link_unmap(const uint8_t *bytes, size_t n);

#endif
