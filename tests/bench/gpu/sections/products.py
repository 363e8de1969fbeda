"""Products of the shapes that layers make, on the device, and what share of its peak they reach."""

import re, signal, subprocess

from report import digits

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
AGAINST_TORCH = ["float32", "tf32"]


def would(plan, course):
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


def question_of(layer, product, precision):
    _, m, n, k, a_transposed, b_transposed = product
    question = {"work": "product", "precision": precision, "m": m, "n": n, "k": k}
    return question | {"a_transposed": a_transposed, "b_transposed": b_transposed, "members": layer.members}


def speed_of(session, section, peer, question):
    """Operations a second; 0 where it failed."""
    answer = peer.ask(**question, seconds=session.plan.seconds)
    section.samples.append({**question, **answer})
    if "error" in answer:
        if peer is not session.torch()[0]:
            section.fail(answer["error"], question)
        return 0
    return 2 * question["m"] * question["n"] * question["k"] * question["members"] / answer["seconds"]


def speeds_of(session, section, layer, product):
    """{precision: (ours, PyTorch's)}; PyTorch's products of float32 are the same, those of bf16 have other factors."""
    torch, _ = session.torch()
    speeds = {}
    for precision in PRECISIONS:
        question = question_of(layer, product, precision)
        ours, theirs = speed_of(session, section, session.device_bench(), question), 0
        if torch and precision in AGAINST_TORCH:
            mode = "eager" if session.rehearsed else "graph"
            question |= {"mode": mode, "device": session.torch_device()}
            theirs = speed_of(session, section, torch, question)
        speeds[precision] = ours, theirs
    return speeds


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
        self.session = session
        self.process = path and session.start(path, *query, "-lms", "200", text=True, env={}, **pipes)

    def text(self):
        if not self.process:
            return "there is no nvidia-smi to say how fast the clock was"
        self.process.send_signal(signal.SIGTERM)
        lines = self.process.communicate()[0].splitlines()
        self.session.end(self.process)
        values = [[float(word) for word in line.split(",")] for line in lines if re.fullmatch(r"[\d., ]+", line)]
        if not values:
            return "nvidia-smi doesn't say how fast the clock was"
        clock, power, heat = zip(*values)
        return (
            f"clock {min(clock):.0f} to {max(clock):.0f} MHz, up to {max(power):.0f} W and {max(heat):.0f} degrees"
        )


def fill(session, section):
    peak, clock, speeds = peak_of(session), Clock(session), {}
    try:
        for layer in session.plan.layers:
            for product in products_of(layer):
                speeds[layer, product] = speeds_of(session, section, layer, product)
    finally:  # also of a section that is ended in the middle
        write(session, section, speeds, peak)
        section.note(f"Meanwhile: {clock.text()}.")


def write(session, section, speeds, peak):
    """The table, whose shares of the best need all of it."""
    best = {
        precision: max((row[precision][0] for row in speeds.values()), default=0) or 1 for precision in PRECISIONS
    }
    section.heads = ["layer", "product", "m x n x k"]
    for precision in PRECISIONS:
        section.heads += [
            f"{precision} TFLOP/s",
            *(["of the peak"] if precision == "float32" else []),
            "of the best",
        ]
        section.heads += ["ours / PyTorch"] if precision in AGAINST_TORCH else []
    for (layer, (name, m, n, k, *_)), row in speeds.items():
        cells = []
        for precision, (ours, theirs) in row.items():
            cells.append(f"{ours / 1e12:.3g}")
            if precision == "float32":
                cells.append(f"{ours / peak:.1%}" if peak else "unknown")
            cells.append(f"{ours / best[precision]:.1%}")
            if precision in AGAINST_TORCH:
                cells.append(f"{digits(ours / theirs)} ×" if theirs else "")
        section.row(layer.name, name, f"{m} x {n} x {k}", *cells)
    session.note_torch(section)
    if peak:
        section.note(f"The peak of float32 is {peak / 1e12:.1f} TFLOP/s: processors x clock x lanes x 2.")
