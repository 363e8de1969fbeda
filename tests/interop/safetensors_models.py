"""Models as safetensors against the library itself: safetensors_models.py BIN_FOLDER."""

import json
import os
import struct
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from safetensors import SafetensorError, safe_open
    from safetensors.numpy import load_file, save_file
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

os.environ["PATH"] = os.path.abspath(sys.argv[1]) + os.pathsep + os.environ["PATH"]
os.chdir(tempfile.mkdtemp())


def run(command, status=0):
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode == status, f"{command}: {done.returncode}: {done.stderr}"
    return done.stderr if status else done.stdout


def read(path):
    with safe_open(path, "np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()


def same(a, b):
    return open(a, "rb").read() == open(b, "rb").read()


random = np.random.default_rng(1)
rows = np.column_stack([random.normal(size=(60, 16)), random.integers(0, 3, 60)])
np.savetxt("t.csv", rows, delimiter=",", fmt=["%.6f"] * 16 + ["%d"])
net = "dense 16 relu, batch_norm, residual(dense 8 tanh, dense 16), layer_norm, dense"
run(f"nn-train t.csv --no-header --label last --net '{net}' --epochs 2 --seed 3 -o m.nn")
run("nn-model convert m.nn m.npz && nn-model convert m.nn m.safetensors")

print("-- the library reads ours, with the weights of the archive")
arrays, metadata = read("m.safetensors")
archive = np.load("m.npz")
assert set(arrays) == {name for name in archive.files if name != "model.json"}
for name, array in arrays.items():
    assert array.dtype == np.float32 and (array == archive[name]).all(), name
assert metadata["format"] == "np"
assert json.loads(metadata["nn.description"]) == json.loads(bytes(archive["model.json"]))

print("-- what the library writes gives the same model again, in any type that holds the weights")
save_file(arrays, "theirs.safetensors", metadata)
run("nn-model convert theirs.safetensors theirs.nn")
assert same("m.nn", "theirs.nn")
save_file({n: a.astype(np.float64) for n, a in arrays.items()}, "wide.safetensors", metadata)
run("nn-model convert wide.safetensors wide.nn")
assert same("m.nn", "wide.nn")
halves = {n: a.astype(np.float16) for n, a in arrays.items()}
save_file(halves, "half.safetensors", metadata)
run("nn-model convert half.safetensors half.nn && nn-model convert half.nn back.safetensors")
for name, array in load_file("back.safetensors").items():
    assert (array == halves[name].astype(np.float32)).all(), name
try:
    import torch
    from safetensors.torch import load_file as load_torch, save_file as save_torch

    tensors = load_torch("m.safetensors")
    assert all((tensors[n].numpy() == a).all() for n, a in arrays.items())
    save_torch({n: t.to(torch.bfloat16) for n, t in tensors.items()}, "bf16.safetensors", metadata)
    run("nn-model convert bf16.safetensors bf16.nn && nn-model convert bf16.nn back.safetensors")
    for name, array in load_file("back.safetensors").items():
        assert (array == tensors[name].to(torch.bfloat16).to(torch.float32).numpy()).all(), name
except ImportError as error:
    print(f"   left out: {error}")

print("-- whatever the library refuses is refused")
F = lambda a, b, s=(1,), d="F32": {"dtype": d, "shape": list(s), "data_offsets": [a, b]}
plain = {"a": F(0, 4)}
table = {
    "plain": (plain, 4),
    "trailing bytes": (plain, 8),
    "hole": ({"a": F(0, 4), "b": F(8, 12)}, 12),
    "overlap": ({"a": F(0, 4), "b": F(0, 4)}, 4),
    "overlap in part": ({"a": F(0, 8, [2]), "b": F(4, 12, [2])}, 12),
    "out of file": ({"a": F(0, 8, [2])}, 4),
    "another shape": ({"a": F(0, 4, [2])}, 4),
    "overflow": ({"a": F(0, 4, [2**62, 4])}, 4),
    "negative": ({"a": F(0, 4, [-1])}, 4),
    "the same name": (b'{"a":%s,"a":%s}' % (json.dumps(F(0, 4)).encode(), json.dumps(F(4, 8)).encode()), 8),
    "leading space": (b" " + json.dumps(plain).encode(), 4),
    "not aligned": ({"a": F(0, 1, [1], "U8"), "b": F(1, 5)}, 5),
    "unknown dtype": ({"a": F(0, 4, [1], "F31")}, 4),
    "metadata of numbers": ({"__metadata__": {"a": 1}, **plain}, 4),
    "nothing": (b"", 0),
    "no tensors": ({}, 0),
    "not UTF-8": (b'{"\xff":%s}' % json.dumps(F(0, 4)).encode(), 4),
    "zeros behind": (json.dumps(plain).encode() + bytes(2), 4),
    "more fields": ({"a": {**F(0, 4), "x": 1}}, 4),
    "half a value": ({"a": F(0, 1, [1], "F4")}, 1),
    "no values": ({"a": F(0, 0, [0, 7]), "b": F(0, 4)}, 4),
    "a text for a shape": ({"a": F(0, 4, "1")}, 4),
    "one offset": ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}, 4),
    "backwards": ({"a": F(4, 0)}, 4),
    "an array": (b"[]", 0),
}
for name, (header, size) in table.items():
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    with open("x.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + bytes(size))
    try:
        load_file("x.safetensors")
        taken = True
    except (SafetensorError, TypeError, AttributeError, ValueError):
        taken = False
    done = subprocess.run(["nn-model", "show", "x.safetensors"], capture_output=True, text=True)
    assert (done.returncode == 0) == taken, f"{name}: {taken}: {done.stdout}{done.stderr}"
# The library takes a name twice where both are the same bytes; its specification doesn't.
with open("x.safetensors", "wb") as file:
    text = b'{"a":%s,"a":%s}' % ((json.dumps(F(0, 4)).encode(),) * 2)
    file.write(struct.pack("<Q", len(text)) + text + bytes(4))
assert "two tensors called 'a'" in run("nn-model show x.safetensors", 1)
print("ok")
