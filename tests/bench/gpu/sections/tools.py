"""Tools from end to end: data in, accuracy out, on the device and on the CPU."""

import filecmp, json, os, signal, statistics, subprocess, time

from session import TIMED_OUT, OutOfTime

TITLE = "Tools"

FASHION = "/usr/share/datasets/fashion-mnist"
CLOSE = 0.02  # of accuracies after trainings whose sums have another order
MEMBERS = 8
AT_WORKER = 1e-4  # of numbers: a worker puts other rows into a step, and cuBLAS may choose another kernel


def would(plan, course):
    return [GROUPS[name][1] for name in course.tools]


class Broken(Exception):
    """A tool that fails, and what it says."""


class Tools:
    """The tools of a build."""

    def __init__(self, session, section):
        self.session, self.section = session, section

    def call(self, tool, *arguments):
        """(stdout, seconds). What fails ends the group."""
        start = time.monotonic()
        answer = self.session.run(self.session.program(tool), *arguments)
        if answer.returncode == TIMED_OUT and self.session.seconds_left() == 0:
            raise OutOfTime  # nothing is wrong with the tool
        if answer.returncode != 0:
            words = answer.stderr.strip().splitlines()
            raise Broken(f"{tool} {' '.join(arguments)}: {words[-1] if words else answer.returncode}")
        return answer.stdout, time.monotonic() - start

    def train(self, model, device, *arguments):
        """Seconds."""
        options = ["--seed", "1", "--quiet", "--device", device, "-o", model]
        return self.call("nn-train", *options, *arguments)[1]

    def rows(self, *predict):
        """The predictions' cells: numbers where they are such."""
        lines = self.call("nn-predict", *predict, "--to", "csv")[0].splitlines()
        return [[number(cell) for cell in line.split(",")] for line in lines]

    def accuracy(self, *predict):
        predictions = self.session.file("predictions.arrows")
        self.call("nn-predict", *predict, "-o", predictions)
        return json.loads(self.call("nn-eval", "--json", predictions)[0])["accuracy"]

    def train_both(self, name, train, test, *options):
        """A row: a model for each device, m-cuda.nn and m-cpu.nn of this name, and how good they are."""
        row, accuracies = [], []
        for where, device in (("cuda", self.session.device), ("cpu", "cpu")):
            model = self.session.file(f"{name}-{where}.nn")
            seconds = self.train(model, device, *train, *options)
            accuracies.append(self.accuracy("-m", f"{model}@{device}", *test))
            row += [f"{accuracies[-1]:.4f}", f"{seconds:.2f} s"]
        self.judge(f"{name}: accuracy and time of training", row, abs(accuracies[0] - accuracies[1]) <= CLOSE)

    def judge(self, name, cells, good):
        self.section.row(name, *cells, *[""] * (4 - len(cells)), "yes" if good else "no")
        if not good:
            self.section.fail(name)


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


def difference(rows, others):
    """The largest of numbers; infinite where something else differs."""
    if [len(row) for row in rows] != [len(row) for row in others]:
        return float("inf")
    worst = 0
    for a, b in ((a, b) for row, other in zip(rows, others) for a, b in zip(row, other)):
        if a != b:
            worst = max(worst, abs(a - b) if isinstance(a, float) and isinstance(b, float) else float("inf"))
    return worst


def digits_of(session):
    """Arguments for rows to train on, for rows to test on, and for a training."""
    data = [os.path.join(session.root, "examples/digits.csv.gz"), "--no-header", "--label", "last"]
    options = ["--layers", "64,32", "--standardize", "--batch", "32", "--epochs", str(session.plan.epochs)]
    return [*data, "--rows", session.plan.digits], [*data, "--rows", "1437:"], options


def digits(session, tools):
    train, test, options = digits_of(session)
    tools.train_both("digits", train, test, *options)
    again, cuda, cpu = (session.file(f"digits-{name}.nn") for name in ("again", "cuda", "cpu"))
    tools.train(again, session.device, *train, *options)
    texts = [tools.call("nn-predict", "-m", f"{model}@cpu:0", *test, "--to", "csv")[0] for model in (cuda, again)]
    same = texts[0] == texts[1]
    tools.judge("digits: predictions when trained again", ["the same" if same else "others"], same)
    both = tools.accuracy("-m", f"{cuda}@{session.device}", "-m", f"{cpu}@cpu:0", "--rule", "mean", *test)
    alone = tools.accuracy("-m", f"{cuda}@cpu:0", "-m", f"{cpu}@cpu:0", "--rule", "mean", *test)
    cells = [f"{both:.4f}", "", f"{alone:.4f}"]
    tools.judge(f"digits: an ensemble over {session.device} and cpu:0", cells, abs(both - alone) <= 0.005)
    start(session, tools, [*train[:-1], "1437:1438"])


def start(session, tools, row):
    """Seconds of a whole nn-predict for one row."""
    medians = []
    for where, device in (("cuda", session.device), ("cpu", "cpu")):
        command = ["-m", f"{session.file(f'digits-{where}.nn')}@{device}", *row, "-o", session.file("one.arrows")]
        times = [tools.call("nn-predict", *command)[1] for _ in range(session.plan.rounds)]
        medians += ["", f"{statistics.median(times):.3f} s"]
        tools.section.samples.append({"of": f"start on {device}", "seconds": times})
    tools.judge("nn-predict for one row, from start to end", medians, True)


def members(session, tools):
    """At once and one after the other, on each device; the row has both times and their ratio."""
    train, _, options = digits_of(session)
    cells, times = [], {}
    for where, device in (("device", session.device), ("CPU", "cpu")):
        model = session.file("members.nn")
        together = tools.train(model, device, *train, *options, "--members", str(MEMBERS))
        apart = sum(tools.train(model, device, *train, *options, "--seed", str(k)) for k in range(MEMBERS))
        times[device] = {"together": together, "apart": apart}
        cells += [f"{apart / together:.3g} × as fast", f"{together:.2f} s, {apart:.2f} s apart"]
    tools.section.samples.append({"of": f"{MEMBERS} members", "seconds": times})
    tools.judge(f"digits: --members {MEMBERS} against one after the other", cells, True)


def validation(session, tools):
    """What share of an epoch goes into --valid, of all rows there are."""
    train, _, options = digits_of(session)
    log, cells, times = session.file("valid.log"), [], {}
    for device in (session.device, "cpu"):
        for valid in ([], ["--valid", train[0]]) * session.plan.rounds:
            tools.train(session.file("valid.nn"), device, *train, *options, *valid, "--log", log)
            with open(log) as file:
                last = json.loads(file.readlines()[-2])  # behind it, how the run ended
            times.setdefault((device, bool(valid)), []).append(last["elapsed_s"] / last["epoch"])
        without, with_it = (statistics.median(times[device, valid]) for valid in (False, True))
        cells += [
            f"{1 - without / with_it:.0%} of an epoch",
            f"{with_it * 1e3:.3g} ms, {without * 1e3:.3g} without",
        ]
    for (device, valid), epochs in times.items():
        tools.section.samples.append({"of": f"epochs on {device}", "valid": valid, "seconds": epochs})
    tools.judge("digits: validating on all rows", cells, True)


def worker(session, tools):
    """One on the device answers what nn-predict asks."""
    model, socket = session.file("digits-cuda.nn"), session.file("worker.sock")
    _, test, _ = digits_of(session)
    command = [session.program("nn-worker"), "--listen", f"unix:{socket}", "--device", session.device]
    with open(session.file("worker.messages"), "w+") as messages:
        process = session.start(
            *command,
            "-m",
            f"digits={model}",
            "--print-endpoint",
            stdout=subprocess.PIPE,
            stderr=messages,
            text=True,
        )
        try:
            if not session.line_of(process):
                messages.seek(0)
                raise Broken(f"nn-worker: {(messages.read().strip() or 'says nothing').splitlines()[-1]}")
            start = time.monotonic()
            there = tools.rows("--at", f"unix:{socket}", "-m", "digits", *test)
            seconds = time.monotonic() - start
            process.send_signal(signal.SIGTERM)
            status = process.wait(60)
        finally:
            session.end(process)
    apart = difference(there, tools.rows("-m", f"{model}@{session.device}", *test))
    cells = [f"{len(there) - 1} rows, off by {apart:.1e}", f"{seconds:.2f} s"]
    good = len(there) > 1 and apart <= AT_WORKER and status == 0
    tools.judge("digits: predictions by a worker against local ones", cells, good)


def resume(session, tools):
    """A training that SIGINT stops, and what goes on from there to the bytes of one left alone."""
    train, _, options = digits_of(session)
    # As many epochs as it takes to be stopped between: what it is told comes after some.
    options[options.index("--epochs") + 1] = str(session.plan.interrupted)
    # The same name for both: a model has its command line.
    model, whole = session.file("resumed.nn"), session.file("whole.nn")
    command = [*train, *options, "--seed", "1", "--quiet", "--device", session.device, "-o", model]
    tools.call("nn-train", *command)
    os.rename(model, whole)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    process = session.start(session.program("nn-train"), *command, "--log", "/dev/stdout", **pipes)
    try:
        session.line_of(process)  # the first epoch is over
        process.send_signal(signal.SIGINT)
        # The last line says how the run ended.
        epochs = len(process.communicate(timeout=60)[0].splitlines())
    finally:
        session.end(process)
    stopped = process.returncode == -signal.SIGINT and os.path.exists(f"{model}.ckpt")
    tools.call("nn-train", *command, "--resume")
    same = filecmp.cmp(model, whole, shallow=False)
    text = f"stopped after {epochs} of {session.plan.interrupted} epochs" if stopped else "not stopped in time"
    tools.judge(
        "digits: SIGINT and --resume", [f"{text}, {'the same' if same else 'other'} bytes"], stopped and same
    )


def second(session, tools):
    """Another device: its training, and an ensemble over both."""
    listed = tools.call("nn-devices")[0].split()
    others = [d for d in listed if d.startswith("cuda:") and d != f"cuda:{session.index()}"]
    if not others:
        return tools.section.row("digits: a second device", "there is none", *[""] * 4)
    device = others[0]
    train, test, options = digits_of(session)
    model, first = session.file("digits-second.nn"), session.file("digits-cuda.nn")
    seconds = tools.train(model, device, *train, *options)
    other, here = (tools.rows("-m", f"{file}@cpu:0", *test) for file in (model, first))
    apart = difference(other, here)  # none where both are of one kind, which they needn't be
    both = tools.accuracy("-m", f"{first}@{session.device}", "-m", f"{model}@{device}", "--rule", "mean", *test)
    alone = tools.accuracy("-m", f"{first}@cpu:0", "-m", f"{model}@cpu:0", "--rule", "mean", *test)
    tools.section.note(f"Predictions of what {device} trains are off by {apart:.1e} from {session.device}'s.")
    cells = [f"{both:.4f}", f"{seconds:.2f} s", f"{alone:.4f}"]
    tools.judge(f"digits: a second device, {device}: an ensemble over both", cells, abs(both - alone) <= 0.005)


def fashion(session, tools):
    if session.rehearsed or not os.path.isdir(FASHION):
        tools.section.row(
            "Fashion-MNIST",
            "rehearsed without it" if session.rehearsed else f"there is no {FASHION}",
            "",
            "",
            "",
            "",
        )
        return
    files = lambda kind: [
        f"{FASHION}/{kind}-images-idx3-ubyte.gz",
        "--labels",
        f"{FASHION}/{kind}-labels-idx1-ubyte.gz",
    ]
    train, test = files("train"), files("t10k")
    tools.train_both("Fashion-MNIST", train, test, "--layers", "256,128", "--epochs", "12", "--batch", "256")
    net = "conv2d 32 3x3 relu, max_pool2d 2, conv2d 64 3x3 relu, max_pool2d 2, dense 128 relu, dense"
    tools.train_both("Fashion-MNIST, convolutions", train, test, "--net", net, "--epochs", "2", "--batch", "256")


# What plan.TOOLS names, and what it does.
GROUPS = {
    "digits": (
        digits,
        "train digits by nn-train on it and on the CPU, and again; predict by an ensemble on both; time the start of "
        "nn-predict",
    ),
    "worker": (worker, "predict by a worker that has it"),
    "resume": (resume, "interrupt a training and resume it"),
    "members": (members, f"train {MEMBERS} members at once and one after the other"),
    "second": (second, "train on a second device where there is one"),
    "validation": (validation, "train with --valid and without"),
    "fashion": (fashion, "train on Fashion-MNIST where it is there, on it and on the CPU"),
}


def fill(session, section):
    section.heads = ["what", "on the device", "seconds", "on the CPU", "seconds", "as it must be"]
    tools = Tools(session, section)
    for name in session.course.tools:
        try:
            GROUPS[name][0](session, tools)
        except (Broken, OSError, subprocess.TimeoutExpired) as error:
            section.fail(str(error))
