"""Ends and restarts under load."""
import os
import signal
import socket
import subprocess
import time

from serve_context import BIN, BODY, MODELS, PREDICT, serve
from serve_harness import Load, raw, status_of, until


def term():
    with serve() as other:
        server = serve("--drain-delay", "1500ms")
        port = server.port
        state = {"ready": True, "looked": 0.0}

        def ready_one():
            """As a load balancer: looks ten times a second, and sends to the first as long as it is ready."""
            if state["ready"] and time.monotonic() > state["looked"] + 0.1:
                state["looked"] = time.monotonic()
                state["ready"] = status_of(port, "/v2/health/ready") == 200
            return port if state["ready"] else other.port

        with Load(ready_one, PREDICT, BODY) as load:
            load.more(200)
            server.process.send_signal(signal.SIGTERM)
            until(lambda: status_of(port, "/v2/health/ready") == 503, "it says that it isn't ready")
            assert status_of(port, "/v2/health/live") == 200
            connection_still = raw(port, b"POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (
                PREDICT.encode(), len(BODY), BODY.encode()))
            assert connection_still.startswith(b"HTTP/1.1 200"), connection_still[:100]
            assert server.process.wait(30) == 0, server.said()
            load.more(200)
        load.check()
        print(f"  {load.count()} answers, {load.stale} connections made anew")


def restart():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(4096)
        port = listener.getsockname()[1]
        descriptor = listener.fileno()

        def pass_on():
            os.dup2(descriptor, 3)
            os.set_inheritable(3, True)

        def start():
            command = 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
            tool = [os.path.join(BIN, "nn-serve"), "--repository", MODELS.repository, "--device", "cpu:0"]
            return subprocess.Popen(["sh", "-c", command, "sh", *tool], preexec_fn=pass_on, close_fds=False,
                                    stdin=subprocess.DEVNULL)

        server = start()
        with Load(port, PREDICT, BODY) as load:
            load.more(100)
            for _ in range(5):
                server.send_signal(signal.SIGTERM)
                assert server.wait(30) == 0
                server = start()
                load.more(100)
            server.send_signal(signal.SIGTERM)
            load.over = True
            # Those that wait in the queue of the socket are let in by nobody any more.
            last = start()
        server.wait(30)
        last.terminate()
        last.wait(30)
        load.check()
        print(f"  {load.count()} answers, {load.stale} connections made anew")
