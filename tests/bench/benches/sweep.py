"""nn-sweep: trials that do nothing, trials that train, its journals. searches.py has the rest of its rows."""

import json, os, shutil, statistics, subprocess, time

from benches import searches
from own_processes import OwnProcesses
from peers import Skip
from report import Goal, Row, compare, digits, megabytes, share, single

PART = "Sweep"
SLOTS = ["--device", "cpu:0", "--device", "cpu:1"]
ECHOES, ECHOES_OF_PARALLEL = 10000, 500
TRAININGS = 100
LARGE = 100000  # trials of a journal


def per_second(value):
    return f"{digits(value)} /s"


def seconds_of(command, **more):
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **more)
    return time.perf_counter() - start


def syncs_per_second(bench):
    """Of a file that grows by a line each time, as a journal does."""
    count = 300
    with open(bench.file("synced"), "wb", buffering=0) as file:
        start = time.perf_counter()
        for _ in range(ECHOES):
            file.write(b"x" * 200)
            os.fdatasync(file.fileno())
        return count / (time.perf_counter() - start)


class Journals:
    """Names of journals that nobody has used."""

    def __init__(self, bench):
        self.bench, self.count = bench, 0

    def new(self):
        self.count += 1
        return self.bench.file(f"s{self.count}.jsonl")

    def drop(self, journal):
        os.remove(journal)
        shutil.rmtree(journal + ".d")

    def run_echo(self, trials):
        """So many trials that do nothing but to say a number; the journal, and the seconds that they took."""
        journal = self.new()
        command = [self.bench.tool("nn-sweep"), "run", "-j", journal, "--trials", str(trials), "--sampler", "random"]
        command += ["--param", "x=uniform:0:1", "--param", "y=uniform:0:1", "--minimize", "value", *SLOTS, "--quiet"]
        return journal, seconds_of([*command, "--", "echo", "{y}", "{x}"])


def trials_that_do_nothing(bench, options):
    bench.say(f"{ECHOES:,} trials of echo")
    journals = Journals(bench)
    numbers = "\n".join(str(i) for i in range(ECHOES)) + "\n"
    peers = {"xargs -P2 -n1": (["xargs", "-P2", "-n1", "echo"], ECHOES)}
    if shutil.which("parallel"):
        peers["GNU parallel -j2"] = (["parallel", "--will-cite", "-j2", "echo", "{}"], ECHOES_OF_PARALLEL)
    rates = {name: [] for name in ("ours", *peers)}
    syncs = []
    for _ in range(min(bench.rounds, 3)):
        syncs.append(syncs_per_second(bench))
        journal, taken = journals.run_echo(ECHOES)
        rates["ours"].append(ECHOES / taken)
        journals.drop(journal)
        for name, (command, some) in peers.items():
            few = "".join(numbers.splitlines(True)[:some])
            rates[name].append(some / seconds_of(command, input=few, text=True))
    work = f"{ECHOES:,} × echo, 2 slots, random, durable journal"

    def against_peer(name, goal, **more):
        return compare(PART, work, name, rates["ours"], rates[name], show=per_second, goal=Goal(goal, True), **more)

    yield against_peer("xargs -P2 -n1", 0.7)
    against = "GNU parallel -j2"
    if against in peers:
        yield against_peer(against, 5, note=f"of parallel {ECHOES_OF_PARALLEL} runs")
    else:
        yield Row(PART, work, against, skipped="no parallel")
    yield single(PART, "… fdatasyncs of the disk", syncs, show=per_second)


def trials_of_a_second(bench, options):
    bench.say(f"{TRAININGS} trials of a second on 2 slots, twice")
    data = bench.file("digits.arrows")
    bench.run(bench.tool("nn-read"), *bench.digits, "-o", data)
    train = [bench.tool("nn-train"), data, "--layers", "256,256", "--standardize", "--valid", "0.2", "--quiet"]

    def two_at_once(epochs):
        start = time.perf_counter()
        both = [
            subprocess.Popen([*train, "--epochs", str(epochs), "--device", f"cpu:{i}", "-o", bench.file(f"m{i}.nn")])
            for i in (0, 1)
        ]
        for one in both:
            one.wait()
        return time.perf_counter() - start

    epochs = max(1, round(60 / max(two_at_once(60), 0.1)))
    for sampler in ("auto", "tpe"):
        journal = bench.file(f"digits-{sampler}.jsonl")
        command = [bench.tool("nn-sweep"), "run", "-j", journal, "--trials", str(TRAININGS), "--sampler", sampler]
        command += ["--param", "lr=loguniform:1e-4:1e-1", "--param", "l2=loguniform:1e-6:1e-2", *SLOTS]
        command += ["--maximize", "val_accuracy", "--quiet", "--", *train, "--epochs", str(epochs)]
        command += ["--lr", "{lr}", "--l2", "{l2}", "--seed", "{seed}", "--device", "{device}", "-o", "{dir}/m.nn"]
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            own = OwnProcesses(process.pid, bench.tool("nn-sweep"))
            own.watch(process)
        wall = time.perf_counter() - start
        if process.returncode != 0:
            raise RuntimeError(f"nn-sweep ended with {process.returncode}")
        table = json.loads(bench.run(bench.tool("nn-sweep"), "trials", journal, "--to", "json"))
        lasted = [trial["seconds"] for trial in table]
        what = f"[256,256], {epochs} epochs, {statistics.median(lasted):.2f} s"
        work = f"{TRAININGS} trials of {what}, 2 slots, {sampler}: slots busy"
        yield single(PART, work, [sum(lasted) / (2 * wall)], show=share, goal=Goal(0.98, True))
        own_s = own.processor_s() / TRAININGS
        yield single(PART, "… own processor time of a trial", [own_s], goal=Goal(2e-3), note=own.parts(TRAININGS))
        memory = [own.most_memory()]
        yield single(PART, "… largest resident memory of its processes", memory, show=megabytes, goal=Goal(20e6))


def ask_and_tell(bench, options):
    bench.say("ask and tell")
    journals = Journals(bench)
    tool = bench.tool("nn-sweep")
    for sampler in ("auto", "tpe"):
        journal, _ = journals.run_echo(1000)
        times = []
        for i in range(5 * bench.rounds):
            start = time.perf_counter()
            asked = bench.run(tool, "ask", "-j", journal, "--sampler", sampler, "--format", "json")
            taken = time.perf_counter() - start
            trial = str(json.loads(asked)["trial"])
            start = time.perf_counter()
            bench.run(tool, "tell", "-j", journal, trial, "0.95")
            times.append(taken + time.perf_counter() - start)
        yield single(PART, f"ask and tell, journal of 1,000 trials, {sampler}", times, goal=Goal(15e-3))
    yield ask_and_tell_of_optuna(bench, options, times)


def ask_and_tell_of_optuna(bench, options, ours):
    work, against = "ask and tell, journal of 1,000 trials, tpe", "Optuna's command"
    try:
        optuna = os.path.join(os.path.dirname(searches.optuna_python(bench, options)), "optuna")
    except Skip as reason:
        return Row(PART, work, against, skipped=str(reason))
    journal, _ = Journals(bench).run_echo(1000)
    at = ["--storage", journal, "--storage-class", "JournalFileBackend", "--study-name", "nn-sweep", "--quiet"]
    one = {"name": "FloatDistribution", "attributes": {"step": None, "low": 0.0, "high": 1.0, "log": False}}
    space = json.dumps({"x": one, "y": one})
    theirs, quiet = [], {"stderr": subprocess.DEVNULL}  # their commands are experimental, as they say each time
    try:
        for _ in range(min(bench.rounds, 3)):
            start = time.perf_counter()
            asked = bench.run(optuna, "ask", *at, "--search-space", space, "-f", "json", **quiet)
            number = str(json.loads(asked)["number"])
            bench.run(optuna, "tell", *at, "--trial-number", number, "--values", "0.95", **quiet)
            theirs.append(time.perf_counter() - start)
    except subprocess.CalledProcessError as error:
        return Row(PART, work, against, skipped=f"optuna {error.cmd[1]} ended with {error.returncode}")
    return compare(PART, work, against, ours[: len(theirs)], theirs, faster=True)


def replay(bench, options):
    bench.say("replay")
    journal = bench.file("large.jsonl")
    bench.run(bench.tool("bench-study"), "make", str(LARGE), journal)
    times, memory = [], []
    for _ in range(min(bench.rounds, 5)):
        said = bench.run(bench.tool("bench-study"), "replay", journal).decode().split()
        times.append(float(said[2]))
        memory.append(1024 * float(said[-2]))
    work = f"replay of {LARGE:,} trials, {os.path.getsize(journal) / 1e6:.0f} MB"
    yield single(PART, work, times, goal=Goal(0.6))
    yield single(PART, "… largest resident memory", memory, show=megabytes, goal=Goal(60e6))
    try:
        python = searches.optuna_python(bench, options)
    except Skip as reason:
        yield Row(PART, work, "Optuna", skipped=str(reason))
        return
    code = (
        "import sys, time, optuna; t = time.perf_counter(); J = optuna.storages.journal; "
        "s = optuna.storages.JournalStorage(J.JournalFileBackend(sys.argv[1])); "
        "n = len(optuna.load_study(study_name=None, storage=s).get_trials(deepcopy=False)); "
        "print(n, time.perf_counter() - t)"
    )
    said = bench.run(python, "-c", code, journal, stderr=subprocess.DEVNULL).split()
    if int(said[0]) != LARGE:
        raise RuntimeError(f"Optuna sees {said[0]} trials")
    yield compare(PART, work, "Optuna, once", [statistics.median(times)], [float(said[1])], faster=True)


ROWS = {
    "echo": trials_that_do_nothing,
    "digits": trials_of_a_second,
    "ask": ask_and_tell,
    "replay": replay,
    "proposals": searches.proposals,
    "quality": searches.quality,
    "curves": searches.curves,
    "simulator": searches.simulator,
    "members": searches.members,
}


def rows(bench, options):
    for name in options.rows or ROWS:
        if name not in ROWS:
            raise SystemExit(f"run: there are no rows '{name}' of sweep; there are {', '.join(ROWS)}")
        if name == "quality" and not (options.quality or options.rows):
            continue
        yield from ROWS[name](bench, options)
