"""nn-serve under load: batching, replicas, an objective for latency, overload, versions that are published."""

import os, statistics, subprocess, threading, time

import serving
from report import Goal, Row, compare, digits, megabytes, share
from serving import CLIENT, SERVER, cores, servers
from workers import resident

PART = "Serve"
WIDE = "[64,1024,1024,1024,1024,10]"


def per_second(value):
    return f"{digits(value)} /s"


def rows_per_second(value):
    return f"{digits(value)} rows/s"


class Wide:
    """A model whose row takes most of a millisecond of a core; its repository, and a file of rows."""

    def __init__(self, digits_):
        bench = self.bench = digits_.bench
        self.row, self.rounds = digits_.row, digits_.rounds
        self.model, self.table = bench.file("wide.nn"), bench.file("wide.arrows")
        if not os.path.exists(self.model):
            bench.run(bench.tool("nn-train"), bench.file("digits.csv"), "--label", "y", "--layers", "1024,1024,1024,1024",
                      "--epochs", "1", "--standardize", "--seed", "1", "--quiet", "-o", self.model)
            bench.run(bench.tool("nn-read"), bench.file("digits.csv"), "--label", "y", "--repeat=8", "--batch", "1024",
                      "-o", self.table)
            servers.repository(bench.file("wides"), wide=self.model)
        self.repository = bench.file("wides")

    def request(self, rows=1):
        body, length = serving.v2_binary_body("x", rows * [self.row], "proba")
        return "/v2/models/wide/infer", body, [f"Inference-Header-Content-Length: {length}"]

    def load(self, port, *options, rows=1):
        path, body, headers = self.request(rows)
        return serving.load(self.bench, port, path, body, *options, headers=headers)


def batching(digits_):
    """256 clients of a row each, against a file of rows on the same device."""
    wide, bench = Wide(digits_), digits_.bench
    ours, theirs = [], []
    rows = int(bench.run("sh", "-c", f"'{bench.tool('nn-read')}' '{wide.table}' --to csv | wc -l")) - 1
    predict = [bench.tool("nn-predict"), "-m", f"{wide.model}@cpu:{SERVER}", wide.table, "-o", os.devnull]
    with serving.nn_serve(bench, wide.repository) as server:
        for _ in range(digits_.rounds):
            figures = serving.clean(wide.load(server.port, "--connections", 256, "--seconds", 3, "--warm-up", 1))
            ours.append(figures["rate"])
            start = time.perf_counter()
            bench.run(*predict)
            theirs.append(rows / (time.perf_counter() - start))
    yield compare(PART, f"{WIDE}, 256 clients of one row each", "nn-predict of a file", ours, theirs, show=rows_per_second,
                  goal=Goal(0.8, True))


def alone(digits_):
    """One client: does it wait for others that don't come?"""
    bench = digits_.bench
    path, body, headers = digits_.requests()["binary"]
    headers = [header.replace(":", ": ") for header in headers.split(";") if header]

    def p50(port):
        figures = serving.load(bench, port, path, body, "--connections", 1, "--seconds", 1, "--warm-up", 0.3, headers=headers)
        return serving.clean(figures)["answered"]["p50_ms"] * 1e-3

    with serving.nn_serve(bench, digits_.repository) as ours, serving.nn_serve(
        bench, digits_.repository, "--batch-max", "1"
    ) as theirs:
        samples = [(p50(ours.port), p50(theirs.port)) for _ in range(digits_.rounds)]
    yield compare(PART, "[64,32,10], one client alone, p50", "--batch-max 1", [a for a, _ in samples], [b for _, b in samples],
                  goal=Goal(1.1))


def replicas(digits_):
    """Steps of many rows, so that the client hardly counts."""
    work = f"{WIDE}, two replicas, requests of 64 rows"
    if len(cores()) < 2:
        yield Row(PART, work, "one replica", skipped="one core")
        return
    wide, bench = Wide(digits_), digits_.bench

    def rate(port):
        figures = wide.load(port, "--connections", 8, "--seconds", 3, "--warm-up", 1, rows=64)
        return 64 * serving.clean(figures)["rate"]

    ours, theirs = [], []
    for _ in range(digits_.rounds):
        with serving.nn_serve(bench, wide.repository, "--device", f"cpu:{CLIENT}", core=None) as two:
            ours.append(rate(two.port))
        with serving.nn_serve(bench, wide.repository, core=None) as one:
            theirs.append(rate(one.port))
    yield compare(PART, work, "one replica", ours, theirs, show=rows_per_second, goal=Goal(1.7, True))


def capacity(wide, port, rows=1, seconds=3, warm_up=1):
    """With as many rows under way as are all let in: whoever is refused asks again at once here, which takes processor time."""
    connections = max(64 // rows, 8)
    while True:
        load = wide.load(port, "--connections", connections, "--seconds", seconds, "--warm-up", warm_up, rows=rows)
        if connections == 1 or "503" not in load["by_status"]:
            return serving.clean(load)["rate"]
        connections //= 2


def slo(digits_):
    """Seconds at 0.7 of what the second before had room for: the speed of a virtual machine's cores changes by a third within a
    few seconds, and more than there is room for is another row."""
    wide, bench = Wide(digits_), digits_.bench
    p99, rates, refused = [], [], []
    with serving.nn_serve(bench, wide.repository, "--slo", "10ms") as server:
        capacity(wide, server.port)
        for _ in range(5 * digits_.rounds):
            rate = 0.7 * capacity(wide, server.port, seconds=1, warm_up=0.2)
            figures = wide.load(server.port, "--connections", 512, "--stage", f"{rate}:1", "--warm-up", 0.2)
            p99.append(serving.clean(figures, ("200", "503"))["answered"]["p99_ms"] * 1e-3)
            rates.append(rate)
            refused.append(figures["by_status"].get("503", 0) / sum(figures["by_status"].values()))
    slowest = sorted(p99)[len(p99) * 9 // 10]
    yield Row(PART, f"{WIDE}, --slo 10ms, open loop at 0.7 of capacity: p99, median of {len(p99)} seconds",
              ours=statistics.median(p99), goal=Goal(0.010), samples={"ours": p99},
              note=f"{statistics.median(rates):.0f} requests a second, {share(statistics.median(refused))} of them refused; "
                   f"nine in ten seconds below {1e3 * slowest:.1f} ms")


def overload(digits_):
    """Three times the capacity for 30 s, behind and before a quiet time: of requests whose rows the device computes for most of
    the time, and of single rows, of which the server's core, which is the device's as well, takes most for HTTP."""
    for rows in (16, 1):
        yield from overload_of(digits_, rows)


def overload_of(digits_, rows):
    wide, bench = Wide(digits_), digits_.bench
    with serving.nn_serve(bench, wide.repository, "--slo", "10ms") as server:
        most = capacity(wide, server.port, rows)
        quiet, storm = 3, 30
        figures = wide.load(server.port, "--connections", 2048, "--timeline-ms", 100, "--within-ms", 200,
                            "--stage", f"{0.5 * most}:{quiet}", "--stage", f"{3 * most}:{storm}",
                            "--stage", f"{0.5 * most}:{quiet}", rows=rows)
        memory = resident(server.process)
    timeline = figures["timeline"]
    in_storm = timeline[quiet * 10 : (quiet + storm) * 10]
    goodput = sum(good for good, _, _ in in_storm) / (len(in_storm) / 10)
    work = f"{WIDE}, requests of {rows} rows" if rows > 1 else f"{WIDE}, requests of a row"
    yield Row(PART, f"{work}, 3 × capacity, open loop, 30 s: answers within 200 ms", "its capacity", goodput, most,
              goodput / most, show=per_second, goal=Goal(0.8, True))
    strangers = {status: count for status, count in figures["by_status"].items() if status not in ("200", "429", "503")}
    yield Row(PART, "… refusals, p99", ours=figures["refused"]["p99_ms"] * 1e-3, goal=Goal(0.005),
              note=f"{figures['refused']['count']} refused, {figures['failed']} lost, {strangers or 'no other statuses'}")
    after = timeline[(quiet + storm) * 10 :]
    bad = [i for i, (_, others, slowest) in enumerate(after) if others > 0 or slowest > 50]
    yield Row(PART, "… until nothing is refused and all is answered within 50 ms again", ours=(bad[-1] + 1 if bad else 0) / 10,
              goal=Goal(1))
    yield Row(PART, "… memory at the end", ours=memory, show=megabytes)


def publish(digits_):
    """Twenty versions in a row at half load, against the same into a repository of nobody: the commands that publish take time
    of the client's core, which without a preemptible kernel is most of what the slowest requests wait for."""
    bench = digits_.bench
    base = servers.repository(bench.file("published"), digits=digits_.model)
    nobodys = servers.repository(bench.file("unserved"), digits=digits_.model)
    path, body, headers = digits_.requests()["binary"]
    headers = [header.replace(":", ": ") for header in headers.split(";") if header]
    before, during, failed, memory, version = [], [], 0, [], 1
    models = [digits_.model, bench.file("digits-2.nn")]

    def load(*options):
        return serving.load(bench, server.port, path, body, "--connections", 64, "--warm-up", 0.5, *options, headers=headers)

    def publish_twenty(where):
        nonlocal version
        for i in range(20):
            publish = [bench.tool("nn-model"), "publish", "-q", models[i % 2], os.path.join(where, "digits")]
            said = bench.run("nice", "-n", "19", *serving.on_core(CLIENT, *publish))  # it isn't what is measured
            version = int(said.decode().rsplit("/", 1)[1]) if where == base else version
            time.sleep(0.15)

    def load_while_publishing(where):
        thread = threading.Thread(target=publish_twenty, args=(where,))
        thread.start()
        figures = load("--stage", f"{half}:5")
        thread.join()
        return figures

    with serving.nn_serve(bench, base) as server:
        half = 0.5 * serving.clean(load("--seconds", 2))["rate"]
        for _ in range(5):
            before.append(load_while_publishing(nobodys))
            memory.append(resident(server.process))
            during.append(load_while_publishing(base))
        memory.append(resident(server.process))
        failed = sum(one["failed"] + sum(count for status, count in one["by_status"].items() if status != "200")
                     for one in before + during)
        served = [one for one in (serving.answers(server.port, path.replace("/infer", ""))[2],) if one]
    note = f"{half:.0f} requests a second" + ("" if f'"{version}"'.encode() in b"".join(served) else ", the last isn't served")
    for q, goal in (("p99", 1.5), ("p999", 3)):
        yield compare(PART, f"20 versions published at half load: {q.replace('999', '99.9')}", "published elsewhere",
                      [one["answered"][f"{q}_ms"] * 1e-3 for one in during],
                      [one["answered"][f"{q}_ms"] * 1e-3 for one in before], goal=Goal(goal), note=note)
    requests = sum(one["meant"] for one in before + during)
    yield Row(PART, f"… requests that failed, of {requests}", ours=failed, show=lambda value: f"{value:.0f}", goal=Goal(0))
    yield Row(PART, "… memory after 100 versions", "after the first 20", memory[-1], memory[1], memory[-1] / memory[1],
              goal=Goal(1.05), show=megabytes)


ROWS = {
    "batching": batching,
    "alone": alone,
    "replicas": replicas,
    "slo": slo,
    "publish": publish,
    "overload": overload,
}
