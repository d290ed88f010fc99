#!/usr/bin/env python3
"""Reference values of every backbone from the Python packages that its weights come from.

    scripts/make-goldens.py SEED [--out .goldens/SEED] [--only NAME]

For each network: random weights (batch statistics and affine parts included), uint8 images of an odd size, and the features and
logits that PyTorch gives in evaluation and in training mode (batch statistics, no dropout). One safetensors file a network.
"""
import argparse
import os
import pathlib
import warnings

import torch
import torch.nn.functional as functional
from safetensors.numpy import save_file
from torch import nn


def import_networks():
    """torchvision's compiled operators may belong to another build of torch; the networks need none of them."""
    library = torch.library.Library("torchvision", "DEF")
    for schema in ("nms(Tensor a, Tensor b, float c) -> Tensor", "qnms(Tensor a, Tensor b, float c) -> Tensor"):
        try:
            library.define(schema)
        except RuntimeError:
            pass  # a torchvision that matches its torch has registered them
    register_fake = torch.library.register_fake

    def skip_torchvision(operator, *arguments, **options):
        if isinstance(operator, str) and operator.startswith("torchvision::"):
            return lambda function: function
        return register_fake(operator, *arguments, **options)

    torch.library.register_fake = skip_torchvision
    warnings.simplefilter("ignore")  # the packages are older than the Python and the torch that run them
    import pretrainedmodels

    return library, pretrainedmodels


# The library keeps the operators registered for as long as it lives.
LIBRARY, pretrainedmodels = import_networks()

torch.set_num_threads(1)  # small tensors: more threads only wait for each other
IMAGES, CHANNELS, CLASSES, FEATURES = 6, 4, 28, 128


def four_channels(convolution):
    return nn.Conv2d(
        CHANNELS, convolution.out_channels, convolution.kernel_size, convolution.stride, convolution.padding, bias=convolution.bias is not None)


def inceptionv3():
    network = pretrainedmodels.inceptionv3(pretrained=None)  # torchvision's network
    network.aux_logits, network.AuxLogits = False, None
    network.Conv2d_1a_3x3.conv = four_channels(network.Conv2d_1a_3x3.conv)
    return network, 2048


def inceptionv4():
    network = pretrainedmodels.inceptionv4(pretrained=None)
    network.features[0].conv = four_channels(network.features[0].conv)
    return network, 1536


def xception():
    network = pretrainedmodels.xception(pretrained=None)
    network.conv1 = four_channels(network.conv1)
    features = network.features
    network.features = lambda images: functional.relu(features(images))  # the package has this ReLU in `logits`
    return network, 2048


NETWORKS = {"inceptionv3": (inceptionv3, 107), "inceptionv4": (inceptionv4, 107), "xception": (xception, 101)}


def head(width):
    return nn.Sequential(
        nn.BatchNorm1d(width), nn.Dropout(0.5), nn.Linear(width, FEATURES), nn.ReLU(), nn.Dropout(0.5), nn.Linear(FEATURES, CLASSES))


def forward(network, images):
    pooled = functional.adaptive_avg_pool2d(network.features(images / 255), 1).flatten(1)
    layers = network.last_linear
    features = layers[2](layers[1](layers[0](pooled)))
    return features, layers[5](layers[4](layers[3](features)))


def random_images(size):
    """Blotches that differ from image to image; plain noise would look the same to a network once it is pooled, and the batch norm of
    the head would then blow rounding up."""
    blotches = functional.interpolate(torch.rand(IMAGES, CHANNELS, 5, 5), size=size, mode="bilinear") * torch.rand(IMAGES, CHANNELS, 1, 1)
    return (255 * (0.8 * blotches + 0.2 * torch.rand(IMAGES, CHANNELS, size, size))).to(torch.uint8)


def randomise(network, images):
    """Weights after He et al. 2015, and running statistics near the images' own: activations keep their scale through all layers, so
    that a tolerance means the same for every seed. The positive biases let most values through the ReLUs; around zero, a hundred
    layers of batch statistics would blow rounding up a thousandfold (Yang et al. 2019, arXiv 1902.08129)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.weight, 0.5, 1)
            nn.init.normal_(module.bias, 1, 0.2)
            module.momentum = None  # the mean over all batches: here, the statistics of one
    train_without_dropout(network)
    forward(network, images)
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.momentum = 0.1
            module.running_mean += module.running_var.sqrt() * torch.randn_like(module.running_mean) * 0.1
            module.running_var *= torch.empty_like(module.running_var).uniform_(0.8, 1.25)


def train_without_dropout(network):
    network.train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.eval()


def write(tensors, path, metadata=None):
    """Whole or not at all: two test processes may make the same file."""
    aside = path.with_name(f"{path.name}.part-{os.getpid()}")
    save_file(tensors, aside, metadata)
    aside.replace(path)


def arrays(tensors):
    return {name: tensor.detach().clone().contiguous().numpy() for name, tensor in tensors.items()}


@torch.no_grad()
def make(name, seed, folder):
    torch.manual_seed(seed)
    build, size = NETWORKS[name]
    network, width = build()
    network.last_linear = head(width)
    randomise(network, random_images(size).float())
    images = random_images(size)
    weights = arrays(network.state_dict())

    network.eval()
    features, logits = forward(network, images.float())
    train_without_dropout(network)
    train_features, train_logits = forward(network, images.float())
    expected = arrays({"features": features, "logits": logits, "train_features": train_features, "train_logits": train_logits})
    moved = {name: tensor for name, tensor in arrays(network.state_dict()).items() if "running_" in name or "num_batches" in name}

    folder.mkdir(parents=True, exist_ok=True)
    count = sum(parameter.numel() for parameter in network.parameters())
    write(weights, folder / f"{name}.weights.safetensors", {"backbone": name, "parameters": str(count)})
    write({"images": images.numpy(), **expected, **moved}, folder / f"{name}.expected.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seed", type=int)
    parser.add_argument("--out", type=pathlib.Path, help="a folder; .goldens/SEED of the project where it is left out")
    parser.add_argument("--only", choices=sorted(NETWORKS), help="one network")
    options = parser.parse_args()
    folder = options.out or pathlib.Path(__file__).parent.parent / ".goldens" / str(options.seed)
    for name in [options.only] if options.only else NETWORKS:
        make(name, options.seed, folder)


if __name__ == "__main__":
    main()
