"""A model of 100 MB: how long until it can compute, and whether its weights are copied."""

import json

from first_row import FirstRow
from report import Goal, compare, megabytes, single

PART = "Model of 100 MB"


def rows(bench, options):
    bench.say("a model of 100 MB")
    models = {"large": bench.file("large.nn"), "tiny": bench.file("tiny.nn")}
    for name, layers in {"large": "5000,4936", "tiny": "8"}.items():
        bench.run(
            bench.tool("nn-train"),
            *bench.digits,
            "--rows",
            ":32",
            "--layers",
            layers,
            "--epochs",
            "1",
            "--optimizer",
            "sgd",
            "--quiet",
            "-o",
            models[name]
        )
    first_row = FirstRow(bench)
    loads, processes = [], {name: [] for name in models}
    for _ in range(bench.rounds):
        loads.append(json.loads(bench.run(bench.tool("bench-load"), models["large"], one_core=True)))
        for name, model in models.items():
            processes[name].append(first_row.measure(model))

    yield single(
        PART,
        "opened, mapped and compiled: ready for the first row",
        [load["ready_s"] for load in loads],
        goal=Goal(5e-3),
    )
    yield single(PART, "the first row, which reads all weights", [load["first_row_s"] for load in loads])
    yield compare(
        PART,
        "nn-predict from its start to the first row",
        "with a tiny model",
        [took for took, _ in processes["large"]],
        [took for took, _ in processes["tiny"]],
    )
    yield compare(
        PART,
        "nn-predict's memory that isn't mapped from files, then",
        "the weights",
        [memory["RssAnon"] for _, memory in processes["large"]],
        [load["weights_bytes"] for load in loads],
        show=megabytes,
        goal=Goal(0.1),
    )
