"""PyTorch's side of peer.py: as a user who wants speed writes it, for 1.13 and for 2."""
import contextlib
import math
import os

import torch

from peer import CHUNK, Batches, Grid, cosine

IS_2 = int(torch.__version__.split(".")[0]) >= 2
torch.set_num_threads(len(os.sched_getaffinity(0)))


def threads():
    return torch.get_num_threads()


def about():
    blas = "mkl" if torch.backends.mkl.is_available() else "blas"
    with open("/proc/self/maps") as maps:
        text = maps.read()
    for name in ("openblas-openmp", "openblas-pthread"):
        blas = name if name in text else blas
    return f"torch {torch.__version__}, {blas}, {torch.get_num_threads()} threads"


class Gaussian(torch.nn.Module):
    adam = {"betas": (0.9, 0.999), "eps": 1e-8}
    output = staticmethod(torch.sigmoid)

    def __init__(self, frequencies, sigma):
        super().__init__()
        self.n_features = 2 * int(frequencies)
        self.register_buffer("b", 2 * math.pi * sigma * torch.randn(2, int(frequencies)))

    def forward(self, points):
        u = points @ self.b
        return torch.cat([torch.sin(u), torch.cos(u)], 1)


class HashGrid(torch.nn.Module):
    """All levels at once, corner by corner: the fastest way found (embedding_bag takes twice as long)."""

    adam = {"betas": (0.9, 0.99), "eps": 1e-15}
    output = staticmethod(lambda values: values)

    def __init__(self, *numbers):
        super().__init__()
        grid = Grid(*numbers)
        self.n_features = grid.n_levels * grid.n_features
        self.table = torch.nn.Parameter((torch.rand(grid.n_entries, grid.n_features) * 2 - 1) * 1e-4)
        self.register_buffer("scale", torch.from_numpy(grid.scale)[:, None])
        self.register_buffer("row", torch.from_numpy(grid.row))
        self.register_buffer("first", torch.from_numpy(grid.first))

    def forward(self, points):
        place = points[:, None] * self.scale + 0.5
        cell = place.floor()
        x, y = (place - cell).split(1, 2)
        cell = cell.long()
        at = cell[..., 0] + self.row * cell[..., 1] + self.first
        xy = x * y
        features = (self.table[at] * (1 - x - y + xy) + self.table[at + 1] * (x - xy) +
                    self.table[at + self.row] * (y - xy) + self.table[at + self.row + 1] * xy)
        return features.view(len(points), -1)


class Levels(torch.nn.Module):
    """The same grid level by level, each a table of its own: as one writes it down."""

    adam = HashGrid.adam
    output = staticmethod(HashGrid.output)

    def __init__(self, *numbers):
        super().__init__()
        self.grid = Grid(*numbers)
        self.n_features = self.grid.n_levels * self.grid.n_features
        self.tables = torch.nn.ParameterList(
            torch.nn.Parameter((torch.rand(row * row, self.grid.n_features) * 2 - 1) * 1e-4)
            for row in self.grid.row.tolist())
        self.register_buffer("corners", torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1]]))

    def forward(self, points):
        features = []
        for scale, row, table in zip(self.grid.scale.tolist(), self.grid.row.tolist(), self.tables):
            place = points * scale + 0.5
            cell = place.floor()
            part = (place - cell)[:, None]
            corner = cell.long()[:, None] + self.corners
            weight = torch.where(self.corners.bool(), part, 1 - part).prod(-1)
            values = torch.nn.functional.embedding(corner[..., 1] * row + corner[..., 0], table)
            features.append((values * weight[..., None]).sum(1))
        return torch.cat(features, 1)


class Network(torch.nn.Module):
    def __init__(self, encoding, numbers, layers, width, by_level):
        super().__init__()
        torch.manual_seed(1)
        encodings = {"gaussian": Gaussian, "hashgrid": Levels if by_level else HashGrid}
        self.encode = encodings[encoding](*numbers)
        sizes = [self.encode.n_features] + [width] * layers + [3]
        self.layers = torch.nn.ModuleList(
            torch.nn.Linear(k, m) for k, m in zip(sizes[:-1], sizes[1:]))
        for layer in self.layers:
            torch.nn.init.xavier_normal_(layer.weight)
            torch.nn.init.normal_(layer.bias, std=0.01)

    def forward(self, features):
        h = features
        for layer in self.layers[:-1]:
            h = torch.relu_(layer(h))
        return self.encode.output(self.layers[-1](h).float())


def arithmetic(precision):
    """Context of the network alone: the mapping's phases need all bits of a float."""
    if precision == "bf16":
        return torch.autocast("cpu", dtype=torch.bfloat16)
    return contextlib.nullcontext()


class Training:
    def __init__(self, points, colours, network, batch, rate, steps, precision, way):
        self.points, self.colours = torch.from_numpy(points), torch.from_numpy(colours)
        self.network = Network(*network, way == "levels")
        self.batches = Batches(len(points), batch, torch.randperm)
        self.rate, self.steps, self.n_done = rate, steps, 0
        self.optimizer = torch.optim.Adam(self.network.parameters(), rate,
                                          **self.network.encode.adam,
                                          **({"fused": True} if IS_2 else {}))

        def loss_of(points, colours):
            features = self.network.encode(points)
            with arithmetic(precision):
                values = self.network(features)
            return 0.5 * torch.nn.functional.mse_loss(values, colours)

        self.loss_of = torch.compile(loss_of) if way == "compiled" else loss_of

    def step(self):
        index = self.batches.draw()
        for group in self.optimizer.param_groups:
            group["lr"] = cosine(self.rate, self.n_done, self.steps)
        self.optimizer.zero_grad(set_to_none=True)
        self.last = self.loss_of(self.points.index_select(0, index),
                                 self.colours.index_select(0, index))
        self.last.backward()
        self.optimizer.step()
        self.n_done += 1

    def loss(self):
        return self.last.item()

    def values(self, points):
        with torch.no_grad():
            return self.network(self.network.encode(torch.from_numpy(points))).numpy()


class Queries:
    def __init__(self, points, network, precision, way):
        # level by level there are so many calls that larger parts take half as long
        self.parts = torch.from_numpy(points).split(16 * CHUNK if way == "levels" else CHUNK)
        self.network = Network(*network, way == "levels")

        def values(points):
            features = self.network.encode(points)
            with arithmetic(precision):
                return self.network(features)

        self.values = torch.compile(values) if way == "compiled" else values

    def step(self):
        with torch.no_grad():
            for points in self.parts:
                self.values(points)

    def loss(self):
        return 0.0
