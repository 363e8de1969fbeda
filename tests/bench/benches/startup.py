"""A whole process that predicts one row, beside python3 doing nothing."""

import subprocess, sys, time

from first_row import FirstRow
from report import Goal, compare, megabytes, single

PART = "Start-up"


def rows(bench, options):
    bench.say("start-up")
    model = bench.file("small.nn")
    bench.run(bench.tool("nn-train"), *bench.digits, "--layers", "64,32", "--epochs", "1", "--quiet", "-o", model)
    first_row = FirstRow(bench)
    commands = {
        "ours": [bench.tool("nn-predict"), "-m", model, bench.file("one.arrows")],
        "python": [sys.executable, "-c", "pass"],
        "true": ["/bin/true"],
    }
    times, memory = {name: [] for name in commands}, []
    for _ in range(5 * bench.rounds):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            times[name].append(time.perf_counter() - start)
        memory.append(first_row.measure(model)[1]["VmHWM"])
    work = "nn-predict of one row, small model"
    yield single(PART, work, times["ours"], goal=Goal(10e-3))
    yield compare(PART, work, "python3 -c pass", times["ours"], times["python"])
    yield compare(PART, work, "/bin/true", times["ours"], times["true"])
    yield single(PART, work + ": largest resident memory", memory, show=megabytes, goal=Goal(30e6))
