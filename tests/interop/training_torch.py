"""Training against PyTorch in 64-bit floats: training_torch.py BIN_FOLDER; see training_cases.py.

Where PyTorch has other formulas than Keras and we, its own are given what makes them the same: Adam's and RMSprop's epsilon
is so small that its place says nothing, variances of batch norm are divided by as many rows, and decay leaves biases alone.
A plateau's patience and cooldown are one more with Keras: it counts the epoch that ends them.
"""

import sys

try:
    import numpy as np
    import torch
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

from training_cases import BRANCHES, IMAGE_BRANCHES, KINDS, RATE, ROWS, STEPS, WINDOWS, Comparison, classes_of
from training_cases import labels, pair, split_list, weights, window_options

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
N, F, O, R = torch.nn, torch.nn.functional, torch.optim, torch.optim.lr_scheduler

ACTIVATIONS = {
    "relu": F.relu,
    "leaky_relu": lambda v, slope="0.3": F.leaky_relu(v, float(slope)),
    "elu": lambda v, alpha="1": F.elu(v, float(alpha)),
    "selu": F.selu,
    "gelu": F.gelu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
    "linear": lambda v: v,
    "relu6": F.relu6,
    "silu": F.silu,
    "hard_swish": F.hardswish,
    "hard_sigmoid": F.hardsigmoid,
    "mish": F.mish,
    "softsign": F.softsign,
    "gelu_tanh": lambda v: F.gelu(v, approximate="tanh"),
}
channels_first = lambda v: v.permute(0, 3, 1, 2)
channels_last = lambda v: v.permute(0, 2, 3, 1)


def tensor(values):
    return torch.tensor(np.asarray(values, dtype=np.float64))


def padding_of(value, kernel, o):
    """Left, right, top and bottom. As Keras pads: what is left over of an odd number lies below and to the right."""
    if o["padding"] == "valid":
        return [*o["pad"][1], *o["pad"][0]]
    pads = []
    kernel = [(k - 1) * d + 1 for k, d in zip(kernel, o["dilation"])]
    for size, window, stride in zip(reversed(value.shape[2:]), reversed(kernel), reversed(o["strides"])):
        needed = max((-(-size // stride) - 1) * stride + window - size, 0)
        pads += [needed // 2, needed - needed // 2]
    return pads


class Network(N.Module):
    """A network of ours; its weights have our names and our layout."""

    def __init__(self, text, units, first, freeze=None):
        super().__init__()
        self.text, self.units, self.counts, self.freeze = text, units, {}, freeze or ()
        self.values = {name: tensor(value) for name, value in first.items()}
        for name, value in self.values.items():
            if "moving" in name:
                if freeze is not None:  # they are those of a model
                    continue
                # Ours have moved by one step.
                self.values[name] = torch.zeros_like(value) if name.endswith("mean") else torch.ones_like(value)
            elif name.partition("/")[0] not in self.freeze:
                value.requires_grad_(True)

    def weights(self, kernels=None):
        is_kernel = lambda name: name.endswith("kernel")
        return [v for n, v in self.values.items() if v.requires_grad and (kernels is None or is_kernel(n) == kernels)]

    def forward(self, value):
        self.counts = {}
        return self.run(value, self.text)

    def run(self, value, text):
        for layer in split_list(text):
            value = self.layer(value, layer)
        return value

    def take(self, kind, *names):
        number = self.counts.get(kind, 0)
        self.counts[kind] = number + 1
        return [self.values[f"{kind}_{number}/{name}"] for name in names]

    def layer(self, value, text):
        if text.startswith("residual("):
            main, *shortcut = split_list(text[len("residual(") : -1], ";")
            way = self.run(value, main)
            return way + (self.run(value, shortcut[0]) if shortcut else value)
        if text.startswith("concat("):
            branches = split_list(text[len("concat(") : -1], ";")
            return torch.cat([self.run(value, branch) if branch else value for branch in branches], -1)
        kind, *words = text.split()
        activated = lambda v, word="linear", *slope: ACTIVATIONS[word](v, *slope)
        if kind == "activation":
            return activated(value, *words)
        if kind == "dense":
            kernel, bias = self.take(kind, "kernel", "bias")
            return activated(value.flatten(1) @ kernel + bias, *words[1 if words and words[0].isdigit() else 0 :])
        if kind == "conv2d":
            kernel, bias = self.take(kind, "kernel", "bias")  # [height, width, channels, filters]
            del words[:2]
            o = window_options(words)
            o["strides"] = o["strides"] or (1, 1)
            value = channels_first(value)
            value = F.pad(value, padding_of(value, kernel.shape[:2], o))
            more = {"dilation": o["dilation"], "groups": o["groups"]}
            value = channels_last(F.conv2d(value, kernel.permute(3, 2, 0, 1), bias, o["strides"], **more))
            return activated(value, *words)
        if kind in ("max_pool2d", "average_pool2d"):
            size = pair(words.pop(0))
            o = window_options(words)
            o["strides"] = o["strides"] or size
            value = channels_first(value)
            pads = padding_of(value, size, o)
            if kind == "max_pool2d":
                value = F.max_pool2d(F.pad(value, pads, value=-torch.inf), size, o["strides"])
            else:  # what lies outside counts for nothing
                inside = F.avg_pool2d(F.pad(torch.ones_like(value), pads), size, o["strides"])
                value = F.avg_pool2d(F.pad(value, pads), size, o["strides"]) / inside
            return channels_last(value)
        if kind == "global_average_pool2d":
            return value.mean((1, 2))
        if kind == "global_max_pool2d":
            return value.amax((1, 2))
        if kind == "embedding":
            (table,) = self.take(kind, "embeddings")
            return torch.cat([value[:, :KINDS] @ table, value[:, KINDS:]], 1)
        if kind == "batch_norm":
            gamma, beta, mean, variance = self.take(kind, "gamma", "beta", "moving_mean", "moving_variance")
            flat = value.reshape(-1, value.shape[-1])
            if f"batch_norm_{self.counts[kind] - 1}" in self.freeze:
                return F.batch_norm(flat, mean, variance, gamma, beta, False, eps=1e-3).reshape(value.shape)
            with torch.no_grad():
                mean += (flat.mean(0) - mean) * 0.01
                variance += (flat.var(0, unbiased=False) - variance) * 0.01
            return F.batch_norm(flat, None, None, gamma, beta, True, eps=1e-3).reshape(value.shape)
        if kind == "layer_norm":
            gamma, beta = self.take(kind, "gamma", "beta")
            return F.layer_norm(value, value.shape[-1:], gamma, beta, 1e-3)
        raise ValueError(text)


def theirs(first, inputs, y, units, net, optimizer, loss, schedule=None, l2=0, clip=None, row_weights=None, parts=1, freeze=None):
    network = Network(net, units, first, freeze)
    update = optimizer(network)
    changes = schedule(update) if schedule else None
    x, y = tensor(inputs), torch.tensor(y)
    row_weights = torch.ones(ROWS) if row_weights is None else tensor(row_weights)
    for _ in range(STEPS):
        update.zero_grad()
        value = (row_weights * loss(network(x), y)).mean()
        (value + l2 / 2 * sum((w**2).sum() for w in network.weights(kernels=True))).backward()
        if clip:
            N.utils.clip_grad_norm_(network.weights(), clip)
        update.step()
        if changes:
            changes.step(*([value.item()] if isinstance(changes, R.ReduceLROnPlateau) else []))
    return {name: value.detach().numpy() for name, value in network.values.items()}


def adam(network, rate=RATE, **more):
    return O.Adam(network.weights(), rate, eps=1e-12, **more)


def sgd(network, rate=RATE, **more):
    return O.SGD(network.weights(), rate, **more)


def adamw(network):
    kernels = {"params": network.weights(kernels=True), "weight_decay": 0.004}
    others = {"params": network.weights(kernels=False), "weight_decay": 0.0}
    return O.AdamW([kernels, others], RATE, eps=1e-12)


def per_row(values):
    return values.reshape(ROWS, -1).mean(1)


QUANTILES = torch.tensor([0.1, 0.5, 0.9])


def pinball(a, y):
    above = y - a
    return per_row(torch.maximum(QUANTILES * above, (QUANTILES - 1) * above))


LOSSES = {
    "categorical_crossentropy": lambda a, y, s=0.0: F.cross_entropy(a, y, reduction="none", label_smoothing=s),
    "binary_crossentropy": lambda a, y, s=0.0: F.binary_cross_entropy_with_logits(
        a[:, 0], y * (1 - s) + s / 2, reduction="none"
    ),
    "mse": lambda a, y: per_row(F.mse_loss(a, y, reduction="none")),
    "mae": lambda a, y: per_row(F.l1_loss(a, y, reduction="none")),
    "huber": lambda a, y: per_row(F.huber_loss(a, y, reduction="none")),
    "pinball:0.1,0.5,0.9": pinball,
    "gaussian": lambda a, y: F.gaussian_nll_loss(a[:, 0], y[:, 0], torch.exp(a[:, 1]), reduction="none"),
}
EPSILON = ["--epsilon", "1e-12"]
comparison = Comparison()


def check(source, net, options=(), optimizer=adam, loss=None, weighted=False, width=None, freeze=None, **more):
    """Compares one case."""
    loss = loss or LOSSES[{2: "binary_crossentropy", 3: "categorical_crossentropy", 0: "mse"}[classes_of(source)]]
    if weighted:
        more["row_weights"] = weights / weights.mean()

    def run(first, inputs, y, units):
        return theirs(first, inputs, y, width or units, net, optimizer, loss, freeze=freeze, **more)

    plain = "--optimizer" in options and options[list(options).index("--optimizer") + 1] in ("sgd", "momentum", "nesterov")
    comparison.check(source, net, [*options, *([] if plain else EPSILON)], run, weighted, freeze)


SGD = ["--optimizer", "sgd"]
MLP = "dense 8 tanh, dense"
for word in ACTIVATIONS:
    check(3, f"dense 8 {word}, dense 5 {word}, dense")
check(3, "dense 8, batch_norm, activation tanh, dense", SGD, sgd)
for net in (
    "dense 8 tanh, layer_norm, dense",
    "residual(dense 6 tanh), dense",
    "residual(dense 8 tanh, dense 5; dense 5), activation tanh, dense",
    "dense 8 leaky_relu 0.01, dense 5 elu 0.5, dense",
    *BRANCHES,
):
    check(3, net)
check("kinds", "embedding 3, dense 8 tanh, dense")
for net in (
    "conv2d 4 3x3 tanh, max_pool2d 2, dense",
    "conv2d 4 3x2 same gelu, average_pool2d 2 same, dense 5 tanh, dense",
    "conv2d 4 3x3 same strides 2 elu, dense",
    "residual(conv2d 2 3x3 same tanh, conv2d 2 3x3 same), activation elu, global_average_pool2d, dense",
    *WINDOWS,
    "conv2d 4 3x3 strides 2 pad 2 dilation 2 tanh, dense",  # Keras has no such
    *IMAGE_BRANCHES,
):
    check("images-3", net)
check("images-3", "conv2d 4 3x3, batch_norm, activation tanh, global_average_pool2d, dense", SGD, sgd)
for name, made in {
    "sgd": sgd,
    "momentum": lambda n: sgd(n, momentum=0.9),
    "nesterov": lambda n: sgd(n, momentum=0.9, nesterov=True),
    "rmsprop": lambda n: O.RMSprop(n.weights(), RATE, alpha=0.9, eps=1e-12),
    "adam": adam,
    "adamw": adamw,
}.items():
    check(3, MLP, ["--optimizer", name], made)
check(3, MLP, ["--beta-1", "0.8", "--beta-2", "0.9"], lambda n: adam(n, betas=(0.8, 0.9)))
check(3, MLP, [*SGD, "--clip-norm", "0.1"], sgd, clip=0.1)
check(3, MLP, ["--l2", "0.05"], l2=0.05)
check(2, MLP)
check(2, MLP, ["--loss", "categorical_crossentropy"], loss=LOSSES["categorical_crossentropy"], width=2)
check(2, MLP, ["--label-smoothing", "0.2"], loss=lambda a, y: LOSSES["binary_crossentropy"](a, y, 0.2))
check(3, MLP, ["--label-smoothing", "0.2"], loss=lambda a, y: LOSSES["categorical_crossentropy"](a, y, 0.2))
for source in ("number", "numbers"):
    for name in ("mse", "mae", "huber"):
        check(source, MLP, ["--loss", name], loss=LOSSES[name])
for name, width in (("pinball:0.1,0.5,0.9", 3), ("gaussian", 2)):
    check("number", MLP, ["--loss", name], loss=LOSSES[name], width=width)
    check("number", MLP, ["--loss", name, *SGD], sgd, loss=LOSSES[name], width=width, weighted=True)
for text, schedule in {
    "cosine": lambda o: R.CosineAnnealingLR(o, STEPS),
    "step:epochs=10,factor=0.5": lambda o: R.StepLR(o, 10, 0.5),
    "plateau:factor=0.5,patience=2,min_delta=0.02,cooldown=1,floor=0.1": lambda o: R.ReduceLROnPlateau(
        o, factor=0.5, patience=1, threshold=0.02, threshold_mode="abs", cooldown=0, min_lr=0.1 * RATE
    ),
}.items():
    check(3, MLP, [*SGD, "--schedule", text], sgd, schedule=schedule)
counts = np.bincount(labels[2])
balanced = ROWS / (2 * counts)
check(2, MLP, ["--class-weight", "balanced"], row_weights=balanced[labels[2]])
for source in (2, 3, "numbers"):
    check(source, MLP, SGD, sgd, weighted=True)
check(3, MLP, ["--batch", "12", "--accumulate", "4"])
# Runs that begin with a model's weights, and layers that don't train.
check(3, "dense 8 tanh, dense 5 elu, dense", freeze=())
check(3, "dense 8 tanh, dense 5 elu, dense", freeze=["dense_0"])
check(3, "dense 8 tanh, dense 5 elu, dense", ["--l2", "0.05"], l2=0.05, freeze=["dense_1"])
check(3, "dense 8 tanh, dense 5 elu, dense", ["--optimizer", "adamw"], adamw, freeze=["dense_0"])
check(3, "dense 8, layer_norm, activation tanh, dense", freeze=["layer_norm_0"])
frozen = "conv2d 4 3x3, batch_norm, activation tanh, conv2d 3 3x3, batch_norm, activation elu, global_average_pool2d, dense"
for freeze in ([], ["conv2d_0", "batch_norm_0"], ["batch_norm_0", "batch_norm_1"], ["conv2d_1"], ["conv2d_0", "batch_norm_0", "conv2d_1", "batch_norm_1"]):
    check("images-3", frozen, SGD, sgd, freeze=freeze)
check("number", MLP, ["--loss", "huber"], loss=LOSSES["huber"], freeze=["dense_0"])
comparison.finish()
