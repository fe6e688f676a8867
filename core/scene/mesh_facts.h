/*
 * What is true of a mesh: where it is, whether it is closed, how it hangs together.
 *
 * An edge is a pair of vertices that triangles share; triangles with a repeated corner have none
 * and count for nothing but themselves.  A mesh is watertight if each edge is used by two triangles
 * exactly.  Cost: time and memory (24 bytes a triangle and 4 a vertex) grow with the mesh, not
 * with its square.
 */
#ifndef CORE_SCENE_MESH_FACTS_H
#define CORE_SCENE_MESH_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/data.h"

struct mesh_facts {
    size_t n_vertices;             /* all */
    size_t n_unused_vertices;      /* of no triangle */
    size_t n_triangles;            /* all */
    size_t n_degenerate_triangles; /* of no area: corners that are one vertex, one place, a line */
    size_t n_duplicate_triangles;  /* of the same three vertices as another, in any order */
    size_t n_edges;
    size_t n_border_edges;      /* used once */
    size_t n_nonmanifold_edges; /* used three times or more */
    size_t n_misoriented_edges; /* used twice, both times in the same direction */
    size_t n_components;        /* parts that share no vertex */
    int64_t euler;              /* used vertices - edges + triangles; 2 - 2 genus of each part */
    bool is_watertight;
    float low[3], high[3]; /* box of the used vertices */
    double area;
    double volume; /* by the divergence theorem: below 0 for a closed mesh that is inside out */
};

/* m: one triangle or more.  NO_MEMORY. */
enum status mesh_facts_find(const struct mesh *m, struct mesh_facts *out,
                            struct error *err) WARN_UNUSED;

#endif
