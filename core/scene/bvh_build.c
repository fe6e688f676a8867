/*
 * Design.  The order of triangles is a permutation that is split in place: a range of it becomes a
 * node when it is cut into up to four parts, always the one with most triangles first, until each
 * is a leaf or there are four.  A cut sorts the range's middles into bins along each axis, takes
 * the border between bins of least cost, rounds it to whole leaves, and moves the triangles with
 * the smaller middles before it.  So all leaves are full but the last, and leaf numbers are
 * places in the order.
 */
#include "core/scene/bvh.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/scene/bvh_layout.h"

enum { N_BINS = 16 };

/* Distance, in radii of a cluster, from which its expansion is used (Barill et al.: beta = 2). */
static const float far_radii = 2.0f;

struct box {
    float low[3], high[3];
};

struct range {
    size_t first, count;
    unsigned level; /* cuts above it */
};

struct builder {
    const struct mesh *mesh;
    uint32_t *order; /* [n_triangles] */
    float *middle;   /* [n_triangles, 3], by the mesh's numbers: of the boxes */
    struct bvh *bvh;
    size_t n_nodes; /* made so far */
};

/* --- boxes --- */

static const struct box empty_box = {{FLT_MAX, FLT_MAX, FLT_MAX}, {-FLT_MAX, -FLT_MAX, -FLT_MAX}};

static void box_add(struct box *b, const float low[3], const float high[3])
{
    for (int a = 0; a < 3; a++) {
        b->low[a] = low[a] < b->low[a] ? low[a] : b->low[a];
        b->high[a] = high[a] > b->high[a] ? high[a] : b->high[a];
    }
}

/* Half the surface; 0 for an empty box. */
static double box_area(const struct box *b)
{
    double side[3];
    for (int a = 0; a < 3; a++) {
        side[a] = (double)b->high[a] - (double)b->low[a];
        if (side[a] < 0.0)
            return 0.0;
    }
    return side[0] * side[1] + side[1] * side[2] + side[2] * side[0];
}

static const float *corner_of(const struct mesh *m, uint32_t triangle, size_t corner)
{
    return m->vertices + 3 * (size_t)m->triangles[3 * (size_t)triangle + corner];
}

static struct box box_of(const struct mesh *m, uint32_t triangle)
{
    struct box b = empty_box;
    for (size_t c = 0; c < 3; c++) {
        const float *v = corner_of(m, triangle, c);
        box_add(&b, v, v);
    }
    return b;
}

static struct box box_of_range(const struct builder *b, const struct range *r)
{
    struct box box = empty_box;
    for (size_t i = r->first; i < r->first + r->count; i++) {
        const struct box one = box_of(b->mesh, b->order[i]);
        box_add(&box, one.low, one.high);
    }
    return box;
}

/* --- cuts --- */

static float middle_at(const struct builder *b, size_t place, int axis)
{
    return b->middle[3 * (size_t)b->order[place] + (size_t)axis];
}

/* Halfway between the least and the largest of order[low … high]: no less than the one, and less
 * than the other unless all are equal. */
static float halfway(const struct builder *b, size_t low, size_t high, int axis)
{
    float least = FLT_MAX, most = -FLT_MAX;
    for (size_t i = low; i <= high; i++) {
        const float v = middle_at(b, i, axis);
        least = v < least ? v : least;
        most = v > most ? v : most;
    }
    const float half = 0.5f * least + 0.5f * most;
    return half >= least && half < most ? half : least;
}

/* Bring the `count` triangles with the smallest middles along an axis to the front of a range
 * (quickselect, middle pivot).  Whoever knows the pivots can lay triangles out so that each round
 * sets apart one: after more rounds than others need, places are halved instead, which ends after
 * some hundred. */
static void select_smallest(const struct builder *b, const struct range *r, int axis, size_t count)
{
    enum { FREE_ROUNDS = 100 };
    size_t low = r->first, high = r->first + r->count - 1;
    const size_t wanted = r->first + count;
    for (size_t round = 0; low < high; round++) {
        const float pivot = round < FREE_ROUNDS ? middle_at(b, low + (high - low) / 2, axis)
                                                : halfway(b, low, high, axis);
        size_t i = low, j = high;
        for (;;) {
            while (middle_at(b, i, axis) < pivot)
                i++;
            while (middle_at(b, j, axis) > pivot)
                j--;
            if (i >= j)
                break;
            const uint32_t swap = b->order[i];
            b->order[i++] = b->order[j];
            b->order[j--] = swap;
        }
        /* order[low … j] <= pivot <= order[j + 1 … high], and j < high */
        if (j + 1 == wanted)
            return;
        if (j + 1 > wanted)
            high = j;
        else
            low = j + 1;
    }
}

struct bin {
    struct box box;
    size_t n;
};

struct cut {
    int axis;
    size_t count; /* triangles before it */
};

static struct box box_of_middles(const struct builder *b, const struct range *r)
{
    struct box box = empty_box;
    for (size_t i = r->first; i < r->first + r->count; i++) {
        const float *m = b->middle + 3 * (size_t)b->order[i];
        box_add(&box, m, m);
    }
    return box;
}

static int widest_axis(const struct box *b)
{
    int axis = 0;
    for (int a = 1; a < 3; a++)
        if (b->high[a] - b->low[a] > b->high[axis] - b->low[axis])
            axis = a;
    return axis;
}

static void fill_bins(const struct builder *b, const struct range *r, const struct box *middles,
                      struct bin bins[3][N_BINS])
{
    float scale[3];
    for (int a = 0; a < 3; a++) {
        const float side = middles->high[a] - middles->low[a];
        scale[a] = side > 0.0f ? (float)N_BINS / side : 0.0f;
        for (int i = 0; i < N_BINS; i++)
            bins[a][i] = (struct bin){.box = empty_box};
    }
    for (size_t i = r->first; i < r->first + r->count; i++) {
        const struct box box = box_of(b->mesh, b->order[i]);
        const float *middle = b->middle + 3 * (size_t)b->order[i];
        for (int a = 0; a < 3; a++) {
            /* a side of denormal length has an infinite scale: NaN goes into the first bin */
            const float at = (middle[a] - middles->low[a]) * scale[a];
            const int k = at >= (float)N_BINS ? N_BINS - 1 : at > 0.0f ? (int)at : 0;
            box_add(&bins[a][k].box, box.low, box.high);
            bins[a][k].n++;
        }
    }
}

/* The border between bins of least cost, the sum over both sides of area times triangles. */
static struct cut cheapest_cut(const struct builder *b, const struct range *r,
                               const struct box *middles)
{
    struct bin bins[3][N_BINS];
    struct cut best = {.axis = widest_axis(middles)};
    double least = DBL_MAX;
    fill_bins(b, r, middles, bins);
    for (int a = 0; a < 3; a++) {
        double behind[N_BINS];
        struct box box = empty_box;
        size_t n = 0;
        for (int i = N_BINS - 1; i > 0; i--) {
            box_add(&box, bins[a][i].box.low, bins[a][i].box.high);
            n += bins[a][i].n;
            behind[i] = box_area(&box) * (double)n;
        }
        box = empty_box;
        n = 0;
        for (int i = 1; i < N_BINS; i++) {
            box_add(&box, bins[a][i - 1].box.low, bins[a][i - 1].box.high);
            n += bins[a][i - 1].n;
            const double cost = box_area(&box) * (double)n + behind[i];
            if (n > 0 && n < r->count && cost < least) {
                least = cost;
                best = (struct cut){a, n};
            }
        }
    }
    return best;
}

/* Cut a range of more than one leaf in two, both not empty, the first of whole leaves. */
static void cut_range(const struct builder *b, const struct range *r, struct range out[2])
{
    const struct box middles = box_of_middles(b, r);
    struct cut cut = {.axis = widest_axis(&middles)};
    if (r->level < BVH_FREE_LEVELS)
        cut = cheapest_cut(b, r, &middles);
    if (cut.count == 0) /* no border between bins, or no free choice */
        cut.count = r->count / 2;
    const size_t n_leaves = (r->count + BVH_LANES - 1) / BVH_LANES;
    size_t n_first = (cut.count + BVH_LANES / 2) / BVH_LANES;
    n_first = n_first < 1 ? 1 : n_first >= n_leaves ? n_leaves - 1 : n_first;
    const size_t count = n_first * BVH_LANES;
    select_smallest(b, r, cut.axis, count);
    out[0] = (struct range){r->first, count, r->level + 1};
    out[1] = (struct range){r->first + count, r->count - count, r->level + 1};
}

/* --- nodes --- */

/* Its cluster is zeroed: without area, and everything is far from it. */
static void set_empty(struct bvh_node *n, size_t lane)
{
    n->child[lane] = BVH_NONE;
    for (int a = 0; a < 3; a++) {
        n->low[a][lane] = FLT_MAX;
        n->high[a][lane] = -FLT_MAX;
    }
}

/* What a range is from afar. */
static void set_cluster(const struct builder *b, const struct range *r, struct bvh_cluster *out,
                        size_t lane)
{
    double sum = 0.0, centre[3] = {0.0}, area[3] = {0.0}, moment[3][3] = {{0.0}}, radius = 0.0;
    const struct box box = box_of_range(b, r);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = r->first; i < r->first + r->count; i++) {
            double v[3][3], normal[3], middle[3];
            for (size_t c = 0; c < 3; c++)
                for (size_t a = 0; a < 3; a++)
                    v[c][a] = (double)corner_of(b->mesh, b->order[i], c)[a];
            for (int a = 0; a < 3; a++) {
                const int p = (a + 1) % 3, q = (a + 2) % 3;
                normal[a] = 0.5 * ((v[1][p] - v[0][p]) * (v[2][q] - v[0][q]) -
                                   (v[1][q] - v[0][q]) * (v[2][p] - v[0][p]));
                middle[a] = (v[0][a] + v[1][a] + v[2][a]) / 3.0;
            }
            if (pass == 0) {
                const double size =
                    sqrt(normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2]);
                sum += size;
                for (int a = 0; a < 3; a++) {
                    centre[a] += size * middle[a];
                    area[a] += normal[a];
                }
                continue;
            }
            for (int a = 0; a < 3; a++)
                for (int c = 0; c < 3; c++)
                    moment[a][c] += (middle[a] - centre[a]) * normal[c];
            for (int c = 0; c < 3; c++) {
                double square = 0.0;
                for (int a = 0; a < 3; a++)
                    square += (v[c][a] - centre[a]) * (v[c][a] - centre[a]);
                radius = square > radius ? square : radius;
            }
        }
        for (int a = 0; a < 3 && pass == 0; a++)
            centre[a] =
                sum > 0.0 ? centre[a] / sum : 0.5 * ((double)box.low[a] + (double)box.high[a]);
    }
    for (int a = 0; a < 3; a++) {
        out->centre[a][lane] = (float)centre[a];
        out->area[a][lane] = (float)area[a];
        out->moment[a][lane] = (float)moment[a][a];
        const int p = (a + 1) % 3, q = (a + 2) % 3;
        out->moment[3 + a][lane] = (float)(moment[p][q] + moment[q][p]);
    }
    out->reach[lane] = (float)radius * far_radii * far_radii;
}

static void fill_leaf(const struct builder *b, const struct range *r)
{
    struct bvh_leaf *leaf = &b->bvh->leaf[r->first / BVH_LANES];
    for (size_t lane = 0; lane < BVH_LANES; lane++)
        for (size_t c = 0; c < 3; c++) {
            const bool is_there = lane < r->count;
            const float *v =
                corner_of(b->mesh, b->order[r->first + (is_there ? lane : 0)], is_there ? c : 0);
            for (int a = 0; a < 3; a++)
                leaf->corner[c][a][lane] = v[a];
        }
}

/* Cut a range into the children of a node.  Returns how many. */
static size_t divide(const struct builder *b, const struct range *r, struct range child[BVH_LANES])
{
    size_t n = 1;
    child[0] = *r;
    while (n < BVH_LANES) {
        size_t most = 0;
        for (size_t i = 1; i < n; i++)
            if (child[i].count > child[most].count)
                most = i;
        if (child[most].count <= BVH_LANES)
            break;
        struct range halves[2];
        cut_range(b, &child[most], halves);
        child[most] = halves[0];
        child[n++] = halves[1];
    }
    return n;
}

/* Returns the node's number.  Recursion is no deeper than BVH_MOST_LEVELS. */
static size_t build_node(struct builder *b, const struct range *r)
{
    struct range child[BVH_LANES];
    const size_t number = b->n_nodes++;
    const size_t n = divide(b, r, child);
    assert(number < b->bvh->n_nodes);
    struct bvh_node *node = &b->bvh->node[number];
    struct bvh_cluster *cluster = &b->bvh->cluster[number];
    for (size_t i = 0; i < BVH_LANES; i++) {
        if (i >= n) {
            set_empty(node, i);
            continue;
        }
        const struct box box = box_of_range(b, &child[i]);
        for (int a = 0; a < 3; a++) {
            node->low[a][i] = box.low[a];
            node->high[a][i] = box.high[a];
        }
        set_cluster(b, &child[i], cluster, i);
        if (child[i].count <= BVH_LANES) {
            fill_leaf(b, &child[i]);
            node->child[i] = ~(int32_t)(child[i].first / BVH_LANES);
        } else {
            node->child[i] = (int32_t)build_node(b, &child[i]);
        }
    }
    return number;
}

/* --- life --- */

static size_t n_leaves_of(size_t n_triangles)
{
    return (n_triangles + BVH_LANES - 1) / BVH_LANES;
}

/* A node has two children at least, but for the root of a single leaf: no more nodes than leaves.
 */
static size_t most_nodes(size_t n_triangles)
{
    return n_leaves_of(n_triangles);
}

/* Of full nodes there are a third of that; cuts that are not free to choose leave some empty. */
size_t bvh_bytes(size_t n_triangles)
{
    return n_leaves_of(n_triangles) * sizeof(struct bvh_leaf) +
           most_nodes(n_triangles) * (sizeof(struct bvh_node) + sizeof(struct bvh_cluster)) / 2;
}

size_t bvh_build_bytes(size_t n_triangles)
{
    return n_triangles * (sizeof(uint32_t) + 3 * sizeof(float)) +
           most_nodes(n_triangles) * (sizeof(struct bvh_node) + sizeof(struct bvh_cluster)) / 2;
}

static enum status build(struct bvh *bvh, const struct mesh *mesh, struct error *err)
{
    struct builder b = {.mesh = mesh, .bvh = bvh};
    enum status status = STATUS_OK;
    b.order = mem_alloc_array(mesh->n_triangles, sizeof *b.order);
    b.middle = mem_alloc_array(mesh->n_triangles, 3 * sizeof *b.middle);
    if (!b.order || !b.middle) {
        status = error_status(err, STATUS_NO_MEMORY);
        goto out;
    }
    for (size_t i = 0; i < mesh->n_triangles; i++) {
        const struct box box = box_of(mesh, (uint32_t)i);
        b.order[i] = (uint32_t)i;
        for (size_t a = 0; a < 3; a++)
            b.middle[3 * i + a] = 0.5f * box.low[a] + 0.5f * box.high[a];
    }
    build_node(&b, &(struct range){0, mesh->n_triangles, 0});
    bvh->n_nodes = b.n_nodes;
out:
    mem_free(b.order);
    mem_free(b.middle);
    return status;
}

/* Give back what was allocated for nodes that were not made. */
static enum status shrink(struct bvh *b, struct error *err)
{
    struct bvh_node *node = mem_realloc_array(b->node, b->n_nodes, sizeof *node);
    b->node = node ? node : b->node;
    struct bvh_cluster *cluster = mem_realloc_array(b->cluster, b->n_nodes, sizeof *cluster);
    b->cluster = cluster ? cluster : b->cluster;
    return node && cluster ? STATUS_OK : error_status(err, STATUS_NO_MEMORY);
}

enum status bvh_create(struct bvh **out, const struct mesh *mesh, struct error *err)
{
    if (mesh->n_triangles == 0)
        return error_set(err, STATUS_INVALID, "", "a mesh without triangles has no surface");
    struct bvh *b = mem_alloc(sizeof *b);
    if (!b)
        return error_status(err, STATUS_NO_MEMORY);
    b->n_triangles = mesh->n_triangles;
    b->n_leaves = n_leaves_of(mesh->n_triangles);
    b->n_nodes = most_nodes(mesh->n_triangles);
    b->node = mem_alloc_array(b->n_nodes, sizeof *b->node);
    b->cluster = mem_alloc_array(b->n_nodes, sizeof *b->cluster);
    b->leaf = mem_alloc_array(b->n_leaves, sizeof *b->leaf);
    enum status status = STATUS_OK;
    if (!b->node || !b->cluster || !b->leaf)
        status = error_status(err, STATUS_NO_MEMORY);
    else
        status = build(b, mesh, err);
    if (status == STATUS_OK)
        status = shrink(b, err);
    if (status != STATUS_OK) {
        bvh_free(b);
        return status;
    }
    *out = b;
    return STATUS_OK;
}

void bvh_free(struct bvh *b)
{
    if (!b)
        return;
    mem_free(b->node);
    mem_free(b->cluster);
    mem_free(b->leaf);
    mem_free(b);
}

size_t bvh_n_triangles(const struct bvh *b)
{
    return b->n_triangles;
}

void bvh_triangle(const struct bvh *b, size_t i, float corners[3][3])
{
    const struct bvh_leaf *leaf = &b->leaf[i / BVH_LANES];
    for (int c = 0; c < 3; c++)
        for (int a = 0; a < 3; a++)
            corners[c][a] = leaf->corner[c][a][i % BVH_LANES];
}
