#!/usr/bin/env python3
"""Random weights in the files of other packages, and the features that these packages give with them.

    scripts/make-foreign-weights.py SEED GROUP --out FOLDER

GROUP: torchvision, timm, pretrainedmodels (networks for ImageNet's classes and three channels), or published (checkpoints as the HPAIC
team's training wrote them). For each network of the group a file of weights, and one of images and features. Networks for three channels
get the head of the file, and a fourth channel: by timm's own loader (timm) or its `adapt_input_conv`, and by a copy of red for yellow.
"""
import argparse
import pathlib
import sys

import numpy
import torch
import torch.nn.functional as functional
from safetensors.numpy import save_file
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import networks
import timm
from networks import arrays
from timm.models import adapt_input_conv


def maps(network, images):
    return network.forward_features(images) if hasattr(network, "forward_features") else networks.maps_of(network)(images)


def features(network, images, head):
    return head[2](head[0](functional.adaptive_avg_pool2d(maps(network, images), 1).flatten(1)))


def set_stem(network, weight):
    parent, name = networks.stem_of(network)
    first = getattr(parent, name)
    stem = nn.Conv2d(weight.shape[1], first.out_channels, first.kernel_size, first.stride, first.padding, bias=first.bias is not None)
    stem.weight.data, stem.bias = weight, first.bias
    setattr(parent, name, stem)


def renamed(state, *rules):
    def name_of(name):
        for theirs, new in rules:
            if name.startswith(theirs):
                return new + name[len(theirs):]
        return name

    return {name_of(name): tensor for name, tensor in state.items()}


def inception(aux_logits):
    """The auxiliary classifier stands in the file, but takes no images as small as ours while the network is in training mode."""
    return networks.torchvision.models.inception_v3(init_weights=False, aux_logits=aux_logits)


# What each package writes: how the network is made, and what its file holds (None: a safetensors file that timm loads by itself). The
# backbones' own names are the keys.
GROUPS = {
    "torchvision": {
        "inceptionv3": (lambda: inception(aux_logits=False), lambda state: {**inception(aux_logits=True).state_dict(), **state}),
        "resnet18": (lambda: networks.imagenet("resnet18").to(memory_format=torch.channels_last), lambda state: state),
        "resnext50_32x4d": (lambda: networks.imagenet("resnext50_32x4d"), lambda state: {"model": state, "epoch": 3}),
        "vgg16_bn": (lambda: networks.imagenet("vgg16_bn"), lambda state: state),
    },
    "timm": {
        "inceptionv3": (lambda: timm.create_model("inception_v3"), None),
        "inceptionv4": (lambda: timm.create_model("inception_v4"), None),
        "xception": (lambda: timm.create_model("legacy_xception"), None),
        "resnet34": (lambda: timm.create_model("resnet34"), None),
        "vgg16_bn": (
            lambda: networks.imagenet("vgg16_bn"),
            lambda state: renamed(
                state, ("classifier.0.", "pre_logits.fc1."), ("classifier.3.", "pre_logits.fc2."), ("classifier.6.", "head.fc."))),
        "se_resnext50_32x4d": (lambda: timm.create_model("legacy_seresnext50_32x4d"), None),
    },
    "pretrainedmodels": {
        "inceptionv4": (lambda: networks.pretrainedmodels.inceptionv4(num_classes=1001, pretrained=None), lambda state: state),
        # The package renames the classifier after it has loaded the file.
        "xception": (
            lambda: networks.imagenet("xception"), lambda state: renamed(state, ("last_linear.", "fc."))),
        "resnet50": (lambda: networks.pretrainedmodels.resnet50(pretrained=None), lambda state: state),
        "vgg16_bn": (
            lambda: networks.imagenet("vgg16_bn"),
            lambda state: renamed(
                state, ("features.", "_features."), ("classifier.0.", "linear0."), ("classifier.3.", "linear1."),
                ("classifier.6.", "last_linear."))),
        "se_resnet50": (lambda: networks.imagenet("se_resnet50"), lambda state: state),
    },
}


def make_imagenet(group, backbone, folder):
    make, contents = GROUPS[group][backbone]
    network = make().eval()
    images = networks.random_images(91)
    pixels = images.float() / 255
    head = networks.head(networks.WIDTHS.get(backbone, 2048))
    networks.randomise(network, lambda: maps(network, pixels[:, :3]))
    networks.randomise(head, lambda: head(torch.randn(networks.IMAGES, head[0].num_features)))

    parent, name = networks.stem_of(network)
    rgb = getattr(parent, name).weight.detach()
    if contents is None:
        path = folder / f"{backbone}.safetensors"
        save_file(arrays(network.state_dict()), path)
        tiled = timm.create_model(network.default_cfg["architecture"], pretrained=True, pretrained_cfg_overlay={"file": str(path)}, in_chans=4)
        tiled_features = features(tiled.eval(), pixels, head)
    else:
        torch.save(contents(network.state_dict()), folder / f"{backbone}.pth")
        set_stem(network, adapt_input_conv(4, rgb.clone()))
        tiled_features = features(network, pixels, head)
    set_stem(network, torch.cat([rgb, rgb[:, :1]], dim=1))
    expected = {
        "images": images, "tile": tiled_features, "copy-red-to-yellow": features(network, pixels, head),
        **{f"last_linear.{name}": tensor for name, tensor in head.state_dict().items()}}
    save_file(arrays(expected), folder / f"{backbone}.expected.safetensors")


def make_published(backbone, folder):
    """A dictionary of everything that training kept, as the team's did; with the marks of DataParallel and of a Python that has NumPy."""
    network = networks.build(backbone, keeps_auxiliary=True)
    images = networks.random_images(91)
    networks.randomise(network, lambda: networks.forward(network, images.float()))
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    if backbone == "inceptionv3":
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimiser.step()
    prefix = "module." if backbone == "inceptionv4" else ""
    state = {prefix + name: tensor for name, tensor in network.state_dict().items()}
    torch.save(
        {"epoch": 12, "model_name": backbone, "state_dict": state, "best_loss": numpy.float64(0.07), "optimizer": optimiser.state_dict(),
         "fold": 0, "losses": [0.3, 0.1], "weights": numpy.arange(28.0)}, folder / f"{backbone}.pth")
    found, logits = networks.forward(network, images.float())
    save_file(arrays({"images": images, "features": found, "logits": logits}), folder / f"{backbone}.expected.safetensors")


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seed", type=int)
    parser.add_argument("group", choices=[*GROUPS, "published"])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.group == "published":
        for backbone in ("inceptionv3", "inceptionv4", "xception"):
            make_published(backbone, options.out)
    else:
        for backbone in GROUPS[options.group]:
            make_imagenet(options.group, backbone, options.out)


if __name__ == "__main__":
    main()
