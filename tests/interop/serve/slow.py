"""Clients that take all the time in the world, by slowhttptest: slow.py BIN_FOLDER EXAMPLES"""

import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # beside the sources
import servers
from models import Models

BIN, EXAMPLES = (os.path.abspath(path) for path in sys.argv[1:3])
if shutil.which("slowhttptest") is None:
    servers.skip("needs slowhttptest")
KINDS = {
    "heads": ["-H", "-i", "2"],
    "bodies": ["-B", "-i", "2", "-s", "8192"],
    "readers": ["-X", "-w", "10", "-y", "20", "-n", "2", "-z", "10", "-k", "3"],
}


def main():
    models = Models(BIN, EXAMPLES, tempfile.mkdtemp())
    with servers.nn_serve(BIN, "--repository", models.repository, "--device", "cpu:0") as server:
        for kind, options in KINDS.items():
            path = "/v1/models/digits:predict" if kind == "bodies" else "/v2/models/digits/config"
            command = ["slowhttptest", *options, "-c", "300", "-r", "150", "-l", "6", "-p", "3"]
            attack = subprocess.Popen([*command, "-u", f"http://127.0.0.1:{server.port}{path}"],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            times = []
            while attack.poll() is None:
                start = time.monotonic()
                assert servers.status_of(server.port, "/v2/health/live") == 200, kind
                times.append(time.monotonic() - start)
                time.sleep(0.02)
            times.sort()
            print(f"{kind}: {len(times)} questions meanwhile, p99 {times[int(0.99 * len(times))] * 1e3:.1f} ms")
            assert len(times) > 50 and times[int(0.95 * len(times))] < 0.05, times[-5:]
    print("ok")


main()
