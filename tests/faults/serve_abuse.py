"""Clients that mean no good: slow, deaf, or with bodies that are wrong."""
import gzip
import json
import socket
import time

from serve_context import BODY, MODELS, PREDICT, SANITIZED, answers_quickly, serve
from serve_broken import BROKEN
from serve_harness import Load, raw, resident, status_of


def loris():
    with serve() as server, Load(server.port, PREDICT, BODY, 2) as load:
        clients = []
        for i in range(300):
            client = socket.create_connection(("127.0.0.1", server.port))
            client.sendall([b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST " + PREDICT.encode() +
                            b" HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{", b"G",
                            b"PRI * HTTP/2.0\r\n"][i % 4])
            clients.append(client)
        end = time.monotonic() + 16  # heads have ten seconds, bodies a kilobyte a second
        open_ones = set(clients)
        answered = 0
        while open_ones and time.monotonic() < end:
            for client in list(open_ones):
                try:
                    client.sendall(b"a")
                    client.setblocking(False)
                    got = client.recv(4096)
                    answered += got.startswith(b"HTTP/1.1 408")
                    if not got:
                        raise ConnectionResetError
                except BlockingIOError:
                    continue
                except OSError:
                    open_ones.discard(client)
                    client.close()
                finally:
                    if client.fileno() >= 0:
                        client.setblocking(True)
            answers_quickly(server, 20)
            time.sleep(0.5)
        assert not open_ones, f"{len(open_ones)} of them still have their connections"
        load.check()


def readers():
    """They ask for a large answer again and again, and read nothing."""
    rows = json.dumps({"instances": 300 * [list(MODELS.rows("digits", 1)[0].values())]}).encode()
    request = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (PREDICT.encode(), len(rows), rows)
    with serve() as server, Load(server.port, PREDICT, BODY, 2) as load:
        load.more()
        before = resident(server.process.pid)
        clients = []
        for _ in range(40):
            client = socket.create_connection(("127.0.0.1", server.port))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            clients.append(client)
        end = time.monotonic() + 6
        while time.monotonic() < end:
            for client in clients:
                try:
                    client.send(request)
                except OSError:
                    pass
            time.sleep(0.01)
        grown = resident(server.process.pid) - before
        answers_quickly(server)
        load.more()
        for client in clients:
            client.close()
        load.check()
        assert grown < (1500e6 if SANITIZED else 150e6), f"{grown / 1e6:.0f} MB more for 40 clients"


def bombs():
    def post(path, body, *fields):
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + "".join(field + "\r\n" for field in fields)
        return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body

    chunked = b"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" % PREDICT.encode()
    bomb = gzip.compress(bytes(400 << 20), 9)
    cases = {
        "zip bomb": (post(PREDICT, bomb, "Content-Encoding: gzip"), 413),
        "zip bomb in v2": (post("/v2/models/digits/infer", bomb, "Content-Encoding: gzip"), 413),
        "a length beyond the limit": (
            b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n" % PREDICT.encode(), 413),
        "a length that is none": (b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n" % PREDICT.encode(), 400),
        "a negative length": (b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n" % PREDICT.encode(), 400),
        "two lengths": (b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab" % PREDICT.encode(), 400),
        "length and chunks": (chunked + b"Content-Length: 5\r\n\r\n0\r\n\r\n", 400),
        "chunks of HTTP/1.0": (
            b"POST %s HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % PREDICT.encode(), 400),
        "a chunk's size that overflows": (chunked + b"\r\nffffffffffffffffff\r\n", 400),
        "a chunk's size that is none": (chunked + b"\r\nxyz\r\n", 400),
        "an unknown coding": (b"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n" % PREDICT.encode(), 400),
        "a long head": (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 70000 + b"\r\n\r\n", 431),
        "many fields": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 20000 + b"\r\n", 431),
        "a field's line that is folded": (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400),
        "a field without a colon": (b"GET / HTTP/1.1\r\nHost: x\r\nnothing\r\n\r\n", 400),
        "a space before the colon": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc", 400),
        "a NUL": (b"GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        "no version": (b"GET /\r\n\r\n", 400),
        "another protocol": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", None),
        "SSH": (b"SSH-2.0-OpenSSH_9.2\r\n", None),  # a head that doesn't go on
        "an expectation of more": (b"POST / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\nContent-Length: 1\r\n\r\na", 417),
        "HTTP/2 that is none": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 200, None),
    }
    with serve() as server, Load(server.port, PREDICT, BODY, 1) as load:
        load.more(5)
        before = resident(server.process.pid)
        wrong = 0
        for what, (data, wanted) in cases.items():
            got = raw(server.port, data, 12)
            head = got.split(b"\r\n", 1)[0]
            body = got.split(b"\r\n\r\n", 1)[-1]
            fine = wanted is None or head.startswith(b"HTTP/1.") and head.split()[1:2] == [b"%d" % wanted]
            if fine and wanted is not None:
                try:
                    fine = isinstance(json.loads(body)["error"], str)
                except (ValueError, KeyError, TypeError):
                    fine = False
            if not fine:
                wrong += 1
                print(f"  FAILED {what}: {got[:200]!r}, not {wanted}")
        load.check()
        grown = resident(server.process.pid) - before
        assert wrong == 0, f"{wrong} of {len(cases)}"
        assert SANITIZED or grown < 400e6, f"{grown / 1e6:.0f} MB more"


def broken():
    wrong = 0
    with serve() as server:
        for protocol, cases in BROKEN.items():
            assert len(cases) >= 60, (protocol, len(cases))
            for i, (path, fields, body) in enumerate(cases):
                head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                head += "".join(f"{name}: {value}\r\n" for name, value in fields.items())
                got = raw(server.port, head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
                code = got.split()[1:2]
                try:
                    fine = code and code[0].startswith(b"4") and isinstance(
                        json.loads(got.split(b"\r\n\r\n", 1)[1])["error"], str)
                except (ValueError, KeyError, TypeError, IndexError):
                    fine = False
                if not fine:
                    wrong += 1
                    print(f"  FAILED {protocol} {i}: {body[:200]!r} {fields}: {got[:300]!r}")
        assert server.process.poll() is None, server.said()
        assert status_of(server.port, "/v2/health/live") == 200
    assert wrong == 0, f"{wrong} of {sum(map(len, BROKEN.values()))}"
    assert server.process.returncode == 0, server.said()
