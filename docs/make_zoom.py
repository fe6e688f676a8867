"""Make docs/zoom.png: a part of a picture, sixteen times as large, as pixels, as bicubic interpolation, and as two fields
that were fitted to all its pixels show it, by a running service: a hash grid (preset fast) and 256 Gaussian frequencies.

usage: build/release/farfield serve --listen 127.0.0.1:8080 &
       build/release/farfield sample picture --seed 1 --size 256 --out picture.png
       python3 docs/make_zoom.py http://127.0.0.1:8080 picture.png 108,96,20 docs/zoom.png

108,96,20: left, top and side of the part, in pixels.  Beside each field's PSNR over all pixels it prints how far the part
lies from bicubic interpolation (dB), at the pixels' corners, where a field was shown nothing.
"""
import io
import sys

import numpy as np
from PIL import Image

import service

ZOOM = 16
FIELDS = {
    "hashgrid": {"preset": "fast"},
    "gaussian": {"preset": "paper", "field": {"encoding": {"sigma": 20}},
                 "train": {"holdout": "none", "batch_size": 4096, "steps": 8000, "schedule": "cosine", "precision": "auto"}},
}
url, picture, part, out = sys.argv[1:]
left, top, side = (int(n) for n in part.split(","))


def box(shift=0.0):
    return (left + shift, top + shift, left + side + shift, top + side + shift)


def render(job, region, pixels, image_format):
    bbox = ",".join(str(n) for n in region)
    return io.BytesIO(service.call(url, f"/v1/fields/{job['field_id']}/image?bbox={bbox}&width={pixels}&format={image_format}"))


image = Image.open(picture).convert("RGB")
dataset = service.post_dataset(url, "image", open(picture, "rb").read())
panels = [image.resize((side * ZOOM,) * 2, how, box=box()) for how in (Image.NEAREST, Image.BICUBIC)]
there = np.asarray(image.resize((side,) * 2, Image.BICUBIC, box=box(0.5)), "f8") / 255
for name, settings in FIELDS.items():
    job = service.fit(url, {"dataset_id": dataset, **settings})
    here = np.load(render(job, box(0.5), side, "npy"))
    print(f"{name}: {job['step']} steps, {job['metrics']['psnr']:.2f} dB over all pixels, "
          f"{-10 * np.log10(np.mean((here - there) ** 2)):.2f} dB from bicubic at the corners", flush=True)
    panels.append(Image.open(render(job, box(), side * ZOOM, "png")).convert("RGB"))
gap = 6
sheet = Image.new("RGB", (len(panels) * (side * ZOOM + gap) - gap, side * ZOOM), "white")
for i, panel in enumerate(panels):
    sheet.paste(panel, (i * (side * ZOOM + gap), 0))
sheet.save(out, optimize=True)
