"""The stacker's training: hpa-feat against the same network in PyTorch eager, on the same rows in the same run: make bench

31,072 rows of 3840 numbers of length 1, 28 labels that the rows tell of; SGD, batches of 512, the learning rate of every tenth epoch a tenth, the loss of the rows
that a fold holds out after each epoch. The programs follow one another HPA_BENCH_ROUNDS (1) times; HPA_BENCH_FOLDS (10) folds of ten are trained for
HPA_BENCH_EPOCHS (30) epochs. PyTorch gathers its batches from one tensor and uses its fused optimiser.
"""
import json, os, pathlib, statistics, subprocess, sys, tempfile, time

import measuring

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = HERE.parent / ".build" / "release" / "stacker-bench"
ROWS, COLUMNS, CLASSES, DIVISION, BATCH, THREADS = 31_072, 3840, 28, 10, 512, os.cpu_count()
FOLDS, EPOCHS, ROUNDS = (int(os.environ.get(f"HPA_BENCH_{name}", value)) for name, value in (("FOLDS", 10), ("EPOCHS", 30), ("ROUNDS", 1)))
OURS, PEER = "hpa-feat", "PyTorch eager"


def prepare(folder):
    import numpy as np
    generator = np.random.default_rng(1)
    labels = (generator.random((ROWS, CLASSES)) < 1 / np.arange(2, CLASSES + 2)).astype("<f4")
    features = labels @ generator.standard_normal((CLASSES, COLUMNS), "f4") + 6 * generator.standard_normal((ROWS, COLUMNS), "f4")
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    np.save(f"{folder}/features.npy", features)
    np.save(f"{folder}/labels.npy", labels)


def worker(folder):
    import numpy as np, torch
    from torch import nn
    torch.set_num_threads(THREADS)
    features, labels = (torch.from_numpy(np.load(f"{folder}/{name}.npy")) for name in ("features", "labels"))
    loss_function, best = nn.MultiLabelSoftMarginLoss(), []
    begin = time.perf_counter()
    for fold in range(FOLDS):
        torch.manual_seed(fold)
        network = nn.Sequential(
            nn.BatchNorm1d(COLUMNS), nn.Dropout(0.5), nn.Linear(COLUMNS, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, CLASSES))
        optimiser = torch.optim.SGD(network.parameters(), lr=0.5, momentum=0.9, weight_decay=1e-4, fused=True)
        scheduler = torch.optim.lr_scheduler.StepLR(optimiser, 10, 0.1)
        rows = torch.arange(ROWS)
        training, held = rows[rows % DIVISION != fold], rows[rows % DIVISION == fold]
        held_features, held_labels, losses = features[held], labels[held], []
        for _ in range(EPOCHS):
            network.train()
            for batch in training[torch.randperm(len(training))].split(BATCH):
                optimiser.zero_grad(set_to_none=True)
                loss_function(network(features[batch]), labels[batch]).backward()
                optimiser.step()
            scheduler.step()
            network.eval()
            with torch.inference_mode():
                losses.append(loss_function(network(held_features), held_labels).item())
        best.append(min(losses))
    print(json.dumps({"seconds": time.perf_counter() - begin, "loss": statistics.mean(best)}))


def measured(program, folder):
    ours = [PROGRAM, f"{folder}/features.npy", f"{folder}/labels.npy", str(FOLDS), str(EPOCHS), str(THREADS)]
    result = subprocess.run(ours if program == OURS else [sys.executable, __file__, "worker", folder], stdout=subprocess.PIPE, check=True)
    return json.loads(result.stdout.splitlines()[-1])


def main():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, __file__, "prepare", folder], check=True)
        found = {OURS: [], PEER: []}
        for _ in range(ROUNDS):
            for program, results in found.items():
                results.append(measured(program, folder))
    print(f"the stacker on {ROWS} x {COLUMNS}, {FOLDS} of {DIVISION} folds, {EPOCHS} epochs; "
          f"{measuring.surroundings(THREADS, 'torch')}\n")
    print("| program | seconds | held-out loss |\n|---|--:|--:|")
    seconds = {program: statistics.median(result["seconds"] for result in results) for program, results in found.items()}
    for program, results in found.items():
        print(f"| {program} | {seconds[program]:.1f} | {statistics.median(result['loss'] for result in results):.5f} |")
    print(f"\nPyTorch takes {seconds[PEER] / seconds[OURS]:.2f} times as long.")


if sys.argv[1:2] == ["worker"]:
    worker(sys.argv[2])
elif sys.argv[1:2] == ["prepare"]:
    prepare(sys.argv[2])
else:
    main()
