"""The feature store against py-lmdb and h5py, on the same rows in the same run: make bench

Every piece of work is a process of its own, so that its peak memory is its own. Files stay in the page cache. All three keep a checksum of what they
hold and check it when they read: CRC-32 a record (ours and py-lmdb's, in the same layout), Fletcher-32 a chunk of 4096 rows (HDF5's own).
"""
import json, os, platform, shutil, subprocess, sys, tempfile, time, zlib

import measuring
if sys.argv[1:2] == ["worker"]:  # What starts the workers stays small: a process begins with the peak memory of the one that started it.
    import h5py, lmdb, numpy as np

ROWS, DIMENSION, PICKS, BATCH = int(os.environ.get("HPA_BENCH_ROWS", 1_000_000)), 128, 10_000, 4096
HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "..", ".build", "release", "store-bench")
VIEW = b"bench"


def best(runs, work):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def read_ids(path):
    with open(path) as file:
        return file.read().split()[1:]


# --- the same store, by py-lmdb ---

def lmdb_open(path, **options):
    return lmdb.open(path, map_size=1 << 33, max_dbs=2, **options)


def lmdb_write(path, features, ids):
    keys = [i.encode() for i in ids]
    with lmdb_open(path) as env:
        db = env.open_db(VIEW)
        for start in range(0, len(keys), BATCH):
            with env.begin(write=True, db=db) as txn:
                for row in range(start, min(start + BATCH, len(keys))):
                    value = features[row].tobytes()
                    txn.put(keys[row], value + zlib.crc32(keys[row] + value).to_bytes(4, "little"), append=True)


def lmdb_records(env, db, txn):
    for key, record in txn.cursor(db):
        if zlib.crc32(key + record[:-4]) != int.from_bytes(record[-4:], "little"):
            raise ValueError(key)
        yield key, record


def lmdb_scan(path, keep=True):
    with lmdb_open(path, readonly=True) as env:
        db = env.open_db(VIEW, create=False)
        with env.begin() as txn:
            matrix = np.empty((txn.stat(db)["entries"] if keep else 0, DIMENSION), "<f4")
            for row, (_, record) in enumerate(lmdb_records(env, db, txn)):
                if keep:
                    matrix[row] = np.frombuffer(record, "<f4", DIMENSION)
            return matrix


def lmdb_random(path, ids):
    keys = [i.encode() for i in ids]
    with lmdb_open(path, readonly=True) as env:
        db = env.open_db(VIEW, create=False)
        matrix = np.empty((len(keys), DIMENSION), "<f4")

        def work():
            with env.begin(db=db) as txn:
                for row, key in enumerate(keys):
                    record = txn.get(key)
                    if zlib.crc32(key + record[:-4]) != int.from_bytes(record[-4:], "little"):
                        raise ValueError(key)
                    matrix[row] = np.frombuffer(record, "<f4", DIMENSION)
        return best(3, work)


def lmdb_merge(path, shards):
    with lmdb_open(path) as env:
        db = env.open_db(VIEW)
        for shard in shards:
            with lmdb_open(shard, readonly=True) as source:
                other = source.open_db(VIEW, create=False)
                with source.begin() as reading:
                    txn, count = env.begin(write=True, db=db), 0
                    for key, record in lmdb_records(source, other, reading):
                        if not txn.put(key, record, overwrite=False):
                            raise ValueError(key)
                        count += 1
                        if count % BATCH == 0:
                            txn.commit()
                            txn = env.begin(write=True, db=db)
                    txn.commit()


# --- HDF5, by h5py ---

def hdf5_write(path, features, ids):
    with h5py.File(path, "w") as file:
        data = file.create_dataset("features", (len(ids), DIMENSION), "<f4", chunks=(BATCH, DIMENSION), fletcher32=True)
        names = file.create_dataset("ids", (len(ids),), h5py.string_dtype())
        for start in range(0, len(ids), BATCH):
            data[start:start + BATCH] = features[start:start + BATCH]
            names[start:start + BATCH] = ids[start:start + BATCH]


def hdf5_scan(path):
    with h5py.File(path) as file:
        return file["features"][:]


def hdf5_random(path, ids):
    with h5py.File(path) as file:
        row_of = {name.decode(): row for row, name in enumerate(file["ids"][:])}
        rows = np.array([row_of[i] for i in ids])
        order = np.argsort(rows)
        matrix = np.empty((len(rows), DIMENSION), "<f4")

        def work():
            matrix[order] = file["features"][rows[order]]
        return best(3, work)


def hdf5_merge(path, shards):
    parts = [h5py.File(shard) for shard in shards]
    hdf5_write(path, np.concatenate([p["features"][:] for p in parts]), [i.decode() for p in parts for i in p["ids"][:]])


def timed(work):
    return best(1, work)


def prepare(folder):
    """Makes the rows, and says what they are read and written with."""
    generator = np.random.default_rng(1)
    np.save(os.path.join(folder, "m.npy"), generator.standard_normal((ROWS, DIMENSION), "f4"))
    ids = [f"{row:08d}_57_F11_1" for row in range(ROWS)]
    for name, rows in (("i.csv", ids), ("picks.csv", [ids[i] for i in generator.choice(ROWS, PICKS, replace=False)])):
        with open(os.path.join(folder, name), "w") as out:
            out.write("\n".join(["Id"] + rows) + "\n")
    return (f"Python {platform.python_version()}, NumPy {np.__version__}, py-lmdb {lmdb.__version__} (LMDB {'.'.join(map(str, lmdb.version()))}), "
            f"h5py {h5py.__version__} (HDF5 {h5py.version.hdf5_version})")


def worker(kind, task, path, arguments):
    if task in ("write", "shards"):
        features, ids = np.load(arguments[0]), read_ids(arguments[1])
        put = lmdb_write if kind == "lmdb" else hdf5_write
        if task == "write":
            return timed(lambda: put(path, features, ids))
        half = len(ids) // 2
        return timed(lambda: (put(path + "-0", features[:half], ids[:half]), put(path + "-1", features[half:], ids[half:])))
    if task == "verify":
        return best(3, (lambda: lmdb_scan(path, keep=False)) if kind == "lmdb" else (lambda: hdf5_scan(path)))
    if task == "scan":
        return best(3, (lambda: lmdb_scan(path)) if kind == "lmdb" else (lambda: hdf5_scan(path)))
    if task == "random":
        return (lmdb_random if kind == "lmdb" else hdf5_random)(path, read_ids(arguments[0]))
    return timed(lambda: (lmdb_merge if kind == "lmdb" else hdf5_merge)(path, arguments))


def run(command):
    """What the process printed (JSON), and its peak memory in MB."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            raise SystemExit(f"{command}: status {status}")
        out.seek(0)
        return json.load(out), usage.ru_maxrss / 1024


def main():
    if not os.path.exists(PROGRAM):
        raise SystemExit("store-bench is not built: make bench")
    folder = tempfile.mkdtemp(prefix="hpa-bench-", dir=os.environ.get("HPA_BENCH_FOLDER"))
    try:
        table(folder)
    finally:
        shutil.rmtree(folder)


def table(folder):
    file = lambda name: os.path.join(folder, name)
    python = [sys.executable, os.path.abspath(__file__), "worker"]
    versions = run(python + ["prepare", folder])[0]
    size = ROWS * DIMENSION * 4
    copy, _ = run([PROGRAM, "copy", str(size)])
    bandwidth, new_bandwidth = copy["bytes_per_second"], copy["new_bytes_per_second"]
    contenders = {"hpa-feat": [PROGRAM], "py-lmdb": python + ["lmdb"], "h5py": python + ["hdf5"]}
    tasks = [
        ("write", ROWS, [file("m.npy"), file("i.csv")]), ("verify", ROWS, []), ("scan", ROWS, []), ("random", PICKS, [file("picks.csv")]),
        ("shards", ROWS, [file("m.npy"), file("i.csv")]), ("merge", ROWS, None),
    ]
    print(f"{ROWS} rows of {DIMENSION} float32; {os.cpu_count()} processors ({measuring.processor()}); {versions}")
    print(f"copy bandwidth of the machine: {bandwidth / 1e9:.2f} GB/s (memcpy by all processors between arrays that are there already), "
          f"{new_bandwidth / 1e9:.2f} GB/s into an array that is new\n")
    print("| work | " + " | ".join(f"{name}: rows/s | s | peak MB" for name in contenders) + " |")
    print("|---|" + "--:|--:|--:|" * len(contenders))
    scan = {}
    for task, rows, arguments in tasks:
        cells = []
        for name, command in contenders.items():
            path = file(name)
            target, given = (file(name + "-merged"), [path + "-0", path + "-1"]) if task == "merge" else (path, arguments)
            result, memory = run(command + [task, target] + given)
            if task == "scan":
                scan[name] = result
            cells.append(f"{rows / result['seconds']:,.0f} | {result['seconds']:.3f} | {memory:,.0f}")
        if task != "shards":
            print(f"| {task} | " + " | ".join(cells) + " |", flush=True)
    print()
    for name, result in scan.items():
        print(f"full scan, {name}: {size / result['seconds'] / 1e9:.2f} GB/s = {100 * size / result['seconds'] / new_bandwidth:.0f} % of copy bandwidth into new memory")
    ours = scan["hpa-feat"]
    for what, key in (("into memory that is there already", "resident_seconds"), ("the first after opening", "first_seconds"), ("with the ids as texts", "with_ids_seconds")):
        print(f"hpa-feat's full scan {what}: {ours[key]:.3f} s, {100 * size / ours[key] / bandwidth:.0f} %")


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        if sys.argv[2] == "prepare":
            print(json.dumps(prepare(sys.argv[3])))
        else:
            print(json.dumps({"seconds": worker(sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:])}))
    else:
        main()
