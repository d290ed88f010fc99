"""Stain files to pixels: hpa-feat against Pillow, OpenCV, tifffile and torchvision, on the same files in the same run: make bench

Every program is a process of its own that decodes all images of a folder again and again for HPA_BENCH_SECONDS (3); the processes of a round follow one
another and the rounds (HPA_BENCH_ROUNDS, 3) are repeated; the table shows medians. Every program runs with one thread and with one for each processor, and
the better one counts. "images" is how many images (four stains) a second; "one image" the milliseconds for one, its stains on several threads. Files lie in
the page cache. The pixels of all programs must be equal. HPA_BENCH_SETS ("PNG 512;JPEG, RGB") names others than all.

The files are made from real fields of view where they lie beside the checkout (../shared/data/images), else from those of `hpa-feat demo-data`.
"""
import concurrent.futures, hashlib, json, os, pathlib, statistics, subprocess, sys, tempfile, warnings

import measuring

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parent / ".build" / "release"
REAL = HERE.parent.parent / "shared" / "data" / "images"
THREADS, SECONDS, ROUNDS = os.cpu_count(), float(os.environ.get("HPA_BENCH_SECONDS", 3)), int(os.environ.get("HPA_BENCH_ROUNDS", 3))
OURS = "hpa-feat"
PEERS = ["Pillow", "OpenCV", "tifffile", "torchvision"]
STAINS = {"red": 0, "green": 1, "blue": 2, "yellow": 0}  # the channel of an RGB picture that is the stain: the map rgbr
SETS = {
    "PNG 512": ["Pillow", "OpenCV", "torchvision"], "PNG 2048": ["Pillow", "OpenCV", "torchvision"], "TIFF 2048, LZW": ["Pillow", "OpenCV", "tifffile"],
    "TIFF 2048, Deflate": ["Pillow", "OpenCV", "tifffile"], "TIFF 2048, plain": ["Pillow", "OpenCV", "tifffile"],
    "JPEG, RGB": ["Pillow", "OpenCV", "torchvision"],
}


# --- The files ---

def demo_images(folder):
    """Grey fields of 2048 x 2048 by id, from the program's own pictures."""
    import cv2
    subprocess.run([BUILD / "hpa-feat", "demo-data", "--out", f"{folder}/demo"], check=True, capture_output=True)
    files = sorted(pathlib.Path(f"{folder}/demo").rglob("*_red.*"))[:2]
    for red in files:
        stem = red.name[: -len("_red" + red.suffix)]
        yield stem, {stain: cv2.resize(cv2.imread(str(red.with_name(f"{stem}_{stain}{red.suffix}")), 0), (2048, 2048)) for stain in STAINS}


def grey_images(folder):
    import cv2
    real = sorted((REAL / "kaggle-png-2048").glob("*_red.png"))
    if not real:
        yield from demo_images(folder)
    for red in real:
        stem = red.name[: -len("_red.png")]
        yield stem, {stain: cv2.imread(str(red.with_name(f"{stem}_{stain}.png")), 0) for stain in STAINS}


def prepare(folder):
    import cv2, numpy
    from PIL import Image
    for name in SETS:
        os.makedirs(f"{folder}/{name}")
    for stem, planes in grey_images(folder):
        for stain, plane in planes.items():
            name = f"{stem}_{stain}"
            small = cv2.resize(plane, (512, 512), interpolation=cv2.INTER_AREA)
            Image.fromarray(small).save(f"{folder}/PNG 512/{name}.png", compress_level=9)
            Image.fromarray(plane).save(f"{folder}/PNG 2048/{name}.png", compress_level=9)
            for kind, compression in (("LZW", "tiff_lzw"), ("Deflate", "tiff_adobe_deflate"), ("plain", None)):
                Image.fromarray(plane).save(f"{folder}/TIFF 2048, {kind}/{name}.tif", compression=compression)
            if not (REAL / "hpav18-jpeg").is_dir():
                colours = numpy.stack([plane // 8 if channel != STAINS[stain] else plane for channel in range(3)], -1)
                Image.fromarray(colours).save(f"{folder}/JPEG, RGB/{name}.jpg", quality=80)
    for path in REAL.glob("hpav18-jpeg/*.jpg"):
        os.symlink(path, f"{folder}/JPEG, RGB/{path.name}")
    # Every file under more names, so that threads have enough to share.
    for name in SETS:
        for file in os.listdir(f"{folder}/{name}"):
            for copy in range(1, 4):
                os.symlink(f"{folder}/{name}/{file}", f"{folder}/{name}/{copy}{file}")


# --- The peers: a function that gives the stain in a file ---

def plane_of(colours, path, order="RGB"):
    import cv2
    channel = STAINS[path.rsplit("_", 1)[1].split(".")[0]]
    return colours if colours.ndim == 2 else cv2.extractChannel(colours, channel if order == "RGB" else 2 - channel)


def pillow(path):
    import numpy
    from PIL import Image
    return plane_of(numpy.asarray(Image.open(path)), path)


def opencv(path):
    import cv2
    return plane_of(cv2.imread(path, cv2.IMREAD_UNCHANGED), path, "BGR")


def tifffile(path):
    import tifffile as library
    return library.imread(path)


def torchvision(path):
    import torchvision.io as library
    decoded = library.decode_image(library.read_file(path))
    return decoded[STAINS[path.rsplit("_", 1)[1].split(".")[0]] if len(decoded) == 3 else 0].numpy()


def worker(program, folder, mode, threads):
    import cv2
    cv2.setNumThreads(1)
    if program == "torchvision":
        warnings.simplefilter("ignore")
        import torch
        torch.set_num_threads(1)
    decode = {"Pillow": pillow, "OpenCV": opencv, "tifffile": tifffile, "torchvision": torchvision}[program]
    stems = sorted({name.rsplit("_", 1)[0] for name in os.listdir(folder)})
    suffix = os.path.splitext(os.listdir(folder)[0])[1]
    images = [[f"{folder}/{stem}_{stain}{suffix}" for stain in STAINS] for stem in stems]
    pool = concurrent.futures.ThreadPoolExecutor(threads)
    many = pool.map if threads > 1 else map

    # Pixels are let go at once, as those of a loader are.
    def touch(path):
        return decode(path).shape

    def work():
        if mode == "stains":
            return [list(many(touch, paths)) for paths in images]
        return list(many(touch, [path for paths in images for path in paths]))
    digest = hashlib.sha256(b"".join(decode(path).tobytes() for paths in images for path in paths)).hexdigest()
    print(json.dumps({"images_per_second": len(images) / measuring.median_seconds(work, SECONDS), "digest": digest}))


# --- The table ---

def measure(program, folder, mode, threads):
    """Images a second, and the hash of all pixels; None where the program cannot run here."""
    if program == OURS:
        pixels = f"{folder}.pixels"
        command = [BUILD / "decode-bench", folder, mode, str(threads), str(SECONDS), pixels]
    else:
        command = [sys.executable, __file__, "worker", program, folder, mode, str(threads)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        print(f"{program}: {' '.join(result.stderr.strip().splitlines()[-1:])}", file=sys.stderr)
        return None
    found = json.loads(result.stdout.strip().splitlines()[-1])
    if program == OURS:
        found["digest"] = hashlib.sha256(pathlib.Path(pixels).read_bytes()).hexdigest()
    return found


def compare(name, folder, mode):
    """The median rate of every program at its better number of threads."""
    rates, digests, missing = {}, {}, set()
    for _ in range(ROUNDS):
        for program in [OURS, *SETS[name]]:
            for threads in sorted({1, THREADS}):
                found = None if program in missing else measure(program, folder, mode, threads)
                if found is None:
                    missing.add(program)
                    continue
                rates.setdefault(program, {}).setdefault(threads, []).append(found["images_per_second"])
                digests[program] = found["digest"]
    assert len(set(digests.values())) == 1, f"{name}: the pixels differ: {digests}"
    return {program: max(statistics.median(found) for found in by_threads.values()) for program, by_threads in rates.items()}


def row(name, folder):
    cells, ratios = [], []
    by_mode = {mode: compare(name, folder, mode) for mode in ("images", "stains")}
    for program in [OURS, *PEERS]:
        rates = [by_mode[mode].get(program) for mode in by_mode]
        cells.append(f"{rates[0]:.1f} ({1000 / rates[1]:.2f})" if all(rates) else "")
    for rates in by_mode.values():
        ratios.append(rates[OURS] / max(rate for program, rate in rates.items() if program != OURS))
    return f"| {name} | " + " | ".join(cells) + f" | {ratios[0]:.2f} ({ratios[1]:.2f}) |"


def versions():
    return measuring.surroundings(THREADS, "pillow", "opencv-python-headless", "tifffile", "imagecodecs", "torchvision")


def main():
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder)
        print(f"images of four stains a second (milliseconds for one image, its stains in parallel); pixels are equal; {versions()}\n")
        print(f"| files | {OURS} | " + " | ".join(PEERS) + " | ours / best |\n|---|" + "--:|" * (len(PEERS) + 2))
        for name in filter(None, os.environ.get("HPA_BENCH_SETS", ";".join(SETS)).split(";")):
            print(row(name, f"{folder}/{name}"), flush=True)


if sys.argv[1:2] == ["worker"]:
    worker(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
else:
    main()
