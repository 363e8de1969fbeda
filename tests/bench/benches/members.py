"""Sixteen networks at once on one core against the same sixteen one after the other."""

import json

import hotspots
from report import Goal, compare

EPOCHS = 500


def rows(bench, options):
    bench.say("16 members")
    train = bench.file("digits.arrows")
    bench.run(bench.tool("nn-read"), *bench.digits, "-o", train)
    command = [bench.tool("bench-members"), train, "16", str(EPOCHS), bench.work]
    samples = [json.loads(bench.run(*command, one_core=True)) for _ in range(min(bench.rounds, 5))]
    row = compare(
        "Many members",
        f"16 × [64,32,10], batch 32, momentum, {EPOCHS} epochs, --share-batches",
        "one after the other",
        [s["at_once_s"] for s in samples],
        [s["one_by_one_s"] for s in samples],
        faster=True,
        goal=Goal(1.5, True),
    )
    if not row.met():
        row.note = hotspots.of(bench, command[:3] + ["100", bench.work], "")
    yield row
