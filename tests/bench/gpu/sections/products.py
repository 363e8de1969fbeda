"""Products of the shapes that layers make, on the device, and what share of its peak they reach."""

import re, subprocess

TITLE = "Products, without transfers"

# Of a streaming multiprocessor: float32 multiply-adds a clock (CUDA C++ programming guide, "Arithmetic
# instructions").
LANES = {
    "7.0": 64,
    "7.5": 64,
    "8.0": 64,
    "8.6": 128,
    "8.7": 128,
    "8.9": 128,
    "9.0": 128,
    "10.0": 128,
    "10.3": 128,
    "12.0": 128,
    "12.1": 128,
}
PRECISIONS = ["float32", "tf32", "bf16"]


def would(plan):
    return [
        f"time the products of a layer: {layer.name}, {layer.rows} rows, {layer.inputs} to {layer.outputs}"
        for layer in plan.layers
    ]


def products_of(layer):
    """Name, m, n, k, and whether a and b are transposed."""
    rows, inputs, outputs = layer.rows, layer.inputs, layer.outputs
    yield "forward", rows, outputs, inputs, False, False
    yield "gradient of kernel", inputs, outputs, rows, True, False
    yield "gradient of input", rows, inputs, outputs, False, True


def speed_of(session, section, layer, product, precision):
    """Operations a second; 0 where it failed."""
    _, m, n, k, a_transposed, b_transposed = product
    question = {
        "work": "product",
        "precision": precision,
        "m": m,
        "n": n,
        "k": k,
        "a_transposed": a_transposed,
        "b_transposed": b_transposed,
        "members": layer.members,
        "seconds": session.plan.seconds,
    }
    answer = session.device_bench().ask(**question)
    section.samples.append({**question, **answer})
    if "error" in answer:
        section.fail(answer["error"], question)
        return 0
    return 2 * m * n * k * layer.members / answer["seconds"]


def peak_of(session):
    """Of float32, by what the device says of itself."""
    about = session.device_bench().ask(work="attributes")
    lanes = LANES.get(about.get("capability"), 0)
    return 2 * lanes * about.get("processors", 0) * about.get("clock_hz", 0)


class Clock:
    """What nvidia-smi says of the device while it computes: it may be slower than it could be."""

    def __init__(self, session):
        path = session.find("nvidia-smi")
        query = ["-i", session.smi_index(), "--format=csv,noheader,nounits"]
        query += ["--query-gpu=clocks.sm,power.draw,temperature.gpu"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = path and subprocess.Popen([path, *query, "-lms", "200"], text=True, **pipes)

    def text(self):
        if not self.process:
            return "there is no nvidia-smi to say how fast the clock was"
        self.process.terminate()
        lines = self.process.communicate()[0].splitlines()
        values = [[float(word) for word in line.split(",")] for line in lines if re.fullmatch(r"[\d., ]+", line)]
        if not values:
            return "nvidia-smi doesn't say how fast the clock was"
        clock, power, heat = zip(*values)
        return (
            f"clock {min(clock):.0f} to {max(clock):.0f} MHz, up to {max(power):.0f} W and {max(heat):.0f} degrees"
        )


def fill(session, section):
    peak, clock = peak_of(session), Clock(session)
    speeds = {
        (layer, product): [speed_of(session, section, layer, product, precision) for precision in PRECISIONS]
        for layer in session.plan.layers
        for product in products_of(layer)
    }
    section.note(f"Meanwhile: {clock.text()}.")
    best = [max(column) or 1 for column in zip(*speeds.values())]
    section.heads = [
        "layer",
        "product",
        "m x n x k",
        "float32 TFLOP/s",
        "of the peak",
        "of the best",
        "tf32 TFLOP/s",
        "of the best",
        "bf16 TFLOP/s",
        "of the best",
    ]
    for (layer, (name, m, n, k, *_)), row in speeds.items():
        cells = []
        for i, speed in enumerate(row):
            cells.append(f"{speed / 1e12:.3g}")
            if i == 0:
                cells.append(f"{speed / peak:.1%}" if peak else "unknown")
            cells.append(f"{speed / best[i]:.1%}")
        section.row(layer.name, name, f"{m} x {n} x {k}", *cells)
    if peak:
        section.note(f"The peak of float32 is {peak / 1e12:.1f} TFLOP/s: processors x clock x lanes x 2.")
