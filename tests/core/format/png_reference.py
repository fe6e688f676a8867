"""A second PNG decoder, written from the specification alone, to compare ours with.

    python3 png_reference.py FOLDER_OF_PNG FOLDER_OF_DUMPS

For every NAME.png there is a dump NAME.png.f32: width, height, channels as uint32, then the values
as float32.  Prints "N of M" files whose values are equal, names the others, and exits 0 if N is M.
"""
import pathlib
import struct
import sys
import zlib

import numpy as np

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunks(data):
    at = 8
    while at < len(data):
        n, kind = struct.unpack(">I4s", data[at:at + 8])
        yield kind, data[at + 8:at + 8 + n]
        at += n + 12


def paeth(a, b, c):
    p = a + b - c
    return min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]


def unfilter(raw, at, rows, row_bytes, step):
    above = [0] * row_bytes
    out = []
    for _ in range(rows):
        kind, line = raw[at], list(raw[at + 1:at + 1 + row_bytes])
        at += 1 + row_bytes
        for i in range(row_bytes):
            left = line[i - step] if i >= step else 0
            corner = above[i - step] if i >= step else 0
            line[i] = (line[i] + [0, left, above[i], (left + above[i]) // 2,
                                  paeth(left, above[i], corner)][kind]) & 255
        out.append(line)
        above = line
    return np.array(out, np.uint8).reshape(rows, row_bytes), at


def samples(lines, width, channels, depth):
    if depth == 16:
        pairs = lines.reshape(len(lines), -1, 2).astype(np.uint32)
        return (pairs[..., 0] << 8 | pairs[..., 1]).reshape(len(lines), width, channels)
    bits = np.unpackbits(lines, axis=1)[:, :width * channels * depth]
    weights = 1 << np.arange(depth - 1, -1, -1, dtype=np.uint32)
    return (bits.reshape(len(lines), width, channels, depth) * weights).sum(-1).astype(np.uint32)


def decode(data):
    found = {}
    for kind, body in chunks(data):
        found[kind] = found.get(kind, b"") + body
    width, height, depth, color, _, _, interlace = struct.unpack(">IIBBBBB", found[b"IHDR"])
    channels = CHANNELS[color]
    raw = zlib.decompress(found[b"IDAT"])
    image = np.zeros((height, width, channels), np.uint32)
    at = 0
    for x, y, dx, dy in ADAM7 if interlace else [(0, 0, 1, 1)]:
        w, h = (width - x + dx - 1) // dx, (height - y + dy - 1) // dy
        if w > 0 and h > 0:
            bits = channels * depth
            lines, at = unfilter(raw, at, h, (w * bits + 7) // 8, max(1, bits // 8))
            image[y::dy, x::dx] = samples(lines, w, channels, depth)
    clear = found.get(b"tRNS")
    if color == 3:
        palette = np.frombuffer(found[b"PLTE"], np.uint8).reshape(-1, 3)
        alpha = np.full((len(palette), 1), 255, np.uint8)
        if clear:
            alpha[:len(clear), 0] = np.frombuffer(clear, np.uint8)
            palette = np.hstack([palette, alpha])
        return palette[image[..., 0]].astype(np.float32) / np.float32(255)
    top = np.float32(2 ** depth - 1)
    values = image.astype(np.float32) / top
    if clear:
        key = np.frombuffer(clear, ">u2")
        opaque = (image != key).any(-1, keepdims=True)
        values = np.concatenate([values, opaque.astype(np.float32)], -1)
    return values


def same(png, dump):
    width, height, channels = struct.unpack("<III", dump[:12])
    ours = np.frombuffer(dump[12:], np.float32).reshape(height, width, channels)
    theirs = decode(png)
    return ours.shape == theirs.shape and np.array_equal(ours, theirs)


def main():
    pictures, dumps = map(pathlib.Path, sys.argv[1:3])
    names = sorted(p.name for p in pictures.glob("*.png"))
    wrong = [n for n in names
             if not same((pictures / n).read_bytes(), (dumps / (n + ".f32")).read_bytes())]
    print(f"{len(names) - len(wrong)} of {len(names)}", *wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
