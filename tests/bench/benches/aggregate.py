"""nn-aggregate through pipes against cat: two streams of 1.08 million predictions of 10 classes."""

import os, subprocess, time

from report import Goal, compare, rate


def rows(bench, options):
    bench.say("nn-aggregate through pipes")
    streams = []
    for seed in ("1", "2"):
        model, part, stream = (bench.file(name) for name in ("m.nn", "part.arrows", f"{seed}.arrows"))
        bench.run(
            bench.tool("nn-train"),
            *bench.digits,
            "--layers",
            "16",
            "--epochs",
            "1",
            "--seed",
            seed,
            "--quiet",
            "-o",
            model,
        )
        bench.run(bench.tool("nn-predict"), "-m", model, *bench.digits, "--rows", ":360", "-o", part)
        bench.run(bench.tool("nn-read"), part, "--repeat=3000", "--batch", "65536", "-o", stream)
        streams.append(stream)
    inputs = " ".join(f"<(cat '{stream}')" for stream in streams)
    commands = {
        "ours": f"'{bench.tool('nn-aggregate')}' {inputs} > /dev/null",
        "cat": f"cat {inputs} | cat > /dev/null",
    }
    size = sum(os.path.getsize(stream) for stream in streams)
    rates = {name: [] for name in commands}
    for _ in range(bench.rounds):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(["bash", "-c", command], check=True)
            rates[name].append(size / (time.perf_counter() - start))
    for stream in streams:
        os.remove(stream)
    yield compare(
        "Streams",
        "nn-aggregate of two streams through pipes",
        "cat of the same",
        rates["ours"],
        rates["cat"],
        show=rate,
        goal=Goal(0.7, True),
    )
