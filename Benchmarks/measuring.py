"""What the benchmarks have in common: a median of times, rows of random numbers, and what they ran on."""
import platform, statistics, time


def processor():
    with open("/proc/cpuinfo") as info:
        return next((line.split(":")[1].strip() for line in info if line.startswith("model name")), platform.machine())


def surroundings(threads, *packages):
    import importlib.metadata as metadata
    versions = ", ".join(f"{package} {metadata.version(package)}" for package in packages)
    return f"{threads} processors ({processor()}); Python {platform.python_version()}, {versions}"


def median_seconds(work, seconds, warm_up=1):
    """Of `work`, repeated for so many seconds and three times at least."""
    for _ in range(warm_up):
        work()
    times, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds or len(times) < 3:
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def random_rows(path, rows, dimension, seed):
    """Normal float32 numbers as .npy, written in parts."""
    import numpy
    generator = numpy.random.default_rng(seed)
    out = numpy.lib.format.open_memmap(path, "w+", "<f4", (rows, dimension))
    for start in range(0, rows, 1 << 16):
        block = out[start:start + (1 << 16)]
        block[:] = generator.standard_normal(block.shape, "f4")
    out.flush()
