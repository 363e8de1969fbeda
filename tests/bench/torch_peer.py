"""The steps of bench-engine in PyTorch: torch_peer.py CASES.json [--compile], in an environment of make-venv.

Prints a line of JSON about itself, then answers lines "CASE SECONDS" on stdin by the seconds of a
step, as bench-engine --json does. One thread, eager mode or torch.compile; all else as PyTorch has it.
"""

import json, sys, time, warnings

warnings.filterwarnings("ignore")
import torch
from torch import nn

torch.set_num_threads(1)
torch.set_flush_denormal(True)  # as the engine does: without it a peer may lose a factor of 10
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def layers_of(net, shape, outputs):
    """Modules of a network as --net has it; channels come first here, and first in shape as well."""
    for text in net.split(", "):
        kind, *words = text.split()
        if kind in ("dense", "flatten") and len(shape) > 1:
            size = 1
            for side in shape:
                size *= side
            shape = [size]
            yield nn.Flatten()
        if kind == "dense":
            units = int(words.pop(0)) if words and words[0].isdigit() else outputs
            yield nn.Linear(shape[0], units)
            shape = [units]
        elif kind == "conv2d":
            filters, size = int(words.pop(0)), [int(side) for side in words.pop(0).split("x")]
            yield nn.Conv2d(shape[0], filters, size)
            shape = [filters, *(side - of_kernel + 1 for side, of_kernel in zip(shape[1:], size))]
        elif kind == "max_pool2d":
            size = int(words.pop(0))
            yield nn.MaxPool2d(size)
            shape = [shape[0], *(side // size for side in shape[1:])]
        elif kind != "flatten":
            raise SystemExit(f"torch_peer.py: no layer '{kind}' here")
        for word in words:
            yield ACTIVATIONS[word]()


def step_of(case):
    """A function of one step on a fixed batch."""
    height_width, channels = case["input"][:-1], case["input"][-1]
    shape = [channels, *height_width]
    net = nn.Sequential(*layers_of(case["net"], shape, case["outputs"]))
    x = torch.randn(case["batch"], *shape)
    if case["work"] == "predict":
        net.eval()
        model = torch.compile(net) if COMPILE else net

        def predict():
            with torch.inference_mode():
                torch.softmax(model(x), 1)

        return predict
    labels = torch.randint(case["outputs"], (case["batch"],))
    if case["optimizer"] == "momentum":
        optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9)
    else:
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)
    loss = nn.CrossEntropyLoss()
    model = torch.compile(net) if COMPILE else net

    def train():
        optimizer.zero_grad()
        loss(model(x), labels).backward()
        optimizer.step()

    return train


class Timer:
    def __init__(self, step):
        self.step = step
        for _ in range(3):
            step()
        self.call_s = self.time(1)
        self.sample(0.2)  # warm-up

    def time(self, calls):
        start = time.process_time()
        for _ in range(calls):
            self.step()
        return (time.process_time() - start) / calls

    def sample(self, seconds):
        self.step()
        self.call_s = self.time(max(1, int(seconds / self.call_s)))
        return self.call_s


COMPILE = "--compile" in sys.argv
with open(sys.argv[1]) as file:
    cases = {case["case"]: case for case in json.load(file)}
print(json.dumps({"version": torch.__version__, "cpu": torch.backends.cpu.get_cpu_capability()}), flush=True)
timers = {}
for line in sys.stdin:
    name, seconds = line.split()
    if name not in timers:
        timers[name] = Timer(step_of(cases[name]))
    print(json.dumps({"step_s": timers[name].sample(float(seconds))}), flush=True)
