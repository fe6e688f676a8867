"""Forecasts beside what was reached after 10, 30 and 60 seconds: the table of docs/tuning.md.

usage: build/release/farfield serve --listen 127.0.0.1:8080 --workers 2 --threads 1 &
       python3 docs/make_forecast.py http://127.0.0.1:8080 FITS.jsonl PICTURE… [--at-once 2]

Every fit (sigma auto, a minute) is a line of FITS.jsonl with its metrics and its forecast, and none is made twice.
"""
import argparse
import concurrent.futures
import json
import math

import make_tuning
import service

SECONDS = [10, 30, 60]
KEYS = ["test_psnr", "psnr"]


def fit(url, path):
    with open(path, "rb") as f:
        dataset = service.post_dataset(url, "image", f.read())
    body = make_tuning.settings("image", "auto")
    body["train"].update({"steps": None, "time_limit_seconds": SECONDS[-1]})
    job = service.fit(url, {"dataset_id": dataset, **body})
    series = json.loads(service.call(url, f"/v1/jobs/{job['id']}/metrics?keys=psnr,test_psnr"))["series"]
    return {"name": path, "series": series, "tuning": job["tuning"], "forecast": job["forecast"]}


def at(points, seconds):
    """Of [[seconds, dB], …], between its points along the logarithm of time; outside, the nearest."""
    if seconds <= points[0][0]:
        return points[0][1]
    for (t0, v0), (t1, v1) in zip(points, points[1:]):
        if t0 <= seconds <= t1:
            return v0 + (v1 - v0) * math.log(seconds / t0) / math.log(t1 / t0) if t1 > t0 else v1
    return points[-1][1]


def row(record):
    """[(predicted, reached)] by key and second."""
    reached = {key: [[p[2], p[1]] for p in record["series"][key]] for key in KEYS}
    predicted = record["forecast"]["series"]
    return [[(at(predicted[key], s), at(reached[key], s)) for s in SECONDS] for key in KEYS]


def print_table(records):
    heads = [f"{key} {s} s" for key in KEYS for s in SECONDS]
    print("| picture | sigma | " + " | ".join(heads) + " |\n" + "|---" * (2 + len(heads)) + "|")
    rows = []
    for record in records:
        cells = [pair for pairs in row(record) for pair in pairs]
        rows.append(cells)
        name = " ".join(record["name"].removesuffix(".png").split("/")[-3:])
        print(f"| {name} | {record['tuning']['sigma']['chosen']:g} | " +
              " | ".join(f"{p:.1f} / {r:.1f}" for p, r in cells) + " |")
    columns = list(zip(*rows))
    print("| mean absolute error | | " + " | ".join(
        f"{sum(abs(p - r) for p, r in c) / len(c):.2f}" for c in columns) + " |")
    print("| mean error | | " + " | ".join(f"{sum(p - r for p, r in c) / len(c):+.2f}" for c in columns) + " |")
    for key, part in zip(KEYS, (columns[:len(SECONDS)], columns[len(SECONDS):])):
        errors = [abs(p - r) for c in part for p, r in c]
        print(f"\n{key}: mean absolute error {sum(errors) / len(errors):.2f} dB of {len(errors)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("fits")
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--at-once", type=int, default=1)
    arguments = parser.parse_args()
    missing = set(arguments.pictures) - {r["name"] for r in make_tuning.load(arguments.fits)}
    with concurrent.futures.ThreadPoolExecutor(arguments.at_once) as pool, open(arguments.fits, "a") as f:
        made = pool.map(lambda path: fit(arguments.url, path), [p for p in arguments.pictures if p in missing])
        for record in made:
            f.write(json.dumps(record) + "\n")
            f.flush()
    print_table([r for r in make_tuning.load(arguments.fits) if r["name"] in arguments.pictures])
