"""Clients that leave, take their time, ask for much, or say nothing."""
import json
import os
import resource
import socket
import time

from serve_context import BIN, BODY, FOLDER, MODELS, PREDICT, SANITIZED, Skip, answers_quickly, given, serve
from serve_h2 import H2
from serve_harness import Load, get, nn_serve, resident, until


def gone():
    request = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (PREDICT.encode(), len(BODY), BODY.encode())
    with serve() as server, Load(server.port, PREDICT, BODY, 2) as load:
        for i in range(1000):
            client = socket.create_connection(("127.0.0.1", server.port))
            client.sendall(request[: len(request) - i % 3] if i % 2 else request)
            if i % 4 == 0:  # a reset instead of an orderly end
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        answers_quickly(server)
        load.check()


def senders():
    """The time that a body takes to come is not the server's, and no reason to refuse it."""
    rows = json.dumps({"instances": 5000 * [list(MODELS.rows("digits", 1)[0].values())]}).encode()
    head = b"POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (PREDICT.encode(), len(rows))
    with serve("--queue-time", "100ms") as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(head)
        for i in range(0, len(rows), len(rows) // 4):
            client.sendall(rows[i : i + len(rows) // 4])
            time.sleep(0.1)
        assert client.recv(4096).startswith(b"HTTP/1.1 200"), "it is refused"


def overtakes(port, log, many, one):
    """Do what clients ask that send `many`, a list of requests each, see one that comes later answered before half of it is?
    Names of requests stand in the access log in the order in which they were answered, as they are by one thread."""
    start = os.path.getsize(log)
    count = sum(map(len, many))

    def answered():
        with open(log) as file:
            file.seek(start)
            names = [json.loads(line)["id"] for line in file.read().splitlines()]
        return [name for name in names if name in ("many", "one")]

    clients = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in [*many, one]]
    try:
        for client, requests in zip(clients, many):
            client.sendall(b"".join(requests))
        until(lambda: get(port, "/status.json")[1]["under_way"] > count / 2, "they wait", 5)  # or it was too late
        clients[-1].sendall(one)
        until(lambda: len(answered()) > count, "all are answered")
    except AssertionError:
        return False
    finally:
        for client in clients:
            client.close()
    return answered().index("one") < count / 2


def wide_request(name, rows, **parameters):
    data = rows * list(MODELS.rows("digits", 1)[0].values())
    body = {"parameters": parameters, "inputs": [{"name": "x", "datatype": "FP32", "shape": [rows, 64], "data": data}]}
    body = json.dumps(body).encode()
    return b"POST /v2/models/wide/infer HTTP/1.1\r\nHost: x\r\nX-Request-Id: %s\r\nContent-Length: %d\r\n\r\n%s" % (
        name, len(body), body)


def serve_wide():
    if not os.path.exists(MODELS.path("wide.nn")):
        MODELS.train("wide", MODELS.path("digits.csv"), "--layers", "1024,1024", "--epochs", "1")
    log = os.path.join(FOLDER, "wide.log")
    return nn_serve(BIN, "--model", "wide=" + MODELS.path("wide.nn"), "--device", "cpu:0", "--threads", "1", "--queue-time", "60s",
                    "--access-log", log), log


def greedy():
    """Clients take turns by requests."""
    many = [[wide_request(b"many", 300) for _ in range(12)]]
    server, log = serve_wide()
    with server:
        until(lambda: overtakes(server.port, log, many, wide_request(b"one", 300)), "it gets its turn")


def urgent():
    """Triton's priorities: 1 is the best, and whoever says none is between."""
    server, log = serve_wide()
    with server:
        for usual, better in ((0, 1), (3, 0), (3, 2), (2, 1)):
            many = [[wide_request(b"many", 300, priority=usual)] for _ in range(12)]
            one = wide_request(b"one", 300, priority=better)
            until(lambda: overtakes(server.port, log, many, one), f"{better} before {usual}")


def idle_ones(connect, wait):
    """connect(port): a client that has had an answer, and says nothing more; wait: until their buffers are given back."""
    count = given.connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 200:
        raise Skip(f"only {hard} files may be open")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with serve("--max-connections", str(count + 100)) as server:
        before = resident(server.process.pid)
        clients = [connect(server.port) for _ in range(count)]
        time.sleep(wait)
        after = resident(server.process.pid)
        answers_quickly(server)
        print(f"  {count} connections: {after / 1e6:.0f} MB in all, {(after - before) / count / 1e3:.1f} kB each")
        assert SANITIZED or after < 100e6, f"{after / 1e6:.0f} MB"
        for client in clients:
            client.close()


def idle():
    def connect(port):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 200"), "it isn't served"
        return client

    idle_ones(connect, 0)


def idle_h2():
    def connect(port):
        client = H2(port)
        stream = client.get("/v2/health/live")
        client.until(lambda: client.ended(stream), "it is served")
        return client

    idle_ones(connect, 2)
