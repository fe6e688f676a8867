"""Forecasts beside what was reached after 10, 30 and 60 seconds: the table of docs/tuning.md.

usage: build/release/farfield serve --listen 127.0.0.1:8080 &
       python3 docs/make_forecast.py http://127.0.0.1:8080 FITS.jsonl PICTURE…

Every fit (sigma auto, a minute) is a line of FITS.jsonl with its metrics and its forecast, and none is made twice.
"""
import argparse
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


def row(record, revised):
    """[(predicted, reached)] by key and second; of a revised forecast None where that came later."""
    reached = {key: [[p[2], p[1]] for p in record["series"][key]] for key in KEYS}
    predicted = (record["forecast"]["revised"] if revised else record["forecast"])["series"]
    return [[(at(predicted[key], s), at(reached[key], s)) if s > predicted[key][0][0] else None for s in SECONDS] for key in KEYS]


def print_table(records, revised):
    heads = [f"{key} {s} s" for key in KEYS for s in SECONDS]
    print(f"\n{'Revised' if revised else 'Before the fit'}\n")
    print("| picture | sigma | " + " | ".join(heads) + " |\n" + "|---" * (2 + len(heads)) + "|")
    rows = []
    for record in records:
        cells = [pair for pairs in row(record, revised) for pair in pairs]
        rows.append(cells)
        name = record["name"].removesuffix(".png").split("/")[-1]
        print(f"| {name} | {record['tuning']['sigma']['chosen']:g} | " +
              " | ".join(f"{c[0]:.1f} / {c[1]:.1f}" if c else "–" for c in cells) + " |")
    columns = [[c for c in column if c] for column in zip(*rows)]
    for name, of in (("mean absolute error", lambda c: f"{sum(abs(p - r) for p, r in c) / len(c):.2f}"),
                     ("mean error", lambda c: f"{sum(p - r for p, r in c) / len(c):+.2f}")):
        print(f"| {name} | | " + " | ".join(of(c) if c else "–" for c in columns) + " |")
    for key, part in zip(KEYS, (columns[:len(SECONDS)], columns[len(SECONDS):])):
        errors = [abs(p - r) for c in part for p, r in c]
        print(f"\n{key}: mean absolute error {sum(errors) / len(errors):.2f} dB of {len(errors)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("fits")
    parser.add_argument("pictures", nargs="+")
    arguments = parser.parse_args()
    missing = set(arguments.pictures) - {r["name"] for r in make_tuning.load(arguments.fits)}
    for path in [p for p in arguments.pictures if p in missing]:
        with open(arguments.fits, "a") as f:
            f.write(json.dumps(fit(arguments.url, path)) + "\n")
    fits = [r for r in make_tuning.load(arguments.fits) if r["name"] in arguments.pictures]
    print_table(fits, False)
    print_table(fits, True)
