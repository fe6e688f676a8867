"""A peer of `make bench-peers`: python3 peer.py torch|jax fp32|bf16 [compiled|levels].

Answers what farfield_peer.c answers (there the lines are described), but for decode and probe.  A
module of the name torch_peer or jax_peer has the framework's side: threads(), about(), and classes
Training (step, loss, values) and Queries (step).  compiled, levels: of torch, which can compile, and
write grids level by level.
"""
import importlib
import math
import os
import sys
import time

import numpy as np

QUICK = 16384
CHUNK = 4096  # points of one query: whole arrays leave the cache, and take up to a third longer


def coordinates(width, height):
    """Centres of the pixels, [height * width, 2], unit coordinates."""
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    return np.stack([x.ravel(), y.ravel()], 1).astype("f4")


class Batches:
    """Pixels without replacement: permutation after permutation."""

    def __init__(self, n, size, permute):
        self.n, self.size, self.permute, self.order = n, size, permute, ()
        self.first = 0

    def draw(self):
        if self.first + self.size > len(self.order):
            self.order, self.first = self.permute(self.n), 0
        self.first += self.size
        return self.order[self.first - self.size : self.first]


def cosine(rate, step, steps):
    return rate * 0.5 * (1 + math.cos(math.pi * min(step / steps, 1))) if steps else rate


class Grid:
    """Geometry of a hash grid (core/nn/grid.h), of which no level is large enough to be hashed."""

    def __init__(self, n_levels, n_features, log2_size, base, finest):
        self.n_levels, self.n_features = int(n_levels), int(n_features)
        growth = (finest / base) ** (1 / (self.n_levels - 1))
        scale = [base * growth**level - 1 for level in range(self.n_levels)]
        row = [math.floor(s + 0.5) + 2 for s in scale]
        assert max(row) ** 2 <= 2**log2_size, "a level is hashed: that is not done here"
        self.scale = np.array(scale, "f4")
        self.row = np.array(row, "i8")  # vertices along an axis
        self.first = np.cumsum([0] + [r * r for r in row])[:-1].astype("i8")
        self.n_entries = sum(r * r for r in row)


def field_of(words):
    """encoding, its numbers, hidden layers, width"""
    encoding, *numbers = words
    *numbers, layers, width = map(float, numbers)
    return encoding, numbers, int(layers), int(width)


class Peer:
    def __init__(self, module, precision, way):
        self.module, self.how = module, (precision, way)
        self.work = self.points = self.colours = None
        self.n_cores = len(os.sched_getaffinity(0))

    def picture(self, path, width, height, channels):
        self.points = coordinates(int(width), int(height))
        self.colours = np.fromfile(path, "f4").reshape(-1, int(channels))
        return "ok"

    def train(self, *words):
        self.work = None  # memory of the one before goes first
        *field, batch, rate, steps = words
        self.work = self.module.Training(self.points, self.colours, field_of(field), int(batch),
                                         float(rate), int(steps), *self.how)
        return "ok"

    def query(self, *words):
        self.work = None
        *field, n_points = words
        points = np.random.default_rng(1).random((int(n_points), 2), dtype="f4")
        self.work = self.module.Queries(points, field_of(field), *self.how)
        return "ok"

    def run(self, n):
        assert self.module.threads() == self.n_cores, "another number of threads"
        begin, cpu = time.perf_counter(), time.process_time()
        for _ in range(int(n)):
            self.work.step()
        loss = self.work.loss()  # waits for what still runs
        return (f"{time.perf_counter() - begin} {loss} {self.module.threads()} "
                f"{time.process_time() - cpu}")

    def psnr(self, effort):
        n = len(self.points)
        chosen = np.arange(n) if effort == "full" else np.random.default_rng(1).permutation(n)[:QUICK]
        total = 0.0
        for first in range(0, len(chosen), QUICK):
            part = chosen[first : first + QUICK]
            error = self.work.values(self.points[part]) - self.colours[part]
            total += float(np.square(error, dtype="f8").sum())
        return str(-10 * math.log10(total / (len(chosen) * self.colours.shape[1])))


def main(framework, precision, way=""):
    module = importlib.import_module(framework + "_peer")
    peer = Peer(module, precision, way)
    print(module.about(), flush=True)
    for line in sys.stdin:
        command, *arguments = line.split()
        print(getattr(peer, command)(*arguments), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
