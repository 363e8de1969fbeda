"""What networks are worth after training: ten tasks, ten seeds, against scikit-learn's MLP of the same shape and settings."""

import json, math, os, statistics, time

from quality_tasks import README, SETTINGS, TASKS
from peers import HERE, Skip
from report import Goal, Row, seconds

PEERS = ("numpy", "pandas", "scikit-learn", "vega_datasets")


def figure(value):
    return f"{value:.4f}"


def rows(bench, options):
    try:
        python = bench.python("quality", *PEERS)
    except Skip as reason:
        yield Row("Quality", "ten tasks", "scikit-learn's MLP", skipped=str(reason))
        return
    ranks = []
    for task in TASKS:
        pairs = [run(bench, python, task, seed) for seed in range(options.seeds)]
        ours, theirs = [p[0] for p in pairs], [p[2] for p in pairs]
        ranks.append((rank_of(ours, theirs), rank_of(theirs, ours)))
        yield Row(
            "Quality",
            f"{task}: {'accuracy' if TASKS[task].classes else 'R²'}, {options.seeds} seeds",
            "scikit-learn's MLP",
            statistics.mean(ours),
            statistics.mean(theirs),
            in_standard_errors([a - b for a, b in zip(ours, theirs)]),
            goal=Goal(-2, True),
            unit="SE",
            show=figure,
            note=f"trained in {seconds(statistics.median(p[1] for p in pairs))} against {seconds(statistics.median(p[3] for p in pairs))}",
            samples={"ours": ours, "theirs": theirs, "ours_s": [p[1] for p in pairs], "theirs_s": [p[3] for p in pairs]},
        )
    pairs = [run(bench, python, README, seed) for seed in range(2 * options.seeds)]
    ours, theirs = [p[0] for p in pairs], [p[2] for p in pairs]
    yield Row(
        "Quality",
        f"digits as README trains them, without --l2: accuracy, {len(pairs)} seeds",
        "scikit-learn's MLP",
        statistics.mean(ours),
        statistics.mean(theirs),
        statistics.mean(ours) / statistics.mean(theirs),
        goal=Goal(1, True),
        show=figure,
        samples={"ours": ours, "theirs": theirs},
    )
    mean_ranks = [statistics.mean(r) for r in zip(*ranks)]
    yield Row(
        "Quality",
        "mean rank of the two over tasks and seeds",
        "scikit-learn's MLP",
        *mean_ranks,
        mean_ranks[0] / mean_ranks[1],
        goal=Goal(1),
        show=figure,
    )


def run(bench, python, task, seed, extra=()):
    """(our score, our seconds, their score, their seconds) on the same rows."""
    folder = bench.file(f"{task}-{seed}")
    os.makedirs(folder, exist_ok=True)
    said = json.loads(bench.run(python, os.path.join(HERE, "quality_tasks.py"), task, str(seed), folder, one_core=True))
    return (*ours(bench, task, seed, folder, said, extra), said["score"], said["seconds"])


def ours(bench, task, seed, folder, said, extra=()):
    t = SETTINGS[task]
    train, test = said["files"]
    model, answers = os.path.join(folder, "m.nn"), os.path.join(folder, "p.arrows")
    settings = ["--layers", ",".join(map(str, t.layers)), "--epochs", str(t.epochs), "--batch", str(t.batch), "--seed", str(seed)]
    start = time.perf_counter()
    bench.run(bench.tool("nn-train"), train, *said["reading"], *settings, *extra, "--device", "cpu:0", "-o", model, one_core=True)
    taken = time.perf_counter() - start
    bench.run(bench.tool("nn-predict"), "-m", model, test, *said["reading"], "--device", "cpu:0", "-o", answers, one_core=True)
    figures = json.loads(bench.run(bench.tool("nn-eval"), "--json", answers))
    return figures["accuracy" if t.classes else "r2"], taken


def in_standard_errors(differences):
    """Their mean over its standard error: 0 where all are 0."""
    mean = statistics.mean(differences)
    spread = statistics.stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else 0
    return mean / spread if spread else math.copysign(math.inf, mean) if mean else 0.0


def rank_of(ours, theirs):
    """Mean rank of the first, 1 being better; ties share."""
    return statistics.mean(1 if a > b else 1.5 if a == b else 2 for a, b in zip(ours, theirs))
