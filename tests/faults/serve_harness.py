"""Clients of an nn-serve that a test mistreats, and what they must see."""
import collections
import http.client
import json
import os
import socket
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../interop/serve"))
from models import Models  # noqa: E402, F401
from servers import Server, free_port, nn_serve, repository, skip, status_of  # noqa: E402, F401

DEADLINE_S = 30  # nothing of this waits for a clock; sanitizers are slow


def until(holds, what, seconds=DEADLINE_S):
    end = time.monotonic() + seconds
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"it never came to this: {what() if callable(what) else what}")
        time.sleep(0.005)


def get(port, path, headers=None):
    """(status, JSON)"""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        return response.status, json.loads(response.read() or "null")
    finally:
        connection.close()


def raw(port, data, wait=DEADLINE_S):
    """Everything that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as client:
        try:
            client.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has said what it thinks of it already
        got = b""
        while True:
            try:
                more = client.recv(65536)
            except (TimeoutError, ConnectionResetError):
                return got
            if not more:
                return got
            got += more


def resident(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Load:
    """Threads that ask one thing after the other for as long as the block lasts, over connections that they keep.

    port: or a function that says it, before each request. A connection that the server closed between two requests is
    made anew, as every client does."""

    def __init__(self, port, path, body, threads=4):
        self.port = port if callable(port) else lambda: port
        self.path, self.body = path, body
        self.answers, self.failures, self.stale = collections.Counter(), [], 0
        self.versions = collections.Counter()
        self.times = []
        self.refusals = 0  # 503 with when to come again
        self.over = False
        self.threads = [threading.Thread(target=self.ask_on) for _ in range(threads)]

    def ask_on(self):
        connection, at = None, None
        while not self.over:
            port = self.port()
            if connection is None or at != port:
                connection, at = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S), port
            fresh = connection.sock is None
            start = time.monotonic()
            try:
                connection.request("POST", self.path, self.body)
                response = connection.getresponse()
                said = response.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if not fresh and isinstance(error, (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)):
                    self.stale += 1
                else:
                    self.failures.append(repr(error))
                continue
            self.times.append(time.monotonic() - start)
            self.answers[response.status] += 1
            self.refusals += response.status == 503 and response.headers.get("retry-after") is not None
            version = response.headers.get("x-nn-model-version")
            if version:
                self.versions[version] += 1
            if response.status != 200 and len(self.failures) < 100:
                self.failures.append(f"{response.status} {said[:200]}")

    def count(self):
        return sum(self.answers.values())

    def more(self, answers=50):
        """Waits until so many more have come."""
        wanted = self.count() + answers
        until(lambda: self.count() >= wanted or self.failures, f"{answers} more answers")

    def check(self):
        assert not self.failures, (len(self.failures), self.failures[:3], self.answers)
        assert self.answers[200] > 0

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        for thread in self.threads:
            thread.join()
