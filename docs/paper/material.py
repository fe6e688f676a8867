"""The data that sweeps are over, and the frequencies that they name: from a folder of real data, or made."""
import gzip
import io
import json
import pathlib
import struct
import zipfile

import numpy as np


def npy(array):
    out = io.BytesIO()
    np.save(out, np.ascontiguousarray(array, dtype=np.float32))
    return out.getvalue()


def from_npy(data):
    return np.load(io.BytesIO(data))


def read_nifti(data):
    """[z, y, x] of a NIfTI-1 file, gzipped or not."""
    data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    order = "<" if struct.unpack("<i", data[:4])[0] == 348 else ">"
    nx, ny, nz = struct.unpack(order + "3h", data[42:48])
    kind = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 512: "u2"}[struct.unpack(order + "h", data[70:72])[0]]
    start, slope, inter = struct.unpack(order + "3f", data[108:120])
    values = np.frombuffer(data, order + kind, nx * ny * nz, int(start)).reshape(nz, ny, nx).astype(np.float64)
    return values * slope + inter if slope else values


def shrink(array, sizes):
    """Mean over the area that a sample of the smaller array covers, axis by axis."""
    for axis, size in enumerate(sizes):
        n = array.shape[axis]
        edges = np.linspace(0, n, size + 1)
        low, high = edges[:-1, None], edges[1:, None]
        cover = np.clip(np.minimum(high, np.arange(n) + 1) - np.maximum(low, np.arange(n)), 0, None)
        array = np.moveaxis(np.tensordot(cover / cover.sum(1, keepdims=True), array, (1, axis)), 0, axis)
    return array


def unit(array):
    return (array - array.min()) / (np.ptp(array) or 1)


# --- data ---

class Material:
    def __init__(self, service, folder):
        self.service = service
        self.folder = pathlib.Path(folder) if folder else None
        self.made = {}  # dataset id -> what the driver wants to know of it

    def _files(self, pattern):
        return sorted(self.folder.glob(pattern)) if self.folder else []

    def _heads(self, n):
        """Volumes of heads, [z, y, x] in [0, 1]."""
        files = self._files("volumes/mri/*t1*.nii.gz") + self._files("volumes/mri/head*.nii.gz")
        if files:
            return [unit(read_nifti(f.read_bytes())) for f in files[:n]]
        return [unit(read_nifti(self.service.sample("phantom3d", seed=s, size=96))) for s in range(n)]

    def _pictures(self, spec):
        name = spec["source"]
        files = self._files(f"paper2d/{name}/test/*.png")
        sample = "text" if name == "text" else "picture"
        for i in range(spec.get("first", 0), spec.get("first", 0) + spec["count"]):
            yield "image", files[i].read_bytes() if i < len(files) else self.service.sample(sample, seed=i, size=spec["size"]), i

    def _drawn(self, spec):
        """Pictures of the project's own, whatever data there are: those that may be shown."""
        for i in range(spec["count"]):
            yield "image", self.service.sample("picture", seed=i, size=spec["size"]), i

    def _phantoms(self, spec):
        for i in range(spec["count"]):
            yield "image", self.service.sample("phantom", seed=i, size=spec["size"]), i

    def _slices(self, spec):
        heads = self._heads(2)
        for i in range(spec["count"]):
            head = heads[i % len(heads)]
            plane = head[int(head.shape[0] * (0.45 + 0.15 * (i // len(heads))))]
            yield "image", npy(unit(shrink(plane, (spec["size"],) * 2))), i

    def _volumes(self, spec):
        for i, head in enumerate(self._heads(spec["count"])):
            yield "volume", npy(unit(shrink(head, (spec["size"],) * 3))), i

    def _shapes(self, spec):
        files = [f for name in ("armadillo.obj", "dragon.ply", "bunny.off", "buddha.ply") for f in self._files("shapes/" + name)]
        for i in range(spec["count"]):
            yield "shape", files[i].read_bytes() if i < len(files) else self.service.sample("shape", seed=i, size=96), i

    def _views(self, spec):
        if spec["size"] == 400 and self._files("views/lego/transforms_train.json"):
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
                for f in self._files("views/lego/**/*"):
                    if f.is_file():
                        archive.writestr(zipfile.ZipInfo(str(f.relative_to(self.folder / "views/lego"))), f.read_bytes())
            yield "views", out.getvalue(), 0
            return
        files = self._files("views/lego_100x100.npz")
        yield "views", files[0].read_bytes() if files else self.service.sample("views", seed=0, size=min(spec["size"], 100)), 0

    def _signals(self, spec):
        for alpha in spec["alpha"]:
            for i in range(spec["count"]):
                options = {"seed": i + 1, "size": spec["size"], "alpha": alpha}
                if "band" in spec:
                    options["band"] = spec["band"]
                yield "signal", self.service.sample("signal", **options), alpha

    def _gratings(self, spec):
        """cos(2 pi (a x + b y)) at i / N, as (1 + cos) / 2: the service's outputs are sigmoids, the paper's tanh."""
        n = spec["size"]
        at = np.arange(n) / n
        for r in spec["radius"]:
            for theta in np.linspace(0, np.pi, spec["angles"]):
                a, b = round(r * np.sin(theta)), round(r * np.cos(theta))
                yield "image", npy(0.5 + 0.5 * np.cos(2 * np.pi * (a * at[None, :] + b * at[:, None]))), (r, theta)

    def _bumps(self, spec):
        """A narrow bump on [-pi, pi], both ends included, turned about the circle."""
        n = spec["size"]
        bump = np.exp(-0.5 * (np.linspace(-np.pi, np.pi, n) / 0.05) ** 2)
        for c in np.linspace(-np.pi, np.pi, spec["count"]):
            yield "signal", npy(np.roll(bump, int(c / (2 * np.pi) * n))), float(c)

    def datasets(self, spec):
        """Ids of the datasets of a description; made[id] is what each is: its number, alpha, direction or centre."""
        ids = []
        for kind, data, what in getattr(self, "_" + {"natural": "pictures", "text": "pictures"}.get(spec["source"], spec["source"]))(spec):
            name = f"{spec['source']} {what}"
            ids.append(self.service.dataset(kind, name, data))
            self.made[ids[-1]] = {"what": what, "data": data}
        return list(dict.fromkeys(ids))


# --- frequencies ---

def frequencies(family, m, scale, dims, seed):
    """Rows of B by a law of the paper's figures 4 and 9: "log-uniform" spreads the magnitude evenly in its logarithm."""
    rng = np.random.default_rng(seed)
    if family == "gaussian":
        return rng.normal(0, scale, (m, dims))
    if family == "uniform":
        return rng.uniform(0, scale, (m, dims)) if dims == 1 else rng.uniform(-scale, scale, (m, dims))
    if family == "laplace":
        return rng.laplace(0, scale, (m, dims))
    size = scale ** rng.uniform(0, 1, (m, dims))
    return size if dims == 1 else size * rng.choice([-1, 1], (m, dims))


def isotropic(family, m, scale, seed):
    """The same in two dimensions, in directions that are even."""
    rng = np.random.default_rng(seed + 1)
    turn = rng.uniform(0, 2 * np.pi, m)
    size = np.abs(frequencies(family, m, scale, 1, seed)[:, 0])
    return np.stack([size * np.cos(turn), size * np.sin(turn)], 1)


def amplitudes(n, power):
    """j^-p; power "inf" leaves the first alone."""
    j = np.arange(1, n + 1, dtype=float)
    return (j == 1).astype(float) if power == "inf" else j ** -float(power)


def expand(node, answers):
    """A document's body with what it names put in: {"$harmonics": 16, "$power": 1}, {"$draw": "gaussian", …}, {"$amplitudes": NAME}."""
    if isinstance(node, list):
        return [expand(item, answers) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {k: expand(v, answers) for k, v in node.items() if not k.startswith("$")}
    if "$harmonics" in node:
        n = node["$harmonics"]
        a = answers[node["$amplitudes"]] if "$amplitudes" in node else amplitudes(n, node.get("$power", 0)).tolist()
        plain |= {"b": [[j] for j in range(1, n + 1)], "a": a}
    if "$draw" in node:
        draw = frequencies if node.get("$dims", 1) == 1 else lambda f, m, s, d, seed: isotropic(f, m, s, seed)
        plain["b"] = np.round(draw(node["$draw"], node["$m"], node["$scale"], node.get("$dims", 1), node.get("$seed", 0)), 6).tolist()
    return plain


def merge(target, patch):
    """RFC 7396."""
    if not isinstance(patch, dict) or not isinstance(target, dict):
        return patch
    out = dict(target)
    for key, value in patch.items():
        out[key] = merge(out.get(key), value) if value is not None else None
        if value is None:
            del out[key]
    return out


def entries(document, profile):
    """The sweeps and questions of a document at a size: what the paper has ("full"), with the profile's changes."""
    for entry in document["entries"]:
        sized = merge({k: v for k, v in entry.items() if k not in ("table", "quick")}, entry.get(profile, {}) if profile != "full" else {})
        if not sized.get("left_out"):
            yield sized


def documents(only=None):
    folder = pathlib.Path(__file__).parent / "sweeps"
    all_of_them = {f.stem: json.loads(f.read_text()) for f in folder.glob("*.json")}
    unknown = set(only or ()) - all_of_them.keys()
    if unknown:
        raise SystemExit(f"no such table or figure: {', '.join(sorted(unknown))}; there are {', '.join(sorted(all_of_them))}")
    order = sorted(all_of_them, key=lambda name: (not name.startswith("table"), int("".join(c for c in name if c.isdigit()))))
    return {name: all_of_them[name] for name in order if not only or name in only}
