"""How the cost of an exact search grows with the gallery and with k: make bench

1,000 random queries of 128 float32 against 10^5, 10^6 and 10^7 random rows: the nearest 1, 10 and 300 of each query, and the best 300 pairs overall,
with one and with two threads. Every search is a process of its own, the verb itself: `hpa-feat search --json`. Seconds are those that it states for
the search, from features in memory to matches in memory; reading and writing are beside them. The fastest of three rounds counts; what takes longer
than 5 s runs once, if other processes took less than 5 % of the processors meanwhile ("others" says how much). MB are 10^6 bytes of peak memory less
the features; "promised" is what docs/search.md says, and the peak of a search among 64 rows for the program itself.

10^7 rows take 5.2 GB of disk and 7 GB of memory. HPA_BENCH_ROWS (of the galleries), HPA_BENCH_FOLDER and HPA_BENCH_PREFIX (a command that starts
every process, such as "taskset -c 0,1") change the run. The table is also written as .build/search-growth.csv; `growth.py draw` draws
docs/search-growth.png of it.
"""
import csv, importlib.metadata, json, os, pathlib, platform, shlex, subprocess, sys, tempfile, time

import measuring

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = HERE.parent / ".build" / "release" / "hpa-feat"
TABLE = HERE.parent / ".build" / "search-growth.csv"
PICTURE = HERE.parent / "docs" / "search-growth.png"
PREFIX = shlex.split(os.environ.get("HPA_BENCH_PREFIX", ""))
SIZES = [int(rows) for rows in os.environ.get("HPA_BENCH_ROWS", "100000 1000000 10000000").split()]
QUERIES, DIMENSION, ROUNDS, LONG, QUIET, MB = 1_000, 128, 3, 5, 0.05, 1e6
AMOUNTS, THREADS = (("k", 1), ("k", 10), ("k", 300), ("top", 300)), (1, 2)


# --- Measuring. What starts the searches stays small: a process begins with the peak memory of the one that started it. ---

def write_rows(path, rows, seed):
    subprocess.run([*PREFIX, sys.executable, __file__, "rows", path, str(rows), str(seed)], check=True)


def processor_seconds():
    """That all processes used together."""
    with open("/proc/stat") as stat:
        user, nice, system, _, _, interrupts, *_ = map(int, stat.readline().split()[1:])
    return (user + nice + system + interrupts) / os.sysconf("SC_CLK_TCK")


def search(folder, queries, gallery, amount, threads):
    """What the verb states of itself, its peak memory beside the features in MB, and the share of the processors that other processes took."""
    files = [f"{folder}/{name}.npy" for name in (queries, gallery)]
    kind, count = amount
    begun, used = time.perf_counter(), processor_seconds()
    process = subprocess.Popen(
        [*PREFIX, PROGRAM, "search", "--queries", files[0], "--gallery", files[1], f"--{kind}", str(count), "--threads", str(threads),
         "--out", f"{folder}/matches.csv", "--json", "--quiet"], stdout=subprocess.PIPE)
    stated = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"hpa-feat search: status {status}")
    others = processor_seconds() - used - usage.ru_utime - usage.ru_stime
    return {**json.loads(stated), "megabytes": (usage.ru_maxrss * 1024 - sum(map(os.path.getsize, files))) / MB,
            "others": max(0, others) / (time.perf_counter() - begun) / os.cpu_count()}


def fastest(find):
    found = [find()]
    while len(found) < ROUNDS and (found[-1]["search_seconds"] < LONG or found[-1]["others"] > QUIET):
        found.append(find())
    best = min(found, key=lambda one: one["search_seconds"])
    names = ("load_seconds", "search_seconds", "write_seconds", "candidates", "rescored", "others")
    return {**{name: best[name] for name in names}, "megabytes": max(one["megabytes"] for one in found)}


def promised(rows, amount, threads, program):
    """MB as docs/search.md counts them."""
    wanted = 1 if amount[0] == "top" else amount[1]
    block = 96 * 12 * (min(4 * wanted, rows) + 128)
    return program + (rows * (DIMENSION + 24 + 24) + QUERIES * (16 + 48) * wanted + threads * block) / MB


def measure(folder):
    write_rows(f"{folder}/queries.npy", QUERIES, 1)
    write_rows(f"{folder}/few.npy", 64, 2)
    program = search(folder, "few", "few", ("k", 1), 1)["megabytes"]
    print(f"the program itself: {program:.0f} MB\n\n| gallery | amount | threads | s | ns a pair | candidates | re-scored | "
          "reading, s | writing, s | MB | promised | others |\n|--:|---|" + "--:|" * 10)
    for rows in SIZES:
        write_rows(f"{folder}/gallery.npy", rows, 3)
        for amount in AMOUNTS:
            for threads in THREADS:
                found = fastest(lambda: search(folder, "queries", "gallery", amount, threads))
                row = {"rows": rows, "amount": f"--{amount[0]} {amount[1]}", "threads": threads, **found,
                       "promised": promised(rows, amount, threads, program)}
                print(line(row), flush=True)
                yield row


def line(row):
    pair = 1e9 * row["search_seconds"] / row["rows"] / QUERIES
    return (f"| {row['rows']:,} | `{row['amount']}` | {row['threads']} | {row['search_seconds']:.3f} | {pair:.2f} | {row['candidates']:,.0f} | "
            f"{row['rescored']:,.0f} | {row['load_seconds']:.2f} | {row['write_seconds']:.2f} | {row['megabytes']:,.0f} | {row['promised']:,.0f} | "
            f"{row['others']:.0%} |")


def machine():
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    version = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return (f"{os.cpu_count()} processors ({measuring.processor()}), {memory:.0f} GiB; hpa-feat {version}; Python {platform.python_version()}, "
            f"NumPy {importlib.metadata.version('numpy')}, Matplotlib {importlib.metadata.version('matplotlib')}")


# --- Drawing ---

LOOKS = {"--k 1": ("#0072b2", "o", 6), "--k 10": ("#009e73", "s", 8), "--k 300": ("#d55e00", "^", 8), "--top 300": ("#7b3f98", "D", 11)}


def draw_seconds(panel, series):
    sizes = [row["rows"] for row in series["--k 1", 2]]
    panel.plot(sizes, [rows / 2e6 for rows in sizes], color="0.6", linewidth=1, label="in proportion to rows")
    for (amount, threads), rows in series.items():
        colour, marker, _ = LOOKS[amount]
        panel.plot(
            [row["rows"] for row in rows], [row["search_seconds"] for row in rows], color=colour, marker=marker, markersize=5,
            linestyle="-" if threads == 2 else "--", label=f"{amount}, {threads} thread{'s' if threads > 1 else ''}")
    panel.set(title=f"Time of searching, {QUERIES:,} queries", ylabel="seconds", ylim=(0.04, 100))
    panel.legend(ncols=2, loc="upper left", fontsize=9.5, handlelength=3)


def draw_memory(panel, series):
    sizes = [row["rows"] for row in series["--k 1", 2]]
    panel.plot(sizes, [4 * DIMENSION * rows / MB for rows in sizes], color="0.75", linewidth=4, label="the gallery's features themselves")
    for amount, style in (("--k 1", "-"), ("--k 300", "--")):
        panel.plot(sizes, [row["promised"] for row in series[amount, 2]], color=LOOKS[amount][0], linestyle=style, label=f"{amount}, promised")
    for amount, (colour, marker, size) in LOOKS.items():
        found = [row["megabytes"] for row in series[amount, 2]]
        panel.plot(sizes, found, marker, color=colour, markersize=size, fillstyle="none", markeredgewidth=1.6, label=f"{amount}, measured")
    panel.set(title="Peak memory beside the features, 2 threads", ylabel="MB ($10^6$ bytes)", ylim=(30, 10_000))
    panel.legend(loc="upper left", fontsize=9.5, handlelength=3)


def draw():
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    series = {}
    with open(TABLE, newline="") as table:
        for row in csv.DictReader(table):
            numbers = {name: float(row[name]) for name in ("rows", "search_seconds", "megabytes", "promised")}
            series.setdefault((row["amount"], int(row["threads"])), []).append(numbers)
    pyplot.rcParams.update({"font.size": 11, "axes.titlesize": 12})
    figure, panels = pyplot.subplots(1, 2, figsize=(12, 5.2), layout="constrained")
    for panel, draw_panel in zip(panels, (draw_seconds, draw_memory)):
        draw_panel(panel, series)
        panel.set(xscale="log", yscale="log", xlabel=f"gallery, rows of {DIMENSION} float32")
        panel.yaxis.set_major_formatter("{x:,g}")
        panel.grid(which="major", color="0.88")
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(PICTURE, dpi=150)


def main():
    print(f"{QUERIES:,} queries of {DIMENSION} float32; {machine()}")
    with tempfile.TemporaryDirectory(prefix="hpa-bench-", dir=os.environ.get("HPA_BENCH_FOLDER")) as folder:
        rows = list(measure(folder))
    with open(TABLE, "w", newline="") as out:
        table = csv.DictWriter(out, rows[0].keys())
        table.writeheader()
        table.writerows(rows)
    draw()


if sys.argv[1:2] == ["rows"]:
    measuring.random_rows(sys.argv[2], int(sys.argv[3]), DIMENSION, int(sys.argv[4]))
elif sys.argv[1:2] == ["draw"]:
    draw()
else:
    main()
