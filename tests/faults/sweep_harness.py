"""Runs of nn-sweep that a test kills, and what must be true of their journal, whatever was killed."""
import collections
import json
import os
import pathlib
import secrets
import signal
import subprocess
import sys
import tempfile
import time

DEADLINE_S = 20  # nothing of this waits for a clock; sanitizers are slow

# A trial takes the lock of its number, which all that it starts holds as well, counts each of its beginnings, leaves
# a process behind that is in another session, and takes its time to end when it is told to.
TRIAL = r"""
exec 9>>"$1/lock-$2"
flock -n 9 || { echo "trial $2, attempt $3" >>"$1/two-copies"; exit 1; }
echo "$3" >>"$4/begun"
setsid sleep 1000 &
trap 'for i in 1 2 3 4 5 6 7 8; do flock -n "$4/begun" true; done; exit 1' TERM
i=0
while [ $i -lt "$5" ]; do i=$((i+1)); done
echo "$6"
"""


def until(holds, what):
    """Waits until holds() is true, and returns that."""
    end = time.monotonic() + DEADLINE_S
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"it never came to this: {what() if callable(what) else what}")
        time.sleep(0.001)


def children_of(pid):
    try:
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def command_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def state_of(pid):
    """A letter as in ps(1); empty where there is no such process."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


def parent_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
    except (OSError, IndexError):
        return ""


def trial_of(pid):
    try:
        variables = pathlib.Path(f"/proc/{pid}/environ").read_text().split("\0")
        return " ".join(sorted(each for each in variables if each.startswith("NN_")))
    except OSError:
        return ""


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


class Run:
    """An nn-sweep run in a session of its own."""

    def __init__(self, sweep, trials, slots):
        self.command = [str(sweep.tools / "nn-sweep"), "run", "-j", str(sweep.journal), "--sampler", "random",
                        "--param", "x=uniform:0:1", "--minimize", "v", "--device", f"cpu:0*{slots}",
                        "--trials", str(trials), *sweep.options, "--",
                        "sh", "-c", TRIAL, "trial", str(sweep.folder), "{trial}", "{attempt}", "{dir}",
                        str(sweep.work), "{x}"]
        self.said = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(self.command, env=dict(os.environ, **{sweep.mark: "1"}), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=self.said, start_new_session=True)
        self.pid = self.process.pid

    def is_running(self):
        return self.process.poll() is None

    def agents(self):
        """The agent's guard, and then the agent itself. Nothing while one of them isn't there yet, or has ended: the
        other one is ending the trials then, and nobody would if it were killed as well."""
        for guard in children_of(self.pid)[:1]:
            for agent in children_of(guard)[:1]:
                if command_of(agent)[:1] == command_of(guard)[:1] and state_of(agent) not in ("", "Z"):
                    return [guard, agent]
        return []

    def wait(self):
        try:
            return self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"a run doesn't end; it said:\n{self.messages()}") from None

    def messages(self):
        self.said.seek(0)
        return self.said.read()


class Sweep:
    """A journal, with all runs that share it."""

    def __init__(self, tools, options=(), work=300):
        self.tools, self.options, self.work = pathlib.Path(tools).resolve(), list(options), work
        self.scratch = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.scratch.name)
        self.journal = self.folder / "s.jsonl"
        self.mark = f"NN_FAULTS_{secrets.token_hex(8)}"
        self.kept = {}  # of trials that had ended when somebody looked: how often they had begun

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for pid in self.processes():
            send(pid, signal.SIGKILL)
        if error[0] and self.journal.exists():
            sys.stderr.write(self.journal.read_text(errors="replace"))
        self.scratch.cleanup()

    def run(self, trials, slots=2):
        return Run(self, trials, slots)

    def size(self):
        return self.journal.stat().st_size if self.journal.exists() else 0

    def processes(self):
        """All that have our mark, whoever started them."""
        found, mark = [], f"{self.mark}=".encode()
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                pass
        return found

    def lines(self):
        """Objects of all lines that are whole."""
        text = self.journal.read_bytes() if self.journal.exists() else b""
        return [json.loads(line) for line in text[:text.rfind(b"\n") + 1].splitlines()]

    def ends(self):
        """How many ends each trial has."""
        return collections.Counter(line["trial_id"] for line in self.lines()
                                   if line["op_code"] == 6 and line["state"] in (1, 2, 3))

    def begun_trials(self):
        return sum(line["op_code"] == 4 for line in self.lines())

    def begun(self, trial):
        """Attempts that have really begun, in their order."""
        marks = pathlib.Path(f"{self.journal}.d/trial-{trial:05}/begun")
        return marks.read_text().split() if marks.exists() else []

    def note_ended(self):
        for trial in self.ends():
            self.kept.setdefault(trial, self.begun(trial))

    def none_is_left(self):
        def names():
            return [f"{pid} {state_of(pid)} parent {parent_of(pid)} trial {trial_of(pid)} {' '.join(command_of(pid))}"
                    for pid in self.processes()]
        until(lambda: not self.processes(), lambda: "\n".join(["no process is left of", *names()]))

    def check(self, trials, states=("complete",)):
        """What must be true when all is over."""
        self.none_is_left()
        copies = self.folder / "two-copies"
        assert not copies.exists(), f"two live copies: {copies.read_text()}"
        ends = self.ends()
        assert sorted(ends) == list(range(trials)), f"not each of {trials} trials has ended: {sorted(ends)}"
        twice = [trial for trial, times in ends.items() if times != 1]
        assert not twice, f"these trials ended more than once: {twice}"
        numbers = [line["t"] for line in self.lines() if line["op_code"] == 4]
        assert numbers == list(range(trials)), f"numbers of trials: {numbers}"
        for trial in range(trials):
            attempts = self.begun(trial)
            assert attempts == sorted(set(attempts), key=int), f"trial {trial}: its attempts began as {attempts}"
        repeated = [trial for trial, begun in self.kept.items() if self.begun(trial) != begun]
        assert not repeated, f"these had ended, and began again: {repeated}"
        left = [path.name for path in pathlib.Path(f"{self.journal}.d").glob("run-*")]
        assert not left, f"runs that left something: {left}"
        assert not pathlib.Path(f"{self.journal}.lock").is_symlink(), "Optuna's lock is left"
        fsck = subprocess.run([self.tools / "nn-sweep", "fsck", self.journal], capture_output=True, text=True)
        assert fsck.returncode == 0 and not fsck.stdout, fsck.stdout + fsck.stderr
        table = subprocess.run([self.tools / "nn-sweep", "trials", "--to", "json", self.journal],
                               capture_output=True, text=True, check=True)
        wrong = [row for row in json.loads(table.stdout) if row["state"] not in states]
        assert not wrong, f"these have another state: {wrong}"


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)
