/*
 * Settings: one table row each (name, environment variable, default, range, unit, help).  Read once
 * at start, from the command line over the environment over the default, then const. `farfield
 * help`, validation and docs/settings.md come from the table.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/base/status.h"

struct config {
    char listen_host[256];
    uint16_t listen_port; /* 0: any free one */
    char data[4096];
    size_t workers; /* training processes at once */
    size_t threads; /* cores of one training process */
    char isa[16];   /* kernels: "auto" or the name of a row of core/nn/kernel.h */
    char log_level[8];
    bool no_auth; /* ask nobody for a token */

    uint64_t upload_bytes; /* of a dataset */
    uint64_t json_bytes;   /* of a JSON body */
    uint64_t json_depth;
    uint64_t query_points_json;
    uint64_t query_points_binary;
    uint64_t render_pixels;
    uint64_t mesh_resolution; /* samples along the longest side of an isosurface's lattice */
    uint64_t queued_jobs;
    uint64_t name_bytes;
    uint64_t connections;
    uint64_t request_line_bytes;
    uint64_t head_bytes;
    uint64_t keep_alive_seconds;
    uint64_t job_memory_bytes;  /* of one job */
    uint64_t job_seconds;       /* training time of one job, hard limit */
    uint64_t silence_seconds;   /* of a worker, before it is taken to hang */
    uint64_t request_seconds;   /* estimated work of one request */
    uint64_t field_cache_bytes; /* weights kept for queries */
    uint64_t shutdown_seconds;

    size_t handlers;      /* threads that run request handlers */
    size_t handler_queue; /* requests that may wait for one */
};

/* argv: the arguments after the subcommand ("--listen", "127.0.0.1:0", "--workers=2", "--no-auth",
 * …). INVALID names the setting, its range and what was given; unknown ones are refused. */
enum status config_read(struct config *out, int argc, char **argv, struct error *err) WARN_UNUSED;

/* Of a library that is set by the environment alone: NULL where the variable is not there. */
const char *config_of_library(const char *variable);

/* The table as text for `farfield help`, and as Markdown for docs/settings.md. */
void config_print_help(FILE *out);
void config_print_markdown(FILE *out);

#endif
