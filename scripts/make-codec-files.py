"""Writes picture files of every variant with Pillow, tifffile and imagecodecs, and the samples that they must decode to.

make-codec-files.py FOLDER SEED: FOLDER gets the files, NAME.raw with the expected samples, and files.csv (Name,Width,Height,Channels,Bits,Tolerance).
"""
import csv
import itertools
import struct
import sys
import zlib

import numpy as np
import tifffile
from PIL import Image

folder, seed = sys.argv[1], int(sys.argv[2])
random = np.random.default_rng(seed)
rows = []


def picture(channels, dtype, height=37, width=53):
    """A ramp with noise, so that predictors and filters have something to do."""
    top = np.iinfo(dtype).max
    ramp = np.add.outer(np.arange(height), np.arange(width))[..., None] * (top // 120) + np.arange(channels) * 7
    return ((ramp + random.integers(0, top // 3, ramp.shape)) % (top + 1)).astype(dtype).squeeze(-1) if channels == 1 else (
        (ramp + random.integers(0, top // 3, ramp.shape[:2] + (channels,))) % (top + 1)).astype(dtype)


def expect(name, samples, tolerance=0):
    samples = np.ascontiguousarray(samples)
    samples.tofile(f"{folder}/{name}.raw")
    channels = samples.shape[2] if samples.ndim == 3 else 1
    rows.append([name, samples.shape[1], samples.shape[0], channels, samples.itemsize * 8, tolerance])


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def packed(lines, bits, channels):
    """Lines of samples as PNG stores them: filter byte 0, then bits packed from the high end."""
    out = b""
    for line in lines:
        if bits == 16:
            body = line.astype(">u2").tobytes()
        elif bits == 8:
            body = line.astype("u1").tobytes()
        else:
            flat = line.reshape(-1, 1).astype("u1")
            body = np.packbits(np.unpackbits(flat, axis=1)[:, -bits:].reshape(-1)).tobytes()
        out += b"\0" + body
    return out


ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]


def png(name, samples, bits, kind, interlaced=False, palette=None):
    channels = samples.shape[2] if samples.ndim == 3 else 1
    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], bits, kind, 0, 0, int(interlaced))
    passes = [samples[r::dr, c::dc] for r, c, dr, dc in ADAM7] if interlaced else [samples]
    data = b"".join(packed(part, bits, channels) for part in passes if part.size)
    plte = chunk(b"PLTE", palette.astype("u1").tobytes()) if palette is not None else b""
    with open(f"{folder}/{name}", "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + plte + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


# PNG: grey 0, RGB 2, palette 3, grey and alpha 4, RGBA 6.
for (kind, channels), bits, interlaced in itertools.product([(0, 1), (2, 3), (4, 2), (6, 4)], [8, 16], [False, True]):
    samples = picture(channels, f"u{bits // 8}")
    name = f"png-{kind}-{bits}-{interlaced}.png"
    png(name, samples, bits, kind, interlaced)
    expect(name, samples)
for bits in [1, 2, 4]:
    samples = random.integers(0, 2**bits, (37, 53))
    png(f"png-grey-{bits}.png", samples, bits, 0)
    expect(f"png-grey-{bits}.png", np.array(Image.open(f"{folder}/png-grey-{bits}.png").convert("L")))
for bits in [1, 2, 4, 8]:
    palette = random.integers(0, 256, (2**bits, 3))
    samples = random.integers(0, 2**bits, (37, 53))
    png(f"png-palette-{bits}.png", samples, bits, 3, palette=palette)
    expect(f"png-palette-{bits}.png", np.array(Image.open(f"{folder}/png-palette-{bits}.png").convert("RGB")))
for mode, channels in [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)]:
    samples = picture(channels, "u1")
    Image.fromarray(samples, mode).save(f"{folder}/pillow-{mode}.png", optimize=True)
    expect(f"pillow-{mode}.png", samples)

# TIFF.
layouts = {
    "grey": dict(channels=1, photometric="minisblack"),
    "white": dict(channels=1, photometric="miniswhite"),
    "rgb": dict(channels=3, photometric="rgb", planarconfig="contig"),
    "planes": dict(channels=3, photometric="rgb", planarconfig="separate"),
    "rgba": dict(channels=4, photometric="rgb", planarconfig="contig", extrasamples=["unassalpha"]),
}
for (layout, options), bits, order, compression, tile in itertools.product(
        layouts.items(), [8, 16], "<>", [None, "lzw", "deflate", "packbits"], [None, (16, 32)]):
    options = dict(options)
    samples = picture(options.pop("channels"), f"u{bits // 8}")
    name = f"tiff-{layout}-{bits}-{'little' if order == '<' else 'big'}-{compression}-{'tiles' if tile else 'strips'}.tif"
    stored = np.moveaxis(samples, 2, 0) if layout == "planes" else samples
    tifffile.imwrite(
        f"{folder}/{name}", stored, byteorder=order, compression=compression, tile=tile, rowsperstrip=None if tile else 10, metadata=None,
        predictor=compression in ("lzw", "deflate"), **options)
    expect(name, np.iinfo(samples.dtype).max - samples if layout == "white" else samples)
samples = picture(1, "u2")
tifffile.imwrite(f"{folder}/big.tif", samples, bigtiff=True, metadata=None)
expect("big.tif", samples)
samples = picture(1, "u2")
with tifffile.TiffWriter(f"{folder}/pyramid.tif") as file:
    file.write(samples, metadata=None)
    file.write(samples[::2, ::2], subfiletype=1, metadata=None)
expect("pyramid.tif", samples)
samples, palette = random.integers(0, 256, (37, 53)).astype("u1"), random.integers(0, 65536, (3, 256)).astype("u2")
tifffile.imwrite(f"{folder}/palette.tif", samples, colormap=palette, photometric="palette", metadata=None)
expect("palette.tif", (palette[:, samples] >> 8).astype("u1").transpose(1, 2, 0))
samples = picture(5, "u1")
tifffile.imwrite(f"{folder}/five.tif", samples, photometric="minisblack", planarconfig="contig", metadata=None)
expect("five.tif", samples)
for compression in [None, "tiff_lzw", "tiff_adobe_deflate"]:
    samples = picture(3, "u1")
    Image.fromarray(samples).save(f"{folder}/pillow-{compression}.tif", compression=compression)
    expect(f"pillow-{compression}.tif", samples)

# JPEG: another build of the same library may round one level otherwise.
for mode, subsampling, progressive in itertools.product(["L", "RGB"], [0, 1, 2], [False, True]):
    name = f"jpeg-{mode}-{subsampling}-{progressive}.jpg"
    smooth = np.array(Image.fromarray(picture(3, "u1", 64, 80)).resize((171, 133), Image.BICUBIC).convert(mode))
    Image.fromarray(smooth).save(f"{folder}/{name}", quality=85, subsampling=subsampling, progressive=progressive, restart_marker_rows=3)
    expect(name, np.array(Image.open(f"{folder}/{name}")), tolerance=1)

with open(f"{folder}/files.csv", "w", newline="") as file:
    csv.writer(file, lineterminator="\n").writerows([["Name", "Width", "Height", "Channels", "Bits", "Tolerance"]] + rows)

# What must be refused, with the reason that the message must give.
refused = []


def refuse(name, reason):
    refused.append([name, reason])


tifffile.imwrite(f"{folder}/float.tif", picture(1, "u1").astype("f4"), metadata=None)
refuse("float.tif", "bits")
tifffile.imwrite(f"{folder}/signed.tif", picture(1, "u1").astype("i2"), metadata=None)
refuse("signed.tif", "signed")
tifffile.imwrite(f"{folder}/pages.tif", np.stack([picture(1, "u1")] * 3), photometric="minisblack", metadata=None)
refuse("pages.tif", "several pages")
tifffile.imwrite(f"{folder}/turned.tif", picture(1, "u1"), metadata=None, extratags=[(274, 3, 1, 6, True)])
refuse("turned.tif", "turned")
Image.fromarray(picture(1, "u1") > 99).save(f"{folder}/bilevel.tif")
refuse("bilevel.tif", "1 bits")
Image.fromarray(picture(4, "u1"), "CMYK").save(f"{folder}/cmyk.jpg")
refuse("cmyk.jpg", "4 colour components")
Image.fromarray(picture(4, "u1"), "CMYK").save(f"{folder}/cmyk.tif")
refuse("cmyk.tif", "photometric")
Image.fromarray(picture(1, "u1")).save(f"{folder}/picture.gif")
refuse("picture.gif", "no PNG, TIFF or JPEG")
open(f"{folder}/empty.png", "wb").close()
refuse("empty.png", "no PNG, TIFF or JPEG")

# Bombs: small files whose headers claim 60000 x 60000 pixels.
for name, side, bits in [("bomb.png", 60000, 8), ("heavy.png", 16384, 16)]:
    header = struct.pack(">IIBBBBB", side, side, bits, 6, 0, 0, 0)
    with open(f"{folder}/{name}", "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b""))
refuse("heavy.png", "1 GiB")
entries = [(256, 4, 60000), (257, 4, 60000), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1), (278, 4, 60000), (279, 4, 99)]
with open(f"{folder}/bomb.tif", "wb") as file:
    file.write(struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries) + bytes(99))
jpeg = bytearray(open(f"{folder}/jpeg-L-0-False.jpg", "rb").read())
start = jpeg.index(b"\xff\xc0")
jpeg[start + 5:start + 9] = struct.pack(">HH", 60000, 60000)
open(f"{folder}/bomb.jpg", "wb").write(jpeg)
for name in ["bomb.png", "bomb.tif", "bomb.jpg"]:
    refuse(name, "60000 x 60000")

# Sides that are allowed, of pictures that the few bytes cannot hold; and one pixel in a tile of 16384 x 16384.
jpeg[start + 5:start + 9] = struct.pack(">HH", 16000, 16000)
open(f"{folder}/short.jpg", "wb").write(jpeg)
png("short.png", np.zeros((16, 16), "u1"), 8, 0)
body = bytearray(open(f"{folder}/short.png", "rb").read())
body[16:24] = struct.pack(">II", 16000, 16000)
body[29:33] = struct.pack(">I", zlib.crc32(body[12:29]))
open(f"{folder}/short.png", "wb").write(body)
for name in ["short.jpg", "short.png"]:
    refuse(name, "cannot hold the 16000 x 16000 pixels")
entries = [(256, 4, 1), (257, 4, 1), (258, 3, 8), (259, 3, 1), (262, 3, 1), (277, 3, 1), (322, 4, 16384), (323, 4, 16384), (324, 4, 8), (325, 4, 99)]
with open(f"{folder}/tile.tif", "wb") as file:
    file.write(struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries) + bytes(99))
refuse("tile.tif", "no sensible size")

with open(f"{folder}/refused.csv", "w", newline="") as file:
    csv.writer(file, lineterminator="\n").writerows([["Name", "Reason"]] + refused)
