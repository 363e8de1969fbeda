"""Training against Keras in 64-bit floats: training.py BIN_FOLDER

Each case is a network, options, and what Keras calls the same. Both begin with our first weights, take 25 steps over all
rows, and must end with the same weights but for rounding. Row weights are relative to their mean, as our manual says.
"""

import os
import subprocess
import sys
import tempfile

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

BIN = os.path.abspath(sys.argv[1])
os.chdir(tempfile.mkdtemp())
keras.config.set_floatx("float64")
L, O, S = keras.layers, keras.optimizers, keras.optimizers.schedules

ROWS, STEPS, RATE = 48, 25, 0.01
rng = np.random.default_rng(7)
x = rng.normal(size=(ROWS, 6))
images = rng.normal(size=(ROWS, 6, 7, 2)).astype(np.float32)
labels = {n: rng.permutation(np.arange(ROWS) % n) for n in (2, 3)}
labels[2][:20] = 0  # so that classes are not alike
numbers = np.stack([x @ rng.normal(size=6) + 0.1 * rng.normal(size=ROWS), np.sin(x[:, 0])], axis=1)
weights = rng.uniform(0.2, 3, ROWS)
KINDS = 4
kinds = rng.permutation(np.arange(ROWS) % KINDS)


def tool(name, *arguments):
    done = subprocess.run([f"{BIN}/{name}", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"{name} {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def write_table(path, y):
    columns = y.reshape(ROWS, -1)
    with open(path, "w") as file:
        names = [f"x{i}" for i in range(6)] + [f"y{i}" for i in range(columns.shape[1])] + ["w"]
        file.write(",".join(names) + "\n")
        for row, target, weight in zip(x, columns, weights):
            file.write(",".join(map(repr, [*map(float, row), *(t.item() for t in target), float(weight)])) + "\n")


def ours(source, net, options):
    """(first weights, weights after the steps) by their names."""
    common = [*source, "--net", net, "--batch", str(ROWS), "--no-standardize", "--device", "cpu:0", "--seed", "3", "--quiet"]
    if "--batch" in options:
        common = [word for i, word in enumerate(common) if word != "--batch" and common[i - 1] != "--batch"]
    # One step of a rate that changes no weight: biases, which begin with 0, stay there as far as anybody sees.
    loss = [w for i, w in enumerate(options) if options[max(i - 1, 0)] == "--loss" or w == "--loss"]
    tool("nn-train", *common, *loss, "--optimizer", "sgd", "--lr", "1e-38", "--epochs", "1", "--batch", str(ROWS), "-o", "first.nn")
    tool("nn-train", *common, "--lr", str(RATE), *options, "--epochs", str(STEPS), "-o", "last.nn")
    found = []
    for name in ("first", "last"):
        tool("nn-model", "convert", f"{name}.nn", f"{name}.npz")
        with np.load(f"{name}.npz") as archive:
            found.append({k: archive[k] for k in archive.files if "/" in k})
    return found


ACTIVATIONS = {"leaky_relu": lambda: L.LeakyReLU(negative_slope=0.3), "gelu": lambda: L.Activation(lambda v: keras.activations.gelu(v, approximate=False))}


def activation(word):
    return ACTIVATIONS[word]() if word in ACTIVATIONS else L.Activation(word)


def split_list(text):
    """The layers of a list, commas within parentheses aside."""
    parts, depth, part = [], 0, ""
    for c in text:
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            parts.append(part.strip())
            part = ""
        else:
            part += c
    return [*parts, part.strip()]


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
            main, _, shortcut = text[len("residual(") : -1].partition(";")
            way = self.run(value, main, units)
            return L.Add()([way, self.run(value, shortcut, units) if shortcut else value])
        kind, *words = text.split()
        if kind == "activation":
            return activation(words[0])(value)
        if kind == "dense":
            if len(value.shape) > 2:
                value = L.Flatten()(value)
            width = int(words.pop(0)) if words and words[0].isdigit() else units
            value = self.add("dense", L.Dense(width, **self.kernel()))(value)
            return activation(words[0])(value) if words else value
        if kind == "conv2d":
            filters, size = int(words.pop(0)), tuple(map(int, words.pop(0).split("x")))
            padding = "same" if "same" in words else "valid"
            strides = int(words[words.index("strides") + 1]) if "strides" in words else 1
            value = self.add("conv2d", L.Conv2D(filters, size, strides=strides, padding=padding, **self.kernel()))(value)
            return activation(words[-1])(value) if words and words[-1] not in ("same",) and not words[-1].isdigit() else value
        if kind in ("max_pool2d", "average_pool2d"):
            pool = L.MaxPooling2D if kind == "max_pool2d" else L.AveragePooling2D
            return pool(int(words[0]), padding="same" if "same" in words else "valid")(value)
        if kind == "global_average_pool2d":
            return L.GlobalAveragePooling2D()(value)
        if kind == "embedding":  # of a one-hot code it is a kernel without biases
            table = self.add(kind, L.Dense(int(words[0]), use_bias=False))
            return L.Concatenate()([table(value[:, :KINDS]), value[:, KINDS:]])
        if kind == "batch_norm":
            return self.add(kind, L.BatchNormalization(momentum=0.99, epsilon=1e-3))(value)
        if kind == "layer_norm":
            return self.add(kind, L.LayerNormalization(epsilon=1e-3))(value)
        raise ValueError(text)


def theirs(first, inputs, y, units, net, optimizer, loss, l2=0, batch=ROWS, **fit):
    builder = Builder(l2)
    start = keras.Input(inputs.shape[1:])
    model = keras.Model(start, builder.run(start, net, units))
    order = ("kernel", "embeddings", "gamma", "bias", "beta", "moving_mean", "moving_variance")
    for name, layer in builder.named.items():
        mine = [first[f"{name}/{w}"] for w in order if f"{name}/{w}" in first]
        if "batch_norm" in name:  # our statistics have moved by one step
            mine[2:] = [np.zeros_like(mine[2]), np.ones_like(mine[3])]
        layer.set_weights([w.astype(np.float64) for w in mine])
    if hasattr(optimizer, "exclude_from_weight_decay"):
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(optimizer, loss)
    model.fit(inputs.astype(np.float64), y, epochs=STEPS, batch_size=batch, shuffle=False, verbose=0, **fit)
    ours_of = lambda name, w: "embeddings" if name.startswith("embedding") else w.name
    return {f"{name}/{ours_of(name, w)}": np.asarray(w.numpy()) for name, layer in builder.named.items() for w in layer.weights}


SOURCES = {}
for classes, y in labels.items():
    write_table(f"{classes}.csv", y)
    np.savez(f"{classes}.npz", x=images, y=y.astype(np.int32))
    SOURCES[classes] = [f"{classes}.csv", "--label", "y0"]
    SOURCES[f"images-{classes}"] = [f"{classes}.npz"]
write_table("numbers.csv", numbers)
with open("kinds.csv", "w") as file:
    file.write("kind," + ",".join(f"x{i}" for i in range(6)) + ",y\n")
    for kind, row, label in zip(kinds, x, labels[3]):
        file.write(",".join(["abcd"[kind], *map(repr, map(float, row)), str(label)]) + "\n")
SOURCES["kinds"] = ["kinds.csv", "--label", "y"]
SOURCES["number"] = ["numbers.csv", "--target", "y0", "--drop", "y1"]
SOURCES["numbers"] = ["numbers.csv", "--target", "y0,y1"]

CROSS = lambda smoothing=0.0: keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
BINARY = lambda smoothing=0.0: keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing)
failed = []
worst = 0.0


def check(source, net, options=(), optimizer=None, loss=None, weighted=False, **more):
    """Compares one case; how a failure is told names it as the command line does."""
    global worst
    options = list(options)
    inputs = {"images-3": images, "kinds": np.hstack([np.eye(KINDS)[kinds], x])}.get(source, x)
    classes = {"images-3": 3, "kinds": 3, "number": 0, "numbers": 0}.get(source, source)
    y = labels[classes] if classes else numbers[:, :1] if source == "number" else numbers
    units = {2: 1, 3: 3}[classes] if classes else y.shape[1]
    if loss is None:
        loss = (BINARY() if classes == 2 else CROSS()) if classes else "mse"
    if classes == 3:
        y = np.eye(3)[y]
    elif classes == 2:
        y = y.reshape(-1, 1).astype(np.float64)
    table = SOURCES[source] + (["--sample-weight", "w"] if weighted else ["--drop", "w"] if inputs is x else [])
    if table.count("--drop") == 2:
        table[table.index("--drop") + 1] += ",w"
        table = table[:-2]
    if weighted:
        more["sample_weight"] = weights / weights.mean()
    first, last = ours(table, net, options)
    expected = theirs(first, inputs, y, units, net, optimizer or O.Adam(RATE), loss, **more)
    assert set(expected) == set(last), (set(expected), set(last))
    moved = max(np.abs(expected[k] - first[k]).max() for k in expected)
    off = max(np.abs(expected[k] - last[k]).max() for k in expected) / moved
    worst = max(worst, off)
    good = off <= 2e-4
    print(f"{'ok' if good else 'FAILED'} {off:.1e} {source}: '{net}' {' '.join(options)}")
    if not good:
        failed.append(net)


MLP = "dense 8 tanh, dense"
for word in ("relu", "leaky_relu", "elu", "selu", "gelu", "tanh", "sigmoid", "softplus", "linear"):
    check(3, f"dense 8 {word}, dense 5 {word}, dense")
# Adam would enlarge what rounding leaves of a bias' gradient before a batch_norm, which is 0.
check(3, "dense 8, batch_norm, activation tanh, dense", ["--optimizer", "sgd"], O.SGD(RATE))
check("kinds", "embedding 3, dense 8 tanh, dense")
for net in (
    "dense 8 tanh, layer_norm, dense",
    "residual(dense 6 tanh), dense",
    "residual(dense 8 tanh, dense 5; dense 5), activation tanh, dense",
):
    check(3, net)
for net in (
    "conv2d 4 3x3 tanh, max_pool2d 2, dense",
    "conv2d 4 3x2 same gelu, average_pool2d 2 same, dense 5 tanh, dense",
    "residual(conv2d 2 3x3 same tanh, conv2d 2 3x3 same), activation elu, global_average_pool2d, dense",
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
print(f"worst: {worst:.1e} of how far the weights moved")
sys.exit(f"{len(failed)} cases differ" if failed else 0)
