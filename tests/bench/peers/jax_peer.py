"""JAX's side of peer.py: a step is one jitted function, its state given away."""
import functools
import math
import os

import jax
import jax.numpy as jnp
import numpy as np

from peer import CHUNK, Batches, cosine


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


def create(frequencies, sigma, layers, width):
    keys = iter(jax.random.split(jax.random.PRNGKey(1), 2 * layers + 3))
    b = sigma * jax.random.normal(next(keys), (2, frequencies))
    sizes = [2 * frequencies] + [width] * layers + [3]
    normal = jax.nn.initializers.glorot_normal()
    return b, [(normal(next(keys), (k, m)), 0.01 * jax.random.normal(next(keys), (m,)))
               for k, m in zip(sizes[:-1], sizes[1:])]


def forward(layers, b, points, dtype):
    u = points @ b
    waves = jax.lax.optimization_barrier((sine(u), sine(u + 0.25)))  # computed once, not per use
    half = b.shape[1]
    w, bias = layers[0]
    h = sum(part.astype(dtype) @ rows.astype(dtype) for part, rows in zip(waves, (w[:half], w[half:])))
    h = jax.nn.relu(h + bias.astype(dtype))
    for w, bias in layers[1:-1]:
        h = jax.nn.relu(h @ w.astype(dtype) + bias.astype(dtype))
    w, bias = layers[-1]
    return jax.nn.sigmoid((h @ w.astype(dtype) + bias.astype(dtype)).astype(jnp.float32))


def adam(w, g, m, v, t, rate):
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g * g
    return w - rate * (m / (1 - 0.9**t)) / (jnp.sqrt(v / (1 - 0.999**t)) + 1e-8), m, v


def step(dtype, b, points, colours, state, index, t, rate):
    layers, m, v = state

    def loss_of(layers):
        values = forward(layers, b, points[index], dtype)
        return 0.5 * jnp.mean((values - colours[index]) ** 2)

    loss, g = jax.value_and_grad(loss_of)(layers)
    leaves, tree = jax.tree.flatten(layers)
    new = [adam(*slot, t, rate) for slot in zip(leaves, *map(jax.tree.leaves, (g, m, v)))]
    return tuple(jax.tree.unflatten(tree, part) for part in zip(*new)), loss


TYPES = {"fp32": jnp.float32, "bf16": jnp.bfloat16}


class Training:
    def __init__(self, points, colours, network, batch, rate, steps, precision, compiled):
        random = np.random.default_rng(1)
        self.b, layers = create(*network)
        zeros = jax.tree.map(jnp.zeros_like, layers)
        self.state = layers, zeros, jax.tree.map(jnp.zeros_like, layers)
        self.data = jnp.asarray(points), jnp.asarray(colours)
        self.batches = Batches(len(points), batch, random.permutation)
        self.rate, self.steps, self.n_done = rate, steps, 0
        self.one = jax.jit(functools.partial(step, TYPES[precision]), donate_argnums=3)
        self.ask = jax.jit(functools.partial(forward, dtype=jnp.float32))

    def step(self):
        rate = cosine(self.rate, self.n_done, self.steps)
        self.n_done += 1
        self.state, self.last = self.one(self.b, *self.data, self.state, self.batches.draw(),
                                         float(self.n_done), rate)

    def loss(self):
        jax.block_until_ready(self.state)
        return float(self.last)

    def values(self, points):
        return np.asarray(self.ask(self.state[0], self.b, points))


class Queries:
    def __init__(self, points, network, precision, compiled):
        self.b, self.layers = create(*network)
        self.parts = [jnp.asarray(points[i : i + CHUNK]) for i in range(0, len(points), CHUNK)]
        self.ask = jax.jit(functools.partial(forward, dtype=TYPES[precision]))

    def step(self):
        jax.block_until_ready([self.ask(self.layers, self.b, points) for points in self.parts])

    def loss(self):
        return 0.0
