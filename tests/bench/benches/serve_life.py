"""nn-serve from its start to ten thousand connections, and what its log costs."""

import http.client, json, os, resource, statistics, subprocess, time

import serving
from report import Goal, Row, compare, digits, megabytes
from serving import SERVER
from workers import on_core, resident

PART = "Serve"
CONNECTIONS = 10000


def per_second(value):
    return f"{digits(value)} /s"


def start(digits_):
    """From the start of the process to the first prediction."""
    bench = digits_.bench
    path, body, _ = digits_.requests()["v1"]
    times = []
    for _ in range(max(bench.rounds, 3)):
        port = serving.free_port()
        command = [bench.tool("nn-serve"), "--repository", digits_.repository, "--listen", f"http://127.0.0.1:{port}"]
        begun = time.perf_counter()
        process = subprocess.Popen(on_core(SERVER, *command, "--device", f"cpu:{SERVER}"))
        while process.poll() is None and serving.answers(port, path, body)[0] != 200:
            pass
        times.append(time.perf_counter() - begun)
        process.terminate()
        process.wait()
    yield Row(PART, "[64,32,10], from start to the first answer", ours=statistics.median(times), goal=Goal(0.030),
              samples={"ours": times})


def idle(digits_):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < CONNECTIONS + 100:
        yield Row(PART, f"{CONNECTIONS:,} idle connections", skipped=f"only {hard} files may be open")
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with serving.nn_serve(digits_.bench, digits_.repository, "--max-connections", str(CONNECTIONS + 100)) as server:
        clients = serving.idle_connections(server.port, CONNECTIONS)
        memory = resident(server.process)
        for client in clients:
            client.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    yield Row(PART, f"{CONNECTIONS:,} idle connections: memory", ours=memory, goal=Goal(100e6), show=megabytes)


def log(digits_):
    """The access log on and off."""
    bench = digits_.bench
    path, body, headers = digits_.requests()["binary"]
    with serving.nn_serve(bench, digits_.repository, "--access-log", bench.file("access.log")) as ours, serving.nn_serve(
        bench, digits_.repository
    ) as theirs:
        samples = [
            tuple(serving.wrk(bench, server.port, path, body, headers) for server in (ours, theirs))
            for _ in range(digits_.rounds)
        ]
    yield compare(PART, "[64,32,10], v2 binary, with --access-log", "without", [a for a, _ in samples], [b for _, b in samples],
                  show=per_second, goal=Goal(0.95, True))


def allocations(digits_):
    """Counted in the whole process, by a library that takes the place of malloc()."""
    bench = digits_.bench
    tests = os.path.join(serving.HERE, "../allocations/run-serve")
    examples = os.path.join(serving.HERE, "../../examples")
    counter = bench.tool("count-allocations.so")
    said = subprocess.run([tests, os.path.dirname(counter), counter, examples], capture_output=True, text=True)
    figures = [json.loads(line) for line in said.stdout.splitlines() if line.startswith("{")]
    if not figures:
        yield Row(PART, "allocations of a request", skipped=(said.stdout + said.stderr).strip()[-200:])
    for figure in figures:
        yield Row(PART, f"allocations of a request in the steady state, {figure['request']}", ours=figure["allocations"],
                  goal=Goal(figure["limit"]), show=lambda value: f"{value:.2f}")


def router(digits_):
    """A decision of the router, and noting how a request went."""
    samples = [json.loads(digits_.bench.run(digits_.bench.tool("bench-router")))
               for _ in range(digits_.rounds)]
    for key, work in {"two_arms": "which of two arms a request gets", "four_arms": "… of four", "note": "noting how it went"}.items():
        times = [sample[f"{key}_ns"] * 1e-9 for sample in samples]
        yield Row(PART, work, ours=statistics.median(times), goal=Goal(1e-6), samples={"ours": times})


ROWS = {"router": router, "log": log, "allocations": allocations, "start": start, "idle": idle}
