"""Tools from end to end: data in, accuracy out, on the device and on the CPU."""

import json, os, statistics, time

TITLE = "Tools"

FASHION = "/usr/share/datasets/fashion-mnist"
CLOSE = 0.02  # of accuracies after trainings whose sums have another order


def would(plan):
    return [
        "train digits by nn-train on it and on the CPU, twice, and Fashion-MNIST where it is there; compare accuracies",
        "predict by an ensemble with members on both",
        "time the start of nn-predict",
    ]


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
        if answer.returncode != 0:
            words = answer.stderr.strip().splitlines()
            raise Broken(f"{tool} {' '.join(arguments)}: {words[-1] if words else answer.returncode}")
        return answer.stdout, time.monotonic() - start

    def accuracy(self, *predict):
        predictions = self.session.file("predictions.arrows")
        self.call("nn-predict", *predict, "-o", predictions)
        return json.loads(self.call("nn-eval", "--json", predictions)[0])["accuracy"]

    def train_both(self, name, train, test, *options):
        """A row: a model for each device, m-cuda.nn and m-cpu.nn of this name, and how good they are."""
        row, accuracies = [], []
        for where, device in (("cuda", self.session.device), ("cpu", "cpu")):
            model = self.session.file(f"{name}-{where}.nn")
            _, seconds = self.call(
                "nn-train", *train, *options, "--seed", "1", "--quiet", "--device", device, "-o", model
            )
            accuracies.append(self.accuracy("-m", f"{model}@{device}", *test))
            row += [f"{accuracies[-1]:.4f}", f"{seconds:.2f} s"]
        self.judge(f"{name}: accuracy and time of training", row, abs(accuracies[0] - accuracies[1]) <= CLOSE)

    def judge(self, name, cells, good):
        self.section.row(name, *cells, *[""] * (4 - len(cells)), "yes" if good else "no")
        if not good:
            self.section.fail(name)


def digits(session, tools):
    data = [os.path.join(session.root, "examples/digits.csv.gz"), "--no-header", "--label", "last"]
    options = ["--layers", "64,32", "--standardize", "--batch", "32", "--epochs", str(session.plan.epochs)]
    train, test = [*data, "--rows", session.plan.digits], [*data, "--rows", "1437:"]
    tools.train_both("digits", train, test, *options)
    again, cuda, cpu = (session.file(f"digits-{name}.nn") for name in ("again", "cuda", "cpu"))
    tools.call("nn-train", *train, *options, "--seed", "1", "--quiet", "--device", session.device, "-o", again)
    texts = [tools.call("nn-predict", "-m", f"{model}@cpu:0", *test, "--to", "csv")[0] for model in (cuda, again)]
    same = texts[0] == texts[1]
    tools.judge("digits: predictions when trained again", ["the same" if same else "others"], same)
    both = tools.accuracy("-m", f"{cuda}@{session.device}", "-m", f"{cpu}@cpu:0", "--rule", "mean", *test)
    alone = tools.accuracy("-m", f"{cuda}@cpu:0", "-m", f"{cpu}@cpu:0", "--rule", "mean", *test)
    cells = [f"{both:.4f}", "", f"{alone:.4f}"]
    tools.judge(f"digits: an ensemble over {session.device} and cpu:0", cells, abs(both - alone) <= 0.005)
    start(session, tools, [*data, "--rows", "1437:1438"])


def start(session, tools, row):
    """Seconds of a whole nn-predict for one row."""
    medians = []
    for where, device in (("cuda", session.device), ("cpu", "cpu")):
        command = ["-m", f"{session.file(f'digits-{where}.nn')}@{device}", *row, "-o", session.file("one.arrows")]
        times = [tools.call("nn-predict", *command)[1] for _ in range(session.plan.rounds)]
        medians += ["", f"{statistics.median(times):.3f} s"]
        tools.section.samples.append({"of": f"start on {device}", "seconds": times})
    tools.judge("nn-predict for one row, from start to end", medians, True)


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


def fill(session, section):
    section.heads = ["what", "on the device", "seconds", "on the CPU", "seconds", "as it must be"]
    tools = Tools(session, section)
    for group in (digits, fashion):
        try:
            group(session, tools)
        except Broken as error:
            section.fail(str(error))
