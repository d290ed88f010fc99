"""Exact search against faiss-cpu, usearch, NumPy and PyTorch, on the same rows in the same run: make bench

Every search is a process of its own. The searches of a round follow one another, and the rounds are repeated, so that what else the machine
does meets all of them; the table shows medians. What takes longer than 15 s runs once in all. Ours is the verb itself, its seconds those that it states for the search: from features in
memory to matches in memory, lengths and ids included. The others get rows of length 1 in memory; what they add to their index counts.
Peak memory is what is taken beside the features. HPA_BENCH_ROUNDS and HPA_BENCH_FOLDER change the run.
"""
import json, os, platform, shutil, statistics, subprocess, sys, tempfile, time

import measuring

if sys.argv[1:2] == ["worker"]:  # What starts the workers stays small: a process begins with the peak memory of the one that started it.
    import numpy as np

QUERIES, GALLERY, DIMENSION = 11_702, 105_678, 128
ROUNDS = int(os.environ.get("HPA_BENCH_ROUNDS", 5))
HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "..", ".build", "release", "hpa-feat")
PEERS = ("faiss-cpu", "usearch", "NumPy", "PyTorch")
LONG = 15


# --- Features ---

def alike_rows(path, rows, seed):
    """28 kinds, frequent and rare, whose images have cosines near 0.99, as features of a classifier do."""
    centres = np.random.default_rng(0).standard_normal((28, DIMENSION))
    generator = np.random.default_rng(seed)
    share = 1 / np.arange(1, 29)
    kinds = generator.choice(28, rows, p=share / share.sum())
    spread = 0.1 * np.exp(0.3 * generator.standard_normal((rows, 1)))
    np.save(path, (centres[kinds] + spread * generator.standard_normal((rows, DIMENSION))).astype("<f4"))


# --- The others: nearest k of every query, in blocks where the scores of all pairs would not fit ---

def blocks(count, step=1024):
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def faiss_search(queries, gallery, k, threads):
    import faiss
    faiss.omp_set_num_threads(threads)
    index = faiss.IndexFlatIP(DIMENSION)
    index.add(gallery)
    return index.search(queries, k)


def usearch_search(queries, gallery, k, threads):
    from usearch.index import MetricKind, search
    found = [search(gallery, queries[block], k, MetricKind.IP, exact=True, threads=threads) for block in blocks(len(queries))]
    return 1 - np.concatenate([f.distances.reshape(-1, k) for f in found]), np.concatenate([f.keys.reshape(-1, k) for f in found])


def numpy_search(queries, gallery, k, threads):
    scores, rows = np.empty((len(queries), k), "f4"), np.empty((len(queries), k), "i8")
    for block in blocks(len(queries)):
        product = queries[block] @ gallery.T
        if k == 1:
            rows[block, 0] = product.argmax(1)
        else:
            near = np.argpartition(product, -k)[:, -k:]
            order = np.argsort(-np.take_along_axis(product, near, 1), kind="stable")
            rows[block] = np.take_along_axis(near, order, 1)
        scores[block] = np.take_along_axis(product, rows[block], 1)
    return scores, rows


def torch_search(queries, gallery, k, threads):
    import torch
    torch.set_num_threads(threads)
    left, right = torch.from_numpy(queries), torch.from_numpy(gallery)
    found = [torch.topk(left[block] @ right.T, k) for block in blocks(len(queries))]
    return torch.cat([f.values for f in found]).numpy(), torch.cat([f.indices for f in found]).numpy()


SEARCHES = dict(zip(PEERS, (faiss_search, usearch_search, numpy_search, torch_search)))


def memory(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) / 1024


def worker(name, folder, queries, gallery, amount, threads):
    kind, count = amount.split("=")
    q, g = (np.load(os.path.join(folder, file)) for file in (queries, gallery))
    for rows in (q, g):
        for block in blocks(len(rows), 1 << 16):
            rows[block] /= np.linalg.norm(rows[block], axis=1, keepdims=True)
    search = SEARCHES[name]
    search(q[:8], g[:512], 1, threads)  # Libraries are loaded before the clock runs.
    before = memory("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # The peak begins anew.
    start = time.perf_counter()
    scores, rows = search(q, g, 1 if kind == "top" else int(count), threads)
    if kind == "top":
        best = np.argsort(-scores[:, 0], kind="stable")[:int(count)]
        pairs = np.stack([best, rows[best, 0]], 1)
    else:
        pairs = np.stack([np.repeat(np.arange(len(q)), rows.shape[1]), rows.ravel()], 1)
    seconds = time.perf_counter() - start
    peak = memory("VmHWM") - before
    np.save(os.path.join(folder, name + ".pairs.npy"), pairs)
    return {"seconds": seconds, "memory": peak}


def agreement(folder, name):
    """The share of our pairs that another search found, too."""
    ours = np.loadtxt(os.path.join(folder, "ours.csv"), delimiter=",", skiprows=1, usecols=(0, 1), dtype="i8", ndmin=2)
    theirs = set(map(tuple, np.load(os.path.join(folder, name + ".pairs.npy")).tolist()))
    return sum(pair in theirs for pair in map(tuple, ours.tolist())), len(ours)


def versions():
    import faiss, torch, usearch
    return (f"Python {platform.python_version()}, faiss-cpu {faiss.__version__}, usearch {usearch.__version__}, NumPy {np.__version__}, "
            f"PyTorch {torch.__version__}")


# --- What starts them ---

def run(command, environment=None):
    """What the process printed last (JSON), its seconds, and its peak memory in MB."""
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, env={**os.environ, **(environment or {})})
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        if status != 0:
            raise SystemExit(f"{command}: status {status}")
        out.seek(0)
        return json.loads(out.read().splitlines()[-1]), seconds, usage.ru_maxrss / 1024


def python(*arguments, threads=None):
    environment = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")} if threads else {}
    return run([sys.executable, os.path.abspath(__file__), "worker", *map(str, arguments)], environment)[0]


def ours(folder, queries, gallery, amount, threads, kernel=""):
    file = lambda name: os.path.join(folder, name)
    kind, count = amount.split("=")
    command = [PROGRAM, "search", "--queries", file(queries), "--gallery", file(gallery), "--" + kind, count, "--threads", str(threads),
               "--out", file("ours.csv"), "--json", "--quiet"]
    summary, seconds, peak = run(command, {"HPA_SEARCH_KERNEL": kernel})
    features = sum(os.path.getsize(file(name)) for name in (queries, gallery)) / (1 << 20)
    return {"seconds": summary["search_seconds"], "memory": peak - features, "whole": seconds, "summary": summary}


def compare(folder, queries, gallery, amount, threads, peers):
    """Returns the peers that are quick enough to run again."""
    contenders = {"hpa-feat": lambda: ours(folder, queries, gallery, amount, threads)}
    for name in peers:
        contenders[name] = lambda name=name: python(name, folder, queries, gallery, amount, threads, threads=threads)
    results = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, search in contenders.items():
            if not results[name] or results[name][-1]["seconds"] < LONG:
                results[name].append(search())
    median = {name: statistics.median(r["seconds"] for r in found) for name, found in results.items()}
    best = min(median[name] for name in peers)
    summary = results["hpa-feat"][-1]["summary"]
    print(f"\n{amount}, {queries} x {gallery}, {threads} threads; {summary['candidates']:,} candidates, margin {summary['error_bound']:.4g}, "
          f"{summary['rescored']:,} re-scored ({summary['kernel']}); the whole verb {statistics.median(r['whole'] for r in results['hpa-feat']):.2f} s")
    print("| search | s (median) | fastest | times ours | MB beside the features | pairs as ours |\n|---|--:|--:|--:|--:|--:|")
    for name, found in results.items():
        same = "" if name == "hpa-feat" else "{:,} of {:,}".format(*python("agreement", folder, name))
        print(f"| {name} | {median[name]:.3f} | {min(r['seconds'] for r in found):.3f} | {median[name] / median['hpa-feat']:.2f} | "
              f"{max(r['memory'] for r in found):,.0f} | {same} |")
    print(f"the best of the others takes {best / median['hpa-feat']:.1f} times as long", flush=True)
    return [name for name in peers if median[name] < LONG]


def kernels(folder):
    print(f"\ntop=300, rq.npy x rg.npy, 2 threads, each kernel\n| kernel | s | candidates | re-scored |\n|---|--:|--:|--:|")
    for kernel in ("avx512", "avx2", "plain"):
        found = [ours(folder, "rq.npy", "rg.npy", "top=300", 2, kernel) for _ in range(3)]
        summary = found[0]["summary"]
        print(f"| {kernel} | {min(r['seconds'] for r in found):.3f} | {summary['candidates']:,} | {summary['rescored']:,} |", flush=True)


def main():
    if not os.path.exists(PROGRAM):
        raise SystemExit("hpa-feat is not built: make bench")
    folder = tempfile.mkdtemp(prefix="hpa-bench-", dir=os.environ.get("HPA_BENCH_FOLDER"))
    try:
        print(f"{QUERIES} x {GALLERY} rows of {DIMENSION} float32; {os.cpu_count()} processors ({measuring.processor()}); {python('versions')}; {ROUNDS} rounds")
        peers = PEERS
        for kind in ("random", "alike"):
            for side, rows, seed in (("q", QUERIES, 1), ("g", GALLERY, 2)):
                python(kind, os.path.join(folder, kind[0] + side + ".npy"), rows, seed)
            for amount in ("top=300", "k=1", "k=10"):
                peers = compare(folder, kind[0] + "q.npy", kind[0] + "g.npy", amount, 2, peers)
        kernels(folder)
    finally:
        shutil.rmtree(folder)


def work(task, *arguments):
    if task in ("random", "alike"):
        path, rows, seed = arguments[0], int(arguments[1]), int(arguments[2])
        measuring.random_rows(path, rows, DIMENSION, seed) if task == "random" else alike_rows(path, rows, seed)
        return None
    if task == "agreement":
        return agreement(*arguments)
    if task == "versions":
        return versions()
    return worker(task, *arguments[:4], int(arguments[4]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        print(json.dumps(work(*sys.argv[2:])))
    else:
        main()
