"""A field's values from its weights file, in NumPy.  python3 numpy_field.py WEIGHTS POINTS.npy VALUES.npy

WEIGHTS: what GET /v1/fields/{id}/weights gives.  POINTS: [N, D], in unit coordinates (frame=unit).
"""
import json
import sys

import numpy as np


def parse(data):  # of a weights file: the field's spec, its tensors
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    spec = json.loads(header.pop("__metadata__")["spec"])["field"]
    return spec, {name: np.frombuffer(data[start:][slice(*t["data_offsets"])], "<f4").reshape(t["shape"])
                  for name, t in header.items()}


def fourier(b, a, x):
    u = 2 * np.pi * x.astype("f8") @ b.T
    return np.hstack([a * np.sin(u), a * np.cos(u)])


def level(spec, number, table, x):  # of a grid; cells are found in float32, like x
    growth = (spec["finest_resolution"] / spec["base_resolution"]) ** (1 / max(spec["n_levels"] - 1, 1))
    resolution, aspect, n_dims = spec["base_resolution"] * growth**number, spec.get("aspect"), x.shape[1]
    scale = np.float32(np.maximum(resolution * np.array(aspect[:n_dims]), 2) - 1 if aspect else [resolution - 1] * n_dims)
    places = np.clip(x, 0, 1) * scale + np.float32(0.5)
    cells, sides = places.astype("u4"), [int(s + np.float32(0.5)) + 2 for s in scale]
    upper = places - cells.astype("f4")
    upper = upper**2 * (3 - 2 * upper) if spec["interpolation"] == "smoothstep" else upper
    is_hashed = spec["type"] == "hashgrid" and np.prod(sides) > 2 ** spec["log2_hashmap_size"]
    factors = [1, 2654435761, 805459861] if is_hashed else [1, sides[0], np.prod(sides[:2])]
    features = 0
    for corner in np.ndindex(*[2] * n_dims):
        terms = (cells + np.array(corner, "u4")) * np.array(factors[:n_dims], "u4")
        entries = (np.bitwise_xor.reduce(terms, 1) % 2 ** spec["log2_hashmap_size"] if is_hashed
                   else terms.sum(1, dtype="u4"))
        features += np.where(corner, upper, 1 - upper).prod(1, keepdims=True) * table[entries]
    return features


def encode(spec, tensors, x, name="encoding."):
    if spec["type"] == "concat":
        return np.hstack([encode(part, tensors, x, f"{name}parts.{i}.") for i, part in enumerate(spec["parts"])])
    if spec["type"] in ("hashgrid", "densegrid"):
        return np.hstack([level(spec, l, tensors[f"{name}levels.{l}"], x) for l in range(spec["n_levels"])])
    if spec["type"] == "none":
        low, high = spec["input_range"]
        return low + (high - low) * x
    return fourier(tensors[name + "b"], tensors[name + "a"], x)


def values(spec, tensors, x):
    network, relu = spec["network"], lambda z: np.maximum(z, 0)
    functions = {"relu": relu, "tanh": np.tanh, "sin": lambda z: np.sin(network["omega"] * z),
                 "linear": lambda z: z, "sigmoid": lambda z: 1 / (1 + np.exp(-z))}
    h = encode(spec["encoding"], tensors, x)
    for layer in range(network["n_hidden_layers"] + 1):
        h = h @ tensors[f"layers.{layer}.weight"].T + tensors[f"layers.{layer}.bias"]
        last = layer == network["n_hidden_layers"]
        h = functions[network["output_activation" if last else "activation"]](h)
    return h


if __name__ == "__main__":
    np.save(sys.argv[3], values(*parse(open(sys.argv[1], "rb").read()), np.load(sys.argv[2]).astype("f4")).astype("f4"))
