"""Kernels of POST /v1/ntk beside those of neural-tangents, on random networks, mappings and points.

usage: python3 -m venv venv && venv/bin/pip install neural-tangents==0.6.5 jax==0.4.30 jaxlib==0.4.30 tf2jax==0.3.6 \\
           'numpy<2' 'scipy<1.13'
       build/release/farfield serve --listen 127.0.0.1:8080 --no-auth &
       venv/bin/python docs/ntk_peer.py http://127.0.0.1:8080 [--settings 200] [--seed 0]

Prints the largest relative difference of a kernel's numbers for each parametrisation, and ends with 1 if one is over 1e-4.
"""
import argparse
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import jax  # noqa: E402

jax.config.update("jax_enable_x64", True)
import numpy as np  # noqa: E402
from neural_tangents import stax  # noqa: E402

import service  # noqa: E402


def mapping(rng, n_dims):
    """A mapping of the service and its features in NumPy."""
    kind = rng.choice(["none", "basic", "octave", "positional", "explicit"])
    normalize, n = bool(rng.integers(2)), int(rng.integers(2, 20))
    if kind == "none":
        lo, hi = -rng.uniform(0, 4), rng.uniform(0.1, 4)
        return {"type": kind, "input_range": [lo, hi]}, lambda x: lo + (hi - lo) * x
    axes = np.eye(n_dims)
    a = None
    if kind == "basic":
        b, spec = axes, {"type": kind}
    elif kind == "octave":
        n = min(n, 8)
        b, spec = np.kron(axes, 2.0 ** np.arange(n)[:, None]), {"type": kind, "n_octaves": n}
    elif kind == "positional":
        scale = rng.uniform(1, 8)
        b = np.kron(axes, (2 ** (scale * np.arange(n) / (n - 1)) - 1)[:, None])
        spec = {"type": kind, "n_frequencies": n, "scale": scale}
    else:
        b, a = rng.normal(0, 5, (n, n_dims)), rng.uniform(0.1, 2, n)
        spec = {"type": kind, "b": b.tolist(), "a": a.tolist()}
    b = b.astype("f4").astype("f8")  # as fields keep them
    a = np.ones(len(b)) if a is None else a
    a = (a / np.linalg.norm(a) if normalize else a).astype("f4").astype("f8")

    def features(x):
        u = 2 * np.pi * x @ b.T
        return np.hstack([a * np.sin(u), a * np.cos(u)])

    return {**spec, "normalize": normalize}, features


def network(rng):
    has_bias = bool(rng.integers(2))
    return {"n_hidden_layers": int(rng.integers(0, 9)), "width": int(rng.integers(1, 2049)),
            "parametrization": str(rng.choice(["standard", "ntk"])), "sigma_w": rng.uniform(0.5, 2),
            "sigma_b": rng.uniform(0, 1) if has_bias else 0, "bias": has_bias}


def peer(net, features):
    layer = dict(W_std=net["sigma_w"], b_std=net["sigma_b"] if net["bias"] else None,
                 parameterization=net["parametrization"])
    layers = [part for _ in range(net["n_hidden_layers"]) for part in (stax.Dense(net["width"], **layer), stax.Relu())]
    return np.array(stax.serial(*layers, stax.Dense(1, **layer))[2](features, None, "ntk"))


parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("--settings", type=int, default=200)
parser.add_argument("--seed", type=int, default=0)
arguments = parser.parse_args()
rng = np.random.default_rng(arguments.seed)
worst = {"standard": (0.0, None), "ntk": (0.0, None)}
count = {"standard": 0, "ntk": 0}
for _ in range(arguments.settings):
    n_dims = int(rng.integers(1, 4))
    (encoding, features), net = mapping(rng, n_dims), network(rng)
    points = rng.uniform(0, 1, (6, n_dims))
    body = {"encoding": encoding, "network": net, "points": points.tolist()}
    ours = np.array(json.loads(service.call(arguments.url, "/v1/ntk", json.dumps(body).encode()))["kernel"])
    theirs = peer(net, features(points))
    size = np.sqrt(np.outer(theirs.diagonal(), theirs.diagonal()))  # without a bias a kernel may pass through 0
    difference = np.max(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-3 * size))
    count[net["parametrization"]] += 1
    worst[net["parametrization"]] = max(worst[net["parametrization"]], (difference, body), key=lambda w: w[0])
for name, (difference, body) in worst.items():
    print(f"{name}: {count[name]} settings, largest relative difference {difference:.1e}")
    if difference > 1e-4:
        print(json.dumps(body))
sys.exit(any(w[0] > 1e-4 for w in worst.values()))
