"""What it all runs on."""

import os, platform

TITLE = "Machine"


def would(plan, course):
    return ["say which GPU, driver and CUDA compiler there are"]


def line_of(session, which, command, *arguments):
    """The first (0) or last (-1) line of what it prints; why not where it can't."""
    path = session.find(command)
    if path is None:
        return f"there is no {command}"
    answer = session.run(path, *arguments)
    return (answer.stdout.strip() or answer.stderr.strip() or "no answer").splitlines()[which]


def fill(session, section):
    section.heads = ["what", "it is"]
    query = ["-i", session.smi_index(), "--format=csv,noheader"]
    query += ["--query-gpu=name,driver_version,clocks.max.sm,clocks.max.memory,power.limit,mig.mode.current"]
    section.row("nvidia-smi", line_of(session, 0, "nvidia-smi", *query))
    listed = session.run(session.program("nn-devices"), "--long")
    for line in listed.stdout.splitlines():
        if line.startswith("cuda:"):
            section.row("nn-devices", line.replace("\t", " "))
    section.row("nvcc", line_of(session, -1, "nvcc", "--version"))
    section.row("processor", f"{platform.processor() or platform.machine()}, {len(os.sched_getaffinity(0))} cores")
    section.row("nn-tools", session.layout.version())
    for name, path in session.cuda.items():
        section.row(name, path)
    attributes = session.device_bench().ask(work="attributes")
    if "error" in attributes:
        section.fail(f"attributes: {attributes.pop('error')}")
    for name, value in attributes.items():
        section.row(name.replace("_", " "), f"{value:,.0f}" if isinstance(value, (int, float)) else value)
