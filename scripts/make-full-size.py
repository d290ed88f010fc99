"""Writes full-size images with tifffile, and what OpenCV makes of them or of other files.

make-full-size.py tiff FOLDER SEED       FOLDER/in gets three images of 2048 and 3072 pixels, as TIFFs of several kinds; FOLDER/<size> their copies
make-full-size.py hpav18 FOLDER IMAGES   FOLDER/<size> gets copies of the JPEGs in IMAGES, y from R of the yellow file (read by Pillow)

A copy is <Id>_<stain>.raw: bytes, row by row. TIFFs are resized to 1024 once, and smaller sizes are made from that.
"""
import pathlib
import sys

import cv2
import numpy as np
import tifffile
from PIL import Image

STAINS = ["red", "green", "blue", "yellow"]
kind, folder = sys.argv[1], pathlib.Path(sys.argv[2])


def resize(plane, size):
    return cv2.resize(plane, (size, size), interpolation=cv2.INTER_LINEAR)


def keep(plane, size, name):
    (folder / str(size)).mkdir(exist_ok=True)
    plane.tofile(folder / str(size) / f"{name}.raw")


def field(random, side):
    """Blurred noise at three scales: cells, their parts, and the camera."""
    coarse = sum(cv2.resize(random.random((side // step, side // step)), (side, side), interpolation=cv2.INTER_CUBIC) for step in (256, 64))
    return np.clip(255 * (coarse / 2) ** 2 + random.normal(0, 6, (side, side)), 0, 255).astype("u1")


if kind == "tiff":
    random = np.random.default_rng(int(sys.argv[3]))
    (folder / "in").mkdir()
    for name, side, options in [("a", 3072, {}), ("b", 2048, {"compression": "deflate", "tile": (256, 256)}), ("c", 2048, {"compression": "lzw", "bits": 16})]:
        bits = options.pop("bits", 8)
        for stain in STAINS:
            plane = field(random, side)
            # 16-bit samples that are 257 times as large mean the same levels.
            stored = plane if bits == 8 else plane.astype("u2") * 257
            tifffile.imwrite(folder / "in" / f"{name}_{stain}.tif", stored, photometric="minisblack", **options)
            large = resize(plane, 1024)
            keep(large, 1024, f"{name}_{stain}")
            for size in (800, 650, 512):
                keep(resize(large, size), size, f"{name}_{stain}")
else:
    for path in pathlib.Path(sys.argv[3]).glob("*.jpg"):
        name, stain = path.stem.rsplit("_", 1)
        channel = {"red": 0, "green": 1, "blue": 2, "yellow": 0}[stain]
        plane = np.ascontiguousarray(np.asarray(Image.open(path))[..., channel])
        for size in (1024, 512):
            keep(resize(plane, size), size, path.stem)
