"""One small cell of each task of the paper, in JAX beside a running service: the table "Beside JAX" of docs/reconstruction.md.

Needs NumPy and JAX on the CPU (`make deps-peers`, or pip install jax).

usage: build/release/farfield sample phantom3d --size 64 --out head.nii.gz
       build/release/farfield sample shape --size 48 --out ring.ply
       build/release/farfield serve --listen 127.0.0.1:8080 &
       build/peers-venv/bin/python docs/jax_tasks.py http://127.0.0.1:8080 --volume head.nii.gz --shape ring.ply --views tiny.npz

volume, mri: FILE.nii.gz or .npy made small by means of cubes; ct: the middle slice; shape: OBJ, or PLY as `farfield sample`
writes it; views: an NPZ as tiny-NeRF's.  Tasks without a file are left out.

The fits are written from the paper's formulas (Tancik et al. 2020) and docs/method.md alone.  Frequencies and initial weights
of a seed are the service's, by its weights file after a step that changes nothing; what a fit draws on its way (rays, depths,
points, the mask of mri) is drawn by JAX.  volume and ct draw nothing: there the two differ by rounding only.
"""
import argparse
import gzip
import io
import sys

import jax
import jax.numpy as jnp
import numpy as np

import service
from numpy_field import parse

NETWORK = {"n_hidden_layers": 3, "width": 64}
GAUSSIAN = {"type": "gaussian", "n_frequencies": 64}
TWO_PI = 2 * np.pi


# --- what all fits have in common ---

def features(x, b):
    return jnp.concatenate([jnp.sin(x @ b.T), jnp.cos(x @ b.T)], -1)


def network(layers, h):  # relu between layers; the last one's numbers as they are
    for w, bias in layers[:-1]:
        h = jax.nn.relu(h @ w.T + bias)
    return h @ layers[-1][0].T + layers[-1][1]


def fit(layers, loss, draw, steps, rate, seed):
    """Adam over loss(layers, batch), batch = draw(step, key); rate(step), steps from 0."""
    @jax.jit
    def update(layers, moments, step, key):
        gradient = jax.grad(loss)(layers, draw(step, jax.random.fold_in(key, step)))
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, moments[0], gradient)
        second = jax.tree.map(lambda m, g: 0.999 * m + 0.001 * g * g, moments[1], gradient)
        bias1, bias2 = 1 - 0.9 ** (step + 1.0), 1 - 0.999 ** (step + 1.0)
        layers = jax.tree.map(lambda p, m, v: p - rate(step) * (m / bias1) / (jnp.sqrt(v / bias2) + 1e-8),
                              layers, first, second)
        return layers, (first, second)

    zeros = jax.tree.map(jnp.zeros_like, layers)
    moments = zeros, zeros
    key = jax.random.key(seed)
    for step in range(steps):
        layers, moments = update(layers, moments, step, key)
    return layers


def psnr(values, truth):
    return float(-10 * np.log10(np.mean((np.asarray(values, "f8") - np.asarray(truth, "f8")) ** 2)))


def lattice(shape):  # points [N, D], x first, of an array [(D,) H, W]
    axes = np.meshgrid(*[(np.arange(n) + 0.5) / n for n in shape], indexing="ij")
    return jnp.asarray(np.stack([a.ravel() for a in axes[::-1]], -1), "f4")


# --- volume, ct, mri: all samples of a lattice in every step ---

def fit_lattice(start, truth, loss, cell, seed):
    b, layers = start
    x = features(lattice(truth.shape), TWO_PI * b)
    show = lambda layers: jax.nn.sigmoid(network(layers, x)).reshape(truth.shape)
    layers = fit(layers, lambda layers, _: loss(show(layers)), lambda step, key: None, cell["steps"],
                 lambda step: cell["learning_rate"], seed)
    return {"psnr": psnr(jnp.clip(show(layers), 0, 1), truth)}


def fit_volume(start, volume, cell, seed):
    truth = jnp.asarray((volume - volume.min()) / (volume.max() - volume.min()), "f4")
    return fit_lattice(start, truth, lambda f: 0.5 * jnp.mean((f - truth) ** 2), cell, seed)


def fit_ct(start, picture, cell, seed):
    truth, n, n_angles = picture / picture.max(), len(picture), cell["measure"]["n_angles"]
    r, c = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    x, y = c / n - 0.5, r / n - 0.5
    where = []
    for t in np.arange(n_angles) * np.pi / n_angles:  # the pixel that each pixel of the turned picture shows
        column, row = (np.floor((v + 0.5) * n + 0.5 + 1e-9).astype(int)
                       for v in (x * np.cos(t) - y * np.sin(t), x * np.sin(t) + y * np.cos(t)))
        seen = (column >= 0) & (column < n) & (row >= 0) & (row < n)
        where.append(np.where(seen, row * n + column, n * n))
    where, truth = jnp.asarray(np.stack(where)), jnp.asarray(truth, "f4")
    project = lambda f: jnp.append(f.ravel(), 0.0)[where].mean(1)
    target = project(truth)
    return fit_lattice(start, truth, lambda f: 0.5 * jnp.mean((project(f) - target) ** 2), cell, seed)


def fit_mri(start, volume, cell, seed):
    truth, shape = jnp.asarray(volume / volume.max(), "f4"), np.array(volume.shape)
    rng, sigma, n_draws = np.random.default_rng(seed), cell["measure"]["mask_sigma"], cell["measure"]["n_draws"]
    bins = np.floor(shape / 2 + sigma * rng.standard_normal((n_draws, len(shape)))).astype(int)
    mask = np.zeros(shape, bool)
    mask[tuple(bins[((bins >= 0) & (bins < shape)).all(1)].T)] = True
    mask = jnp.asarray(np.fft.ifftshift(mask))
    target = jnp.fft.fftn(truth) * mask
    return fit_lattice(start, truth, lambda f: 0.5 * jnp.mean(jnp.abs(jnp.fft.fftn(f) * mask - target) ** 2), cell, seed)


# --- shape: is a point inside, by the parity of a ray ---

class Solid:
    """A closed mesh in the unit cube, with a table of triangles for each of N_CELLS^2 columns along z."""
    N_CELLS = 128

    def __init__(self, vertices, faces):
        used = vertices[np.unique(faces)]
        centre = used.mean(0)
        reach = np.abs(used - centre).max()
        corners = (0.5 + (vertices - centre) / (2 * reach))[faces]  # [T, 3, 3]
        self.low, self.high = corners.min((0, 1)) - 1e-3, corners.max((0, 1)) + 1e-3
        first, last = (np.clip(np.floor(f(corners[:, :, :2], 1) * self.N_CELLS).astype(int), 0, self.N_CELLS - 1)
                       for f in (np.min, np.max))
        columns = [[] for _ in range(self.N_CELLS**2)]
        for t in range(len(faces)):
            for i in range(first[t, 0], last[t, 0] + 1):
                for j in range(first[t, 1], last[t, 1] + 1):
                    columns[i * self.N_CELLS + j].append(t)
        table = np.full((len(columns), max(map(len, columns))), len(faces))  # the last triangle is none: it has no area
        for row, triangles in zip(table, columns):
            row[:len(triangles)] = triangles
        self.table = jnp.asarray(table)
        self.corners = jnp.asarray(np.concatenate([corners, np.zeros((1, 3, 3))]), "f4")

    def is_inside(self, p):  # an odd number of triangles above?
        cell = jnp.clip(jnp.floor(p[:, :2] * self.N_CELLS).astype(int), 0, self.N_CELLS - 1)
        row = cell[:, 0] * self.N_CELLS + cell[:, 1]
        cross = lambda a, b: a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]

        def meet(k, inside):
            a, b, c = jnp.moveaxis(self.corners[self.table[row, k]], 1, 0)
            area = cross(b - a, c - a)
            u, v = cross(p - a, c - a) / area, cross(b - a, p - a) / area
            above = a[:, 2] + u * (b - a)[:, 2] + v * (c - a)[:, 2] > p[:, 2]
            return inside ^ ((u >= 0) & (v >= 0) & (u + v <= 1) & above)

        return jax.lax.fori_loop(0, self.table.shape[1], meet, jnp.zeros(len(p), bool))

    def draw_in_box(self, key, n):
        return jax.random.uniform(key, (n, 3), minval=self.low, maxval=self.high)

    def draw_near(self, key, n):  # from triangles that are each as likely, N(0, 0.01^2) along each axis
        which, where, far = jax.random.split(key, 3)
        a, b, c = jnp.moveaxis(self.corners[jax.random.randint(which, (n,), 0, len(self.corners) - 1)], 1, 0)
        u, v = jax.random.uniform(where, (2, n, 1))
        u, v = jnp.where(u + v > 1, 1 - u, u), jnp.where(u + v > 1, 1 - v, v)
        return a + u * (b - a) + v * (c - a) + 0.01 * jax.random.normal(far, (n, 3))


def fit_shape(start, solid, cell, seed):
    b, layers = start
    decay_steps, n = cell["schedule"]["decay_steps"], cell["batch_size"]
    logit = lambda layers, x: network(layers, features(x, TWO_PI * b) / np.sqrt(len(b)))[:, 0]

    def draw(step, key):
        x = solid.draw_in_box(key, n)
        return x, solid.is_inside(x)

    def loss(layers, batch):
        x, inside = logit(layers, batch[0]), batch[1]
        return jnp.mean(jnp.maximum(x, 0) - x * inside + jnp.log1p(jnp.exp(-jnp.abs(x))))

    layers = fit(layers, loss, draw, cell["steps"], lambda step: cell["learning_rate"] * 0.1 ** (step / decay_steps), seed)

    @jax.jit
    def iou(points):
        is_said, inside = logit(layers, points) > 0, solid.is_inside(points)
        return (is_said & inside).sum() / (is_said | inside).sum()

    key = jax.random.key(seed + 1000)
    return {"iou_uniform": float(iou(solid.draw_in_box(key, 1 << 18))), "iou_boundary": float(iou(solid.draw_near(key, 1 << 18)))}


# --- views: the simplified NeRF ---

def rays_of(pose, height, width, focal):  # through pixels' centres (the paper: through i, j): origins, directions [H W, 3]
    j, i = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, indexing="ij")
    directions = np.stack([(i - width / 2) / focal, -(j - height / 2) / focal, -np.ones_like(i)], -1) @ pose[:3, :3].T
    return np.broadcast_to(pose[:3, 3], directions.shape).reshape(-1, 3), directions.reshape(-1, 3)


def fit_views(start, scene, cell, seed):
    b, layers = start
    images, poses, focal = scene["images"], scene["poses"], float(scene["focal"])
    near, far, n_samples = (cell["measure"][key] for key in ("near", "far", "n_samples"))
    n_train, height, width = len(images) - 6, *images.shape[1:3]
    rays = [rays_of(p, height, width, focal) for p in poses]
    order = np.random.default_rng(seed).permutation(n_train * height * width)
    shuffled = [jnp.asarray(v, "f4") for v in (np.concatenate([r[0] for r in rays[:n_train]])[order],
                                               np.concatenate([r[1] for r in rays[:n_train]])[order],
                                               images[:n_train].reshape(-1, 3)[order])]
    n_rays = cell["batch_size"] // n_samples

    def see(layers, origins, directions, z):  # z [R, S]: depths along the axis
        x = origins[:, None] + directions[:, None] * z[..., None]
        raw = network(layers, features(x, b))  # the paper's sin(b·x): no 2 pi, places as they are
        gap = jnp.concatenate([z[:, 1:] - z[:, :-1], jnp.full((len(z), 1), 1e10)], 1)
        alpha = 1 - jnp.exp(-jax.nn.relu(raw[..., 0]) * gap)
        left = jnp.cumprod(jnp.minimum(1, 1 - alpha + 1e-10), 1)
        weight = alpha * jnp.concatenate([jnp.ones((len(z), 1)), left[:, :-1]], 1)
        return (weight[..., None] * jax.nn.sigmoid(raw[..., 1:])).sum(1)

    depths = jnp.linspace(near, far, n_samples)

    def draw(step, key):
        which = (step * n_rays + jnp.arange(n_rays)) % len(order)
        noise = jax.random.uniform(key, (n_rays, n_samples)) * (far - near) / n_samples
        return *(v[which] for v in shuffled), depths + noise

    loss = lambda layers, batch: jnp.mean((see(layers, batch[0], batch[1], batch[3]) - batch[2]) ** 2)
    layers = fit(layers, loss, draw, cell["steps"], lambda step: cell["learning_rate"], seed)
    even = jax.jit(lambda o, d: see(layers, o, d, jnp.broadcast_to(depths, (len(o), n_samples))))
    row_by_row = lambda o, d: np.concatenate([even(*part) for part in zip(np.split(o, height), np.split(d, height))])
    return {"test_psnr": float(np.mean([psnr(row_by_row(*(v.astype("f4") for v in rays[k])), images[k].reshape(-1, 3))
                                        for k in range(n_train, len(images))]))}


# --- the service ---

def body_of(task, cell, dataset, seed):
    train = {key: cell[key] for key in ("steps", "batch_size", "learning_rate", "schedule") if key in cell}
    return {"dataset_id": dataset, "task": task, "preset": "paper",
            "field": {"encoding": cell["encoding"], "network": {**NETWORK, **cell.get("network", {})}},
            "train": {**train, "seed": seed}, "measure": cell.get("measure", {})}


def start_of(body, cheaper):  # b and layers of a seed: those of a step that changes no number
    body = {**body, "train": {**body["train"], "steps": 1, "learning_rate": 1e-30}, "measure": {**body["measure"], **cheaper}}
    spec, tensors = parse(service.call(arguments.url, f"/v1/fields/{service.fit(arguments.url, body)['field_id']}/weights"))
    return (jnp.asarray(tensors["encoding.b"]),
            [(jnp.asarray(tensors[f"layers.{l}.weight"]), jnp.asarray(tensors[f"layers.{l}.bias"]))
             for l in range(spec["network"]["n_hidden_layers"] + 1)])


# --- files ---

def read_volume(path):  # [D, H, W]
    if path.endswith(".npy"):
        return np.load(path).astype("f8")
    data = (gzip.open if path.endswith(".gz") else open)(path, "rb").read()
    n_dims, *size = np.frombuffer(data, "<i2", 8, 40)
    kind = {2: "u1", 4: "<i2", 8: "<i4", 16: "<f4", 64: "<f8", 256: "i1", 512: "<u2"}[int(np.frombuffer(data, "<i2", 1, 70)[0])]
    offset, slope, intercept = np.frombuffer(data, "<f4", 3, 108)
    size = [int(n) for n in size[:3]]
    values = np.frombuffer(data, kind, int(np.prod(size)), int(offset)).reshape(size[::-1]).astype("f8")
    return values * (slope or 1) + intercept


def shrink(volume, longest):  # the mean of each cube of voxels
    n = -(-max(volume.shape) // longest)
    d, h, w = (side // n for side in volume.shape)
    return volume[:d * n, :h * n, :w * n].reshape(d, n, h, n, w, n).mean((1, 3, 5))


def read_mesh(path):  # vertices [V, 3], triangles [T, 3]
    if path.endswith(".obj"):
        lines = [line.split() for line in open(path)]
        corners = [[int(c.split("/")[0]) - 1 for c in line[1:]] for line in lines if line[:1] == ["f"]]
        return (np.array([line[1:4] for line in lines if line[:1] == ["v"]], "f8"),
                np.array([[f[0], f[k], f[k + 1]] for f in corners for k in range(1, len(f) - 1)]))
    header, data = open(path, "rb").read().split(b"end_header\n", 1)
    n_vertices, n_faces = (int(line.split()[2]) for line in header.splitlines() if line.startswith(b"element"))
    faces = np.frombuffer(data, [("n", "u1"), ("corner", "<i4", 3)], n_faces, 12 * n_vertices)
    return np.frombuffer(data, "<f4", 3 * n_vertices).reshape(-1, 3).astype("f8"), faces["corner"]


def npy_of(array):
    out = io.BytesIO()
    np.save(out, array.astype("f4"))
    return out.getvalue()


# --- the table ---

CELLS = {  # what the body has over the preset `paper`; the rate of shape falls to a hundredth, as the paper's does
    "volume": dict(encoding={**GAUSSIAN, "sigma": 3}, steps=300, learning_rate=2e-3),
    "ct": dict(encoding={**GAUSSIAN, "sigma": 4}, steps=300, learning_rate=1e-3, measure={"n_angles": 20}),
    "mri": dict(encoding={**GAUSSIAN, "sigma": 3}, steps=200, learning_rate=2e-3, measure={"mask_sigma": 4.62, "n_draws": 7400}),
    "shape": dict(encoding={**GAUSSIAN, "sigma": 4}, network={"n_hidden_layers": 7}, steps=1500, batch_size=4096,
                  learning_rate=5e-4, schedule={"type": "exponential", "decay_rate": 0.1, "decay_steps": 750}),
    "views": dict(encoding={**GAUSSIAN, "sigma": 4}, steps=800, batch_size=512 * 32, learning_rate=5e-4,
                  measure={"near": 2, "far": 6, "n_samples": 32}),
}
ALLOWED = {"psnr": 0.3, "test_psnr": 0.3, "iou_uniform": 0.01, "iou_boundary": 0.01}
KINDS = {"ct": "image", "mri": "volume"}
FITS = {"volume": fit_volume, "ct": fit_ct, "mri": fit_mri, "shape": fit_shape, "views": fit_views}


def load_data():  # task: bytes for the service, data for JAX, what the table says of it
    data = {}
    if arguments.volume:
        whole = read_volume(arguments.volume)
        small, middle = shrink(whole, 32).astype("f4"), whole[len(whole) // 2].astype("f4")
        data["volume"] = data["mri"] = npy_of(small), small, "×".join(map(str, small.shape))
        data["ct"] = npy_of(middle / middle.max()), middle, "×".join(map(str, middle.shape))
    if arguments.shape:
        mesh = read_mesh(arguments.shape)
        data["shape"] = open(arguments.shape, "rb").read(), Solid(*mesh), f"{len(mesh[1]):,} triangles"
    if arguments.views:
        scene = np.load(arguments.views)
        data["views"] = open(arguments.views, "rb").read(), scene, "{} of {}×{}".format(*scene["images"].shape[:3])
    return data


def show(task, what, key, cell, here, there):
    form = "{:.2f}" if "psnr" in key else "{:.4f}"
    spread = lambda v: f"{form} ± {form}".format(np.mean(v), np.std(v, ddof=min(1, len(v) - 1)))
    difference = np.array(here) - np.array(there)
    verdict = "yes" if abs(difference.mean()) <= ALLOWED[key] else "**no**"
    error = np.std(difference, ddof=min(1, len(difference) - 1)) / np.sqrt(len(difference))
    print(f"| {task}, {what} | {cell['steps']:,} | {len(here)} | {key} | {spread(here)} | {spread(there)} "
          f"| {f'{form} ± {form}'.format(difference.mean(), error)} | {ALLOWED[key]}: {verdict} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--volume")
    parser.add_argument("--shape")
    parser.add_argument("--views")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", default=",".join(CELLS))
    arguments = parser.parse_args()
    print("| cell | steps | seeds | | service | JAX | difference of means, its error | within |\n|---|---|---|---|---|---|---|---|")
    for task, (upload, data, what) in load_data().items():
        if task not in arguments.tasks.split(","):
            continue
        cell, here, there = CELLS[task], [], []
        if task in ("volume", "ct", "mri"):
            cell["batch_size"] = data.size
        kind = KINDS.get(task, task)
        dataset = service.post_dataset(arguments.url, kind, upload)
        for seed in range(arguments.seeds):
            body = body_of(task, cell, dataset, seed)
            start = start_of(body, {"downscale": 4} if task == "views" else {})
            here.append(service.fit(arguments.url, body)["metrics"])
            there.append(FITS[task](start, data, cell, seed))
            print(task, seed, here[-1], there[-1], file=sys.stderr, flush=True)
        for key in there[0]:
            show(task, what, key, cell, [m[key] for m in here], [m[key] for m in there])
