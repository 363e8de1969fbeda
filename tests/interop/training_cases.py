"""What training is compared by: rows, our runs, and how weights are told apart. For training_keras.py and training_torch.py.

Each case is a network, options, and what the other calls the same. Both begin with our first weights, take 25 steps over all
rows, and must end with the same weights but for rounding. Row weights are relative to their mean, as our manual says.
"""

import os
import subprocess
import sys
import tempfile

import numpy as np

BIN = os.path.abspath(sys.argv[1])
os.chdir(tempfile.mkdtemp())

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
    return weights_of("first"), weights_of("last")


def fine_tuned(source, net, options, freeze):
    """The same of a run from a model that was trained before, with layers frozen."""
    common = [*source, "--batch", str(ROWS), "--device", "cpu:0", "--seed", "3", "--quiet"]
    loss = [w for i, w in enumerate(options) if options[max(i - 1, 0)] == "--loss" or w == "--loss"]
    tool("nn-train", *common, *loss, "--net", net, "--no-standardize", "--lr", str(RATE), "--epochs", "5", "-o", "first.nn")
    frozen = ["--freeze", ",".join(freeze)] if freeze else []
    tool("nn-train", *common, "--from", "first.nn", *frozen, "--lr", str(RATE), *options, "--epochs", str(STEPS), "-o", "last.nn")
    return weights_of("first"), weights_of("last")


def weights_of(name):
    tool("nn-model", "convert", f"{name}.nn", f"{name}.npz")
    with np.load(f"{name}.npz") as archive:
        return {k: archive[k] for k in archive.files if "/" in k}


def split_list(text, separator=","):
    """The layers of a list, or the branches of a block; what stands within parentheses aside."""
    parts, depth, part = [], 0, ""
    for c in text:
        depth += (c == "(") - (c == ")")
        if c == separator and depth == 0:
            parts.append(part.strip())
            part = ""
        else:
            part += c
    return [*parts, part.strip()]


def pair(text, item=int):
    """Two of "3", or of "3x5"."""
    return tuple([item(part) for part in text.split("x")] * 2)[:2]


def window_options(words):
    """The options of a convolution or a pool, which are taken from the front of the words."""
    found = {"strides": None, "padding": "valid", "pad": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
    ends = lambda text: tuple([int(part) for part in text.split(":")] * 2)[:2]
    while words and (words[0] in found or words[0] in ("same", "valid")):
        word = words.pop(0)
        if word in ("same", "valid"):
            found["padding"] = word
        elif word == "groups":
            found[word] = int(words.pop(0))
        else:
            found[word] = pair(words.pop(0), ends if word == "pad" else int)
    return found


# What networks of others have, and ours say in words of their own.
WINDOWS = (
    "conv2d 4 3x3 strides 2 pad 1 tanh, max_pool2d 3 strides 2 pad 1, dense",
    "conv2d 4 3x2 pad 0:2x1:0 silu, average_pool2d 3 strides 2 pad 1:0x1, dense 5 tanh, dense",
    "conv2d 4 3x3 dilation 2 tanh, conv2d 4 2x2 same dilation 1x2 groups 2 hard_swish, dense",
    "conv2d 4 3x3 groups 2 pad 2 dilation 2 mish, global_max_pool2d, dense",
)
BRANCHES = (
    "concat(dense 4 tanh; dense 3; ), dense",
    "residual(concat(dense 4 tanh; dense 2 elu 0.5)), concat(; residual(dense 6 leaky_relu 0.01)), dense",
)
IMAGE_BRANCHES = (
    "concat(conv2d 3 1x1 tanh; conv2d 2 3x3 same; max_pool2d 3 strides 1 same), conv2d 3 2x2 tanh, dense",
    "conv2d 3 3x3 tanh, concat(conv2d 2 3x3 pad 1 softsign; ), concat(global_average_pool2d; global_max_pool2d), dense",
)
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


class Comparison:
    """Cases that were compared, and how far apart the worst was."""

    def __init__(self, tolerance=2e-4):
        self.tolerance, self.failed, self.worst = tolerance, [], 0.0

    def check(self, source, net, options, theirs, weighted=False, freeze=None):
        """theirs(first weights, inputs, y, outputs) gives the weights after the steps, by our names.

        With `freeze`, names of layers, both go on from a model that was trained before; then no weight may be off by
        more than 1e-5, and those of frozen layers not by a bit.
        """
        inputs = {"images-3": images, "kinds": np.hstack([np.eye(KINDS)[kinds], x])}.get(source, x)
        classes = classes_of(source)
        y = labels[classes] if classes else numbers[:, :1] if source == "number" else numbers
        units = {2: 1, 3: 3}[classes] if classes else y.shape[1]
        table = SOURCES[source] + (["--sample-weight", "w"] if weighted else ["--drop", "w"] if inputs is x else [])
        if table.count("--drop") == 2:
            table[table.index("--drop") + 1] += ",w"
            table = table[:-2]
        first, last = ours(table, net, options) if freeze is None else fine_tuned(table, net, options, freeze)
        expected = theirs(first, inputs, y, units)
        assert set(expected) == set(last), (set(expected), set(last))
        moved = max(np.abs(expected[k] - first[k]).max() for k in expected)
        off = max(np.abs(expected[k] - last[k]).max() for k in expected) / moved
        self.worst = max(self.worst, off)
        good = off <= self.tolerance
        for name in last if freeze is not None else ():
            good = good and np.abs(expected[name] - last[name]).max() <= 1e-5
            if name.partition("/")[0] in freeze:
                good = good and (first[name] == last[name]).all()
        print(f"{'ok' if good else 'FAILED'} {off:.1e} {source}: '{net}' {' '.join(options)}")
        if not good:
            self.failed.append(net)

    def finish(self):
        print(f"worst: {self.worst:.1e} of how far the weights moved")
        sys.exit(f"{len(self.failed)} cases differ" if self.failed else 0)


def classes_of(source):
    return {"images-3": 3, "kinds": 3, "number": 0, "numbers": 0}.get(source, source)
