/*
 * The dashboard's files: those of api/dashboard and the libraries beside them, as the table that
 * api/dashboard/table.sh makes.  A file's name is its path under /assets/ ("pages/job.js").
 */
#ifndef API_HANDLERS_DASHBOARD_FILES_H
#define API_HANDLERS_DASHBOARD_FILES_H

#include <stddef.h>

#include "api/handlers/embedded.h"

extern const struct embedded dashboard_files[];
extern const size_t n_dashboard_files;

#endif
