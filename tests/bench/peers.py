"""What the benches share: programs that answer line by line, environments, the machine."""

import json, os, platform, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))


class Skip(Exception):
    """A peer that isn't to be had, and why."""


class Bench:
    """One run: where things are, how often each thing is measured."""

    def __init__(self, build, work, rounds, tools):
        self.bin = os.path.join(build, "bin")
        self.build = build
        self.work = work  # a folder for files
        self.rounds = rounds
        self.tools = tools  # their names
        self.core = min(os.sched_getaffinity(0))  # where one core is asked for
        self.digits = [os.path.join(HERE, "../../examples/digits.csv.gz"), "--no-header", "--label", "last"]
        self.machine = {}
        self.venvs = {}

    def say(self, text):
        print(f"bench: {text}", file=sys.stderr, flush=True)

    def tool(self, name):
        return os.path.join(self.bin, name)

    def file(self, name):
        return os.path.join(self.work, name)

    def run(self, *command, one_core=False, **more):
        """stdout of a command; fails where it fails."""
        pin = self.pin if one_core else None
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, preexec_fn=pin, **more).stdout

    def pin(self):
        os.sched_setaffinity(0, {self.core})

    def python(self, name, *packages):
        """The interpreter of an environment with these packages, made at the first call."""
        if name not in self.venvs:
            folder = os.path.join(self.build, f"bench-{name}")
            self.say(f"environment with {' '.join(packages)} (made once)")
            made = subprocess.run(
                [os.path.join(HERE, "make-venv"), folder, *packages], stdout=subprocess.PIPE, text=True
            )
            self.venvs[name] = (os.path.join(folder, "bin/python"), made.returncode, made.stdout.strip())
        python, status, reason = self.venvs[name]
        if status != 0:
            raise Skip(reason or f"make-venv {name} failed")
        return python


class Answering:
    """A program that answers each line on its stdin with a line of JSON."""

    def __init__(self, bench, command, one_core=True):
        self.name = os.path.basename(command[-1] if "python" in command[0] else command[0])
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=bench.pin if one_core else None,
        )

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            last = (self.process.communicate()[1].strip().splitlines() or ["no message"])[-1]
            raise Skip(f"{self.name} ended: {last}")
        return json.loads(line)

    def ask(self, *words):
        try:
            print(*words, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass  # read() says why
        return self.read()

    def end(self):
        if self.process.poll() is None:
            self.process.communicate()


def machine_of():
    with open("/proc/cpuinfo") as file:
        fields = [line.split(":", 1) for line in file if ":" in line]
    cpu = {name.strip(): value.strip() for name, value in reversed(fields)}
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) * 1024
    family = f"family {cpu.get('cpu family')}, model {cpu.get('model')}" if "cpu family" in cpu else ""
    return {
        "CPU": f"{cpu.get('model name', platform.machine())} ({family})",
        "cores": f"{len(os.sched_getaffinity(0))}",
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
    }
