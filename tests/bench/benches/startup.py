"""A whole process that predicts one row, beside python3 doing nothing; with the CUDA plugin and without."""

import os, subprocess, sys, time

from first_row import FirstRow
from report import Goal, Row, compare, megabytes, single

PART = "Start-up"


def seconds_of(command, **environment):
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=os.environ | environment)
    return time.perf_counter() - start


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
            times[name].append(seconds_of(command))
        memory.append(first_row.measure(model)[1]["VmHWM"])
    work = "nn-predict of one row, small model"
    yield single(PART, work, times["ours"], goal=Goal(10e-3))
    yield compare(PART, work, "python3 -c pass", times["ours"], times["python"])
    yield compare(PART, work, "/bin/true", times["ours"], times["true"])
    yield single(PART, work + ": largest resident memory", memory, show=megabytes, goal=Goal(30e6))
    yield from each_tool(bench)
    yield from with_plugin(bench, commands["ours"], work)


def each_tool(bench):
    for name in bench.tools:
        times = [seconds_of([bench.tool(name), "--version"]) for _ in range(5 * bench.rounds)]
        yield single(PART, f"{name} --version", times)


def with_plugin(bench, predict, work):
    """The same tools where the plugin lies, and where the folder for it is empty."""
    devices, empty = [bench.tool("nn-devices")], bench.file("no-plugin")
    names = [work + ", nn-cuda.so installed", "nn-devices, nn-cuda.so installed"]
    folder = os.path.join(bench.build, "lib/nn-tools")
    if not os.path.exists(os.path.join(folder, "nn-cuda.so")):
        for name in names:
            yield Row(PART, name, skipped="no CUDA compiler, no plugin")
        return
    os.mkdir(empty)
    for name, command in zip(names, (predict, devices)):
        times = {folder: [], empty: []}
        for i in range(20 * bench.rounds):
            # Each goes first in its turn: the second finds warmer caches.
            for place in (folder, empty) if i % 2 else (empty, folder):
                times[place].append(seconds_of(command, NN_PLUGIN_DIR=place))
        yield compare(PART, name, "without it", times[folder], times[empty], goal=Goal(1.05))
    # Where there are GPUs, their driver takes the time that it takes.
    goal = None if b"cuda:" in bench.run(*devices) else Goal(5e-3)
    yield single(PART, names[1], times[folder], goal=goal)
