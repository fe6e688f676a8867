"""A sigma that is chosen beside a sweep of eight, and forecasts beside what was reached: the fits of docs/tuning.md.

usage: build/release/farfield serve --listen 127.0.0.1:8080 &
       build/release/farfield sample phantom --seed 1 --size 128 --out phantom1.png
       python3 docs/make_tuning.py http://127.0.0.1:8080 FITS.jsonl image PICTURE… [--sigmas 4,8,auto] [--seeds 1,2]
       python3 docs/make_tuning.py http://127.0.0.1:8080 FITS.jsonl ct phantom1.png …

Every fit is a line of FITS.jsonl with its metrics, its tuning and its forecast, and none is made twice.
"""
import argparse
import itertools
import json
import os

import service

IMAGE = {"preset": "paper", "train": {"batch_size": 4096, "precision": "auto", "holdout": "odd_pixels"}}
CT = {"task": "ct", "preset": "paper", "field": {"network": {"n_hidden_layers": 3, "width": 128}},
      "train": {"precision": "auto"}, "measure": {"n_angles": 20}}
SIGMAS = {"image": [2.8, 4, 5.7, 8, 11, 16, 23, 32], "ct": [1, 1.4, 2, 2.8, 4, 5.7, 8, 11]}


def settings(task, sigma, seed=0):
    body = json.loads(json.dumps(CT if task == "ct" else IMAGE))
    body["train"]["seed"] = seed
    body.setdefault("field", {})["encoding"] = {"type": "gaussian", "sigma": sigma}
    return body


def load(path):
    return [json.loads(line) for line in open(path)] if os.path.exists(path) else []


def is_in(record, name, sigma, seed):
    return (record["name"], record["asked"], record["seed"]) == (name, sigma if sigma == "auto" else round(sigma, 3), seed)


def fit(url, task, path, sigma, seed):
    with open(path, "rb") as f:
        dataset = service.post_dataset(url, "image", f.read())
    job = service.fit(url, {"dataset_id": dataset, **settings(task, sigma, seed)})
    series = json.loads(service.call(url, f"/v1/jobs/{job['id']}/metrics?keys=psnr,test_psnr"))["series"]
    return {"name": path, "task": task, "asked": sigma if sigma == "auto" else round(sigma, 3), "seed": seed,
            "metrics": job["metrics"], "series": series, "tuning": job.get("tuning"), "forecast": job.get("forecast")}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("fits")
    parser.add_argument("task", choices=SIGMAS)
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--sigmas")
    parser.add_argument("--seeds", default="0")
    arguments = parser.parse_args()
    sigmas = SIGMAS[arguments.task]
    if arguments.sigmas:
        sigmas = [s if s == "auto" else float(s) for s in arguments.sigmas.split(",")]
    seeds = [int(s) for s in arguments.seeds.split(",")]
    for path, sigma, seed in itertools.product(arguments.pictures, sigmas, seeds):
        if any(is_in(r, path, sigma, seed) for r in load(arguments.fits)):
            continue
        record = fit(arguments.url, arguments.task, path, sigma, seed)
        with open(arguments.fits, "a") as f:
            f.write(json.dumps(record) + "\n")
        print(path, sigma, seed, record["metrics"].get("test_psnr", record["metrics"]["psnr"]), flush=True)
