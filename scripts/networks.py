"""The backbones as the Python packages define them, with the 4-channel stem and the 128/28 head: what the tests compare with.

`build(NAME)` gives a network with `.feature_maps(images)`, the width of these maps, and `.last_linear`, the head.
"""
import warnings

import torch
import torch.nn.functional as functional
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
    import torchvision

    return library, pretrainedmodels, torchvision


# The library keeps the operators registered for as long as it lives.
LIBRARY, pretrainedmodels, torchvision = import_networks()

torch.set_num_threads(1)  # small tensors: more threads only wait for each other
IMAGES, CHANNELS, CLASSES, FEATURES = 6, 4, 28, 128


def maps_of(network):
    """The part before the head. The packages differ in where they end it."""
    name = type(network).__name__
    if name == "Xception":
        return lambda images: functional.relu(network.features(images))  # the package has this ReLU in `logits`
    if name == "ResNet":
        stem = lambda images: network.maxpool(network.relu(network.bn1(network.conv1(images))))
        return lambda images: network.layer4(network.layer3(network.layer2(network.layer1(stem(images)))))
    if name == "Inception3" and not hasattr(network, "features"):  # torchvision's own, which pretrainedmodels extends
        caught = []
        network.Mixed_7c.register_forward_hook(lambda module, inputs, output: caught.append(output))
        return lambda images: (network(images), caught.pop())[1]
    return network.features


def imagenet(name, **options):
    """The network with its classifier, for three channels; with the names of its package, which are ours too."""
    if name.startswith(("resnet", "resnext")):
        return torchvision.models.get_model(name, **options)
    if name == "vgg16_bn":
        # Nothing here needs the 124 million numbers of its classifier.
        network = torchvision.models.vgg16_bn(init_weights=False, num_classes=2)
        network.classifier = nn.Sequential(*[nn.Linear(2, 2) if isinstance(part, nn.Linear) else part for part in network.classifier])
        return network
    return getattr(pretrainedmodels, name)(pretrained=None)


def stem_of(network):
    """The module that holds the first convolution, and its name there."""
    for path, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            parent, _, name = path.rpartition(".")
            return network.get_submodule(parent), name


def head(width):
    return nn.Sequential(
        nn.BatchNorm1d(width), nn.Dropout(0.5), nn.Linear(width, FEATURES), nn.ReLU(), nn.Dropout(0.5), nn.Linear(FEATURES, CLASSES))


WIDTHS = {"inceptionv4": 1536, "vgg16_bn": 512, "resnet18": 512, "resnet34": 512}  # of the feature maps; the others have 2048


def build(name, keeps_auxiliary=False):
    """The network as it is trained: four channels, the common head in place of the classifier."""
    network = imagenet(name)
    parent, stem = stem_of(network)
    first = getattr(parent, stem)
    setattr(parent, stem, nn.Conv2d(
        CHANNELS, first.out_channels, first.kernel_size, first.stride, first.padding, bias=first.bias is not None))
    for part in ("fc", "classifier") + (() if keeps_auxiliary else ("AuxLogits",)):
        if hasattr(network, part):
            setattr(network, part, None)
    network.aux_logits = False
    network.last_linear = head(WIDTHS.get(name, 2048))
    return network


def forward(network, images):
    """Features and logits of float images, 0 to 255."""
    pooled = functional.adaptive_avg_pool2d(maps_of(network)(images / 255), 1).flatten(1)
    layers = network.last_linear
    features = layers[2](layers[1](layers[0](pooled)))
    return features, layers[5](layers[4](layers[3](features)))


def random_images(size):
    """Blotches that differ from image to image; plain noise would look the same to a network once it is pooled, and the batch norm of
    the head would then blow rounding up."""
    blotches = functional.interpolate(torch.rand(IMAGES, CHANNELS, 5, 5), size=size, mode="bilinear") * torch.rand(IMAGES, CHANNELS, 1, 1)
    return (255 * (0.8 * blotches + 0.2 * torch.rand(IMAGES, CHANNELS, size, size))).to(torch.uint8)


def train_without_dropout(network):
    network.train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.eval()


@torch.no_grad()
def randomise(network, run):
    """Weights after He et al. 2015, and running statistics near the images' own: activations keep their scale through all layers, so
    that a tolerance means the same for every seed. The positive biases let most values through the ReLUs; around zero, a hundred
    layers of batch statistics would blow rounding up a thousandfold (Yang et al. 2019, arXiv 1902.08129). `run` calls the network."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        elif isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.weight, 0.5, 1)
            nn.init.normal_(module.bias, 1, 0.2)
            module.momentum = None  # the mean over all batches: here, the statistics of one
    train_without_dropout(network)
    run()
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.momentum = 0.1
            module.running_mean += module.running_var.sqrt() * torch.randn_like(module.running_mean) * 0.1
            module.running_var *= torch.empty_like(module.running_var).uniform_(0.8, 1.25)
    network.eval()


def arrays(tensors):
    return {name: tensor.detach().clone().contiguous().numpy() for name, tensor in tensors.items()}
