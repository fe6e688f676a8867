/*
 * Datasets as JSON: {id, kind, name, media_type, bytes, sha256, created_at, info}.
 */
#ifndef API_CODEC_DATASET_H
#define API_CODEC_DATASET_H

#include <jansson.h>

#include "api/problem.h"
#include "server/http/http.h"
#include "server/store/store.h"

/* NULL when out of memory.  The caller's (json_decref). */
json_t *codec_dataset(const struct dataset_row *row);

/* A page of things: {"items": […], "next_cursor": "…" or null}.  Takes items (NULL gives NULL). */
json_t *codec_list(json_t *items, const char *next_cursor);

/* ?kind= of an upload: "" where it is left out, INVALID at "/kind" for what is no kind. */
enum status codec_dataset_kind(const struct http_request *r, char out[KIND_SIZE],
                               struct problem_list *problems) WARN_UNUSED;

/* ?name= (else `fallback`, a file name or ""): valid UTF-8, at most 128 bytes, nothing that does
 * not print.  A problem at "/name". */
enum status codec_dataset_name(const struct http_request *r, const char *fallback,
                               char out[NAME_SIZE], struct problem_list *problems) WARN_UNUSED;

/* The question for supervisor_inspect: what is this?  preview_width 0: no preview.  kind "": tell
 * from the bytes.  Text, mem_free; NULL when out of memory. */
char *codec_inspect_question(const char *kind, const char *media_type, size_t preview_width);

/* Its answer into a row's kind, media_type and info_json (the row's). */
enum status codec_inspect_answer(const char *answer, struct dataset_row *row,
                                 struct error *err) WARN_UNUSED;

/* The PNG of a preview's answer (mem_free). */
enum status codec_inspect_preview(const char *answer, uint8_t **png, size_t *n,
                                  struct error *err) WARN_UNUSED;

#endif
