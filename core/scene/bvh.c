#include "core/scene/bvh.h"

#include <math.h>

#include "core/scene/bvh_layout.h"

/* Loops over lanes are written so that a compiler makes one instruction of them: no branches, all
 * lanes the same. */

static float least(float a, float b)
{
    return a < b ? a : b;
}

static float greatest(float a, float b)
{
    return a > b ? a : b;
}

/* Children to look into later, with where they begin (a squared distance, or t). */
struct visit {
    int32_t child;
    float from;
};

struct stack {
    size_t n;
    struct visit visit[BVH_STACK];
};

/* Push the lanes whose `from` is below a limit, the farthest first. */
static void push_children(struct stack *s, const struct bvh_node *node,
                          const float from[BVH_LANES], float limit)
{
    const size_t base = s->n;
    for (size_t i = 0; i < BVH_LANES; i++) {
        if (!(from[i] < limit) || node->child[i] == BVH_NONE)
            continue;
        size_t at = s->n++;
        for (; at > base && s->visit[at - 1].from < from[i]; at--)
            s->visit[at] = s->visit[at - 1];
        s->visit[at] = (struct visit){node->child[i], from[i]};
    }
}

/* --- distance --- */

static void box_distances(const struct bvh_node *n, const float p[3], float square[BVH_LANES])
{
    for (int i = 0; i < BVH_LANES; i++) {
        const float x = greatest(greatest(n->low[0][i] - p[0], p[0] - n->high[0][i]), 0.0f);
        const float y = greatest(greatest(n->low[1][i] - p[1], p[1] - n->high[1][i]), 0.0f);
        const float z = greatest(greatest(n->low[2][i] - p[2], p[2] - n->high[2][i]), 0.0f);
        square[i] = x * x + y * y + z * z;
    }
}

/* Nearest points, relative to p, and their squared distances. */
struct nearest_lanes {
    float square[BVH_LANES];
    float offset[3][BVH_LANES];
};

/* Where the segment from a to b is nearest to 0, kept if that is nearer than before. */
static void try_segments(float a[3][BVH_LANES], float b[3][BVH_LANES], struct nearest_lanes *out)
{
    for (int i = 0; i < BVH_LANES; i++) {
        const float x = b[0][i] - a[0][i], y = b[1][i] - a[1][i], z = b[2][i] - a[2][i];
        const float length = x * x + y * y + z * z;
        const float along = -(a[0][i] * x + a[1][i] * y + a[2][i] * z);
        float t = along / (length > 0.0f ? length : 1.0f);
        t = greatest(least(t, 1.0f), 0.0f);
        const float ox = a[0][i] + t * x, oy = a[1][i] + t * y, oz = a[2][i] + t * z;
        const float square = ox * ox + oy * oy + oz * oz;
        const int is_nearer = square < out->square[i];
        out->offset[0][i] = is_nearer ? ox : out->offset[0][i];
        out->offset[1][i] = is_nearer ? oy : out->offset[1][i];
        out->offset[2][i] = is_nearer ? oz : out->offset[2][i];
        out->square[i] = is_nearer ? square : out->square[i];
    }
}

/* Where the plane of the triangle is nearest to 0, if that is inside the triangle; else no nearer
 * than FAR. */
static void try_planes(float a[3][BVH_LANES], float b[3][BVH_LANES], float c[3][BVH_LANES],
                       struct nearest_lanes *out)
{
    for (int i = 0; i < BVH_LANES; i++) {
        const float ux = b[0][i] - a[0][i], uy = b[1][i] - a[1][i], uz = b[2][i] - a[2][i];
        const float vx = c[0][i] - a[0][i], vy = c[1][i] - a[1][i], vz = c[2][i] - a[2][i];
        const float nx = uy * vz - uz * vy, ny = uz * vx - ux * vz, nz = ux * vy - uy * vx;
        const float size = nx * nx + ny * ny + nz * nz;
        /* barycentric coordinates of 0, times size: n . ((0 - a) x v) and n . (u x (0 - a)) */
        const float s = nx * (vy * a[2][i] - vz * a[1][i]) + ny * (vz * a[0][i] - vx * a[2][i]) +
                        nz * (vx * a[1][i] - vy * a[0][i]);
        const float t = nx * (a[1][i] * uz - a[2][i] * uy) + ny * (a[2][i] * ux - a[0][i] * uz) +
                        nz * (a[0][i] * uy - a[1][i] * ux);
        const float height =
            (nx * a[0][i] + ny * a[1][i] + nz * a[2][i]) / (size > 0.0f ? size : 1.0f);
        const int is_in = (s >= 0.0f) & (t >= 0.0f) & (s + t <= size) & (size > 0.0f);
        const float ox = nx * height, oy = ny * height, oz = nz * height;
        const float square = ox * ox + oy * oy + oz * oz;
        out->square[i] = is_in ? square : INFINITY;
        out->offset[0][i] = ox;
        out->offset[1][i] = oy;
        out->offset[2][i] = oz;
    }
}

static void nearest_of_leaf(const struct bvh_leaf *leaf, const float p[3],
                            struct nearest_lanes *out)
{
    float v[3][3][BVH_LANES];
    for (int c = 0; c < 3; c++)
        for (int a = 0; a < 3; a++)
            for (int i = 0; i < BVH_LANES; i++)
                v[c][a][i] = leaf->corner[c][a][i] - p[a];
    try_planes(v[0], v[1], v[2], out);
    try_segments(v[0], v[1], out);
    try_segments(v[1], v[2], out);
    try_segments(v[2], v[0], out);
}

bool bvh_nearest(const struct bvh *b, const float point[3], float reach, struct bvh_nearest *out)
{
    struct stack s = {.n = 1, .visit[0] = {0, 0.0f}};
    float best = reach * reach;
    size_t triangle = SIZE_MAX;
    float offset[3] = {0};
    while (s.n > 0) {
        const struct visit v = s.visit[--s.n];
        if (!(v.from <= best))
            continue;
        if (v.child >= 0) {
            float square[BVH_LANES];
            const struct bvh_node *node = &b->node[v.child];
            box_distances(node, point, square);
            push_children(&s, node, square, nextafterf(best, INFINITY));
            continue;
        }
        struct nearest_lanes lanes;
        const size_t leaf = (size_t)~v.child;
        nearest_of_leaf(&b->leaf[leaf], point, &lanes);
        for (size_t i = 0; i < BVH_LANES; i++)
            if (lanes.square[i] < best || (lanes.square[i] == best && triangle == SIZE_MAX)) {
                best = lanes.square[i];
                triangle = leaf * BVH_LANES + i;
                for (int a = 0; a < 3; a++)
                    offset[a] = lanes.offset[a][i];
            }
    }
    if (triangle == SIZE_MAX)
        return false;
    out->distance = sqrtf(best);
    /* a lane past the last triangle is a corner of the leaf's first one */
    out->triangle = triangle < b->n_triangles ? triangle : triangle / BVH_LANES * BVH_LANES;
    for (int a = 0; a < 3; a++)
        out->point[a] = point[a] + offset[a];
    return true;
}

/* --- rays --- */

struct ray {
    float origin[3], direction[3], inverse[3];
};

static struct ray ray_of(const float origin[3], const float direction[3])
{
    struct ray r;
    for (int a = 0; a < 3; a++) {
        r.origin[a] = origin[a];
        r.direction[a] = direction[a];
        r.inverse[a] = 1.0f / direction[a];
    }
    return r;
}

/* Where the ray enters each box, INFINITY if it does not before t_max.  Along an axis where the
 * direction is 0 bounds are infinite, or NaN on a face: comparisons are written so that NaN lets
 * pass.  Borders are widened by some ulp, more than the products round. */
static void enter_boxes(const struct bvh_node *n, const struct ray *r, float t_max,
                        float from[BVH_LANES])
{
    static const float wider = 1.0f + 4.0f * 0x1p-23f;
    float enter[BVH_LANES], leave[BVH_LANES];
    for (int i = 0; i < BVH_LANES; i++) {
        enter[i] = 0.0f;
        leave[i] = t_max;
    }
    for (int a = 0; a < 3; a++)
        for (int i = 0; i < BVH_LANES; i++) {
            const float t0 = (n->low[a][i] - r->origin[a]) * r->inverse[a];
            const float t1 = (n->high[a][i] - r->origin[a]) * r->inverse[a];
            const float first = t0 > t1 ? t1 : t0, last = (t0 > t1 ? t0 : t1) * wider;
            enter[i] = first > enter[i] ? first : enter[i];
            leave[i] = last < leave[i] ? last : leave[i];
        }
    for (int i = 0; i < BVH_LANES; i++)
        from[i] = enter[i] <= leave[i] ? enter[i] : INFINITY;
}

/* Where the ray meets each triangle, INFINITY where it does not (Moeller and Trumbore 1997). */
static void meet_leaf(const struct bvh_leaf *leaf, const struct ray *r, float t[BVH_LANES])
{
    const float dx = r->direction[0], dy = r->direction[1], dz = r->direction[2];
    for (int i = 0; i < BVH_LANES; i++) {
        const float ax = leaf->corner[0][0][i], ay = leaf->corner[0][1][i],
                    az = leaf->corner[0][2][i];
        const float ux = leaf->corner[1][0][i] - ax, uy = leaf->corner[1][1][i] - ay,
                    uz = leaf->corner[1][2][i] - az;
        const float vx = leaf->corner[2][0][i] - ax, vy = leaf->corner[2][1][i] - ay,
                    vz = leaf->corner[2][2][i] - az;
        const float px = dy * vz - dz * vy, py = dz * vx - dx * vz, pz = dx * vy - dy * vx;
        const float det = ux * px + uy * py + uz * pz;
        const float inverse = 1.0f / (det == 0.0f ? 1.0f : det);
        const float ox = r->origin[0] - ax, oy = r->origin[1] - ay, oz = r->origin[2] - az;
        const float u = (ox * px + oy * py + oz * pz) * inverse;
        const float qx = oy * uz - oz * uy, qy = oz * ux - ox * uz, qz = ox * uy - oy * ux;
        const float v = (dx * qx + dy * qy + dz * qz) * inverse;
        const float at = (vx * qx + vy * qy + vz * qz) * inverse;
        const int is_met = (det != 0.0f) & (u >= 0.0f) & (v >= 0.0f) & (u + v <= 1.0f) &
                           (at > 0.0f);
        t[i] = is_met ? at : INFINITY;
    }
}

bool bvh_first_hit(const struct bvh *b, const float origin[3], const float direction[3],
                   float t_max, struct bvh_hit *out)
{
    const struct ray ray = ray_of(origin, direction);
    struct stack s = {.n = 1, .visit[0] = {0, 0.0f}};
    struct bvh_hit best = {.t = t_max, .triangle = SIZE_MAX};
    while (s.n > 0) {
        const struct visit v = s.visit[--s.n];
        float t[BVH_LANES];
        if (!(v.from < best.t))
            continue;
        if (v.child >= 0) {
            enter_boxes(&b->node[v.child], &ray, best.t, t);
            push_children(&s, &b->node[v.child], t, best.t);
            continue;
        }
        meet_leaf(&b->leaf[~v.child], &ray, t);
        for (size_t i = 0; i < BVH_LANES; i++)
            if (t[i] < best.t)
                best = (struct bvh_hit){t[i], (size_t)~v.child * BVH_LANES + i};
    }
    if (best.triangle == SIZE_MAX)
        return false;
    *out = best;
    return true;
}

size_t bvh_count_hits(const struct bvh *b, const float origin[3], const float direction[3])
{
    const struct ray ray = ray_of(origin, direction);
    struct stack s = {.n = 1, .visit[0] = {0, 0.0f}};
    size_t n_hits = 0;
    while (s.n > 0) {
        const struct visit v = s.visit[--s.n];
        float t[BVH_LANES];
        if (v.child >= 0) {
            enter_boxes(&b->node[v.child], &ray, INFINITY, t);
            push_children(&s, &b->node[v.child], t, INFINITY);
            continue;
        }
        meet_leaf(&b->leaf[~v.child], &ray, t);
        for (int i = 0; i < BVH_LANES; i++)
            n_hits += t[i] < INFINITY;
    }
    return n_hits;
}

/* --- inside and outside --- */

static const float pi = 3.14159265358979f;

/* The angle of (x, y) to 1e-5: an odd polynomial of the smaller over the larger part. */
static float angle_of(float x, float y)
{
    const float ax = x < 0.0f ? -x : x, ay = y < 0.0f ? -y : y;
    const float small = least(ax, ay), large = greatest(ax, ay);
    const float r = small / (large > 0.0f ? large : 1.0f), s = r * r;
    float angle =
        r * (0.99997726f +
             s * (-0.33262347f +
                  s * (0.19354346f +
                       s * (-0.11643287f + s * (0.05265332f + s * -0.01172120f)))));
    angle = ay > ax ? 0.5f * pi - angle : angle;
    angle = x < 0.0f ? pi - angle : angle;
    return y < 0.0f ? -angle : angle;
}

/* The solid angles of a leaf's triangles together, over 2 (Van Oosterom and Strackee 1983):
 * tan(angle / 2) = a . (b x c) / (|a||b||c| + (a.b)|c| + (b.c)|a| + (c.a)|b|). */
static float half_angles(const struct bvh_leaf *leaf, const float p[3])
{
    float angle[BVH_LANES];
    for (int i = 0; i < BVH_LANES; i++) {
        const float ax = leaf->corner[0][0][i] - p[0], ay = leaf->corner[0][1][i] - p[1],
                    az = leaf->corner[0][2][i] - p[2];
        const float bx = leaf->corner[1][0][i] - p[0], by = leaf->corner[1][1][i] - p[1],
                    bz = leaf->corner[1][2][i] - p[2];
        const float cx = leaf->corner[2][0][i] - p[0], cy = leaf->corner[2][1][i] - p[1],
                    cz = leaf->corner[2][2][i] - p[2];
        const float a = sqrtf(ax * ax + ay * ay + az * az);
        const float b = sqrtf(bx * bx + by * by + bz * bz);
        const float c = sqrtf(cx * cx + cy * cy + cz * cz);
        const float det = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) +
                          az * (bx * cy - by * cx);
        const float ab = ax * bx + ay * by + az * bz, bc = bx * cx + by * cy + bz * cz,
                    ca = cx * ax + cy * ay + cz * az;
        angle[i] = angle_of(a * b * c + ab * c + bc * a + ca * b, det);
    }
    return (angle[0] + angle[1]) + (angle[2] + angle[3]);
}

/* Which clusters are far, and what they contribute, times 4 pi: for r from the point to a centre
 * and its square q
 *   area . r / q^(3/2) + trace(moment) / q^(3/2) - 3 r . moment r / q^(5/2). */
static float far_clusters(const struct bvh_cluster *c, const float p[3], int is_far[BVH_LANES])
{
    float part[BVH_LANES];
    for (int i = 0; i < BVH_LANES; i++) {
        const float x = c->centre[0][i] - p[0], y = c->centre[1][i] - p[1],
                    z = c->centre[2][i] - p[2];
        const float q = x * x + y * y + z * z;
        const float inverse = 1.0f / (q > 0.0f ? q : 1.0f), cube = inverse * sqrtf(inverse);
        const float trace = c->moment[0][i] + c->moment[1][i] + c->moment[2][i];
        const float form = c->moment[0][i] * x * x + c->moment[1][i] * y * y +
                           c->moment[2][i] * z * z + c->moment[3][i] * y * z +
                           c->moment[4][i] * z * x + c->moment[5][i] * x * y;
        const float dipole = c->area[0][i] * x + c->area[1][i] * y + c->area[2][i] * z;
        is_far[i] = q > c->reach[i];
        part[i] = is_far[i] ? cube * (dipole + trace - 3.0f * inverse * form) : 0.0f;
    }
    return (part[0] + part[1]) + (part[2] + part[3]);
}

float bvh_winding(const struct bvh *b, const float point[3])
{
    int32_t stack[BVH_STACK];
    size_t n = 1;
    float near = 0.0f, far = 0.0f;
    stack[0] = 0;
    while (n > 0) {
        const int32_t child = stack[--n];
        if (child < 0) {
            near += half_angles(&b->leaf[~child], point);
            continue;
        }
        int is_far[BVH_LANES];
        far += far_clusters(&b->cluster[child], point, is_far);
        for (int i = 0; i < BVH_LANES; i++)
            if (!is_far[i] && b->node[child].child[i] != BVH_NONE)
                stack[n++] = b->node[child].child[i];
    }
    return (near * 2.0f + far) / (4.0f * pi);
}

bool bvh_is_inside(const struct bvh *b, const float point[3])
{
    return fabsf(bvh_winding(b, point)) > 0.5f;
}
