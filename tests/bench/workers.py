"""Worker processes of a bench, and the client that measures them."""

import json, os, subprocess


class Workers:
    """Processes that end with the bench."""

    def __init__(self, bench):
        self.bench = bench
        self.processes = []

    def start(self, name, *options):
        path = self.bench.file(name + ".sock")
        worker = subprocess.Popen(
            [self.bench.tool("nn-worker"), "--listen", f"unix:{path}", "--print-endpoint", *options],
            stdout=subprocess.PIPE,
        )
        worker.stdout.readline()
        self.processes.append(worker)
        return path, worker

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()


def cores():
    return sorted(os.sched_getaffinity(0))


def on_core(core, *command):
    return ["taskset", "-c", str(core), *command]


def client(bench, *words):
    return json.loads(bench.run(*on_core(cores()[0], bench.tool("bench-worker"), *map(str, words))))


def resident(process):
    with open(f"/proc/{process.pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
