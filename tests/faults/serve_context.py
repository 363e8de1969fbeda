"""What tests of an nn-serve under faults have in common: their arguments, models and a folder, and how their parts are run.

Who imports it has its command line parsed: BIN_FOLDER EXAMPLES [--connections N] [NAME…]."""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from serve_harness import Models, nn_serve, skip, status_of

arguments = argparse.ArgumentParser()
arguments.add_argument("tools")
arguments.add_argument("examples")
arguments.add_argument("--connections", type=int, default=10000, help="of parts with idle ones")
arguments.add_argument("names", nargs="*")
given = arguments.parse_args()
BIN = os.path.abspath(given.tools)
if not os.path.exists(os.path.join(BIN, "nn-serve")):
    skip("nn-serve isn't built")
SANITIZED = b"__asan_init" in pathlib.Path(BIN, "nn-serve").read_bytes() or b"__tsan_init" in pathlib.Path(
    BIN, "nn-serve").read_bytes()
FOLDER = tempfile.mkdtemp()
MODELS = Models(BIN, os.path.abspath(given.examples), FOLDER)
BODY = json.dumps({"instances": [list(MODELS.rows("digits", 1)[0].values())]})
PREDICT = "/v1/models/digits:predict"


class Skip(Exception):
    pass


def serve(*options, models=None, poll="50ms", **more):
    return nn_serve(BIN, "--repository", models or MODELS.repository, "--device", "cpu:0", "--poll", poll, *options, **more)


def answers_quickly(server, count=100):
    """Nearly all questions within a time that nobody waits for; other processes have the machine as well."""
    times = []
    for _ in range(count):
        start = time.monotonic()
        assert status_of(server.port, "/v2/health/live") == 200
        times.append(time.monotonic() - start)
    times.sort()
    assert times[-count // 50] < (1 if SANITIZED else 0.2), times[-5:]


def run(parts):
    """Runs the parts that are named, or all; the exit status."""
    names = {part.__name__.replace("_", "-"): part for part in parts}
    for name in given.names:
        if name not in names:
            arguments.error(f"there is no '{name}'; there are {', '.join(names)}")
    failed = skipped = 0
    try:
        for name in given.names or names:
            start = time.monotonic()
            print(f"-- {name}", flush=True)
            try:
                names[name]()
                print(f"   ok, {time.monotonic() - start:.1f} s", flush=True)
            except Skip as why:
                skipped += 1
                print(f"   skipped: {why}", flush=True)
            except (AssertionError, RuntimeError, OSError, ValueError, subprocess.SubprocessError) as error:
                failed += 1
                print(f"   FAILED {name}: {type(error).__name__}: {str(error)[:1500]}", flush=True)
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
    if not failed and skipped == len(given.names or names):
        return 77
    return int(failed > 0)
