"""Workers: round trips, throughput, two devices, versions swapped under load, an ensemble with a slow member."""

import os, shutil, socket, subprocess, threading, time

from benches import crowds
from report import Goal, Row, compare, megabytes, rate
from workers import Workers, client, cores, on_core, resident

PART = "Workers"


def random_rows(bench, name, rows, width):
    """Rows of random floats as an npy file, and labels that a network can learn."""
    import array, random, struct

    generator = random.Random(1)
    values = array.array("f", (generator.gauss(0, 1) for _ in range(rows * width)))
    labels = array.array("q", (int(sum(values[i * width : (i + 1) * width]) > 0) for i in range(rows)))
    for suffix, data, kind, shape in (("x", values, "<f4", f"({rows}, {width})"), ("y", labels, "<i8", f"({rows},)")):
        head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
        head += b" " * (-(len(head) + 11) % 64) + b"\n"
        with open(bench.file(f"{name}.{suffix}.npy"), "wb") as file:
            file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head)
            data.tofile(file)
    return bench.file(name + ".x.npy"), bench.file(name + ".y.npy")


def train(bench, data, out, *options):
    x, y = data
    bench.run(bench.tool("nn-train"), x, "--labels", y, "--epochs", "1", "--quiet", *options, "-o", out)
    return out


def round_trip(bench, model):
    with Workers(bench) as workers:
        path, _ = workers.start("trip", "--device", f"cpu:{cores()[-1]}", "-m", model)
        echo_path = bench.file("echo.sock")
        echo = subprocess.Popen(on_core(cores()[-1], bench.tool("bench-worker"), "echo", echo_path))
        workers.processes.append(echo)
        while not os.path.exists(echo_path):
            time.sleep(0.01)
        trips = [client(bench, "trip", path, echo_path, 10000) for _ in range(bench.rounds)]
    yield compare(
        PART,
        "round trip, one row of 64 floats, unix socket, p50",
        "an Asio echo of the same bytes",
        [t["ours_p50"] * 1e-6 for t in trips],
        [t["echo_p50"] * 1e-6 for t in trips],
        goal=Goal(1.4),
    )


def wall(command):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def throughput(bench, data, model):
    work = "1 GiB of rows through nn-predict --at tcp://…, 64 to 2"
    against = "socat of the same bytes"
    if not shutil.which("socat"):
        yield Row(PART, work, against, skipped="no socat")
        return
    big = bench.file("big.arrows")
    bench.run(bench.tool("nn-read"), data[0], "--repeat=2097", "--batch", "65536", "-o", big)
    size = os.path.getsize(big)
    ours, theirs = [], []
    port_file = bench.file("port")
    worker = subprocess.Popen(
        [bench.tool("nn-worker"), "--listen", "tcp://127.0.0.1:0", "--port-file", port_file, "--print-endpoint"]
        + ["-m", model],
        stdout=subprocess.PIPE,
    )
    worker.stdout.readline()
    with open(port_file) as file:
        endpoint = "tcp://127.0.0.1:" + file.read().strip()
    for _ in range(min(bench.rounds, 7)):
        ours.append(size / wall([bench.tool("nn-predict"), "--at", endpoint, big]))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        sink = subprocess.Popen(
            ["socat", "-u", "-b", "262144", f"TCP-LISTEN:{port},reuseaddr,bind=127.0.0.1", "-"],
            stdout=subprocess.DEVNULL,
        )
        time.sleep(0.2)
        start = time.perf_counter()
        subprocess.run(["socat", "-u", "-b", "262144", f"FILE:{big}", f"TCP:127.0.0.1:{port}"], check=True)
        sink.wait()
        theirs.append(size / (time.perf_counter() - start))
    worker.terminate()
    worker.wait()
    os.remove(big)
    yield compare(PART, work, against, ours, theirs, show=rate, goal=Goal(0.7, True))


def wide_model(bench):
    """A model whose row takes about a millisecond of a core, and a file of rows for it."""
    data = random_rows(bench, "wide", 2000, 64)
    model = train(bench, data, bench.file("wide.nn"), "--layers", "1024,1024,1024,1024")
    rows = bench.file("wide.arrows")
    bench.run(bench.tool("nn-read"), data[0], "--repeat=25", "--batch", "1024", "-o", rows)
    return model, rows


def two_devices(bench, model, rows):
    work = "two workers, a device each, [64,1024,1024,1024,1024,2]"
    if len(cores()) < 2:
        yield Row(PART, work, "one worker", skipped="one core")
        return
    ours, theirs = [], []
    with Workers(bench) as workers:
        paths = [workers.start(f"d{core}", "--device", f"cpu:{core}", "-m", model)[0] for core in cores()[:2]]
        predict = [bench.tool("nn-predict"), "--batch", "256", rows]
        for _ in range(min(bench.rounds, 7)):
            theirs.append(wall(predict + ["--at", "unix:" + paths[1]]))
            ours.append(wall(predict + [word for path in paths for word in ("--at", "unix:" + path)]))
    yield compare(PART, work, "one worker", ours, theirs, faster=True, goal=Goal(1.9, True))


def memory_row(memory, swaps):
    work = f"… resident memory after {swaps} swaps"
    last, first = memory[swaps - 1], memory[0]
    return Row(PART, work, "after the first", last, first, last / first, goal=Goal(1.05), show=megabytes)


def swaps(bench, data):
    models = [
        train(bench, data, bench.file(f"v{i}.nn"), "--layers", "256,256", "--seed", str(i)) for i in range(2)
    ]
    base = bench.file("repository")
    os.makedirs(base + "/1")
    shutil.copy(models[0], base + "/1/model.nn")
    before, during, failed, memory = [], [], 0, []
    with Workers(bench) as workers:
        path, worker = workers.start("swap", "--repository", base, "--poll", "20ms", "--device", f"cpu:{cores()[-1]}")

        def publish(version):
            new = f"{base}/.{version}"
            os.makedirs(new)
            shutil.copy(models[version % 2], new + "/model.nn")
            os.rename(new, f"{base}/{version}")
            for _ in range(500):
                served = bench.run(bench.tool("nn-worker"), "--models", "unix:" + path)
                if f'"version":{version}}}'.encode() in served:
                    break
                time.sleep(0.002)
            shutil.rmtree(f"{base}/{version - 1}")

        version = 1
        for _ in range(min(bench.rounds, 5)):
            before.append(client(bench, "load", path, 2, 2))

            def swap_ten():
                nonlocal version
                for _ in range(10):
                    time.sleep(0.15)
                    version += 1
                    publish(version)
                    memory.append(resident(worker))

            thread = threading.Thread(target=swap_ten)
            thread.start()
            during.append(client(bench, "load", path, 2, 2))
            thread.join()
            failed += before[-1]["failed"] + during[-1]["failed"]
        while len(memory) < 500:  # the others go on without load
            version += 1
            publish(version)
            memory.append(resident(worker))
    yield compare(
        PART,
        "ten models swapped under load: p99 of a request",
        "before",
        [d["p99"] * 1e-6 for d in during],
        [b["p99"] * 1e-6 for b in before],
        goal=Goal(1.2),
    )
    requests = sum(d["requests"] for d in during)
    yield Row(
        PART,
        f"… requests that failed, of {requests}",
        ours=failed,
        show=lambda value: f"{value:.0f}",
        goal=Goal(0.5),
    )
    yield memory_row(memory, 50)
    yield memory_row(memory, 500)


def ensemble(bench, data):
    models = [train(bench, data, bench.file(f"e{i}.nn"), "--layers", "256,256", "--seed", str(i)) for i in range(5)]
    fast, slow = [], []
    with Workers(bench) as workers:
        paths = [workers.start(f"e{i}", "-m", model)[0] for i, model in enumerate(models[:4])]
        alone = client(bench, "ensemble", 2000, 0, 4, *paths)
        late = str(int(20 * alone["p50"]))
        paths.append(workers.start("slow", "-m", models[4], "--batch-delay-us", late)[0])
        for _ in range(bench.rounds):
            fast.append(client(bench, "ensemble", 3000, 0, 4, *paths[:4]))
            slow.append(client(bench, "ensemble", 3000, int(3 * alone["p99"]), 4, *paths))
    yield compare(
        PART,
        "five workers, one 20 times slower, quorum 4 and deadline: p99 of a row",
        "the four fast ones",
        [s["p99"] * 1e-6 for s in slow],
        [f["p99"] * 1e-6 for f in fast],
        goal=Goal(1.2),
    )


def rows(bench, options):
    bench.say("workers")
    data = random_rows(bench, "rows", 2000, 64)
    small = train(bench, data, bench.file("tiny.nn"), "--net", "dense")
    yield from round_trip(bench, small)
    yield from throughput(bench, data, small)
    wide, wide_rows = wide_model(bench)
    yield from two_devices(bench, wide, wide_rows)
    yield from swaps(bench, data)
    yield from crowds.beside_batch_jobs(bench, small, wide, wide_rows)
    yield from crowds.beside_hostile_clients(bench, small)
    yield from ensemble(bench, data)
