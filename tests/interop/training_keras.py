"""Training against Keras in 64-bit floats: training_keras.py BIN_FOLDER; see training_cases.py."""

import os
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ["JAX_ENABLE_X64"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
try:
    import keras
    import numpy as np
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

from training_cases import BRANCHES, IMAGE_BRANCHES, KINDS, RATE, ROWS, STEPS, WINDOWS, Comparison, classes_of
from training_cases import labels, pair, split_list, weights, window_options

keras.config.set_floatx("float64")
L, O, S = keras.layers, keras.optimizers, keras.optimizers.schedules

ACTIVATIONS = {
    "leaky_relu": lambda slope="0.3": L.LeakyReLU(negative_slope=float(slope)),
    "elu": lambda alpha="1": L.ELU(alpha=float(alpha)),
    "gelu": lambda: L.Activation(lambda v: keras.activations.gelu(v, approximate=False)),
    "gelu_tanh": lambda: L.Activation(lambda v: keras.activations.gelu(v, approximate=True)),
}


def activation(word="linear", *slope):
    return ACTIVATIONS[word](*slope) if word in ACTIVATIONS else L.Activation(word)


def padded(value, pad, fill=0.0):
    return keras.ops.pad(value, ((0, 0), *pad, (0, 0)), constant_values=fill) if any(map(any, pad)) else value


class Builder:
    """A network of ours in Keras, its layers that have weights by our names."""

    def __init__(self, l2):
        self.named, self.counts, self.l2 = {}, {}, l2

    def add(self, kind, layer):
        number = self.counts.get(kind, 0)
        self.counts[kind] = number + 1
        self.named[f"{kind}_{number}"] = layer
        return layer

    def kernel(self):
        return {"kernel_regularizer": keras.regularizers.L2(self.l2 / 2) if self.l2 else None}

    def run(self, value, text, units):
        for layer in split_list(text):
            value = self.layer(value, layer, units)
        return value

    def layer(self, value, text, units):
        if text.startswith("residual("):
            main, *shortcut = split_list(text[len("residual(") : -1], ";")
            way = self.run(value, main, units)
            return L.Add()([way, self.run(value, shortcut[0], units) if shortcut else value])
        if text.startswith("concat("):
            branches = split_list(text[len("concat(") : -1], ";")
            return L.Concatenate()([self.run(value, branch, units) if branch else value for branch in branches])
        kind, *words = text.split()
        if kind == "activation":
            return activation(*words)(value)
        if kind == "dense":
            if len(value.shape) > 2:
                value = L.Flatten()(value)
            width = int(words.pop(0)) if words and words[0].isdigit() else units
            value = self.add("dense", L.Dense(width, **self.kernel()))(value)
            return activation(*words)(value)
        if kind == "conv2d":
            filters, size = int(words.pop(0)), pair(words.pop(0))
            o = window_options(words)
            more = {"dilation_rate": o["dilation"], "groups": o["groups"], **self.kernel()}
            layer = L.Conv2D(filters, size, strides=o["strides"] or 1, padding=o["padding"], **more)
            return activation(*words)(self.add("conv2d", layer)(padded(value, o["pad"])))
        if kind in ("max_pool2d", "average_pool2d"):
            size = pair(words.pop(0))
            o = window_options(words)
            largest = kind == "max_pool2d"
            pool = (L.MaxPooling2D if largest else L.AveragePooling2D)(size, o["strides"], o["padding"])
            if largest:
                return pool(padded(value, o["pad"], -np.inf))
            inside = pool(padded(keras.ops.ones_like(value), o["pad"]))  # what lies outside counts for nothing
            return pool(padded(value, o["pad"])) / inside
        if kind == "global_average_pool2d":
            return L.GlobalAveragePooling2D()(value)
        if kind == "global_max_pool2d":
            return L.GlobalMaxPooling2D()(value)
        if kind == "embedding":  # of a one-hot code it is a kernel without biases
            table = self.add(kind, L.Dense(int(words[0]), use_bias=False))
            return L.Concatenate()([table(value[:, :KINDS]), value[:, KINDS:]])
        if kind == "batch_norm":
            return self.add(kind, L.BatchNormalization(momentum=0.99, epsilon=1e-3))(value)
        if kind == "layer_norm":
            return self.add(kind, L.LayerNormalization(epsilon=1e-3))(value)
        raise ValueError(text)


def theirs(first, inputs, y, units, net, optimizer, loss, l2=0, batch=ROWS, freeze=None, **fit):
    builder = Builder(l2)
    start = keras.Input(inputs.shape[1:])
    model = keras.Model(start, builder.run(start, net, units))
    order = ("kernel", "embeddings", "gamma", "bias", "beta", "moving_mean", "moving_variance")
    for name, layer in builder.named.items():
        mine = [first[f"{name}/{w}"] for w in order if f"{name}/{w}" in first]
        if "batch_norm" in name and freeze is None:  # our statistics have moved by one step
            mine[2:] = [np.zeros_like(mine[2]), np.ones_like(mine[3])]
        layer.set_weights([w.astype(np.float64) for w in mine])
        layer.trainable = name not in (freeze or ())
    if hasattr(optimizer, "exclude_from_weight_decay"):
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(optimizer, loss)
    model.fit(inputs.astype(np.float64), y, epochs=STEPS, batch_size=batch, shuffle=False, verbose=0, **fit)
    ours_of = lambda name, w: "embeddings" if name.startswith("embedding") else w.name
    return {f"{name}/{ours_of(name, w)}": np.asarray(w.numpy()) for name, layer in builder.named.items() for w in layer.weights}


CROSS = lambda smoothing=0.0: keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
BINARY = lambda smoothing=0.0: keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing)
comparison = Comparison()


def check(source, net, options=(), optimizer=None, loss=None, weighted=False, width=None, freeze=None, **more):
    """Compares one case; how a failure is told names it as the command line does."""
    classes = classes_of(source)
    if loss is None:
        loss = (BINARY() if classes == 2 else CROSS()) if classes else "mse"
    if weighted:
        more["sample_weight"] = weights / weights.mean()

    def run(first, inputs, y, units):
        if classes == 3:
            y = np.eye(3)[y]
        elif classes == 2:
            y = y.reshape(-1, 1).astype(np.float64)
        return theirs(first, inputs, y, width or units, net, optimizer or O.Adam(RATE), loss, freeze=freeze, **more)

    comparison.check(source, net, list(options), run, weighted, freeze)


MLP = "dense 8 tanh, dense"
for word in (
    "relu leaky_relu elu selu gelu tanh sigmoid softplus linear relu6 silu hard_swish hard_sigmoid mish softsign gelu_tanh"
).split():
    check(3, f"dense 8 {word}, dense 5 {word}, dense")
# Adam would enlarge what rounding leaves of a bias' gradient before a batch_norm, which is 0.
check(3, "dense 8, batch_norm, activation tanh, dense", ["--optimizer", "sgd"], O.SGD(RATE))
check("kinds", "embedding 3, dense 8 tanh, dense")
for net in (
    "dense 8 tanh, layer_norm, dense",
    "residual(dense 6 tanh), dense",
    "residual(dense 8 tanh, dense 5; dense 5), activation tanh, dense",
    "dense 8 leaky_relu 0.01, dense 5 elu 0.5, dense",
    *BRANCHES,
):
    check(3, net)
for net in (
    "conv2d 4 3x3 tanh, max_pool2d 2, dense",
    "conv2d 4 3x2 same gelu, average_pool2d 2 same, dense 5 tanh, dense",
    "residual(conv2d 2 3x3 same tanh, conv2d 2 3x3 same), activation elu, global_average_pool2d, dense",
    *WINDOWS,
    *IMAGE_BRANCHES,
):
    check("images-3", net)
pooled = "conv2d 4 3x3, batch_norm, activation tanh, global_average_pool2d, dense"
check("images-3", pooled, ["--optimizer", "sgd"], O.SGD(RATE))
for name, made in {
    "sgd": lambda: O.SGD(RATE),
    "momentum": lambda: O.SGD(RATE, momentum=0.9),
    "nesterov": lambda: O.SGD(RATE, momentum=0.9, nesterov=True),
    "rmsprop": lambda: O.RMSprop(RATE),
    "adam": lambda: O.Adam(RATE),
    "adamw": lambda: O.AdamW(RATE, weight_decay=0.004),
}.items():
    check(3, MLP, ["--optimizer", name], made())
check(3, MLP, ["--optimizer", "momentum", "--momentum", "0.5"], O.SGD(RATE, momentum=0.5))
check(3, MLP, ["--optimizer", "rmsprop", "--rho", "0.8", "--epsilon", "0.01"], O.RMSprop(RATE, rho=0.8, epsilon=0.01))
check(3, MLP, ["--beta-1", "0.8", "--beta-2", "0.9", "--epsilon", "0.001"], O.Adam(RATE, 0.8, 0.9, 0.001))
check(3, MLP, ["--clip-norm", "0.1", "--optimizer", "sgd"], O.SGD(RATE, global_clipnorm=0.1))
check(3, MLP, ["--l2", "0.05"], l2=0.05)
check(2, MLP)
check(2, MLP, ["--loss", "binary_crossentropy", "--label-smoothing", "0.2"], loss=BINARY(0.2))
check(3, MLP, ["--label-smoothing", "0.2"], loss=CROSS(0.2))
for source in ("number", "numbers"):
    for name in ("mse", "mae", "huber"):
        check(source, MLP, ["--loss", name], loss=name)
QUANTILES = np.array([0.1, 0.5, 0.9])


def pinball(y, a):
    above = y - a
    return keras.ops.mean(keras.ops.maximum(QUANTILES * above, (QUANTILES - 1) * above), axis=-1)


def gaussian(y, a):
    return 0.5 * (a[..., 1] + (y[..., 0] - a[..., 0]) ** 2 * keras.ops.exp(-a[..., 1]))


for optimizer in ("sgd", "adam"):
    for text, loss, width in (("pinball:0.1,0.5,0.9", pinball, 3), ("gaussian", gaussian, 2)):
        made = {"sgd": O.SGD, "adam": O.Adam}[optimizer](RATE)
        check("number", MLP, ["--loss", text, "--optimizer", optimizer], made, loss=loss, width=width)
for text, schedule in {
    "cosine": S.CosineDecay(RATE, STEPS),
    "cosine:floor=0.2": S.CosineDecay(RATE, STEPS, alpha=0.2),
    "cosine_restarts:cycles=5": S.CosineDecayRestarts(RATE, STEPS // 5, t_mul=1),
    "step:epochs=10,factor=0.5": S.ExponentialDecay(RATE, 10, 0.5, staircase=True),
}.items():
    check(3, MLP, ["--schedule", text, "--optimizer", "sgd"], O.SGD(schedule))
waits = keras.callbacks.ReduceLROnPlateau("loss", 0.5, patience=2, min_delta=0.02, cooldown=1, min_lr=0.1 * RATE)
plateau = "plateau:factor=0.5,patience=2,min_delta=0.02,cooldown=1,floor=0.1"
check(3, MLP, ["--schedule", plateau, "--optimizer", "sgd"], O.SGD(RATE), callbacks=[waits])
counts = np.bincount(labels[2])
check(2, MLP, ["--class-weight", "balanced"], class_weight={k: ROWS / (2 * n) for k, n in enumerate(counts)})
mean = (counts[0] + 7 * counts[1]) / ROWS
check(2, MLP, ["--class-weight", "1=7", "--optimizer", "sgd"], O.SGD(RATE), class_weight={0: 1 / mean, 1: 7 / mean})
for source in (2, 3, "numbers"):
    check(source, MLP, ["--optimizer", "sgd"], O.SGD(RATE), weighted=True)
check(3, MLP, ["--batch", "12", "--accumulate", "4"])
check(3, MLP, ["--batch", "7", "--accumulate", "7", "--optimizer", "sgd"], O.SGD(RATE), weighted=True)
# Runs that begin with a model's weights; a frozen batch_norm goes by its moving statistics, as Keras' own.
check(3, "dense 8 tanh, dense 5 elu, dense", freeze=["dense_0"])
frozen = "conv2d 4 3x3, batch_norm, activation tanh, conv2d 3 3x3, batch_norm, activation elu, global_average_pool2d, dense"
for freeze in ([], ["conv2d_0", "batch_norm_0"], ["batch_norm_0", "batch_norm_1"]):
    check("images-3", frozen, ["--optimizer", "sgd"], O.SGD(RATE), freeze=freeze)
comparison.finish()
