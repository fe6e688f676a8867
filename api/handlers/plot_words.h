/*
 * Settings in few words, for titles and names in plots.  Texts that do not fit are cut.
 */
#ifndef API_HANDLERS_PLOT_WORDS_H
#define API_HANDLERS_PLOT_WORDS_H

#include <jansson.h>
#include <stddef.h>

/* An object's members: "gaussian, n_frequencies 256, sigma 10"; "type" goes without its name, of
 * long arrays only how long they are is told. */
void plot_words_object(const json_t *object, char *out, size_t size);

/* Value i of an array: numbers and texts as they are; of objects only what tells them apart,
 * "gaussian" or "gaussian, sigma 10". */
void plot_words_value(const json_t *values, size_t i, char *out, size_t size);

/* "/field/encoding/sigma" is "sigma". */
const char *plot_words_pointer(const char *pointer);

/* A metric with its unit: "test PSNR (dB)". */
void plot_words_metric(const char *key, char *out, size_t size);

#endif
