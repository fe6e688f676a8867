"""CT and MRI of the paper in NumPy, written from the paper alone: to compare PSNRs with (docs/reconstruction.md).

usage: python3 docs/numpy_reconstruction.py ct|mri FILE.npy [--seeds 3] [--steps 500] [--sigma 4] [--frequencies 64] [--width 64]
"""
import argparse
import numpy as np


def project(picture, angles):  # [A, W] = mean over rows of the picture turned by nearest pixels; and its pixels, for the adjoint
    n = len(picture)
    c, r = np.meshgrid(np.arange(n), np.arange(n))
    x, y = c / n - 0.5, r / n - 0.5
    where = []
    for t in angles:
        column = np.floor((x * np.cos(t) - y * np.sin(t) + 0.5) * n + 0.5 + 1e-9).astype(int)
        row = np.floor((x * np.sin(t) + y * np.cos(t) + 0.5) * n + 0.5 + 1e-9).astype(int)
        ok = (column >= 0) & (column < n) & (row >= 0) & (row < n)
        where.append(np.where(ok, row * n + column, n * n))
    return np.stack(where)


def read(picture, where):
    padded = np.append(picture.ravel(), 0.0)
    return padded[where].mean(1)


def spread(residual, where, n):
    out = np.zeros(n * n + 1)
    for k in range(len(where)):
        out += np.bincount(where[k].ravel(), np.broadcast_to(residual[k], where[k].shape).ravel() / n, n * n + 1)
    return out[:-1]


def glorot(rng, n_in, n_out):  # truncated at two standard deviations
    w = rng.standard_normal((n_in, n_out))
    while (bad := np.abs(w) > 2).any():
        w[bad] = rng.standard_normal(bad.sum())
    return w * np.sqrt(2 / (n_in + n_out)) / 0.87962566


def fit(truth, seed):
    rng = np.random.default_rng(seed)
    shape, dims = truth.shape, truth.ndim
    axes = [(np.arange(s) + 0.5) / s for s in shape[::-1]]
    points = np.stack(np.meshgrid(*axes[::-1], indexing="ij")[::-1], -1).reshape(-1, dims)
    b = rng.standard_normal((a.frequencies, dims)) * a.sigma
    waves = 2 * np.pi * points @ b.T
    features = np.concatenate([np.sin(waves), np.cos(waves)], 1)
    sizes = [2 * a.frequencies] + [a.width] * a.layers + [1]
    w = [glorot(rng, i, o) for i, o in zip(sizes, sizes[1:])]
    bias = [0.01 * rng.standard_normal(o) for o in sizes[1:]]
    moments = [[np.zeros_like(p), np.zeros_like(p)] for p in w + bias]
    if a.task == "ct":
        angles = np.arange(a.angles) * np.pi / a.angles
        where = project(truth, angles)
        target = read(truth, where)
    else:
        mask = np.zeros(shape, bool)
        draws = np.floor(rng.standard_normal((a.draws, dims)) * a.mask_sigma + np.array(shape) / 2).astype(int)
        draws = draws[((draws >= 0) & (draws < shape)).all(1)]
        mask[tuple(draws.T)] = True
        mask = np.fft.ifftshift(mask)
        target = np.fft.fftn(truth, norm="ortho") * mask
    for step in range(1, a.steps + 1):
        h = [features]
        for l in range(len(w) - 1):
            h.append(np.maximum(h[-1] @ w[l] + bias[l], 0))
        value = 1 / (1 + np.exp(-(h[-1] @ w[-1] + bias[-1])))
        picture = value.reshape(shape)
        if a.task == "ct":
            residual = read(picture, where) - target
            d = spread(residual / residual.size, where, shape[0])
        else:
            residual = np.fft.fftn(picture, norm="ortho") * mask - target
            d = np.fft.ifftn(residual / residual.size, norm="ortho").real
        d = d.reshape(-1, 1) * value * (1 - value)
        gradients = [None] * len(w), [None] * len(w)
        for l in range(len(w) - 1, -1, -1):
            gradients[0][l], gradients[1][l] = h[l].T @ d, d.sum(0)
            if l:
                d = (d @ w[l].T) * (h[l] > 0)
        for p, g, m in zip(w + bias, gradients[0] + gradients[1], moments):
            m[0] += 0.1 * (g - m[0])
            m[1] += 0.001 * (g * g - m[1])
            p -= a.rate * m[0] / (1 - 0.9**step) / (np.sqrt(m[1] / (1 - 0.999**step)) + 1e-8)
    return -10 * np.log10(np.mean((np.clip(picture, 0, 1) - truth) ** 2))


parser = argparse.ArgumentParser()
parser.add_argument("task", choices=["ct", "mri"])
parser.add_argument("file")
parser.add_argument("--seeds", type=int, default=3)
parser.add_argument("--steps", type=int, default=500)
parser.add_argument("--rate", type=float, default=1e-3)
parser.add_argument("--sigma", type=float, default=4.0)
parser.add_argument("--frequencies", type=int, default=64)
parser.add_argument("--width", type=int, default=64)
parser.add_argument("--layers", type=int, default=2)
parser.add_argument("--angles", type=int, default=20)
parser.add_argument("--mask-sigma", type=float, default=4.0)
parser.add_argument("--draws", type=int, default=2000)
a = parser.parse_args()
truth = np.load(a.file).astype(float)
psnrs = [fit(truth / truth.max(), s) for s in range(a.seeds)]
print(f"{np.mean(psnrs):.2f} ± {np.std(psnrs):.2f}: {', '.join(f'{p:.2f}' for p in psnrs)}")
