/*
 * The handlers: one for each operation of openapi.json, called with the service as context.
 *
 * Each is parse -> call -> reply.  Helpers whose names end in _or_reply check something and, where
 * it is wrong, answer at once and return false; the handler then only leaves.
 * Threads: handlers run on the handler pool (those marked inline in routes.c on the HTTP thread).
 */
#ifndef API_HANDLERS_HANDLERS_H
#define API_HANDLERS_HANDLERS_H

#include "server/http/http.h"

typedef void handler(void *context, const struct http_request *request,
                     struct http_response *response);

/* datasets.c */
handler datasets_create, datasets_list, datasets_get, datasets_delete;

/* dataset_files.c: their bytes */
handler datasets_content, datasets_preview;

/* job_submit.c */
handler jobs_create, jobs_resume;

/* estimates.c */
handler estimates_make;

/* jobs.c */
handler jobs_list, jobs_get, jobs_metrics, jobs_cancel, jobs_delete;

/* job_events.c */
handler jobs_events;

/* sweep_submit.c, sweeps.c */
handler sweeps_create, sweeps_list, sweeps_get, sweeps_cancel, sweeps_delete;

/* fields.c */
handler fields_list, fields_get, fields_delete, fields_evaluate;

/* query.c */
handler fields_query, fields_value;

/* image.c, slice.c, volume.c, mesh.c, weights.c */
handler fields_image, fields_slice, fields_volume, fields_mesh, fields_weights;

/* tiles.c */
handler tiles_xyz, tiles_dzi, tiles_dzi_tile;

/* render.c */
handler fields_render;

/* presets.c, health.c, openapi.c */
handler presets_get, health_alive, health_ready, health_metrics, openapi_get;

/* service_state.c */
handler service_get;

/* theory.c */
handler theory_kernel, theory_regression;

/* field_ntk.c */
handler fields_ntk;

/* amplitudes.c */
handler theory_amplitudes;

/* dashboard.c */
handler dashboard_index, dashboard_asset, dashboard_asset_in_folder, dashboard_icon;

#endif
