"""The same work by farfield, PyTorch and JAX, in turns: what `make bench-peers` runs.

usage: run.py --farfield PROGRAM --debian PYTHON --venv PYTHON [--rounds 7] [--peers "NAME …"]
              [--picture FILE] [--steps N] [--target 30] [--json FILE] [WORK ...]

Each contestant is a process that lives through the whole run and does what a line asks
(farfield_peer.c says which lines there are; ours in bf16 answers queries in bf16x2, close to fp32,
where the peers round to bf16).  Round by round each gets its turn: one step to warm
up, then as many as take about a quarter of a second, timed by itself; so what disturbs the machine
disturbs all.  A ratio is the median over the rounds of (peer's time / ours in that round).  Before
each round the machine is measured: multiply-adds in registers, and the hand-off between cores.

Peers: torch-debian (Debian's PyTorch), torch and torch-compiled (of the registry), jax; and torch-levels,
for grids: Debian's, the grid written down level by level.
WORK: names of WORK below, `check` and `check_grid` (do all learn the same?), `fit` and `fit_grid` (time
to --target dB over all pixels, the rate a cosine over --steps, looked at 50 times; neither evaluations
nor the first two steps, which compile, are timed).  None: all but the fits.
"""
import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TURN_SECONDS, N_LOOKS = 0.25, 50

PRECISIONS = ("fp32", "bf16")
# docs/performance.md: levels, features, log2 of the entries, resolutions, hidden layers, width.
GRID = ("hashgrid", 16, 2, 17, 16, 256, 2, 64)
# command, field, points
WORK = {
    "step_4x256_4096": ("train", "gaussian", 256, 10, 4, 256, 4096),
    "step_4x256_16384": ("train", "gaussian", 256, 10, 4, 256, 16384),
    "step_4x256_65536": ("train", "gaussian", 256, 10, 4, 256, 65536),
    "step_3x128_16384": ("train", "gaussian", 256, 10, 3, 128, 16384),
    "step_4x64_16384": ("train", "gaussian", 256, 10, 4, 64, 16384),
    "step_2x64_16384": ("train", "gaussian", 256, 10, 2, 64, 16384),
    "query_4x256_65536": ("query", "gaussian", 256, 10, 4, 256, 65536),
    "grid_4096": ("train", *GRID, 4096),
    "grid_16384": ("train", *GRID, 16384),
    "query_grid_262144": ("query", *GRID, 262144),
}
CHECKS = {"check": ("gaussian", 256, 10, 4, 256, 4096, 1e-3), "check_grid": (*GRID, 4096, 1e-2)}
CHECK_STEPS, CHECK_DB = 100, 1.0
# field, batch, rate: the best of Gaussian networks in a short time, and the grid
FITS = {"fit": ("gaussian", 512, 20, 3, 128, 1024, 3e-3), "fit_grid": (*GRID, 4096, 1e-2)}

# Debian's build wants the OpenMP OpenBLAS; memory that malloc keeps saves PyTorch up to a third.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
               "MALLOC_TOP_PAD_": str(1 << 28)}
SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OMP_NUM_THREADS", "LD_PRELOAD")


def openmp_blas():
    return f"/usr/lib/{platform.machine()}-linux-gnu/openblas-openmp"


def kinds(a):
    """name -> (command but for the precision, what comes after it, environment)."""
    peer = os.path.join(HERE, "peer.py")
    return {
        "farfield": ([a.farfield], [], {}),
        "torch-debian": ([a.debian, "-B", peer, "torch"], [], {"LD_LIBRARY_PATH": openmp_blas()}),
        "torch-levels": ([a.debian, "-B", peer, "torch"], ["levels"], {"LD_LIBRARY_PATH": openmp_blas()}),
        "torch": ([a.venv, "-B", peer, "torch"], [], {}),
        "torch-compiled": ([a.venv, "-B", peer, "torch"], ["compiled"],
                           {"TORCHINDUCTOR_CACHE_DIR": os.path.abspath("build/peers-inductor")}),
        "jax": ([a.venv, "-B", peer, "jax"], [], {}),
    }


def is_asked(a, kind, *precision):
    """--peers names kinds, or one precision of a kind: torch:bf16.  Ours is always asked, but where
    it is named so, too."""
    named = [name for name in a.peers if name.split(":")[0] == kind]
    if kind == "farfield" and not named:
        return True
    return kind in named or any(not precision or name.endswith(":" + precision[0]) for name in named)


def check_installed(a):
    needed = {"torch-debian": (a.debian, "torch"), "torch-levels": (a.debian, "torch"),
              "torch": (a.venv, "torch"), "torch-compiled": (a.venv, "torch"), "jax": (a.venv, "jax")}
    missing = [f"  {name}: {python} has no module {module}" for name, (python, module) in needed.items()
               if is_asked(a, name) and (not os.path.exists(python) or subprocess.run(
                   [python, "-c", f"import importlib.util as u, sys; sys.exit(not u.find_spec('{module}'))"],
                   check=False).returncode)]
    needs_blas = is_asked(a, "torch-debian") or is_asked(a, "torch-levels")
    if needs_blas and not os.path.isdir(openmp_blas()):
        missing.append(f"  torch-debian: no {openmp_blas()} (package libopenblas0-openmp)")
    if missing:
        sys.exit("bench-peers: peers that are not installed:\n" + "\n".join(missing) +
                 "\n`make deps-peers` installs them; PEERS=\"…\" names those to run")


class Contestant:
    def __init__(self, kind, precision, before, after, environment):
        self.kind, self.precision, self.name = kind, precision, f"{kind} {precision}"
        tuned = {} if kind == "farfield" else KEEP_MEMORY
        clean = {k: v for k, v in os.environ.items() if k not in SLOWING}
        self.process = subprocess.Popen(before + [precision] + after, text=True, bufsize=1,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**clean, **tuned, **environment})
        self.about = self.process.stdout.readline().strip()

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        answer = self.process.stdout.readline().split()
        if not answer:
            sys.exit(f"bench-peers: {self.name} has ended")
        return answer

    def numbers(self, *words):
        return [float(x) for x in self.ask(*words)]

    def run(self, n):
        """seconds, loss, cores busy; refuses another number of threads than there are cores."""
        seconds, loss, threads, cpu = self.numbers("run", n)
        assert threads == len(os.sched_getaffinity(0)), f"{self.name}: {threads} threads"
        return seconds, loss, cpu / seconds

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def spread(numbers):
    return {"median": statistics.median(numbers), "least": min(numbers), "most": max(numbers)}


def ratios(rows, key):
    """Against ours in the same precision, and bf16 against a peer's fp32, round by round."""
    out = {}
    for name, row in rows.items():
        for ours, mine in rows.items():
            if not ours.startswith("farfield") or name.startswith("farfield"):
                continue
            if row["precision"] == mine["precision"] or row["precision"] == "fp32":
                out[f"{ours} / {name}"] = spread([t / m for t, m in zip(row[key], mine[key])])
    return out


def timed(work, contestants, rounds, steps=0):
    """Rounds of turns of one row of WORK."""
    command, *numbers = WORK[work]
    rows, machine = {}, []
    for c in contestants:
        c.ask(command, *numbers, *([1e-3, steps] if command == "train" else []))
        c.run(2)  # compiles, touches memory
        rows[c.name] = {"precision": c.precision, "about": c.about, "ms": [], "busy": []}
        c.turn = max(1, round(TURN_SECONDS / c.run(1)[0]))
    for _ in range(rounds):
        machine.append(contestants[0].numbers("probe"))
        for c in contestants:
            c.run(1)
            seconds, _, busy = c.run(c.turn)
            rows[c.name]["ms"].append(seconds / c.turn * 1e3)
            rows[c.name]["busy"].append(busy)
    return {"rows": rows, "machine": machine_of(machine), "ratios": ratios(rows, "ms")}


def machine_of(probes):
    names = ("fp32_peak_gflops", "bf16_peak_gflops", "handoff_ns")
    return {name: spread(values) for name, values in zip(names, zip(*probes))}


def checked(field, contestants):
    """The same steps from weights and frequencies of their own: about the same loss and PSNR."""
    rows = {}
    for c in contestants:
        c.ask("train", *field, 0)
        loss = c.run(CHECK_STEPS)[1]
        rows[c.name] = {"loss": loss, "psnr": c.numbers("psnr", "quick")[0]}
    middle = statistics.median(row["psnr"] for row in rows.values())
    for name, row in rows.items():
        if abs(row["psnr"] - middle) > CHECK_DB:
            sys.exit(f"bench-peers: {name} does other work: {row['psnr']:.2f} dB, not {middle:.2f}")
    return {"rows": rows}


def look(c, target, is_last):
    """PSNR over all pixels where it may have reached the target or ends, else None."""
    quick = c.numbers("psnr", "quick")[0]
    near = target - (0.3 if c.offset is None else 0.03)
    if quick + (c.offset or 0.0) < near and not is_last:
        return None
    full = c.numbers("psnr", "full")[0]
    c.offset = full - quick
    return full


def fits(field, contestants, steps, target, rounds):
    """Each trains in its turn, then is evaluated, until all are there or have done their steps."""
    machine = []
    rows = {c.name: {"precision": c.precision, "about": c.about, "seconds": [], "steps": [],
                     "psnr": []} for c in contestants}
    for _ in range(rounds):
        for c in contestants:
            c.ask("train", *field, steps)
            c.run(2)
            c.done, c.seconds, c.offset = 2, 0.0, None
        running = list(contestants)
        while running:
            machine.append(contestants[0].numbers("probe"))
            for c in list(running):
                n = min(max(1, steps // N_LOOKS), steps - c.done)
                c.seconds, c.done = c.seconds + c.run(n)[0], c.done + n
                psnr = look(c, target, c.done == steps)
                if psnr and (psnr >= target or c.done == steps):
                    running.remove(c)
                    row = rows[c.name]
                    row["seconds"].append(c.seconds)
                    row["steps"].append(c.done)
                    row["psnr"].append(psnr)
    reached = {name: row for name, row in rows.items() if min(row["psnr"]) >= target}
    return {"rows": rows, "target": target, "machine": machine_of(machine),
            "ratios": ratios(reached, "seconds")}


def show(name, result):
    print(f"\n== {name}")
    if "machine" in result:
        m = {key: value["median"] for key, value in result["machine"].items()}
        print("machine: " + ", ".join(f"{key} {value:.4g}" for key, value in m.items()))
    for c, row in result.get("rows", {}).items():
        if "loss" in row:
            print(f"{c:22} loss {row['loss']:.6f}, {row['psnr']:.2f} dB after {CHECK_STEPS} steps")
            continue
        key = "ms" if "ms" in row else "seconds"
        t = spread(row[key])
        text = f"{c:22} {t['median']:9.2f} {key} ({t['least']:.2f} to {t['most']:.2f})"
        if key == "ms":
            text += f", {statistics.median(row['busy']):.2f} cores"
        else:
            text += f", {statistics.median(row['steps']):.0f} steps, {min(row['psnr']):.2f} dB"
        print(f"{text:72} {row['about']}")
    for pair, r in result.get("ratios", {}).items():
        print(f"{pair:42} {r['median']:6.2f} x  ({r['least']:.2f} to {r['most']:.2f})")
    sys.stdout.flush()


def save(path, name, result):
    """Results of other work stay in the file."""
    everything = {}
    if os.path.exists(path):
        with open(path) as f:
            everything = json.load(f)
    everything[name] = result
    with open(path, "w") as f:
        json.dump(everything, f, indent=1)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("farfield", "debian", "venv"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--peers", type=str.split, default=["torch-debian", "torch", "torch-compiled", "jax"])
    p.add_argument("--picture", default="-")
    p.add_argument("--steps", type=int, default=6000)
    p.add_argument("--target", type=float, default=30.0)
    p.add_argument("--json", default="build/bench-peers.json")
    p.add_argument("work", nargs="*", default=[*CHECKS, *WORK])
    a = p.parse_args()
    known = [*CHECKS, *FITS, *WORK]
    unknown = set(a.work) - set(known)
    if unknown:
        p.error(f"no such work: {', '.join(unknown)}; there is {', '.join(known)}")
    check_installed(a)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench-peers: ended"))  # the folder goes
    contestants = [Contestant(kind, precision, *how) for kind, how in kinds(a).items()
                   for precision in PRECISIONS if is_asked(a, kind, precision)]
    with tempfile.TemporaryDirectory() as folder:
        picture = os.path.join(folder, "picture.f32")
        shape = contestants[0].ask("decode", a.picture, picture)
        for c in contestants:
            c.ask("picture", picture, *shape)
        for work in a.work:
            name = work
            if work in FITS:
                name = f"{work}_{os.path.splitext(os.path.basename(a.picture))[0]}_{a.steps}"
                result = fits(FITS[work], contestants, a.steps, a.target, a.rounds)
            elif work in CHECKS:
                result = checked(CHECKS[work], contestants)
            else:
                result = timed(work, contestants, a.rounds)
            show(name, result)
            save(a.json, name, result)
    for c in contestants:
        c.end()
    print("written:", a.json)


if __name__ == "__main__":
    main()
