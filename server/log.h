/*
 * The log: one JSON object per event, one line each, on stderr.
 *
 *   {"time":"2026-11-23T12:00:00.123Z","level":"info","event":"job
 * started","job":"job_…","attempt":1}
 *
 * Every value is escaped (a log cannot be forged by what clients send) and a line is at most 4 KiB.
 * Threads: any; a line is written with one write().
 */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <stdint.h>

/* ALWAYS is info that no level drops: what cannot be learned any other way. */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_ALWAYS };

/* Events below this level are dropped.  Set once, before threads start. */
void log_set_level(enum log_level level);

/* Members of an event come as a list of struct log_value ended by LOG_END:
 *   log_event(LOG_INFO, "job started", LOG_TEXT("job", id), LOG_INT("attempt", 1), LOG_END); */
struct log_value {
    const char *key; /* NULL ends the list */
    enum { LOG_VALUE_TEXT, LOG_VALUE_INT, LOG_VALUE_REAL } type;
    const char *text;
    int64_t integer;
    double real;
};
#define LOG_TEXT(k, v) ((struct log_value){.key = (k), .type = LOG_VALUE_TEXT, .text = (v)})
#define LOG_INT(k, v)                                                                              \
    ((struct log_value){.key = (k), .type = LOG_VALUE_INT, .integer = (int64_t)(v)})
#define LOG_REAL(k, v) ((struct log_value){.key = (k), .type = LOG_VALUE_REAL, .real = (v)})
#define LOG_END ((struct log_value){.key = 0})

void log_event(enum log_level level, const char *event, ...); /* struct log_value …, LOG_END */

#endif
