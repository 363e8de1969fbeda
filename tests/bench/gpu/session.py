"""What the sections of gpu-acceptance share: tables, programs that answer, samples taken in turns."""

import contextlib, ctypes, glob, json, os, shutil, signal, statistics, subprocess, sys, tempfile, threading, time

from layout import DEVICE_BENCH, HOST_BENCH
from report import digits, seconds

TIMED_OUT = "timed out"  # a status that no process has
SPARE_S = 1  # of a section's time, for what it writes when that is over


class OutOfTime(BaseException):
    """A section's time is over. No section catches it: it is not an Exception."""


libc = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def prepare_child():
    """SIGINT reaches it even where this script was started in the background of a shell, which has it ignored; and it
    ends when this script is killed, which its own group would otherwise outlast, with the device's memory."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Section:
    """A table of the report, and what was wrong."""

    def __init__(self, title):
        self.title = title
        self.heads, self.rows, self.notes, self.samples = [], [], [], []
        self.failed = {}  # what was being done, for each reason
        self.unfinished = []  # what was not come to, and why
        self.skipped = {}  # what isn't there, and why

    def row(self, *cells):
        self.rows.append([str(cell) for cell in cells])

    def note(self, text):
        self.notes.append(text)

    def fail(self, reason, doing=""):
        """A device that fails once may fail at everything: one reason is told once."""
        self.failed.setdefault(reason, []).append(str(doing))

    def cut(self, text):
        """What a check had not come to when it was ended is neither right nor wrong."""
        self.unfinished.append(text)

    def skip(self, what, reason):
        self.skipped[what] = reason

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
        lines += [f"**Skipped**: {what}: {reason}\n" for what, reason in self.skipped.items()]
        lines += [f"**Failed**: {text}\n" for text in self.failures]
        lines += [f"**Not finished**: {text}\n" for text in self.unfinished]
        return "\n".join(lines).rstrip() + "\n"

    def as_json(self):
        names = ("title", "heads", "rows", "notes", "failures", "unfinished", "skipped", "samples")
        return {name: getattr(self, name) for name in names}


class Peer:
    """A program that answers a line of JSON by another; started anew where it has ended."""

    def __init__(self, session, command, env=None):
        self.session, self.command, self.env = session, command, env
        self.process = None
        self.messages = tempfile.TemporaryFile("w+")

    def start(self):
        self.messages.seek(0)
        self.messages.truncate()
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.messages}
        self.process = self.session.start(*self.command, env=self.env, text=True, **pipes)

    def ask(self, **question):
        """Its answer; {"error"} where there is none."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        with self.session.patience_for(self.process):
            try:
                print(json.dumps(question), file=self.process.stdin, flush=True)
                line = self.process.stdout.readline()
            except BrokenPipeError:
                line = ""
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
            self.session.end(self.process)
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
    """One run: where things are, how long each takes, and the processes that it has started."""

    def __init__(self, layout, options, work, env, cuda):
        self.layout, self.options, self.work = layout, options, work
        self.plan, self.course = options.plan, options.course
        self.root = layout.root
        self.rehearsed = options.rehearse
        self.device = options.device
        self.env = env  # that our programs need, and PyTorch must not have
        self.cuda = cuda  # CUDA's libraries that were looked for: {name: path}
        self.deadline = None  # of the section, by the monotonic clock
        self.processes = {}
        self.peers = {}
        self._torch = None

    def seconds_left(self):
        """Of the section's time, for what it starts now; None where it has no limit."""
        return None if self.deadline is None else max(0, self.deadline - SPARE_S - time.monotonic())

    def say(self, text):
        print(f"gpu-acceptance: {text}", file=sys.stderr, flush=True)

    def program(self, name):
        return self.layout.program(name)

    def file(self, name):
        return os.path.join(self.work, name)

    def find(self, name):
        """A program of CUDA's toolkit, or of the driver; None where it isn't there."""
        versions = glob.glob("/usr/local/cuda-*/bin")
        return shutil.which(name) or shutil.which(name, path=":".join(["/usr/local/cuda/bin", *versions]))

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
        """A process with a group of its own, which ends with it where end() ends it. `env` is what it has besides
        this script's; by default what our programs need."""
        process = subprocess.Popen(
            command,
            env={**os.environ, **(self.env if env is None else env)},
            start_new_session=True,
            preexec_fn=prepare_child,
            **more,
        )
        self.processes[process.pid] = process
        return process

    def line_of(self, process):
        """The next line of what start() made, of a pipe; "" where it ends before, or takes too long."""
        with self.patience_for(process):
            return process.stdout.readline()

    @contextlib.contextmanager
    def patience_for(self, process):
        """Ends a process that keeps this script waiting for too long."""
        watch = threading.Timer(self.options.patience, self.kill, [process])
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def kill(self, process):
        """With all that it started: a sanitizer's program would keep the device, and the pipes, open."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def end(self, process):
        self.kill(process)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            self.say(f"process {process.pid} can't be ended: the driver doesn't let it go")
        for pipe in (process.stdin, process.stdout, process.stderr):
            try:
                pipe and pipe.close()
            except OSError:
                pass  # a question that it didn't read
        self.processes.pop(process.pid, None)

    def end_all(self):
        """What a section leaves behind, in particular one that was ended in the middle."""
        for process in list(self.processes.values()):
            self.end(process)
        for peer in self.peers.values():
            peer.process = None

    def run(self, *command, env=None, timeout=900):
        """The finished process; one that takes too long, or longer than the section may, has the status TIMED_OUT,
        and what it said until then."""
        if (left := self.seconds_left()) is not None:
            timeout = min(timeout, left)
        with tempfile.TemporaryFile("w+", errors="replace") as out, tempfile.TemporaryFile(
            "w+", errors="replace"
        ) as err:
            env = {**self.env, **(env or {})}
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
            texts[1] += f"\ntimed out after {timeout:.0f} s\n"
        return subprocess.CompletedProcess(command, status, *texts)

    def peer(self, *command, env=None):
        key = (command, tuple((env or {}).items()))
        if key not in self.peers:
            self.peers[key] = Peer(self, list(command), env)
        return self.peers[key]

    def bench(self, device=None, env=None):
        return self.peer(self.program("bench-gpu"), device or self.device, env={**self.env, **(env or {})})

    def device_bench(self):
        name = HOST_BENCH if self.rehearsed else DEVICE_BENCH
        return self.peer(self.program(name), self.index(), env=self.env)

    def torch(self):
        """PyTorch on the same device, and why not."""
        if self._torch is None:
            self._torch = self._find_torch()
        return self._torch

    def _find_torch(self):
        script = os.path.join(os.path.dirname(__file__), "torch_peer.py")
        peer = self.peer(self.options.python, script, env={})  # PyTorch finds its own libraries
        answer = peer.ask(work="about", device=self.torch_device())
        if "error" in answer:
            return None, answer["error"].partition(": ")[2]
        return peer, answer["version"]

    def note_torch(self, section):
        """Its version, or that it is left out."""
        peer, text = self.torch()
        if peer is None:
            section.skip("PyTorch", text)
        else:
            section.note(f"PyTorch: {text}.")

    def load_torch(self):
        """Reads PyTorch's files, some gigabytes, while other things are done, so that it starts soon when asked."""
        quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        process = self.start(self.options.python, "-c", "import torch", env={}, **quiet)
        self.processes.pop(process.pid)  # it goes on over the ends of sections

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
