/*
 * A sheet of the pictures of posed views, side by side.
 */
#ifndef API_KINDS_VIEWS_SHEET_H
#define API_KINDS_VIEWS_SHEET_H

#include "core/base/data.h"

/* RGBA of about this width, no more than a Mi pixels: about as many rows as columns, views in their
 * order, each in the middle of its cell and no finer than it is.  The caller owns *out. */
enum status views_sheet_make(const struct views *views, size_t width, struct image *out,
                             struct error *err) WARN_UNUSED;

#endif
