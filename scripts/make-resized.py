"""Resizes planes with OpenCV.

make-resized.py FOLDER SEED [PICTURE]: random planes, or the picture; FOLDER gets NAME.in.raw, NAME.linear.raw, NAME.area.raw and sizes.csv (Name,Width,Height,NewWidth,NewHeight).
"""
import csv
import sys

import cv2
import numpy as np

folder, seed, picture = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
random = np.random.default_rng(seed)
rows = []


def resize(plane, width, height):
    name = str(len(rows))
    plane.tofile(f"{folder}/{name}.in.raw")
    for method, flag in [("linear", cv2.INTER_LINEAR), ("area", cv2.INTER_AREA)]:
        cv2.resize(plane, (width, height), interpolation=flag).tofile(f"{folder}/{name}.{method}.raw")
    rows.append([name, plane.shape[1], plane.shape[0], width, height])


if picture:
    for size in [512, 800]:
        resize(cv2.imread(picture[0], cv2.IMREAD_GRAYSCALE), size, size)
else:
    special = [(64, 64, 32, 32), (64, 64, 16, 16), (64, 64, 64, 64), (99, 99, 33, 33), (1, 1, 5, 7), (7, 1, 3, 1), (40, 60, 60, 40), (50, 50, 1, 1)]
    for height, width, new_height, new_width in special + random.integers(1, 160, (60, 4)).tolist():
        resize(random.integers(0, 256, (height, width)).astype("u1"), new_width, new_height)

with open(f"{folder}/sizes.csv", "w", newline="") as file:
    csv.writer(file, lineterminator="\n").writerows([["Name", "Width", "Height", "NewWidth", "NewHeight"]] + rows)
