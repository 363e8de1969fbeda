"""Weights to Keras and back, as the manual says it: keras_models.py BIN_FOLDER MANUAL EXAMPLES_FOLDER."""

import os
import re
import subprocess
import sys
import tempfile

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
try:
    import keras
    import numpy as np
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

os.environ["PATH"] = os.path.abspath(sys.argv[1]) + os.pathsep + os.environ["PATH"]
MANUAL, EXAMPLES = os.path.abspath(sys.argv[2]), os.path.abspath(sys.argv[3])
os.chdir(tempfile.mkdtemp())


def run(command):
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, f"{command}: {done.returncode}: {done.stderr}"
    return done.stdout


section = re.search(r"^\.Sh KERAS\n(.*?)^\.Sh ", open(MANUAL).read(), re.M | re.S).group(1)
snippet = re.search(r"^\.Bd.*?\n(.*?)^\.Ed", section, re.M | re.S).group(1).replace("\\e", "\\")
rows = np.loadtxt(f"{EXAMPLES}/digits.csv.gz", delimiter=",", max_rows=600)
images, labels = rows[:, :-1].reshape(-1, 8, 8).astype(np.uint8), rows[:, -1].astype(np.int64)
np.savez("digits.npz", x=images, y=labels)
inputs = images[..., None].astype(np.float32) / 255
net = "conv2d 6 3x3 relu, batch_norm, max_pool2d 2, flatten, dense 16 tanh, dense"


def ours(model):
    run(f"nn-predict -m {model} digits.npz --to npz -o p.npz")
    return np.load("p.npz")["proba"]


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


print("-- a network of ours answers the same in Keras, and comes back as it was")
run(f"nn-train digits.npz --net '{net}' --epochs 3 --seed 1 --device cpu:0 -o m.nn && nn-model convert m.nn m.npz")
names = {}
exec(snippet, names)
theirs = softmax(names["model"].predict(inputs, verbose=0))
assert np.abs(theirs - ours("m.nn")).max() < 2e-6, np.abs(theirs - ours("m.nn")).max()
run("nn-model convert k.npz k.nn")
assert open("k.nn", "rb").read() == open("m.nn", "rb").read()
reread = keras.saving.load_model("m.keras")
assert np.abs(reread.predict(inputs, verbose=0) - names["model"].predict(inputs, verbose=0)).max() < 1e-6

print("-- what Keras learns further answers the same here")
learns = snippet.replace('model.save("m.keras")', """model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(INPUTS, LABELS, epochs=2, batch_size=50, verbose=0)""")
assert learns != snippet
names = {"INPUTS": inputs, "LABELS": labels}
exec(learns, names)
run("nn-model convert k.npz k.nn")
theirs = softmax(names["model"].predict(inputs, verbose=0))
assert np.abs(theirs - ours("k.nn")).max() < 2e-6, np.abs(theirs - ours("k.nn")).max()
assert np.abs(theirs - ours("m.nn")).max() > 1e-3

print("-- and trains on here, with layers that stay as they are")
run("nn-train digits.npz --from k.nn --freeze 'conv2d_*,batch_norm_*' --epochs 2 --device cpu:0 -o n.nn && nn-model convert n.nn n.npz")
before, after = np.load("k.npz"), np.load("n.npz")
for name in after.files:
    if "/" in name:
        assert (before[name] == after[name]).all() == name.startswith(("conv2d", "batch_norm")), name
print("ok")
