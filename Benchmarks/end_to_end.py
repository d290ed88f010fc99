"""Stain PNGs on disk to features in a store: `hpa-feat extract` against OpenCV or Pillow + DataLoader + PyTorch + h5py, on the same weights: make bench

HPA_BENCH_IMAGES (64) images for a network of 512 x 512: as large as that, or of 2048 x 2048 as microscopes give them, which all programs resize linearly
(HPA_BENCH_SIDES). They are real fields and pieces of them where these lie beside the checkout (../shared/data/images), else made up. PyTorch runs in each way
of WAYS, with four images at a time and one; its imports, compilation and first batch are not counted, but the start of the DataLoader's processes is. Of hpa-feat, the time for a few images is
taken from the time for all: that is its start as well. Rounds (HPA_BENCH_ROUNDS, 2) follow one another and the table shows medians. Features of all
programs must point the same way. HPA_BENCH_NETWORKS names other networks than inceptionv3.
"""
import itertools, json, os, pathlib, statistics, subprocess, sys, tempfile, time

import measuring

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "scripts"))
BUILD = HERE.parent / ".build" / "release"
REAL = HERE.parent.parent / "shared" / "data" / "images" / "kaggle-png-2048"
SIZE, THREADS, BATCHES, FEW = 512, os.cpu_count(), (1, 4), 8
SIDES = [int(side) for side in os.environ.get("HPA_BENCH_SIDES", "512 2048").split()]
IMAGES, ROUNDS = int(os.environ.get("HPA_BENCH_IMAGES", 64)), int(os.environ.get("HPA_BENCH_ROUNDS", 2))
NETWORKS = os.environ.get("HPA_BENCH_NETWORKS", "inceptionv3").split()
STAINS = ["red", "green", "blue", "yellow"]
WAYS = {"Pillow, fp32": ("Pillow", "fp32", False), "OpenCV, bf16": ("OpenCV", "bf16", False), "OpenCV, bf16 compiled": ("OpenCV", "bf16", True)}


# --- Images and weights ---

def fields(side):
    """(4, side, side) pictures without end."""
    import cv2, numpy
    real = [numpy.stack([cv2.imread(str(red).replace("_red", f"_{stain}"), 0) for stain in STAINS]) for red in sorted(REAL.glob("*_red.png"))]
    random = numpy.random.default_rng(1)
    for turn in itertools.count():
        field = real[turn % len(real)] if real else cv2.GaussianBlur(random.integers(0, 256, (side, side, 4), "u1"), (9, 9), 0).transpose(2, 0, 1) * 3
        top, left = (random.integers(0, field.shape[1] - side + 1, 2))
        yield field[:, top:top + side, left:left + side]


def write_images(folder, side):
    from PIL import Image
    os.makedirs(folder)
    if side == 2048 and REAL.is_dir():
        reds = sorted(REAL.glob("*_red.png"))
        for number, stain in itertools.product(range(IMAGES), STAINS):
            os.symlink(str(reds[number % len(reds)]).replace("_red", f"_{stain}"), f"{folder}/{number:04}_{stain}.png")
        return
    for number, field in zip(range(IMAGES), fields(side)):
        for stain, plane in zip(STAINS, field):
            Image.fromarray(plane).save(f"{folder}/{number:04}_{stain}.png")


def prepare(folder):
    import networks, torch
    from safetensors.torch import save_file
    for side in SIDES:
        write_images(f"{folder}/{side}", side)
    for name, count in (("all", IMAGES), ("few", FEW)):
        pathlib.Path(f"{folder}/{name}.csv").write_text("Id\n" + "".join(f"{number:04}\n" for number in range(count)))
    for name in NETWORKS:
        torch.manual_seed(1)
        made = networks.build(name)
        networks.randomise(made, lambda: networks.forward(made, networks.random_images(SIZE).float()))
        save_file({key: value.contiguous() for key, value in made.state_dict().items()}, f"{folder}/{name}.safetensors", {"backbone": name, "size": str(SIZE)})


# --- The Python way ---

def dataset(images, decoder):
    import cv2, numpy, torch
    from PIL import Image
    cv2.setNumThreads(0)
    decode = (lambda path: cv2.imread(path, cv2.IMREAD_UNCHANGED)) if decoder == "OpenCV" else (lambda path: numpy.asarray(Image.open(path)))

    def read(path):
        plane = decode(path)
        return plane if plane.shape == (SIZE, SIZE) else cv2.resize(plane, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)

    class Images(torch.utils.data.Dataset):
        def __len__(self):
            return IMAGES

        def __getitem__(self, number):
            return torch.from_numpy(numpy.stack([read(f"{images}/{number:04}_{stain}.png") for stain in STAINS]))
    return Images()


def network(name, folder, precision, is_compiled):
    import networks, torch
    from safetensors.torch import load_file
    torch.set_num_threads(THREADS)
    made = networks.build(name)
    made.load_state_dict(load_file(f"{folder}/{name}.safetensors"))
    made = made.eval().to(torch.bfloat16 if precision == "bf16" else torch.float32, memory_format=torch.channels_last)

    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = made

        def forward(self, images):
            return networks.forward(self.network, images.to(next(made.parameters()).dtype, memory_format=torch.channels_last))[0]
    if is_compiled:
        import torch._inductor.config
        torch._inductor.config.freezing = True
        return torch.compile(Whole().eval())
    return Whole().eval()


def worker(way, name, folder, side, batch, store):
    import h5py, torch
    decoder, precision, is_compiled = WAYS[way]
    batch = int(batch)
    loader = torch.utils.data.DataLoader(dataset(f"{folder}/{side}", decoder), batch_size=batch, num_workers=THREADS)
    made = network(name, folder, precision, is_compiled)
    # Freezing needs no_grad, and does nothing under inference_mode.
    with torch.no_grad() if is_compiled else torch.inference_mode():
        made(next(iter(loader)))
        start = time.perf_counter()
        with h5py.File(store, "w") as file:
            features = file.create_dataset("features", (IMAGES, 128), "f4")
            for number, images in enumerate(loader):
                features[number * batch:number * batch + len(images)] = made(images).float().numpy()
        print(json.dumps({"images_per_second": IMAGES / (time.perf_counter() - start)}))


# --- Ours ---

def extract(name, folder, side, ids, precision, batch, store):
    start = time.perf_counter()
    subprocess.run(
        [BUILD / "hpa-feat", "extract", "--images", f"{folder}/{side}", "--ids", f"{folder}/{ids}.csv", "--checkpoint", f"{folder}/{name}.safetensors",
         "--store", store, "--view", f"{ids}@x", "--precision", precision, "--batch", str(batch), "--threads", str(THREADS)],
        check=True, capture_output=True)
    return time.perf_counter() - start


def ours(name, folder, side, precision, batch):
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        few = extract(name, folder, side, "few", precision, batch, f"{scratch}/few")
        whole = extract(name, folder, side, "all", precision, batch, f"{scratch}/all")
        subprocess.run([BUILD / "hpa-feat", "store", "export", "--store", f"{scratch}/all", "--view", "all@x", "--out", f"{folder}/ours.npy", "--ids", f"{scratch}/ids.csv"], check=True, capture_output=True)
    return (IMAGES - FEW) / (whole - few), whole


def theirs(way, name, folder, side, batch):
    result = subprocess.run([sys.executable, __file__, "worker", way, name, folder, str(side), str(batch), f"{folder}/theirs.h5"], capture_output=True, text=True)
    if result.returncode:
        print(f"{way}, {name}: {' '.join(result.stderr.strip().splitlines()[-1:])}", file=sys.stderr)
        return 0.0
    return json.loads(result.stdout.strip().splitlines()[-1])["images_per_second"]


def least_cosine(folder):
    import h5py, numpy
    with h5py.File(f"{folder}/theirs.h5") as file:
        left, right = file["features"][:], numpy.load(f"{folder}/ours.npy")
    return float(((left * right).sum(1) / numpy.linalg.norm(left, axis=1) / numpy.linalg.norm(right, axis=1)).min())


def versions():
    return measuring.surroundings(THREADS, "torch", "pillow", "opencv-python-headless", "h5py")


def main():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, __file__, "prepare", folder], check=True, stdout=subprocess.DEVNULL)
        print(f"{IMAGES} images, stain PNGs to stored features of {SIZE} x {SIZE}, images a second (images at a time); {versions()}\n")
        print("| network, PNGs | hpa-feat fp32 | hpa-feat bf16 | with its start, s | " + " | ".join(WAYS) + " | ours / best | least cosine |\n|---|" + "--:|" * (len(WAYS) + 5))
        for name, side in itertools.product(NETWORKS, SIDES):
            rates, seconds, cosines = {}, [], []
            for _ in range(ROUNDS):
                for batch in BATCHES:
                    for precision in ("fp32", "bf16"):
                        rate, whole = ours(name, folder, side, precision, batch)
                        rates.setdefault(f"hpa-feat {precision}", {}).setdefault(batch, []).append(rate)
                        seconds += [whole] if precision == "bf16" else []
                    for way in WAYS:
                        rates.setdefault(way, {}).setdefault(batch, []).append(theirs(way, name, folder, side, batch))
                        cosines.append(least_cosine(folder))
            best = {program: max((statistics.median(found), batch) for batch, found in by_batch.items()) for program, by_batch in rates.items()}
            cells = [f"{rate:.2f} ({batch})" for rate, batch in best.values()]
            ratio = best["hpa-feat bf16"][0] / max(best[way][0] for way in WAYS)
            assert min(cosines) > 0.99, f"the features differ: {min(cosines)}"
            print(f"| {name}, {side} | " + " | ".join(cells[:2] + [f"{min(seconds):.1f}"] + cells[2:]) + f" | {ratio:.2f} | {min(cosines):.4f} |", flush=True)


if sys.argv[1:2] == ["worker"]:
    worker(*sys.argv[2:])
elif sys.argv[1:2] == ["prepare"]:
    prepare(sys.argv[2])
else:
    main()
