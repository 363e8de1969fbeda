"""Where a program of ours spends its time, by perf where it works."""

import os, re, shutil, subprocess


def shorten(symbol):
    """'void nn::backend::cpu::(anonymous)::gemm<…>(…)' as 'gemm'."""
    while True:
        less = re.sub(r"<[^<>]*>|\([^()]*\)", "", symbol)
        if less == symbol:
            return re.sub(r"\[.\] ", "", less).strip().split(" ")[-1].split("::")[-1]
        symbol = less


def of(bench, command, stdin):
    """'gemm 71 %, adam 9 %', or why that isn't known."""
    if not shutil.which("perf"):
        return "not known: there is no perf"
    data = bench.file("perf.data")
    subprocess.run(
        ["perf", "record", "-q", "-e", "cpu-clock", "-o", data, *command],
        input=stdin.encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=bench.pin,
    )
    report = subprocess.run(
        ["perf", "report", "-i", data, "--stdio", "--no-children", "-t", ";", "-F", "overhead,dso,symbol"],
        capture_output=True,
        text=True,
    ).stdout
    if os.path.exists(data):
        os.remove(data)
    times = {}
    for line in report.splitlines():
        fields = [field.strip() for field in line.split(";", 2)]
        if len(fields) < 3 or not fields[0].endswith("%"):
            continue
        name = "the kernel" if "kernel" in fields[1] else shorten(fields[2])
        times[name] = times.get(name, 0) + float(fields[0].rstrip("%"))
    total = sum(times.values())
    largest = sorted(times.items(), key=lambda item: -item[1])[:5]
    return (
        ", ".join(f"{name} {100 * time / total:.0f} %" for name, time in largest) or "not known: perf found nothing"
    )
