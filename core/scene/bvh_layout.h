/*
 * How the tree of core/scene/bvh.h lies in memory: for the files that build and ask it.
 */
#ifndef CORE_SCENE_BVH_LAYOUT_H
#define CORE_SCENE_BVH_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/quad.h"

enum {
    BVH_LANES = QUAD, /* children of a node, triangles of a leaf */

    /* Levels of the binary tree that splits are chosen freely in; below it they halve. */
    BVH_FREE_LEVELS = 48,
    BVH_MOST_LEVELS = BVH_FREE_LEVELS + 24, /* 2^24 leaves are more than LIMIT_TRIANGLES needs */
    BVH_STACK = (BVH_LANES - 1) * BVH_MOST_LEVELS + 1,
};

/* Children: a node's number; ~n for leaf n; BVH_NONE, whose box is empty and whose cluster is far
 * from everywhere. */
#define BVH_NONE INT32_MAX

struct bvh_node {
    quad low[3], high[3]; /* by axis */
    int32_t child[BVH_LANES];
};

/* What a cluster of triangles, the child of a node, is from afar.  With areas a, normals n, middles
 * m of the triangles: */
struct bvh_cluster {
    quad centre[3]; /* sum a m / sum a */
    quad reach;     /* squared distance from which the expansion is used */
    quad area[3];   /* sum a n */
    quad moment[6]; /* sum a (m - centre) n, symmetric part: xx yy zz, yz xz xy twice */
};

/* Lanes past the last triangle are points: no area, no nearer than a corner. */
struct bvh_leaf {
    quad corner[3][3]; /* corner, axis */
};

struct bvh {
    size_t n_triangles, n_nodes, n_leaves;
    struct bvh_node *node;       /* [n_nodes]; node 0 is the root */
    struct bvh_cluster *cluster; /* [n_nodes]: of each node's children */
    struct bvh_leaf *leaf;       /* [n_leaves]: triangle i in leaf i / 4, lane i % 4 */
};

#endif
