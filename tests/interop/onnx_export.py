"""Exports of ours in ONNX Runtime, OpenVINO and tract: onnx_export.py BIN_FOLDER [OLD_PYTHON].

Each model is trained a little, exported, and computes 1, 7 and 1,000 rows there, with missing values, unknown and empty
categories among them. What it says must be what nn-predict says. The file passes onnx's checker and its strict shape
inference. OLD_PYTHON, an interpreter with the oldest ONNX Runtime that we promise, computes the same files again.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx
    import onnxruntime
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

BIN = os.path.abspath(sys.argv[1])
OLD_PYTHON = sys.argv[2] if len(sys.argv) > 2 and os.access(sys.argv[2], os.X_OK) else None
os.chdir(tempfile.mkdtemp())
ROWS, SIZES = 1000, (1, 7, 1000)
# Of probabilities, and of numbers relative to the larger of themselves and their column; elsewhere.
EXACT, CLOSE = 2e-6, 5e-6
rng = np.random.default_rng(11)

OLD_SCRIPT = """
import json, sys
import numpy as np
import onnxruntime
for case in json.load(open("cases.json")):
    session = onnxruntime.InferenceSession(case["file"], providers=["CPUExecutionProvider"])
    arrays = np.load(case["inputs"], allow_pickle=True)
    answers = session.run(None, {name: arrays[f"input{i}"] for i, name in enumerate(case["names"])})
    expected = np.load(case["expected"], allow_pickle=True)
    values = np.abs(answers[0] - expected["values"]) / expected["unit"]
    assert values.max() <= case["most"], (case["file"], values.max())
    if "labels" in expected:
        assert (answers[1] == expected["labels"]).all(), case["file"]
print(onnxruntime.__version__)
"""


def tool(name, *arguments):
    done = subprocess.run([f"{BIN}/{name}", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"{name} {' '.join(arguments)}: {done.stderr}"
    return done.stderr


# ---- tables


def exact(values):
    """Numbers that float32 has: what is compared is arithmetic, not reading."""
    return np.asarray(values, np.float32)


def cell(value):
    return value if isinstance(value, str) else "" if np.isnan(value) else repr(float(value))


class Table:
    """Columns by their names; written for nn-predict, and as inputs of a session."""

    def __init__(self, name, columns, targets):
        self.name, self.columns = name, columns
        with open(f"{name}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*columns, *targets])
            for row in zip(*columns.values(), *targets.values()):
                writer.writerow([cell(v) if not isinstance(v, (int, np.integer)) else v for v in row])

    def path(self):
        return f"{self.name}.csv"

    # Other rows than those of training, with what nobody knows.
    def strange(self):
        columns = {}
        for name, values in self.columns.items():
            values = values[rng.permutation(ROWS)].copy()
            at = rng.random(ROWS)
            if values.dtype == object:
                values[at < 0.1], values[(at > 0.1) & (at < 0.2)] = "nobody knows it", ""
            else:
                values[at < 0.1] = np.nan
            columns[name] = values
        return Table(self.name + "-strange", columns, {})

    def inputs(self, model, categories):
        arrays = {}
        if [i.name for i in model.graph.input] == ["x"]:
            return {"x": np.stack(list(self.columns.values()), axis=1)}
        for i in model.graph.input:
            values = self.columns[i.name]
            kind = i.type.tensor_type.elem_type
            if kind == onnx.TensorProto.INT64:
                known = {text: index for index, text in enumerate(categories[i.name])}
                values = np.array([known.get(text, rng.choice([-1, len(known), 99])) for text in values], np.int64)
            elif kind == onnx.TensorProto.DOUBLE:
                values = values.astype(np.float64)
            arrays[i.name] = values.reshape(-1, 1)
        return arrays


class Images:
    """A tensor and what it is labelled with; predicted from a file without labels."""

    def __init__(self, name, x, y):
        self.name, self.x = name, x
        np.savez(f"{name}.npz", x=x, **({"y": y} if y is not None else {}))

    def path(self):
        return f"{self.name}.npz"

    def strange(self):
        return Images(self.name + "-strange", self.x[rng.permutation(len(self.x))], None)

    def inputs(self, model, _):
        i = model.graph.input[0]
        x = self.x
        dims = [d.dim_value for d in i.type.tensor_type.shape.dim][1:]
        if x.ndim >= 3 and dims != list(x.shape[1:]):
            x = x.reshape(len(x), *x.shape[1:], 1)[:, None, :, :, 0] if x.ndim == 3 else x.transpose(0, 3, 1, 2)
        kinds = {onnx.TensorProto.FLOAT: np.float32, onnx.TensorProto.DOUBLE: np.float64, onnx.TensorProto.UINT8: np.uint8}
        return {i.name: np.ascontiguousarray(x.astype(kinds[i.type.tensor_type.elem_type]))}


def tables():
    numbers = {f"n{i}": exact(rng.normal(size=ROWS) * 10**i + i) for i in range(4)}
    for values in numbers.values():
        values[rng.random(ROWS) < 0.05] = np.nan
    full = np.nan_to_num(np.stack(list(numbers.values())))
    score = full[0] + full[1] / 10 + rng.normal(size=ROWS) * 0.1
    three = np.array(["low", "mid", "grün"], object)[np.digitize(score, [-0.5, 0.8])]
    kinds = np.array(["red", "green", "blue", "l'été"], object)[rng.integers(0, 4, ROWS)]
    sizes = np.array([f"size {i}" for i in range(30)], object)[rng.integers(0, 30, ROWS)]
    mixed = {"n0": numbers["n0"], "kind": kinds, "n1": numbers["n1"], "n2": numbers["n2"], "size": sizes}
    far = {"time": exact(1.7e5 + np.arange(ROWS) * 64), "n0": numbers["n0"]}
    number = score * 3 + 100
    several = {"a": number, "b": np.sin(score), "c": score**2 * 1000}
    strings = {n: v for n, v in numbers.items()}
    made = {
        "texts": Table("texts", numbers, {"y": three}),
        "integers": Table("integers", strings, {"y": np.digitize(score, [-0.5, 0.8]) * 7 - 3}),
        "two": Table("two", numbers, {"y": np.where(score > 0, "yes", "no").astype(object)}),
        "mixed": Table("mixed", mixed, {"y": three}),
        "mixed-number": Table("mixed-number", mixed, {"y": number}),
        "far": Table("far", far, {"y": number}),
        "number": Table("number", numbers, {"y": number}),
        "several": Table("several", numbers, several),
        "kinds": Table("kinds", {"kind": kinds, "size": sizes}, {"y": three}),
    }
    labels = rng.integers(0, 3, ROWS).astype(np.int32)
    bytes_ = rng.integers(0, 256, (ROWS, 9, 7, 3)).astype(np.uint8)
    made["bytes"] = Images("bytes", bytes_, labels)
    made["floats"] = Images("floats", exact(rng.normal(size=(ROWS, 6, 9, 2))), labels)
    made["grey"] = Images("grey", bytes_[:, :, :, 0].copy(), labels)
    made["one"] = Images("one", bytes_[:, :, :, :1].copy(), labels)
    made["vectors"] = Images("vectors", exact(rng.normal(size=(ROWS, 12))), labels)
    made["four"] = Images("four", exact(rng.normal(size=(ROWS, 2, 3, 2, 2))), labels)
    return made


# ---- models: the table, options of nn-train, the network, and options of the export

CNN = "conv2d 6 3x3 same relu, max_pool2d 2, conv2d 4 3x2 strides 2x1 tanh, flatten, dense 16 relu, dense"
ACTIVATIONS = ["relu", "leaky_relu", "leaky_relu 0.01", "elu", "elu 0.5", "selu", "gelu", "tanh", "sigmoid", "softplus", "relu6", "silu",
               "hard_swish", "hard_sigmoid", "mish", "softsign", "gelu_tanh"]
TABLE = [f"dense 12 {a}, activation {a}, dense" for a in ACTIVATIONS]
CASES = [
    *[("texts", "", net, "") for net in TABLE],
    *[("several", "", net, "--numeric") for net in TABLE],
    ("texts", "", "dense 12 gelu, dense", "--opset 20"),
    ("texts", "", "dense 12 gelu_tanh, dense 9 hard_swish, dense 9 mish, dense", "--opset 20 --numeric"),
    ("integers", "", "dense 12 relu, dropout 0.3, dense", ""),
    ("integers", "", "dense 12 relu, dense", "--numeric"),
    ("two", "", "dense 12 relu, dense", ""),
    ("two", "--loss categorical_crossentropy", "dense 12 relu, dense", "--numeric"),
    ("two", "--no-standardize", "dense 12 tanh, dense", "--input matrix"),
    ("mixed", "", "dense 12 relu, dense", ""),
    ("mixed", "", "dense 12 relu, dense", "--numeric"),
    ("mixed", "", "embedding 3, dense 12 relu, dense", ""),
    ("mixed", "", "embedding 3, batch_norm, layer_norm, dense 12 relu, dense", "--numeric"),
    ("mixed-number", "--loss mae", "embedding 1, dense 12 relu, dense", "--input double"),
    ("kinds", "", "dense 12 relu, dense", ""),
    ("kinds", "", "embedding 2, dense 12 relu, dense", "--numeric"),
    ("far", "", "dense 12 tanh, dense", "--input double"),
    ("number", "--loss mse", "dense 12 tanh, dense", ""),
    ("number", "--loss huber", "dense 12 tanh, dense softplus", "--numeric"),
    ("several", "--loss mae", "dense 12 tanh, dense", "--input matrix --opset 17"),
    ("number", "--loss pinball:0.1,0.5,0.7,0.9", "dense 12 tanh, dense", "--numeric"),
    ("number", "--loss pinball:0.5", "dense 12 tanh, dense", ""),
    ("number", "--loss gaussian", "dense 12 tanh, dense", "--numeric"),
    ("number", "--loss gaussian", "dense 12 tanh, dense", ""),
    ("texts", "", "dense 12, batch_norm, activation relu, layer_norm, dense", ""),
    ("texts", "", "dense 12, layer_norm epsilon 0.01, dense", "--opset 13 --numeric"),
    ("texts", "", "dense 12, layer_norm, dense", "--opset 18 --numeric"),
    ("texts", "", "dense 8 tanh, residual(dense 8 relu, residual(dense 4, dense 8; dense 8)), dense", "--numeric"),
    ("bytes", "", CNN, ""),
    ("bytes", "", CNN, "--numeric --layout nchw"),
    ("bytes", "", CNN, "--input uint8"),
    ("bytes", "--standardize", CNN, "--numeric"),
    ("bytes", "--standardize", CNN, "--layout nchw"),
    ("floats", "", CNN, "--numeric --opset 19"),
    ("grey", "", CNN, "--numeric"),
    ("grey", "", CNN, "--layout nchw --input uint8"),
    ("one", "", CNN, "--numeric"),
    ("one", "", CNN, "--layout nchw"),
    ("bytes", "", "dense 12 relu, dense", "--numeric"),
    ("bytes", "", "dense 12 relu, dense", "--layout nchw"),
    ("bytes", "", "conv2d 6 3x3 groups 3 gelu, conv2d 4 4x3 strides 3 same groups 2, average_pool2d 2x3 strides 1 same, dense", "--numeric"),
    ("bytes", "", "conv2d 6 5x4 strides 2 same relu, max_pool2d 3x2 strides 2 same, average_pool2d 2, global_average_pool2d, dense", "--numeric"),
    ("floats", "", "batch_norm, layer_norm, conv2d 5 2x3, layer_norm, batch_norm, activation relu, flatten, batch_norm, layer_norm, dense", "--numeric"),
    ("floats", "", "layer_norm, conv2d 5 2x3, flatten, layer_norm, dense", "--opset 18"),
    ("floats", "", "residual(conv2d 4 3x3 strides 2 same, batch_norm; conv2d 4 1x1 strides 2), activation relu, residual(conv2d 4 3x3 same), global_average_pool2d, dense", "--numeric"),
    ("floats", "", "residual(batch_norm, conv2d 2 3x3 same), flatten, residual(dense 108 tanh), dense", "--numeric"),
    ("floats", "", "max_pool2d 6x9, batch_norm, dense", "--numeric"),
    ("floats", "", "conv2d 4 3x3 pad 1x2 relu, max_pool2d 3 strides 2 pad 1, average_pool2d 2 pad 0:1x1:0, dense", "--numeric"),
    ("floats", "", "conv2d 4 2x3 dilation 2 relu, conv2d 4 2x2 dilation 1x2 same strides 1, global_max_pool2d, dense", "--numeric"),
    ("floats", "", "concat(conv2d 3 1x1 relu; conv2d 2 3x3 same; ), concat(max_pool2d 6x9; global_average_pool2d), dense", "--numeric"),
    ("floats", "", "concat(; conv2d 3 3x3 same, residual(conv2d 3 3x3 same)), concat(flatten; flatten), dense", "--numeric"),
    ("vectors", "", "concat(dense 3 tanh; ; dense 4), dense 9 relu, dense", "--numeric"),
    ("vectors", "", "dense 9 relu, dense", "--numeric"),
    ("vectors", "--no-standardize", "dense 9 relu, dense", "--input double"),
    ("four", "", "dense 9 relu, dense", "--numeric"),
]


def targets_of(table, name):
    if not isinstance(table, Table):
        return []
    if name == "several":
        return ["--target", "a,b,c"]
    return ["--target", "y"] if name in ("number", "far", "mixed-number") else ["--label", "y"]


def predictions(model, path):
    """(labels or None, values) by nn-predict."""
    tool("nn-predict", "-m", model, path, "--to", "csv", "-o", "p.csv", "--quiet")
    with open("p.csv", newline="") as file:
        header, *rows = csv.reader(file)
    label = header.index("label") if "label" in header else None
    values = np.array([[np.float32(v) for i, v in enumerate(row) if i != label] for row in rows], np.float32)
    return None if label is None else [row[label] for row in rows], values


def check_file(path):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    again = onnx.load_from_string(model.SerializeToString())
    assert again == model
    return model


def categories_of(model):
    return {p.key[len("nn.categories."):]: json.loads(p.value) for p in model.metadata_props if p.key.startswith("nn.categories.")}


def difference(got, expected, unit):
    got = np.asarray(got).reshape(expected.shape)
    return float((np.abs(got - expected) / unit).max())


def by_onnxruntime(path, inputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for size in SIZES:
        yield size, session.run(None, {name: values[:size] for name, values in inputs.items()})


def by_openvino(path, inputs):
    import openvino

    core = openvino.Core()
    model = core.read_model(path)
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for size in SIZES:
        results = compiled({name: values[:size] for name, values in inputs.items()})
        yield size, [results[i] for i in range(len(compiled.outputs))]


def by_tract(path, inputs):
    import tract

    model = tract.onnx().load(path).into_model().into_runnable()
    for size in SIZES:
        results = model.run([values[:size] for values in inputs.values()])
        yield size, [r.to_numpy() for r in results]


def available():
    peers = [("onnxruntime", by_onnxruntime, EXACT)]
    for name, run in (("openvino", by_openvino), ("tract", by_tract)):
        try:
            __import__(name)
            peers.append((name, run, CLOSE))
        except ImportError as error:
            print(f"without {name}: {error}")
    return peers


def labels_of(answers, expected, classes):
    """Whether they are the same, whatever type they have."""
    got = np.asarray(answers).reshape(-1)
    if got.dtype.kind in "iu" and classes is not None:
        got = [classes[i] for i in got]
    return [str(v) for v in got] == expected[: len(got)]


def main():
    made, peers, failed, old_cases = tables(), available(), [], []
    worst = {name: 0.0 for name, _, _ in peers}
    for number, (name, training, net, exporting) in enumerate(CASES):
        table = made[name]
        model, file = f"{number}.nn", f"{number}.onnx"
        what = f"{name}: '{net}' {training} {exporting}"
        try:
            tool("nn-train", table.path(), *targets_of(table, name), *training.split(), "--net", net, "--epochs", "2", "--lr",
                 "0.02", "--seed", str(number), "--device", "cpu:0", "--quiet", "-o", model)
            tool("nn-model", "convert", model, file, *exporting.split())
            tool("nn-model", "convert", file, "back.nn")
            with open(model, "rb") as one, open("back.nn", "rb") as two:
                assert one.read() == two.read(), "another model comes back"
            rows = table.strange()
            labels, values = predictions(model, rows.path())
            graph = check_file(file)
            inputs = rows.inputs(graph, categories_of(graph))
            unit = np.ones_like(values) if labels else np.maximum(np.abs(values), np.sqrt((values.astype(float)**2).mean(axis=0)))
            metadata = {p.key: p.value for p in graph.metadata_props}
            texts = None
            if labels and "--numeric" in exporting and name != "integers" and isinstance(table, Table):
                texts = json.loads(metadata["nn.classes"])
            for peer, run, most in peers:
                if peer != "onnxruntime" and "--numeric" not in exporting:
                    continue
                for size, answers in run(file, inputs):
                    off = difference(answers[0], values[:size], unit[:size])
                    worst[peer] = max(worst[peer], off)
                    assert off <= most, f"{peer}, {size} rows: {off:.1e}"
                    assert not labels or labels_of(answers[1], labels, texts), f"{peer}, {size} rows: labels"
            if OLD_PYTHON and "--opset 20" not in exporting:
                np.savez(f"{number}-in.npz", **{f"input{i}": v for i, v in enumerate(inputs.values())})
                answers = next(iter(run_all(file, inputs)))
                np.savez(f"{number}-out.npz", values=values.reshape(answers[0].shape), unit=unit.reshape(answers[0].shape),
                         **({"labels": answers[1]} if labels else {}))
                old_cases.append({"file": file, "inputs": f"{number}-in.npz", "names": list(inputs), "expected": f"{number}-out.npz", "most": EXACT})
            print(f"ok {what}")
        except Exception as error:  # pylint: disable=broad-except
            failed.append(what)
            print(f"FAILED {what}: {type(error).__name__}: {str(error)[:600]}")
    print("worst: " + ", ".join(f"{name} {off:.1e}" for name, off in worst.items()))
    if old_cases:
        with open("cases.json", "w") as file:
            json.dump(old_cases, file)
        done = subprocess.run([OLD_PYTHON, "-c", OLD_SCRIPT], capture_output=True, text=True)
        print(f"{len(old_cases)} files in ONNX Runtime {done.stdout.strip()}" if done.returncode == 0 else done.stderr)
        if done.returncode != 0:
            failed.append("the old ONNX Runtime")
    print(f"{len(CASES)} models")
    sys.exit(f"{len(failed)} differ" if failed else 0)


def run_all(path, inputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    yield session.run(None, inputs)


if __name__ == "__main__":
    main()
