"""The paper's mappings, task by task, at a size that two cores do: tables of docs/reconstruction.md, docs/views.md and
docs/surfaces.md, by a running service.

usage: build/release/farfield serve --listen 127.0.0.1:8080 &
       for i in 0 1 2 3; do build/release/farfield sample phantom --seed $i --size 128 --out phantom$i.png; done
       python3 docs/make_tables.py http://127.0.0.1:8080 phantoms phantom?.png     CT of phantoms, 128 x 128
       python3 docs/make_tables.py http://127.0.0.1:8080 slices FILE…              CT of slices, 128 x 128
       python3 docs/make_tables.py http://127.0.0.1:8080 volumes FILE…             MRI of volumes, 48^3
       python3 docs/make_tables.py http://127.0.0.1:8080 shapes FILE…              occupancy of closed meshes
       python3 docs/make_tables.py http://127.0.0.1:8080 views FILE --seeds 0,1,2  novel views of 100 x 100 pixels

Half the paper's frequencies and half its width, shorter fits of smaller batches, bf16 where the machine has it; the paper's
rates.  20 angles are what limits CT, so that its frequencies are the paper's, too; MRI has half the paper's side, and half of
its frequencies and mask; views have a quarter of its pixels along each side, and lower frequencies.  A row is a mean over the
files and seeds, with the (population) standard deviation.
"""
import argparse
import statistics

import service

RATES = {"ct": {"none": 0.01, "basic": 0.01}, "views": {"none": 0.01, "basic": 0.005}}  # where they are not the preset's
NETWORKS = {"shape": {"n_hidden_layers": 7, "width": 128}}
NETWORK = {"n_hidden_layers": 3, "width": 128}
GROUPS = {  # the paper's Tables 5 (CT), 6 (MRI), 4 (shapes, near the boundary) and 7 (views): mean, std
    "phantoms": dict(task="ct", kind="image", metric="psnr", sigma=4.0, scale=3.0, axis=64, train={"steps": 1000},
                     measure={"n_angles": 20},
                     paper={"none": (16.75, 3.64), "basic": (23.31, 4.66), "positional": (26.89, 1.46),
                            "gaussian": (28.33, 1.15)}),
    "slices": dict(task="ct", kind="image", metric="psnr", sigma=5.0, scale=5.0, axis=64, train={"steps": 1000},
                   measure={"n_angles": 20},
                   paper={"none": (15.44, 1.28), "basic": (16.95, 0.72), "positional": (19.55, 1.09),
                          "gaussian": (19.88, 1.23)}),
    "volumes": dict(task="mri", kind="volume", metric="psnr", sigma=3.0, scale=3.0, axis=42, train={"steps": 500},
                    measure={"mask_sigma": 6.93, "n_draws": 25000},
                    paper={"none": (26.14, 1.45), "basic": (28.58, 2.45), "positional": (32.23, 3.08),
                           "gaussian": (34.51, 2.72)}),
    "shapes": dict(task="shape", kind="shape", metric="iou_boundary", sigma=12.0, scale=6.0, axis=42,
                   train={"steps": 3000, "batch_size": 8192}, measure={"pool": 2000000}, input_range=[-1, 1],
                   paper={"none": (0.864, 0.014), "basic": (0.892, 0.017), "positional": (0.960, 0.011),
                          "gaussian": (0.973, 0.010)}),
    "views": dict(task="views", kind="views", metric="test_psnr", sigma=5.5, scale=6.0, axis=42, octaves=7, rotated=True,
                  input_range=[-3.14159265, 3.14159265],
                  train={"steps": 8000, "batch_size": 512 * 48}, measure={"n_samples": 48},
                  paper={"none": (22.41, 0.92), "basic": (23.16, 0.90), "octave, rotated": (24.81, 0.88),
                         "positional, rotated": (25.28, 0.83), "octave": (25.60, 0.76), "positional": (26.27, 0.91),
                         "gaussian": (25.48, 0.89)}),
}


def mappings(group):
    table = {"none": {"type": "none"}, "basic": {"type": "basic"},
             "octave": {"type": "octave", "n_octaves": group.get("octaves", 0)},
             "positional": {"type": "positional", "n_frequencies": group["axis"], "scale": group["scale"]},
             "gaussian": {"type": "gaussian", "n_frequencies": 128, "sigma": group["sigma"]}}
    table["none"]["input_range"] = group.get("input_range", [0, 1])
    if group["task"] == "shape":
        for name in table.keys() - {"none"}:
            table[name]["normalize"] = True
    if group.get("rotated"):
        table |= {f"{name}, rotated": {**table[name], "rotate": True} for name in ("octave", "positional")}
    return [(name, table[name]) for name in group["paper"]]


def fit(dataset, group, field, train, preset="paper"):
    body = {"dataset_id": dataset, "task": group["task"], "preset": preset, "field": field,
            "train": {"precision": arguments.precision, **train}, "measure": group["measure"]}
    return service.fit(arguments.url, body)["metrics"]


def fit_mapping(dataset, group, name, encoding, seed):
    rate = RATES.get(group["task"], {}).get(name)
    train = {**group["train"], "seed": seed, **({"learning_rate": rate} if rate else {})}
    if group["task"] == "shape":  # the paper's rate falls to 0.1^(10000/5000)
        train["schedule"] = {"type": "exponential", "decay_rate": 0.1, "decay_steps": train["steps"] / 2}
    return fit(dataset, group, {"encoding": encoding, "network": NETWORKS.get(group["task"], NETWORK)}, train)


def show(name, values, paper=None):
    digits = 3 if group["metric"].startswith("iou") else 2
    both = "{:.{d}f} ± {:.{d}f}"
    theirs = both.format(*paper, d=digits) if paper else "–"
    print(f"| {name} | {both.format(statistics.fmean(values), statistics.pstdev(values), d=digits)} | {theirs} "
          f"| {', '.join(f'{v:.{digits}f}' for v in values)} |", flush=True)


parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("group", choices=GROUPS)
parser.add_argument("files", nargs="+")
parser.add_argument("--precision", default="auto")
parser.add_argument("--steps", type=int)
parser.add_argument("--sigma", type=float)
parser.add_argument("--scale", type=float)
parser.add_argument("--seeds", default="0")
parser.add_argument("--only", default="", help="of these mappings, by commas")
arguments = parser.parse_args()
group = GROUPS[arguments.group]
if arguments.steps:
    group["train"]["steps"] = arguments.steps
for name in ("sigma", "scale"):
    if getattr(arguments, name):
        group[name] = getattr(arguments, name)
datasets = [service.post_dataset(arguments.url, group["kind"], open(f, "rb").read()) for f in arguments.files]
print(f"| mapping | {group['metric']} | the paper's, full size | each |\n|---|---|---|---|")
for name, encoding in mappings(group):
    if arguments.only and name not in arguments.only.split(","):
        continue
    show(f"`{name}`", [fit_mapping(d, group, name, encoding, int(seed))[group["metric"]]
                       for d in datasets for seed in arguments.seeds.split(",")], group["paper"][name])
if group["metric"] == "psnr" and not arguments.only:
    fast = [fit(d, group, {}, {"time_limit_seconds": 30}, "fast") for d in datasets]
    show("preset `fast`, 30 s", [m["psnr"] for m in fast])
    show("classic inverse", [m["baseline_psnr"] for m in fast])
