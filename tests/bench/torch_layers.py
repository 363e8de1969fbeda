"""Networks as --net has them, in PyTorch."""

from torch import Size, nn

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def convolution(words, shape):
    filters, sides = int(words.pop(0)), [int(side) for side in words.pop(0).split("x")]
    padding = 0
    if words and words[0] == "same":
        words.pop(0)
        padding = "same"
    else:
        shape = [shape[0], *(side - kernel + 1 for side, kernel in zip(shape[1:], sides))]
    return nn.Conv2d(shape[0], filters, sides, padding=padding), [filters, *shape[1:]]


def layers_of(net, shape, outputs):
    """Modules of a network as --net has it; channels come first here, and first in shape as well."""
    for text in net.split(", "):
        kind, *words = text.split()
        if kind in ("dense", "flatten") and len(shape) > 1:
            shape = [Size(shape).numel()]
            yield nn.Flatten()
        if kind == "dense":
            units = int(words.pop(0)) if words and words[0].isdigit() else outputs
            yield nn.Linear(shape[0], units)
            shape = [units]
        elif kind == "conv2d":
            layer, shape = convolution(words, shape)
            yield layer
        elif kind == "max_pool2d":
            size = int(words.pop(0))
            yield nn.MaxPool2d(size)
            shape = [shape[0], *(side // size for side in shape[1:])]
        elif kind != "flatten":
            raise ValueError(f"no layer '{kind}' here")
        for word in words:
            yield ACTIVATIONS[word]()
