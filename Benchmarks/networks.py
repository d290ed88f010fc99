"""Features of images in memory: hpa-feat against PyTorch, ONNX Runtime and OpenVINO, on the same weights in the same run: make bench

Every program is a process of its own that is warmed up and then measured for HPA_BENCH_SECONDS (8); the processes of a round follow one another and the
rounds (HPA_BENCH_ROUNDS, 3) are repeated. Each program runs with one and with four images at a time; the table shows the better median. Weights are random:
the time does not depend on them. HPA_BENCH_NETWORKS and HPA_BENCH_PEERS name others than all.

"of the peak" is the rate times the multiplications and additions of the network as they are defined, over those of one large convolution by oneDNN, which
is measured in every round, too. Winograd's filters need fewer, so it can be above 100 %.
"""
import json, os, pathlib, statistics, subprocess, sys, tempfile

import measuring

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "scripts"))
PROGRAM = HERE.parent / ".build" / "release" / "network-bench"
SIZE, THREADS, BATCHES = 512, os.cpu_count(), (1, 4)
SECONDS, ROUNDS = float(os.environ.get("HPA_BENCH_SECONDS", 8)), int(os.environ.get("HPA_BENCH_ROUNDS", 3))
NETWORKS = os.environ.get("HPA_BENCH_NETWORKS", "inceptionv3 inceptionv4 xception").split()
# 10^9 multiplications and additions of an image.
COSTS = {"inceptionv3": 35.1, "inceptionv4": 75.4, "xception": 47.8}
OURS = "hpa-feat"
PEERS = {"fp32": ["PyTorch eager", "PyTorch compiled", "ONNX Runtime", "OpenVINO"], "bf16": ["PyTorch eager", "PyTorch compiled", "OpenVINO"]}


def whole(made):
    """The network with its pool and head: images in, features out."""
    import networks, torch

    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = made

        def forward(self, images):
            return networks.forward(self.network, images)[0]
    return Whole().eval()


def network(name, weights):
    import networks, torch
    from safetensors.torch import load_file
    torch.set_num_threads(THREADS)
    made = networks.build(name)
    made.load_state_dict(load_file(weights))
    return whole(made).to(memory_format=torch.channels_last)


def prepare(folder):
    import networks, torch
    from safetensors.torch import save_file
    for name in NETWORKS:
        torch.manual_seed(1)
        made = networks.build(name)
        save_file({key: value.contiguous() for key, value in made.state_dict().items()}, f"{folder}/{name}.safetensors", {"backbone": name, "size": str(SIZE)})
        for batch in BATCHES:
            torch.onnx.export(whole(made), torch.rand(batch, 4, SIZE, SIZE), f"{folder}/{name}-{batch}.onnx", dynamo=False, opset_version=17)


# --- What is measured: a function of no arguments that computes one batch ---

def pytorch(name, folder, precision, batch, is_compiled):
    import torch
    made, images = network(name, f"{folder}/{name}.safetensors"), torch.rand(batch, 4, SIZE, SIZE).contiguous(memory_format=torch.channels_last)
    if precision == "bf16":
        made, images = made.bfloat16(), images.bfloat16()
    if is_compiled:
        import torch._inductor.config
        torch._inductor.config.freezing = True
        made = torch.compile(made)

    def work():
        with torch.inference_mode(False), torch.no_grad():
            made(images)
    return work


def onnx_runtime(name, folder, batch):
    import numpy, onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(f"{folder}/{name}-{batch}.onnx", options, providers=["CPUExecutionProvider"])
    images = {session.get_inputs()[0].name: numpy.random.rand(batch, 4, SIZE, SIZE).astype("f4")}
    return lambda: session.run(None, images)


def openvino(name, folder, precision, batch):
    import numpy
    import openvino as library
    made = library.Core().compile_model(
        f"{folder}/{name}-{batch}.onnx", "CPU",
        {"INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32", "INFERENCE_NUM_THREADS": THREADS, "PERFORMANCE_HINT": "LATENCY"})
    request, images = made.create_infer_request(), numpy.random.rand(batch, 4, SIZE, SIZE).astype("f4")
    return lambda: request.infer({0: images})


def peak(precision):
    """10^9 multiplications and additions a second of a convolution that suits oneDNN: 3 x 3, 256 channels to 256."""
    import torch
    torch.set_num_threads(THREADS)
    kind, side, channels = torch.bfloat16 if precision == "bf16" else torch.float32, 64, 256
    made = torch.nn.Conv2d(channels, channels, 3, padding=1).to(kind, memory_format=torch.channels_last)
    images = torch.rand(4, channels, side, side).to(kind, memory_format=torch.channels_last)
    with torch.inference_mode():
        return 2 * 4 * side * side * channels * channels * 9 / 1e9 / measuring.median_seconds(lambda: made(images), min(SECONDS, 3))


def worker(program, name, folder, precision, batch):
    batch = int(batch)
    work = {
        "PyTorch eager": lambda: pytorch(name, folder, precision, batch, False), "PyTorch compiled": lambda: pytorch(name, folder, precision, batch, True),
        "ONNX Runtime": lambda: onnx_runtime(name, folder, batch), "OpenVINO": lambda: openvino(name, folder, precision, batch),
    }[program]()
    print(json.dumps({"images_per_second": batch / measuring.median_seconds(work, SECONDS)}))


def measured_peak(precision):
    return float(subprocess.run([sys.executable, __file__, "peak", precision], capture_output=True, text=True, check=True).stdout)


def rate(program, name, folder, precision, batch):
    if program == OURS:
        command = [PROGRAM, f"{folder}/{name}.safetensors", precision, str(batch), str(THREADS), str(SECONDS)]
    else:
        command = [sys.executable, __file__, "worker", program, name, folder, precision, str(batch)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        print(f"{program}, {name}, {precision}: {result.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return 0.0
    return json.loads(result.stdout.strip().splitlines()[-1])["images_per_second"]


def versions():
    return measuring.surroundings(THREADS, "torch", "onnxruntime", "openvino")


def main():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, __file__, "prepare", folder], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        print(f"images of {SIZE} x {SIZE} from memory, images a second; {versions()}\n")
        for precision, peers in PEERS.items():
            peers = [peer for peer in peers if peer in os.environ.get("HPA_BENCH_PEERS", ",".join(peers)).split(",")]
            print(f"| {precision} | {OURS} | " + " | ".join(peers) + " | ours / best | of the peak |\n|---|" + "--:|" * (len(peers) + 3))
            peaks = []
            for name in NETWORKS:
                rates = {}
                for _ in range(ROUNDS):
                    peaks.append(measured_peak(precision))
                    for program in [OURS, *peers]:
                        for batch in BATCHES:
                            rates.setdefault(program, {}).setdefault(batch, []).append(rate(program, name, folder, precision, batch))
                best = {program: max((statistics.median(found), batch) for batch, found in by_batch.items()) for program, by_batch in rates.items()}
                ratio = best[OURS][0] / max(best[peer][0] for peer in peers)
                cells = " | ".join(f"{found:.2f} ({batch})" for found, batch in best.values())
                share = best[OURS][0] * COSTS[name] / statistics.median(peaks)
                print(f"| {name} | {cells} | {ratio:.2f} | {share:.0%} |", flush=True)
            print(f"\nPeak of a convolution by oneDNN in {precision}: {statistics.median(peaks):.0f} GFLOP/s ({min(peaks):.0f} to {max(peaks):.0f})\n")


if sys.argv[1:2] == ["worker"]:
    worker(*sys.argv[2:])
elif sys.argv[1:2] == ["peak"]:
    print(peak(sys.argv[2]))
elif sys.argv[1:2] == ["prepare"]:
    prepare(sys.argv[2])
else:
    main()
