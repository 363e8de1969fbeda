"""The steps of bench-gpu and the products of bench-device in PyTorch: questions as lines of JSON on stdin, answered
as those do.

A question has two fields more: "device", and "mode". Eager is a step as people write it; graph is the
same recorded once by torch.cuda.graph, with Adam in one kernel, and started again for each batch.
"""

import json, os, sys, time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
try:
    import torch
    from torch import nn
    from torch_layers import layers_of
except ImportError as error:
    sys.exit(f"no PyTorch: {error}")

LOSSES_EVERY = 32  # steps, as the CUDA backend's programs ask for


def recorded(work, times=1):
    """What starts a graph of it. As PyTorch's notes on CUDA graphs have it: some on another stream come first."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(times):
            work()
    return graph.replay


class Work:
    """A network and rows for it."""

    batches = 16

    def __init__(self, question):
        self.q = question
        self.device = torch.device(question["device"])
        self.cuda = self.device.type == "cuda"
        self.graph = question["mode"] == "graph"
        if self.cuda:
            torch.cuda.set_device(self.device)
        self.choose_precision(question.get("precision", "float32"))
        *sides, channels = (int(side) for side in question["shape"].split("x"))
        self.shape, self.batch = [channels, *sides], question["batch"]
        self.net = nn.Sequential(*layers_of(question["net"], self.shape, question["outputs"])).to(self.device)
        self.losses = torch.zeros((), device=self.device)
        self.place_rows()
        self.place_batch()
        fused = {"fused": True, "capturable": True} if self.graph else {}
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=1e-4, **fused)
        self.compute = self.predict if question["work"] == "predict" else self.train
        self.number, self.step_s = 0, 0
        if self.graph:
            self.compute = recorded(self.compute)

    @staticmethod
    def choose_precision(precision):
        """Of products; by itself PyTorch has TF32 for convolutions and not for other products."""
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
        torch.backends.cudnn.benchmark = True

    def place_rows(self):
        """On the device where they are kept there, else in memory that it can read by itself."""
        self.kept = self.q["work"] == "train-kept"
        rows = self.batch * max(
            2, min(self.batches, (256 << 20) // (4 * self.batch * torch.Size(self.shape).numel()))
        )
        self.x = torch.rand(rows, *self.shape) - 0.5
        self.y = torch.randint(self.q["outputs"], (rows,))
        self.order = torch.randperm(rows)
        if self.kept:
            self.x, self.y, self.order = (t.to(self.device) for t in (self.x, self.y, self.order))
        elif self.cuda:
            self.x, self.y = self.x.pin_memory(), self.y.pin_memory()

    def place_batch(self):
        """Where a step finds its batch."""
        self.batch_x = torch.zeros(self.batch, *self.shape, device=self.device)
        self.batch_y = torch.zeros(self.batch, dtype=torch.long, device=self.device)
        self.chosen = torch.zeros(self.batch, dtype=torch.long, device=self.device)
        self.out = torch.zeros(self.batch, self.q["outputs"])
        if self.cuda:
            self.out = self.out.pin_memory()

    def fetch(self):
        """The next batch, to the same place each time."""
        first = self.number * self.batch % len(self.x)
        self.number += 1
        rows = slice(first, first + self.batch)
        if self.kept:
            self.chosen.copy_(self.order[rows], non_blocking=True)
        else:
            self.batch_x.copy_(self.x[rows], non_blocking=True)
            self.batch_y.copy_(self.y[rows], non_blocking=True)

    def train(self):
        x, y = (self.x[self.chosen], self.y[self.chosen]) if self.kept else (self.batch_x, self.batch_y)
        self.optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(self.net(x), y)
        loss.backward()
        self.optimizer.step()
        self.losses += loss.detach() * self.batch

    def predict(self):
        with torch.inference_mode():
            self.probabilities = torch.softmax(self.net(self.batch_x), 1)

    def wait(self):
        if self.cuda:
            torch.cuda.synchronize()

    def run(self, count):
        predicts = self.q["work"] == "predict"
        for i in range(count):
            self.fetch()
            self.compute()
            if predicts:
                self.out.copy_(self.probabilities, non_blocking=True)
                self.wait()
            elif (i + 1) % LOSSES_EVERY == 0:
                self.losses.item()
        self.wait()

    def time(self, count):
        start = time.monotonic()
        self.run(count)
        return (time.monotonic() - start) / count

    def sample(self, seconds):
        if self.step_s == 0:
            self.run(5)  # what is chosen and loaded by the first ones
            self.step_s = self.time(3)
        self.choose_precision(self.q.get("precision", "float32"))
        self.step_s = self.time(max(1, int(seconds / self.step_s)))
        return self.step_s


class Product:
    """A product of noise, queued many times, as a graph, and waited for once, as bench-device does."""

    graph_s, most_in_graph = 2e-3, 256

    def __init__(self, question):
        self.q, self.device = question, torch.device(question["device"])
        Work.choose_precision(question["precision"])
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        self.a = self.noise(question["m"], question["k"], question["a_transposed"])
        self.b = self.noise(question["k"], question["n"], question["b_transposed"])
        self.c = self.a @ self.b
        self.start, self.count = self.multiply, 1
        if question["mode"] == "graph":
            self.record()

    def noise(self, rows, columns, transposed):
        sides = (columns, rows) if transposed else (rows, columns)
        members = [self.q["members"]] if self.q["members"] > 1 else []
        values = torch.rand(*members, *sides, device=self.device) - 0.5
        return values.transpose(-1, -2) if transposed else values

    def multiply(self):
        torch.matmul(self.a, self.b, out=self.c)

    def record(self):
        self.time(3)
        self.count = max(1, min(self.most_in_graph, int(self.graph_s / self.time(10))))
        self.start = recorded(self.multiply, self.count)

    def time(self, count):
        """Seconds of what one start queues."""
        begin = time.monotonic()
        for _ in range(count):
            self.start()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return (time.monotonic() - begin) / count

    def sample(self, seconds):
        self.time(2)
        return self.time(max(1, int(seconds / self.time(1)))) / self.count


works, about = {}, None


def answer(question):
    """Work on one network stays, as in bench-gpu."""
    global about
    if question["work"] == "about":
        if question["device"] != "cpu":
            torch.zeros(1, device=question["device"])
        return {
            "version": f"{torch.__version__}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
        }
    if question["mode"] == "graph" and question["device"] == "cpu":
        return {"skipped": "graphs take a GPU"}
    seconds = question.pop("seconds")
    if question["work"] == "product":
        with torch.inference_mode():
            return {"seconds": Product(question).sample(seconds)}
    now = (question["net"], question["shape"], question["batch"])
    if now != about:
        works.clear()
        about = now
    key = json.dumps(question)
    if key not in works:
        works[key] = Work(question)
    return {"seconds": works[key].sample(seconds)}


for line in sys.stdin:
    try:
        said = answer(json.loads(line))
    except Exception as error:
        said = {"error": f"PyTorch: {(str(error) or type(error).__name__).splitlines()[0]}"}
    print(json.dumps(said), flush=True)
