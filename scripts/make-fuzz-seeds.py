"""Writes the files that fuzzing starts from: small, valid, of every kind that a reader knows, and some that it must refuse.

make-fuzz-seeds.py FOLDER: FOLDER/TARGET/ gets the seeds of each target, FOLDER/TARGET.dict libFuzzer's words for it.
Where ../shared/data is laid beside the project, pieces of real files are among them.
"""
import hashlib
import io
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib

import lmdb
import numpy as np
import safetensors.numpy
import tifffile
import torch
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
    # A width less one, and filtered rows of every filter: what the target lays into a PNG.
    for width in [1, 15, 16, 17, 40, 256]:
        rows = [bytes([row % 5]) + random.integers(0, 256, width, "u1").tobytes() for row in range(33)]
        seed("png", f"rows-{width}", bytes([width - 1]) + b"".join(rows))
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


def torch_files():
    """Whole files of torch.save, and their pickles alone, which the target lays into an archive where every storage has 96 bytes."""

    def filled(kind, shape, scale=9):
        return (torch.randn(shape, generator=torch.Generator().manual_seed(2018)) * scale).to(kind)

    kinds = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8, torch.bool]
    whole = {kind: filled(kind, (96 // kind.itemsize,)) for kind in kinds}
    floats = whole[torch.float32]
    torch.manual_seed(2018)
    layer = torch.nn.Sequential(torch.nn.Linear(4, 6, bias=False), torch.nn.LayerNorm(24))
    saved = {
        "every-type": {f"block.{str(kind).rpartition('.')[2]}": tensor for kind, tensor in whole.items()},
        "views": {"a": floats, "transposed": floats.reshape(4, 6).t(), "slice": floats[3:20:4], "window": floats.reshape(4, 6)[1:3, 2:5]},
        "strides": {"scalar": floats[5], "empty": floats[:0], "expanded": floats[:1].expand(2, 3), "overlapping": floats.as_strided((3, 3), (1, 2), 4)},
        "module": layer.state_dict(), "parameters": {"weight": torch.nn.Parameter(floats)},
        "checkpoint": {"epoch": 3, "state_dict": {"w": floats}, "optimizer": {"state": {}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999)}]}},
        "model": {"model": {"w": floats}, "loss": [0.5, None, True], "name": "x" * 300, "big": 2**70, "negative": -(2**31) - 1, "set": {1, 2}},
        "nothing": {}, "list": [floats], "nested": {"a": {"b": floats}}, "odd-names": {"": floats, "__metadata__": floats, "\u00e9\n": floats},
        "complex": {"a": torch.zeros(12, dtype=torch.complex64)}, "half-number": {1: floats}, "sparse": {"a": torch.eye(2).to_sparse()},
    }
    for name, table in saved.items():
        for protocol in [2, 4]:
            out = io.BytesIO()
            torch.save(table, out, pickle_protocol=protocol)
            if protocol == 2:
                seed("pth", f"{name}.pth", out.getvalue())
            seed("pth", f"{name}-{protocol}.pkl", zipfile.ZipFile(out).read("archive/data.pkl"))
    out = io.BytesIO()
    torch.save({"a": floats}, out, _use_new_zipfile_serialization=False)
    seed("pth", "old-form.pth", out.getvalue())
    for name, compression in [("deflated", zipfile.ZIP_DEFLATED), ("stored", zipfile.ZIP_STORED)]:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", compression) as archive:
            archive.comment = b"hpa"
            for file, content in [("a/data.pkl", b"\x80\x02}q\x00."), ("a/byteorder", b"big"), ("a/data/0", bytes(96))]:
                archive.writestr(file, content)
        seed("pth", f"{name}.pth", out.getvalue())
    words("pth", b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", "archive/data.pkl", "archive/data/0", "byteorder", "storage", "cpu",
          *[f"ctorch\n{kind}Storage\n" for kind in ["Float", "Double", "Half", "BFloat16", "Long", "Int", "Byte", "Bool", "Untyped"]],
          "ctorch._utils\n_rebuild_tensor_v2\n", "ctorch._utils\n_rebuild_parameter\n", "ccollections\nOrderedDict\n", "cposix\nsystem\n", "state_dict", "model",
          b"tQ", b"tR", b"K\x18", b"q\x00", b"h\x00", b"\x85", b"\x86", b"\x87", b"\x93", b"\x94", b"\x8a\x08", b"\x8b\xff\xff\xff\xff", b"J\xff\xff\xff\x7f", b"(u", b"(e", b"b.")


def store_header(name, count, dimension, keys, **changes):
    """A view's header as `ViewHeader` writes it: the checksum first, then the other keys sorted."""
    lineage = HEADER["lineage"] | {"resize": "linear", "idsSHA256": hashlib.sha256(b"\n".join(sorted(keys))).hexdigest()}
    header = HEADER | {"format": 2, "name": name, "count": count, "dimension": dimension, "lineage": lineage} | changes
    rest = json.dumps(header, sort_keys=True, separators=(",", ":"))[1:].encode()
    return b"{" + rest if header["format"] == 1 else b'{"checksum":"%08x",' % zlib.crc32(rest) + rest


def stores():
    """The data files of small stores, written by LMDB as the program writes them: schemas/store.md."""

    def keys(count):
        return [b"image_%d" % (100 + index * 37 % 997) for index in range(count)]

    def view(environment, name, count, dimension, stored=None, **changes):
        known = keys(count)
        json_text = store_header(name, count, dimension, known, **changes)
        headers, vectors = (environment.open_db(text.encode()) for text in ["views", "view:" + name])
        with environment.begin(write=True) as transaction:
            transaction.put(name.encode(), json_text, db=headers)
            transaction.put(b"header:" + name.encode(), json_text)
            for key in known[:stored]:
                floats = random.normal(size=dimension).astype("<f4").tobytes()
                transaction.put(key, floats + struct.pack("<I", zlib.crc32(key + floats)), db=vectors)

    def store(name, *steps, meta=b'{"format":1}', compacted=False):
        with tempfile.TemporaryDirectory() as scratch:
            with lmdb.open(scratch + "/s", max_dbs=8, map_size=1 << 24) as environment:
                if meta is not None:
                    with environment.begin(write=True) as transaction:
                        transaction.put(b"meta", meta)
                for step in steps:
                    step(environment)
                (pathlib.Path(scratch) / "c").mkdir()
                environment.copy(scratch + "/c", compact=compacted)
            content = (pathlib.Path(scratch) / "c/data.mdb").read_bytes()
        assert len(content) <= 96 << 10, f"{name} has {len(content)} bytes"
        seed("store-pages", name + ".mdb", content)
        return content

    def adding(*arguments, **changes):
        return lambda environment: view(environment, *arguments, **changes)

    def dropping(name):
        def step(environment):
            database = environment.open_db(b"view:" + name.encode())
            with environment.begin(write=True) as transaction:
                transaction.drop(database)
                transaction.delete(name.encode(), db=environment.open_db(b"views", transaction))
                transaction.delete(b"header:" + name.encode())
        return step

    def putting(key, value, database=b"view:a"):
        def step(environment):
            opened = environment.open_db(database)
            with environment.begin(write=True) as transaction:
                transaction.put(key, value, db=opened)
        return step

    small = store("one", adding("a", 20, 8))
    store("two", adding("a", 20, 8), adding("b", 12, 4))
    store("leaves", adding("a", 300, 1))
    store("leaves-compacted", adding("a", 300, 1), compacted=True)
    store("wide", adding("a", 3, 600), compacted=True)
    store("dropped", adding("junk", 60, 8), adding("a", 20, 8), dropping("junk"))
    store("writing", adding("a", 20, 8, stored=7, state="writing"))
    store("short", adding("a", 20, 8, stored=7))
    store("empty-view", adding("a", 0, 8))
    store("empty")
    store("other", meta=None)
    store("newer", adding("a", 20, 8), meta=b'{"format":2}')
    store("first-format", adding("a", 20, 8, format=1), compacted=True)
    store("vast-dimension", adding("a", 20, 8, format=1), putting(b"a", store_header("a", 20, 1 << 20, keys(20), format=1), b"views"), compacted=True)
    store("bad-record", adding("a", 20, 8), putting(keys(5)[4], bytes(36)), compacted=True)
    store("bad-length", adding("a", 20, 8), putting(keys(5)[4], bytes(35)), compacted=True)
    store("bad-key", adding("a", 20, 8), putting(b"\xff\0", bytes(36)), compacted=True)
    store("lost-header", adding("a", 20, 8), putting(b"a", b"{}", b"views"), compacted=True)
    seed("store-pages", "cut-off.mdb", small[:-4096])
    seed("store-pages", "first-pages.mdb", small[:8192])
    seed("store-pages", "longer.mdb", small + bytes(4096))
    words("store-pages", *[struct.pack("<Q", number) for number in range(10)], *[struct.pack("<H", kind) for kind in [1, 2, 4, 8, 16, 0x42]], b"\xff" * 8,
          struct.pack("<I", 0xBEEFC0DE), struct.pack("<I", 4096), "views", "view:a", "header:a", "meta", '{"format":1}', '"dimension":8', '"state":"complete"')


shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
for make in [pictures, matrices, weights, tables, projects, headers, torch_files, stores]:
    make()
if refused:
    print("kinds that tifffile does not write here:", "; ".join(refused), file=sys.stderr)
