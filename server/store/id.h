/*
 * Ids: a prefix and 26 characters of lower-case base32 (Crockford's alphabet): 48 bits of
 * milliseconds, then 80 random bits, so that ids sort by time and cannot be guessed.  Source: the
 * ULID specification. Two ids made in one process ascend even within a millisecond, or when the
 * clock goes back.  Threads: any.
 */
#ifndef SERVER_STORE_ID_H
#define SERVER_STORE_ID_H

#include <stdbool.h>
#include <stdint.h>

enum { ID_SIZE = 32 }; /* "job_" + 26 + NUL fits */

enum id_kind { ID_DATASET, ID_JOB, ID_FIELD, ID_SWEEP, ID_REQUEST };

/* Write a new id of the kind: "ds_…", "job_…", "fld_…", "swp_…", "req_…". */
void id_make(enum id_kind kind, char out[ID_SIZE]);

/* Is this text an id of the kind?  (Form only.) */
bool id_is(enum id_kind kind, const char *text);

/* Milliseconds since 1970, UTC. */
int64_t clock_now_ms(void);

/* RFC 3339, UTC, milliseconds: "2026-11-23T12:00:00.123Z". */
enum { TIME_TEXT_SIZE = 32 };
void clock_format(int64_t ms, char out[TIME_TEXT_SIZE]);

#endif
