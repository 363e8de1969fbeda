"""Workers behind an nn-serve that are killed, stopped, replaced and brought back."""
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import urllib.request

from serve_context import BIN, BODY, FOLDER, MODELS, PREDICT, SANITIZED, Skip, serve
from serve_harness import Load, get, nn_serve, status_of, until


class Workers:
    """nn-workers at sockets of their own; all end with the block."""

    def __init__(self, count):
        if "--at" not in subprocess.run([os.path.join(BIN, "nn-serve"), "--help"], capture_output=True, text=True).stdout:
            raise Skip("nn-serve has no --at")
        self.cores = sorted(os.sched_getaffinity(0))
        self.endpoints = [f"unix:{FOLDER}/w{i}.sock" for i in range(count)]
        self.running = [None] * count

    def __enter__(self):
        for i in range(len(self.endpoints)):
            self.start(i)
        return self

    def start(self, i, model="digits"):
        core = self.cores[i % len(self.cores)]
        self.running[i] = subprocess.Popen(
            [os.path.join(BIN, "nn-worker"), "--listen", self.endpoints[i], "--print-endpoint", "-m",
             f"{model}=" + MODELS.path("digits.nn"), "--device", f"cpu:{core}", "--log", f"{FOLDER}/w{i}.log"],
            stdout=subprocess.PIPE)
        self.running[i].stdout.readline()

    def kill(self, i):
        self.running[i].kill()
        self.running[i].wait()

    def end(self, i):
        self.running[i].send_signal(signal.SIGCONT)
        self.running[i].terminate()
        self.running[i].wait()

    def signal(self, i, number):
        self.running[i].send_signal(number)

    def at(self):
        return [word for endpoint in self.endpoints for word in ("--at", endpoint)]

    def __exit__(self, *_):
        for i in range(len(self.running)):
            self.end(i)


def workers():
    with Workers(2) as them, nn_serve(BIN, *them.at()) as server, Load(server.port, PREDICT, BODY) as load:
        load.more(200)
        them.kill(0)
        load.more(300)
        load.check()
        them.start(0)
        load.more(300)
        them.signal(1, signal.SIGSTOP)
        load.more(300)
        them.signal(1, signal.SIGCONT)
        load.more(300)
        load.check()


SERVING, NOT_SERVING = 1, 2


def grpc_health(port, service=b"", method="Check", **more):
    """A curl that asks grpc.health.v1."""
    query = FOLDER + "/health"
    message = b"\x0a" + bytes([len(service)]) + service if service else b""
    pathlib.Path(query).write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
    return subprocess.Popen(
        ["curl", "-sN", "--http2-prior-knowledge", "-H", "content-type: application/grpc", "-H", "te: trailers",
         "--data-binary", "@" + query, f"http://127.0.0.1:{port}/grpc.health.v1.Health/{method}"], **more)


def healths(data):
    """The states in the messages of an answer."""
    return [data[i + 6] for i in range(0, len(data), 7) if data[i : i + 6] == b"\0\0\0\0\2\x08"]


def post(port, headers=None):
    """(status, fields, text, seconds) of a prediction."""
    start = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", PREDICT, BODY, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode(), time.monotonic() - start
    finally:
        connection.close()


def workers_gone():
    """All workers die: it says that it isn't ready and refuses at once, until one is back."""
    if not shutil.which("curl"):
        raise Skip("curl isn't there")
    log = FOLDER + "/gone.log"
    questions = ["/v2/health/ready", "/v2/models/digits/ready"]
    with Workers(2) as them, nn_serve(BIN, *them.at(), "--log", log) as server:
        def states():
            return [status_of(server.port, question) for question in questions]

        def checked():
            with grpc_health(server.port, b"digits", stdout=subprocess.PIPE) as asked:
                return healths(asked.stdout.read())

        assert states() == [200, 200] and checked() == [SERVING]
        with open(FOLDER + "/watched", "wb") as out, grpc_health(server.port, method="Watch", stdout=out) as watching:
            def watched():
                return healths(pathlib.Path(FOLDER, "watched").read_bytes())

            until(lambda: watched() == [SERVING], "it is watched")
            them.kill(0)
            assert post(server.port)[0] == 200
            assert states() == [200, 200]
            them.kill(1)
            # The first that comes has waited for a worker that might have come back, and no longer.
            code, fields, said, seconds = post(server.port)
            assert code == 503 and fields["retry-after"] == "1", (code, said)
            assert "unix:" not in said and ".sock" not in said and "try again" in said, said
            assert seconds < 2, seconds
            until(lambda: states() == [503, 503], states)
            assert checked() == [NOT_SERVING]
            times = sorted(post(server.port)[3] for _ in range(50))
            assert times[25] < (0.5 if SANITIZED else 0.05), times
            until(lambda: watched() == [SERVING, NOT_SERVING], watched)
            assert status_of(server.port, "/v2/health/live") == 200
            them.start(1)
            until(lambda: states() == [200, 200], states)
            assert checked() == [SERVING]
            until(lambda: watched() == [SERVING, NOT_SERVING, SERVING], watched)
            watching.terminate()
        assert post(server.port)[0] == 200
        them.start(0)
    text = pathlib.Path(log).read_text()
    assert '"event":"unreachable"' in text and them.endpoints[1] in text, text
    assert '"event":"reachable"' in text, text


def hosts():
    """The list of workers changes under load, and a worker goes when it isn't on it any more: no client sees an error."""
    listed = pathlib.Path(FOLDER, "hosts")

    with Workers(3) as them:
        def name(*numbers):
            listed.write_text("# who is there\n" + "".join(them.endpoints[i] + "\n" for i in numbers))

        def up():
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics") as answer:
                return {line.split('"')[1] for line in answer.read().decode().splitlines()
                        if line.startswith("nn_serve_worker_up") and line.endswith(" 1")}

        name(0)
        with nn_serve(BIN, "--hosts", str(listed)) as server, Load(server.port, PREDICT, BODY) as load:
            load.more(100)
            now = 0
            for new in (1, 2, 0, 1, 2, 0):
                name(now, new)
                server.process.send_signal(signal.SIGHUP)
                until(lambda: up() == {them.endpoints[now], them.endpoints[new]}, up)
                load.more(50)
                name(new)
                server.process.send_signal(signal.SIGHUP)
                until(lambda: up() == {them.endpoints[new]}, up)
                load.more(50)
                # It has answered what it had, as those who run workers wait for.
                them.signal(now, signal.SIGTERM)
                assert them.running[now].wait(30) == 0
                them.start(now)
                now = new
                load.check()
            # A list that is wrong changes nothing.
            listed.write_text("ftp://x\n")
            server.process.send_signal(signal.SIGHUP)
            until(lambda: "hosts:1" in server.said(), "it says what is wrong")
            load.more(50)
            load.check()
            assert up() == {them.endpoints[now]}


def traces():
    """A request's trace is in the logs of the server and of the worker that computed it."""
    sampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    other = sampled[:-1] + "0"
    log = pathlib.Path(FOLDER, "w0.log")
    with Workers(1) as them, nn_serve(BIN, *them.at(), "--access-log", FOLDER + "/access") as server:
        for trace in (sampled, other, "nonsense"):
            assert post(server.port, {"traceparent": trace})[0] == 200
        until(lambda: sampled in log.read_text(), "the worker has logged it")
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        traced = [line for line in lines if line["event"] == "request"]
        assert [(line["trace"], line["model"], line["rows"], line["answered"]) for line in traced] == [
            (sampled, "digits", 1, True)], traced
        until(lambda: pathlib.Path(FOLDER, "access").read_text().count("00-4bf92f") == 2, "the server has logged both")


def members():
    """A member at a worker is missed, and found again: the ensemble answers with and without it."""
    folder = pathlib.Path(FOLDER, "ensembles/digits/1")
    folder.mkdir(parents=True)
    shutil.copy(MODELS.path("digits-2.nn"), folder / "near.nn")
    both, one = ("near.nn,digits/1", None), ("near.nn", "digits/1")

    def who():
        code, fields, said, _ = post(server.port)
        assert code == 200, said
        return fields["x-nn-members"], fields["x-nn-missing"]

    with Workers(1) as far:
        (folder / "ensemble.toml").write_text('quorum = 1\ndeadline_ms = 1000\n[[member]]\nfile = "near.nn"\n[[member]]\n'
                                              f'model = "digits"\nversion = 1\nat = "{far.endpoints[0]}"\n')
        far.kill(0)
        with serve("--queue-time", "30s", models=str(folder.parent.parent)) as server:
            assert who() == one  # nobody is there
            far.start(0)
            until(lambda: who() == both, "the member is found")
            with Load(server.port, PREDICT, BODY) as load:
                load.more(200)
                far.kill(0)
                until(lambda: who() == one, "it is missed")
                load.more(200)
                far.start(0)
                until(lambda: who() == both, "it is back")
                far.signal(0, signal.SIGSTOP)
                begin = time.monotonic()
                assert who() == one
                assert SANITIZED or time.monotonic() - begin < 5, "the deadline is kept"
                load.more(20)
                far.signal(0, signal.SIGCONT)
                until(lambda: who() == both, "it goes on")
                # It comes back without the version, and then with it.
                far.end(0)
                far.start(0, "other")
                until(lambda: who() == one, "the version isn't there")
                load.more(200)
                far.end(0)
                far.start(0)
                until(lambda: who() == both, "the version is back")
                load.more(200)
                load.check()
            ensemble = get(server.port, "/status.json")[1]["models"][0]["versions"][0]
            assert ensemble["incomplete"] > 0, ensemble
            assert [one["name"] for one in ensemble["members"]] == ["near.nn", "digits/1"], ensemble
            assert "fault" not in ensemble["members"][1], ensemble
