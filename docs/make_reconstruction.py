"""The paper's four mappings where a field is seen through a measurement only: the tables of docs/reconstruction.md, by a
running service.

usage: build/release/farfield serve --listen 127.0.0.1:8080 &
       python3 docs/make_reconstruction.py http://127.0.0.1:8080 phantoms FILE…    CT of phantoms, 128 x 128
       python3 docs/make_reconstruction.py http://127.0.0.1:8080 slices FILE…      CT of slices, 128 x 128
       python3 docs/make_reconstruction.py http://127.0.0.1:8080 volumes FILE…     MRI of volumes, 48^3

The paper's settings at a size that a processor can do: half the frequencies and half the width, bf16 where the machine has
it.  20 angles are what limits CT, so that its frequencies are the paper's; MRI has half the paper's side, and half of its
frequencies and mask.
"""
import argparse
import json
import statistics
import time
import urllib.request

NETWORK = {"n_hidden_layers": 3, "width": 128}
GROUPS = {  # kind, sigma, scale, frequencies an axis, train and measure; the paper's Tables 1 and 5, 6: mean, std
    "phantoms": dict(task="ct", kind="image", sigma=4.0, scale=3.0, axis=64, train={"steps": 1000}, measure={"n_angles": 20},
                     paper=[(16.75, 3.64), (23.31, 4.66), (26.89, 1.46), (28.33, 1.15)]),
    "slices": dict(task="ct", kind="image", sigma=5.0, scale=5.0, axis=64, train={"steps": 1000}, measure={"n_angles": 20},
                   paper=[(15.44, 1.28), (16.95, 0.72), (19.55, 1.09), (19.88, 1.23)]),
    "volumes": dict(task="mri", kind="volume", sigma=3.0, scale=3.0, axis=42, train={"steps": 500},
                    measure={"mask_sigma": 6.93, "n_draws": 25000},
                    paper=[(26.14, 1.45), (28.58, 2.45), (32.23, 3.08), (34.51, 2.72)]),
}


def mappings(group):
    rate = {"learning_rate": 0.01} if group["task"] == "ct" else {}
    return [("none", {"type": "none"}, rate), ("basic", {"type": "basic"}, rate),
            ("positional", {"type": "positional", "n_frequencies": group["axis"], "scale": group["scale"]}, {}),
            ("gaussian", {"type": "gaussian", "n_frequencies": 128, "sigma": group["sigma"]}, {})]


def call(path, body=None, content_type="application/json"):
    request = urllib.request.Request(arguments.url + path, body, {"Content-Type": content_type})
    return json.loads(urllib.request.urlopen(request).read())


def fit(dataset, group, encoding, train, preset="paper", network=NETWORK):
    field = {"encoding": encoding, "network": network} if encoding else {}
    body = {"dataset_id": dataset, "task": group["task"], "preset": preset, "field": field,
            "train": {**group["train"], "precision": arguments.precision, **train}, "measure": group["measure"]}
    job = call("/v1/jobs", json.dumps(body).encode())
    while job["status"] in ("queued", "running"):
        time.sleep(0.2)
        job = call("/v1/jobs/" + job["id"])
    if job["status"] != "succeeded":
        raise SystemExit(f"{job['id']} {job['status']}: {job['error']}")
    return job["metrics"]


def show(name, psnrs, paper=None):
    theirs = "{:.2f} ± {:.2f}".format(*paper) if paper else "–"
    print(f"| {name} | {statistics.fmean(psnrs):.2f} ± {statistics.pstdev(psnrs):.2f} | {theirs} "
          f"| {', '.join(f'{p:.2f}' for p in psnrs)} |", flush=True)


parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("group", choices=GROUPS)
parser.add_argument("files", nargs="+")
parser.add_argument("--precision", default="auto")
parser.add_argument("--steps", type=int)
arguments = parser.parse_args()
group = GROUPS[arguments.group]
if arguments.steps:
    group["train"]["steps"] = arguments.steps
datasets = [call("/v1/datasets?kind=" + group["kind"], open(f, "rb").read(), "application/octet-stream")["id"]
            for f in arguments.files]
print("| mapping | PSNR | the paper's, full size | each |\n|---|---|---|---|")
for (name, encoding, train), paper in zip(mappings(group), group["paper"]):
    show(f"`{name}`", [fit(d, group, encoding, train)["psnr"] for d in datasets], paper)
fast = [fit(d, group, None, {"steps": None, "time_limit_seconds": 30}, "fast") for d in datasets]
show("preset `fast`, 30 s", [m["psnr"] for m in fast])
show("classic inverse", [m["baseline_psnr"] for m in fast])
