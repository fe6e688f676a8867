"""What fields know of pixels that they were not shown, beside interpolation: the tables of docs/grids.md, by a running service.

usage: build/release/farfield serve --listen 127.0.0.1:8080 &
       python3 docs/make_holdout.py http://127.0.0.1:8080 PICTURE… [--holdout odd_pixels|fraction] [--rows 0,2]

Each row is one setting, a mean over the pictures; the last ones are interpolation of the same samples.
"""
import argparse
import datetime

import service

GRID = {"type": "hashgrid", "n_levels": 12, "base_resolution": 32, "log2_hashmap_size": 18}
GAUSSIAN = {"type": "gaussian", "n_frequencies": 256, "sigma": 10}
HOLDOUTS = {"odd_pixels": {"holdout": "odd_pixels"}, "fraction": {"holdout": "fraction", "holdout_fraction": 0.9}}
EARLY = {"early_stop": 20}


def grid(**members):
    return {"encoding": {**GRID, **members}}


ROWS = [  # name, preset, field, train
    ("`fast`", "fast", {}, {}),
    ("`fast`, stopped early", "fast", {}, EARLY),
    ("… finest lattice 256", "fast", grid(finest_resolution=256), EARLY),
    ("… finest lattice 128", "fast", grid(finest_resolution=128), EARLY),
    ("… learning rate 0.001, finest lattice 256", "fast", grid(finest_resolution=256), {**EARLY, "learning_rate": 1e-3}),
    ("`fast`, coarsest lattice 128", "fast", grid(base_resolution=128), {}),
    ("`fast` with `smoothstep`", "fast", grid(interpolation="smoothstep"), {}),
    ("`concat` of that grid and 256 Gaussian frequencies, 2 × 64, stopped early", "fast",
     {"encoding": {"type": "concat", "parts": [GRID, GAUSSIAN]}, "network": {"n_hidden_layers": 2}}, EARLY),
    ("`paper` in batches of 4,096", "paper", {}, {"batch_size": 4096, "precision": "auto"}),
    ("… stopped early", "paper", {}, {"batch_size": 4096, "precision": "auto", **EARLY}),
]
BASELINES = ["nearest", "bilinear", "bicubic"]


def fit(dataset, preset, field, train):
    body = {"dataset_id": dataset, "preset": preset, "field": field, "train": {**HOLDOUTS[arguments.holdout], **train}}
    return service.fit(arguments.url, body)


def seconds(job):
    begin, end = (datetime.datetime.fromisoformat(job[key].rstrip("Z")) for key in ("started_at", "finished_at"))
    return (end - begin).total_seconds()


def show(name, test, train=None, steps=None, times=None):
    mean = lambda numbers, form: form.format(sum(numbers) / len(numbers)) if numbers else "–"
    print(f"| {name} | {mean(test, '{:.2f}')} | {', '.join(f'{t:.2f}' for t in test)} | {mean(train, '{:.1f}')} "
          f"| {mean(steps, '{:,.0f}')} | {mean(times, '{:.1f}')} |", flush=True)


parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("pictures", nargs="+")
parser.add_argument("--holdout", choices=HOLDOUTS, default="odd_pixels")
parser.add_argument("--rows", default=",".join(str(i) for i in range(len(ROWS))))
arguments = parser.parse_args()
datasets = [service.post_dataset(arguments.url, "image", open(p, "rb").read()) for p in arguments.pictures]
print("| setting | held-out pixels | each picture | training pixels | steps | seconds |\n|---|---|---|---|---|---|")
for name, preset, field, train in (ROWS[int(i)] for i in arguments.rows.split(",")):
    jobs = [fit(d, preset, field, train) for d in datasets]
    metrics = [j["metrics"] for j in jobs]
    show(name, [m["test_psnr"] for m in metrics], [m["psnr"] for m in metrics],
         [m.get("best_step", j["step"]) for m, j in zip(metrics, jobs)], [seconds(j) for j in jobs])
for name in BASELINES:
    show(name, [m[f"baseline_{name}_psnr"] for m in metrics])
