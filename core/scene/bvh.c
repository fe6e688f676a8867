#include "core/scene/bvh.h"

#include <math.h>

#include "core/scene/bvh_layout.h"

/* Children to look into later, with where they begin (a squared distance). */
struct visit {
    int32_t child;
    float from;
};

struct stack {
    size_t n;
    struct visit visit[BVH_STACK];
};

/* Push the lanes whose `from` is at most a limit, the farthest first. */
static void push_children(struct stack *s, const struct bvh_node *node, quad from, float limit)
{
    const size_t base = s->n;
    for (size_t i = 0; i < BVH_LANES; i++) {
        if (!(from[i] <= limit) || node->child[i] == BVH_NONE)
            continue;
        size_t at = s->n++;
        for (; at > base && s->visit[at - 1].from < from[i]; at--)
            s->visit[at] = s->visit[at - 1];
        s->visit[at] = (struct visit){node->child[i], from[i]};
    }
}

/* --- vectors, four at a time --- */

struct vectors {
    quad x, y, z;
};

static struct vectors minus(const quad a[3], const quad b[3])
{
    return (struct vectors){a[0] - b[0], a[1] - b[1], a[2] - b[2]};
}

static quad dot(struct vectors a, struct vectors b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static struct vectors cross(struct vectors a, struct vectors b)
{
    return (struct vectors){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

static struct vectors along(struct vectors a, quad t, struct vectors d)
{
    return (struct vectors){a.x + t * d.x, a.y + t * d.y, a.z + t * d.z};
}

static struct vectors choose(quad_mask mask, struct vectors a, struct vectors b)
{
    return (struct vectors){quad_select(mask, a.x, b.x), quad_select(mask, a.y, b.y),
                            quad_select(mask, a.z, b.z)};
}

static void spread(const float v[3], quad out[3])
{
    for (int a = 0; a < 3; a++)
        out[a] = quad_of(v[a]);
}

/* 1 where a number is 0: what is divided by where the quotient is of no use. */
static quad not_zero(quad a)
{
    return quad_select(a == quad_of(0.0f), quad_of(1.0f), a);
}

/* --- distance --- */

static quad box_distances(const struct bvh_node *n, const quad p[3])
{
    quad square = quad_of(0.0f);
    for (int a = 0; a < 3; a++) {
        const quad beyond = quad_greatest(n->low[a] - p[a], p[a] - n->high[a]);
        const quad d = quad_greatest(beyond, quad_of(0.0f));
        square += d * d;
    }
    return square;
}

/* Nearest points, seen from where we ask, and their squared distances. */
struct nearest_lanes {
    quad square;
    struct vectors offset;
};

/* Where the segment from a to a + side is nearest to 0, kept if that is nearer than before. */
static void try_segments(struct vectors a, struct vectors side, struct nearest_lanes *out)
{
    const quad zero = quad_of(0.0f), one = quad_of(1.0f);
    const quad t = -dot(a, side) / not_zero(dot(side, side));
    const struct vectors at = along(a, quad_greatest(quad_least(t, one), zero), side);
    const quad square = dot(at, at);
    const quad_mask is_nearer = square < out->square;
    out->offset = choose(is_nearer, at, out->offset);
    out->square = quad_select(is_nearer, square, out->square);
}

/* The foot of the perpendicular from 0 where it is inside the triangle, else the nearest point of
 * its sides. */
static struct nearest_lanes nearest_of_leaf(const struct bvh_leaf *leaf, const quad p[3])
{
    const quad zero = quad_of(0.0f);
    const struct vectors a = minus(leaf->corner[0], p), b = minus(leaf->corner[1], p);
    const struct vectors u = minus(leaf->corner[1], leaf->corner[0]);
    const struct vectors v = minus(leaf->corner[2], leaf->corner[0]);
    const struct vectors w = minus(leaf->corner[2], leaf->corner[1]);
    const struct vectors n = cross(u, v);
    const quad size = dot(n, n);
    /* barycentric coordinates of the foot, times size */
    const struct vectors an = cross(a, n);
    const quad s = dot(an, v), t = -dot(an, u);
    const quad height = dot(n, a) / not_zero(size);
    const struct vectors foot = {n.x * height, n.y * height, n.z * height};
    const quad_mask is_in = (s >= zero) & (t >= zero) & (s + t <= size) & (size > zero);
    struct nearest_lanes out = {quad_select(is_in, dot(foot, foot), quad_of(INFINITY)), foot};
    try_segments(a, u, &out);
    try_segments(a, v, &out);
    try_segments(b, w, &out);
    return out;
}

bool bvh_nearest(const struct bvh *b, const float point[3], float reach, struct bvh_nearest *out)
{
    struct stack s;
    quad p[3];
    float best = reach * reach;
    size_t triangle = SIZE_MAX;
    s.n = 1;
    s.visit[0] = (struct visit){0, 0.0f};
    spread(point, p);
    while (s.n > 0) {
        const struct visit v = s.visit[--s.n];
        if (!(v.from <= best))
            continue;
        if (v.child >= 0) {
            const struct bvh_node *node = &b->node[v.child];
            push_children(&s, node, box_distances(node, p), best);
            continue;
        }
        const size_t leaf = (size_t)(-1 - v.child);
        const struct nearest_lanes lanes = nearest_of_leaf(&b->leaf[leaf], p);
        for (size_t i = 0; i < BVH_LANES; i++)
            if (lanes.square[i] < best || (lanes.square[i] == best && triangle == SIZE_MAX)) {
                best = lanes.square[i];
                triangle = leaf * BVH_LANES + i;
                out->point[0] = point[0] + lanes.offset.x[i];
                out->point[1] = point[1] + lanes.offset.y[i];
                out->point[2] = point[2] + lanes.offset.z[i];
            }
    }
    if (triangle == SIZE_MAX)
        return false;
    out->distance = sqrtf(best);
    /* a lane past the last triangle is a corner of the leaf's first one */
    out->triangle = triangle < b->n_triangles ? triangle : triangle / BVH_LANES * BVH_LANES;
    return true;
}

/* --- inside and outside --- */

static const float pi = 3.14159265358979f;

/* The angles of (x, y) to 1e-5: an odd polynomial of the smaller over the larger part. */
static quad angle_of(quad x, quad y)
{
    const quad ax = quad_absolute(x), ay = quad_absolute(y);
    const quad r = quad_least(ax, ay) / not_zero(quad_greatest(ax, ay)), s = r * r;
    const quad series =
        r * (0.99997726f +
             s * (-0.33262347f +
                  s * (0.19354346f + s * (-0.11643287f + s * (0.05265332f + s * -0.01172120f)))));
    const quad up = quad_select(ay > ax, 0.5f * pi - series, series);
    const quad angle = quad_select(x < 0.0f, pi - up, up);
    return quad_select(y < 0.0f, -angle, angle);
}

/* The solid angles of a leaf's triangles together, over 2 (Van Oosterom and Strackee 1983):
 * tan(angle / 2) = a . (b x c) / (|a||b||c| + (a.b)|c| + (b.c)|a| + (c.a)|b|). */
static float half_angles(const struct bvh_leaf *leaf, const quad p[3])
{
    const struct vectors a = minus(leaf->corner[0], p), b = minus(leaf->corner[1], p),
                         c = minus(leaf->corner[2], p);
    const quad la = quad_sqrt(dot(a, a)), lb = quad_sqrt(dot(b, b)), lc = quad_sqrt(dot(c, c));
    return quad_sum(angle_of(la * lb * lc + dot(a, b) * lc + dot(b, c) * la + dot(c, a) * lb,
                             dot(a, cross(b, c))));
}

/* What far clusters contribute, times 4 pi: for r from the point to a centre and its square q
 *   area . r / q^(3/2) + trace(moment) / q^(3/2) - 3 r . moment r / q^(5/2). */
static float far_clusters(const struct bvh_cluster *c, const quad p[3], quad_mask *is_far)
{
    const struct vectors r = minus(c->centre, p);
    const quad q = dot(r, r), inverse = 1.0f / not_zero(q), cube = inverse * quad_sqrt(inverse);
    const quad *m = c->moment;
    const quad trace = m[0] + m[1] + m[2];
    const quad form = m[0] * r.x * r.x + m[1] * r.y * r.y + m[2] * r.z * r.z + m[3] * r.y * r.z +
                      m[4] * r.z * r.x + m[5] * r.x * r.y;
    const quad dipole = c->area[0] * r.x + c->area[1] * r.y + c->area[2] * r.z;
    *is_far = q > c->reach;
    return quad_sum(
        quad_select(*is_far, cube * (dipole + trace - 3.0f * inverse * form), quad_of(0.0f)));
}

float bvh_winding(const struct bvh *b, const float point[3])
{
    int32_t stack[BVH_STACK];
    size_t n = 1;
    float near = 0.0f, far = 0.0f;
    quad p[3];
    stack[0] = 0;
    spread(point, p);
    while (n > 0) {
        const int32_t child = stack[--n];
        if (child < 0) {
            near += half_angles(&b->leaf[~child], p);
            continue;
        }
        quad_mask is_far;
        far += far_clusters(&b->cluster[child], p, &is_far);
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
