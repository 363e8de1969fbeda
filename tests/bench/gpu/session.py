"""What the sections of gpu-acceptance share: tables, programs that answer, samples taken in turns."""

import json, os, shutil, signal, statistics, subprocess, sys, tempfile, threading

from report import digits, seconds

TIMED_OUT = "timed out"  # a status that no process has


class Section:
    """A table of the report, and what was wrong."""

    def __init__(self, title):
        self.title = title
        self.heads, self.rows, self.notes, self.samples = [], [], [], []
        self.failed = {}  # what was being done, for each reason

    def row(self, *cells):
        self.rows.append([str(cell) for cell in cells])

    def note(self, text):
        self.notes.append(text)

    def fail(self, reason, doing=""):
        """A device that fails once may fail at everything: one reason is told once."""
        self.failed.setdefault(reason, []).append(str(doing))

    @property
    def failures(self):
        texts = []
        for reason, doing in self.failed.items():
            more = f" (and {len(doing) - 1} more)" if len(doing) > 1 else ""
            texts.append(f"{reason}: {doing[0]}{more}" if doing[0] else f"{reason}{more}")
        return texts

    def markdown(self):
        lines = [f"## {self.title}", ""]
        if self.rows:
            lines += ["| " + " | ".join(self.heads) + " |", "|" + " --- |" * len(self.heads)]
            lines += ["| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in self.rows] + [""]
        lines += [text + "\n" for text in self.notes]
        lines += [f"**Failed**: {text}\n" for text in self.failures]
        return "\n".join(lines).rstrip() + "\n"

    def as_json(self):
        return {name: getattr(self, name) for name in ("title", "heads", "rows", "notes", "failures", "samples")}


class Peer:
    """A program that answers a line of JSON by another; started anew where it has ended."""

    def __init__(self, command, patience_s, env=None):
        self.command, self.patience_s = command, patience_s
        self.env = {**os.environ, **(env or {})}
        self.process = None
        self.messages = tempfile.TemporaryFile("w+")

    def start(self):
        self.messages.seek(0)
        self.messages.truncate()
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.messages}
        self.process = subprocess.Popen(self.command, text=True, env=self.env, **pipes)

    def ask(self, **question):
        """Its answer; {"error"} where there is none."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        watch = threading.Timer(self.patience_s, self.process.kill)
        watch.start()
        try:
            print(json.dumps(question), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        watch.cancel()
        answer = json.loads(line) if line else {"error": self.last_words()}
        if "error" in answer:
            self.end()  # a device that has failed once stays so for the process
        return answer

    def last_words(self):
        status = self.process.wait()
        self.messages.seek(0)
        words = self.messages.read().strip().splitlines()
        return f"{os.path.basename(self.command[0])} ended with {status}: {words[-1] if words else 'no message'}"

    def end(self):
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


class Figure:
    """Seconds of a step in each round, or why there are none."""

    def __init__(self):
        self.samples, self.missing = [], ""

    def rate(self, rows):
        return f"{rows / statistics.median(self.samples):,.0f}" if self.samples else self.missing

    def time(self):
        return seconds(statistics.median(self.samples)) if self.samples else self.missing

    def faster_than(self, other, rows=1, other_rows=1):
        """How many times as many rows a second, round by round."""
        if not self.samples or not other.samples:
            return ""
        ratios = [rows * b / (other_rows * a) for a, b in zip(self.samples, other.samples)]
        return f"{digits(statistics.median(ratios))} ×"


class Session:
    """One run: where things are, how long each takes."""

    def __init__(self, options, plan, root, work):
        self.options, self.plan, self.root, self.work = options, plan, root, work
        self.rehearsed = options.rehearse
        self.device = options.device
        self.peers = {}
        self._torch = None

    def say(self, text):
        print(f"gpu-acceptance: {text}", file=sys.stderr, flush=True)

    def program(self, name):
        return os.path.join(self.options.build, "bin", name)

    def file(self, name):
        return os.path.join(self.work, name)

    def find(self, name):
        """A program of CUDA's toolkit, or of the driver; None where it isn't there."""
        return shutil.which(name) or shutil.which(name, path="/usr/local/cuda/bin")

    def index(self):
        """Of the device, as CUDA counts."""
        return self.device.partition(":")[2] or "0"

    def smi_index(self):
        """As nvidia-smi counts: all there are, by their place on the bus, as CUDA_DEVICE_ORDER has it (see
        gpu-acceptance); its number or its UUID."""
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        index = int(self.index())
        return visible[index].strip() if visible[0] and index < len(visible) else str(index)

    def start(self, *command, env=None, **more):
        """A process with a group of its own, which ends with it where end() ends it. SIGINT reaches it even where
        this script was started in the background of a shell, which has it ignored."""
        return subprocess.Popen(
            command,
            env={**os.environ, **(env or {})},
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            **more,
        )

    def line_of(self, process):
        """The next line of what start() made, of a pipe; "" where it ends before, or takes too long."""
        watch = threading.Timer(self.options.patience, self.end, [process])
        watch.start()
        line = process.stdout.readline()
        watch.cancel()
        return line

    def end(self, process):
        """At once, with all that it started: a sanitizer's program would keep the device, and the pipes, open."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()

    def run(self, *command, env=None, timeout=900):
        """The finished process; one that takes too long has the status TIMED_OUT, and what it said until then."""
        with tempfile.TemporaryFile("w+", errors="replace") as out, tempfile.TemporaryFile(
            "w+", errors="replace"
        ) as err:
            process = self.start(*command, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            try:
                status = process.wait(timeout)
            except subprocess.TimeoutExpired:
                status = TIMED_OUT
            finally:
                self.end(process)
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read())
        if status == TIMED_OUT:
            texts[1] += f"\ntimed out after {timeout} s\n"
        return subprocess.CompletedProcess(command, status, *texts)

    def peer(self, *command, env=None):
        key = (command, tuple((env or {}).items()))
        if key not in self.peers:
            self.peers[key] = Peer(list(command), self.options.patience, env)
        return self.peers[key]

    def bench(self, device=None, env=None):
        return self.peer(self.program("bench-gpu"), device or self.device, env=env)

    def device_bench(self):
        name = "bench-device-host" if self.rehearsed else "bench-device"
        return self.peer(self.program(name), self.index())

    def torch(self):
        """PyTorch on the same device, and why not."""
        if self._torch is None:
            self._torch = self._find_torch()
        return self._torch

    def _find_torch(self):
        peer = self.peer(self.options.python, os.path.join(os.path.dirname(__file__), "torch_peer.py"))
        answer = peer.ask(work="about", device=self.torch_device())
        return (None, answer["error"].partition(": ")[2]) if "error" in answer else (peer, answer["version"])

    def torch_device(self):
        return "cpu" if self.rehearsed else self.device

    def in_turns(self, section, asks):
        """A Figure for each of {name: (peer, question)}, or (None, why not); theirs may be missing."""
        figures = {name: Figure() for name in asks}
        for round_ in range(self.plan.rounds):
            for name, (peer, question) in asks.items():
                figure = figures[name]
                if peer is None:
                    figure.missing = question
                if figure.missing:
                    continue
                answer = peer.ask(**question, seconds=self.plan.seconds)
                if "seconds" in answer:
                    figure.samples.append(answer["seconds"])
                    continue
                figure.missing = answer.get("skipped") or answer["error"]
                if "error" in answer and peer is not self.torch()[0]:
                    section.fail(figure.missing, question)
        for name, (_, question) in asks.items():
            section.samples.append({"of": str(name), "question": question, "seconds": figures[name].samples})
        return figures

    def end_peers(self):
        """Between sections, so that each has the device's memory."""
        for peer in self.peers.values():
            peer.end()
