"""How the pictures look: one style, small files."""
import io

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from PIL import Image  # noqa: E402

plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 9, "legend.fontsize": 8,
                     "legend.frameon": False, "lines.linewidth": 1.3, "axes.linewidth": 0.7})
COLOURS = ["#1b6ca8", "#d1495b", "#66a182", "#edae49", "#7b5ea7", "#4f5d75", "#00a6a6", "#8c564b"]


def panels(rows, columns, width=9.0, height=2.9):
    figure, axes = plt.subplots(rows, columns, figsize=(width, height * rows), squeeze=False)
    return figure, axes.ravel()


def save(figure, path):
    """PNG in a palette of 128 colours: a third of the size."""
    out = io.BytesIO()
    figure.tight_layout()
    figure.savefig(out, dpi=110, format="png")
    plt.close(figure)
    Image.open(io.BytesIO(out.getvalue())).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def strip(pictures, path, side=256):
    """Pictures in a row, without anything about them."""
    row = Image.new("RGB", (side * len(pictures) + 4 * (len(pictures) - 1), side), "white")
    for i, data in enumerate(pictures):
        row.paste(Image.open(io.BytesIO(data)).convert("RGB").resize((side, side), Image.Resampling.LANCZOS), (i * (side + 4), 0))
    return row
