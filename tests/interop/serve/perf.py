"""nn-serve under perf_analyzer, Triton's own load tool: perf.py BIN_FOLDER PERF_FOLDER EXAMPLES KIND, of http, json, grpc,
stream, tfserving."""

import csv
import glob
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # beside the sources
import servers
from models import Models

BIN, PEER, EXAMPLES = (os.path.abspath(path) for path in sys.argv[1:4])
KIND = sys.argv[4]
OPTIONS = {
    "http": ["-i", "http"],
    "json": ["-i", "http", "--input-tensor-format", "json", "--output-tensor-format", "json"],
    "grpc": ["-i", "grpc"],
    "stream": ["-i", "grpc", "--streaming", "--async"],
    "tfserving": ["-i", "grpc", "--service-kind", "tfserving", "--shape", "x:64"],
}


def analyzer(peer):
    """(its program, its environment)"""
    found = glob.glob(os.path.join(peer, "unpacked/tritonclient-*.data/data/bin/perf_analyzer"))
    if not found:
        servers.skip("no perf_analyzer (see make-peer)")
    libraries = glob.glob(os.path.join(peer, "lib/python*/site-packages/nvidia/*/lib"))
    environment = os.environ | {"LD_LIBRARY_PATH": os.pathsep.join(libraries)}
    probe = subprocess.run([found[0], "--help"], env=environment, capture_output=True, text=True)
    if "while loading shared libraries" in probe.stderr:
        servers.skip(f"perf_analyzer doesn't start here: {probe.stderr.strip()}")
    return found[0], environment


def main():
    program, environment = analyzer(PEER)
    models = Models(BIN, EXAMPLES, tempfile.mkdtemp())
    table = models.path("perf.csv")
    with servers.nn_serve(BIN, "--repository", models.repository, "--device", "cpu:0") as server:
        command = [program, "-m", "digits", "-u", f"127.0.0.1:{server.port}", "-b", "2", "--concurrency-range", "4"]
        command += ["--measurement-interval", "1000", "-s", "900", "--max-trials", "4", "-f", table, *OPTIONS[KIND]]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        assert "Failed" not in done.stderr, done.stderr
        with open(table) as file:
            row = next(csv.DictReader(file))
        assert float(row["Inferences/Second"]) > 0, row
        if KIND != "tfserving":  # whole microseconds, and so perhaps 0
            assert float(row["Server Compute Infer"]) >= 0 and float(row["Server Queue"]) < 1e5, row
        print({key: value for key, value in row.items() if value})


if __name__ == "__main__":
    main()
