"""The steps of bench-engine in PyTorch: torch_peer.py CASES.json [--compile], in an environment of make-venv.

Prints a line of JSON about itself, then answers lines "CASE SECONDS" on stdin by the seconds of a
step, as bench-engine --json does. One thread, eager mode or torch.compile; all else as PyTorch has it.
"""

import json, sys, time, warnings

warnings.filterwarnings("ignore")
import torch
from torch import nn
from torch_layers import layers_of

torch.set_num_threads(1)
torch.set_flush_denormal(True)  # as the engine does: without it a peer may lose a factor of 10


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
