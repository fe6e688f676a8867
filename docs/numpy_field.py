"""A field's values from its weights file, in NumPy.  python3 numpy_field.py WEIGHTS POINTS.npy VALUES.npy

WEIGHTS: what GET /v1/fields/{id}/weights gives.  POINTS: [N, D], in unit coordinates (frame=unit).
"""
import json
import sys

import numpy as np


def load(path):
    data = open(path, "rb").read()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    spec = json.loads(header.pop("__metadata__")["spec"])["field"]
    return spec, {name: np.frombuffer(data[start:][slice(*t["data_offsets"])], "<f4").reshape(t["shape"])
                  for name, t in header.items()}


def values(spec, tensors, x):
    network, relu = spec["network"], lambda z: np.maximum(z, 0)
    functions = {"relu": relu, "tanh": np.tanh, "sin": lambda z: np.sin(network["omega"] * z),
                 "linear": lambda z: z, "sigmoid": lambda z: 1 / (1 + np.exp(-z))}
    if "encoding.b" in tensors:
        u = 2 * np.pi * x.astype("f8") @ tensors["encoding.b"].T
        h = np.hstack([tensors["encoding.a"] * np.sin(u), tensors["encoding.a"] * np.cos(u)])
    else:
        low, high = spec["encoding"]["input_range"]
        h = low + (high - low) * x
    for layer in range(network["n_hidden_layers"] + 1):
        h = h @ tensors[f"layers.{layer}.weight"].T + tensors[f"layers.{layer}.bias"]
        last = layer == network["n_hidden_layers"]
        h = functions[network["output_activation" if last else "activation"]](h)
    return h


if __name__ == "__main__":
    np.save(sys.argv[3], values(*load(sys.argv[1]), np.load(sys.argv[2])).astype("f4"))
