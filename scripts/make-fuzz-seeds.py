"""Writes the files that fuzzing starts from: small, valid, of every kind that a reader knows, and some that it must refuse.

make-fuzz-seeds.py FOLDER: FOLDER/TARGET/ gets the seeds of each target, FOLDER/TARGET.dict libFuzzer's words for it.
Where ../shared/data is laid beside the project, pieces of real files are among them.
"""
import io
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

import numpy as np
import safetensors.numpy
import tifffile
from PIL import Image

folder = pathlib.Path(sys.argv[1])
root = pathlib.Path(__file__).resolve().parent.parent
shared = root.parent / "shared/data"
random = np.random.default_rng(2018)
refused = []


def seed(target, name, content):
    (folder / target).mkdir(parents=True, exist_ok=True)
    (folder / target / name).write_bytes(content.encode() if isinstance(content, str) else content)


def words(target, *lines):
    escaped = ["".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\x{b:02x}" for b in line) for line in
               (line.encode() if isinstance(line, str) else line for line in lines)]
    (folder / f"{target}.dict").write_text("".join(f'"{line}"\n' for line in escaped))


def picture(channels, dtype="u1", height=19, width=23):
    top = np.iinfo(dtype).max
    ramp = np.add.outer(np.arange(height), np.arange(width))[..., None] * (top // 60) + random.integers(0, top // 3, (height, width, channels))
    return (ramp % (top + 1)).astype(dtype).squeeze(-1) if channels == 1 else (ramp % (top + 1)).astype(dtype)


def pictures():
    kinds = {".png": "png", ".tif": "tiff", ".jpg": "jpeg"}
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, root / "scripts/make-codec-files.py", scratch, "2018"], check=True)
        for file in pathlib.Path(scratch).iterdir():
            if file.suffix in kinds and file.stat().st_size < 24 << 10:
                seed(kinds[file.suffix], file.name, file.read_bytes())
    # Every compression of libtiff that holds 8 or 16 bits, in strips and tiles, each of several.
    for compression in ["jpeg", "zstd", "lzma", "webp", "lerc", "packbits", "lzw", "deflate"]:
        for channels, dtype, tile in [(1, "u1", None), (3, "u1", None), (3, "u1", (16, 16)), (1, "u2", (16, 16)), (1, "u2", None)]:
            out = io.BytesIO()
            try:
                tifffile.imwrite(out, picture(channels, dtype), compression=compression, tile=tile, rowsperstrip=None if tile else 16, metadata=None,
                                 photometric="rgb" if channels == 3 else "minisblack")
                seed("tiff", f"{compression}-{channels}-{dtype}-{'tiles' if tile else 'strips'}.tif", out.getvalue())
            except Exception as error:  # this build of the library does not write it
                refused.append(f"{compression} {channels} x {dtype} ({error})")
    grey = Image.fromarray(picture(1, "u1", 40, 40))
    for name, options in {"exif": dict(exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"), "icc": dict(icc_profile=bytes(200)), "comment": dict(comment=b"hpa"),
                          "restart": dict(restart_marker_blocks=1), "optimised": dict(optimize=True), "q1": dict(quality=1)}.items():
        out = io.BytesIO()
        grey.save(out, "JPEG", **options)
        seed("jpeg", f"{name}.jpg", out.getvalue())
    for name, image in {"1": grey.convert("1"), "P": grey.convert("P"), "I16": Image.fromarray(picture(1, "u2"))}.items():
        for kind in ["PNG", "TIFF"]:
            out = io.BytesIO()
            image.save(out, kind)
            seed(kind.lower(), f"pillow-{name}.{kind.lower()}", out.getvalue())
    out = io.BytesIO()
    grey.save(out, "PNG", transparency=7, dpi=(72, 72), icc_profile=bytes(200))
    seed("png", "transparent.png", out.getvalue())
    for file in sorted(shared.glob("images/*/*"))[:24]:
        piece = Image.open(file)
        piece = piece.crop((700, 700, 748, 748))
        for kind, target in [("PNG", "png"), ("TIFF", "tiff")] + ([("JPEG", "jpeg")] if piece.mode in ("L", "RGB") else []):
            out = io.BytesIO()
            piece.save(out, kind)
            seed(target, f"real-{file.stem}.{target}", out.getvalue())
    words("png", *[name for name in ["IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "iCCP", "tEXt", "zTXt", "iTXt", "sBIT", "acTL", "eXIf", "cHRM"]])
    words("tiff", b"II*\0", b"MM\0*", b"II+\0", *[struct.pack("<H", tag) for tag in
          [254, 256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 330, 338, 339, 347, 530, 50674, 34925, 50000, 50001, 34887]])
    words("jpeg", *[bytes([0xFF, marker]) for marker in [0xC0, 0xC1, 0xC2, 0xC4, 0xC9, 0xCA, 0xCC, 0xD0, 0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xE0, 0xE1, 0xEE, 0xFE]],
          "JFIF", "Adobe", "Exif")


def matrices():
    shapes = [(), (3,), (2, 3), (0, 3), (3, 0), (2, 3, 4), (7, 28)]
    kinds = ["<f4", "<f8", ">f4", ">f8", "<f2", "<i8", "<i4", "|u1", "|b1", "<c8", "<U3"]
    for kind, shape in [(kind, (2, 3)) for kind in kinds] + [("<f4", shape) for shape in shapes] + [("<f8", shape) for shape in shapes]:
        out = io.BytesIO()
        np.save(out, random.normal(size=shape).astype(kind))
        seed("npy", f"{kind[1:]}-{'big' if kind[0] == '>' else 'little'}-{'x'.join(map(str, shape))}.npy", out.getvalue())
    for version in [(1, 0), (2, 0), (3, 0)]:
        for order in "CF":
            out = io.BytesIO()
            np.lib.format.write_array(out, np.asarray(random.normal(size=(3, 4)), order=order), version)
            seed("npy", f"version-{version[0]}-{order}.npy", out.getvalue())
    out = io.BytesIO()
    np.save(out, np.array([[None, {}]], dtype=object), allow_pickle=True)
    seed("npy", "pickled.npy", out.getvalue())
    special = io.BytesIO()
    np.save(special, np.array([[np.nan, np.inf, -0.0, 1e-310]]))
    seed("npy", "special.npy", special.getvalue())
    for file in sorted(shared.glob("vpp/*.npy"))[:2]:
        out = io.BytesIO()
        np.save(out, np.load(file)[:6])
        seed("npy", f"real-{file.stem}.npy", out.getvalue())
    words("npy", b"\x93NUMPY", "'descr': ", "'fortran_order': ", "'shape': ", "True", "False", "'<f4'", "'<f8'", "(2, 3)", "(0, 9223372036854775807)",
          "(4294967296, 4294967296)", "(-1, 1)", "(1, 1_0)")


def weights():
    kinds = ["float64", "float32", "float16", "int64", "int32", "uint8", "bool"]
    tensors = {f"block.{kind}": (random.normal(size=(2, 3)) * 9).astype(kind) for kind in kinds}
    tensors |= {"empty": np.zeros((0, 3), "f4"), "scalar": np.array(4, "i8")}
    seed("safetensors", "every-type.safetensors", safetensors.numpy.save(tensors, {"backbone": "inceptionv4", "size": "512"}))
    for kind in kinds + ["int8", "uint16", "uint32", "uint64"]:
        seed("safetensors", f"{kind}.safetensors", safetensors.numpy.save({"a": np.arange(6).reshape(2, 3).astype(kind)}))
    seed("safetensors", "special.safetensors", safetensors.numpy.save({"a": np.array([np.nan, np.inf, -0.0, 1e-45], "f4")}))
    seed("safetensors", "none.safetensors", safetensors.numpy.save({}))
    seed("safetensors", "metadata.safetensors", safetensors.numpy.save({"\u00e9 \"\\": np.zeros(1, "f4")}, {"text": "Rods & rings \"\u00e9\"/\\\n"}))

    record = {"configuration": {"backbone": "inceptionv3", "size": 96}, "epochs": []}
    for name, text in {"checkpoint": json.dumps(record), "no-record": "{}", "deep-record": "[" * 700}.items():
        metadata = {"backbone": "inceptionv3", "size": "96", "training_record": text, "class_names": "[]", "feature_dimension": "128"}
        seed("safetensors", f"{name}.safetensors", safetensors.numpy.save({"last_linear.5.bias": np.zeros(28, "f4")}, metadata))

    def raw(name, header, data=b""):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        seed("safetensors", name, struct.pack("<Q", len(text)) + text + data)

    raw("bfloat16.safetensors", {"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}, b"\x80\x3f\xc0\xff")
    raw("overflow.safetensors", {"a": {"dtype": "F64", "shape": [2**61, 2**61], "data_offsets": [0, 2**63 - 1]}})
    raw("overlap.safetensors", {key: {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]} for key in "ab"}, bytes(4))
    raw("deep.safetensors", b'{"a":' * 600 + b"1" + b"}" * 600)
    words("safetensors", '"__metadata__":', '"dtype":"', '"shape":[', '"data_offsets":[', *[f'"{kind}"' for kind in ["F64", "F32", "F16", "BF16", "I64", "I32", "U8", "BOOL"]],
          "9223372036854775807", "[0,0]", "null", "1e400", "\\u0000", "\\ud800")


def tables():
    texts = {
        "labels.csv": "Id,Target\na,16 0\nb,25\nc,\nd,7 1 2 0\n", "submission.csv": "Id,Predicted\r\na,0 25\r\nb,1\r\n",
        "ids.csv": "Id\na\nb\n", "folds.csv": "Id,Fold\na,0\nb,1\nc,2\nd,0\n",
        "splits.csv": "Id,Split,Part\n" + "".join(f"{i},{s},{'validation' if (k + s) % 2 else 'train'}\n" for s in (0, 1) for k, i in enumerate("abcd")),
        "thresholds.csv": "class,threshold\n" + "".join(f"{i},{0.15 + i / 100}\n" for i in range(28)),
        "matches.csv": "query,gallery,score,rank\na,b,0.98,1\nc,d,-1e-3,2\n",
        "leaks.csv": "Extra,SimR,SimG,SimB,Target,Test\n10_a_b,1,2,3,7 1,a\n", "groups.csv": "Id,Group\na,1\nb,1\n",
        "quotes.csv": 'Id,Name\r\n"a ""b""","x,\r\ny"\r\n"",\r\n', "mark.csv": b"\xef\xbb\xbfId,Target\na,1\n", "latin1.csv": b"Id,Target\n\xe9,1\n",
        "open.csv": 'Id\n"a\nb', "carriage.csv": "Id,Target\ra,1\rb,2\r", "short.csv": "Id,Target\na\n", "blank.csv": "\n\nId\n\na\n\n", "empty.csv": "",
        "numbers.csv": "query,gallery,score,rank\na,b,0x1p-3,99999999999999999999\na,b,nan,1\n",
    }
    for name in ["hpaic/train.csv", "hpaic/HPAv18RBGY_wodpl.csv", "vpp/leak_test_matches.csv", "vpp/summary_final_1_multhr_lk.csv", "vpp/sample_submission.csv"]:
        if (shared / name).exists():
            with open(shared / name, "rb") as file:
                texts["real-" + name.rpartition("/")[2]] = b"".join(file.readline() for _ in range(9))
    for target in ["csv", "tables"]:
        for name, text in texts.items():
            seed(target, name, text)
        words(target, "Id", "Target", "Predicted", "Fold", "Split", "Part", "train", "validation", "class", "threshold", "query", "gallery", "score", "rank", "Extra",
              "Test", '"', '""', ",", "\r\n", b"\xef\xbb\xbf", b"\xc3\xa9", "27", "28", "-1", "1e400", "nan")


PROJECT = """\
# Every key of an hpa.yaml.
version: 1
name: demo
datasets:
  train: {layout: kaggle-png, images: data/train, resize: area, labels: data/train.csv}
  test: {layout: kaggle-tiff, images: data/test, resize: linear, ids: data/ids.csv, channels: rgby}
  hpav18:
    layout: hpav18
    images: "data/hpav18"
    labels: 'data/HPAv18.csv'
folds: {count: 4, scheme: shuffle, seed: 7, groups: pairs.csv}
models:
  v3: {backbone: inceptionv3, size: 0x60, folds: [0, 3], seed: 1_0, epochs: 5, batch: 16, optimiser: adam, learning_rate: 7e-4, weight_decay: .0, step_epochs: 1, gamma: 0.6, dropout: 0.1, loss: bce, init: w.safetensors}
  xception: {backbone: xception, size: 512}
search: {model: v3, fold: 3, queries: test, gallery: hpav18, top: 300, whiten: true, known_pairs: pairs.csv}
stack: {models: [v3, xception], seed: 0, epochs: 40, batch: 64, learning_rate: 0.1, width: 128, loss: bce}
thresholds: {min_count: 5, default: 0.15}
blend:
  members: {v3: 31, stack: 2.6e1}
"""


def projects():
    seed("yaml", "hpa.yaml", PROJECT)
    for name, (old, new) in {
        "sexagesimal": ("size: 512", "size: 8:32"), "large": ("size: 512", "size: 9223372036854775807:59:59"), "octal": ("size: 512", "size: 0o1000"),
        "infinite": ("7e-4", "-.inf"), "anchor": ("folds: [0, 3]", "folds: &f [0, 3]"), "tag": ("size: 512", "size: !!int 512"), "twice": ("stack:", "blend:"),
        "tab": ("  test:", "\ttest:"), "document": ("blend:", "---\nblend:"), "folded": ("name: demo", "name: >-\n  demo\n  two"), "negative": ("count: 4", "count: -4"),
        "complex": ("name: demo", "? [name, {a: b}]\n: demo"), "sub": ("name: demo", "name: {=: demo}"), "merge": ("xception: {", "xception: {<<: {a: 1}, "),
    }.items():
        seed("yaml", f"{name}.yaml", PROJECT.replace(old, new))
    for key in ["folds: {count: 2}\n", "models: {m: {backbone: vgg16}}\n", "a: &a [x, x]\nb: &b [*a, *a]\n? [*b, *b]\n: c\n", "[" * 300, "{a: " * 300, "a: 'x\n", "%YAML 1.1\n---\nname: x\n", "- a\n- b\n", ""]:
        seed("yaml", f"piece-{len(key)}-{abs(hash(key[:3])) % 7}.yaml", key)
    words("yaml", *PROJECT.replace(":", ": ").replace("{", " { ").split(), "&a ", "*a", "!!int ", "? ", "- ", "|", ">-", "---", "...", "<<: ", ".nan", ".inf", "0x", "0o", "1:1", "9223372036854775807")


HEADER = {
    "command": "hpa-feat extract", "count": 200, "created": "2026-01-02T03:04:05Z", "dataset": "hpav18", "dimension": 128, "format": 1,
    "lineage": {"backbone": "inceptionv4", "channelMap": "rgby", "checkpoint": "inceptionv4_800_f0.safetensors", "checkpointSHA256": "ab" * 32, "idsSHA256": "cd" * 32,
                "precision": "fp32", "preprocessing": "bilinear from 1024", "programVersion": "1.0.0", "size": 800},
    "name": "hpav18@inceptionv4_800_f0", "origin": "extract", "state": "complete", "updated": "2026-01-02T03:04:05Z",
}


def headers():
    changes = [{}, {"state": "writing"}, {"format": 2}, {"format": -1}, {"dimension": 0}, {"dimension": 2**40}, {"count": -5}, {"count": 2**63 - 1}, {"name": "other"},
               {"created": "yesterday"}, {"created": "9999-12-31T23:59:60Z"}, {"origin": "import", "lineage": {"source": "a.npy", "sourceSHA256": "ef" * 32, "programVersion": "1", "idsSHA256": ""}},
               {"more": [1, None, 1e308]}, {"command": "\u00e9\"\\\n\u2028"}]
    for index, change in enumerate(changes):
        seed("view-header", f"header-{index}.json", json.dumps(HEADER | change, sort_keys=True))
    for index, text in enumerate(["", "{}", "[", "null", "[" * 700, '{"a":' * 700, '{"format":1e400}', '{"format":1,"format":2}', b"\xff\xfe{\0}\0", '"\\ud800"']):
        seed("view-header", f"piece-{index}.json", text)
    words("view-header", *[f'"{key}":' for key in [*HEADER, *HEADER["lineage"]]], "true", "null", "-0", "1e400", "9223372036854775808", "\\u0000", "\\ud800", "T24:00:00Z", "+14:00")


shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
for make in [pictures, matrices, weights, tables, projects, headers]:
    make()
if refused:
    print("kinds that tifffile does not write here:", "; ".join(refused), file=sys.stderr)
