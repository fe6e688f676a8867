"""JAX's side of peer.py: a step is one jitted function, its state given away."""
import functools
import math
import os

import jax
import jax.numpy as jnp
import numpy as np

from peer import CHUNK, Batches, Grid, cosine


def threads():
    return len(os.sched_getaffinity(0))  # XLA takes every core it may


def about():
    return f"jax {jax.__version__}, {jax.devices()[0].platform}, {threads()} threads"


def fit_sine(degree=11):
    """Odd polynomial for sin(2 pi r), r in [-1/4, 1/4], by least squares at Chebyshev points."""
    r = np.cos(np.linspace(0, math.pi / 2, 400)[:-1]) / 4
    powers = np.arange(1, degree + 1, 2)
    return np.linalg.lstsq(r[:, None] ** (powers - 1), np.sin(2 * math.pi * r) / r, rcond=None)[0]


SINE = fit_sine()


def sine(turns):
    """XLA's own is scalar code on a CPU, 7 ns each: two thirds of a narrow network's step."""
    r = turns - jnp.round(turns)
    r = jnp.where(jnp.abs(r) > 0.25, jnp.sign(r) * 0.5 - r, r)
    total = jnp.zeros_like(r)
    for c in SINE[::-1]:
        total = total * (r * r) + jnp.float32(c)
    return total * r


class Gaussian:
    beta2, epsilon = 0.999, 1e-8
    output = staticmethod(jax.nn.sigmoid)

    def __init__(self, key, frequencies, sigma):
        self.b = sigma * jax.random.normal(key, (2, int(frequencies)))
        self.n_features = 2 * int(frequencies)
        self.table = jnp.zeros(0)

    def __call__(self, table, points):
        """In two parts, since a joined array costs more."""
        u = points @ self.b
        return jax.lax.optimization_barrier((sine(u), sine(u + 0.25)))  # computed once, not per use


class HashGrid:
    beta2, epsilon = 0.99, 1e-15
    output = staticmethod(lambda values: values)

    def __init__(self, key, *numbers):
        self.grid = g = Grid(*numbers)
        self.n_features = g.n_levels * g.n_features
        self.table = jax.random.uniform(key, (g.n_entries, g.n_features), minval=-1e-4, maxval=1e-4)

    def __call__(self, table, points):
        g = self.grid
        place = points[:, None] * g.scale[:, None] + 0.5
        cell = jnp.floor(place)
        x, y = jnp.split(place - cell, 2, 2)
        cell = cell.astype(jnp.int32)
        row = g.row.astype("i4")
        at = cell[..., 0] + row * cell[..., 1] + g.first.astype("i4")
        xy = x * y
        features = (table[at] * (1 - x - y + xy) + table[at + 1] * (x - xy) +
                    table[at + row] * (y - xy) + table[at + row + 1] * xy)
        return (features.reshape(len(points), -1),)


def create(encoding, numbers, layers, width):
    """The encoding, and what is trained: its table and the layers."""
    keys = iter(jax.random.split(jax.random.PRNGKey(1), 2 * layers + 3))
    encode = {"gaussian": Gaussian, "hashgrid": HashGrid}[encoding](next(keys), *numbers)
    sizes = [encode.n_features] + [width] * layers + [3]
    normal = jax.nn.initializers.glorot_normal()
    return encode, (encode.table,
                    [(normal(next(keys), (k, m)), 0.01 * jax.random.normal(next(keys), (m,)))
                     for k, m in zip(sizes[:-1], sizes[1:])])


def forward(params, points, encode, dtype):
    table, layers = params
    parts = encode(table, points)
    w, bias = layers[0]
    h = sum(part.astype(dtype) @ rows.astype(dtype)
            for part, rows in zip(parts, jnp.split(w, len(parts))))
    h = jax.nn.relu(h + bias.astype(dtype))
    for w, bias in layers[1:-1]:
        h = jax.nn.relu(h @ w.astype(dtype) + bias.astype(dtype))
    w, bias = layers[-1]
    return encode.output((h @ w.astype(dtype) + bias.astype(dtype)).astype(jnp.float32))


def adam(w, g, m, v, t, rate, beta2, epsilon):
    m = 0.9 * m + 0.1 * g
    v = beta2 * v + (1 - beta2) * g * g
    return w - rate * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - beta2**t)) + epsilon), m, v


def step(encode, dtype, points, colours, state, index, t, rate):
    params, m, v = state

    def loss_of(params):
        values = forward(params, points[index], encode, dtype)
        return 0.5 * jnp.mean((values - colours[index]) ** 2)

    loss, g = jax.value_and_grad(loss_of)(params)
    leaves, tree = jax.tree.flatten(params)
    new = [adam(*slot, t, rate, encode.beta2, encode.epsilon)
           for slot in zip(leaves, *map(jax.tree.leaves, (g, m, v)))]
    return tuple(jax.tree.unflatten(tree, part) for part in zip(*new)), loss


TYPES = {"fp32": jnp.float32, "bf16": jnp.bfloat16}


class Training:
    def __init__(self, points, colours, network, batch, rate, steps, precision, way):
        random = np.random.default_rng(1)
        encode, params = create(*network)
        self.state = params, *(jax.tree.map(jnp.zeros_like, params) for _ in range(2))
        self.data = jnp.asarray(points), jnp.asarray(colours)
        self.batches = Batches(len(points), batch, random.permutation)
        self.rate, self.steps, self.n_done = rate, steps, 0
        self.one = jax.jit(functools.partial(step, encode, TYPES[precision]), donate_argnums=2)
        self.ask = jax.jit(functools.partial(forward, encode=encode, dtype=jnp.float32))

    def step(self):
        rate = cosine(self.rate, self.n_done, self.steps)
        self.n_done += 1
        self.state, self.last = self.one(*self.data, self.state, self.batches.draw(),
                                         float(self.n_done), rate)

    def loss(self):
        jax.block_until_ready(self.state)
        return float(self.last)

    def values(self, points):
        return np.asarray(self.ask(self.state[0], points))


class Queries:
    def __init__(self, points, network, precision, way):
        encode, self.params = create(*network)
        self.parts = [jnp.asarray(points[i : i + CHUNK]) for i in range(0, len(points), CHUNK)]
        self.ask = jax.jit(functools.partial(forward, encode=encode, dtype=TYPES[precision]))

    def step(self):
        jax.block_until_ready([self.ask(self.params, points) for points in self.parts])

    def loss(self):
        return 0.0
