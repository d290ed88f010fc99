#!/usr/bin/env python3
"""Reference values of every backbone from the Python packages that its weights come from.

    scripts/make-goldens.py SEED [--out .goldens/SEED] [--only NAME]

For each network: random weights (batch statistics and affine parts included), uint8 images of an odd size, the features and logits that
PyTorch gives in evaluation and in training mode (batch statistics, no dropout), and the loss, parameters and statistics
of one training step. Two safetensors files a network; the parameters, the operations and the smallest image that PyTorch takes stand in the
metadata of the weights.
"""
import argparse
import bisect
import copy
import os
import pathlib
import sys

import torch
from safetensors.numpy import save_file
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import networks
from networks import arrays, forward, random_images

SIZES = {
    "inceptionv3": 107, "inceptionv4": 107, "xception": 101, "vgg16_bn": 67, "resnet18": 75, "resnet34": 75, "resnet50": 75,
    "resnext50_32x4d": 75, "se_resnet50": 75, "se_resnext50_32x4d": 75,
}


def write(tensors, path, metadata=None):
    """Whole or not at all: two test processes may make the same file."""
    aside = path.with_name(f"{path.name}.part-{os.getpid()}")
    save_file(tensors, aside, metadata)
    aside.replace(path)


def facts(name):
    """Without numbers: on the meta device only shapes are computed."""
    network = networks.build(name).to("meta").eval()

    def run(side):
        return forward(network, torch.zeros(1, networks.CHANNELS, side, side, device="meta"))

    outputs = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda module, inputs, output: outputs.append(output.numel()))
    counter = FlopCounterMode(display=False)
    with counter:
        run(512)
    activations = sum(outputs)

    def takes(side):
        try:
            run(side)
            return True
        except RuntimeError:
            return False

    return {
        "parameters": str(sum(parameter.numel() for parameter in network.parameters())),
        "operations": str(counter.get_total_flops()),
        "activations": str(activations),
        "width": str(network.last_linear[0].num_features),
        "smallest": str(1 + bisect.bisect_left(range(1, 512), True, key=takes)),
    }


def step(network, images, targets):
    """One step as the HPAIC team trained, without dropout."""
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    networks.train_without_dropout(network)
    features, logits = forward(network, images)
    loss = nn.MultiLabelSoftMarginLoss()(logits, targets)
    loss.backward()
    optimiser.step()
    return {"train_features": features, "train_logits": logits, "loss": loss}


@torch.no_grad()
def keep_from_corner(network, images):
    """Moves the bias of the features so that none lies near 0 in the step to come: at the corner of the head's ReLU rounding decides
    whether an image has a gradient at all, and with six images that is no small part of it."""
    trained = copy.deepcopy(network)  # its running statistics move
    networks.train_without_dropout(trained)
    features, _ = forward(trained, images)
    margin = 1e-3 * features.abs().max()
    for column, bias in zip(features.T, network.last_linear[2].bias):
        while (column.abs() < margin).any():
            column += 2 * margin
            bias += 2 * margin


def make(name, seed, folder):
    torch.manual_seed(seed)
    network = networks.build(name)
    images = random_images(SIZES[name])
    networks.randomise(network, lambda: forward(network, random_images(SIZES[name]).float()))
    keep_from_corner(network, images.float())
    targets = (torch.rand(networks.IMAGES, networks.CLASSES) < 0.2).float()
    weights = arrays(network.state_dict())
    with torch.no_grad():
        features, logits = forward(network, images.float())
    expected = {"features": features, "logits": logits, **step(network, images.float(), targets), "targets": targets}
    moved = {f"moved.{name}": array for name, array in arrays(network.state_dict()).items()}

    folder.mkdir(parents=True, exist_ok=True)
    write(weights, folder / f"{name}.weights.safetensors", {"backbone": name, **facts(name)})
    write({"images": images.numpy(), **arrays(expected), **moved}, folder / f"{name}.expected.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seed", type=int)
    parser.add_argument("--out", type=pathlib.Path, help="a folder; .goldens/SEED of the project where it is left out")
    parser.add_argument("--only", choices=sorted(SIZES), help="one network")
    options = parser.parse_args()
    folder = options.out or pathlib.Path(__file__).parent.parent / ".goldens" / str(options.seed)
    for name in [options.only] if options.only else SIZES:
        make(name, options.seed, folder)


if __name__ == "__main__":
    main()
