"""Servers of a comparison: nn-serve, and a Triton out of a wheel, each with the same models on a port of its own."""

import hashlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)
HERE = os.path.dirname(os.path.abspath(__file__))


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def status_of(port, path, timeout=5):
    """Of a GET; nothing where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


class Server:
    """A process with what it says in a file; ends with the block."""

    def __init__(self, name, command, ports, ready, environment=None):
        self.name, self.ports = name, ports
        self.port = ports[0]
        self.log = tempfile.NamedTemporaryFile("w+", prefix=f"{name}-", suffix=".log")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=environment, start_new_session=True
        )
        end = time.monotonic() + 60
        while status_of(self.port, ready) != 200:
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"{name} doesn't come up:\n{self.said()}")
            time.sleep(0.02)

    def said(self):
        with open(self.log.name, errors="replace") as file:
            return file.read()[-4000:]

    def stop(self):
        """Its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            # Its own group, and so what it has started as well.
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise RuntimeError(f"{self.name} doesn't end:\n{self.said()}") from None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        status = self.stop()
        if kind is None and -status in CRASHES:
            raise RuntimeError(f"{self.name} ended with {signal.Signals(-status).name}:\n{self.said()}")


def nn_serve(bin_folder, *options, listen="http://127.0.0.1:{port}", before=()):
    """nn-serve on a port, ready; HTTP and gRPC are the same port's. before: words of a command that starts it."""
    tool = os.path.join(bin_folder, "nn-serve")
    if not os.path.exists(tool):
        skip("nn-serve isn't built")
    port = free_port()
    command = [*before, tool, "--listen", listen.format(port=port), *options]
    return Server("nn-serve", command, [port], "/v2/health/ready")


# Of the token below, as clients send it.
ADMIN = {"Authorization": "Bearer of-the-judge"}


def admin_options(folder):
    """With them whoever sends ADMIN may load and unload, and everybody may do the rest."""
    path = os.path.join(folder, "tokens")
    with open(path, "w") as file:
        print("admin", hashlib.sha256(b"of-the-judge").hexdigest(), "judge", file=file)
    os.chmod(path, 0o600)
    return ["--token-file", path, "--allow-anonymous"]


def repository(folder, **models):
    """models: NAME=FILE or NAME=[FILE…], versions from 1 on."""
    for name, files in models.items():
        for version, file in enumerate(files if isinstance(files, list) else [files], 1):
            os.makedirs(os.path.join(folder, name, str(version)))
            shutil.copy(file, os.path.join(folder, name, str(version), "model.nn"))
    return folder


# y = 2x with the names and the limits that nn-serve has for the same network.
TRITON_CONFIG = """
name: "m"
backend: "python"
max_batch_size: {max_batch}
input [ {{ name: "x" data_type: TYPE_FP32 dims: [ 4 ] }} ]
output [ {{ name: "value" data_type: TYPE_FP32 dims: [ 4 ] }} ]
instance_group [ {{ kind: KIND_CPU count: {instances} }} ]
dynamic_batching {{ }}
"""
TRITON_MODEL = """
import triton_python_backend_utils as triton

class TritonPythonModel:
    def execute(self, requests):
        answers = []
        for request in requests:
            x = triton.get_input_tensor_by_name(request, "x").as_numpy()
            answers.append(triton.InferenceResponse([triton.Tensor("value", x * 2)]))
        return answers
"""


def triton(peer, folder, max_batch=8, instances=1, pin=None):
    """peer: a folder of make-peer. Ports of HTTP, gRPC and metrics."""
    home = os.path.join(peer, "unpacked/pytriton/tritonserver")
    if not os.path.exists(os.path.join(peer, "complete")):
        skip("no Triton (see make-peer)")
    version = os.path.join(folder, "m/1")
    os.makedirs(version)
    with open(os.path.join(folder, "m/config.pbtxt"), "w") as file:
        file.write(TRITON_CONFIG.format(max_batch=max_batch, instances=instances))
    with open(os.path.join(version, "model.py"), "w") as file:
        file.write(TRITON_MODEL)
    ports = [free_port() for _ in range(3)]
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    environment = os.environ | {
        "PATH": os.path.join(peer, "bin") + os.pathsep + os.environ["PATH"],
        "PYTHONPATH": os.path.join(peer, "lib", python, "site-packages"),
    }
    command = [os.path.join(home, "bin/tritonserver"), f"--model-repository={folder}"]
    command += [f"--backend-directory={home}/backends", "--model-control-mode=explicit", "--load-model=m"]
    for kind, port in zip(("http", "grpc", "metrics"), ports):
        command += [f"--{kind}-address=127.0.0.1", f"--{kind}-port={port}"]
    command += ["--allow-gpu-metrics=false"]
    if pin is not None:
        command = ["taskset", "-c", str(pin), *command]
    return Server("tritonserver", command, ports, "/v2/health/ready", environment)
