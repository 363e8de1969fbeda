"""The same training on two devices at once, two threads in one process, against one alone."""

from peers import Answering
from report import Goal, Row, compare

WORK = {
    "devices-small": "train [64,32,10], batch 32",
    "devices-medium": "train [784,256,128,10], batch 128",
    "devices-large": "train [1024,1024,1024,10], batch 512",
    "devices-cnn": "train the MNIST CNN, batch 128",
}


def rows(bench, options):
    engine = Answering(bench, [bench.tool("bench-engine"), "--json"], one_core=False)
    for name, work in WORK.items():
        bench.say(f"two devices: {work}")
        samples = [engine.ask(name, 5 * options.seconds) for _ in range(bench.rounds)]
        row = dict(goal=Goal(1.9, True))
        if samples[0]["together_s"] == 0:
            yield Row("Two devices at once", work, "one alone", skipped="needs two cores", **row)
            continue
        yield compare(
            "Two devices at once",
            work,
            "one alone",
            [s["together_s"] for s in samples],
            [s["alone_s"] for s in samples],
            faster=True,
            **row,
        )
    engine.end()
