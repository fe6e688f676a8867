/*
 * The surface where a field passes a level: its values on a lattice, plane after plane, from the
 * compute pool; marching cubes; vertices moved to the level by more values there; normals.
 */
#ifndef API_HANDLERS_SURFACE_H
#define API_HANDLERS_SURFACE_H

#include "api/handlers/evaluation.h"
#include "api/tasks/tasks.h"

struct surface_spec {
    const struct field_entry *entry; /* of three dimensions */
    const struct spec *spec;         /* of its job */
    struct task_surface surface;     /* level: the one that is wanted */
    double low[3], high[3];          /* of the lattice, borders included, in unit coordinates */
    size_t n[3];                     /* its samples along x, y, z */
    double source_from_unit[3][4];
};

/* A closed mesh in source units with its normals [n_vertices, 3]; both are the caller's
 * (mesh_deinit, mem_free).  INVALID where the field does not pass the level, or (with both figures)
 * if it would take longer than a request may; TOO_LARGE past core's limits of meshes; CANCELED. */
enum status surface_make(const struct surface_spec *s, const struct service *service,
                         const struct http_request *request, struct mesh *mesh, float **normals,
                         struct error *err) WARN_UNUSED;

#endif
