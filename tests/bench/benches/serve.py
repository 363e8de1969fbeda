"""nn-serve: requests a second against servers that answer the same always, and against other inference servers.
serve_load.py and serve_life.py have the rest of its rows."""

import os, shutil, subprocess

import serving
from benches import serve_life, serve_load
from peers import Skip
from report import Goal, Row, compare, digits
from serving import CLIENT, SERVER, servers

PART = "Serve"
PREDICT, INFER = "/v1/models/digits:predict", "/v2/models/digits/infer"
GRPC = "/inference.GRPCInferenceService/ModelInfer"
GRPC_HEADERS = ("content-type: application/grpc", "te: trailers")


def per_second(value):
    return f"{digits(value)} /s"


class Digits:
    """The small model, in a repository, and its first row."""

    def __init__(self, bench):
        self.bench = bench
        self.model = bench.file("digits.nn")
        table = bench.file("digits.csv")
        bench.run(bench.tool("nn-read"), *bench.digits, "--to", "csv", "-o", table)
        options = ["--layers", "64,32", "--standardize", "--epochs", "3", "--seed", "1", "--quiet"]
        bench.run(bench.tool("nn-train"), table, "--label", "y", *options, "-o", self.model)
        bench.run(bench.tool("nn-train"), table, "--label", "y", *options[:-2], "2", "--quiet", "-o", bench.file("digits-2.nn"))
        with open(table) as file:
            next(file)
            self.row = [float(value) for value in next(file).split(",")[:64]]
        self.repository = servers.repository(bench.file("repository"), digits=self.model)
        self.rounds = max(min(bench.rounds, 5), 1)

    def requests(self):
        """kind: (path, body, header)"""
        whole = [int(value) for value in self.row]
        body, length = serving.v2_binary_body("x", [self.row], "proba")
        return {
            "v1": (PREDICT, serving.v1_body(whole), ""),
            "v2": (INFER, serving.v2_json_body("x", [whole]), ""),
            "binary": (INFER, body, f"Inference-Header-Content-Length:{length};"),
        }


def turns(count, ours, theirs, rate):
    """rate(port) of both servers, taken in turns, and how busy they were."""
    sides = serving.Busy(ours), serving.Busy(theirs)
    pairs = [[side.sample(lambda: rate(server.port)) for side, server in zip(sides, (ours, theirs))] for _ in range(count)]
    note = "of a core: {}, {}".format(*(side.text() for side in sides))
    return [a for a, _ in pairs], [b for _, b in pairs], note


def fixed_http(digits_, kind, goal):
    bench = digits_.bench
    path, body, headers = digits_.requests()[kind]
    with serving.nn_serve(bench, digits_.repository) as ours:
        fields = dict([headers.rstrip(";").split(":")]) if headers else {}
        status, _, answer = serving.answers(ours.port, path, body, fields)
        if status != 200:
            raise Skip(f"{status} {answer[:200]}")
        with serving.fixed(bench, "bench-fixed-http", len(answer)) as theirs:
            *samples, note = turns(digits_.rounds, ours, theirs,
                                   lambda port: serving.wrk(bench, port, path, body, headers))
    name = {"v1": "JSON :predict", "v2": "v2 JSON", "binary": "v2 binary"}[kind]
    against = f"Beast, a fixed body of {len(answer)} bytes"
    return compare(PART, f"[64,32,10], one row, {name}, wrk -c32, one core", against, *samples, show=per_second,
                   goal=Goal(goal, True), note=note)


def json_row(digits_):
    yield fixed_http(digits_, "v1", 0.6)


def binary(digits_):
    yield fixed_http(digits_, "binary", 0.75)


def grpc(digits_):
    bench = digits_.bench
    body = serving.grpc_body("digits", "x", digits_.row, "proba")
    # As many requests are under way in both; several on a connection share what a read and a write cost.
    for connections, streams in ((32, 1), (8, 4)):
        with serving.nn_serve(bench, digits_.repository) as ours, serving.fixed(bench, "bench-fixed-h2", 120) as theirs:
            *samples, note = turns(digits_.rounds, ours, theirs, lambda port: serving.h2load(
                bench, port, GRPC, body, GRPC_HEADERS, connections=connections, streams=streams))
        yield compare(PART, f"… ModelInfer over gRPC, h2load -c{connections} -m{streams}, one core",
                      "nghttp2, a fixed answer", *samples, show=per_second, goal=Goal(0.6, True), note=note)


# ---- other servers of inference

def peer_folder(bench, name):
    """Of tests/interop/serve/make-peer, made once."""
    folder = os.path.join(bench.build, "interop-peers", name)
    make = os.path.join(serving.HERE, "../interop/serve/make-peer")
    made = subprocess.run([make, name, folder], stdout=subprocess.PIPE, text=True)
    if made.returncode != 0:
        raise Skip(made.stdout.strip())
    return folder


def against_server(digits_, work, name, goal, ours, theirs, request, note=""):
    """Two rows: requests a second, and the 99th percentile of their times."""
    bench = digits_.bench

    path, body, headers = request
    headers = [header for header in headers.split(";") if header]

    def sample(port):
        return serving.clean(
            serving.load(bench, port, path, body, "--connections", 32, "--seconds", 2, "--warm-up", 0.5, headers=headers))

    a, b, busy = turns(digits_.rounds, ours, theirs, sample)
    note = f"{note}; {busy}" if note else busy
    rates = [[one["rate"] for one in side] for side in (a, b)]
    yield compare(PART, f"{work}, 32 connections, one core", name, *rates, show=per_second, goal=Goal(goal, True), note=note)
    times = [[one["answered"]["p99_ms"] * 1e-3 for one in side] for side in (a, b)]
    yield compare(PART, "… p99", name, *times, goal=Goal(1))


def triton(digits_):
    bench = digits_.bench
    folder = peer_folder(bench, "triton")
    double = bench.file("double.nn")
    bench.run(bench.tool("interop-serve-model"), double)
    repository = servers.repository(bench.file("doubles"), m=double)
    row = [1.5, -2.0, 3.0, 40.0]
    body, length = serving.v2_binary_body("x", [row], "value")
    requests = {
        "v2 JSON": (serving.v2_json_body("x", [row]), ""),
        "v2 binary": (body, f"Inference-Header-Content-Length: {length};"),
    }
    shutil.rmtree(bench.file("triton"), ignore_errors=True)
    with servers.triton(folder, bench.file("triton"), max_batch=64, pin=SERVER) as theirs:
        with serving.nn_serve(bench, repository) as ours:
            for name, (content, headers) in requests.items():
                yield from against_server(digits_, f"y = 2x, a row of 4, {name}", "Triton 2.51", 3, ours, theirs,
                                          ("/v2/models/m/infer", content, headers),
                                          note="the wheel has Triton's python backend only")


def opponent(bench, python, *words):
    script = os.path.join(serving.HERE, "serve/opponents.py")
    return [python, script, *map(str, words)]


def onnx_of(digits_, python):
    bench = digits_.bench
    bench.run(bench.tool("nn-model"), "convert", digits_.model, bench.file("digits.npz"))
    bench.run(*opponent(bench, python, "onnx", bench.file("digits.npz"), bench.file("digits.onnx")))
    return bench.file("digits.onnx")


def fastapi(digits_):
    bench = digits_.bench
    python = bench.python("fastapi", "fastapi", "uvicorn[standard]", "onnxruntime", "onnx")
    onnx = onnx_of(digits_, python)
    port = serving.free_port()
    with serving.Running(opponent(bench, python, "fastapi", onnx, port), port, "/ready") as theirs:
        with serving.nn_serve(bench, digits_.repository) as ours:
            yield from against_server(digits_, "[64,32,10], one row, JSON :predict", "FastAPI + ONNX Runtime", 20, ours,
                                      theirs, digits_.requests()["v1"])


MLSERVER_SETTINGS = '{{"http_port": {}, "grpc_port": {}, "metrics_port": {}, "host": "127.0.0.1", "parallel_workers": 0, "debug": false}}'


def mlserver(digits_):
    bench = digits_.bench
    python = bench.python("mlserver", "mlserver", "onnxruntime", "onnx")
    onnx = onnx_of(digits_, python)
    folder = bench.file("mlserver")
    os.makedirs(folder, exist_ok=True)
    for name in ("opponents.py", "mlserver_runtime.py"):
        shutil.copy(os.path.join(serving.HERE, "serve", name), folder)
    ports = [serving.free_port() for _ in range(3)]
    with open(os.path.join(folder, "settings.json"), "w") as file:
        file.write(MLSERVER_SETTINGS.format(*ports))
    with open(os.path.join(folder, "model-settings.json"), "w") as file:
        file.write('{"name": "digits", "implementation": "mlserver_runtime.OnnxModel"}')
    environment = os.environ | {"NN_BENCH_ONNX": onnx, "PYTHONPATH": folder}
    command = [python, "-c", "import sys; from mlserver.cli import main; main()", "start", folder]
    with serving.Running(command, ports[0], "/v2/models/digits/ready", env=environment) as theirs:
        with serving.nn_serve(bench, digits_.repository) as ours:
            yield from against_server(digits_, "[64,32,10], one row, v2 JSON", "MLServer", 20, ours, theirs,
                                      digits_.requests()["v2"])


ROWS = {
    "json": json_row,
    "binary": binary,
    "grpc": grpc,
    "triton": triton,
    "mlserver": mlserver,
    "fastapi": fastapi,
    **serve_load.ROWS,
    **serve_life.ROWS,
}


def rows(bench, options):
    wanted = options.rows or list(ROWS)
    for name in wanted:
        if name not in ROWS:
            raise SystemExit(f"serve has no row '{name}'; it has {', '.join(ROWS)}")
    if CLIENT == SERVER:
        bench.say("one core for clients and servers: figures say little")
    digits_ = Digits(bench)
    for name in wanted:
        bench.say(f"serve: {name}")
        try:
            yield from ROWS[name](digits_)
        except (Skip, subprocess.CalledProcessError, RuntimeError, SystemExit, OSError) as why:
            yield Row(PART, name, skipped=" ".join(str(why).split())[-300:])
