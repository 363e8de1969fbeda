"""nn-predict from its start to its first row: it is fed one row and kept waiting for the next."""

import os, subprocess, time

from peers import Skip


class FirstRow:
    def __init__(self, bench):
        self.bench = bench
        path = bench.file("one.arrows")
        bench.run(bench.tool("nn-read"), *bench.digits, "--rows", ":1", "-o", path)
        with open(path, "rb") as file:
            self.row = file.read()[:-8]  # without the end of the stream
        self.sizes = {}

    def measure(self, model):
        """Seconds until the prediction is there, and the process's memory then, in bytes."""
        command = [self.bench.tool("nn-predict"), "-m", model]
        if model not in self.sizes:
            self.sizes[model] = len(self.bench.run(*command, self.bench.file("one.arrows"))) - 8
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process.stdin.write(self.row)
        process.stdin.flush()
        received = 0
        while received < self.sizes[model]:
            part = os.read(process.stdout.fileno(), 1 << 16)
            if not part:
                raise Skip("nn-predict ended before its first row")
            received += len(part)
        took = time.perf_counter() - start
        with open(f"/proc/{process.pid}/status") as file:
            status = dict(line.split(":", 1) for line in file)
        memory = {name: int(status[name].split()[0]) * 1024 for name in ("VmHWM", "RssAnon")}
        process.kill()
        process.communicate()
        return took, memory
