"""What the preset `fast` reaches, task by task: the tables of "The fast way" in docs, by a running service.

usage: build/release/farfield serve --listen 127.0.0.1:8080 &
       python3 docs/make_fast.py http://127.0.0.1:8080 TASK KIND FILE… [--body JSON] [--pid N]

    … shape shape armadillo.obj
    … ct image phantom.png --body '{"measure": {"n_angles": 60}}'
    … mri volume head.npy --body '{"train": {"time_limit_seconds": 300}}'
    … views views lego.zip

One fit after the other.  Seconds: from the answer 202 to the end; MiB: the most that the fit's process took (with --pid, the
service's).  A folder is posted as a ZIP of its files.
"""
import argparse
import io
import json
import os
import time
import zipfile

import service


def read(path):
    if not os.path.isdir(path):
        return open(path, "rb").read()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for folder, _, names in os.walk(path):
            for name in names:
                archive.write(os.path.join(folder, name), os.path.relpath(os.path.join(folder, name), path))
    return file.getvalue()


def peak_mib(pid):
    """Of the service's children, the most that one has had in memory."""
    peak = 0.0
    for other in filter(str.isdigit, os.listdir("/proc")):
        try:
            status = dict(line.split(":", 1) for line in open(f"/proc/{other}/status"))
            if status["PPid"].strip() == str(pid):
                peak = max(peak, float(status["VmHWM"].split()[0]) / 1024)
        except (OSError, KeyError):
            pass
    return peak


parser = argparse.ArgumentParser()
parser.add_argument("url")
parser.add_argument("task")
parser.add_argument("kind")
parser.add_argument("files", nargs="+")
parser.add_argument("--body", type=json.loads, default={})
parser.add_argument("--pid", type=int)
arguments = parser.parse_args()
print("| data | seconds | steps | MiB | metrics | field |\n|---|---|---|---|---|---|")
for path in arguments.files:
    dataset = service.post_dataset(arguments.url, arguments.kind, read(path))
    posted = time.time()
    peaks = [0.0]
    job = service.fit(arguments.url, {"dataset_id": dataset, "task": arguments.task, "preset": "fast", **arguments.body},
                      lambda: peaks.append(peak_mib(arguments.pid)) if arguments.pid else None)
    metrics = ", ".join(f"{key} {value:.4g}" for key, value in job["metrics"].items() if value is not None)
    print(f"| {os.path.basename(path.rstrip('/'))} | {time.time() - posted:.1f} | {job['step']} "
          f"| {max(peaks):.0f} | {metrics} | {job['field_id']} |", flush=True)
