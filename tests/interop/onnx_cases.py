"""onnx's own cases as models: each is what its data say, or refused; onnx_cases.py BIN_FOLDER [DEBIAN_DATA].

Cases come from the package onnx, of single operators and of whole models, and from Debian's libonnx-testdata, where
that is installed. What a case gives as inputs besides the first is bound as a constant, as it is in a model's file.
"""

import glob
import json
import os
import sys
import tempfile

try:
    import numpy as np
    import onnx
    from onnx import numpy_helper
    import onnx_files as files
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

BIN = os.path.abspath(sys.argv[1])
DEBIAN = sys.argv[2] if len(sys.argv) > 2 else "/usr/share/libonnx-testdata/data"
MOST = 1e-5
os.chdir(tempfile.mkdtemp())


def tensor(path):
    with open(path, "rb") as file:
        return onnx.TensorProto.FromString(file.read())


def in_folder(folder):
    """(name, model, inputs, outputs) of a case that is stored; nothing where it isn't of tensors."""
    model = onnx.load(os.path.join(folder, "model.onnx"))
    data = os.path.join(folder, "test_data_set_0")
    try:
        lists = [[numpy_helper.to_array(tensor(path)) for path in sorted(
            glob.glob(f"{data}/{kind}_*.pb"), key=lambda p: int(p.rsplit("_", 1)[1][:-3]))] for kind in ("input", "output")]
    except Exception:
        return None
    return os.path.basename(folder), model, *lists


def from_package():
    from onnx.backend.test.case.node import collect_testcases

    for case in collect_testcases(None):
        if case.model is not None:
            yield case.name, case.model, *case.data_sets[0]
    base = os.path.join(os.path.dirname(onnx.__file__), "backend/test/data")
    for folder in sorted(glob.glob(f"{base}/pytorch-*/*/")):
        yield in_folder(folder.rstrip("/"))


def from_debian():
    for path in sorted(glob.glob(f"{DEBIAN}/**/model.onnx", recursive=True)):
        yield in_folder(os.path.dirname(path))


def bind(model, inputs):
    """The same model, whose further inputs are constants."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    have = {i.name for i in model.graph.initializer}
    free = [i for i in model.graph.input if i.name not in have]
    for info, value in zip(free[1:], inputs[1:]):
        if info.name and not isinstance(value, list):
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), info.name))
            model.graph.input.remove(info)
    return model


def differs(case):
    """None where it is refused, or nothing that a table could have; else by how much."""
    name, model, inputs, outputs = case
    if not inputs or not outputs or not isinstance(inputs[0], np.ndarray) or not isinstance(outputs[0], np.ndarray):
        return None
    x, y = inputs[0], outputs[0]
    if x.dtype != np.float32 or y.dtype != np.float32 or x.ndim < 2 or x.ndim > 4 or y.ndim < 2 or len(x) != len(y):
        return None
    onnx.save(bind(model, inputs), "case.onnx")
    try:
        said = files.convert(BIN, "case.onnx", "case.nn")
    except files.Refused as why:
        if os.environ.get("NN_LIST_CASES"):
            print("refused", name, str(why)[22:], file=sys.stderr)
        assert "nn-model: case.onnx: " in str(why), (name, str(why))
        return None
    shape = json.loads(files.tool(BIN, "nn-model", "show", "--json", "case.nn").stdout)["input"]
    first = "channels first" in said
    ours = x.transpose(0, 2, 3, 1) if x.ndim == 4 and first else x.transpose(0, 2, 1) if x.ndim == 3 and first else x
    ours = ours.reshape(len(x), *shape)
    labels, values = files.predict(BIN, "case.nn", np.ascontiguousarray(ours))
    expected = y.astype(np.float64)
    if "logarithms" in said:
        expected = np.exp(expected)
    orders = [expected.reshape(len(y), -1)]
    if expected.ndim == 4:
        orders.append(expected.transpose(0, 2, 3, 1).reshape(len(y), -1))
    if expected.ndim == 3:
        orders.append(expected.transpose(0, 2, 1).reshape(len(y), -1))
    if labels is not None and orders[0].shape[1] == 1:
        orders = [np.hstack([1 - orders[0], orders[0]])]
        # A case has few rows, and values next to 0 among them: relative to the largest.
    return min(np.abs(order - values).max() / max(np.abs(order).max(), 1e-30) if order.shape == values.shape else np.inf
               for order in orders)


def run(title, cases):
    right, refused, wrong = [], 0, []
    for case in cases:
        if case is None:
            continue
        worst = differs(case)
        if worst is None:
            refused += 1
        elif worst <= MOST:
            right.append(case[0])
        else:
            wrong.append((case[0], worst))
    print(f"{title}: {len(right)} right, {refused} refused, {len(wrong)} wrong {wrong}")
    if os.environ.get("NN_LIST_CASES"):
        print(" ".join(right))
    return len(right), wrong


failed = False
count, wrong = run("package", from_package())
failed = failed or bool(wrong) or count < 120
if os.path.isdir(DEBIAN):
    failed = bool(run("Debian", from_debian())[1]) or failed
sys.exit(failed)
