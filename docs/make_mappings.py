"""Make docs/mappings.png: one picture and network behind four mappings, by a running service.

usage: build/release/farfield serve --listen 127.0.0.1:8080 &
       build/release/farfield sample picture --seed 1 --size 256 --out picture.png
       python3 docs/make_mappings.py http://127.0.0.1:8080 picture.png docs/mappings.png
"""
import io
import json
import sys
import time
import urllib.request

from PIL import Image

url, picture, out = sys.argv[1:]
MAPPINGS = [
    ({"type": "none"}, 1e-2),
    ({"type": "basic"}, 1e-2),
    ({"type": "positional", "n_frequencies": 128, "scale": 6}, 1e-3),
    ({"type": "gaussian", "n_frequencies": 256, "sigma": 10}, 1e-3),
]


def call(path, body=None, content_type="application/json"):
    request = urllib.request.Request(url + path, body, {"Content-Type": content_type})
    return urllib.request.urlopen(request).read()


with open(picture, "rb") as f:
    dataset = json.loads(call("/v1/datasets?kind=image", f.read(), "image/png"))
jobs = []
for encoding, rate in MAPPINGS:
    body = {
        "dataset_id": dataset["id"],
        "preset": "paper",
        "field": {"encoding": encoding},
        "train": {"batch_size": 4096, "learning_rate": rate, "holdout": "none"},
    }
    jobs.append(json.loads(call("/v1/jobs", json.dumps(body).encode())))
pictures = []
for job in jobs:
    while job["status"] in ("queued", "running"):
        time.sleep(1)
        job = json.loads(call("/v1/jobs/" + job["id"]))
    print(job["spec"]["field"]["encoding"]["type"], job["status"], job["metrics"])
    png = call(f"/v1/fields/{job['field_id']}/image?width=320&height=320")
    pictures.append(Image.open(io.BytesIO(png)))
gap = 6
sheet = Image.new("RGB", (4 * 320 + 3 * gap, 320), "white")
for i, p in enumerate(pictures):
    sheet.paste(p, (i * (320 + gap), 0))
sheet.save(out, optimize=True)
