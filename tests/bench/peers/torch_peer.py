"""PyTorch's side of peer.py: as a user who wants speed writes it, for 1.13 and for 2."""
import contextlib
import math
import os

import torch

from peer import CHUNK, Batches, cosine

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


class Network(torch.nn.Module):
    def __init__(self, frequencies, sigma, layers, width):
        super().__init__()
        torch.manual_seed(1)
        self.register_buffer("b", 2 * math.pi * sigma * torch.randn(2, frequencies))
        sizes = [2 * frequencies] + [width] * layers + [3]
        self.layers = torch.nn.ModuleList(
            torch.nn.Linear(k, m) for k, m in zip(sizes[:-1], sizes[1:]))
        for layer in self.layers:
            torch.nn.init.xavier_normal_(layer.weight)
            torch.nn.init.normal_(layer.bias, std=0.01)

    def encode(self, points):
        u = points @ self.b
        return torch.cat([torch.sin(u), torch.cos(u)], 1)

    def forward(self, features):
        h = features
        for layer in self.layers[:-1]:
            h = torch.relu_(layer(h))
        return torch.sigmoid(self.layers[-1](h).float())


def arithmetic(precision):
    """Context of the network alone: the mapping's phases need all bits of a float."""
    if precision == "bf16":
        return torch.autocast("cpu", dtype=torch.bfloat16)
    return contextlib.nullcontext()


class Training:
    def __init__(self, points, colours, network, batch, rate, steps, precision, compiled):
        self.points, self.colours = torch.from_numpy(points), torch.from_numpy(colours)
        self.network = Network(*network)
        self.batches = Batches(len(points), batch, torch.randperm)
        self.rate, self.steps, self.n_done = rate, steps, 0
        self.optimizer = torch.optim.Adam(self.network.parameters(), rate, betas=(0.9, 0.999),
                                          eps=1e-8, **({"fused": True} if IS_2 else {}))

        def loss_of(points, colours):
            with torch.no_grad():
                features = self.network.encode(points)
            with arithmetic(precision):
                values = self.network(features)
            return 0.5 * torch.nn.functional.mse_loss(values, colours)

        self.loss_of = torch.compile(loss_of) if compiled else loss_of

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
    def __init__(self, points, network, precision, compiled):
        self.parts = torch.from_numpy(points).split(CHUNK)
        self.network = Network(*network)

        def values(points):
            features = self.network.encode(points)
            with arithmetic(precision):
                return self.network(features)

        self.values = torch.compile(values) if compiled else values

    def step(self):
        with torch.no_grad():
            for points in self.parts:
                self.values(points)

    def loss(self):
        return 0.0
