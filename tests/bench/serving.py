"""Servers of inference for a bench, each on a core, and the loads that measure them from another one."""

import http.client, json, os, re, shutil, socket, statistics, struct, subprocess, sys, tempfile, time

from peers import Skip
from workers import cores, on_core

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../interop/serve"))
import servers  # noqa: E402
from protobuf_wire import field, varint  # noqa: E402

CLIENT, SERVER = cores()[0], cores()[-1]


def free_port():
    return servers.free_port()


def answers(port, path, body=None, headers=None):
    """(status, headers, body); status 0 where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST" if body is not None else "GET", path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    except (OSError, http.client.HTTPException):
        return 0, {}, b""
    finally:
        connection.close()


class Running:
    """A server that is ready; ends with the block."""

    def __init__(self, command, port, ready, core=SERVER, **more):
        self.port = port
        self.said = tempfile.TemporaryFile()
        pinned = on_core(core, *command) if core is not None else command
        self.process = subprocess.Popen(pinned, stdin=subprocess.DEVNULL, stdout=self.said, stderr=self.said, **more)
        end = time.monotonic() + 60
        while answers(port, ready)[0] != 200:
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                self.said.seek(0)
                raise Skip(f"{os.path.basename(command[0])} doesn't come up: {self.said.read()[-200:].decode(errors='replace')}")
            time.sleep(0.02)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def nn_serve(bench, repository, *options, device=f"cpu:{SERVER}", core=SERVER):
    port = free_port()
    if not os.path.exists(bench.tool("nn-serve")):
        raise Skip("no nn-serve")
    command = [bench.tool("nn-serve"), "--repository", repository, "--listen", f"http://127.0.0.1:{port}"]
    command += ["--device", device] if device else []
    return Running([*command, *options], port, "/v2/health/ready", core)


def fixed(bench, name, *words):
    """A server that answers everything alike: its first line says its port."""
    program = bench.tool(name)
    if not os.path.exists(program):
        raise Skip(f"no {name}")
    return PrintsPort(on_core(SERVER, program, *map(str, words)))


class PrintsPort:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(re.search(r"\d+", self.process.stdout.readline()).group())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def processor_seconds(process):
    with open(f"/proc/{process.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Busy:
    """What part of its core a server had while it was measured: much less than all of it, and the client was the limit."""

    def __init__(self, server):
        self.process, self.shares = server.process, []

    def sample(self, measure):
        before, start = processor_seconds(self.process), time.monotonic()
        figure = measure()
        self.shares.append((processor_seconds(self.process) - before) / (time.monotonic() - start))
        return figure

    def text(self):
        return f"{statistics.median(self.shares):.0%}"


# ---- loads

def load(bench, port, path, body, *options, headers=(), core=CLIENT):
    """bench-serve's figures."""
    with open(bench.file("body"), "wb") as file:
        file.write(body)
    command = [bench.tool("bench-serve"), "--body", bench.file("body"), *map(str, options)]
    for header in headers:
        command += ["--header", header]
    return json.loads(bench.run(*on_core(core, *command, f"http://127.0.0.1:{port}{path}")))


def clean(figures, statuses=("200",)):
    """The same figures; whoever compares rates wants no errors in them."""
    if figures["failed"] or set(figures["by_status"]) - set(statuses):
        raise Skip(f"not all is answered: {figures['by_status']} {figures['errors']}")
    return figures


WRK = """
local file = io.open(os.getenv("BODY"), "rb")
wrk.method = "POST"
wrk.body = file:read("*a")
for name, value in string.gmatch(os.getenv("FIELDS"), "([^:;]+):([^;]+);") do wrk.headers[name] = value end
"""


def wrk(bench, port, path, body, headers="", seconds=2, connections=32):
    """Requests a second."""
    if not shutil.which("wrk"):
        raise Skip("no wrk")
    for name, content in (("wrk.lua", WRK.encode()), ("wrk.body", body)):
        with open(bench.file(name), "wb") as file:
            file.write(content)
    environment = os.environ | {"BODY": bench.file("wrk.body"), "FIELDS": headers}
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", bench.file("wrk.lua")]
    said = bench.run(*on_core(CLIENT, *command, f"http://127.0.0.1:{port}{path}"), env=environment).decode()
    if "Non-2xx" in said or "Socket errors" in said:
        raise Skip("not all is answered: " + said.replace("\n", " ")[-200:])
    return float(re.search(r"Requests/sec:\s*([\d.]+)", said).group(1))


def h2load(bench, port, path, body, headers=(), seconds=2, connections=8, streams=4):
    """Requests a second over HTTP/2."""
    if not shutil.which("h2load"):
        raise Skip("no h2load (Debian: nghttp2-client)")
    with open(bench.file("h2.body"), "wb") as file:
        file.write(body)
    command = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{seconds}", "-d", bench.file("h2.body")]
    for header in headers:
        command += ["-H", header]
    said = bench.run(*on_core(CLIENT, *command, f"http://127.0.0.1:{port}{path}")).decode()
    counts = re.search(r"requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored", said)
    if counts is None or counts.group(1) == "0" or counts.group(2) != "0" or counts.group(3) != "0":
        raise Skip("not all is answered: " + said.replace("\n", " ")[-300:])
    return float(re.search(r"finished in .*?, ([\d.]+) req/s", said).group(1))


# ---- requests

def v1_body(row):
    return json.dumps({"instances": [row]}, separators=(",", ":")).encode()


def v2_json_body(name, rows):
    given = {"name": name, "shape": [len(rows), len(rows[0])], "datatype": "FP32", "data": rows}
    return json.dumps({"inputs": [given]}, separators=(",", ":")).encode()


def v2_binary_body(name, rows, output):
    """(body, the length of its JSON)"""
    raw = b"".join(struct.pack(f"<{len(row)}f", *row) for row in rows)
    given = {"name": name, "shape": [len(rows), len(rows[0])], "datatype": "FP32"}
    given["parameters"] = {"binary_data_size": len(raw)}
    wanted = [{"name": output, "parameters": {"binary_data": True}}]
    header = json.dumps({"inputs": [given], "outputs": wanted}, separators=(",", ":")).encode()
    return header + raw, len(header)


def grpc_body(model, name, row, output):
    """ModelInferRequest behind gRPC's prefix."""
    given = field(1, name.encode()) + field(2, b"FP32") + field(3, varint(1) + varint(len(row)))
    raw = struct.pack(f"<{len(row)}f", *row)
    message = field(1, model.encode()) + field(5, given) + field(6, field(1, output.encode())) + field(7, raw)
    return b"\0" + struct.pack(">I", len(message)) + message


def idle_connections(port, count):
    """So many connections that have asked once; whoever has them must close them."""
    head = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    for client in clients:
        client.sendall(head)
    for client in clients:
        if not client.recv(4096).startswith(b"HTTP/1.1 200"):
            raise Skip("a connection isn't served")
    return clients
