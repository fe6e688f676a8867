"""The tables and figures of Tancik et al. 2020 by the service itself: docs/results.md.

usage: make paper PROFILE=quick|table|full [DATA=FOLDER] [ONLY=fig3,table1] [OUT=results.md] [KEEP=FOLDER]

What is fitted stands in sweeps/*.json: the bodies of POST /v1/sweeps and /v1/ntk, at the paper's own size, with what a profile changes
of them (a JSON merge patch).  A service is started over a folder that is kept, everything is posted, and each table and figure is written
as its sweeps end; what has ended is not run again.  A document has a title, the paper's numbers and conclusion, what differs in a profile, and
entries: name, path, data (of material.py), body, and with the name of a profile what it changes in the entry.  --check URL only has a running service accept every body of every profile.
"""
import argparse
import datetime
import math
import os
import pathlib
import platform
import signal
import subprocess
import sys

try:
    import numpy  # noqa: F401
except ImportError:
    raise SystemExit("numpy is not there: make deps-paper") from None

import material
import run

ROOT = pathlib.Path(__file__).resolve().parents[2]


def expand_question(body, answers):
    """/v1/ntk's bodies: {"$line": n} are n points from 0 to 1, {"$line_b": n} frequencies 1 to n."""
    out = {}
    for key, value in body.items():
        if isinstance(value, dict) and "$line" in value:
            value = [[i / (value["$line"] - 1)] for i in range(value["$line"])]
        elif isinstance(value, dict) and "$line_b" in value:
            value = [[j] for j in range(1, value["$line_b"] + 1)]
        out[key] = material.expand(value, answers)
    return out


class Paper:
    """One document at one size: its data, its answers and sweeps, by the names of its entries."""

    def __init__(self, name, document, service, archive, stuff, profile):
        self.name, self.document, self.profile = name, document, profile
        self.service, self.archive, self.stuff = service, archive, stuff
        self.answers, self.handles, self.results, self.bodies = {}, {}, {}, {}
        self.entries = list(material.entries(document, profile))

    def begin(self):
        for entry in self.entries:
            if entry["path"] != "/v1/sweeps":
                answer = self.archive.ask(entry["path"], expand_question(entry["body"], self.answers))
                self.answers[entry["name"]] = answer.get("a", answer)
                continue
            body = material.expand(entry["body"], self.answers)
            body["dataset_ids"] = self.stuff.datasets(entry["data"])
            self.bodies[entry["name"]] = body
            self.handles[entry["name"]] = self.archive.begin(f"{self.name}: {entry['name']}", body)

    def finish(self):
        for name, handle in self.handles.items():
            self.results[name] = self.archive.finish(handle)

    def column(self, column):
        """Cells of the entries of a column."""
        return [cell for e in self.entries if e.get("column") == column for cell in self.results[e["name"]]["cells"]]

    def what(self, job):
        return self.stuff.made[job["dataset_id"]]["what"]

    def data(self, job):
        return self.stuff.made[job["dataset_id"]]["data"]


def check(url, program):
    """Every body of every profile is accepted, over the smallest data of its kind."""
    service = run.Service(url=url, program=program)
    stuff = material.Material(service, None)
    small = {"size": 32, "count": 1, "alpha": [1], "radius": [5], "angles": 2}
    n, made = 0, {}
    for name, document in material.documents().items():
        for profile in ("full", "table", "quick"):
            answers = {}
            for entry in material.entries(document, profile):
                if entry["path"] != "/v1/sweeps":
                    body = expand_question(entry["body"], answers)
                    if "n_signals" in body:  # the question is asked, but not at its length
                        body |= {"steps": 1, "n_signals": 2}
                    answers[entry["name"]] = service.post(entry["path"], body).get("a")
                else:
                    data = {k: v if k == "size" and entry["data"]["source"] == "signals" else small.get(k, v) for k, v in entry["data"].items()}
                    key = run.digest(data)
                    made[key] = made.get(key) or stuff.datasets(data)
                    body = material.expand(entry["body"], answers) | {"dataset_ids": made[key]}
                    try:
                        sweep = service.post("/v1/sweeps", body)
                    except run.Refused as e:
                        raise SystemExit(f"{name}, {entry['name']}, {profile}: {e}") from None
                    service.post(f"/v1/sweeps/{sweep['id']}/cancel", {})
                n += 1
    print(f"{n} bodies are accepted")


def processor(name="model name"):
    """A line of /proc/cpuinfo."""
    try:
        for line in open("/proc/cpuinfo", encoding="utf-8"):
            if line.startswith(name):
                return line.split(":")[1].strip()
    except OSError:
        pass
    return platform.machine()


# The time of products of bf16 beside that of float's, with tiles and without.
BF16 = 0.3 if "amx_bf16" in processor("flags") else 0.6


def head(arguments, version):
    commands = f"make paper PROFILE={arguments.profile}" + (" DATA=…" if arguments.data else "")
    sizes = {"quick": "small fits, one signal and one seed in each cell: it shows that all of this runs, and some of what it comes to",
             "table": "reduced sizes, as said at each", "full": "the paper's own sizes"}[arguments.profile]
    return f"""# The paper, by the service

Tables and figures of Tancik et al., *Fourier Features Let Networks Learn High Frequency Functions in Low Dimensional Domains* (2020), fitted over HTTP by
`{commands}`; `ONLY=fig3,table1` does some of them. Profile `{arguments.profile}`: {sizes}. Data: {"the paper's pictures where they were to be had, and others of their kind" if arguments.data else "the project's own samples (`farfield sample`)"}.

farfield {version}, {datetime.date.today().isoformat()}, {os.cpu_count()} cores, {processor()}. This file is written by `docs/paper/paper.py`: each verdict is computed from the
numbers beside it. The settings of a table or figure are the document named with it; `±` is the population's standard deviation.

"""


def work(spec, samples):
    """What a fit multiplies, those of bf16 by their time.  Of use only beside another fit's."""
    encoding, network, train = spec["field"]["encoding"], spec["field"]["network"], spec["train"]
    dims = {"signal": 1, "image": 2, "ct": 2}.get(spec["task"], 3)
    features = {"none": dims, "basic": 2 * dims, "positional": 2 * dims * encoding.get("n_frequencies", 0),
                "octave": 2 * dims * encoding.get("n_octaves", 0), "explicit": 2 * len(encoding.get("b", []))}
    width = network["width"]
    products = features.get(encoding["type"], 2 * encoding.get("n_frequencies", 0)) * width + network["n_hidden_layers"] * width * width
    batch = samples if spec["task"] in ("ct", "mri") else train["batch_size"]
    return products * batch * train["steps"] * (BF16 if train["precision"] == "bf16" else 1)


def estimate(service, papers, say):
    """How long, by the service's estimates of its presets `paper` on this machine: what is queued has as much to multiply as so much of one."""
    presets = {p["task"]: (p["estimate"]["seconds"], p) for p in service.get("/v1/presets")["items"] if p["name"] == "paper"}
    seconds, waiting, sizes = 0, 0, {}
    for paper in papers:
        for _, sweep_id in paper.handles.values():
            cursor = "" if sweep_id else None
            while cursor is not None:
                page = service.get(f"/v1/jobs?sweep_id={sweep_id}&limit=200" + (f"&cursor={cursor}" if cursor else ""))
                cursor = page["next_cursor"]
                for job in page["items"]:
                    if job["status"] not in ("queued", "running"):
                        continue
                    waiting += 1
                    of = job["dataset_id"]
                    if of not in sizes:
                        shape = service.get(f"/v1/datasets/{of}")["info"].get("shape", [1])
                        sizes[of] = math.prod(shape[:-1])
                    time, preset = presets[job["task"]]
                    whole = math.prod(preset["estimate"]["shape"][:-1])
                    seconds += time * work(job["spec"], sizes[of]) / work({"task": job["task"], **preset["parameters"]}, whole)
    if waiting:
        say(f"{waiting} fits wait; by the service's estimates, with this machine for itself, about {seconds / 3600 / (os.cpu_count() or 1):.1f} hours")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--profile", choices=("quick", "table", "full"), default="quick")
    parser.add_argument("--data", default="")
    parser.add_argument("--only", default="")
    parser.add_argument("--out", default="")
    parser.add_argument("--keep", default="")
    parser.add_argument("--check", default="")
    arguments = parser.parse_args()
    if arguments.check:
        check(arguments.check, arguments.program)
        return
    try:
        import report
    except ImportError as e:
        raise SystemExit(f"{e.name} is not there: make deps-paper") from None
    version = subprocess.run([arguments.program, "version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    keep = pathlib.Path(arguments.keep or ROOT / "build/paper" / arguments.profile).resolve()
    keep.mkdir(parents=True, exist_ok=True)
    # Only the reduced sizes over real data are the project's own results.
    committed = arguments.profile == "table" and arguments.data
    out = pathlib.Path(arguments.out or (ROOT / "docs/results.md" if committed else keep / "results.md")).resolve()
    wanted = material.documents([n for n in arguments.only.split(",") if n])
    wanted = material.documents([*wanted, *(n for d in wanted.values() for n in d.get("needs", []))])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped: the same command goes on from here"))
    service = run.Service(arguments.program, keep)
    try:
        stuff = material.Material(service, arguments.data)
        archive = run.Archive(service, keep / "answers")
        papers = []
        for name, document in wanted.items():
            papers.append(Paper(name, document, service, archive, stuff, arguments.profile))
            papers[-1].begin()
        estimate(service, papers, run.note)
        done = {}
        for paper in papers:
            if not paper.document.get("needs"):
                paper.finish()
                done[paper.name] = paper
                report.write(paper, done, keep, out)
                run.note(f"{paper.document['title']}: done")
        for paper in papers:
            if paper.document.get("needs"):
                report.write(paper, done, keep, out)
        report.assemble(head(arguments, version), keep, out)
        run.note("written:", out.name)
    finally:
        service.stop()


if __name__ == "__main__":
    sys.exit(main())
