"""Kernels that move memory: what share of its bandwidth they reach."""

TITLE = "Kernels that move memory"


def would(plan, course):
    return [f"time a kernel: {kernel.name}, {kernel.rows} x {kernel.columns}" for kernel in plan.kernels]


def bandwidth_of(session, section, question):
    """Bytes a second; 0 where it failed."""
    answer = session.device_bench().ask(**question, seconds=session.plan.seconds)
    section.samples.append({**question, **answer})
    if "error" in answer:
        section.fail(answer["error"], question)
        return 0
    return answer["bytes"] / answer["seconds"]


def fill(session, section):
    about = session.device_bench().ask(work="attributes")
    peak = 2 * about.get("memory_clock_hz", 0) * about.get("memory_bus_bits", 0) / 8
    copy = bandwidth_of(session, section, {"work": "copy", "bytes": session.plan.copy_bytes})
    section.heads = ["kernel", "size", "GB/s", "of the memory's", "of a copy's"]
    share = lambda speed, of: f"{speed / of:.1%}" if of else "unknown"
    section.row("copy", f"{session.plan.copy_bytes} bytes", f"{copy / 1e9:.4g}", share(copy, peak), "")
    for kernel in session.plan.kernels:
        speed = bandwidth_of(session, section, {"work": "kernel", **kernel._asdict()})
        section.row(
            kernel.name,
            f"{kernel.rows} x {kernel.columns}",
            f"{speed / 1e9:.4g}",
            share(speed, peak),
            share(speed, copy),
        )
    if peak:
        section.note(f"The memory's bandwidth is {peak / 1e9:.0f} GB/s: its clock x 2 x the bus.")
