"""A step of training: hpa-feat against PyTorch eager with channels last and its fused optimiser, in the same run: make bench

The programs are processes that follow one another, HPA_BENCH_ROUNDS (3) times; each takes the median step of HPA_BENCH_SECONDS (15) after two that warm
it up. A step is forward, backward and SGD with momentum on a batch of 8 images of 299 x 299 in memory, from bytes to the loss. Weights are random: the time
does not depend on them. HPA_BENCH_NETWORKS names others than Inception-v4.
"""
import json, os, pathlib, statistics, subprocess, sys

import measuring

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "scripts"))
PROGRAM = HERE.parent / ".build" / "release" / "training-bench"
SIZE, BATCH, THREADS = 299, 8, os.cpu_count()
SECONDS, ROUNDS = float(os.environ.get("HPA_BENCH_SECONDS", 15)), int(os.environ.get("HPA_BENCH_ROUNDS", 3))
NETWORKS = os.environ.get("HPA_BENCH_NETWORKS", "inceptionv4").split()
OURS, PEER = "hpa-feat", "PyTorch eager"


def worker(name, precision):
    import networks, torch
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    network = networks.build(name).to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4, fused=True)
    loss_function = torch.nn.MultiLabelSoftMarginLoss()
    pixels = torch.randint(0, 256, (BATCH, 4, SIZE, SIZE), dtype=torch.uint8)
    targets = torch.nn.functional.one_hot(torch.arange(BATCH), 28).float()

    def step():
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            logits = networks.forward(network, pixels.float().contiguous(memory_format=torch.channels_last))[1]
        loss = loss_function(logits.float(), targets)
        loss.backward()
        optimiser.step()
        return loss.item()

    print(json.dumps({"seconds": measuring.median_seconds(step, SECONDS, warm_up=2)}))


def seconds(program, name, precision):
    ours = [PROGRAM, name, str(SIZE), str(BATCH), precision, str(THREADS), str(SECONDS)]
    result = subprocess.run(
        ours if program == OURS else [sys.executable, __file__, "worker", name, precision], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return json.loads(result.stdout.splitlines()[-1])["seconds"]


def main():
    print(f"a step of {BATCH} images of {SIZE} x {SIZE}, seconds; {measuring.surroundings(THREADS, 'torch')}\n")
    print(f"| network | | {OURS} | {PEER} | ratio |\n|---|---|--:|--:|--:|")
    for name in NETWORKS:
        for precision in ("fp32", "bf16"):
            times = {OURS: [], PEER: []}
            for _ in range(ROUNDS):
                for program, found in times.items():
                    found.append(seconds(program, name, precision))
            ours, peer = (statistics.median(times[program]) for program in (OURS, PEER))
            print(f"| {name} | {precision} | {ours:.3f} | {peer:.3f} | {peer / ours:.2f} |", flush=True)


if sys.argv[1:2] == ["worker"]:
    worker(*sys.argv[2:])
else:
    main()
