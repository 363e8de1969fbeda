"""A worker's good client beside others: batch jobs on another model, and clients that mean no good."""

import json, os, signal, statistics, subprocess, threading, time

from report import Goal, Row, compare, megabytes
from workers import Workers, client, cores, on_core, resident

PART = "Workers"
STEP = 0.002  # seconds, of another model: BatchLimits::step_time in lib/serving/step_queue.hpp
HOSTILE = 256


def beside_batch_jobs(bench, small, wide, rows):
    """Single rows of one model, alone and beside four batch jobs on another, in turn."""
    alone, beside = [], []
    with Workers(bench) as workers:
        path, _ = workers.start(
            "fair", "--device", f"cpu:{cores()[-1]}", "-m", "small=" + small, "-m", "wide=" + wide
        )
        predict = [bench.tool("nn-predict"), "--at", "unix:" + path, "-m", "wide", rows]
        job = ["nice", "-n", "19", "sh", "-c", 'while "$@" >/dev/null; do :; done', "sh", *predict]
        for _ in range(min(bench.rounds, 5)):
            alone.append(client(bench, "load", path, 3, 1, "small")["p99"] * 1e-6)
            jobs = [subprocess.Popen(job, start_new_session=True, stderr=subprocess.DEVNULL) for _ in range(4)]
            time.sleep(0.5)  # until they are at work
            beside.append(client(bench, "load", path, 3, 1, "small")["p99"] * 1e-6)
            for process in jobs:
                os.killpg(process.pid, signal.SIGTERM)
            for process in jobs:
                process.wait()
    yield compare(
        PART,
        "single rows beside four batch jobs on another model: p99",
        "alone, and two of its steps of 2 ms",
        beside,
        [a + 2 * STEP for a in alone],
        goal=Goal(1),
        note=f"alone {statistics.median(alone) * 1e6:.0f} µs",
    )


def beside_hostile_clients(bench, small, seconds=30):
    """The same clients once with the worker, and once burning as much time of the processor."""
    peak, stop = [0], threading.Event()

    def watch(worker):
        while not stop.wait(0.05):
            peak[0] = max(peak[0], resident(worker))

    def load_beside(path, command):
        good = subprocess.Popen(
            on_core(cores()[0], bench.tool("bench-worker"), "load", path, str(seconds + 1), "1"),
            stdout=subprocess.PIPE,
        )
        time.sleep(0.5)  # it is connected: places are for whoever comes first
        others = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        return json.loads(good.communicate()[0]), others

    attacked, burnt = [], []
    with Workers(bench) as workers:
        path, worker = workers.start("hostile", "--device", f"cpu:{cores()[-1]}", "-m", small)
        watcher = threading.Thread(target=watch, args=(worker,))
        watcher.start()
        tool = bench.tool("bench-worker")
        for _ in range(min(bench.rounds, 3)):
            good, others = load_beside(path, [tool, "hostile", path, str(seconds), str(HOSTILE)])
            attacked.append(good)
            control, _ = load_beside(path, [tool, "burn", str(seconds), str(HOSTILE), str(others["cpu"])])
            burnt.append(control)
        stop.set()
        watcher.join()
        stats = json.loads(bench.run(bench.tool("nn-worker"), "--stats", "unix:" + path))
        left = stats.get("nn_worker_connections", stats)
    yield compare(
        PART,
        f"one good client beside {HOSTILE} hostile ones for {seconds} s: p99",
        "they burn as much processor time elsewhere",
        [a["p99"] * 1e-6 for a in attacked],
        [b["p99"] * 1e-6 for b in burnt],
        goal=Goal(3),
        note=f"{others['connections']} connections; afterwards {left} are left",
    )
    failed = sum(a["failed"] for a in attacked)
    yield Row(PART, "… its requests that failed", ours=failed, show=lambda value: f"{value:.0f}", goal=Goal(0.5))
    yield Row(PART, "… the worker's largest resident memory", ours=peak[0], show=megabytes, goal=Goal(300e6))
